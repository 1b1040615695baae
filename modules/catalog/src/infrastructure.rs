//! All SQL of the catalog. Decides nothing: what is written was checked before.

pub(crate) mod answers;
pub(crate) mod bulk;
pub(crate) mod categories;
pub(crate) mod collections;
pub(crate) mod documents;
pub(crate) mod extras;
pub(crate) mod handles;
pub(crate) mod listings;
pub(crate) mod lists;
pub(crate) mod members;
pub(crate) mod products;
pub(crate) mod records;
pub(crate) mod regroup;
pub(crate) mod shape;
pub(crate) mod stored;
pub(crate) mod translations;
pub(crate) mod views;

use serde::de::DeserializeOwned;
use stoa_storage::{Result, Row, Value};

/// Rows that one statement with a list of ids takes; a shorter list repeats its last id.
pub(crate) const IDS_PER_STATEMENT: usize = 32;

/// Fills the 32 places of a statement's `IN (...)`.
pub(crate) fn id_values(ids: &[[u8; 16]]) -> Vec<Value<'static>> {
    let last = ids.last().copied().unwrap_or_default();
    let padding = std::iter::repeat_n(last, IDS_PER_STATEMENT.saturating_sub(ids.len()));
    ids.iter().copied().chain(padding).map(Value::Id).collect()
}

/// The 32 places themselves, starting at `$1`.
macro_rules! id_places {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
         $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)"
    };
}
pub(crate) use id_places;

/// A column of JSON text that the catalog wrote.
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T> {
    Ok(serde_json::from_str(row.str(index)?)?)
}

/// As [`json`], where the column may be NULL.
pub(crate) fn json_opt<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<Option<T>> {
    let text: Option<String> = row.get(index)?;
    text.map(|text| Ok(serde_json::from_str(&text)?))
        .transpose()
}
