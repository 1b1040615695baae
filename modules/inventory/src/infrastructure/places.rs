//! SQL of the places that hold stock, and of the shop's rule of sourcing.

use stoa_kernel::{LocationId, Timestamp};
use stoa_storage::{Column, Error, Row, Tx, params};

use crate::domain::{DEFAULT_LOCATION, Place, Preference, Rule};

/// The places and the preference, read together: after the lock of a variant, what decides on it.
pub(crate) async fn rule(tx: &mut Tx<'_>) -> Result<Rule, Error> {
    const SQL: &str = "SELECT l.id, l.name, l.country, l.region, l.postal_code, l.active, l.ships, \
         l.priority, l.version, l.created_at, l.updated_at, s.preference, s.split \
         FROM inventory_location l LEFT JOIN inventory_sourcing s ON s.tenant_id = :tenant \
         WHERE l.tenant_id = :tenant ORDER BY l.id";
    let rows = tx
        .query(SQL, params![], |row| {
            let said = row.get::<Option<String>>(11)?;
            let said = said.map(|name| preference(&name)).transpose()?;
            Ok((read_place(row)?, said, row.get::<Option<bool>>(12)?))
        })
        .await?;
    let said = rows.first().and_then(|row| row.1.zip(row.2));
    let (preference, split) = said.unwrap_or((Preference::Priority, true));
    let places = rows.into_iter().map(|row| row.0).collect();
    Ok(Rule::new(preference, split, places))
}

pub(crate) async fn place(tx: &mut Tx<'_>, id: LocationId) -> Result<Option<Place>, Error> {
    const SQL: &str = "SELECT id, name, country, region, postal_code, active, ships, priority, \
         version, created_at, updated_at FROM inventory_location \
         WHERE tenant_id = :tenant AND id = $1";
    let found = tx.query_opt(SQL, params![id], read_place).await?;
    Ok(found.or_else(|| unwritten(id)))
}

/// As [`place`], its row locked: nobody removes it meanwhile.
pub(crate) async fn locked_place(tx: &mut Tx<'_>, id: LocationId) -> Result<Option<Place>, Error> {
    const SQL: &str = "SELECT id, name, country, region, postal_code, active, ships, priority, \
         version, created_at, updated_at FROM inventory_location \
         WHERE tenant_id = :tenant AND id = $1 {lock}";
    let found = tx.query_opt(SQL, params![id], read_place).await?;
    Ok(found.or_else(|| unwritten(id)))
}

fn unwritten(id: LocationId) -> Option<Place> {
    (id == DEFAULT_LOCATION).then(Place::unwritten)
}

/// False where a place of that id is written already.
pub(crate) async fn insert_place(tx: &mut Tx<'_>, place: &Place) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO inventory_location (tenant_id, id, name, country, region, \
         postal_code, active, ships, priority, version, created_at, updated_at) \
         VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let values = params![
        place.id,
        &place.name,
        &place.country,
        &place.region,
        &place.postal_code,
        place.active,
        place.ships,
        place.priority,
        place.version,
        place.created_at,
        place.updated_at
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The place's row is locked.
pub(crate) async fn store_place(tx: &mut Tx<'_>, place: &Place) -> Result<(), Error> {
    const SQL: &str = "UPDATE inventory_location SET name = $2, country = $3, region = $4, \
         postal_code = $5, active = $6, ships = $7, priority = $8, version = $9, updated_at = $10 \
         WHERE tenant_id = :tenant AND id = $1";
    let values = params![
        place.id,
        &place.name,
        &place.country,
        &place.region,
        &place.postal_code,
        place.active,
        place.ships,
        place.priority,
        place.version,
        place.updated_at
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocationRemoved {
    Yes,
    /// Levels or transfers name it.
    InUse,
}

/// The place's row is locked, so nobody begins to use it meanwhile.
pub(crate) async fn remove_place(
    tx: &mut Tx<'_>,
    id: LocationId,
) -> Result<LocationRemoved, Error> {
    const SQL: &str = "DELETE FROM inventory_location WHERE tenant_id = :tenant AND id = $1 \
         AND NOT EXISTS (SELECT 1 FROM inventory_level \
         WHERE tenant_id = :tenant AND location_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM inventory_transfer \
         WHERE tenant_id = :tenant AND (origin_id = $1 OR destination_id = $1))";
    Ok(match tx.execute(SQL, params![id]).await? {
        0 => LocationRemoved::InUse,
        _ => LocationRemoved::Yes,
    })
}

/// The preference, whether orders are split, and the version; 0 before anybody said.
pub(crate) async fn sourcing(tx: &mut Tx<'_>) -> Result<(Preference, bool, i64), Error> {
    const SQL: &str = "SELECT preference, split, version FROM inventory_sourcing \
         WHERE tenant_id = :tenant";
    let found = tx
        .query_opt(SQL, params![], |row| {
            Ok((preference(row.str(0)?)?, row.get(1)?, row.get(2)?))
        })
        .await?;
    Ok(found.unwrap_or((Preference::Priority, true, 0)))
}

/// The version it has now; `None` where `seen` is no longer the version.
pub(crate) async fn store_sourcing(
    tx: &mut Tx<'_>,
    (preference, split): (Preference, bool),
    seen: Option<i64>,
    at: Timestamp,
) -> Result<Option<i64>, Error> {
    const SQL: &str = "INSERT INTO inventory_sourcing (tenant_id, preference, split, version, \
         updated_at) VALUES (:tenant, $1, $2, 1, $3) ON CONFLICT (tenant_id) DO UPDATE \
         SET preference = excluded.preference, split = excluded.split, \
         version = inventory_sourcing.version + 1, updated_at = excluded.updated_at \
         WHERE inventory_sourcing.version = $4 OR $4 = -1 RETURNING version";
    let values = params![preference.as_str(), split, at, seen.unwrap_or(-1)];
    tx.query_opt(SQL, values, |row| row.get(0)).await
}

fn preference(name: &str) -> Result<Preference, Error> {
    match name {
        "priority" => Ok(Preference::Priority),
        "nearest" => Ok(Preference::Nearest),
        other => Err(Error::Column {
            index: 0,
            wanted: "a preference",
            found: format!("{:?}", Column::Text(other)),
        }),
    }
}

fn read_place(row: &Row<'_>) -> Result<Place, Error> {
    Ok(Place {
        id: row.get(0)?,
        name: row.get(1)?,
        country: row.get(2)?,
        region: row.get(3)?,
        postal_code: row.get(4)?,
        active: row.get(5)?,
        ships: row.get(6)?,
        priority: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}
