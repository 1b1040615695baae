//! SQL of the rates that a shop's tax provider gave, by place, until they expire.

use stoa_kernel::Timestamp;
use stoa_storage::{Result, Tx, params};

use crate::domain::KeptRates;

/// Rates of a place, and when they were kept and until when they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptRow {
    pub(crate) rates: KeptRates,
    pub(crate) kept_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Those that still hold.
pub(crate) async fn find(tx: &mut Tx<'_>, place: &str, now: Timestamp) -> Result<Option<KeptRow>> {
    const SQL: &str = "SELECT body, kept_at, expires_at FROM pricing_tax_kept \
                       WHERE tenant_id = :tenant AND place = $1 AND expires_at > $2";
    tx.query_opt(SQL, params![place, now], |row| {
        Ok(KeptRow {
            rates: serde_json::from_str(row.str(0)?)?,
            kept_at: row.get(1)?,
            expires_at: row.get(2)?,
        })
    })
    .await
}

/// Keeps rates, and drops what has expired.
pub(crate) async fn keep(tx: &mut Tx<'_>, place: &str, row: &KeptRow) -> Result<()> {
    const DROP: &str =
        "DELETE FROM pricing_tax_kept WHERE tenant_id = :tenant AND expires_at <= $1";
    const PUT: &str = "INSERT INTO pricing_tax_kept (tenant_id, place, body, kept_at, expires_at) \
         VALUES (:tenant, $1, $2, $3, $4) ON CONFLICT (tenant_id, place) DO UPDATE SET \
         body = excluded.body, kept_at = excluded.kept_at, expires_at = excluded.expires_at";
    let body = serde_json::to_string(&row.rates)?;
    let values = params![place, &body, row.kept_at, row.expires_at];
    tx.batch(&[(DROP, params![row.kept_at]), (PUT, values)])
        .await
        .map(|_| ())
}

/// Forgets all of them: the shop has another provider now, or none.
pub(crate) async fn forget(tx: &mut Tx<'_>) -> Result<()> {
    const SQL: &str = "DELETE FROM pricing_tax_kept WHERE tenant_id = :tenant";
    tx.execute(SQL, params![]).await.map(|_| ())
}
