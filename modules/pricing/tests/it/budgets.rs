//! Budgets: uses are taken first come, first served, and given back once, however many ask.

use serde_json::json;
use stoa_contracts::pricing::{AppliedPromotion, CouponRefusal, RedeemError};
use stoa_kernel::{Currency, Money};

use crate::support::{Shop, euros, everywhere, line, request};

fn applied(promotion: &serde_json::Value) -> AppliedPromotion {
    AppliedPromotion {
        promotion_id: promotion["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("an id"),
        code: Some("five".to_owned()),
        title: promotion["title"].as_str().expect("a title").to_owned(),
        amount: Money::new(1, Currency::EUR),
    }
}

fn coupon(title: &str, budget: serde_json::Value) -> serde_json::Value {
    json!({"title": title, "codes": [title], "budget": budget,
        "benefit": {"kind": "percentage", "rate_ppm": 100_000}})
}

/// Asks for so many orders at once; how many got a use.
async fn all_at_once(
    shop: &Shop,
    promotion: &AppliedPromotion,
    buyers: u128,
    email: fn(u128) -> String,
) -> usize {
    let mut asking = tokio::task::JoinSet::new();
    for order in 0..buyers {
        let (shop, promotion) = (shop.clone(), promotion.clone());
        asking.spawn(async move { shop.redeem(order, vec![promotion], &email(order)).await });
    }
    let mut got = 0;
    for answer in asking.join_all().await {
        match answer {
            Ok(()) => got += 1,
            Err(RedeemError::UsedUp { title, code }) => {
                assert_eq!((title.as_str(), code.as_deref()), ("five", Some("five")));
            }
            Err(RedeemError::Storage(error)) => panic!("{error}"),
        }
    }
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_buyers_get_five_uses() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "five-uses").await;
        let made = shop.promote(coupon("five", json!({"uses_max": 5}))).await;
        let promotion = applied(&made);
        let got = all_at_once(&shop, &promotion, 200, |order| {
            format!("{order}@example.com")
        })
        .await;
        assert_eq!((got, shop.uses(&made).await), (5, 5), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_buyer_with_many_orders_gets_two_uses() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "two-each").await;
        let made = shop
            .promote(coupon("five", json!({"per_customer_max": 2})))
            .await;
        let promotion = applied(&made);
        // However the address is written.
        let got = all_at_once(&shop, &promotion, 50, |order| match order % 2 {
            0 => "Ada@Example.com ".to_owned(),
            _ => "ada@example.com".to_owned(),
        })
        .await;
        assert_eq!((got, shop.uses(&made).await), (2, 2), "{}", cells.kind);
        shop.redeem(1_000, vec![promotion], "bob@example.com")
            .await
            .expect("Bob's first");
        assert_eq!(shop.uses(&made).await, 3, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_use_is_taken_and_given_back_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "idempotent").await;
        let budget = json!({"uses_max": 2, "per_customer_max": 1});
        let made = shop.promote(coupon("once", budget)).await;
        let free = shop.promote(coupon("free", json!({}))).await;
        for _ in 0..3 {
            let both = vec![applied(&made), applied(&free)];
            shop.redeem(1, both, "a@b.de").await.expect("a use");
        }
        assert_eq!(
            (shop.uses(&made).await, shop.uses(&free).await),
            (1, 0),
            "{}",
            cells.kind
        );
        let again = shop.redeem(2, vec![applied(&made)], "a@b.de").await;
        assert!(
            matches!(again, Err(RedeemError::UsedUp { .. })),
            "{}",
            cells.kind
        );
        assert_eq!(shop.uses(&made).await, 1, "{}", cells.kind);
        for _ in 0..2 {
            shop.unredeem(1).await;
        }
        assert_eq!(shop.uses(&made).await, 0, "{}", cells.kind);
        shop.redeem(2, vec![applied(&made)], "a@b.de")
            .await
            .expect("free again");
        // An order without promotions any more gives back what it held.
        shop.redeem(2, Vec::new(), "a@b.de")
            .await
            .expect("nothing to take");
        assert_eq!(shop.uses(&made).await, 0, "{}", cells.kind);
    }
}

#[tokio::test]
async fn an_order_that_is_tried_again_by_another_buyer_uses_up_theirs() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "other-buyer").await;
        let made = shop
            .promote(coupon("each", json!({"per_customer_max": 1})))
            .await;
        let redeem = async |order, email: &str| {
            let asked = shop.redeem(order, vec![applied(&made)], email).await;
            match asked {
                Ok(()) => true,
                Err(RedeemError::UsedUp { .. }) => false,
                Err(RedeemError::Storage(error)) => panic!("{}: {error}", cells.kind),
            }
        };
        assert!(redeem(1, "ada@b.de").await, "{}", cells.kind);
        // Declined, and tried again under another address.
        assert!(redeem(1, "bob@b.de").await, "{}", cells.kind);
        assert_eq!(shop.uses(&made).await, 1, "{}", cells.kind);
        assert!(
            !redeem(2, "bob@b.de").await,
            "{}: Bob's is used",
            cells.kind
        );
        assert!(redeem(3, "ada@b.de").await, "{}: Ada's is back", cells.kind);
        // Who has none left takes over no order, and the order keeps what it holds.
        assert!(!redeem(3, "bob@b.de").await, "{}", cells.kind);
        assert!(!redeem(4, "ada@b.de").await, "{}", cells.kind);
        assert_eq!(shop.uses(&made).await, 2, "{}", cells.kind);
        shop.unredeem(1).await;
        assert!(redeem(4, "bob@b.de").await, "{}: Bob's is back", cells.kind);
        assert_eq!(shop.uses(&made).await, 2, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_refusal_takes_none_and_keeps_what_was_held() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "all-or-none").await;
        let mut made = Vec::new();
        for title in ["a", "b", "c"] {
            made.push(shop.promote(coupon(title, json!({"uses_max": 1}))).await);
        }
        shop.redeem(1, vec![applied(&made[0])], "a@b.de")
            .await
            .expect("a");
        shop.redeem(2, vec![applied(&made[2])], "b@b.de")
            .await
            .expect("c");
        let wanted = vec![applied(&made[2]), applied(&made[1])];
        let refused = shop.redeem(1, wanted, "a@b.de").await;
        assert!(
            matches!(&refused, Err(RedeemError::UsedUp { title, .. }) if title == "c"),
            "{}: {refused:?}",
            cells.kind
        );
        let mut uses = Vec::new();
        for each in &made {
            uses.push(shop.uses(each).await);
        }
        assert_eq!(uses, [1, 0, 1], "{}", cells.kind);
        // Another choice replaces the first.
        shop.redeem(1, vec![applied(&made[1])], "a@b.de")
            .await
            .expect("b");
        assert_eq!(
            (shop.uses(&made[0]).await, shop.uses(&made[1]).await),
            (0, 1),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_refusal_inside_a_transaction_that_goes_on_takes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "goes-on").await;
        let one = shop.promote(coupon("one", json!({"uses_max": 5}))).await;
        let two = shop
            .promote(coupon("two", json!({"per_customer_max": 1})))
            .await;
        shop.redeem(1, vec![applied(&two)], "a@b.de")
            .await
            .expect("a use");
        let (asking, wanted) = (shop.clone(), vec![applied(&one), applied(&two)]);
        let refused = shop
            .db
            .write(async move |tx: &mut stoa_storage::Tx<'_>| {
                let redemption = stoa_contracts::pricing::Redemption {
                    order: stoa_kernel::OrderId::from_u128(2),
                    promotions: &wanted,
                    email: Some("a@b.de"),
                    customer: None,
                };
                let cause = stoa_storage::Cause::system(asking.now);
                let answer = asking.pricing.redeem(tx, redemption, &cause).await;
                Ok::<_, stoa_storage::Error>(answer.is_err())
            })
            .await
            .expect("a commit");
        assert!(refused, "{}", cells.kind);
        assert_eq!(
            (shop.uses(&one).await, shop.uses(&two).await),
            (0, 1),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_quote_tells_what_is_used_up() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "used-up").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let made = shop
            .promote(coupon("Last", json!({"per_customer_max": 1})))
            .await;
        shop.redeem(1, vec![applied(&made)], "a@b.de")
            .await
            .expect("the last");
        let mut asked = request(vec![line(1, 1)], None);
        asked.coupons = vec!["last".to_owned()];
        asked.email = Some("A@B.de".to_owned());
        let quote = shop.quote(asked.clone()).await.expect("a quote");
        assert_eq!(
            quote.refused_coupons[0].reason,
            CouponRefusal::UsedUp,
            "{}",
            cells.kind
        );
        assert_eq!(quote.totals.total.amount, 1_000, "{}", cells.kind);
        asked.email = Some("c@d.de".to_owned());
        let quote = shop.quote(asked).await.expect("a quote");
        assert_eq!(quote.refused_coupons, [], "{}", cells.kind);
        assert_eq!(quote.totals.total.amount, 900, "{}", cells.kind);
    }
}
