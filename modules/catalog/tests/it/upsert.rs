//! Whole products as an import writes them.

use stoa_contracts::catalog::{CatalogError, UpsertOutcome};
use stoa_kernel::{Currency, VariantId};
use stoa_storage::Tx;

use crate::support::{Shop, everywhere, shirt, sized};

#[tokio::test]
async fn the_second_upsert_of_the_same_product_writes_and_publishes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "upsert").await;
        let first = shop.upsert(&shirt("shirt")).await;
        assert_eq!(first.outcome, UpsertOutcome::Created, "{}", cells.kind);
        assert_eq!(
            first.variants.iter().filter(|(_, is_new)| *is_new).count(),
            2
        );
        let events = shop.events().await;
        assert_eq!(events, 1, "{}", cells.kind);
        let second = shop.upsert(&shirt("shirt")).await;
        assert_eq!(second.outcome, UpsertOutcome::Unchanged, "{}", cells.kind);
        assert_eq!(second.product, first.product);
        let ids = |variants: &[(VariantId, bool)]| variants.iter().map(|v| v.0).collect::<Vec<_>>();
        assert_eq!(
            ids(&second.variants),
            ids(&first.variants),
            "{}",
            cells.kind
        );
        assert_eq!(shop.events().await, events, "{}", cells.kind);
    }
}

#[tokio::test]
async fn variants_keep_their_ids_by_option_values_and_others_go_with_their_prices() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "replace").await;
        let first = shop.upsert(&shirt("shirt")).await;
        let [(small, _), (large, _)] = first.variants[..] else {
            panic!("two variants")
        };
        shop.price(small, 1_000, None).await;
        shop.price(large, 2_000, Some(2_500)).await;
        let mut changed = shirt("shirt");
        changed.options[0].values = vec!["L".into(), "XL".into()];
        changed.variants = vec![sized("XL"), sized("L")];
        let second = shop.upsert(&changed).await;
        assert_eq!(second.outcome, UpsertOutcome::Updated, "{}", cells.kind);
        assert_eq!(second.variants[1], (large, false), "{}", cells.kind);
        assert!(second.variants[0].1 && second.variants[0].0 != small);
        let view = shop.product("shirt").await.expect("published");
        let shown: Vec<(&str, Option<i64>)> = view
            .variants
            .iter()
            .map(|variant| {
                (
                    variant.title.as_str(),
                    variant.price.map(|price| price.amount),
                )
            })
            .collect();
        assert_eq!(shown, [("XL", None), ("L", Some(2_000))], "{}", cells.kind);
        let page = shop.products(&crate::support::by(Default::default())).await;
        let card = &page.products[0];
        let amounts = (
            card.price.map(|price| price.amount),
            card.price_max.map(|price| price.amount),
            card.compare_at_price.map(|price| price.amount),
        );
        assert_eq!(amounts, (Some(2_000), None, Some(2_500)), "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_product_that_breaks_a_rule_leaves_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "rules").await;
        let mut broken = shirt("shirt");
        broken.variants[1].option_values[0] = "XXL".into();
        let catalog = shop.catalog.clone();
        let cause = shop.cause();
        let refused = shop
            .db
            .write(async move |tx: &mut Tx<'_>| catalog.upsert_product(tx, &broken, &cause).await)
            .await;
        let Err(CatalogError::Invalid { field, .. }) = refused else {
            panic!("a refusal")
        };
        assert_eq!(field, "variants[1].option_values[0]", "{}", cells.kind);
        assert!(shop.product("shirt").await.is_none());
        assert_eq!(shop.events().await, 0);
    }
}

#[tokio::test]
async fn snapshots_come_in_id_order_for_those_that_exist() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "snapshots").await;
        let mut draft = shirt("draft");
        draft.status = stoa_contracts::catalog::ProductStatus::Draft;
        draft.variants[0].image = Some("/media/small.svg".into());
        let made = shop.upsert(&draft).await;
        // More than one statement's worth, most of them unknown.
        let mut asked: Vec<VariantId> = (0..70).map(VariantId::from_u128).collect();
        asked.extend(made.variants.iter().map(|(id, _)| *id));
        let catalog = shop.catalog.clone();
        let found = shop
            .db
            .read(async move |tx: &mut Tx<'_>| catalog.variants(tx, &asked).await)
            .await
            .expect("a read");
        let mut expected: Vec<VariantId> = made.variants.iter().map(|(id, _)| *id).collect();
        expected.sort();
        let ids: Vec<VariantId> = found.iter().map(|snapshot| snapshot.variant).collect();
        assert_eq!(ids, expected, "{}", cells.kind);
        let small = found
            .iter()
            .find(|each| each.variant_title == "S")
            .expect("small");
        assert_eq!(small.image.as_deref(), Some("/media/small.svg"));
        assert_eq!(small.product_type.as_deref(), Some("Clothes"));
        let large = found
            .iter()
            .find(|each| each.variant_title == "L")
            .expect("large");
        assert_eq!(large.image.as_deref(), Some("/media/shirt.svg"));
        assert_eq!(
            (large.active, large.grams, large.handle.as_str()),
            (false, 200, "draft")
        );
    }
}

#[tokio::test]
async fn the_same_prices_again_publish_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "same-price").await;
        let made = shop.priced("shirt", 1_000).await;
        let events = shop.events().await;
        shop.price(made.variants[0].0, 1_000, None).await;
        shop.price(VariantId::from_u128(404), 1_000, None).await;
        assert_eq!(shop.events().await, events, "{}", cells.kind);
        let other = shop
            .catalog
            .product(shop.tenant, "shirt", Currency::USD)
            .await;
        let view = other.expect("a read").expect("published");
        assert_eq!(view.variants[0].price, None, "{}", cells.kind);
    }
}
