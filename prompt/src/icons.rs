//! Small drawings: no icon theme is needed, which minimal templates lack.

use std::f64::consts::{PI, TAU};

use gtk::cairo::{Context, Error, Format, ImageSurface, LineCap, LineJoin};
use gtk::gdk;
use gtk::gdk_pixbuf::Pixbuf;
use gtk::prelude::*;

use crate::look::set_spoken;
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

    fn draw(self, cr: &Context) -> Result<(), Error> {
        match self {
            Self::Key => draw_key(cr),
            Self::Pen => draw_pen(cr),
            Self::Certificate => draw_certificate(cr),
            Self::Terminal => draw_terminal(cr),
            Self::QuestionMark => draw_question_mark(cr),
            Self::Padlock => draw_padlock(cr),
            Self::Triangle => draw_triangle(cr),
            Self::Octagon => draw_octagon(cr),
            Self::Tick => {
                polyline(cr, &[(4.5, 12.5), (9.5, 18.0), (19.5, 6.0)]);
                cr.stroke()
            }
            Self::Cross => {
                polyline(cr, &[(6.0, 6.0), (18.0, 18.0)]);
                polyline(cr, &[(18.0, 6.0), (6.0, 18.0)]);
                cr.stroke()
            }
            Self::Link => {
                polyline(cr, &[(3.0, 8.5), (21.0, 8.5), (16.5, 4.5)]);
                polyline(cr, &[(21.0, 15.5), (3.0, 15.5), (7.5, 19.5)]);
                cr.stroke()
            }
            Self::Dot => {
                cr.arc(12.0, 12.0, 3.0, 0.0, TAU);
                cr.fill()
            }
        }
    }
}

fn draw_key(cr: &Context) -> Result<(), Error> {
    cr.arc(7.5, 12.0, 4.5, 0.0, TAU);
    polyline(cr, &[(12.0, 12.0), (21.5, 12.0), (21.5, 16.0)]);
    polyline(cr, &[(17.0, 12.0), (17.0, 15.0)]);
    cr.stroke()
}

fn draw_pen(cr: &Context) -> Result<(), Error> {
    polyline(
        cr,
        &[
            (5.0, 19.0),
            (6.5, 14.0),
            (16.5, 4.0),
            (20.0, 7.5),
            (10.0, 17.5),
        ],
    );
    cr.close_path();
    polyline(cr, &[(14.0, 6.5), (17.5, 10.0)]);
    polyline(cr, &[(13.0, 21.0), (21.0, 21.0)]);
    cr.stroke()
}

fn draw_certificate(cr: &Context) -> Result<(), Error> {
    polyline(
        cr,
        &[
            (9.0, 17.0),
            (3.0, 17.0),
            (3.0, 4.0),
            (21.0, 4.0),
            (21.0, 11.0),
        ],
    );
    polyline(cr, &[(6.5, 8.0), (14.0, 8.0)]);
    polyline(cr, &[(6.5, 12.0), (11.0, 12.0)]);
    cr.new_sub_path();
    cr.arc(16.0, 14.5, 3.5, 0.0, TAU);
    polyline(
        cr,
        &[
            (14.0, 17.5),
            (14.0, 22.0),
            (16.0, 20.5),
            (18.0, 22.0),
            (18.0, 17.5),
        ],
    );
    cr.stroke()
}

fn draw_terminal(cr: &Context) -> Result<(), Error> {
    polyline(cr, &[(2.5, 4.5), (21.5, 4.5), (21.5, 19.5), (2.5, 19.5)]);
    cr.close_path();
    polyline(cr, &[(6.0, 9.0), (9.0, 12.0), (6.0, 15.0)]);
    polyline(cr, &[(12.0, 15.5), (17.5, 15.5)]);
    cr.stroke()
}

fn draw_question_mark(cr: &Context) -> Result<(), Error> {
    cr.arc(12.0, 8.5, 4.5, PI, TAU + PI / 4.0);
    polyline_on(cr, &[(12.0, 14.0), (12.0, 16.0)]);
    cr.stroke()?;
    dot(cr, 12.0, 20.0)
}

fn draw_padlock(cr: &Context) -> Result<(), Error> {
    cr.arc(12.0, 8.5, 4.5, PI, TAU);
    polyline_on(cr, &[(16.5, 11.5)]);
    polyline(cr, &[(7.5, 8.5), (7.5, 11.5)]);
    polyline(cr, &[(4.5, 11.5), (19.5, 11.5), (19.5, 21.0), (4.5, 21.0)]);
    cr.close_path();
    cr.stroke()
}

fn draw_triangle(cr: &Context) -> Result<(), Error> {
    polyline(cr, &[(12.0, 3.0), (22.0, 20.5), (2.0, 20.5)]);
    cr.close_path();
    polyline(cr, &[(12.0, 9.5), (12.0, 14.0)]);
    cr.stroke()?;
    dot(cr, 12.0, 17.3)
}

fn draw_octagon(cr: &Context) -> Result<(), Error> {
    let corner = |at: u8| {
        let angle = f64::from(at).mul_add(PI / 4.0, PI / 8.0);
        (
            10.0f64.mul_add(angle.cos(), 12.0),
            10.0f64.mul_add(angle.sin(), 12.0),
        )
    };
    let corners: Vec<_> = (0..8).map(corner).collect();
    polyline(cr, &corners);
    cr.close_path();
    polyline(cr, &[(12.0, 7.0), (12.0, 13.0)]);
    cr.stroke()?;
    dot(cr, 12.0, 16.7)
}

/// A new line; nothing is drawn between it and what was there before.
fn polyline(cr: &Context, points: &[(f64, f64)]) {
    cr.new_sub_path();
    polyline_on(cr, points);
}

fn polyline_on(cr: &Context, points: &[(f64, f64)]) {
    for (x, y) in points {
        cr.line_to(*x, *y);
    }
}

fn dot(cr: &Context, x: f64, y: f64) -> Result<(), Error> {
    cr.arc(x, y, 1.3, 0.0, TAU);
    cr.fill()
}

/// The colours of Qubes' own labels (qubes-core-admin, `qubes/app.py`).
fn rgb(color: QubeColor) -> (u8, u8, u8) {
    match color {
        QubeColor::Red => (0xcc, 0x00, 0x00),
        QubeColor::Orange => (0xf5, 0x79, 0x00),
        QubeColor::Yellow => (0xed, 0xd4, 0x00),
        QubeColor::Green => (0x73, 0xd2, 0x16),
        QubeColor::Gray => (0x55, 0x57, 0x53),
        QubeColor::Blue => (0x34, 0x65, 0xa4),
        QubeColor::Purple => (0x75, 0x50, 0x7b),
        QubeColor::Black => (0x00, 0x00, 0x00),
    }
}

/// A lock in `fill`, with an edge that shows it on any ground.
fn draw_lock(cr: &Context, fill: (u8, u8, u8), edge: gdk::RGBA) -> Result<(), Error> {
    let paint = |channel: u8| f64::from(channel) / 255.0;
    let edge = |cr: &Context| cr.set_source_rgba(edge.red(), edge.green(), edge.blue(), 0.75);
    for (is_edge, width) in [(true, 4.6), (false, 2.6)] {
        cr.set_line_width(width);
        if is_edge {
            edge(cr);
        } else {
            cr.set_source_rgb(paint(fill.0), paint(fill.1), paint(fill.2));
        }
        cr.new_path();
        cr.arc(12.0, 8.5, 4.8, PI, TAU);
        cr.line_to(16.8, 12.0);
        polyline(cr, &[(7.2, 8.5), (7.2, 12.0)]);
        cr.stroke()?;
    }
    cr.rectangle(4.5, 11.0, 15.0, 10.5);
    cr.fill_preserve()?;
    edge(cr);
    cr.set_line_width(1.0);
    cr.stroke()
}

/// A drawing in the colour of the text around it, `size` logical pixels high and wide.
pub fn picture(icon: Icon, size: i32, spoken: &str) -> gtk::DrawingArea {
    area(size, spoken, move |cr, text| {
        cr.set_source_rgba(text.red(), text.green(), text.blue(), text.alpha());
        icon.draw(cr)
    })
}

/// The lock in a qube's colour that Qubes puts before its name.
pub fn qube_lock(color: QubeColor, size: i32, spoken: &str) -> gtk::DrawingArea {
    area(size, spoken, move |cr, text| {
        draw_lock(cr, rgb(color), text)
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
    set_spoken(&area, spoken);
    if let Some(accessible) = area.accessible() {
        accessible.set_role(gtk::atk::Role::Icon);
    }
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
