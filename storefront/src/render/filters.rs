//! The filters, tests and functions of themes. Each is charged for the text it goes through and the
//! text it makes, or is too small to matter.

mod lists;
mod texts;

use std::sync::Arc;

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, filters, tests};

use self::lists::{contains, default, join, length, measure, members, part, range, r#where};
use self::texts::{capitalized, changed, escape, pair, replace, split, titled, truncate};
use super::meter::charge;

pub(super) const FILTERS: [&str; 39] = [
    "abs",
    "append",
    "capitalize",
    "contains",
    "count",
    "d",
    "default",
    "divided_by",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lower",
    "map",
    "minus",
    "modulo",
    "plus",
    "prepend",
    "replace",
    "reverse",
    "round",
    "skip",
    "split",
    "string",
    "take",
    "times",
    "title",
    "tojson",
    "trim",
    "truncate",
    "upper",
    "urlencode",
    "where",
    "without",
];
pub(super) const TESTS: [&str; 31] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "ge",
    "gt",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
];
const NUMBER_BYTES: usize = 24;
/// Of what is made into JSON.
const DEPTH_MAX: usize = 16;
/// `&` and its like become up to five bytes more.
const ESCAPED_MORE: usize = 5;

type Change = fn(&str) -> String;
type Sum = fn(i64, i64) -> Option<i64>;

pub(super) fn furnish(templates: &mut Environment<'static>) {
    add_texts(templates);
    add_numbers(templates);
    add_lists(templates);
    add_questions(templates);
    templates.add_function("range", range);
}

fn add_texts(templates: &mut Environment<'static>) {
    let each: [(&'static str, Change); 6] = [
        ("lower", str::to_lowercase),
        ("upper", str::to_uppercase),
        ("title", titled),
        ("capitalize", capitalized),
        ("trim", |text| text.trim().to_owned()),
        ("string", str::to_owned),
    ];
    for (name, change) in each {
        templates.add_filter(name, move |value: &Value| changed(value, change));
    }
    templates.add_filter("append", |value: &Value, more: &Value| pair(value, more));
    templates.add_filter("prepend", |value: &Value, more: &Value| pair(more, value));
    templates.add_filter("replace", replace);
    templates.add_filter("without", |value: &Value, from: &str| {
        replace(value, from, "")
    });
    templates.add_filter("truncate", truncate);
    templates.add_filter("split", split);
    templates.add_filter("urlencode", |value: &Value| {
        changed(value, crate::visit::encoded)
    });
    templates.add_filter("escape", escape);
    templates.add_filter("e", escape);
    // The syntax lets it stand after sanitised markup only.
    templates.add_filter("safe", |value: &Value| -> Result<Value, Error> {
        let text = text_of(value)?;
        charge(text.len())?;
        Ok(Value::from_safe_string(text.as_ref().to_owned()))
    });
    templates.add_filter("tojson", |value: &Value| {
        measure(value, DEPTH_MAX)?;
        filters::tojson(
            value,
            None,
            std::iter::empty::<(&str, Value)>().collect::<Kwargs>(),
        )
    });
}

fn add_numbers(templates: &mut Environment<'static>) {
    let each: [(&'static str, Sum); 5] = [
        ("plus", i64::checked_add),
        ("minus", i64::checked_sub),
        ("times", i64::checked_mul),
        ("divided_by", i64::checked_div_euclid),
        ("modulo", i64::checked_rem_euclid),
    ];
    for (name, sum) in each {
        templates.add_filter(name, move |left: i64, right: i64| {
            sum(left, right).ok_or_else(|| wrong("the numbers are too large, or zero divides"))
        });
    }
    templates.add_filter("abs", filters::abs);
    templates.add_filter("round", filters::round);
    templates.add_filter("int", |value: &Value| -> Result<i64, Error> {
        let text = text_of(value)?;
        charge(text.len())?;
        let whole = text.trim().split('.').next().unwrap_or_default();
        whole.parse().map_err(|_| wrong("this is no number"))
    });
    templates.add_filter("float", |value: Value| -> Result<Value, Error> {
        match value.is_number() {
            true => Ok(value),
            false => Err(wrong("this is no number")),
        }
    });
}

fn add_lists(templates: &mut Environment<'static>) {
    templates.add_filter("default", default);
    templates.add_filter("d", default);
    templates.add_filter("length", length);
    templates.add_filter("count", length);
    templates.add_filter("first", |value: &Value| -> Result<Value, Error> {
        Ok(members(value)?
            .into_iter()
            .next()
            .unwrap_or(Value::UNDEFINED))
    });
    templates.add_filter("last", |value: &Value| -> Result<Value, Error> {
        Ok(members(value)?.pop().unwrap_or(Value::UNDEFINED))
    });
    templates.add_filter("reverse", |value: &Value| -> Result<Value, Error> {
        let mut all = members(value)?;
        all.reverse();
        Ok(Value::from(all))
    });
    templates.add_filter("take", |value: &Value, count: usize| part(value, 0, count));
    templates.add_filter("skip", |value: &Value, count: usize| {
        part(value, count, usize::MAX)
    });
    templates.add_filter("join", join);
    templates.add_filter("contains", contains);
    templates.add_filter("items", |value: &Value| -> Result<Value, Error> {
        if value.kind() != ValueKind::Map {
            return Err(wrong("`items` needs a map"));
        }
        let pairs = members(value)?.into_iter().map(|key| {
            let held = value.get_item(&key)?;
            Ok(Value::from(vec![key, held]))
        });
        pairs.collect::<Result<Vec<_>, Error>>().map(Value::from)
    });
    templates.add_filter(
        "map",
        |value: &Value, named: Kwargs| -> Result<Value, Error> {
            let name: String = named.get("attribute")?;
            named.assert_all_used()?;
            let each = members(value)?.into_iter().map(|one| one.get_attr(&name));
            each.collect::<Result<Vec<_>, Error>>().map(Value::from)
        },
    );
    templates.add_filter("where", r#where);
}

fn add_questions(templates: &mut Environment<'static>) {
    templates.add_test("undefined", tests::is_undefined);
    templates.add_test("defined", tests::is_defined);
    templates.add_test("none", tests::is_none);
    templates.add_test("safe", tests::is_safe);
    templates.add_test("boolean", tests::is_boolean);
    templates.add_test("odd", tests::is_odd);
    templates.add_test("even", tests::is_even);
    templates.add_test("divisibleby", tests::is_divisibleby);
    templates.add_test("number", tests::is_number);
    templates.add_test("integer", tests::is_integer);
    templates.add_test("string", tests::is_string);
    templates.add_test("sequence", tests::is_sequence);
    templates.add_test("iterable", tests::is_iterable);
    templates.add_test("mapping", tests::is_mapping);
    templates.add_test("true", tests::is_true);
    templates.add_test("false", tests::is_false);
    templates.add_test("startingwith", |value: &str, start: &str| {
        value.starts_with(start)
    });
    templates.add_test("endingwith", |value: &str, end: &str| value.ends_with(end));
    for name in ["eq", "equalto", "=="] {
        templates.add_test(name, tests::is_eq);
    }
    for name in ["ne", "!="] {
        templates.add_test(name, tests::is_ne);
    }
    for name in ["lt", "<"] {
        templates.add_test(name, tests::is_lt);
    }
    for name in ["le", "<="] {
        templates.add_test(name, tests::is_le);
    }
    for name in ["gt", ">"] {
        templates.add_test(name, tests::is_gt);
    }
    for name in ["ge", ">="] {
        templates.add_test(name, tests::is_ge);
    }
}

/// Writes a value, escaped unless it is markup of ours. Lists and maps are never written: one that
/// holds itself many times over would be endless.
pub(super) fn write(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => Ok(()),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            charge(text.len())?;
            if value.is_safe() {
                return Ok(out.write_str(text)?);
            }
            let special = |byte: &&u8| b"<>&\"'".contains(byte);
            charge(text.as_bytes().iter().filter(special).count() * ESCAPED_MORE)?;
            super::print_escaped(out, state, value)
        }
        ValueKind::Bool | ValueKind::Number => {
            charge(NUMBER_BYTES)?;
            super::print_escaped(out, state, value)
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        kind => Err(wrong(format!(
            "a {kind} cannot be written: go through it, or name a part"
        ))),
    }
}

pub(super) fn wrong(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

/// The text of a text or a number; nothing for none.
pub(super) fn text_of(value: &Value) -> Result<Arc<str>, Error> {
    if let Some(text) = value.to_str() {
        return Ok(text);
    }
    match value.kind() {
        ValueKind::None => Ok("".into()),
        ValueKind::Bool | ValueKind::Number => Ok(value.to_string().into()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        kind => Err(wrong(format!("a {kind} is no text"))),
    }
}
