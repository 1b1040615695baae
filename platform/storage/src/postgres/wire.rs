//! Values to and from PostgreSQL's binary format, and its errors in our words.

use std::error::Error as StdError;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::error::ConstraintKind;
use crate::value::Column;
use crate::{Error, Result, Value};

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT8 => value.to_sql(ty, out),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
            Self::Id(value) if *ty == Type::UUID || *ty == Type::BYTEA => {
                out.extend_from_slice(value);
                Ok(IsNull::No)
            }
            other => Err(format!("{other:?} does not fit a {ty} parameter").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Any 16-byte binary value.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }
    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::UUID | Type::BYTEA)
    }
}

pub(crate) fn column(row: &tokio_postgres::Row, index: usize) -> Result<Column<'_>> {
    let bad = |found: String| Error::Column {
        index,
        wanted: "column",
        found,
    };
    let ty = row.columns().get(index).map(|column| column.type_());
    let failed = |error: tokio_postgres::Error| bad(error.to_string());
    let value = match ty {
        None => return Err(bad(format!("only {} columns", row.columns().len()))),
        Some(&Type::INT8) => row
            .try_get::<_, Option<i64>>(index)
            .map_err(failed)?
            .map(Column::Int),
        Some(&Type::INT4) => row
            .try_get::<_, Option<i32>>(index)
            .map_err(failed)?
            .map(|value| Column::Int(i64::from(value))),
        Some(&Type::BOOL) => row
            .try_get::<_, Option<bool>>(index)
            .map_err(failed)?
            .map(|value| Column::Int(i64::from(value))),
        Some(&Type::TEXT | &Type::VARCHAR | &Type::NAME) => row
            .try_get::<_, Option<&str>>(index)
            .map_err(failed)?
            .map(Column::Text),
        Some(&Type::UUID | &Type::BYTEA) => row
            .try_get::<_, Option<Raw<'_>>>(index)
            .map_err(failed)?
            .map(|raw| Column::Bytes(raw.0)),
        Some(other) => return Err(bad(format!("a {other}; cast it to bigint or text"))),
    };
    Ok(value.unwrap_or(Column::Null))
}

pub(crate) fn map_error(sql: &str, error: &tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        let message = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        // No answer of the server: the connection is gone, or a value did not fit its parameter.
        return match error.is_closed() || error.code().is_none() && !message.contains("parameter") {
            true => Error::Unavailable { message },
            false => Error::Statement {
                sql: sql.to_owned(),
                message,
            },
        };
    };
    let message = db.message().to_owned();
    let code = db.code();
    let constraint = |kind| Error::Constraint {
        kind,
        message: message.clone(),
    };
    match *code {
        SqlState::UNIQUE_VIOLATION => constraint(ConstraintKind::Unique),
        SqlState::CHECK_VIOLATION => constraint(ConstraintKind::Check),
        SqlState::FOREIGN_KEY_VIOLATION => constraint(ConstraintKind::ForeignKey),
        SqlState::NOT_NULL_VIOLATION => constraint(ConstraintKind::NotNull),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            Error::Contention { attempts: 1 }
        }
        SqlState::DISK_FULL => Error::DiskFull,
        SqlState::QUERY_CANCELED
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS => Error::Unavailable { message },
        _ => Error::Statement {
            sql: sql.to_owned(),
            message: format!("{message} ({})", code.code()),
        },
    }
}
