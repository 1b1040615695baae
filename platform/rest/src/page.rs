//! Lists, a page at a time. A page never counts the whole list.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

pub const LIMIT_MAX: u32 = 250;
pub const LIMIT_DEFAULT: u32 = 50;

/// One page: `{"data": [...], "pagination": {"cursor": "...", "has_more": true}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    pub data: Vec<T>,
    pub pagination: Pagination,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pagination {
    /// Send it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From one row more than asked for ([`Limit::plus_one`]): the extra row says that there are
    /// more and is dropped, `cursor_of` gets the last row kept.
    pub fn of(mut rows: Vec<T>, limit: Limit, cursor_of: impl FnOnce(&T) -> String) -> Self {
        let has_more = rows.len() > limit.get() as usize;
        rows.truncate(limit.get() as usize);
        let cursor = rows.last().filter(|_| has_more).map(cursor_of);
        Self {
            data: rows,
            pagination: Pagination { cursor, has_more },
        }
    }

    /// A list that is bounded by its nature and has no second page.
    pub fn whole(data: Vec<T>) -> Self {
        let pagination = Pagination {
            cursor: None,
            has_more: false,
        };
        Self { data, pagination }
    }

    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(each).collect(),
            pagination: self.pagination,
        }
    }
}

/// How many rows a client asks for: 1 to 250, by default 50. Put `#[serde(default)]` on the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    pub const fn get(self) -> u32 {
        self.0
    }
    /// What to ask the database for.
    pub const fn plus_one(self) -> i64 {
        self.0 as i64 + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(LIMIT_DEFAULT)
    }
}
impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        match text.parse::<u32>() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(Self(limit)),
            _ => {
                let reason = format!("must be a whole number from 1 to {LIMIT_MAX}");
                Err(serde::de::Error::custom(reason))
            }
        }
    }
}
impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_row_only_says_that_there_is_more() {
        let page = Page::of(vec![1, 2, 3], Limit(2), |last| format!("after {last}"));
        assert_eq!(page.data, [1, 2]);
        assert_eq!(page.pagination.cursor.as_deref(), Some("after 2"));
        assert!(page.pagination.has_more);
        let last = Page::of(vec![1, 2], Limit(2), |last| format!("after {last}"));
        assert_eq!(
            serde_json::to_string(&last).expect("numbers serialise"),
            r#"{"data":[1,2],"pagination":{"has_more":false}}"#
        );
    }
}
