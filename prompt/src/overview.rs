//! What `split-ssh ui` has its window show, as `docs/prompt-protocol.md` says. All texts pass the sanitizer.

use policy::display;
use policy::overview::{Entry, Overview, Section};

use crate::question::BadQuestion;

/// Room for a hundred decisions of the longest words, and for escapes of JSON.
pub const MAX_LINE: usize = 1 << 20;
const MAX_NAME: usize = 96;
const MAX_SENTENCE: usize = 400;

/// # Errors
/// Anything that the protocol does not name.
pub fn parse(untrusted_line: &[u8]) -> Result<Overview, BadQuestion> {
    let untrusted: Overview = serde_json::from_slice(untrusted_line)?;
    let sections = untrusted.sections.into_iter();
    Ok(Overview {
        state: prose(&untrusted.state),
        sections: sections.map(section).collect(),
        ..untrusted
    })
}

fn section(untrusted: Section) -> Section {
    Section {
        title: prose(&untrusted.title),
        empty: prose(&untrusted.empty),
        entries: untrusted.entries.into_iter().map(entry).collect(),
    }
}

fn entry(untrusted: Entry) -> Entry {
    Entry {
        qube: display::ascii(untrusted.qube.as_bytes(), MAX_NAME),
        what: display::text(untrusted.what.as_bytes(), MAX_SENTENCE),
        when: prose(&untrusted.when),
        details: prose(&untrusted.details),
        ..untrusted
    }
}

fn prose(untrusted: &str) -> String {
    display::prose(untrusted.as_bytes(), MAX_SENTENCE)
}
