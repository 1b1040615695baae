//! Holds a shop's orders against the provider's charges and its stock. Shown catching planted bugs.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Merchant, Placed};

/// Everything the judgement rests on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// Orders that were acknowledged to shoppers.
    pub(crate) acknowledged: Vec<String>,
    /// `GET /api/v1/admin/orders`.
    pub(crate) orders: Vec<Value>,
    /// The provider's own list.
    pub(crate) charges: Vec<Value>,
    /// Per variant: units at the start, on hand now, reserved now.
    pub(crate) stock: HashMap<String, (i64, i64, i64)>,
    /// What the shop's own ledger says is at providers; `None` where nobody looked.
    pub(crate) clearing: Option<i64>,
    /// How many different events an observer heard, by their type and order; `None` where nobody
    /// listened.
    pub(crate) heard: Option<HashMap<(String, String), usize>>,
}

/// Orders read at once.
const READS_AT_ONCE: usize = 8;

impl Books {
    pub(crate) async fn read(
        merchant: &Merchant,
        placed: &[Placed],
        stock_before: &HashMap<String, i64>,
    ) -> Self {
        let mut stock = HashMap::new();
        for (variant, before) in stock_before {
            let (on_hand, reserved) = merchant.level(variant).await;
            stock.insert(variant.clone(), (*before, on_hand, reserved));
        }
        let orders = merchant.list("/api/v1/admin/orders").await;
        let whole = futures_util::stream::iter(orders)
            .map(|order| async move {
                let id = order["id"].as_str().expect("an id");
                merchant.get(&format!("/api/v1/admin/orders/{id}")).await
            })
            .buffer_unordered(READS_AT_ONCE)
            .collect()
            .await;
        let accounts = merchant.list("/api/v1/admin/ledger/accounts").await;
        let clearing = accounts
            .iter()
            .filter(|account| account["account"] == "provider_clearing")
            .map(|account| number(&account["balance"]))
            .sum();
        Self {
            acknowledged: placed.iter().map(|placed| placed.order.clone()).collect(),
            orders: whole,
            charges: merchant.list("/api/v1/admin/payments/test/charges").await,
            stock,
            clearing: Some(clearing),
            heard: None,
        }
    }

    /// Every way in which the books do not agree; empty is the only good answer.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut charged: HashMap<&str, Vec<&Value>> = HashMap::new();
        for charge in &self.charges {
            charged
                .entry(charge["order_id"].as_str().unwrap_or_default())
                .or_default()
                .push(charge);
        }
        let mut known: HashMap<&str, &Value> = HashMap::new();
        let mut carts: HashMap<&str, u32> = HashMap::new();
        for order in &self.orders {
            known.insert(order["id"].as_str().unwrap_or_default(), order);
            *carts
                .entry(order["cart_id"].as_str().unwrap_or_default())
                .or_default() += 1;
        }
        for (cart, count) in carts.iter().filter(|(_, count)| **count > 1) {
            faults.push(format!("{count} orders of {cart}"));
        }
        for order in self
            .acknowledged
            .iter()
            .filter(|id| !known.contains_key(id.as_str()))
        {
            faults.push(format!("{order} was acknowledged and is lost"));
        }
        for (id, charges) in &charged {
            if !known.contains_key(id) {
                faults.push(format!("{} charges without an order: {id}", charges.len()));
            }
        }
        for (id, order) in &known {
            let charges = charged.get(id).map_or(&[][..], Vec::as_slice);
            faults.extend(order_faults(id, order, charges));
        }
        faults.extend(self.stock_faults());
        faults.extend(self.clearing_fault());
        faults.extend(self.events_faults());
        faults.sort();
        faults
    }

    fn stock_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (variant, (before, on_hand, reserved)) in &self.stock {
            let promised: i64 = self
                .orders
                .iter()
                .filter(|order| order["status"] != "canceled" && holds_stock(order))
                .flat_map(|order| order["lines"].as_array().cloned().unwrap_or_default())
                .filter(|line| line["variant_id"] == variant.as_str())
                // Units whose money went back before they left can be sold again.
                .map(|line| number(&line["quantity"]) - number(&line["refunded"]))
                .sum();
            if on_hand != before {
                faults.push(format!(
                    "{variant}: {on_hand} on hand, {before} at the start"
                ));
            }
            if *reserved != promised {
                faults.push(format!(
                    "{variant}: {reserved} reserved, {promised} promised"
                ));
            }
            if promised > *before {
                faults.push(format!("{variant}: {promised} promised of {before}"));
            }
        }
        faults
    }
}

impl Books {
    /// The books at the provider and the shop's own agree on what is there.
    fn clearing_fault(&self) -> Option<String> {
        let kept: i64 = self.charges.iter().map(kept).sum();
        self.clearing
            .filter(|clearing| *clearing != kept)
            .map(|clearing| format!("the ledger has {clearing} at the provider, which has {kept}"))
    }

    /// What was published was consumed: once per fact, after dropping repetitions.
    fn events_faults(&self) -> Vec<String> {
        let Some(heard) = &self.heard else {
            return Vec::new();
        };
        let mut due: HashMap<(String, String), usize> = HashMap::new();
        for order in &self.orders {
            let id = order["id"].as_str().unwrap_or_default();
            let mut happened = vec!["orders.placed.v1"];
            happened.extend(is_paid(order).then_some("orders.paid.v1"));
            happened.extend((order["status"] == "canceled").then_some("orders.canceled.v1"));
            for event in happened {
                due.insert((event.to_owned(), id.to_owned()), 1);
            }
        }
        let counted = |(event, _): &&(String, String)| {
            ["orders.placed.v1", "orders.paid.v1", "orders.canceled.v1"].contains(&event.as_str())
        };
        let all = due.keys().chain(heard.keys().filter(counted));
        let all: std::collections::BTreeSet<_> = all.collect();
        all.into_iter()
            .filter_map(|key| {
                let count = |map: &HashMap<_, usize>| map.get(key).copied().unwrap_or_default();
                let (heard, due) = (count(heard), count(&due));
                (heard != due)
                    .then(|| format!("{} of {} was heard {heard} times, not {due}", key.0, key.1))
            })
            .collect()
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// What is left of a charge.
fn kept(charge: &Value) -> i64 {
    number(&charge["amount"]) - number(&charge["refunded"])
}

fn is_paid(order: &Value) -> bool {
    let paid = ["paid", "partially_refunded", "refunded"];
    order["payment_status"]
        .as_str()
        .is_some_and(|status| paid.contains(&status))
}

/// A declined order gave its stock back; one that is paid, promised or waits holds it.
fn holds_stock(order: &Value) -> bool {
    is_paid(order) || order["payment_status"] == "authorized" || order["reason"].is_null()
}

fn order_faults(id: &str, order: &Value, charges: &[&Value]) -> Vec<String> {
    let mut faults = Vec::new();
    match (is_paid(order), charges) {
        (true, [charge]) => {
            let costs = number(&order["totals"]["total"]["amount"]);
            if number(&charge["amount"]) != costs {
                faults.push(format!(
                    "{id} costs {costs} and was charged {}",
                    charge["amount"]
                ));
            }
            let (there, here) = (&charge["refunded"], &order["refunded"]["amount"]);
            if number(there) != number(here) {
                faults.push(format!(
                    "{id}: {there} went back at the provider, {here} here"
                ));
            }
        }
        (true, []) => faults.push(format!("{id} is paid without a charge")),
        (true, many) => faults.push(format!("{id} was charged {} times", many.len())),
        // What came too late was sent back whole.
        (false, many) if many.iter().all(|charge| kept(charge) == 0) => {}
        (false, many) => faults.push(format!("{id} is not paid and has {} charges", many.len())),
    }
    faults
}

fn good_books() -> Books {
    let order = json!({
        "id": "order_1", "cart_id": "cart_1", "status": "pending", "payment_status": "paid",
        "reason": null, "totals": { "total": { "amount": 500 } },
        "refunded": { "amount": 100 },
        "lines": [{ "variant_id": "var_1", "quantity": 2, "refunded": 0 }],
    });
    let heard = ["orders.placed.v1", "orders.paid.v1", "orders.refunded.v1"]
        .map(|event| ((event.to_owned(), "order_1".to_owned()), 1));
    Books {
        acknowledged: vec!["order_1".into()],
        orders: vec![order],
        charges: vec![json!({ "order_id": "order_1", "amount": 500, "refunded": 100 })],
        stock: [("var_1".to_owned(), (10, 10, 2))].into(),
        clearing: Some(400),
        heard: Some(heard.into()),
    }
}

#[test]
fn books_that_agree_have_no_faults() {
    assert_eq!(good_books().faults(), Vec::<String>::new());
}

fn planted(change: fn(&mut Books)) -> Vec<String> {
    let mut books = good_books();
    change(&mut books);
    books.faults()
}

#[test]
fn planted_bugs_of_orders_and_charges_are_caught() {
    let double_charge = planted(|books| {
        let again = books.charges[0].clone();
        books.charges.push(again);
        books.clearing = Some(800);
    });
    assert_eq!(double_charge, ["order_1 was charged 2 times"]);
    let lost_order = planted(|books| {
        books.orders.clear();
        books.stock.clear();
        books.heard = None;
    });
    assert_eq!(
        lost_order,
        [
            "1 charges without an order: order_1",
            "order_1 was acknowledged and is lost"
        ]
    );
    let unpaid = planted(|books| {
        books.orders[0]["payment_status"] = json!("pending");
        books.heard = None;
    });
    assert_eq!(unpaid, ["order_1 is not paid and has 1 charges"]);
    let free = planted(|books| {
        books.charges.clear();
        books.clearing = Some(0);
    });
    assert_eq!(free, ["order_1 is paid without a charge"]);
    let wrong_amount = planted(|books| {
        books.charges[0]["amount"] = json!(101);
        books.clearing = Some(1);
    });
    assert_eq!(wrong_amount, ["order_1 costs 500 and was charged 101"]);
    let doubled = planted(|books| {
        let mut again = books.orders[0].clone();
        again["id"] = json!("order_2");
        again["payment_status"] = json!("pending");
        again["reason"] = json!("declined");
        books.orders.push(again);
        books.heard = None;
    });
    assert_eq!(doubled, ["2 orders of cart_1"]);
}

#[test]
fn planted_bugs_of_stock_are_caught() {
    let leaked_hold = planted(|books| {
        books.stock.insert("var_1".into(), (10, 10, 3));
    });
    assert_eq!(leaked_hold, ["var_1: 3 reserved, 2 promised"]);
    let oversold = planted(|books| {
        books.stock.insert("var_1".into(), (1, 1, 2));
    });
    assert_eq!(oversold, ["var_1: 2 promised of 1"]);
    let vanished = planted(|books| {
        books.stock.insert("var_1".into(), (10, 9, 2));
    });
    assert_eq!(vanished, ["var_1: 9 on hand, 10 at the start"]);
    let still_held = planted(|books| books.orders[0]["lines"][0]["refunded"] = json!(1));
    assert_eq!(still_held, ["var_1: 2 reserved, 1 promised"]);
}

#[test]
fn planted_bugs_of_refunds_books_and_events_are_caught() {
    let refunded_twice = planted(|books| {
        books.charges[0]["refunded"] = json!(200);
        books.clearing = Some(300);
    });
    assert_eq!(
        refunded_twice,
        ["order_1: 200 went back at the provider, 100 here"]
    );
    let unbooked = planted(|books| books.clearing = Some(500));
    assert_eq!(
        unbooked,
        ["the ledger has 500 at the provider, which has 400"]
    );
    let lost_event = planted(|books| {
        let heard = books.heard.as_mut().expect("somebody listened");
        heard.retain(|(event, _), _| event != "orders.paid.v1");
    });
    assert_eq!(
        lost_event,
        ["orders.paid.v1 of order_1 was heard 0 times, not 1"]
    );
    let ghost = planted(|books| {
        let heard = books.heard.as_mut().expect("somebody listened");
        heard.insert(("orders.placed.v1".into(), "order_2".into()), 1);
    });
    assert_eq!(
        ghost,
        ["orders.placed.v1 of order_2 was heard 1 times, not 0"]
    );
    let told_twice = planted(|books| {
        let heard = books.heard.as_mut().expect("somebody listened");
        heard.insert(("orders.placed.v1".into(), "order_1".into()), 2);
    });
    assert_eq!(
        told_twice,
        ["orders.placed.v1 of order_1 was heard 2 times, not 1"]
    );
}
