//! Tax and delivery by destination, from the merchant's hand to the quote.

use serde_json::json;
use stoa_contracts::Destination;
use stoa_contracts::pricing::QuoteError;

use crate::support::{Shop, euros, everywhere, line, request};

const TAX: &str = "/api/v1/admin/tax";
const SHIPPING: &str = "/api/v1/admin/shipping";

fn to(country: &str) -> Destination {
    Destination {
        country: Some(country.to_owned()),
        region: None,
        postal_code: None,
    }
}

#[tokio::test]
async fn tax_follows_the_destination_the_category_and_the_buyer() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "regions").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let table = json!({"rate_ppm": 200_000, "prices_include_tax": false,
            "categories": [{"name": "books", "product_types": ["Book"]}],
            "regions": [{"place": {"country": "DE"}, "rates": [
                {"name": "MwSt.", "rate_ppm": 190_000},
                {"name": "MwSt. erm.", "rate_ppm": 70_000, "category": "books"}]}],
            "exemptions": [{"email": " Tax@Free.org"}]});
        let set = shop.send("PUT", TAX, &[], Some(table)).await;
        assert_eq!(set.status, 200, "{}: {}", cells.kind, set.json);
        // The address is nowhere to be read.
        assert!(
            !set.json.to_string().to_lowercase().contains("free.org"),
            "{}",
            cells.kind
        );
        let mut asked = request(vec![line(1, 1)], Some("standard"));
        let tax = async |asked: &stoa_contracts::pricing::QuoteRequest| {
            shop.quote(asked.clone())
                .await
                .expect("a quote")
                .totals
                .tax
                .amount
        };
        assert_eq!(tax(&asked).await, 200 + 98, "{}", cells.kind);
        asked.destination = to("DE");
        assert_eq!(tax(&asked).await, 190 + 93, "{}", cells.kind);
        asked.lines[0].product_type = Some("book".to_owned());
        assert_eq!(tax(&asked).await, 70 + 93, "{}", cells.kind);
        asked.email = Some("tax@free.org".to_owned());
        assert_eq!(tax(&asked).await, 0, "{}", cells.kind);
        // A client that knows only the rate leaves the rest as it is.
        let simple = json!({"rate_ppm": 100_000, "prices_include_tax": false});
        let set = shop
            .send("PUT", TAX, &[("if-match", "\"2\"")], Some(simple))
            .await;
        assert_eq!(
            set.json["regions"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
        asked.email = None;
        assert_eq!(tax(&asked).await, 70 + 93, "{}", cells.kind);
        asked.destination = to("FR");
        assert_eq!(tax(&asked).await, 100 + 49, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_zone_replaces_what_is_offered_everywhere_else() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "zones").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let before = shop.send("GET", SHIPPING, &[], None).await.json;
        let zones = json!([{"name": "Switzerland", "places": [{"country": "CH"}], "options": [
            {"id": "standard", "name": "Post", "rate": {"kind": "by_weight", "bands": [
                {"up_to_grams": 1_000, "price": {"amount": 900, "currency": "EUR"}}]}}]}]);
        let body = json!({"options": before["options"], "zones": zones});
        let set = shop.send("PUT", SHIPPING, &[], Some(body)).await;
        assert_eq!(
            (set.status, &set.json["zones"]),
            (200, &zones),
            "{}",
            cells.kind
        );
        let mut asked = request(vec![line(1, 2)], Some("standard"));
        let quote = shop.quote(asked.clone()).await.expect("a quote");
        assert_eq!(
            quote.shipping.expect("a delivery").price.amount,
            490,
            "{}",
            cells.kind
        );
        // The cart's choice stays when the address changes; its price follows.
        asked.destination = to("CH");
        asked.lines[0].grams = 500;
        let quote = shop.quote(asked.clone()).await.expect("a quote");
        assert_eq!(
            quote.shipping.expect("a delivery").price.amount,
            900,
            "{}",
            cells.kind
        );
        asked.lines[0].grams = 501;
        assert_eq!(
            shop.options(asked.clone()).await.expect("options"),
            [],
            "{}",
            cells.kind
        );
        let heavy = shop.quote(asked).await;
        assert!(
            matches!(heavy, Err(QuoteError::UnknownShippingOption { .. })),
            "{}",
            cells.kind
        );
        let twice = json!({"options": [], "zones": [zones[0], zones[0]]});
        let refused = shop.send("PUT", SHIPPING, &[], Some(twice)).await;
        assert_eq!(refused.refusal().2, "zones[1].places[0]", "{}", cells.kind);
    }
}
