//! What one shop holds, no other shop sees.

use stoa_contracts::catalog::{CatalogError, CollectionInput, ProductQuery, ProductSort};
use stoa_kernel::VariantId;
use stoa_storage::Tx;

use crate::support::{Shop, by, everywhere};

#[tokio::test]
async fn another_shop_sees_none_of_it_and_may_use_the_same_handles() {
    for cells in everywhere().await {
        let ours = Shop::open(&cells, "ours").await;
        let theirs = Shop::open(&cells, "theirs").await;
        let made = ours.priced("shirt", 1_000).await;
        collect_all(&ours).await;
        assert!(theirs.product("shirt").await.is_none(), "{}", cells.kind);
        for sort in [
            ProductSort::Newest,
            ProductSort::PriceAscending,
            ProductSort::Title,
        ] {
            assert!(
                theirs.products(&by(sort)).await.products.is_empty(),
                "{}",
                cells.kind
            );
        }
        let query = ProductQuery {
            collection: Some("all".into()),
            ..by(ProductSort::Newest)
        };
        let refused = theirs.catalog.products(theirs.tenant, &query).await;
        assert!(
            matches!(refused, Err(CatalogError::UnknownCollection { .. })),
            "{}",
            cells.kind
        );
        let path = format!("/api/v1/admin/products/{}", made.product);
        assert_eq!(
            theirs.admin("GET", &path, None, None).await.status,
            404,
            "{}",
            cells.kind
        );
        let deleted = theirs.admin("DELETE", &path, Some("*"), None).await;
        assert_eq!(deleted.status, 404, "{}", cells.kind);
        // Prices and stock of a foreign variant go nowhere.
        theirs.price(made.variants[0].0, 1, None).await;
        theirs.hears(made.variants[0].0, true, 9).await;
        let ids: Vec<VariantId> = made.variants.iter().map(|(id, _)| *id).collect();
        let catalog = theirs.catalog.clone();
        let foreign = theirs
            .db
            .read(async move |tx: &mut Tx<'_>| catalog.variants(tx, &ids).await)
            .await
            .expect("a read");
        assert!(foreign.is_empty(), "{}", cells.kind);
        theirs.priced("shirt", 2_000).await;
        let view = ours.product("shirt").await.expect("still there");
        let first = &view.variants[0];
        assert_eq!(
            first.price.map(|price| price.amount),
            Some(1_000),
            "{}",
            cells.kind
        );
        assert!(!first.available, "{}", cells.kind);
        assert_eq!(view.id, made.product, "{}", cells.kind);
    }
}

/// A collection `all` of the one product.
async fn collect_all(ours: &Shop) {
    let (catalog, cause) = (ours.catalog.clone(), ours.cause());
    ours.db
        .write(async move |tx: &mut Tx<'_>| {
            let input = CollectionInput {
                handle: "all".into(),
                title: "All".into(),
                description_html: String::new(),
                image: None,
                products: vec!["shirt".into()],
            };
            catalog.upsert_collection(tx, &input, &cause).await
        })
        .await
        .expect("a collection");
}
