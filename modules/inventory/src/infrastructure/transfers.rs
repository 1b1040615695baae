//! SQL of transfers between places. Moves no stock.

use stoa_kernel::TransferId;
use stoa_storage::{Column, Error, Row, Stmt, Tx, Value, params};

use crate::domain::{Transfer, TransferLine, TransferStatus};

pub(crate) async fn insert_transfer(tx: &mut Tx<'_>, transfer: &Transfer) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO inventory_transfer (tenant_id, id, origin_id, destination_id, \
         status, note, version, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8)";
    const LINE: &str = "INSERT INTO inventory_transfer_line (tenant_id, transfer_id, variant_id, \
         units, received) VALUES (:tenant, $1, $2, $3, $4)";
    let head = [
        Value::from(transfer.id),
        transfer.origin.into(),
        transfer.destination.into(),
        transfer.status.as_str().into(),
        (&transfer.note).into(),
        transfer.version.into(),
        transfer.created_at.into(),
        transfer.updated_at.into(),
    ];
    let lines: Vec<[Value<'_>; 4]> = line_values(transfer);
    let mut statements: Vec<Stmt<'_>> = vec![(SQL, head.as_slice())];
    statements.extend(lines.iter().map(|row| (LINE, row.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

/// The transfer's row is locked.
pub(crate) async fn store_transfer(tx: &mut Tx<'_>, transfer: &Transfer) -> Result<(), Error> {
    const SQL: &str = "UPDATE inventory_transfer SET status = $2, version = $3, updated_at = $4 \
         WHERE tenant_id = :tenant AND id = $1";
    const LINE: &str = "UPDATE inventory_transfer_line SET received = $3 \
         WHERE tenant_id = :tenant AND transfer_id = $1 AND variant_id = $2 AND received <> $3";
    let head = [
        Value::from(transfer.id),
        transfer.status.as_str().into(),
        transfer.version.into(),
        transfer.updated_at.into(),
    ];
    let lines: Vec<[Value<'_>; 3]> = transfer
        .lines
        .iter()
        .map(|line| {
            [
                transfer.id.into(),
                line.variant.into(),
                line.received.into(),
            ]
        })
        .collect();
    let mut statements: Vec<Stmt<'_>> = vec![(SQL, head.as_slice())];
    statements.extend(lines.iter().map(|row| (LINE, row.as_slice())));
    tx.batch(&statements).await.map(|_| ())
}

fn line_values(transfer: &Transfer) -> Vec<[Value<'static>; 4]> {
    let lines = transfer.lines.iter();
    lines
        .map(|line| {
            [
                transfer.id.into(),
                line.variant.into(),
                line.units.into(),
                line.received.into(),
            ]
        })
        .collect()
}

pub(crate) async fn transfer(tx: &mut Tx<'_>, id: TransferId) -> Result<Option<Transfer>, Error> {
    const SQL: &str = "SELECT id, origin_id, destination_id, status, note, version, created_at, \
         updated_at FROM inventory_transfer WHERE tenant_id = :tenant AND id = $1";
    match tx.query_opt(SQL, params![id], read_transfer).await? {
        Some(found) => with_lines(tx, found).await.map(Some),
        None => Ok(None),
    }
}

/// As [`transfer`], its row locked.
pub(crate) async fn locked_transfer(
    tx: &mut Tx<'_>,
    id: TransferId,
) -> Result<Option<Transfer>, Error> {
    const SQL: &str = "SELECT id, origin_id, destination_id, status, note, version, created_at, \
         updated_at FROM inventory_transfer WHERE tenant_id = :tenant AND id = $1 {lock}";
    match tx.query_opt(SQL, params![id], read_transfer).await? {
        Some(found) => with_lines(tx, found).await.map(Some),
        None => Ok(None),
    }
}

async fn with_lines(tx: &mut Tx<'_>, mut transfer: Transfer) -> Result<Transfer, Error> {
    const SQL: &str = "SELECT variant_id, units, received FROM inventory_transfer_line \
         WHERE tenant_id = :tenant AND transfer_id = $1 ORDER BY variant_id";
    transfer.lines = tx
        .query(SQL, params![transfer.id], |row| {
            Ok(TransferLine {
                variant: row.get(0)?,
                units: row.get(1)?,
                received: row.get(2)?,
            })
        })
        .await?;
    Ok(transfer)
}

/// Transfers before `before`, newest first, without their lines; of one status, where named.
pub(crate) async fn transfers(
    tx: &mut Tx<'_>,
    status: Option<TransferStatus>,
    before: TransferId,
    limit: i64,
) -> Result<Vec<Transfer>, Error> {
    const ALL: &str = "SELECT id, origin_id, destination_id, status, note, version, created_at, \
         updated_at FROM inventory_transfer WHERE tenant_id = :tenant AND id < $1 \
         ORDER BY id DESC LIMIT $2";
    const OF_STATUS: &str = "SELECT id, origin_id, destination_id, status, note, version, \
         created_at, updated_at FROM inventory_transfer \
         WHERE tenant_id = :tenant AND id < $1 AND status = $3 ORDER BY id DESC LIMIT $2";
    match status {
        None => tx.query(ALL, params![before, limit], read_transfer).await,
        Some(status) => {
            let values = params![before, limit, status.as_str()];
            tx.query(OF_STATUS, values, read_transfer).await
        }
    }
}

fn read_transfer(row: &Row<'_>) -> Result<Transfer, Error> {
    let status = row.str(3)?;
    let status = TransferStatus::named(status).ok_or_else(|| Error::Column {
        index: 3,
        wanted: "a status of a transfer",
        found: format!("{:?}", Column::Text(status)),
    })?;
    Ok(Transfer {
        id: row.get(0)?,
        origin: row.get(1)?,
        destination: row.get(2)?,
        status,
        note: row.get(4)?,
        version: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        lines: Vec::new(),
    })
}
