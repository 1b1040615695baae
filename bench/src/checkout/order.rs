//! One order as the bare loop writes it: every value at hand before the writer sees it. The texts
//! are those of an order that the shop itself placed.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rusqlite::{Connection, Row};
use stoa_kernel::{AttemptId, CartId, IdSource, OrderId, TenantId, Timestamp, kind};

use super::shop::{Good, LINES_PER_ORDER};

pub(super) type Bytes16 = [u8; 16];

/// What every order of the bench has in common, read from one that the shop placed.
pub(super) struct Pattern {
    pub(super) email: String,
    pub(super) shipping_address: Option<String>,
    pub(super) billing_address: Option<String>,
    pub(super) shipping_option: Option<String>,
    pub(super) currency: String,
    /// Subtotal, discount, shipping, tax, total.
    pub(super) totals: [i64; 5],
    pub(super) tax_inclusive: i64,
    pub(super) test: i64,
    pub(super) line: LinePattern,
    pub(super) event: EventPattern,
    pub(super) provider: String,
    pub(super) token: String,
    pub(super) job: (String, String, i64),
    pub(super) scope: String,
    pub(super) body_hash: Vec<u8>,
    pub(super) response: (i64, String),
}

pub(super) struct LinePattern {
    pub(super) title: String,
    pub(super) variant_title: String,
    pub(super) sku: Option<String>,
    pub(super) image: Option<String>,
    pub(super) quantity: i64,
    /// Unit price, subtotal, tax, total.
    pub(super) amounts: [i64; 4],
}

pub(super) struct EventPattern {
    pub(super) subject: String,
    pub(super) actor: String,
    pub(super) trace: Option<String>,
    pub(super) payload: String,
}

impl Pattern {
    /// Reads the one order there is.
    pub(super) fn read(file: &Path) -> Result<Self> {
        const ORDER: &str = "SELECT email, shipping_address, billing_address, shipping_option, \
             currency, subtotal, discount, shipping, tax, total, tax_inclusive, test \
             FROM orders_order";
        const ATTEMPT: &str = "SELECT provider, token FROM payments_attempt";
        const JOB: &str = "SELECT kind, payload, attempts_max FROM stoa_job";
        const KEY: &str = "SELECT scope, body_hash, status, response FROM stoa_idempotency";
        let database = Connection::open(file)?;
        let line = database.query_row(
            "SELECT title, variant_title, sku, image, quantity, unit_price, subtotal, tax, total \
             FROM orders_line LIMIT 1",
            [],
            LinePattern::of,
        )?;
        let event = database.query_row(
            "SELECT subject, actor, trace, payload FROM stoa_event WHERE subject LIKE 'orders.%'",
            [],
            EventPattern::of,
        )?;
        let (provider, token) =
            database.query_row(ATTEMPT, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let job = database.query_row(JOB, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let (scope, body_hash, response) = database.query_row(KEY, [], |row| {
            Ok((row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?)))
        })?;
        let pattern = database.query_row(ORDER, [], |row| {
            Ok(Self {
                email: row.get(0)?,
                shipping_address: row.get(1)?,
                billing_address: row.get(2)?,
                shipping_option: row.get(3)?,
                currency: row.get(4)?,
                totals: amounts(row, 5)?,
                tax_inclusive: row.get(10)?,
                test: row.get(11)?,
                line,
                event,
                provider,
                token,
                job,
                scope,
                body_hash,
                response,
            })
        })?;
        Ok(pattern)
    }
}

impl LinePattern {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            title: row.get(0)?,
            variant_title: row.get(1)?,
            sku: row.get(2)?,
            image: row.get(3)?,
            quantity: row.get(4)?,
            amounts: amounts(row, 5)?,
        })
    }
}

impl EventPattern {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            subject: row.get(0)?,
            actor: row.get(1)?,
            trace: row.get(2)?,
            payload: row.get(3)?,
        })
    }
}

fn amounts<const N: usize>(row: &Row<'_>, first: usize) -> rusqlite::Result<[i64; N]> {
    let mut amounts = [0; N];
    for (index, amount) in amounts.iter_mut().enumerate() {
        *amount = row.get(first + index)?;
    }
    Ok(amounts)
}

/// What is this order's own.
pub(super) struct BareOrder {
    pub(super) pattern: Arc<Pattern>,
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
        pattern: &Arc<Pattern>,
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
            pattern: pattern.clone(),
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
