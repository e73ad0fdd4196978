//! One `key = value` of a policy file, with the sentences for values of the wrong sort.

use toml::Spanned;

use crate::glob::Glob;

use super::pattern;
use super::problem::{Problem, Source};
use super::tree::Value;
use super::value::BadValue;
use super::words::{nearest, quoted};

/// A connection that needs more is not a login.
const MAX_SIGNATURES: i64 = 1_000;

pub(super) type ParseResult<T> = Result<T, Problem>;

#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub source: Source<'a>,
    pub key: &'a Spanned<String>,
    pub value: &'a Spanned<Value>,
}

impl<'a> Entry<'a> {
    pub(super) fn word(&self) -> &'a str {
        self.key.get_ref()
    }

    /// The same key with a part of its value.
    fn item(self, value: &'a Spanned<Value>) -> Self {
        Self { value, ..self }
    }

    /// A problem with the value.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::at(self.source, self.value.span(), message)
    }

    fn wrong_sort(&self, wants: &str) -> Problem {
        let is = self.value.get_ref().described();
        self.problem(format!("`{}` takes {wants}, and this is {is}", self.word()))
    }

    /// The key is none of `known`, which stand in the order in which people are told them.
    pub(super) fn unknown(&self, known: &str, of: &str) -> Problem {
        let hint = match nearest(self.word(), known.split(", ")) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("{of} knows {known}"),
        };
        let message = format!("unknown key {}", quoted(self.word()));
        Problem::at(self.source, self.key.span(), message).hint(hint)
    }

    /// One string.
    pub(super) fn text<T>(&self, read: impl Fn(&str) -> Result<T, BadValue>) -> ParseResult<T> {
        match self.value.get_ref() {
            Value::Text(text) => read(text).map_err(|bad| self.problem(bad.message).hint(bad.hint)),
            _ => Err(self.wrong_sort("a string")),
        }
    }

    /// One string or a list of them.
    pub(super) fn texts<T>(
        &self,
        read: impl Fn(&str) -> Result<T, BadValue>,
    ) -> ParseResult<Vec<T>> {
        self.each(|item| item.text(&read))
    }

    /// One pattern for lines of text, or a list of them.
    pub(super) fn lines(&self, what: &str) -> ParseResult<Vec<Glob>> {
        self.texts(|text| pattern::line(text, what))
    }

    /// `true`, `false` or a list of them.
    pub(super) fn bools(&self) -> ParseResult<Vec<bool>> {
        self.each(|item| item.boolean())
    }

    /// Not an empty list, which would silently match nothing.
    fn each<T>(&self, one: impl Fn(Self) -> ParseResult<T>) -> ParseResult<Vec<T>> {
        match self.value.get_ref() {
            Value::List(list) if list.is_empty() => {
                let message = format!(
                    "`{}` is an empty list, which nothing can match",
                    self.word()
                );
                Err(self.problem(message).hint("leave it out to cover all"))
            }
            Value::List(list) => list.iter().map(|value| one(self.item(value))).collect(),
            _ => Ok(vec![one(*self)?]),
        }
    }

    pub(super) fn boolean(&self) -> ParseResult<bool> {
        match self.value.get_ref() {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.wrong_sort("true or false").hint("without quotes")),
        }
    }

    pub(super) fn signatures(&self) -> ParseResult<u32> {
        match self.value.get_ref() {
            Value::Integer(count @ 1..=MAX_SIGNATURES) => Ok(u32::try_from(*count).unwrap_or(1)),
            Value::Integer(_) => Err(self.problem(format!(
                "`signatures` is a number from 1 to {MAX_SIGNATURES}"
            ))),
            _ => Err(self.wrong_sort("a number")),
        }
    }
}
