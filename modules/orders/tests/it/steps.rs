//! Payment steps against real rows: once, in one direction, with their events.

use std::time::Duration;

use futures_util::future::join_all;
use stoa_contracts::orders::{
    FulfilmentStatus, OrderCanceled, OrderError, OrderPaid, OrderStatus, PaymentStatus, PaymentStep,
};
use stoa_kernel::{AttemptId, Clock as _};
use stoa_storage::{Error, Tx};

use crate::support::{Shop, canceled, declined, eur, everywhere, order, paid, take_step};

#[tokio::test]
async fn a_step_taken_again_changes_and_tells_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        let waits = shop
            .step(placed.id, PaymentStep::NeedsAction)
            .await
            .expect(cells.kind);
        assert_eq!(waits.status, OrderStatus::RequiresAction, "{}", cells.kind);
        let acted = shop
            .step(placed.id, PaymentStep::ActionTaken)
            .await
            .expect(cells.kind);
        assert_eq!(acted.status, OrderStatus::Pending, "{}", cells.kind);

        let first = shop.step(placed.id, paid(7)).await.expect(cells.kind);
        let paid_at = cells.clock.now();
        cells.clock.advance(Duration::from_secs(5));
        let again = shop.step(placed.id, paid(7)).await.expect(cells.kind);
        assert_eq!(
            (first.payment, again),
            (PaymentStatus::Paid, first),
            "{}",
            cells.kind
        );

        let view = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        assert_eq!(
            (view.paid_at, view.version),
            (Some(paid_at), 4),
            "{}",
            cells.kind
        );
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::NotFulfilled,
            "{}",
            cells.kind
        );
        let fact = OrderPaid {
            order: placed.id,
            number: view.number,
            attempt: AttemptId::from_u128(7),
            total: eur(5_831),
            test: true,
        };
        assert_eq!(shop.facts::<OrderPaid>().await, [fact], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_paid_order_stays_paid() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        shop.step(placed.id, paid(7)).await.expect(cells.kind);
        let before = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        let late = [
            declined("late"),
            canceled("late"),
            PaymentStep::NeedsAction,
            paid(8),
        ];
        for step in late {
            let refused = shop.step(placed.id, step.clone()).await;
            assert!(
                matches!(
                    refused,
                    Err(OrderError::Transition {
                        payment: PaymentStatus::Paid,
                        ..
                    })
                ),
                "{} {step:?}: {refused:?}",
                cells.kind
            );
        }
        let after = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        assert_eq!(after, before, "{}", cells.kind);
        assert_eq!(shop.events().await.len(), 2, "{}", cells.kind);
    }
}

#[tokio::test]
async fn cancelling_is_final_and_says_why() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        shop.step(placed.id, declined("no funds"))
            .await
            .expect(cells.kind);
        shop.step(placed.id, canceled("nobody paid"))
            .await
            .expect(cells.kind);
        shop.step(placed.id, canceled("another reason"))
            .await
            .expect(cells.kind);
        let refused = shop.step(placed.id, paid(1)).await;
        assert!(matches!(
            refused,
            Err(OrderError::Transition { step: "paid", .. })
        ));

        let view = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        let axes = (view.status, view.payment_status, view.fulfilment_status);
        let expected = (
            OrderStatus::Canceled,
            PaymentStatus::Voided,
            FulfilmentStatus::Canceled,
        );
        assert_eq!(axes, expected, "{}", cells.kind);
        assert_eq!(
            view.reason.as_deref(),
            Some("nobody paid"),
            "{}",
            cells.kind
        );
        assert_eq!(view.canceled_at, Some(cells.clock.now()), "{}", cells.kind);
        let fact = OrderCanceled {
            order: placed.id,
            number: view.number,
            reason: "nobody paid".to_owned(),
        };
        assert_eq!(
            shop.facts::<OrderCanceled>().await,
            [fact],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_paid_and_canceled_has_one_winner_told_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        let tasks = (0..100).map(|index| {
            let step = if index % 2 == 0 {
                paid(7)
            } else {
                canceled("late")
            };
            let (db, orders, cause) = (shop.db.clone(), shop.orders.clone(), shop.cause());
            tokio::spawn(take_step(db, orders, placed.id, step, cause))
        });
        let outcomes: Vec<_> = join_all(tasks.collect::<Vec<_>>())
            .await
            .into_iter()
            .map(|joined| joined.expect("no panic"))
            .collect();

        let view = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        let won = view.payment_status;
        let (mut agreed, mut refused) = (0, 0);
        for outcome in outcomes {
            match outcome {
                Ok(state) => {
                    assert_eq!(state.payment, won, "{}", cells.kind);
                    agreed += 1;
                }
                Err(OrderError::Transition { payment, .. }) => {
                    assert_eq!(payment, won, "{}", cells.kind);
                    refused += 1;
                }
                Err(other) => panic!("{}: {other}", cells.kind),
            }
        }
        assert_eq!((agreed, refused), (50, 50), "{}", cells.kind);
        let told = (
            shop.facts::<OrderPaid>().await.len(),
            shop.facts::<OrderCanceled>().await.len(),
        );
        let expected = if won == PaymentStatus::Paid {
            (1, 0)
        } else {
            (0, 1)
        };
        assert_eq!((told, view.version), (expected, 2), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_rolled_back_step_leaves_no_trace() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        let (orders, cause, id) = (shop.orders.clone(), shop.cause(), placed.id);
        let failed = shop
            .db
            .write(async move |tx: &mut Tx<'_>| {
                orders.step(tx, id, &paid(7), &cause).await?;
                let locked = orders.lock(tx, id).await?.ok_or(OrderError::NotFound)?;
                assert_eq!(locked.payment, PaymentStatus::Paid);
                Err::<(), OrderError>(Error::DiskFull.into())
            })
            .await;
        assert!(
            matches!(failed, Err(OrderError::Storage(Error::DiskFull))),
            "{}",
            cells.kind
        );
        let view = shop
            .orders
            .view(shop.tenant, placed.id)
            .await
            .expect(cells.kind);
        assert_eq!(
            view.payment_status,
            PaymentStatus::Pending,
            "{}",
            cells.kind
        );
        assert_eq!(shop.facts::<OrderPaid>().await, [], "{}", cells.kind);
    }
}
