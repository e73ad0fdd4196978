//! Small drawings: no icon theme is needed, which minimal templates lack.

use std::f64::consts::{PI, TAU};

use gtk::atk::Role;
use gtk::cairo::{Context, Error, Format, ImageSurface, LineCap, LineJoin};
use gtk::gdk;
use gtk::gdk_pixbuf::Pixbuf;
use gtk::prelude::*;

use crate::look::set_spoken_as;
use crate::question::{IntentKind, QubeColor, Risk};

/// Drawings are made on a square of so many units.
const GRID: f64 = 24.0;
const ICON_SIZES: [i32; 4] = [16, 32, 48, 64];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Key,
    Pen,
    Certificate,
    Terminal,
    QuestionMark,
    Padlock,
    Triangle,
    Octagon,
    Tick,
    Cross,
    Link,
    Dot,
}

/// A part of a drawing; numbers are units of the grid, across before down.
enum Part {
    /// A line through points.
    Line(&'static [f64]),
    /// The same, and back to its start.
    Outline(&'static [f64]),
    /// A line around a centre at a distance, from one angle to another one.
    Arc(f64, f64, f64, f64, f64),
    /// A filled circle around a centre. Dots come last.
    Dot(f64, f64, f64),
}
use Part::{Arc, Dot, Line, Outline};

impl Icon {
    pub fn of_kind(kind: IntentKind) -> Self {
        match kind {
            IntentKind::Login => Self::Key,
            IntentKind::Sshsig => Self::Pen,
            IntentKind::Certificate => Self::Certificate,
            IntentKind::Sudo => Self::Terminal,
            IntentKind::Raw => Self::QuestionMark,
        }
    }

    /// What stands beside a warning; nothing warns of what is routine.
    pub fn of_risk(risk: Risk) -> Option<Self> {
        match risk {
            Risk::Routine => None,
            Risk::Unusual => Some(Self::Triangle),
            Risk::Dangerous => Some(Self::Octagon),
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Self::Key => &[
                Arc(7.5, 12.0, 4.5, 0.0, TAU),
                Line(&[12.0, 12.0, 21.5, 12.0, 21.5, 16.0]),
                Line(&[17.0, 12.0, 17.0, 15.0]),
            ],
            Self::Pen => &[
                Outline(&[5.0, 19.0, 6.5, 14.0, 16.5, 4.0, 20.0, 7.5, 10.0, 17.5]),
                Line(&[14.0, 6.5, 17.5, 10.0]),
                Line(&[13.0, 21.0, 21.0, 21.0]),
            ],
            Self::Certificate => &[
                Line(&[9.0, 17.0, 3.0, 17.0, 3.0, 4.0, 21.0, 4.0, 21.0, 11.0]),
                Line(&[6.5, 8.0, 14.0, 8.0]),
                Line(&[6.5, 12.0, 11.0, 12.0]),
                Arc(16.0, 14.5, 3.5, 0.0, TAU),
                Line(&[14.0, 17.5, 14.0, 22.0, 16.0, 20.5, 18.0, 22.0, 18.0, 17.5]),
            ],
            Self::Terminal => &[
                Outline(&[2.5, 4.5, 21.5, 4.5, 21.5, 19.5, 2.5, 19.5]),
                Line(&[6.0, 9.0, 9.0, 12.0, 6.0, 15.0]),
                Line(&[12.0, 15.5, 17.5, 15.5]),
            ],
            Self::QuestionMark => &[
                Arc(12.0, 8.5, 4.5, PI, TAU + PI / 4.0),
                Line(&[15.18, 11.68, 12.0, 14.0, 12.0, 16.0]),
                Dot(12.0, 20.0, 1.3),
            ],
            Self::Padlock => &[
                Arc(12.0, 8.5, 4.5, PI, TAU),
                Line(&[16.5, 8.5, 16.5, 11.5]),
                Line(&[7.5, 8.5, 7.5, 11.5]),
                Outline(&[4.5, 11.5, 19.5, 11.5, 19.5, 21.0, 4.5, 21.0]),
            ],
            Self::Triangle => &[
                Outline(&[12.0, 3.0, 22.0, 20.5, 2.0, 20.5]),
                Line(&[12.0, 9.5, 12.0, 14.0]),
                Dot(12.0, 17.3, 1.3),
            ],
            Self::Octagon => &[
                Outline(&[
                    2.76, 8.17, 8.17, 2.76, 15.83, 2.76, 21.24, 8.17, 21.24, 15.83, 15.83, 21.24,
                    8.17, 21.24, 2.76, 15.83,
                ]),
                Line(&[12.0, 7.0, 12.0, 13.0]),
                Dot(12.0, 16.7, 1.3),
            ],
            Self::Tick => &[Line(&[4.5, 12.5, 9.5, 18.0, 19.5, 6.0])],
            Self::Cross => &[Line(&[6.0, 6.0, 18.0, 18.0]), Line(&[18.0, 6.0, 6.0, 18.0])],
            Self::Link => &[
                Line(&[3.0, 8.5, 21.0, 8.5, 16.5, 4.5]),
                Line(&[21.0, 15.5, 3.0, 15.5, 7.5, 19.5]),
            ],
            Self::Dot => &[Dot(12.0, 12.0, 3.0)],
        }
    }

    fn draw(self, cr: &Context) -> Result<(), Error> {
        for part in self.parts() {
            match part {
                Line(points) | Outline(points) => polyline(cr, points),
                Arc(x, y, radius, from, to) => {
                    cr.new_sub_path();
                    cr.arc(*x, *y, *radius, *from, *to);
                }
                Dot(x, y, radius) => {
                    cr.stroke()?;
                    cr.arc(*x, *y, *radius, 0.0, TAU);
                    cr.fill()?;
                }
            }
            if let Outline(_) = part {
                cr.close_path();
            }
        }
        cr.stroke()
    }
}

/// A new line through points; nothing is drawn between it and what was there before.
fn polyline(cr: &Context, points: &[f64]) {
    cr.new_sub_path();
    for point in points.chunks_exact(2) {
        if let [x, y] = point {
            cr.line_to(*x, *y);
        }
    }
}

/// The colours of Qubes' own labels (qubes-core-admin, `qubes/app.py`).
fn rgba(color: QubeColor) -> gdk::RGBA {
    let rgb: u32 = match color {
        QubeColor::Red => 0xcc0000,
        QubeColor::Orange => 0xf57900,
        QubeColor::Yellow => 0xedd400,
        QubeColor::Green => 0x73d216,
        QubeColor::Gray => 0x555753,
        QubeColor::Blue => 0x3465a4,
        QubeColor::Purple => 0x75507b,
        QubeColor::Black => 0x000000,
    };
    let [_, red, green, blue] = rgb.to_be_bytes().map(|channel| f64::from(channel) / 255.0);
    gdk::RGBA::new(red, green, blue, 1.0)
}

fn set_color(cr: &Context, color: gdk::RGBA) {
    cr.set_source_rgba(color.red(), color.green(), color.blue(), color.alpha());
}

/// A lock in `fill`, with an edge that shows it on any ground.
fn draw_lock(cr: &Context, fill: gdk::RGBA, text: gdk::RGBA) -> Result<(), Error> {
    let edge = gdk::RGBA::new(text.red(), text.green(), text.blue(), 0.75);
    for (color, width) in [(edge, 4.6), (fill, 2.6)] {
        set_color(cr, color);
        cr.set_line_width(width);
        cr.arc(12.0, 8.5, 4.8, PI, TAU);
        cr.line_to(16.8, 12.0);
        polyline(cr, &[7.2, 8.5, 7.2, 12.0]);
        cr.stroke()?;
    }
    cr.rectangle(4.5, 11.0, 15.0, 10.5);
    cr.fill_preserve()?;
    set_color(cr, edge);
    cr.set_line_width(1.0);
    cr.stroke()
}

/// A drawing in the colour of the text around it, `size` logical pixels high and wide.
pub fn picture(icon: Icon, size: i32, spoken: &str) -> gtk::DrawingArea {
    area(size, spoken, move |cr, text| {
        set_color(cr, text);
        icon.draw(cr)
    })
}

/// The lock in a qube's colour that Qubes puts before its name.
pub fn qube_lock(color: QubeColor, size: i32) -> gtk::DrawingArea {
    let spoken = format!("{} qube", color.word());
    area(size, &spoken, move |cr, text| {
        draw_lock(cr, rgba(color), text)
    })
}

fn area(
    size: i32,
    spoken: &str,
    draw: impl Fn(&Context, gdk::RGBA) -> Result<(), Error> + 'static,
) -> gtk::DrawingArea {
    let area = gtk::DrawingArea::new();
    area.set_size_request(size, size);
    area.set_halign(gtk::Align::Start);
    area.set_valign(gtk::Align::Start);
    set_spoken_as(&area, Role::Icon, spoken);
    area.connect_draw(move |area, cr| {
        let text = area.style_context().color(gtk::StateFlags::NORMAL);
        prepare(cr, area.allocated_width().min(area.allocated_height()));
        // A drawing that fails is missing; the words beside it say the same.
        let _ = draw(cr, text);
        gtk::glib::Propagation::Proceed
    });
    area
}

fn prepare(cr: &Context, size: i32) {
    cr.scale(f64::from(size) / GRID, f64::from(size) / GRID);
    cr.set_line_width(2.0);
    cr.set_line_cap(LineCap::Round);
    cr.set_line_join(LineJoin::Round);
}

/// The window's icon, for title bars, panels and task lists.
pub fn window_icons() -> Vec<Pixbuf> {
    ICON_SIZES
        .iter()
        .filter_map(|size| window_icon(*size).ok().flatten())
        .collect()
}

fn window_icon(size: i32) -> Result<Option<Pixbuf>, Error> {
    let surface = ImageSurface::create(Format::ARgb32, size, size)?;
    let cr = Context::new(&surface)?;
    prepare(&cr, size);
    cr.arc(12.0, 12.0, 11.5, 0.0, TAU);
    cr.set_source_rgb(0.18, 0.35, 0.60);
    cr.fill()?;
    cr.set_source_rgb(1.0, 1.0, 1.0);
    cr.translate(2.6, 2.4);
    cr.scale(0.78, 0.78);
    cr.set_line_width(2.6);
    Icon::Key.draw(&cr)?;
    Ok(gdk::pixbuf_get_from_surface(&surface, 0, 0, size, size))
}
