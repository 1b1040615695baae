//! Refunds, cancelling and edits against real rows: never more back than came, told once.

use futures_util::future::join_all;
use stoa_contracts::orders::{
    FulfilmentStatus, LineUnits, OrderCanceled, OrderEdit, OrderEdited, OrderError, OrderPaid,
    OrderRefunded, OrderState, OrderStatus, PaymentStatus, PaymentStep, RefundRecord,
};
use stoa_kernel::{AttemptId, Clock as _, OrderId, Quantity, RefundId};
use stoa_storage::Tx;

use crate::support::{Shop, canceled, eur, everywhere, order};

fn back(id: u128, amount: i64, lines: Vec<LineUnits>) -> RefundRecord {
    RefundRecord {
        id: RefundId::from_u128(id),
        amount: eur(amount),
        lines,
        reason: None,
    }
}

async fn refund(
    shop: &Shop<'_>,
    order: OrderId,
    refund: RefundRecord,
) -> Result<OrderState, OrderError> {
    shop.run(async move |tx, orders, cause| orders.refunded(tx, order, &refund, cause).await)
        .await
}

async fn ask_cancel(shop: &Shop<'_>, order: OrderId) -> Result<OrderState, OrderError> {
    shop.run(async move |tx, orders, cause| {
        orders
            .request_cancel(tx, order, "changed my mind", cause)
            .await
    })
    .await
}

fn part(attempt: u128, amount: i64) -> PaymentStep {
    PaymentStep::Paid {
        attempt: AttemptId::from_u128(attempt),
        amount: eur(amount),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_fifty_refunds_never_exceeds_what_was_paid() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let tasks = (0..50).map(|id| {
            // 58.31 holds five of these.
            let record = back(id, 1_000, vec![]);
            let (db, orders, cause) = (shop.db.clone(), shop.orders.clone(), shop.cause());
            let order = placed.id;
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx<'_>| {
                    orders.refunded(tx, order, &record, &cause).await
                })
                .await
            })
        });
        let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
        let went = outcomes
            .into_iter()
            .filter(|one| match one.as_ref().expect("no panic") {
                Ok(_) => true,
                Err(OrderError::Transition {
                    step: "refunded", ..
                }) => false,
                Err(other) => panic!("{}: {other}", cells.kind),
            });
        assert_eq!(went.count(), 5, "{}", cells.kind);
        let view = shop.view(placed.id).await;
        assert_eq!(
            (view.refunded, view.payment_status),
            (eur(5_000), PaymentStatus::PartiallyRefunded),
            "{}",
            cells.kind
        );
        let told: i64 = shop
            .facts::<OrderRefunded>()
            .await
            .iter()
            .map(|fact| fact.amount.amount)
            .sum();
        assert_eq!(told, 5_000, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_refund_counts_once_and_its_units_with_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let pot = LineUnits {
            line_id: placed.lines[0].id,
            quantity: Quantity::ONE,
        };
        for _ in 0..2 {
            let state = refund(&shop, placed.id, back(1, 2_380, vec![pot])).await;
            assert_eq!(
                state.expect(cells.kind).refunded,
                eur(2_380),
                "{}",
                cells.kind
            );
        }
        assert_eq!(
            shop.view(placed.id).await.lines[0].refunded,
            1,
            "{}",
            cells.kind
        );
        let two = LineUnits {
            quantity: Quantity::new(2).expect("two"),
            ..pot
        };
        let refused = refund(&shop, placed.id, back(2, 1, vec![two])).await;
        assert!(matches!(refused, Err(OrderError::Invalid { field, .. }) if field == "lines"));
        let mut dollars = back(3, 1, vec![]);
        dollars.amount.currency = stoa_kernel::Currency::USD;
        let refused = refund(&shop, placed.id, dollars).await;
        assert!(matches!(refused, Err(OrderError::Invalid { field, .. }) if field == "amount"));
        let rest = refund(&shop, placed.id, back(4, 3_451, vec![])).await;
        assert_eq!(
            rest.expect(cells.kind).payment,
            PaymentStatus::Refunded,
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.facts::<OrderRefunded>().await.len(),
            2,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn an_order_is_canceled_once_its_money_is_back() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        for _ in 0..2 {
            let asked = ask_cancel(&shop, placed.id).await.expect(cells.kind);
            assert!(asked.cancel_requested, "{}", cells.kind);
        }
        let view = shop.view(placed.id).await;
        assert_eq!(
            view.cancel_requested_at,
            Some(cells.clock.now()),
            "{}",
            cells.kind
        );
        assert_eq!(
            view.reason.as_deref(),
            Some("changed my mind"),
            "{}",
            cells.kind
        );
        // Whoever sweeps finds it, although it was paid.
        let sweep = async || {
            let late = cells.clock.now().plus(std::time::Duration::from_secs(1));
            shop.orders
                .waiting(shop.tenant, late, None, 10)
                .await
                .expect(cells.kind)
        };
        assert_eq!(sweep().await, [placed.id], "{}", cells.kind);
        let early = shop.step(placed.id, canceled("changed my mind")).await;
        assert!(matches!(
            early,
            Err(OrderError::Transition {
                step: "canceled",
                ..
            })
        ));
        refund(&shop, placed.id, back(1, 5_831, vec![]))
            .await
            .expect(cells.kind);
        let state = shop
            .step(placed.id, canceled("changed my mind"))
            .await
            .expect(cells.kind);
        assert_eq!(
            (state.status, state.payment, state.fulfilment),
            (
                OrderStatus::Canceled,
                PaymentStatus::Refunded,
                FulfilmentStatus::Canceled
            )
        );
        assert_eq!(sweep().await, [], "{}", cells.kind);
        assert_eq!(
            shop.facts::<OrderCanceled>().await.len(),
            1,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn an_order_paid_in_parts_is_paid_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let mut placed = order(1);
        placed.gift_card = eur(831);
        shop.create(&placed).await.expect(cells.kind);
        let state = shop
            .step(placed.id, part(1, 2_000))
            .await
            .expect(cells.kind);
        assert_eq!(
            (state.payment, state.paid),
            (PaymentStatus::PartiallyPaid, eur(2_831))
        );
        assert_eq!(shop.facts::<OrderPaid>().await, [], "{}", cells.kind);
        shop.step(placed.id, part(2, 3_000))
            .await
            .expect(cells.kind);
        // All of it again, from another process: the row remembers both attempts.
        for again in [part(1, 2_000), part(2, 3_000)] {
            let state = shop.step(placed.id, again).await.expect(cells.kind);
            assert_eq!(
                (state.payment, state.paid),
                (PaymentStatus::Paid, eur(5_831))
            );
        }
        let third = shop.step(placed.id, part(3, 1)).await;
        assert!(matches!(
            third,
            Err(OrderError::Transition { step: "paid", .. })
        ));
        let odd = shop.step(placed.id, part(3, -1)).await;
        assert!(matches!(odd, Err(OrderError::Invalid { field, .. }) if field == "amount"));
        assert_eq!(shop.facts::<OrderPaid>().await.len(), 1, "{}", cells.kind);
    }
}

/// Two teapots become `pots`.
fn edit(order_seed: u128, pots: u32) -> OrderEdit {
    let mut changed = order(order_seed);
    changed.lines[0].quantity = Quantity::new(pots).expect("at least one");
    let subtotal = i64::from(pots) * 2_000;
    let tax = subtotal * 19 / 100;
    changed.lines[0].subtotal = eur(subtotal);
    changed.lines[0].tax = eur(tax);
    changed.lines[0].total = eur(subtotal + tax);
    changed.totals.subtotal = eur(subtotal + 500);
    changed.totals.tax = eur(tax + 95 + 76);
    changed.totals.total = eur(subtotal + 500 + 400 + tax + 171);
    OrderEdit {
        order: changed.id,
        lines: changed.lines,
        totals: changed.totals,
        promotions: Vec::new(),
        taxes: Vec::new(),
        shipping_address: None,
        summary: format!("Teapots: {pots}"),
    }
}

async fn write(shop: &Shop<'_>, edit: OrderEdit) -> Result<OrderState, OrderError> {
    shop.run(async move |tx, orders, cause| orders.edit(tx, &edit, cause).await)
        .await
}

#[tokio::test]
async fn an_edit_replaces_lines_and_shows_what_is_owed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let dearer = write(&shop, edit(1, 3)).await.expect(cells.kind);
        assert_eq!(
            (dearer.payment, dearer.total, dearer.paid),
            (PaymentStatus::PartiallyPaid, eur(8_211), eur(5_831)),
            "{}",
            cells.kind
        );
        let view = shop.view(placed.id).await;
        assert_eq!(view.lines[0].quantity.get(), 3, "{}", cells.kind);
        assert_eq!((view.version, dearer.version), (3, 3), "{}", cells.kind);
        shop.step(placed.id, part(2, 2_380))
            .await
            .expect(cells.kind);
        let cheaper = write(&shop, edit(1, 1)).await.expect(cells.kind);
        assert_eq!(
            (cheaper.payment, cheaper.paid),
            (PaymentStatus::Paid, eur(8_211))
        );
        // A unit whose money went back stays part of the order.
        let units = LineUnits {
            line_id: placed.lines[1].id,
            quantity: Quantity::ONE,
        };
        refund(&shop, placed.id, back(1, 595, vec![units]))
            .await
            .expect(cells.kind);
        let mut without = edit(1, 1);
        without.totals.subtotal = eur(2_000);
        without.totals.tax = eur(456);
        without.totals.total = eur(2_856);
        without.lines.truncate(1);
        let refused = write(&shop, without).await;
        assert!(matches!(refused, Err(OrderError::Invalid { field, .. }) if field == "lines"));
        write(&shop, edit(1, 2)).await.expect(cells.kind);
        assert_eq!(
            shop.view(placed.id).await.lines[1].refunded,
            1,
            "{}",
            cells.kind
        );
        // Sold once, however often it was edited.
        assert_eq!(shop.facts::<OrderPaid>().await.len(), 1, "{}", cells.kind);
        assert_eq!(shop.facts::<OrderEdited>().await.len(), 3, "{}", cells.kind);
    }
}

#[tokio::test]
async fn nobody_edits_while_the_shopper_is_at_the_provider() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let open = order(2);
        shop.create(&open).await.expect(cells.kind);
        let action = PaymentStep::NeedsAction;
        shop.step(open.id, action).await.expect(cells.kind);
        let at_provider = edit(2, 1);
        let refused = write(&shop, at_provider).await;
        assert!(matches!(
            refused,
            Err(OrderError::Transition { step: "edited", .. })
        ));
    }
}

#[tokio::test]
async fn an_order_of_before_part_payments_counts_as_paid_whole() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        // As rows were written then.
        const OLD: &str = "UPDATE orders_order SET paid = NULL WHERE tenant_id = :tenant";
        let aged = shop
            .db
            .write(async move |tx: &mut Tx<'_>| tx.execute(OLD, &[]).await);
        assert_eq!(aged.await.expect(cells.kind), 1, "{}", cells.kind);
        let view = shop.view(placed.id).await;
        assert_eq!(view.paid, eur(5_831), "{}", cells.kind);
        // The attempt that paid it has done so still.
        let again = shop.step(placed.id, part(1, 5_831)).await;
        assert_eq!(again.expect(cells.kind).version, 2, "{}", cells.kind);
        let refused = refund(&shop, placed.id, back(1, 5_832, vec![])).await;
        assert!(matches!(
            refused,
            Err(OrderError::Transition {
                step: "refunded",
                ..
            })
        ));
        let state = refund(&shop, placed.id, back(1, 5_831, vec![])).await;
        let state = state.expect(cells.kind);
        assert_eq!(
            (state.payment, state.paid),
            (PaymentStatus::Refunded, eur(5_831))
        );
    }
}
