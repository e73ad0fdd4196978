//! Pieces of a policy file inside sentences.

use crate::display;

/// Names are shown in prompts and logs, on one line with other things.
pub(super) const MAX_NAME: usize = 64;

/// A piece of the file inside a sentence.
pub fn quoted(text: &str) -> String {
    format!("`{}`", display::ascii(text.as_bytes(), MAX_NAME))
}

/// The candidate that a slip of the finger turns into `text`, if one is near.
pub fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let text = text.to_ascii_lowercase();
    let near = candidates
        .into_iter()
        .map(|candidate| (distance(&text, candidate), candidate));
    let (steps, candidate) = near.min_by_key(|(steps, _)| *steps)?;
    (steps <= 1 + candidate.len() / 4).then_some(candidate)
}

/// Letters to insert, remove or change to get from one to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(MAX_NAME).enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(&b) {
            let [diagonal, up] = pair else { continue };
            left = (diagonal + usize::from(x != *y)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
