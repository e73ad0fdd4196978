//! What a question has a person read: warnings and facts, the details, and the rule that would be written.

use std::rc::Rc;

use gtk::prelude::*;
use policy::question::{own_row, proof_sentence};

use crate::fact_grid::fact_grid;
use crate::icons::{self, Icon};
use crate::look::{self, add_class, set_spoken};
use crate::question::{Question, Row, RowClass};
use crate::reading::Reading;

/// Warnings first, then how sure it is and what was before, then the facts.
pub fn append_what_to_read(reading: &Reading, question: &Question) {
    for warning in &question.warnings {
        let line = gtk::Box::new(gtk::Orientation::Horizontal, 10);
        add_class(&line, "warning");
        let icon = Icon::of_risk(question.risk).unwrap_or(Icon::Triangle);
        let size = look::icon_size();
        line.pack_start(&icons::picture(icon, size, "Warning"), false, false, 0);
        let width = look::line_width() - size - 40;
        line.pack_start(&look::wrapped(warning, "words", width), true, true, 0);
        reading.append(&line);
    }
    let proof = question.proof.map(|proof| proof_sentence(proof).to_owned());
    let history = question
        .history
        .and_then(|history| history.sentence(question.kind));
    for words in [proof, history].into_iter().flatten() {
        reading.append(&look::sentence(&words, "sure"));
    }
    if !question.facts.is_empty() {
        reading.append(&fact_grid(&question.facts));
    }
}

/// What only a closer look needs, and which rule asks.
pub fn details(question: &Question) -> gtk::Grid {
    let sentence = |label: &str, text: &str| Row {
        class: RowClass::Sentence,
        ..own_row(label, text.to_owned())
    };
    let limit = question.limit.as_deref();
    let limit = limit.map(|limit| sentence("How long", limit));
    let why = sentence("Why asked", &question.why);
    let rows = question.details.iter().cloned();
    let rows: Vec<Row> = rows.chain(limit).chain([why]).collect();
    fact_grid(&rows)
}

/// The rule in the policy's words, hidden until it is asked for.
pub fn rule_to_read(rule: &str) -> Rc<Reading> {
    let reading = Reading::new();
    let text = look::wrapped(rule, "fixed", look::line_width());
    text.set_selectable(true);
    text.set_can_focus(false);
    set_spoken(&text, &format!("The rule: {rule}"));
    reading.append(&text);
    reading.show(false);
    reading
}
