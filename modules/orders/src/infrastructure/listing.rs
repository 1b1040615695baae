//! Orders in lists, newest first, each read through the index that fits what is asked. Filters
//! that have no index of their own are not known here.

use stoa_contracts::orders::{FulfilmentStatus, OrderStatus, PaymentStatus};
use stoa_kernel::{CustomerId, Money, OrderId, Timestamp};
use stoa_storage::{Db, Result, Row, Value, params};

use super::status;
use crate::application::{ListPosition, OrderSummary};
use crate::domain::StatusText;

/// The filter whose index leads the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driver {
    All,
    Number(i64),
    Email(String),
    /// What an e-mail address or a name begins with, or a stock-keeping unit.
    Words {
        text: String,
        name: String,
        sku: String,
    },
    Customer(CustomerId),
    Status(OrderStatus),
    Payment(PaymentStatus),
    Fulfilment(FulfilmentStatus),
    Test,
}

/// Orders that one search looks at per index, however many it would find.
macro_rules! candidates {
    () => {
        "1000"
    };
}

macro_rules! list_sql {
    ($from:expr, $driver:expr) => {
        concat!(
            "SELECT o.id, o.number, o.status, o.payment_status, o.fulfilment_status, o.email, \
             o.currency, o.total, o.test, o.placed_at, o.customer_id, \
             coalesce(o.paid, CASE WHEN o.paid_at IS NULL THEN 0 ELSE o.total END), o.refunded, \
             o.cancel_requested_at FROM ",
            $from,
            "orders_order o WHERE o.tenant_id = :tenant AND ",
            $driver,
            " (o.placed_at, o.id) < ($1, $2) ORDER BY o.placed_at DESC, o.id DESC LIMIT $3"
        )
    };
}

const ALL: &str = list_sql!("", "");
const NUMBER: &str = list_sql!("", "o.number = $4 AND");
const EMAIL: &str = list_sql!("", "lower(o.email) = $4 AND");
const CUSTOMER: &str = list_sql!("", "o.customer_id = $4 AND");
const STATUS: &str = list_sql!("", "o.status = $4 AND");
const PAYMENT: &str = list_sql!("", "o.payment_status = $4 AND");
const FULFILMENT: &str = list_sql!("", "o.fulfilment_status = $4 AND");
// As the partial index says it.
const TEST: &str = list_sql!("", "o.test = 1 AND");
// CROSS JOIN keeps SQLite from walking all orders to look for the few found.
macro_rules! words_sql {
    () => {
        list_sql!(
            concat!(
                "(SELECT id FROM (SELECT id FROM orders_order WHERE tenant_id = :tenant \
                 AND lower(email) >= $4 AND lower(email) < $5 ORDER BY lower(email) LIMIT ",
                candidates!(),
                ") AS by_email UNION SELECT id FROM (SELECT id FROM orders_order \
                 WHERE tenant_id = :tenant AND name_key >= $6 AND name_key < $7 \
                 ORDER BY name_key LIMIT ",
                candidates!(),
                ") AS by_name UNION SELECT order_id FROM (SELECT order_id FROM orders_line \
                 WHERE tenant_id = :tenant AND sku = $8 ORDER BY order_id DESC LIMIT ",
                candidates!(),
                ") AS by_sku) AS found CROSS JOIN "
            ),
            "o.id = found.id AND"
        )
    };
}

// Each half as its partial index says it, so that settled orders cost nothing.
macro_rules! waiting_sql {
    () => {
        "SELECT id FROM (SELECT * FROM (SELECT waiting_since, id FROM orders_order \
         WHERE tenant_id = :tenant AND payment_status = 'pending' \
         AND status IN ('pending', 'requires_action') AND fulfilment_status = 'not_fulfilled' \
         AND waiting_since < $1 \
         AND (waiting_since, id) > ($2, $3) ORDER BY waiting_since, id LIMIT $4) AS unpaid \
         UNION SELECT * FROM (SELECT waiting_since, id FROM orders_order \
         WHERE tenant_id = :tenant AND cancel_requested_at IS NOT NULL AND status <> 'canceled' \
         AND waiting_since < $1 AND (waiting_since, id) > ($2, $3) \
         ORDER BY waiting_since, id LIMIT $4) AS canceling) AS open_orders \
         ORDER BY waiting_since, id LIMIT $4"
    };
}

const WORDS: &str = words_sql!();

/// After every text that begins with the one before it.
const LAST_CHARACTER: char = '\u{10FFFF}';

/// Newest first, before `position`. A lower bound is the reader's: with one more term SQLite, which
/// keeps no statistics here, takes another index for as good as the filter's own.
pub(crate) async fn list(
    db: &Db,
    driver: &Driver,
    position: ListPosition,
    limit: i64,
) -> Result<Vec<OrderSummary>> {
    let mut values: Vec<Value<'_>> = vec![position.0.into(), position.1.into(), limit.into()];
    let (text_end, name_end);
    let sql = match driver {
        Driver::All => ALL,
        Driver::Test => TEST,
        Driver::Number(number) => {
            values.push((*number).into());
            NUMBER
        }
        Driver::Email(email) => {
            values.push(email.into());
            EMAIL
        }
        Driver::Customer(customer) => {
            values.push((*customer).into());
            CUSTOMER
        }
        Driver::Status(status) => {
            values.push(status.text().into());
            STATUS
        }
        Driver::Payment(status) => {
            values.push(status.text().into());
            PAYMENT
        }
        Driver::Fulfilment(status) => {
            values.push(status.text().into());
            FULFILMENT
        }
        Driver::Words { text, name, sku } => {
            text_end = format!("{text}{LAST_CHARACTER}");
            name_end = format!("{name}{LAST_CHARACTER}");
            values.extend([text, &text_end, name, &name_end, sku].map(Value::from));
            WORDS
        }
    };
    db.fetch(sql, &values, summary).await
}

/// Those that wait for payment, or to be canceled, since before `before`, oldest first, from
/// after the order given.
pub(crate) async fn waiting(
    db: &Db,
    before: Timestamp,
    after: Option<OrderId>,
    limit: u32,
) -> Result<Vec<OrderId>> {
    const SQL: &str = waiting_sql!();
    const SINCE: &str =
        "SELECT waiting_since FROM orders_order WHERE tenant_id = :tenant AND id = $1";
    let (mut since, id) = (i64::MIN, after.unwrap_or(OrderId::from_u128(0)));
    if after.is_some() {
        let found = db.fetch(SINCE, params![id], |row| row.get(0)).await?;
        since = found.first().copied().unwrap_or(since);
    }
    db.fetch(SQL, params![before, since, id, limit], |row| row.get(0))
        .await
}

fn summary(row: &Row<'_>) -> Result<OrderSummary> {
    let currency = row.get(6)?;
    Ok(OrderSummary {
        id: row.get(0)?,
        number: row.get(1)?,
        status: status(row, 2)?,
        payment_status: status(row, 3)?,
        fulfilment_status: status(row, 4)?,
        email: row.get(5)?,
        total: Money::new(row.get(7)?, currency),
        test: row.get(8)?,
        placed_at: row.get(9)?,
        customer_id: row.get(10)?,
        paid: Money::new(row.get(11)?, currency),
        refunded: Money::new(row.get(12)?, currency),
        cancel_requested_at: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use stoa_storage::Isolation;

    use super::*;

    macro_rules! plan {
        ($sql:expr) => {
            concat!("EXPLAIN QUERY PLAN ", $sql)
        };
    }

    /// How SQLite goes about a list; the statements' own text, so that the plans are theirs.
    async fn plan(db: &Db, sql: &'static str, keys: &[Value<'_>]) -> String {
        let first = params![i64::MAX, OrderId::from_u128(0), 51];
        let values: Vec<Value<'_>> = first.iter().chain(keys).copied().collect();
        let steps = db.fetch(sql, &values, |row| row.get::<String>(3));
        steps.await.expect("a plan").join("; ")
    }

    #[tokio::test]
    async fn every_list_goes_by_an_index_in_its_order() {
        let text: Value<'_> = "x".into();
        let customer: Value<'_> = CustomerId::from_u128(1).into();
        let table = [
            (plan!(list_sql!("", "")), None, "orders_order_placed"),
            (
                plan!(list_sql!("", "lower(o.email) = $4 AND")),
                Some(text),
                "orders_order_email",
            ),
            (
                plan!(list_sql!("", "o.customer_id = $4 AND")),
                Some(customer),
                "orders_order_customer",
            ),
            (
                plan!(list_sql!("", "o.status = $4 AND")),
                Some(text),
                "orders_order_status",
            ),
            (
                plan!(list_sql!("", "o.payment_status = $4 AND")),
                Some(text),
                "orders_order_payment",
            ),
            (
                plan!(list_sql!("", "o.fulfilment_status = $4 AND")),
                Some(text),
                "orders_order_fulfilment",
            ),
            (
                plan!(list_sql!("", "o.test = 1 AND")),
                None,
                "orders_order_test",
            ),
        ];
        let cells = stoa_testkit::sqlite(&[crate::MIGRATIONS], Isolation::Shared).await;
        let db = cells.db(cells.tenant("acme").await).await;
        for (sql, key, index) in table {
            let keys: Vec<Value<'_>> = key.into_iter().collect();
            let steps = plan(&db, sql, &keys).await;
            let expected = format!("SEARCH o USING INDEX {index} (");
            assert!(steps.starts_with(&expected), "{index}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{steps}");
        }
    }
    #[tokio::test]
    async fn searches_and_sweeps_read_no_table_through() {
        let cells = stoa_testkit::sqlite(&[crate::MIGRATIONS], Isolation::Shared).await;
        let db = cells.db(cells.tenant("acme").await).await;
        let words = ["a", "b", "a", "b", "a"].map(Value::from);
        let steps = plan(&db, plan!(words_sql!()), &words).await;
        for index in ["orders_order_email", "orders_order_name", "orders_line_sku"] {
            assert!(steps.contains(&format!("INDEX {index} (")), "{steps}");
        }
        // The orders found are read by their keys.
        assert!(
            steps.contains("SEARCH o USING INDEX sqlite_autoindex"),
            "{steps}"
        );
        assert!(!steps.contains("SCAN orders_"), "{steps}");

        let values = params![1, 0, OrderId::from_u128(0), 51];
        let steps = db.fetch(plan!(waiting_sql!()), values, |row| row.get::<String>(3));
        let steps = steps.await.expect("a plan").join("; ");
        for index in ["orders_order_waiting", "orders_order_canceling"] {
            assert!(steps.contains(&format!("INDEX {index} (")), "{steps}");
        }
        assert!(!steps.contains("SCAN orders_"), "{steps}");
    }
}
