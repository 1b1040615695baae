//! Levels as files bring them in and take them out. Knows no file.

use std::collections::{BTreeMap, BTreeSet};

use stoa_contracts::inventory::{CountOutcome, CountedLevel, StockLevel};
use stoa_kernel::{LocationId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

use super::Stockroom;
use super::shelves::{Shelves, Why};
use crate::domain::{DEFAULT_LOCATION, Level, LevelKey, MovementKind, Place, Stock};
use crate::infrastructure as store;

impl Stockroom {
    /// Levels of these variants at all places, in variant and location order.
    pub(super) async fn sheet(
        &self,
        tenant: TenantId,
        variants: &[VariantId],
    ) -> Result<Vec<StockLevel>, Error> {
        if variants.is_empty() {
            return Ok(Vec::new());
        }
        let variants = variants.to_vec();
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| {
            let places = store::rule(tx).await?;
            let found = store::levels(tx, &variants).await?.levels.into_iter();
            let level = |level: Level| StockLevel {
                variant: level.variant,
                location: level.location,
                location_name: name_of(places.places(), level.location),
                on_hand: level.stock.on_hand,
                reserved: level.stock.reserved,
                backorder: level.stock.backorder,
            };
            Ok(found.map(level).collect())
        })
        .await
    }

    /// One outcome each, in order; what is refused changes nothing, and none of the others.
    pub(super) async fn count_sheet(
        &self,
        tx: &mut Tx<'_>,
        counted: &[CountedLevel],
        cause: &Cause,
    ) -> Result<Vec<CountOutcome>, Error> {
        let places = locked_places(tx, counted).await?;
        let place_of = |counted: &CountedLevel| match counted.location.as_deref() {
            None => Some(DEFAULT_LOCATION),
            Some(named) => places.get(named).copied(),
        };
        let keys: Vec<Option<LevelKey>> = counted
            .iter()
            .map(|counted| place_of(counted).map(|place| (counted.variant, place)))
            .collect();
        let known = keys.iter().flatten().copied();
        let mut shelves = Shelves::open(tx, known, cause.occurred_at).await?;
        let outcomes = counted.iter().zip(&keys).map(|(counted, key)| {
            let level = key.and_then(|key| shelves.level(key));
            match level {
                None => CountOutcome::UnknownLocation,
                Some(level) => set(&mut shelves, level, counted),
            }
        });
        let outcomes = outcomes.collect();
        self.settle(tx, shelves, cause).await?;
        Ok(outcomes)
    }
}

fn set(shelves: &mut Shelves, level: Level, counted: &CountedLevel) -> CountOutcome {
    let allowed = Stock {
        backorder: counted.backorder.unwrap_or(level.stock.backorder),
        ..level.stock
    };
    let (stock, delta) = match allowed.set(counted.on_hand) {
        Ok(set) => set,
        Err(refused) => {
            let reserved = refused.reserved;
            return CountOutcome::BelowReserved { reserved };
        }
    };
    // A level that nobody ever said anything of is worth writing though it is nothing.
    if stock == level.stock && level.version > 0 {
        return CountOutcome::Unchanged;
    }
    let why = Why {
        reason: Some("import".to_owned()),
        ..Why::default()
    };
    let after = Level { stock, ..level };
    shelves.replace(after, MovementKind::Count, delta, why);
    CountOutcome::Set
}

/// What a file calls a place: its name, or its id where two places have one name.
fn name_of(places: &[Place], id: LocationId) -> String {
    let Some(own) = places.iter().find(|place| place.id == id) else {
        return id.to_string();
    };
    let alike = places.iter().filter(|place| place.name == own.name);
    match alike.count() {
        1 => own.name.clone(),
        _ => id.to_string(),
    }
}

/// The places that the levels name, locked in id order, so that nobody removes one while it gets a
/// level.
async fn locked_places(
    tx: &mut Tx<'_>,
    counted: &[CountedLevel],
) -> Result<BTreeMap<String, LocationId>, Error> {
    let named: BTreeSet<&str> = counted
        .iter()
        .filter_map(|counted| counted.location.as_deref())
        .collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rule = store::rule(tx).await?;
    let mut places = BTreeMap::new();
    for &name in &named {
        let place = rule
            .places()
            .iter()
            .find(|place| name_of(rule.places(), place.id) == name || place.id.to_string() == name);
        if let Some(place) = place {
            places.insert(name.to_owned(), place.id);
        }
    }
    for id in places.values().copied().collect::<BTreeSet<_>>() {
        if id != DEFAULT_LOCATION && store::locked_place(tx, id).await?.is_none() {
            places.retain(|_, place| *place != id);
        }
    }
    Ok(places)
}
