//! What an order's page tells once goods travel: parcels, tracking, the days on which things happened.

use stoa_contracts::orders::{FulfilmentStep, LineUnits, NewFulfilment, Tracking};
use stoa_kernel::{FulfilmentId, OrderId};
use stoa_storage::{Cause, Tx};

use crate::browser::with;
use crate::market::Market;
use crate::paying::{FORM, IDA, with_print};

/// Packs the whole order.
async fn pack(market: &Market, order: OrderId) -> FulfilmentId {
    let view = market.peers.orders.view(market.shop, order).await;
    let lines = view.expect("an order").lines;
    let id: FulfilmentId = market.cells.deps.ids.make(market.cells.deps.now());
    let fulfilment = NewFulfilment {
        id,
        order,
        location: None,
        lines: lines
            .iter()
            .map(|line| LineUnits {
                line_id: line.id,
                quantity: line.quantity,
            })
            .collect(),
        taken: Vec::new(),
        tracking: None,
    };
    let (orders, cause) = (
        market.peers.orders.clone(),
        Cause::system(market.cells.deps.now()),
    );
    let db = market.cells.db(market.shop).await;
    db.write(async move |tx: &mut Tx<'_>| orders.fulfil(tx, &fulfilment, &cause).await)
        .await
        .expect("packed");
    id
}

async fn step(market: &Market, order: OrderId, parcel: FulfilmentId, step: FulfilmentStep) {
    let (orders, cause) = (
        market.peers.orders.clone(),
        Cause::system(market.cells.deps.now()),
    );
    let db = market.cells.db(market.shop).await;
    db.write(async move |tx: &mut Tx<'_>| {
        orders
            .step_fulfilment(tx, order, parcel, &step, &cause)
            .await
    })
    .await
    .expect("a step");
}

fn tracking(url: &str) -> FulfilmentStep {
    FulfilmentStep::Ship {
        tracking: Some(Tracking {
            carrier: Some("DHL".to_owned()),
            number: "0034".to_owned(),
            url: Some(url.to_owned()),
        }),
    }
}

#[tokio::test]
async fn a_parcel_is_told_from_packing_to_the_door() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    let form = with(browser.get("/checkout").await.form(FORM), &IDA);
    let page = browser.post("/checkout", &form).await.location();
    market.settle_soon().await;
    let order: OrderId = page["/orders/".len()..].parse().expect("an id");
    let before = browser.get(&page).await;
    assert!(
        before
            .body
            .contains("<dt>Delivery</dt><dd>Not packed yet</dd>")
    );
    assert!(before.body.contains("<strong>Paid</strong>"));

    let parcel = pack(&market, order).await;
    let packed = browser.get(&page).await;
    assert!(packed.body.contains("<li>1 × Tide</li>"), "{}", packed.body);
    assert!(packed.body.contains("<dd>Packed, leaves soon</dd>"));

    step(&market, order, parcel, tracking("https://dhl.example/0034")).await;
    let sent = browser.get(&page).await;
    for told in [
        "<h1>Your order is on its way</h1>",
        "<a href=\"https://dhl.example/0034\" rel=\"noopener noreferrer\">Follow DHL 0034</a>",
        "<strong>Shipped</strong>",
    ] {
        assert!(sent.body.contains(told), "{told}: {}", sent.body);
    }
    assert!(sent.body.contains("data-watch="), "news may come");

    step(&market, order, parcel, FulfilmentStep::Deliver).await;
    let there = browser.get(&page).await;
    assert!(there.body.contains("<h1>Your order has arrived</h1>"));
    assert!(there.body.contains("<strong>Delivered</strong>"));
    assert!(!there.body.contains("data-watch="), "nothing more happens");
}
