//! What staff do with orders that are there: find, read along the timeline, note, put away, invoice.
//! Holds no SQL.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use stoa_contracts::orders::{
    FulfilmentStatus, OrderError, OrderStatus, OrderView, Orders as _, PaymentStatus, TimelineEntry,
};
use stoa_kernel::{Actor, CustomerId, Money, NoteId, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use super::OrderBook;
use crate::domain::{self, StatusText as _, kept};
use crate::infrastructure::{self, Driver, name_key};

/// Orders looked at for one page, where filters without an index of their own leave most out.
const LOOKED_AT_MAX: usize = 5_000;
/// Of these, orders read at once.
const LOOKED_AT_ONCE: i64 = 500;
/// Below the first character of any id.
const FIRST_ID: OrderId = OrderId::from_u128(0);

/// An order in the merchant's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct OrderSummary {
    pub(crate) id: OrderId,
    pub(crate) number: i64,
    pub(crate) status: OrderStatus,
    pub(crate) payment_status: PaymentStatus,
    pub(crate) fulfilment_status: FulfilmentStatus,
    pub(crate) email: String,
    pub(crate) customer_id: Option<CustomerId>,
    pub(crate) total: Money,
    pub(crate) paid: Money,
    pub(crate) refunded: Money,
    pub(crate) test: bool,
    pub(crate) placed_at: Timestamp,
    pub(crate) cancel_requested_at: Option<Timestamp>,
}

/// What a list is asked for; everything given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListFilter {
    pub(crate) search: Option<String>,
    pub(crate) status: Option<OrderStatus>,
    pub(crate) payment_status: Option<PaymentStatus>,
    pub(crate) fulfilment_status: Option<FulfilmentStatus>,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) placed_from: Option<Timestamp>,
    /// Not included.
    pub(crate) placed_to: Option<Timestamp>,
    pub(crate) test: Option<bool>,
    /// In minor units.
    pub(crate) total_min: Option<i64>,
    pub(crate) total_max: Option<i64>,
}

/// The last order looked at: when it was placed, and its id.
pub(crate) type ListPosition = (Timestamp, OrderId);

/// A page of orders, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) orders: Vec<OrderSummary>,
    pub(crate) next: Option<ListPosition>,
}

/// An order with all that an invoice says.
pub(crate) struct Invoiced {
    pub(crate) order: OrderView,
    pub(crate) number: i64,
    pub(crate) at: Timestamp,
}

impl ListFilter {
    /// The index to go by: what finds fewest first.
    fn driver(&self) -> Driver {
        let searched = self.search.as_deref().and_then(searched);
        searched
            .or(self.customer.map(Driver::Customer))
            .or(self.fulfilment_status.map(Driver::Fulfilment))
            .or(self.payment_status.map(Driver::Payment))
            .or(self.status.map(Driver::Status))
            .or((self.test == Some(true)).then_some(Driver::Test))
            .unwrap_or(Driver::All)
    }

    /// Everything but the search, which is its index's alone.
    fn fits(&self, order: &OrderSummary) -> bool {
        let total = order.total.amount;
        self.status.is_none_or(|status| status == order.status)
            && self
                .payment_status
                .is_none_or(|status| status == order.payment_status)
            && self
                .fulfilment_status
                .is_none_or(|status| status == order.fulfilment_status)
            && self
                .customer
                .is_none_or(|customer| Some(customer) == order.customer_id)
            && self.test.is_none_or(|test| test == order.test)
            && self.total_min.is_none_or(|least| total >= least)
            && self.total_max.is_none_or(|most| total <= most)
    }

    /// Whether the index alone answers it.
    fn is_plain(&self) -> bool {
        let given = [
            self.search.is_some(),
            self.status.is_some(),
            self.payment_status.is_some(),
            self.fulfilment_status.is_some(),
            self.customer.is_some(),
            self.test.is_some(),
        ];
        let amounts = self.total_min.is_some() || self.total_max.is_some();
        !amounts && given.iter().filter(|given| **given).count() <= 1
    }
}

/// An order's number, a whole e-mail address, or what one, a name or a SKU is known by.
fn searched(text: &str) -> Option<Driver> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(number) = text.strip_prefix('#').unwrap_or(text).parse::<i64>() {
        return Some(Driver::Number(number));
    }
    let lower = text.to_ascii_lowercase();
    let domain = lower.split_once('@').map(|(_, domain)| domain);
    if domain.is_some_and(|domain| domain.contains('.') && !domain.ends_with('.')) {
        return Some(Driver::Email(lower));
    }
    Some(Driver::Words {
        text: lower,
        name: name_key(text),
        sku: text.to_owned(),
    })
}

impl OrderBook {
    /// At most `limit` orders, newest first. A page may hold fewer although more follow, where
    /// filters leave out most of what was looked at.
    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        filter: &ListFilter,
        position: Option<ListPosition>,
        limit: usize,
    ) -> Result<Listed, Error> {
        let db = self.deps.storage.db(tenant).await?;
        let driver = filter.driver();
        let from = filter
            .placed_from
            .unwrap_or(Timestamp::from_micros(i64::MIN));
        let end = filter.placed_to.unwrap_or(Timestamp::from_micros(i64::MAX));
        let mut place = position.unwrap_or((end, FIRST_ID)).min((end, FIRST_ID));
        let once = match filter.is_plain() {
            true => i64::try_from(limit).unwrap_or(LOOKED_AT_ONCE) + 1,
            false => LOOKED_AT_ONCE,
        };
        let (mut orders, mut looked_at) = (Vec::new(), 0);
        loop {
            let rows = infrastructure::list(&db, &driver, place, once).await?;
            let read = rows.len();
            for order in rows {
                if order.placed_at < from {
                    return Ok(Listed { orders, next: None });
                }
                let here = (order.placed_at, order.id);
                if filter.fits(&order) {
                    if orders.len() == limit {
                        let next = Some(place);
                        return Ok(Listed { orders, next });
                    }
                    orders.push(order);
                }
                place = here;
            }
            looked_at += read;
            if i64::try_from(read) != Ok(once) {
                return Ok(Listed { orders, next: None });
            }
            if looked_at >= LOOKED_AT_MAX {
                let next = Some(place);
                return Ok(Listed { orders, next });
            }
        }
    }

    /// What happened to the order, newest first, before `position`.
    pub(crate) async fn timeline(
        &self,
        tenant: TenantId,
        order: OrderId,
        position: Option<(Timestamp, NoteId)>,
        limit: i64,
    ) -> Result<Vec<TimelineEntry>, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        let view = infrastructure::view(&db, order).await?;
        let view = view.ok_or(OrderError::NotFound)?;
        let last = (
            Timestamp::from_micros(i64::MAX),
            NoteId::from_u128(u128::MAX),
        );
        let position = position.unwrap_or(last);
        let mut entries = infrastructure::timeline(&db, order, position, limit).await?;
        let derived = derived(&view);
        entries.extend(
            derived
                .into_iter()
                .filter(|entry| (entry.at, entry.id) < position),
        );
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
        entries.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(entries)
    }

    /// What staff write down about an order.
    pub(crate) async fn add_note(
        self: Arc<Self>,
        tenant: TenantId,
        order: OrderId,
        text: String,
        cause: Cause,
    ) -> Result<TimelineEntry, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            // Without the row there is no order to note it of.
            self.locked(tx, order).await?;
            let id = self.deps.ids.make(cause.occurred_at);
            let entry = TimelineEntry {
                text: text.clone(),
                ..entry_of(id, "note", "", &cause)
            };
            infrastructure::insert_entry(tx, order, &entry).await?;
            Ok(entry)
        })
        .await
    }

    /// Puts a completed order away, or takes it out again.
    pub(crate) async fn archive(
        self: Arc<Self>,
        tenant: TenantId,
        order: OrderId,
        away: bool,
        cause: Cause,
    ) -> Result<OrderView, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let locked = self.locked(tx, order).await?;
            let now = locked.standing();
            if let Some(next) = domain::archive(&now, away)? {
                infrastructure::update_standing(tx, order, &next, cause.occurred_at).await?;
                let kind = if away { "archived" } else { "unarchived" };
                self.note(tx, order, kind, "", &cause).await?;
            }
            self.view_in(tx, order).await
        })
        .await
    }

    /// The order as its invoice says it; the first time gives the invoice its number.
    pub(crate) async fn invoice(
        self: Arc<Self>,
        tenant: TenantId,
        order: OrderId,
        cause: Cause,
    ) -> Result<Invoiced, OrderError> {
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let locked = self.locked(tx, order).await?;
            let (number, at) = match infrastructure::invoice_of(tx, order).await? {
                Some(given) => given,
                None => {
                    domain::check_invoiceable(&locked.standing())?;
                    let given = infrastructure::claim_invoice(tx, order, cause.occurred_at).await?;
                    let text = given.0.to_string();
                    self.note(tx, order, "invoiced", &text, &cause).await?;
                    given
                }
            };
            let order = self.view_in(tx, order).await?;
            Ok(Invoiced { order, number, at })
        })
        .await
    }
}

/// What the order's own columns tell: written with the order, so that placing and paying one
/// write no row of a timeline.
fn derived(order: &OrderView) -> Vec<TimelineEntry> {
    let entry = |kind: &str, text: String, actor: &str, at: Timestamp| TimelineEntry {
        // The same at every look, and other than the ids of rows.
        id: NoteId::from_parts(at.unix_ms(), order.id.as_u128()),
        kind: kind.to_owned(),
        text,
        actor: actor.to_owned(),
        at,
    };
    let mut entries = Vec::new();
    if order.status != OrderStatus::Draft {
        let placer = if order.cart_id.is_some() {
            "shopper"
        } else {
            "staff"
        };
        entries.push(entry("placed", String::new(), placer, order.placed_at));
    }
    if let Some(at) = order.paid_at {
        entries.push(entry("paid", String::new(), "system", at));
    }
    if let Some(at) = order.canceled_at {
        let reason = order.reason.clone().unwrap_or_default();
        entries.push(entry("canceled", reason, "system", at));
    }
    // Happenings of one instant stay apart, in the order in which they happen.
    for (index, entry) in entries.iter_mut().enumerate() {
        let bits = entry.id.as_u128();
        entry.id = NoteId::from_u128((bits & !0b11) | index as u128);
    }
    entries
}

/// A row of the timeline, its text cut to what is kept.
pub(crate) fn entry_of(id: NoteId, kind: &str, text: &str, cause: &Cause) -> TimelineEntry {
    TimelineEntry {
        id,
        kind: kind.to_owned(),
        text: kept(text).to_owned(),
        actor: match &cause.actor {
            Actor::Shopper => "shopper".to_owned(),
            Actor::Staff(key) => key.clone(),
            Actor::Operator => "operator".to_owned(),
            Actor::System => "system".to_owned(),
        },
        at: cause.occurred_at,
    }
}

/// Distinguishes filters in the scope of a cursor.
impl ListFilter {
    pub(crate) fn scope(&self) -> String {
        let status = self.status.map_or("", |status| status.text());
        let payment = self.payment_status.map_or("", |status| status.text());
        let fulfilment = self.fulfilment_status.map_or("", |status| status.text());
        format!(
            "orders {status} {payment} {fulfilment} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.customer,
            self.placed_from,
            self.placed_to,
            self.test,
            self.total_min,
            self.total_max,
            self.search
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_by_what_it_looks_like() {
        assert_eq!(searched(" #1001 "), Some(Driver::Number(1_001)));
        assert_eq!(
            searched("Ada@Example.com"),
            Some(Driver::Email("ada@example.com".to_owned()))
        );
        let words = |text: &str, name: &str, sku: &str| {
            Some(Driver::Words {
                text: text.to_owned(),
                name: name.to_owned(),
                sku: sku.to_owned(),
            })
        };
        assert_eq!(
            searched("ada@exam"),
            words("ada@exam", "ada@exam", "ada@exam")
        );
        assert_eq!(
            searched("Ada  Lovelace"),
            words("ada  lovelace", "lovelace ada", "Ada  Lovelace")
        );
        assert_eq!(searched("  "), None);
    }

    #[test]
    fn the_narrowest_index_leads() {
        let mut filter = ListFilter {
            status: Some(OrderStatus::Pending),
            test: Some(true),
            ..ListFilter::default()
        };
        assert_eq!(filter.driver(), Driver::Status(OrderStatus::Pending));
        assert!(!filter.is_plain());
        filter.customer = Some(CustomerId::from_u128(1));
        assert_eq!(filter.driver(), Driver::Customer(CustomerId::from_u128(1)));
        filter.search = Some("7".to_owned());
        assert_eq!(filter.driver(), Driver::Number(7));
        let live = ListFilter {
            test: Some(false),
            ..ListFilter::default()
        };
        assert_eq!((live.driver(), live.is_plain()), (Driver::All, true));
    }
}
