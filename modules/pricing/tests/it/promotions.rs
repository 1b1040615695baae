//! Promotions from the merchant's hand to the quote, and what a quote asks the database.

use serde_json::json;
use stoa_contracts::pricing::{CouponRefusal, Quote};

use crate::support::{Shop, euros, everywhere, line, request};

const ALL: &str = "/api/v1/admin/promotions";

async fn quoted(shop: &Shop, codes: &[&str]) -> Quote {
    let mut asked = request(vec![line(1, 2), line(2, 1)], Some("express"));
    asked.coupons = codes.iter().map(|&code| code.to_owned()).collect();
    shop.quote(asked).await.expect("a quote")
}

async fn open(cells: &stoa_testkit::TestCells, slug: &str) -> Shop {
    let shop = Shop::open(cells, slug).await;
    let settings = shop
        .pricing
        .ensure_settings(shop.tenant, stoa_kernel::Currency::EUR);
    settings.await.expect("settings");
    shop.set(&[euros(1, 1_000), euros(2, 500)])
        .await
        .expect("prices");
    shop
}

#[tokio::test]
async fn a_quote_without_promotions_is_two_statements() {
    for cells in everywhere().await {
        let shop = open(&cells, "counted").await;
        let statements = async |codes: &[&str]| {
            quoted(&shop, codes).await;
            let before = shop.statements();
            quoted(&shop, codes).await;
            shop.statements() - before
        };
        // The mark of the terms and the prices.
        assert_eq!(statements(&[]).await, 2, "{}", cells.kind);
        shop.promote(json!({"title": "Ten", "codes": ["ten"], "benefit": {"kind": "percentage", "rate_ppm": 100_000}})).await;
        assert_eq!(statements(&["ten"]).await, 2, "{}", cells.kind);
        assert_eq!(*shop.catalog.asked_collections.lock(), 0, "{}", cells.kind);
        shop.promote(
            json!({"title": "Few", "codes": ["few"], "budget": {"uses_max": 3},
            "benefit": {"kind": "percentage", "rate_ppm": 100_000}}),
        )
        .await;
        assert_eq!(statements(&["few"]).await, 3, "{}", cells.kind);
        assert_eq!(statements(&["ten"]).await, 2, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_coupon_is_made_changed_and_removed() {
    for cells in everywhere().await {
        let shop = open(&cells, "coupon").await;
        assert_eq!(
            quoted(&shop, &["ten"]).await.refused_coupons[0].reason,
            CouponRefusal::Unknown
        );
        let terms = json!({"title": "Ten", "codes": ["TEN"], "benefit": {"kind": "percentage", "rate_ppm": 100_000},
            "target": {"kind": "collections", "handles": ["summer"]}});
        let made = shop.promote(terms.clone()).await;
        assert_eq!(shop.promote(terms.clone()).await, made, "{}", cells.kind);
        let quote = quoted(&shop, &["ten"]).await;
        // Both lines are of product 1: 10 % of 2500, and the delivery's 1290.
        assert_eq!(quote.totals.total.amount, 2_250 + 1_290, "{}", cells.kind);
        assert_eq!(quote.promotions[0].amount.amount, 250, "{}", cells.kind);
        let off: Vec<i64> = quote
            .lines
            .iter()
            .map(|line| line.adjustments[0].amount.amount)
            .collect();
        assert_eq!(off, [200, 50], "{}", cells.kind);
        // Net of 20 %: of 2000 less 200 stay 1500, of 500 less 50 stay 375.
        assert_eq!(quote.totals.discount.amount, 167 + 42, "{}", cells.kind);
        assert_eq!(
            quote.taxes.iter().map(|tax| tax.amount.amount).sum::<i64>(),
            quote.totals.tax.amount
        );
        let path = format!("{ALL}/{}", made["id"].as_str().expect("an id"));
        let mut changed = terms.clone();
        changed["benefit"]["rate_ppm"] = json!(200_000);
        let stale = [("if-match", "\"7\"")];
        let refused = shop.send("PUT", &path, &stale, Some(changed.clone())).await;
        assert_eq!(refused.status, 412, "{}", cells.kind);
        let set = shop
            .send("PUT", &path, &[("if-match", "\"1\"")], Some(changed))
            .await;
        assert_eq!(
            (set.status, set.header("etag")),
            (200, "\"2\""),
            "{}: {}",
            cells.kind,
            set.json
        );
        assert_eq!(
            quoted(&shop, &["ten"]).await.promotions[0].amount.amount,
            500,
            "{}",
            cells.kind
        );
        let gone = shop.send("DELETE", &path, &[], None).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        assert_eq!(
            quoted(&shop, &["ten"]).await.promotions,
            [],
            "{}",
            cells.kind
        );
        assert_eq!(
            shop.send("GET", &path, &[], None).await.status,
            404,
            "{}",
            cells.kind
        );
        // Its code is free again.
        let mut again = terms;
        again["title"] = json!("Again");
        shop.promote(again).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_promotion_names_the_field() {
    for cells in everywhere().await {
        let shop = open(&cells, "flaws").await;
        let ten = json!({"kind": "percentage", "rate_ppm": 100_000});
        shop.promote(json!({"title": "First", "codes": ["Taken"], "benefit": ten}))
            .await;
        let post = async |key: &str, body: serde_json::Value| {
            shop.send("POST", ALL, &[("idempotency-key", key)], Some(body))
                .await
        };
        let twin = post(
            "a",
            json!({"title": "Twin", "codes": ["free", " tAKEN"], "benefit": ten}),
        )
        .await;
        assert_eq!(twin.refusal().1, "coupon_code_taken", "{}", cells.kind);
        for (key, body, field) in [
            ("b", json!({"title": " ", "benefit": ten}), "title"),
            (
                "c",
                json!({"title": "x", "benefit": {"kind": "percentage", "rate_ppm": 1_000_001}}),
                "benefit.rate_ppm",
            ),
            (
                "d",
                json!({"title": "x", "benefit": ten, "target": {"kind": "products", "ids": []}}),
                "target",
            ),
            (
                "e",
                json!({"title": "x", "benefit": ten, "budget": {"uses_max": 0}}),
                "budget.uses_max",
            ),
            (
                "f",
                json!({"title": "x", "benefit": {"kind": "buy_get", "buy": 0, "get": 1}}),
                "benefit.buy",
            ),
        ] {
            let refused = post(key, body).await;
            assert_eq!(
                refused.refusal(),
                (422, "invalid_request", field),
                "{}",
                cells.kind
            );
        }
        let listed = shop.send("GET", ALL, &[], None).await;
        assert_eq!(
            listed.json["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_promotion_whose_uses_orders_hold_stays() {
    for cells in everywhere().await {
        let shop = open(&cells, "held").await;
        let ten = json!({"kind": "percentage", "rate_ppm": 100_000});
        let terms = json!({"title": "Held", "benefit": ten, "budget": {"uses_max": 5}});
        let made = shop.promote(terms.clone()).await;
        let applied = quoted(&shop, &[]).await.promotions;
        shop.redeem(1, applied.clone(), "a@b.de")
            .await
            .expect("a use");
        shop.redeem(2, applied, "a@b.de").await.expect("a use");
        let path = format!("{ALL}/{}", made["id"].as_str().expect("an id"));
        let kept = shop.send("DELETE", &path, &[], None).await;
        assert_eq!(
            (kept.status, kept.refusal().1),
            (409, "promotion_in_use"),
            "{}",
            cells.kind
        );
        let mut fewer = terms;
        fewer["budget"]["uses_max"] = json!(1);
        let refused = shop.send("PUT", &path, &[], Some(fewer.clone())).await;
        assert_eq!(refused.refusal().2, "budget.uses_max", "{}", cells.kind);
        fewer["budget"]["uses_max"] = json!(2);
        assert_eq!(
            shop.send("PUT", &path, &[], Some(fewer)).await.status,
            200,
            "{}",
            cells.kind
        );
        // An automatic one that is used up just stays away.
        let quote = quoted(&shop, &[]).await;
        assert_eq!(
            (quote.promotions.len(), quote.refused_coupons.len()),
            (0, 0),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn promotions_of_one_shop_are_not_those_of_another() {
    for cells in everywhere().await {
        let ours = open(&cells, "our-promotions").await;
        let theirs = open(&cells, "their-promotions").await;
        let made = ours
            .promote(json!({"title": "Ours", "codes": ["x"], "benefit": {"kind": "free_shipping"}}))
            .await;
        theirs.promote(json!({"title": "Theirs", "codes": ["x"], "benefit": {"kind": "percentage", "rate_ppm": 500_000}})).await;
        let path = format!("{ALL}/{}", made["id"].as_str().expect("an id"));
        assert_eq!(
            theirs.send("GET", &path, &[], None).await.status,
            404,
            "{}",
            cells.kind
        );
        assert_eq!(
            theirs.send("DELETE", &path, &[], None).await.status,
            404,
            "{}",
            cells.kind
        );
        assert_eq!(
            quoted(&ours, &["x"]).await.totals.total.amount,
            2_500,
            "{}",
            cells.kind
        );
        assert_eq!(
            quoted(&theirs, &["x"]).await.totals.total.amount,
            1_250 + 1_290,
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn what_another_process_changed_holds_at_the_next_quote() {
    for cells in everywhere().await {
        let here = open(&cells, "processes").await;
        let there = here.elsewhere(&cells);
        let total = async || quoted(&there, &[]).await.totals.total.amount;
        assert_eq!(total().await, 2_500 + 1_290, "{}", cells.kind);
        let free = json!({"title": "Free", "benefit": {"kind": "free_shipping"}});
        let made = here.promote(free).await;
        assert_eq!(total().await, 2_500, "{}", cells.kind);
        let path = format!("{ALL}/{}", made["id"].as_str().expect("an id"));
        here.send("DELETE", &path, &[], None).await;
        let options = json!({"options": [{"id": "express", "name": "Express",
            "price": {"amount": 100, "currency": "EUR"}}]});
        let set = here
            .send("PUT", "/api/v1/admin/shipping", &[], Some(options))
            .await;
        assert_eq!(set.status, 200, "{}", cells.kind);
        assert_eq!(total().await, 2_600, "{}", cells.kind);
        let tax = json!({"rate_ppm": 100_000, "prices_include_tax": false});
        let set = here.send("PUT", "/api/v1/admin/tax", &[], Some(tax)).await;
        assert_eq!(set.status, 200, "{}", cells.kind);
        // 10 % of 2000, of 500 and of 100 on top.
        assert_eq!(total().await, 2_860, "{}", cells.kind);
    }
}
