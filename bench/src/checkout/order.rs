//! One order as the bare loop writes it: every value at hand before the writer sees it. The texts
//! are those of an order that the shop itself placed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use rusqlite::types::Value;
use stoa_kernel::{AttemptId, CartId, IdSource, OrderId, TenantId, Timestamp, kind};

use super::shop::{Good, LINES_PER_ORDER};
use super::statements::{PLACE, Place};

pub(super) type Bytes16 = [u8; 16];
/// A table and a column of the order that the shop placed.
pub(super) type Kept = (&'static str, &'static str);

/// Every value that all orders of the bench have in common.
pub(super) fn kept() -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::new();
    for place in PLACE.iter().flat_map(|step| step.places) {
        if let Place::Kept(table, column) = *place
            && !kept.contains(&(table, column))
        {
            kept.push((table, column));
        }
    }
    kept
}

/// The statement that reads one of them, while there is but one order.
pub(super) fn kept_sql((table, column): Kept) -> String {
    let which = match table {
        "stoa_event" => " WHERE subject = 'orders.placed.v1'",
        _ => "",
    };
    format!("SELECT {column} FROM {table}{which} LIMIT 1")
}

/// What every order of the bench has in common, read from one that the shop placed.
pub(super) struct Pattern(BTreeMap<Kept, Value>);

impl Pattern {
    /// Reads the one order there is.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let database = Connection::open(file)?;
        let mut values = BTreeMap::new();
        for kept in kept() {
            let value = database
                .query_row(&kept_sql(kept), [], |row| row.get(0))
                .with_context(|| format!("{}.{} of the first order", kept.0, kept.1))?;
            values.insert(kept, value);
        }
        Ok(Self(values))
    }

    pub(super) fn value(&self, kept: Kept) -> Value {
        self.0.get(&kept).cloned().unwrap_or(Value::Null)
    }
}

/// What is this order's own.
pub(super) struct BareOrder {
    pub(super) tenant: Bytes16,
    pub(super) cart: Bytes16,
    pub(super) order: Bytes16,
    pub(super) attempt: Bytes16,
    pub(super) job: Bytes16,
    pub(super) event: Bytes16,
    pub(super) number: i64,
    pub(super) now: i64,
    /// Variant, product and line id, in the order of the variants.
    pub(super) lines: [(Bytes16, Bytes16, Bytes16); LINES_PER_ORDER],
    pub(super) key: String,
    pub(super) order_text: String,
    pub(super) attempt_text: String,
}

impl BareOrder {
    pub(super) fn new(
        ids: &Arc<dyn IdSource>,
        now: Timestamp,
        (tenant, cart): (TenantId, CartId),
        goods: &[Good; LINES_PER_ORDER],
        number: i64,
    ) -> Self {
        let order: OrderId = ids.make(now);
        let attempt: AttemptId = ids.make(now);
        let mut goods = *goods;
        goods.sort_unstable();
        Self {
            tenant: tenant.to_bytes(),
            cart: cart.to_bytes(),
            order: order.to_bytes(),
            attempt: attempt.to_bytes(),
            job: ids.make::<kind::Job>(now).to_bytes(),
            event: ids.make::<kind::Event>(now).to_bytes(),
            number,
            now: now.micros(),
            lines: goods.map(|(variant, product)| {
                let line = ids.make::<kind::Line>(now).to_bytes();
                (variant.to_bytes(), product.to_bytes(), line)
            }),
            key: cart.to_string(),
            order_text: order.to_string(),
            attempt_text: attempt.to_string(),
        }
    }
}
