//! Money that goes back: never more than was taken, never twice.

use futures_util::future::join_all;
use serde_json::json;
use stoa_contracts::payments::{AttemptState, RefundError, RefundState};
use stoa_kernel::{AttemptId, CustomerId, OrderId};

use crate::books::Books;
use crate::shop::{Line, Shop};

async fn paid(shop: &Shop, token: &str) -> (OrderId, AttemptId) {
    let (order, attempt) = shop.opened(token).await;
    let state = shop.payments().drive(shop.tenant, attempt).await;
    assert_eq!(state.expect(shop.cells.kind), AttemptState::Succeeded);
    (order, attempt)
}

/// What the provider itself gave back.
async fn given_back(shop: &Shop, order: OrderId) -> i64 {
    let path = format!("/v1/intents?account={}&order_id={order}", shop.tenant);
    let intents = shop.provider.get(&path).await;
    let all = intents["data"].as_array().unwrap();
    all.iter()
        .map(|intent| intent["refunded"].as_i64().unwrap())
        .sum()
}

#[tokio::test]
async fn fifty_refunds_at_once_never_exceed_the_capture() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = paid(&shop, "tok_success").await;
        let refunds: Vec<_> = (0..50).map(|_| shop.refund(order, 100)).collect();
        let opening = refunds
            .iter()
            .map(|refund| shop.open_refund(refund.clone()));
        let mut open = Vec::new();
        for outcome in join_all(opening).await {
            match outcome {
                Ok(view) => open.push(view.id),
                Err(RefundError::TooMuch { asked, left }) => {
                    assert_eq!((asked, left), (100, 0), "{kind}");
                }
                Err(other) => panic!("{kind}: {other}"),
            }
        }
        assert_eq!(open.len(), 25, "{kind}");
        assert_eq!(shop.view(attempt).await.refunded.amount, 2500, "{kind}");
        // Each driven by two at once.
        let driving = open.iter().chain(&open);
        let driving = driving.map(|&id| shop.payments().drive_refund(shop.tenant, id));
        for outcome in join_all(driving).await {
            let state = outcome.expect(kind).state;
            assert!(state != RefundState::Failed, "{kind}");
        }
        for &id in &open {
            let view = shop
                .payments()
                .drive_refund(shop.tenant, id)
                .await
                .expect(kind);
            assert_eq!(view.state, RefundState::Succeeded, "{kind}");
        }
        assert_eq!(given_back(&shop, order).await, 2500, "{kind}");
        let booked = shop.booked().await;
        let back: Vec<i64> = booked
            .iter()
            .filter(|(what, _)| what == "refunded test")
            .map(|(_, amount)| *amount)
            .collect();
        assert_eq!(back, vec![100; 25], "{kind}");
    }
}

#[tokio::test]
async fn a_refund_without_an_answer_is_found_by_our_id() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, _) = paid(&shop, "tok_refund_timeout").await;
        let refund = shop.open_refund(shop.refund(order, 700)).await.expect(kind);
        let lost = shop.payments().drive_refund(shop.tenant, refund.id).await;
        assert!(
            matches!(lost, Err(RefundError::Unreachable { .. })),
            "{kind}: {lost:?}"
        );
        let found = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(
            (found.state, found.amount.amount),
            (RefundState::Succeeded, 700),
            "{kind}"
        );
        assert_eq!(found.memo, json!({ "return": 7 }), "{kind}");
        assert_eq!(given_back(&shop, order).await, 700, "{kind}");
        let listed = shop
            .get(&format!("/api/v1/admin/refunds?order_id={order}"))
            .await
            .1;
        assert_eq!(listed["data"][0]["id"], refund.id.to_string(), "{kind}");
        let one = shop
            .get(&format!("/api/v1/admin/refunds/{}", refund.id))
            .await;
        assert_eq!(
            (one.0, &one.1["state"]),
            (200, &json!("succeeded")),
            "{kind}"
        );
        let none = shop.get(&format!("/api/v1/admin/refunds/{order}")).await;
        assert_eq!(
            (none.0, &none.1["code"]),
            (404, &json!("refund_not_found")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_refused_refund_frees_what_it_had_set_aside() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = paid(&shop, "tok_refund_decline").await;
        let refund = shop
            .open_refund(shop.refund(order, 2500))
            .await
            .expect(kind);
        assert_eq!(shop.view(attempt).await.refunded.amount, 2500, "{kind}");
        let view = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(view.state, RefundState::Failed, "{kind}");
        assert_eq!(
            view.failure.as_deref(),
            Some("2500: refund_refused"),
            "{kind}"
        );
        assert_eq!(shop.view(attempt).await.refunded.amount, 0, "{kind}");
        assert_eq!(
            shop.booked().await,
            [("captured test".to_owned(), 2500)],
            "{kind}"
        );
        shop.open_refund(shop.refund(order, 2500))
            .await
            .expect(kind);
    }
}

#[tokio::test]
async fn the_newest_attempt_gives_first_then_older_ones_then_gift_cards() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = paid(&shop, "tok_success").await;
        Books::paid_by_card(&shop.cells.db(shop.tenant).await, order, 400).await;
        let refund = shop
            .open_refund(shop.refund(order, 2700))
            .await
            .expect(kind);
        assert_eq!(shop.view(attempt).await.refunded.amount, 2500, "{kind}");
        let view = shop
            .payments()
            .drive_refund(shop.tenant, refund.id)
            .await
            .expect(kind);
        assert_eq!(
            (view.state, view.amount.amount),
            (RefundState::Succeeded, 2700),
            "{kind}"
        );
        let booked = shop.booked().await;
        assert!(
            booked.contains(&("given back".to_owned(), 200)),
            "{kind}: {booked:?}"
        );
        assert!(
            booked.contains(&("refunded test".to_owned(), 2500)),
            "{kind}: {booked:?}"
        );
        // 200 are left on the card's side; what is refused leaves nothing behind.
        let error = shop
            .open_refund(shop.refund(order, 201))
            .await
            .expect_err(kind);
        assert!(
            matches!(
                error,
                RefundError::TooMuch {
                    asked: 201,
                    left: 200
                }
            ),
            "{kind}: {error}"
        );
        let rest = shop.open_refund(shop.refund(order, 200)).await.expect(kind);
        assert_eq!(
            rest.state,
            RefundState::Succeeded,
            "{kind}: no provider is needed"
        );
    }
}

#[tokio::test]
async fn store_credit_takes_the_place_of_the_way_it_came() {
    for shop in Shop::everywhere().await {
        let kind = shop.cells.kind;
        let (order, attempt) = paid(&shop, "tok_success").await;
        let mut refund = shop.refund(order, 300);
        refund.store_credit = Some(CustomerId::from_u128(5));
        let first = shop.open_refund(refund.clone()).await.expect(kind);
        assert_eq!(first.state, RefundState::Succeeded, "{kind}");
        // The same once more changes nothing.
        let again = shop.open_refund(refund).await.expect(kind);
        assert_eq!((again.id, again.state), (first.id, first.state), "{kind}");
        assert_eq!(shop.view(attempt).await.refunded.amount, 300, "{kind}");
        let booked = shop.booked().await;
        assert!(
            booked.contains(&("credit".to_owned(), 300)),
            "{kind}: {booked:?}"
        );
        assert_eq!(given_back(&shop, order).await, 0, "{kind}");
        let all = shop
            .payments()
            .refunds_of(shop.tenant, order)
            .await
            .expect(kind);
        assert_eq!(all.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_refund_is_above_zero_in_the_currency_paid_and_its_reason_no_card() {
    let shop = Shop::everywhere().await.remove(0);
    let (order, _) = paid(&shop, "tok_success").await;
    let field = async |change: fn(&mut stoa_contracts::payments::NewRefund)| {
        let mut refund = shop.refund(order, 100);
        change(&mut refund);
        match shop.open_refund(refund).await {
            Err(RefundError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(field(|refund| refund.amount.amount = 0).await, "amount");
    assert_eq!(
        field(|refund| refund.amount.currency = stoa_kernel::Currency::USD).await,
        "amount.currency"
    );
    assert_eq!(
        field(|refund| refund.reason = Some("card 4111 1111 1111 1111".to_owned())).await,
        "reason"
    );
    let missing = shop
        .payments()
        .drive_refund(shop.tenant, shop.refund(order, 1).id)
        .await;
    assert!(matches!(missing, Err(RefundError::NotFound)));
    // Over a dead line the amount stays set aside.
    let refund = shop.open_refund(shop.refund(order, 2000)).await.unwrap();
    shop.provider.line(Line::CutBefore);
    let lost = shop.payments().drive_refund(shop.tenant, refund.id).await;
    assert!(
        matches!(lost, Err(RefundError::Unreachable { .. })),
        "{lost:?}"
    );
    let error = shop
        .open_refund(shop.refund(order, 501))
        .await
        .expect_err("too much");
    assert!(
        matches!(
            error,
            RefundError::TooMuch {
                asked: 501,
                left: 500
            }
        ),
        "{error}"
    );
}
