//! All SQL of pricing. Decides nothing: what is written was checked before.

pub(crate) mod adjustments;
pub(crate) mod budgets;
pub(crate) mod exporting;
pub(crate) mod feed;
pub(crate) mod groups;
pub(crate) mod kept_rates;
pub(crate) mod lists;
pub(crate) mod promotions;
pub(crate) mod rate_source;
pub(crate) mod terms;

use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, Money, Timestamp, VariantId};
use stoa_storage::{Db, Error, Result, Row, Stmt, Tx, Value, params};

use crate::domain::{Settings, ShippingRate, TaxRule};

/// Rows that one statement with a list of ids takes; a shorter list repeats its last id.
const IDS_PER_STATEMENT: usize = 32;

/// Puts prices, in the order given; says for each whether it differed from what was there.
pub(crate) async fn put_prices(
    tx: &mut Tx<'_>,
    prices: &[NewPrice],
    now: Timestamp,
) -> Result<Vec<bool>> {
    const SQL: &str = "INSERT INTO pricing_price (tenant_id, variant_id, currency, amount, \
         compare_at, updated_at) VALUES (:tenant, $1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, variant_id, currency) DO UPDATE SET amount = excluded.amount, \
         compare_at = excluded.compare_at, updated_at = excluded.updated_at \
         WHERE pricing_price.amount <> excluded.amount \
         OR pricing_price.compare_at IS DISTINCT FROM excluded.compare_at";
    let rows: Vec<[Value<'_>; 5]> = prices
        .iter()
        .map(|each| {
            [
                each.variant.into(),
                (&each.price.currency).into(),
                each.price.amount.into(),
                each.compare_at.map(|former| former.amount).into(),
                now.into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    Ok(tx
        .batch(&statements)
        .await?
        .into_iter()
        .map(|changed| changed > 0)
        .collect())
}

/// Prices of the variants that have one in this currency, in id order.
pub(crate) async fn prices(
    tx: &mut Tx<'_>,
    variants: &[VariantId],
    currency: Currency,
) -> Result<Vec<(VariantId, i64)>> {
    const SQL: &str = "SELECT variant_id, amount FROM pricing_price \
         WHERE tenant_id = :tenant AND currency = $33 AND variant_id IN \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) ORDER BY variant_id";
    let mut ids = variants.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_STATEMENT) {
        let mut values = id_values(chunk);
        values.push((&currency).into());
        found.extend(
            tx.query(SQL, &values, |row| Ok((row.get(0)?, row.get(1)?)))
                .await?,
        );
    }
    Ok(found)
}

/// Fills the 32 places of a statement's `IN (...)`.
fn id_values(ids: &[VariantId]) -> Vec<Value<'static>> {
    let last = ids.last().copied().into_iter().cycle();
    ids.iter()
        .copied()
        .chain(last)
        .take(IDS_PER_STATEMENT)
        .map(Value::from)
        .collect()
}

/// The settings with their row locked.
pub(crate) async fn lock_settings(tx: &mut Tx<'_>) -> Result<Option<Settings>> {
    const SQL: &str = "SELECT currency, tax_ppm, tax_inclusive, tax_version, shipping_version, \
                       terms_mark FROM pricing_settings WHERE tenant_id = :tenant {lock}";
    tx.query_opt(SQL, params![], settings_of).await
}

pub(crate) async fn settings(tx: &mut Tx<'_>) -> Result<Option<Settings>> {
    const SQL: &str = "SELECT currency, tax_ppm, tax_inclusive, tax_version, shipping_version, \
                       terms_mark FROM pricing_settings WHERE tenant_id = :tenant";
    tx.query_opt(SQL, params![], settings_of).await
}

/// The currencies that the shop sells in, its own first, and their version; none where it has no
/// settings.
pub(crate) async fn currencies(db: &Db) -> Result<Option<(Vec<Currency>, i64)>> {
    const SQL: &str = "SELECT currency, currencies, currencies_version FROM pricing_settings \
                       WHERE tenant_id = :tenant";
    let found = db.fetch(SQL, params![], currencies_of).await?;
    Ok(found.into_iter().next())
}

/// As [`currencies`], with the settings' row locked.
pub(crate) async fn lock_currencies(tx: &mut Tx<'_>) -> Result<Option<(Vec<Currency>, i64)>> {
    const SQL: &str = "SELECT currency, currencies, currencies_version FROM pricing_settings \
                       WHERE tenant_id = :tenant {lock}";
    tx.query_opt(SQL, params![], currencies_of).await
}

fn currencies_of(row: &Row<'_>) -> Result<(Vec<Currency>, i64)> {
    let mut all = vec![row.get(0)?];
    for code in row.str(1)?.split(',').filter(|code| !code.is_empty()) {
        let read = code.parse::<Currency>();
        all.push(read.map_err(|error| Error::Json {
            message: error.to_string(),
        })?);
    }
    Ok((all, row.get(2)?))
}

/// Sets the currencies besides the shop's own; the caller holds the settings' lock.
pub(crate) async fn set_currencies(
    tx: &mut Tx<'_>,
    others: &[Currency],
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "UPDATE pricing_settings SET currencies = $1, \
         currencies_version = currencies_version + 1, updated_at = $2 WHERE tenant_id = :tenant";
    let joined: Vec<&str> = others.iter().map(Currency::as_str).collect();
    let joined = joined.join(",");
    tx.execute(SQL, params![&joined, now]).await.map(|_| ())
}

/// Shipping options of every currency, in order.
pub(crate) async fn shipping(tx: &mut Tx<'_>) -> Result<Vec<ShippingRate>> {
    const SQL: &str = "SELECT id, name, currency, amount, free_from FROM pricing_shipping_option \
                       WHERE tenant_id = :tenant ORDER BY position, currency, id";
    tx.query(SQL, params![], |row| rate_of(row, row.get(0)?, 1))
        .await
}

/// False where the shop has settings already; then nothing was written.
pub(crate) async fn insert_settings(
    tx: &mut Tx<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO pricing_settings (tenant_id, currency, tax_ppm, \
         tax_inclusive, tax_version, shipping_version, updated_at, terms_mark) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING";
    let values = params![
        &settings.currency,
        settings.tax.ppm,
        settings.tax.inclusive,
        settings.tax_version,
        settings.shipping_version,
        now
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The caller holds the settings' lock.
pub(crate) async fn set_tax(tx: &mut Tx<'_>, tax: TaxRule, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE pricing_settings SET tax_ppm = $1, tax_inclusive = $2, \
         tax_version = tax_version + 1, updated_at = $3 WHERE tenant_id = :tenant";
    tx.execute(SQL, params![tax.ppm, tax.inclusive, now])
        .await
        .map(|_| ())
}

/// Replaces all options; the caller holds the settings' lock.
pub(crate) async fn set_shipping(
    tx: &mut Tx<'_>,
    options: &[ShippingRate],
    now: Timestamp,
) -> Result<()> {
    const TOUCH: &str = "UPDATE pricing_settings SET shipping_version = shipping_version + 1, \
                         updated_at = $1 WHERE tenant_id = :tenant";
    const EMPTY: &str = "DELETE FROM pricing_shipping_option WHERE tenant_id = :tenant";
    tx.batch(&[(TOUCH, params![now]), (EMPTY, params![])])
        .await?;
    insert_shipping(tx, options).await
}

pub(crate) async fn insert_shipping(tx: &mut Tx<'_>, options: &[ShippingRate]) -> Result<()> {
    const SQL: &str = "INSERT INTO pricing_shipping_option (tenant_id, currency, id, name, \
         amount, free_from, position) VALUES (:tenant, $1, $2, $3, $4, $5, $6)";
    let rows: Vec<[Value<'_>; 6]> = options
        .iter()
        .enumerate()
        .map(|(position, option)| {
            [
                (&option.currency).into(),
                (&option.id).into(),
                (&option.name).into(),
                option.amount.into(),
                option.free_from.into(),
                (position as i64).into(),
            ]
        })
        .collect();
    let statements: Vec<Stmt<'_>> = rows.iter().map(|row| (SQL, row.as_slice())).collect();
    tx.batch(&statements).await.map(|_| ())
}

/// A price as merchants see it.
#[derive(Debug, Clone)]
pub(crate) struct PriceRow {
    pub(crate) price: NewPrice,
    pub(crate) updated_at: Timestamp,
}

/// Prices by (variant, currency), after a place; of one variant where one is named.
pub(crate) async fn list(
    db: &Db,
    variant: Option<VariantId>,
    after: Option<(VariantId, Currency)>,
    limit: i64,
) -> Result<Vec<PriceRow>> {
    const ALL: &str = "SELECT variant_id, currency, amount, compare_at, updated_at \
         FROM pricing_price WHERE tenant_id = :tenant AND (variant_id, currency) > ($1, $2) \
         ORDER BY variant_id, currency LIMIT $3";
    const ONE: &str = "SELECT variant_id, currency, amount, compare_at, updated_at \
         FROM pricing_price WHERE tenant_id = :tenant AND (variant_id, currency) > ($1, $2) \
         AND variant_id = $4 ORDER BY variant_id, currency LIMIT $3";
    let (id, code) = match &after {
        Some((id, currency)) => (*id, currency.as_str()),
        None => (VariantId::from_u128(0), ""),
    };
    match variant {
        Some(variant) => {
            db.fetch(ONE, params![id, code, limit, variant], price_row)
                .await
        }
        None => db.fetch(ALL, params![id, code, limit], price_row).await,
    }
}

fn price_row(row: &Row<'_>) -> Result<PriceRow> {
    let currency: Currency = row.get(1)?;
    let compare_at: Option<i64> = row.get(3)?;
    Ok(PriceRow {
        price: NewPrice {
            variant: row.get(0)?,
            price: Money::new(row.get(2)?, currency),
            compare_at: compare_at.map(|amount| Money::new(amount, currency)),
        },
        updated_at: row.get(4)?,
    })
}

/// Columns 0 to 5.
fn settings_of(row: &Row<'_>) -> Result<Settings> {
    Ok(Settings {
        currency: row.get(0)?,
        tax: TaxRule {
            ppm: row.get(1)?,
            inclusive: row.get(2)?,
        },
        tax_version: row.get(3)?,
        shipping_version: row.get(4)?,
        terms_mark: row.get(5)?,
    })
}

/// Name, currency, amount and threshold from column `first` on.
fn rate_of(row: &Row<'_>, id: String, first: usize) -> Result<ShippingRate> {
    Ok(ShippingRate {
        id,
        name: row.get(first)?,
        currency: row.get(first + 1)?,
        amount: row.get(first + 2)?,
        free_from: row.get(first + 3)?,
    })
}
