//! How proven content looks in a question: a commit, a tag, a push, a text, or bytes.

#[cfg(test)]
mod tests;

use super::history::about;
use super::row::{first_labelled, own_row};
use super::{AuthorHistory, HeadingPart, Row, RowClass, date};
use crate::content::{
    Commit, ContentEvidence, Message, Object, Person, ProvenContent, Push, SHOWN_DIGITS, Tag,
};
use crate::display::{self, text as shown};

/// A subject, tag or repository within the heading. One that is longer has a row of its own.
const MAX_IN_HEADING: usize = 120;
/// A name of a person or reference, or a mail address.
const MAX_NAME: usize = 160;
/// Options of a push within a warning.
const MAX_OPTIONS: usize = 240;
/// A message's body, or a subject in full.
const MAX_MESSAGE: usize = 2048;
/// A date that is further from now is pointed out: clocks differ by minutes, rebases are of older commits only in their
/// author's date.
const FAR_OFF: i64 = 86_400;

/// Completes "… wants to". `None`: the namespace says more than the content.
pub(super) fn heading(content: &ProvenContent) -> Option<(&'static str, HeadingPart)> {
    let (words, text) = match content.object() {
        Object::Commit(commit) => {
            let what = match commit.parent_count {
                0 | 1 => "sign a commit: ",
                _ => "sign a merge commit: ",
            };
            (what, commit.message.subject.as_slice())
        }
        Object::Tag(tag) => ("sign a tag: ", tag.name.as_slice()),
        Object::Push(Push { to: Some(to), .. }) => ("sign a push to ", to.as_slice()),
        Object::Push(_) => ("sign a push of ", b"references".as_slice()),
        Object::Text { .. } | Object::Binary(_) => return None,
    };
    let text = match shown(text, MAX_IN_HEADING) {
        empty if empty.is_empty() => "(no message)".to_owned(),
        text => text,
    };
    Some((words, HeadingPart::Text(text)))
}

/// What decides.
pub(super) fn facts(content: &ProvenContent, author: AuthorHistory) -> Vec<Row> {
    let now = content.received_at();
    match content.object() {
        Object::Commit(commit) => commit_rows(commit, author, now),
        Object::Tag(tag) => tag_rows(tag, author, now),
        Object::Push(push) => push_rows(push),
        Object::Text { lines, has_more } => {
            let rows = first_labelled("Content").zip(lines);
            let rows = rows.map(|(label, line)| text_row(label, shown(line, MAX_NAME)));
            let mut rows: Vec<Row> = rows.collect();
            if *has_more {
                rows.push(own_row("", "...".to_owned()).note("there is more"));
            }
            rows
        }
        Object::Binary(kind) => vec![own_row("Content", kind.unwrap_or("bytes").to_owned())],
    }
}

/// What a closer look needs.
pub(super) fn details(evidence: &ContentEvidence) -> Vec<Row> {
    let Some(content) = evidence.proven() else {
        return Vec::new();
    };
    let size = own_row("Size", format!("{} bytes", content.length()));
    match content.object() {
        Object::Commit(commit) => vec![own_row("Tree", commit.tree.clone()), size],
        _ => vec![size],
    }
}

/// What needs a second look.
pub(super) fn warnings(namespace: &[u8], evidence: &ContentEvidence) -> Vec<String> {
    let content = match evidence {
        ContentEvidence::NotSent => return Vec::new(),
        ContentEvidence::TooLong(_) => {
            let unseen = "The content is too long to be shown: the vault sees its hash alone.";
            return vec![unseen.to_owned()];
        }
        ContentEvidence::Proven(content) => content,
    };
    let now = content.received_at();
    let mut said = Vec::new();
    let (what, people, texts): (_, Vec<&Person>, Vec<&Vec<u8>>) = match content.object() {
        Object::Commit(Commit {
            author,
            committer,
            message,
            ..
        }) => {
            let texts = vec![&message.subject, &message.body];
            ("commit", vec![committer, author], texts)
        }
        Object::Tag(tag) => {
            let texts = vec![&tag.name, &tag.message.subject, &tag.message.body];
            ("tag", vec![&tag.tagger], texts)
        }
        Object::Push(push) => {
            if !push.options.is_empty() {
                let options = display::ascii(&push.options.join(&b", "[..]), MAX_OPTIONS);
                said.push(format!("The push has options for the server: {options}."));
            }
            let names = push.updates.iter().map(|update| &update.name);
            ("push", Vec::new(), names.chain(&push.to).collect())
        }
        Object::Text { .. } | Object::Binary(_) => {
            let unread = "This is no commit, tag or push that the vault can read.";
            return match namespace {
                b"git" => vec![unread.to_owned()],
                _ => Vec::new(),
            };
        }
    };
    // An author's date is that of the first version, which may be old. It cannot lie ahead.
    let is_far_off = |(place, person): (usize, &&Person)| {
        let off = person.time.saturating_sub(clamped(now));
        off > FAR_OFF || (place == 0 && off < -FAR_OFF)
    };
    if let Some((_, person)) = people.iter().enumerate().find(|each| is_far_off(*each)) {
        let when = relative(person.time, now);
        said.push(format!(
            "The {what} is dated {when}. Its date is the client's word."
        ));
    }
    let names = people
        .iter()
        .flat_map(|person| [&person.name, &person.mail]);
    if names.chain(texts).any(|text| display::has_escapes(text)) {
        said.push(format!(
            "The {what} has characters that cannot be shown or that hide others. They stand as escapes."
        ));
    }
    said
}

fn commit_rows(commit: &Commit, history: AuthorHistory, now: u64) -> Vec<Row> {
    let Commit {
        author, committer, ..
    } = commit;
    let mut rows = vec![author_row("Author", author, history)];
    if (&author.name, &author.mail) != (&committer.name, &committer.mail) {
        rows.push(text_row("Committer", person(committer)));
    }
    rows.push(dated("Date", committer, now));
    if author.time != committer.time {
        let row = own_row("First dated", date::zoned(author.time, author.zone));
        rows.push(row.note("amended, rebased or picked"));
    }
    let parents = commit.parents.iter().map(|id| short_id(id));
    let parents = parents.collect::<Vec<_>>().join(", ");
    rows.push(match commit.parent_count {
        0 => own_row("Parents", "none".to_owned()).note("the first commit of a history"),
        1 => own_row("Parents", parents).note("1 parent"),
        2 => own_row("Parents", parents).note("a merge").stands_out(),
        count => own_row("Parents", format!("{parents} ..."))
            .note(format!("a merge of {count}"))
            .stands_out(),
    });
    rows.extend(message_rows(&commit.message, true));
    rows
}

fn tag_rows(tag: &Tag, history: AuthorHistory, now: u64) -> Vec<Row> {
    let mut rows = vec![
        own_row("Of", short_id(&tag.object)).note(tag.object_type),
        author_row("Tagger", &tag.tagger, history),
        dated("Date", &tag.tagger, now),
    ];
    rows.extend(message_rows(&tag.message, false));
    rows
}

fn push_rows(push: &Push) -> Vec<Row> {
    let rows = first_labelled("Updates").zip(&push.updates);
    let rows = rows.map(|(label, update)| {
        let is_none = |id: &str| id.bytes().all(|digit| digit == b'0');
        let change = match (is_none(&update.old), is_none(&update.new)) {
            (_, true) => "deleted".to_owned(),
            (true, _) => format!("new, {}", short_id(&update.new)),
            _ => format!("{} to {}", short_id(&update.old), short_id(&update.new)),
        };
        text_row(label, shown(&update.name, MAX_NAME)).note(change)
    });
    let mut rows: Vec<Row> = rows.collect();
    if push.has_more {
        rows.push(own_row("", "and more".to_owned()));
    }
    rows
}

fn message_rows(message: &Message, is_in_heading: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    let subject = shown(&message.subject, MAX_MESSAGE);
    if !is_in_heading || message.is_cut || subject != shown(&message.subject, MAX_IN_HEADING) {
        rows.push(text_row("Subject", subject));
    }
    if !message.body.is_empty() {
        rows.push(text_row("Message", shown(&message.body, MAX_MESSAGE)));
    }
    if message.is_cut {
        rows.push(own_row("", "...".to_owned()).note("there is more"));
    }
    rows
}

fn author_row(label: &str, author: &Person, history: AuthorHistory) -> Row {
    let row = text_row(label, person(author));
    match history {
        AuthorHistory::Known => row,
        AuthorHistory::First => row.note("the first author that the vault sees for this key"),
        AuthorHistory::New => row.stands_out(),
    }
}

/// `Ann <ann@example.org>`. A mail address decides by its spelling.
fn person(person: &Person) -> String {
    let name = shown(&person.name, MAX_NAME);
    let mail = display::ascii(&person.mail, MAX_NAME);
    format!("{name} <{mail}>").trim_start().to_owned()
}

fn dated(label: &str, person: &Person, now: u64) -> Row {
    own_row(label, date::zoned(person.time, person.zone)).note(relative(person.time, now))
}

/// `2 hours ago`, `in 3 days`.
fn relative(time: i64, now: u64) -> String {
    let off = time.saturating_sub(clamped(now));
    match (off.unsigned_abs(), off > 0) {
        (0..60, _) => "now".to_owned(),
        (seconds, true) => format!("in {}", about(seconds)),
        (seconds, false) => format!("{} ago", about(seconds)),
    }
}

fn clamped(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn short_id(id: &str) -> String {
    id.get(..SHOWN_DIGITS).unwrap_or(id).to_owned()
}

fn text_row(label: &str, text: String) -> Row {
    Row {
        class: RowClass::Text,
        ..own_row(label, text)
    }
}
