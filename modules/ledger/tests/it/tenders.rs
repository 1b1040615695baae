//! Cards and store credit as means of payment: held, spent, released, given back.

use std::time::Duration;

use serde_json::json;
use stoa_contracts::ledger::{GiftCardError, GiftCardStranded};
use stoa_kernel::{Clock as _, Currency, Money};

use crate::support::{Card, Shop, customer, eur, everywhere, order, refund, text};

fn refused<T: std::fmt::Debug>(answer: Result<T, GiftCardError>) -> (usize, String) {
    match answer {
        Err(GiftCardError::Refused { position, reason }) => (position, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_pay_in_order_and_credit_pays_the_rest() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let (a, b) = (shop.card(300).await, shop.card(500).await);
        assert_eq!(shop.adjust(customer(1), 1_000).await.status, 200);
        let held = shop.hold(order(1), &[&b, &a], Some(customer(1)), 900).await;
        assert_eq!(held.expect(cells.kind), 900);
        assert_eq!(shop.on(&b).await, (500, 500), "{}", cells.kind);
        assert_eq!(shop.on(&a).await, (300, 300), "{}", cells.kind);
        assert_eq!(shop.credit_on(customer(1)).await, (1_000, 100));
        for _ in 0..2 {
            assert_eq!(shop.spend(order(1)).await, 900, "{}", cells.kind);
        }
        assert_eq!(shop.on(&b).await, (0, 0), "{}", cells.kind);
        assert_eq!(shop.on(&a).await, (0, 0), "{}", cells.kind);
        assert_eq!(shop.credit_on(customer(1)).await, (900, 0));
        // Releasing afterwards changes nothing: it is spent.
        shop.release(order(1)).await;
        assert_eq!(
            shop.accounts().await,
            [
                ("gift_cards".to_owned(), 0),
                ("promotional".to_owned(), 1_800),
                ("sales".to_owned(), -900),
                ("store_credit".to_owned(), -900),
            ],
            "{}",
            cells.kind
        );
        assert_eq!(shop.told(&cells, &b).await, [500, 0], "{}", cells.kind);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_again_replaces_and_releasing_frees() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let (a, b) = (shop.card(300).await, shop.card(500).await);
        let hold = async |cards: &[&Card], due| {
            let held = shop.hold(order(1), cards, None, due).await;
            held.expect(cells.kind)
        };
        assert_eq!(hold(&[&a], 1_000).await, 300);
        assert_eq!(hold(&[&a, &a, &b], 400).await, 400);
        assert_eq!(
            (shop.on(&a).await, shop.on(&b).await),
            ((300, 300), (500, 100))
        );
        assert_eq!(hold(&[&b], 50).await, 50);
        assert_eq!(
            (shop.on(&a).await, shop.on(&b).await),
            ((300, 0), (500, 50))
        );
        for _ in 0..2 {
            shop.release(order(1)).await;
            assert_eq!(shop.on(&b).await, (500, 0), "{}", cells.kind);
        }
        assert_eq!(hold(&[&a], 10).await, 10);
        assert_eq!(hold(&[], 10).await, 0);
        assert_eq!(shop.on(&a).await, (300, 0), "{}", cells.kind);
        assert_eq!(shop.spend(order(1)).await, 0, "{}", cells.kind);
        assert_eq!(shop.spend(order(2)).await, 0, "{}", cells.kind);
        shop.release(order(2)).await;
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_cannot_pay_is_named_by_its_place_and_nothing_is_held() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let other = Shop::open(&cells, "other").await;
        let (good, spent) = (shop.card(300).await, shop.card(5).await);
        let (foreign, disabled) = (other.card(300).await, shop.card(300).await);
        shop.hold(order(9), &[&spent], None, 5).await.expect("5");
        shop.spend(order(9)).await;
        let path = format!("/api/v1/admin/gift-cards/{}/disable", disabled.id);
        assert_eq!(shop.post_json(&path, &json!({})).await.status, 200);
        let wrong = Card {
            code: good.code.replace('-', "x"),
            ..good.clone()
        };
        let cases = [
            (&foreign, "is not known"),
            (&wrong, "is not known"),
            (&spent, "is empty"),
            (&disabled, "has ended"),
        ];
        for (card, reason) in cases {
            let answer = shop.hold(order(1), &[&good, card], None, 500).await;
            assert_eq!(refused(answer), (2, reason.to_owned()), "{}", cells.kind);
            assert_eq!(shop.on(&good).await, (300, 0), "{}", cells.kind);
        }
        let dollars = Money::new(500, Currency::USD);
        let answer = shop.hold_codes(order(1), vec![good.code.clone()], None, dollars);
        let reason = "is in another currency".to_owned();
        assert_eq!(refused(answer.await), (1, reason), "{}", cells.kind);
        let many = vec![good.code.clone(); 11];
        let answer = shop.hold_codes(order(1), many, None, eur(500)).await;
        assert_eq!(refused(answer).0, 11, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_card_cannot_be_held_but_what_is_held_can_be_spent() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let end = cells.clock.now().plus(Duration::from_secs(60));
        let body = json!({ "amount": { "amount": 100, "currency": "EUR" }, "expires_at": end });
        let issued = shop.post_json("/api/v1/admin/gift-cards", &body).await.json;
        let card = Card {
            id: text(&issued["id"]),
            code: text(&issued["code"]),
        };
        let held = shop.hold(order(1), &[&card], None, 40).await;
        assert_eq!(held.expect(cells.kind), 40);
        cells.clock.advance(Duration::from_secs(60));
        let late = shop.hold(order(2), &[&card], None, 40).await;
        assert_eq!(refused(late), (1, "has ended".to_owned()), "{}", cells.kind);
        let left = shop
            .ledger
            .gift_card_balance(shop.tenant, &card.code, Currency::EUR)
            .await;
        assert_eq!(refused(left), (1, "has ended".to_owned()), "{}", cells.kind);
        assert_eq!(shop.spend(order(1)).await, 40, "{}", cells.kind);
        assert_eq!(shop.on(&card).await, (60, 0), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_back_to_what_paid_last_used_first_and_once_per_refund() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let (a, b) = (shop.card(300).await, shop.card(500).await);
        shop.adjust(customer(1), 100).await;
        let held = shop.hold(order(1), &[&a, &b], Some(customer(1)), 850).await;
        assert_eq!(held.expect(cells.kind), 850);
        // Held is not paid: nothing can come back yet.
        assert_eq!(shop.give_back(order(1), refund(9), 10).await, 0);
        assert_eq!(shop.spend(order(1)).await, 850, "{}", cells.kind);
        for _ in 0..2 {
            assert_eq!(shop.give_back(order(1), refund(1), 70).await, 70);
        }
        assert_eq!(
            shop.credit_on(customer(1)).await,
            (100, 0),
            "{}",
            cells.kind
        );
        assert_eq!(shop.on(&b).await, (20, 0), "{}", cells.kind);
        assert_eq!(shop.give_back(order(1), refund(2), 5_000).await, 780);
        assert_eq!((shop.on(&a).await, shop.on(&b).await), ((300, 0), (500, 0)));
        assert_eq!(shop.give_back(order(1), refund(3), 1).await, 0);
        assert_eq!(shop.give_back(order(2), refund(4), 1).await, 0);
        assert_eq!(shop.told(&cells, &b).await, [500, 0, 20, 500]);
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_as_credit_counts_once_and_can_be_spent() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        for _ in 0..2 {
            shop.credit(customer(1), refund(1), 250).await;
        }
        shop.credit(customer(1), refund(2), 50).await;
        assert_eq!(
            shop.credit_on(customer(1)).await,
            (300, 0),
            "{}",
            cells.kind
        );
        let held = shop.hold(order(1), &[], Some(customer(1)), 120).await;
        assert_eq!(held.expect(cells.kind), 120);
        // Another customer, and one who has none, hold nothing and are not refused.
        let none = shop.hold(order(2), &[], Some(customer(2)), 120).await;
        assert_eq!(none.expect(cells.kind), 0);
        assert_eq!(shop.spend(order(1)).await, 120, "{}", cells.kind);
        assert_eq!(
            shop.accounts().await,
            [("sales".to_owned(), 180), ("store_credit".to_owned(), -180)],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_may_be_paid_in_two_rounds() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "tenders").await;
        let (a, b) = (shop.card(300).await, shop.card(500).await);
        for (card, due, spent) in [(&a, 100, 100), (&a, 50, 150), (&b, 80, 230)] {
            let held = shop.hold(order(1), &[card], None, due).await;
            assert_eq!(held.expect(cells.kind), due);
            assert_eq!(shop.spend(order(1)).await, spent, "{}", cells.kind);
        }
        assert_eq!(shop.give_back(order(1), refund(1), 220).await, 220);
        assert_eq!((shop.on(&a).await, shop.on(&b).await), ((290, 0), (500, 0)));
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_onto_an_ended_card_is_told_and_moved_to_another() {
    for cells in everywhere().await {
        let (shop, kind) = (Shop::open(&cells, "tenders").await, cells.kind);
        let (ended, good) = (shop.card(300).await, shop.card(500).await);
        let held = shop.hold(order(1), &[&ended, &good], None, 800).await;
        assert_eq!(held.expect(kind), 800);
        assert_eq!(shop.spend(order(1)).await, 800, "{kind}");
        let path = format!("/api/v1/admin/gift-cards/{}/disable", ended.id);
        assert_eq!(shop.post_json(&path, &json!({})).await.status, 200);
        for _ in 0..2 {
            assert_eq!(shop.give_back(order(1), refund(1), 620).await, 620);
        }
        // It is owed, and people are told that its holder cannot have it.
        assert_eq!(shop.on(&ended).await, (120, 0), "{kind}");
        assert_eq!(shop.on(&good).await, (500, 0), "{kind}");
        let told: Vec<_> = shop
            .facts::<GiftCardStranded>(&cells)
            .await
            .into_iter()
            .map(|fact| {
                (
                    fact.gift_card.to_string(),
                    fact.order,
                    fact.refund,
                    fact.amount,
                )
            })
            .collect();
        let stranded = (ended.id.clone(), order(1), refund(1), eur(120));
        assert_eq!(told, [stranded], "{kind}");

        let instead = |of: &Card, amount: i64| {
            let amount = json!({ "amount": amount, "currency": "EUR" });
            json!({ "amount": amount, "replaces": of.id })
        };
        let cards = "/api/v1/admin/gift-cards";
        for (body, field) in [
            (instead(&ended, 121), "amount.amount"),
            (instead(&good, 1), "replaces"),
        ] {
            let refused = shop.post_json(cards, &body).await;
            assert_eq!(refused.refusal(), (422, "invalid_request"), "{kind}");
            assert_eq!(refused.json["errors"][0]["field"], field, "{kind}");
        }
        let key = shop.fresh_key();
        let mut codes = Vec::new();
        for _ in 0..2 {
            let made = shop.post_once(cards, &key, &instead(&ended, 120)).await;
            assert_eq!(made.status, 201, "{kind}: {}", made.json);
            codes.push((text(&made.json["id"]), text(&made.json["code"])));
        }
        assert_eq!(codes[0], codes[1], "{kind}");
        let (id, code) = codes.remove(0);
        assert_eq!(shop.on(&ended).await, (0, 0), "{kind}");
        let held = shop.hold(order(2), &[&Card { id, code }], None, 900).await;
        assert_eq!(held.expect(kind), 120);
        // What the shop gave stays what it gave.
        let accounts = shop.accounts().await;
        assert!(
            accounts.contains(&("promotional".to_owned(), 800)),
            "{kind}"
        );
        assert!(shop.mismatches().await.is_empty(), "{kind}");
    }
}
