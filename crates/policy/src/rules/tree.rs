//! TOML as a tree in which every key and value knows its place. Meaning comes later, in `read`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use crate::display;

use super::problem::{Problem, Source};

/// The parser's sentences are short; one that repeats the file is cut.
const MAX_MESSAGE: usize = 200;

/// The keys of a table in the order of the file.
pub(super) type Table = Vec<(Spanned<String>, Spanned<Value>)>;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    Float,
    List(Vec<Spanned<Value>>),
    Table(Table),
}

impl Value {
    /// What it is, in a sentence.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Float => "a number with a point",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// The first place where it is not TOML, or holds a date, which no key of a policy takes.
pub(super) fn parse(source: Source<'_>) -> Result<Table, Problem> {
    let error = match toml::from_str(source.text) {
        Ok(Value::Table(table)) => return Ok(table),
        Ok(_) => return Err(Problem::at(source, 0..0, "not a TOML file")),
        Err(error) => error,
    };
    let span = error.span().unwrap_or(0..0);
    if error.message().contains("toml_private_datetime") {
        return Err(Problem::at(source, span, "no key takes a date").hint("write text in quotes"));
    }
    let said = display::prose(error.message().as_bytes(), MAX_MESSAGE);
    Err(Problem::at(source, span, format!("not TOML: {said}")).hint(
        "fix this first: the vault could not read what follows, and there may be more mistakes",
    ))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, true, false, a list or a table")
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = access.next_entry()? {
            table.push(entry);
        }
        Ok(Value::Table(table))
    }
}
