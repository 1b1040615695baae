//! Published products as search reads them, and cards by id.

use serde_json::json;
use stoa_contracts::catalog::{
    CARDS_MAX, CatalogError, DOCUMENTS_MAX, ProductDocument, ProductStatus,
};
use stoa_kernel::{Currency, Money, ProductId};

use crate::support::{Shop, everywhere, shirt};

async fn pages(shop: &Shop, limit: u32) -> Vec<ProductDocument> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = shop
            .catalog
            .documents_after(shop.tenant, after, limit)
            .await
            .expect("a page");
        let last = page.len() < limit as usize;
        after = page.last().map(|document| document.id).or(after);
        all.extend(page);
        if last {
            return all;
        }
    }
}

#[tokio::test]
async fn a_rebuild_reads_every_published_product_once_in_id_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "rebuild").await;
        let theirs = Shop::open(&cells, "rebuild-others").await;
        theirs.priced("foreign", 100).await;
        let mut expected = Vec::new();
        for number in 0..70 {
            let mut input = shirt(&format!("shirt-{number}"));
            if number % 7 == 0 {
                input.status = ProductStatus::Draft;
            }
            let made = shop.upsert(&input).await;
            if number % 7 != 0 {
                expected.push(made.product);
            }
        }
        expected.sort_unstable();
        for limit in [1, 9, 60, 1_000] {
            let found: Vec<ProductId> = pages(&shop, limit).await.iter().map(|d| d.id).collect();
            assert_eq!(found, expected, "{} {limit}", cells.kind);
        }
        cells.db(shop.tenant).await;
        let before = shop.statements();
        pages(&shop, 1_000).await;
        assert!(shop.statements() - before <= 20, "{}", cells.kind);
        let wrong = shop.catalog.documents_after(shop.tenant, None, 0).await;
        assert!(matches!(wrong, Err(CatalogError::Invalid { .. })));
    }
}

#[tokio::test]
async fn a_document_tells_words_prices_and_collections_and_goes_with_its_product() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "document").await;
        let mut input = shirt("shirt");
        input.description_html = "<p>Soft &amp; <b>warm</b></p>".into();
        input.variants[1].barcode = Some("4006381333931".into());
        let made = shop.upsert(&input).await;
        shop.price(made.variants[0].0, 1_000, None).await;
        shop.price(made.variants[1].0, 1_500, None).await;
        shop.hears(made.variants[1].0, true, 1).await;
        let body = serde_json::json!({"title": "Summer", "products": ["shirt"]});
        let events = shop.events().await;
        let made_collection = shop
            .admin("POST", "/api/v1/admin/collections", None, Some(body))
            .await;
        assert_eq!(made_collection.status, 201);
        // The collection's news, and that of the product which came into it.
        assert_eq!(shop.events().await, events + 2, "{}", cells.kind);
        let asked = [made.product, ProductId::from_u128(7)];
        let read = async || {
            shop.catalog
                .documents(shop.tenant, &asked)
                .await
                .expect("a read")
        };
        let found = read().await;
        assert_eq!(found.len(), 1, "{}", cells.kind);
        let document = &found[0];
        assert_eq!(document.description, "Soft & warm");
        assert_eq!(document.skus, ["SKU-S", "SKU-L"], "{}", cells.kind);
        assert_eq!(document.barcodes, ["4006381333931"], "{}", cells.kind);
        assert_eq!(document.collections, ["summer"], "{}", cells.kind);
        let euro = |cents| Money::new(cents, Currency::EUR);
        assert_eq!(
            document.prices,
            [(euro(1_000), euro(1_500))],
            "{}",
            cells.kind
        );
        assert!(document.available, "{}", cells.kind);
        assert_eq!(document.options[0].values, ["S", "L"]);
        let path = format!("/api/v1/admin/products/{}", made.product);
        let events = shop.events().await;
        assert_eq!(
            shop.admin("DELETE", &path, Some("*"), None).await.status,
            204
        );
        assert_eq!(read().await, [], "{}", cells.kind);
        assert_eq!(
            shop.events().await,
            events + 1,
            "{}: its end is told",
            cells.kind
        );
    }
}

#[tokio::test]
async fn cards_come_in_the_order_asked_by_one_statement() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let theirs = Shop::open(&cells, "cards-others").await;
        let foreign = theirs.priced("foreign", 100).await.product;
        let mut draft = shirt("draft");
        draft.status = ProductStatus::Draft;
        let draft = shop.upsert(&draft).await.product;
        let mut asked = vec![foreign, draft];
        for number in 0..46 {
            asked.push(
                shop.priced(&format!("shirt-{number}"), 100 + number)
                    .await
                    .product,
            );
        }
        asked.reverse();
        cells.db(shop.tenant).await;
        let before = shop.statements();
        let cards = shop
            .catalog
            .cards(shop.tenant, &asked, Currency::EUR, None)
            .await
            .expect("cards");
        assert_eq!(shop.statements() - before, 1, "{}", cells.kind);
        let found: Vec<ProductId> = cards.iter().map(|card| card.id).collect();
        assert_eq!(found, asked[..46], "{}", cells.kind);
        assert_eq!(cards[0].price, Some(Money::new(145, Currency::EUR)));
        let many = vec![draft; CARDS_MAX + 1];
        let refused = shop
            .catalog
            .cards(shop.tenant, &many, Currency::EUR, None)
            .await;
        assert!(matches!(refused, Err(CatalogError::Invalid { .. })));
        let many = vec![draft; DOCUMENTS_MAX + 1];
        let refused = shop.catalog.documents(shop.tenant, &many).await;
        assert!(matches!(refused, Err(CatalogError::Invalid { .. })));
    }
}

#[tokio::test]
async fn new_words_of_a_language_are_told_and_in_the_document() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "words-told").await;
        let id = shop.upsert(&shirt("shirt")).await.product;
        let seen = async || {
            let found = shop.catalog.documents(shop.tenant, &[id]).await;
            found.expect("a read").remove(0)
        };
        let told = async |events: usize| {
            assert_eq!(shop.events().await, events + 1, "{}", cells.kind);
        };
        let events = shop.events().await;
        let path = format!("/api/v1/admin/products/{id}/translations/de");
        shop.admin("PUT", &path, None, Some(json!({"title": "Hemd"})))
            .await;
        told(events).await;
        assert_eq!(seen().await.translations[0].title, "Hemd", "{}", cells.kind);
    }
}
