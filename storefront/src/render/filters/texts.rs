//! Filters over texts. Each pays for what it reads and for what it makes.

use minijinja::value::Value;
use minijinja::{Error, State};

use super::{ESCAPED_MORE, text_of, wrong};
use crate::render::meter::charge;

/// Pieces that a text is split into.
const PIECES_MAX: usize = 10_000;
/// What one more value in a list takes.
const VALUE_BYTES: usize = 32;

pub(super) fn changed(value: &Value, change: impl Fn(&str) -> String) -> Result<String, Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    let made = change(&text);
    charge(made.len())?;
    Ok(made)
}

pub(super) fn titled(text: &str) -> String {
    let mut start = true;
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match start {
            true => made.extend(c.to_uppercase()),
            false => made.extend(c.to_lowercase()),
        }
        start = c.is_whitespace() || c == '-';
    }
    made
}

pub(super) fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(rest.as_str().to_lowercase().chars())
        .collect()
}

pub(super) fn pair(left: &Value, right: &Value) -> Result<String, Error> {
    let (left, right) = (text_of(left)?, text_of(right)?);
    charge(left.len() + right.len())?;
    Ok([&*left, &*right].concat())
}

pub(super) fn replace(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    let times = text.matches(from).count();
    charge(times.saturating_mul(to.len()))?;
    Ok(text.replace(from, to))
}

pub(super) fn truncate(value: &Value, length: usize) -> Result<String, Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    match text.char_indices().nth(length) {
        Some((end, _)) => Ok(format!("{}…", text[..end].trim_end())),
        None => Ok(text.as_ref().to_owned()),
    }
}

pub(super) fn split(value: &Value, by: &str) -> Result<Value, Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    if by.is_empty() {
        return Err(wrong("`split` needs a text to split by"));
    }
    let parts: Vec<_> = text.split(by).take(PIECES_MAX).map(Value::from).collect();
    charge(parts.len() * VALUE_BYTES)?;
    Ok(Value::from(parts))
}

pub(super) fn escape(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let text = text_of(value)?;
    charge(text.len() * (ESCAPED_MORE + 1))?;
    let made = state.format(Value::from(text))?;
    Ok(Value::from_safe_string(made))
}
