//! The places of a shop and its rule of sourcing. Moves no stock.

use std::sync::Arc;

use stoa_kernel::{LocationId, TenantId, kind};
use stoa_storage::{Cause, NewJob, Tx};

use super::watching::PlaceChange as FlagsBefore;
use super::{Precondition, StockError, Stockroom};
use crate::domain::{DEFAULT_LOCATION, Place, Preference};
use crate::infrastructure::{self as store, LocationRemoved};

/// Every reservation of a shop with several places reads them all.
pub(crate) const LOCATIONS_MAX: usize = 100;
/// What it keeps current stays wrong until it is done: it is hardly ever given up.
const ATTEMPTS_MAX: u32 = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct NewPlace {
    pub(crate) name: String,
    pub(crate) country: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: Option<String>,
    pub(crate) active: bool,
    pub(crate) ships: bool,
    pub(crate) priority: i64,
}

/// What is `None` stays; `Some(None)` takes an address part away.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlaceChange {
    pub(crate) name: Option<String>,
    pub(crate) country: Option<Option<String>>,
    pub(crate) region: Option<Option<String>>,
    pub(crate) postal_code: Option<Option<String>>,
    pub(crate) active: Option<bool>,
    pub(crate) ships: Option<bool>,
    pub(crate) priority: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sourcing {
    pub(crate) preference: Preference,
    pub(crate) split: bool,
    pub(crate) version: i64,
}

impl Stockroom {
    /// A place that is new holds nothing, so nothing changes for shoppers.
    pub(super) async fn open_place(
        &self,
        tx: &mut Tx<'_>,
        new: &NewPlace,
        cause: &Cause,
    ) -> Result<Place, StockError> {
        if store::rule(tx).await?.places().len() >= LOCATIONS_MAX {
            let max = LOCATIONS_MAX;
            return Err(StockError::TooManyLocations { max });
        }
        let at = cause.occurred_at;
        let place = Place {
            id: self.deps.ids.make::<kind::Location>(at),
            name: new.name.clone(),
            country: new.country.clone(),
            region: new.region.clone(),
            postal_code: new.postal_code.clone(),
            active: new.active,
            ships: new.ships,
            priority: new.priority,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        store::insert_place(tx, &place).await?;
        Ok(place)
    }

    pub(crate) async fn change_place(
        self: Arc<Self>,
        tenant: TenantId,
        id: LocationId,
        change: PlaceChange,
        precondition: Precondition,
        cause: Cause,
    ) -> Result<Place, StockError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if id == DEFAULT_LOCATION {
                let written = Place {
                    version: 1,
                    created_at: cause.occurred_at,
                    updated_at: cause.occurred_at,
                    ..Place::unwritten()
                };
                store::insert_place(tx, &written).await?;
            }
            let before = locked(tx, id, precondition).await?;
            let mut after = changed(before.clone(), &change);
            if after == before {
                return Ok(before);
            }
            after.version += 1;
            after.updated_at = cause.occurred_at;
            store::store_place(tx, &after).await?;
            if (before.active, before.ships) != (after.active, after.ships) {
                self.tell_later(tx, &before, after.version, &cause).await?;
            }
            Ok(after)
        })
        .await
    }

    /// Every variant of the place may have become available or stopped being so: too many for this
    /// transaction.
    async fn tell_later(
        &self,
        tx: &mut Tx<'_>,
        before: &Place,
        version: i64,
        cause: &Cause,
    ) -> Result<(), StockError> {
        let payload = FlagsBefore {
            location: before.id,
            active: before.active,
            ships: before.ships,
        };
        let at = cause.occurred_at;
        let job = NewJob {
            id: self.deps.ids.make::<kind::Job>(at),
            kind: super::watching::PLACE_CHANGED,
            unique_key: Some(format!("{} {version}", before.id)),
            payload: serde_json::to_value(payload).map_err(stoa_storage::Error::from)?,
            run_at: at,
            attempts_max: ATTEMPTS_MAX,
        };
        tx.enqueue(&job, at).await?;
        Ok(())
    }

    /// Only a place that nothing names goes; others are made inactive.
    pub(crate) async fn remove_place(
        &self,
        tenant: TenantId,
        id: LocationId,
        precondition: Precondition,
    ) -> Result<(), StockError> {
        if id == DEFAULT_LOCATION {
            return Err(StockError::LocationInUse);
        }
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            locked(tx, id, precondition).await?;
            match store::remove_place(tx, id).await? {
                LocationRemoved::Yes => Ok(()),
                LocationRemoved::InUse => Err(StockError::LocationInUse),
            }
        })
        .await
    }

    pub(crate) async fn set_sourcing(
        &self,
        tenant: TenantId,
        preference: Preference,
        split: bool,
        precondition: Precondition,
    ) -> Result<Sourcing, StockError> {
        let db = self.deps.storage.db(tenant).await?;
        let at = self.deps.now();
        db.write(async move |tx: &mut Tx<'_>| {
            let (.., current) = store::sourcing(tx).await?;
            let seen = match precondition {
                Precondition::Version(version) if version != current => {
                    let current = Some(current);
                    return Err(StockError::Stale { current });
                }
                Precondition::Version(version) => Some(version),
                _ => None,
            };
            let version = store::store_sourcing(tx, (preference, split), seen, at).await?;
            Ok(Sourcing {
                preference,
                split,
                version: version.ok_or(StockError::Stale { current: None })?,
            })
        })
        .await
    }
}

async fn locked(
    tx: &mut Tx<'_>,
    id: LocationId,
    precondition: Precondition,
) -> Result<Place, StockError> {
    let place = store::locked_place(tx, id).await?;
    let place = place.ok_or(StockError::LocationNotFound { id })?;
    match precondition {
        Precondition::Version(version) if version != place.version => Err(StockError::Stale {
            current: Some(place.version),
        }),
        _ => Ok(place),
    }
}

fn changed(place: Place, change: &PlaceChange) -> Place {
    let change = change.clone();
    Place {
        name: change.name.unwrap_or(place.name),
        country: change.country.unwrap_or(place.country),
        region: change.region.unwrap_or(place.region),
        postal_code: change.postal_code.unwrap_or(place.postal_code),
        active: change.active.unwrap_or(place.active),
        ships: change.ships.unwrap_or(place.ships),
        priority: change.priority.unwrap_or(place.priority),
        ..place
    }
}
