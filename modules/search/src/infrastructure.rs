//! A tenant's rules in its cell.

use stoa_contracts::search::SearchError;
use stoa_kernel::ProductId;
use stoa_storage::{Db, Error, Result, Stmt, Tx, Value, params};

use crate::domain::rules::{PINS_TOTAL_MAX, Pin, Scope};

const LOCK: &str = "INSERT INTO search_settings (tenant_id, locale, version) VALUES (:tenant, NULL, 1) \
     ON CONFLICT (tenant_id) DO UPDATE SET version = search_settings.version + 1";
const SETTINGS: &str = "SELECT locale, version FROM search_settings WHERE tenant_id = :tenant";
const SET_LOCALE: &str = "UPDATE search_settings SET locale = $1 WHERE tenant_id = :tenant";
const SYNONYMS: &str =
    "SELECT words FROM search_synonyms WHERE tenant_id = :tenant ORDER BY position";
const CLEAR_SYNONYMS: &str = "DELETE FROM search_synonyms WHERE tenant_id = :tenant";
const ADD_SYNONYMS: &str =
    "INSERT INTO search_synonyms (tenant_id, position, words) VALUES (:tenant, $1, $2)";
const PINS: &str = "SELECT scope, term, product_id, position FROM search_pins \
     WHERE tenant_id = :tenant ORDER BY scope, term, position, product_id";
const CLEAR_PINS: &str =
    "DELETE FROM search_pins WHERE tenant_id = :tenant AND scope = $1 AND term = $2";
const ADD_PIN: &str = "INSERT INTO search_pins (tenant_id, scope, term, product_id, position) \
     VALUES (:tenant, $1, $2, $3, $4)";
const COUNT_PINS: &str = "SELECT count(*) FROM search_pins WHERE tenant_id = :tenant";

/// A tenant's rules as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) locale: Option<String>,
    pub(crate) version: i64,
    pub(crate) groups: Vec<Vec<String>>,
    pub(crate) pins: Vec<StoredPin>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPin {
    pub(crate) scope: Scope,
    pub(crate) term: String,
    pub(crate) pin: Pin,
}

pub(crate) async fn read(db: &Db) -> Result<Stored> {
    db.read(async move |tx: &mut Tx<'_>| {
        let settings = tx
            .query_opt(SETTINGS, params![], |row| Ok((row.get(0)?, row.get(1)?)))
            .await?;
        let Some((locale, version)) = settings else {
            return Ok(Stored::default());
        };
        let groups = tx
            .query(SYNONYMS, params![], |row| {
                Ok(serde_json::from_str(row.str(0)?)?)
            })
            .await?;
        let pins = tx.query(PINS, params![], |row| {
            let scope = row.str(0)?;
            let scope = Scope::of(scope).ok_or_else(|| Error::Statement {
                sql: PINS.to_owned(),
                message: format!("`{scope}` is no scope"),
            })?;
            Ok(StoredPin {
                scope,
                term: row.get(1)?,
                pin: Pin {
                    product: row.get(2)?,
                    position: row.get(3)?,
                },
            })
        });
        Ok::<_, Error>(Stored {
            locale,
            version,
            groups,
            pins: pins.await?,
        })
    })
    .await
}

pub(crate) async fn set_locale(db: &Db, locale: Option<String>) -> Result<()> {
    db.write(async move |tx: &mut Tx<'_>| {
        let statements: [Stmt<'_>; 2] = [(LOCK, params![]), (SET_LOCALE, params![&locale])];
        tx.batch(&statements).await.map(|_| ())
    })
    .await
}

pub(crate) async fn set_synonyms(db: &Db, groups: Vec<Vec<String>>) -> Result<()> {
    db.write(async move |tx: &mut Tx<'_>| {
        let texts = groups
            .iter()
            .map(serde_json::to_string)
            .collect::<serde_json::Result<Vec<String>>>()?;
        let rows: Vec<[Value<'_>; 2]> = texts
            .iter()
            .enumerate()
            .map(|(position, words)| [Value::from(position as i64), Value::from(words)])
            .collect();
        let mut statements: Vec<Stmt<'_>> = vec![(LOCK, params![]), (CLEAR_SYNONYMS, params![])];
        statements.extend(rows.iter().map(|row| (ADD_SYNONYMS, row.as_slice())));
        tx.batch(&statements).await.map(|_| ())
    })
    .await
}

/// Replaces what a query or collection pins and hides.
pub(crate) async fn set_pins(
    db: &Db,
    scope: Scope,
    term: String,
    pins: Vec<Pin>,
) -> std::result::Result<(), SearchError> {
    db.write(async move |tx: &mut Tx<'_>| {
        let mut ordered = pins.clone();
        ordered.sort_by_key(|pin| pin.product);
        let rows: Vec<(ProductId, Option<i64>)> = ordered
            .iter()
            .map(|pin| (pin.product, pin.position))
            .collect();
        let of = params![scope.as_str(), &term];
        tx.batch(&[(LOCK, params![]), (CLEAR_PINS, of)]).await?;
        let kept: i64 = tx
            .query_one(COUNT_PINS, params![], |row| row.get(0))
            .await?;
        if kept as usize + rows.len() > PINS_TOTAL_MAX {
            return Err(SearchError::Invalid {
                field: "pins".to_owned(),
                reason: format!("would be more than {PINS_TOTAL_MAX} in this shop"),
            });
        }
        let values: Vec<[Value<'_>; 4]> = rows
            .iter()
            .map(|(product, position)| {
                [
                    Value::from(scope.as_str()),
                    Value::from(&term),
                    Value::from(*product),
                    Value::from(*position),
                ]
            })
            .collect();
        let statements: Vec<Stmt<'_>> =
            values.iter().map(|row| (ADD_PIN, row.as_slice())).collect();
        tx.batch(&statements).await?;
        Ok(())
    })
    .await
}
