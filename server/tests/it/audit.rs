//! Holds a shop's orders against the provider's charges and its stock. Shown catching planted bugs.

use std::collections::HashMap;

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
}

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
        let mut whole = Vec::new();
        for order in orders {
            let id = order["id"].as_str().expect("an id");
            whole.push(merchant.get(&format!("/api/v1/admin/orders/{id}")).await);
        }
        Self {
            acknowledged: placed.iter().map(|placed| placed.order.clone()).collect(),
            orders: whole,
            charges: merchant.list("/api/v1/admin/payments/test/charges").await,
            stock,
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
                .map(|line| line["quantity"].as_i64().unwrap_or_default())
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

/// A declined order gave its stock back; one that is paid or waits holds it.
fn holds_stock(order: &Value) -> bool {
    order["payment_status"] == "paid" || order["reason"].is_null()
}

fn order_faults(id: &str, order: &Value, charges: &[&Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let paid = order["payment_status"] == "paid";
    match (paid, charges) {
        (true, [charge]) => {
            if charge["amount"] != order["totals"]["total"]["amount"] {
                faults.push(format!(
                    "{id} costs {} and was charged {}",
                    order["totals"]["total"]["amount"], charge["amount"]
                ));
            }
        }
        (true, []) => faults.push(format!("{id} is paid without a charge")),
        (false, []) => {}
        (true, many) => faults.push(format!("{id} was charged {} times", many.len())),
        (false, many) => faults.push(format!("{id} is not paid and has {} charges", many.len())),
    }
    faults
}

fn good_books() -> Books {
    let order = json!({
        "id": "order_1", "cart_id": "cart_1", "status": "pending", "payment_status": "paid",
        "reason": null, "totals": { "total": { "amount": 500 } },
        "lines": [{ "variant_id": "var_1", "quantity": 2 }],
    });
    Books {
        acknowledged: vec!["order_1".into()],
        orders: vec![order],
        charges: vec![json!({ "order_id": "order_1", "amount": 500 })],
        stock: [("var_1".to_owned(), (10, 10, 2))].into(),
    }
}

#[test]
fn books_that_agree_have_no_faults() {
    assert_eq!(good_books().faults(), Vec::<String>::new());
}

#[test]
fn every_planted_bug_is_caught() {
    let plant = |change: fn(&mut Books)| {
        let mut books = good_books();
        change(&mut books);
        books.faults()
    };
    let double_charge = plant(|books| {
        let again = books.charges[0].clone();
        books.charges.push(again);
    });
    assert_eq!(double_charge, ["order_1 was charged 2 times"]);
    let lost_order = plant(|books| {
        books.orders.clear();
        books.stock.clear();
    });
    assert_eq!(
        lost_order,
        [
            "1 charges without an order: order_1",
            "order_1 was acknowledged and is lost"
        ]
    );
    let unpaid = plant(|books| books.orders[0]["payment_status"] = json!("pending"));
    assert_eq!(unpaid, ["order_1 is not paid and has 1 charges"]);
    let free = plant(|books| books.charges.clear());
    assert_eq!(free, ["order_1 is paid without a charge"]);
    let wrong_amount = plant(|books| books.charges[0]["amount"] = json!(1));
    assert_eq!(wrong_amount, ["order_1 costs 500 and was charged 1"]);
    let leaked_hold = plant(|books| {
        books.stock.insert("var_1".into(), (10, 10, 3));
    });
    assert_eq!(leaked_hold, ["var_1: 3 reserved, 2 promised"]);
    let oversold = plant(|books| {
        books.stock.insert("var_1".into(), (1, 1, 2));
    });
    assert_eq!(oversold, ["var_1: 2 promised of 1"]);
    let doubled = plant(|books| {
        let mut again = books.orders[0].clone();
        again["id"] = json!("order_2");
        again["payment_status"] = json!("pending");
        again["reason"] = json!("declined");
        books.orders.push(again);
    });
    assert_eq!(doubled, ["2 orders of cart_1"]);
}
