//! Values that cross into SQL and columns that come back, the same on both databases.

use stoa_kernel::{Currency, Id, IdKind, Quantity, Timestamp};

use crate::{Error, Result};

/// One bound parameter. Integers are 64 bits on both databases; booleans are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Id([u8; 16]),
}

/// Builds the parameter list of a statement: `params![id, quantity, &name]` for `$1, $2, $3`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*] as &[$crate::Value<'_>]
    };
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.micros())
    }
}
impl From<Quantity> for Value<'_> {
    fn from(value: Quantity) -> Self {
        Self::Int(value.as_i64())
    }
}
impl<K: IdKind> From<Id<K>> for Value<'_> {
    fn from(value: Id<K>) -> Self {
        Self::Id(value.to_bytes())
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a Currency> for Value<'a> {
    fn from(value: &'a Currency) -> Self {
        Self::Text(value.as_str())
    }
}
impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}
impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().map_or(Self::Null, Self::Text)
    }
}
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A column as it came from the database.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'r> {
    Null,
    Int(i64),
    Text(&'r str),
    Bytes(&'r [u8]),
}

/// One result row, valid during the mapping closure.
pub struct Row<'r> {
    pub(crate) source: RowSource<'r>,
}

pub(crate) enum RowSource<'r> {
    Lite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// The column at `index` (from 0) as `T`; a NULL or another type is [`Error::Column`].
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        let column = self.column(index)?;
        T::from_column(column).ok_or_else(|| Error::Column {
            index,
            wanted: std::any::type_name::<T>(),
            found: format!("{column:?}"),
        })
    }

    /// Borrowed text, for callers that copy nothing.
    pub fn str(&self, index: usize) -> Result<&str> {
        match self.column(index)? {
            Column::Text(text) => Ok(text),
            other => Err(Error::Column {
                index,
                wanted: "str",
                found: format!("{other:?}"),
            }),
        }
    }

    pub fn column(&self, index: usize) -> Result<Column<'_>> {
        match self.source {
            RowSource::Lite(row) => crate::sqlite::column(row, index),
            RowSource::Postgres(row) => crate::postgres::column(row, index),
        }
    }
}

/// A Rust type that a column can be read as.
pub trait FromColumn: Sized {
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Int(value) => Some(value),
            _ => None,
        }
    }
}
impl FromColumn for u32 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).and_then(|value| Self::try_from(value).ok())
    }
}
impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).map(|value| value != 0)
    }
}
impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Text(value) => Some(value.to_owned()),
            _ => None,
        }
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bytes(value) => Some(value.to_vec()),
            _ => None,
        }
    }
}
impl FromColumn for Timestamp {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).map(Self::from_micros)
    }
}
impl FromColumn for Quantity {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).and_then(|value| Self::from_i64(value).ok())
    }
}
impl FromColumn for Currency {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Text(value) => value.parse().ok(),
            _ => None,
        }
    }
}
impl<K: IdKind> FromColumn for Id<K> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bytes(value) => Self::from_slice(value).ok(),
            _ => None,
        }
    }
}
impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Null => Some(None),
            other => T::from_column(other).map(Some),
        }
    }
}
