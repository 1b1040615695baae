//! Filters over lists. Each goes through a bounded number of things, and pays for them.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::{text_of, wrong};
use crate::render::meter::charge;

/// Things of one list that a filter goes through, and steps of a `range`.
const ITEMS_MAX: usize = 10_000;
/// What one more value in a list takes.
const VALUE_BYTES: usize = 32;
const NUMBER_BYTES: usize = 24;

/// Charges for everything in a value, however often it is in there.
pub(super) fn measure(value: &Value, depth: usize) -> Result<(), Error> {
    if depth == 0 {
        return Err(wrong("this is nested too deep"));
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            for one in members(value)? {
                if value.kind() == ValueKind::Map {
                    measure(&value.get_item(&one)?, depth - 1)?;
                }
                measure(&one, depth - 1)?;
            }
            Ok(())
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        _ => charge(text_of(value)?.len() + NUMBER_BYTES),
    }
}

pub(super) fn default(value: Value, other: Option<Value>, also_empty: Option<bool>) -> Value {
    let empty = also_empty.unwrap_or(false) && !value.is_true();
    match value.is_undefined() || value.is_none() || empty {
        true => other.unwrap_or_else(|| Value::from("")),
        false => value,
    }
}

pub(super) fn length(value: &Value) -> Result<usize, Error> {
    if let Some(text) = value.as_str() {
        charge(text.len())?;
        return Ok(text.chars().count());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Map => value.len().ok_or_else(|| wrong("this has no length")),
        _ => Err(wrong("this has no length")),
    }
}

/// What a list holds, or the keys of a map.
pub(super) fn members(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {}
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        _ => return Err(wrong("this is no list")),
    }
    let mut all = Vec::new();
    for one in value.try_iter()?.checked() {
        if all.len() == ITEMS_MAX {
            return Err(wrong("the list is longer than 10000"));
        }
        charge(VALUE_BYTES)?;
        all.push(one?);
    }
    Ok(all)
}

pub(super) fn part(value: &Value, skip: usize, take: usize) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        charge(text.len())?;
        let part: String = text.chars().skip(skip).take(take).collect();
        return Ok(Value::from(part));
    }
    let part = members(value)?.into_iter().skip(skip).take(take);
    Ok(Value::from(part.collect::<Vec<_>>()))
}

pub(super) fn join(value: &Value, by: Option<&str>) -> Result<String, Error> {
    let by = by.unwrap_or_default();
    let mut made = String::new();
    for (at, one) in members(value)?.into_iter().enumerate() {
        let text = text_of(&one)?;
        charge(text.len() + by.len())?;
        if at > 0 {
            made.push_str(by);
        }
        made.push_str(&text);
    }
    Ok(made)
}

pub(super) fn contains(value: &Value, what: &Value) -> Result<bool, Error> {
    if let Some(text) = value.as_str() {
        let what = text_of(what)?;
        charge(text.len() + what.len())?;
        return Ok(text.contains(&*what));
    }
    let what = text_of(what)?;
    for one in members(value)? {
        if let Some(text) = one.as_str() {
            charge(text.len())?;
            if *text == *what {
                return Ok(true);
            }
        } else if matches!(one.kind(), ValueKind::Number | ValueKind::Bool)
            && one.to_string() == *what
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of a list whose attribute is this, or is there and true.
pub(super) fn r#where(value: &Value, name: &str, wanted: Option<Value>) -> Result<Value, Error> {
    let mut kept = Vec::new();
    for one in members(value)? {
        let held = one.get_attr(name)?;
        let fits = match &wanted {
            Some(wanted) => {
                charge(held.as_str().map_or(0, str::len))?;
                matches!(
                    held.kind(),
                    ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None
                ) && held == *wanted
            }
            None => held.is_true(),
        };
        if fits {
            kept.push(one);
        }
    }
    Ok(Value::from(kept))
}

pub(super) fn range(from: i64, to: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (from, to) = to.map_or((0, from), |to| (from, to));
    let step = step.unwrap_or(1);
    if step < 1 {
        return Err(wrong("`range` goes upwards"));
    }
    let step = usize::try_from(step).map_err(|_| wrong("the step is too large"))?;
    let count = usize::try_from(i128::from(to) - i128::from(from)).unwrap_or(0) / step;
    if count > ITEMS_MAX {
        return Err(wrong("`range` has more than 10000 steps"));
    }
    charge(count * VALUE_BYTES)?;
    let steps = (from..to).step_by(step).map(Value::from);
    Ok(Value::from(steps.collect::<Vec<_>>()))
}
