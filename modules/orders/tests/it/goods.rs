//! Goods out and back: packed once, never more than ordered, returned at most what left.

use futures_util::future::join_all;
use stoa_contracts::inventory::Allocation;
use stoa_contracts::orders::{
    FulfilmentChanged, FulfilmentState, FulfilmentStatus, FulfilmentStep, LineUnits, NewFulfilment,
    NewOrder, NewReturn, OrderError, OrderStatus, PaymentStep, ReturnChanged, ReturnState,
    ReturnView, Tracking,
};
use stoa_kernel::{
    AttemptId, Clock as _, FulfilmentId, LineId, LocationId, OrderId, Quantity, ReturnId, VariantId,
};
use stoa_storage::Tx;

use crate::support::{Shop, everywhere, line, order, paid};

fn units(line: LineId, count: u32) -> LineUnits {
    LineUnits {
        line_id: line,
        quantity: Quantity::new(count).expect("at least one"),
    }
}

fn parcel(id: u128, order: OrderId, lines: Vec<LineUnits>) -> NewFulfilment {
    NewFulfilment {
        id: FulfilmentId::from_u128(id),
        order,
        location: Some(LocationId::from_u128(5)),
        lines,
        taken: vec![Allocation {
            variant: VariantId::from_u128(7),
            location: LocationId::from_u128(5),
            units: 2,
        }],
        tracking: None,
    }
}

async fn pack(shop: &Shop<'_>, new: NewFulfilment) -> Result<FulfilmentState, OrderError> {
    shop.run(async move |tx, orders, cause| Ok(orders.fulfil(tx, &new, cause).await?.state))
        .await
}

async fn move_on(
    shop: &Shop<'_>,
    order: OrderId,
    id: u128,
    step: FulfilmentStep,
) -> Result<(FulfilmentState, Vec<Allocation>), OrderError> {
    shop.run(async move |tx, orders, cause| {
        let id = FulfilmentId::from_u128(id);
        let (view, taken) = orders.step_fulfilment(tx, order, id, &step, cause).await?;
        Ok((view.state, taken))
    })
    .await
}

/// Everything packed, left and arrived.
async fn delivered(shop: &Shop<'_>, seed: u128) -> NewOrder {
    let placed = shop.paid(seed).await;
    let all = placed
        .lines
        .iter()
        .map(|line| units(line.id, line.quantity.get()));
    pack(shop, parcel(1, placed.id, all.collect()))
        .await
        .expect("packed");
    let moved = move_on(shop, placed.id, 1, FulfilmentStep::Deliver).await;
    moved.expect("delivered");
    placed
}

fn dhl() -> Tracking {
    Tracking {
        carrier: Some("DHL".to_owned()),
        number: "JD01".to_owned(),
        url: Some("https://dhl.example/JD01".to_owned()),
    }
}

async fn axes(shop: &Shop<'_>, order: OrderId) -> (OrderStatus, FulfilmentStatus) {
    let view = shop.view(order).await;
    (view.status, view.fulfilment_status)
}

#[tokio::test]
async fn an_order_is_packed_in_parts() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let [pots, cup] = [placed.lines[0].id, placed.lines[1].id];
        let first = parcel(1, placed.id, vec![units(pots, 1)]);
        pack(&shop, first.clone()).await.expect(cells.kind);
        // The same one again is packed once.
        pack(&shop, first).await.expect(cells.kind);
        let open = OrderStatus::Pending;
        assert_eq!(
            axes(&shop, placed.id).await,
            (open, FulfilmentStatus::PartiallyFulfilled),
            "{}",
            cells.kind
        );
        let rest = vec![units(pots, 1), units(cup, 1)];
        pack(&shop, parcel(2, placed.id, rest))
            .await
            .expect(cells.kind);
        assert_eq!(
            axes(&shop, placed.id).await,
            (open, FulfilmentStatus::Fulfilled),
            "{}",
            cells.kind
        );
        // Nothing left yet: all of it can be unpacked again.
        assert_eq!(shop.view(placed.id).await.fulfilments.len(), 2);
    }
}

#[tokio::test]
async fn parcels_ship_arrive_and_complete_the_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let [pots, cup] = [placed.lines[0].id, placed.lines[1].id];
        for (id, lines) in [
            (1, vec![units(pots, 1)]),
            (2, vec![units(pots, 1), units(cup, 1)]),
        ] {
            let packed = pack(&shop, parcel(id, placed.id, lines)).await;
            packed.expect(cells.kind);
        }
        let tracking = dhl();
        let ship = FulfilmentStep::Ship {
            tracking: Some(tracking.clone()),
        };
        for _ in 0..2 {
            let (state, taken) = move_on(&shop, placed.id, 1, ship.clone())
                .await
                .expect(cells.kind);
            assert_eq!(
                (state, taken),
                (FulfilmentState::Shipped, vec![]),
                "{}",
                cells.kind
            );
        }
        let steps = [
            (2, FulfilmentStep::Ship { tracking: None }),
            (1, FulfilmentStep::Deliver),
            (2, FulfilmentStep::Deliver),
        ];
        let mut seen = vec![axes(&shop, placed.id).await];
        for (id, step) in steps {
            let moved = move_on(&shop, placed.id, id, step).await;
            moved.expect(cells.kind);
            seen.push(axes(&shop, placed.id).await);
        }
        let expected = [
            (OrderStatus::Pending, FulfilmentStatus::PartiallyShipped),
            (OrderStatus::Pending, FulfilmentStatus::Shipped),
            (OrderStatus::Pending, FulfilmentStatus::PartiallyDelivered),
            (OrderStatus::Completed, FulfilmentStatus::Delivered),
        ];
        assert_eq!(seen, expected, "{}", cells.kind);

        let view = shop.view(placed.id).await;
        let kept = &view.fulfilments[0];
        assert_eq!(
            (kept.tracking.as_ref(), kept.lines.as_slice()),
            (Some(&tracking), &[units(pots, 1)][..])
        );
        assert_eq!(kept.shipped_at, Some(cells.clock.now()), "{}", cells.kind);
        let told = shop.facts::<FulfilmentChanged>().await;
        let told: Vec<_> = told
            .iter()
            .map(|fact| (fact.fulfilment.as_u128(), fact.state))
            .collect();
        let expected = [
            (1, FulfilmentState::Packed),
            (2, FulfilmentState::Packed),
            (1, FulfilmentState::Shipped),
            (2, FulfilmentState::Shipped),
            (1, FulfilmentState::Delivered),
            (2, FulfilmentState::Delivered),
        ];
        assert_eq!(told, expected, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_fifty_parcels_packs_each_unit_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let pots = placed.lines[0].id;
        let tasks = (0..50).map(|id| {
            let new = parcel(id, placed.id, vec![units(pots, 1)]);
            let (db, orders, cause) = (shop.db.clone(), shop.orders.clone(), shop.cause());
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx<'_>| orders.fulfil(tx, &new, &cause).await)
                    .await
            })
        });
        let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
        let packed = outcomes
            .into_iter()
            .filter(|one| match one.as_ref().expect("no panic") {
                Ok(_) => true,
                Err(OrderError::Invalid { field, .. }) => {
                    assert_eq!(field, "lines", "{}", cells.kind);
                    false
                }
                Err(other) => panic!("{}: {other}", cells.kind),
            });
        assert_eq!(packed.count(), 2, "{}", cells.kind);
        let view = shop.view(placed.id).await;
        assert_eq!(
            (view.lines[0].fulfilled, view.fulfilments.len()),
            (2, 2),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn what_is_not_paid_or_not_there_is_not_packed() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let unpaid = order(2);
        shop.create(&unpaid).await.expect(cells.kind);
        let refused = pack(
            &shop,
            parcel(1, unpaid.id, vec![units(unpaid.lines[0].id, 1)]),
        )
        .await;
        assert!(matches!(
            refused,
            Err(OrderError::Transition {
                step: "fulfilled",
                ..
            })
        ));
        // Money that is promised is enough: it may come on delivery.
        let promise = PaymentStep::Authorized {
            attempt: AttemptId::from_u128(2),
        };
        shop.step(unpaid.id, promise).await.expect(cells.kind);
        let all = unpaid
            .lines
            .iter()
            .map(|line| units(line.id, line.quantity.get()));
        pack(&shop, parcel(1, unpaid.id, all.collect()))
            .await
            .expect(cells.kind);
        move_on(&shop, unpaid.id, 1, FulfilmentStep::Deliver)
            .await
            .expect(cells.kind);
        assert_eq!(shop.view(unpaid.id).await.status, OrderStatus::Pending);
        let state = shop.step(unpaid.id, paid(2)).await.expect(cells.kind);
        assert_eq!(state.status, OrderStatus::Completed, "{}", cells.kind);

        let placed = shop.paid(1).await;
        let pots = placed.lines[0].id;
        for wrong in [
            vec![],
            vec![units(pots, 3)],
            vec![units(pots, 1), units(pots, 1)],
            vec![units(LineId::from_u128(999), 1)],
        ] {
            let refused = pack(&shop, parcel(3, placed.id, wrong)).await;
            let field = match refused {
                Err(OrderError::Invalid { field, .. }) => field,
                other => panic!("{}: {other:?}", cells.kind),
            };
            assert_eq!(field, "lines", "{}", cells.kind);
        }
        let mut script = parcel(3, placed.id, vec![units(pots, 1)]);
        script.tracking = Some(Tracking {
            carrier: None,
            number: "1".to_owned(),
            url: Some("javascript:alert(1)".to_owned()),
        });
        let refused = pack(&shop, script).await;
        assert!(
            matches!(refused, Err(OrderError::Invalid { field, .. }) if field == "tracking.url")
        );
        assert_eq!(shop.view(placed.id).await.fulfilments, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_is_unpacked_goes_back_where_it_came_from() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let new = parcel(1, placed.id, vec![units(placed.lines[0].id, 2)]);
        let taken = new.taken.clone();
        pack(&shop, new).await.expect(cells.kind);
        let canceled = move_on(&shop, placed.id, 1, FulfilmentStep::Cancel).await;
        assert_eq!(
            canceled.expect(cells.kind),
            (FulfilmentState::Canceled, taken)
        );
        // Once: a second answer would be put back twice.
        let again = move_on(&shop, placed.id, 1, FulfilmentStep::Cancel).await;
        assert_eq!(
            again.expect(cells.kind),
            (FulfilmentState::Canceled, vec![])
        );
        let view = shop.view(placed.id).await;
        assert_eq!(
            view.fulfilment_status,
            FulfilmentStatus::NotFulfilled,
            "{}",
            cells.kind
        );
        assert_eq!(view.lines[0].fulfilled, 0, "{}", cells.kind);
        let refused = move_on(&shop, placed.id, 1, FulfilmentStep::Deliver).await;
        assert!(matches!(
            refused,
            Err(OrderError::Transition {
                step: "delivered",
                ..
            })
        ));
        let unknown = move_on(&shop, placed.id, 9, FulfilmentStep::Deliver).await;
        assert!(
            matches!(unknown, Err(OrderError::NotFound)),
            "{}",
            cells.kind
        );
    }
}

async fn announce(
    shop: &Shop<'_>,
    order: OrderId,
    id: u128,
    lines: Vec<(LineUnits, Option<String>)>,
) -> Result<ReturnView, OrderError> {
    let new = NewReturn {
        id: ReturnId::from_u128(id),
        order,
        lines,
        exchange: Vec::new(),
    };
    shop.run(async move |tx, orders, cause| orders.open_return(tx, &new, cause).await)
        .await
}

async fn end_return(
    shop: &Shop<'_>,
    order: OrderId,
    id: u128,
    state: ReturnState,
    received: Vec<LineUnits>,
) -> Result<ReturnView, OrderError> {
    shop.run(async move |tx, orders, cause| {
        let id = ReturnId::from_u128(id);
        orders
            .close_return(tx, order, id, state, &received, cause)
            .await
    })
    .await
}

#[tokio::test]
async fn goods_come_back_at_most_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = delivered(&shop, 1).await;
        let pots = placed.lines[0].id;
        let open = async |id: u128, count: u32| {
            let lines = vec![(units(pots, count), Some("broken".to_owned()))];
            announce(&shop, placed.id, id, lines).await
        };
        let end = async |id: u128, state: ReturnState, received: Vec<LineUnits>| {
            end_return(&shop, placed.id, id, state, received).await
        };
        open(1, 2).await.expect(cells.kind);
        open(1, 2).await.expect("the same return again");
        assert!(
            matches!(open(2, 1).await, Err(OrderError::Invalid { .. })),
            "{}",
            cells.kind
        );
        // One of two arrived; the other may be announced anew.
        let too_many = end(1, ReturnState::Received, vec![units(pots, 3)]).await;
        assert!(
            matches!(too_many, Err(OrderError::Invalid { .. })),
            "{}",
            cells.kind
        );
        let one = vec![units(pots, 1)];
        let ended = end(1, ReturnState::Received, one.clone())
            .await
            .expect(cells.kind);
        assert_eq!(
            (ended.state, ended.lines[0].received),
            (ReturnState::Received, 1)
        );
        let again = end(1, ReturnState::Received, one).await.expect(cells.kind);
        assert_eq!(again, ended, "{}", cells.kind);
        let other = end(1, ReturnState::Refused, vec![]).await;
        assert!(matches!(
            other,
            Err(OrderError::Transition {
                step: "returned",
                ..
            })
        ));
        open(2, 1).await.expect(cells.kind);
        end(2, ReturnState::Refused, vec![])
            .await
            .expect(cells.kind);
        let view = shop.view(placed.id).await;
        assert_eq!(
            (view.lines[0].returned, view.returns.len()),
            (1, 2),
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.facts::<ReturnChanged>().await.len(),
            4,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn an_exchange_reopens_the_order_until_it_is_sent_or_off() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = delivered(&shop, 1).await;
        assert_eq!(shop.view(placed.id).await.status, OrderStatus::Completed);
        let new = NewReturn {
            id: ReturnId::from_u128(1),
            order: placed.id,
            lines: vec![(units(placed.lines[0].id, 1), None)],
            exchange: vec![line(77, "Teapot, red", 1, 2_000)],
        };
        let (order, exchange) = (placed.id, new.exchange[0].id);
        let opened =
            shop.run(async move |tx, orders, cause| orders.open_return(tx, &new, cause).await);
        let opened = opened.await.expect(cells.kind);
        assert_eq!(opened.exchange, [units(exchange, 1)], "{}", cells.kind);
        let view = shop.view(order).await;
        assert_eq!(
            (view.status, view.fulfilment_status, view.lines.len()),
            (
                OrderStatus::Pending,
                FulfilmentStatus::PartiallyDelivered,
                3
            )
        );
        // The sums are those of the sale.
        assert_eq!(view.totals, placed.totals, "{}", cells.kind);

        let end = async |state: ReturnState| {
            shop.run(async move |tx, orders, cause| {
                let id = ReturnId::from_u128(1);
                orders.close_return(tx, order, id, state, &[], cause).await
            })
            .await
        };
        pack(&shop, parcel(2, order, vec![units(exchange, 1)]))
            .await
            .expect(cells.kind);
        let refused = end(ReturnState::Canceled).await;
        assert!(matches!(refused, Err(OrderError::Invalid { field, .. }) if field == "exchange"));
        move_on(&shop, order, 2, FulfilmentStep::Cancel)
            .await
            .expect(cells.kind);
        let off = end(ReturnState::Canceled).await.expect(cells.kind);
        assert_eq!(off.exchange, [], "{}", cells.kind);
        let view = shop.view(order).await;
        assert_eq!(
            (view.status, view.fulfilment_status, view.lines.len()),
            (OrderStatus::Completed, FulfilmentStatus::Delivered, 2),
            "{}",
            cells.kind
        );
    }
}
