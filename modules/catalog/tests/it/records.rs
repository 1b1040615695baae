//! Products as exports read them: what is written back changes nothing. Variants by SKU, and the
//! lock that every price takes.

use serde_json::json;
use stoa_contracts::catalog::{
    Attribute, CatalogError, NamedComponent, ProductExtras, ProductInput, ProductKind,
    ProductRecord, RECORDS_MAX, UpsertOutcome, Upserted,
};
use stoa_kernel::{ProductId, VariantId};
use stoa_storage::Tx;

use crate::categories::{category, listed, patch_product, settle};
use crate::support::{Shop, everywhere, shirt};

async fn records(shop: &Shop, limit: u32) -> Vec<ProductRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = shop.catalog.records_after(shop.tenant, after, limit).await;
        let page = page.expect("a page");
        let last = page.len() < limit as usize;
        after = page.last().map(|record| record.id);
        all.extend(page);
        if last {
            return all;
        }
    }
}

async fn put(shop: &Shop, input: &ProductInput) -> Result<Upserted, CatalogError> {
    let (catalog, input, cause) = (shop.catalog.clone(), input.clone(), shop.cause());
    shop.db
        .write(async move |tx: &mut Tx<'_>| catalog.upsert_product(tx, &input, &cause).await)
        .await
}

fn said(change: impl FnOnce(&mut ProductExtras)) -> ProductInput {
    let mut extras = ProductExtras::default();
    change(&mut extras);
    ProductInput {
        extras: Some(Box::new(extras)),
        ..shirt("shirt")
    }
}

fn field_of(answer: Result<Upserted, CatalogError>) -> String {
    match answer {
        Err(CatalogError::Invalid { field, .. }) => field,
        other => panic!("a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn every_record_written_back_changes_nothing() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "records").await;
        let theirs = Shop::open(&cells, "records-others").await;
        theirs.upsert(&shirt("foreign")).await;
        category(&shop, "home", None).await;
        let part = shop.upsert(&shirt("part")).await.variants[0].0.to_string();
        let soon = shop
            .now
            .plus(std::time::Duration::from_secs(60))
            .to_string();
        let bodies = [
            json!({"title": "Plain"}),
            json!({"title": "Draft", "status": "draft", "category": "home",
                "attributes": [{"name": "Material", "value": "Oak"}],
                "metadata": {"shelf": [1, null]}, "publish_at": soon}),
            json!({"title": "Soon", "publish_at": soon}),
            json!({"title": "File", "kind": "digital",
                "files": [{"name": "Book", "url": "https://example.com/book.pdf"}]}),
            json!({"title": "Card", "kind": "gift_card"}),
            json!({"title": "Set", "kind": "bundle", "variants": [
                {"components": [{"variant_id": part, "quantity": 2}]}]}),
        ];
        for body in bodies {
            let made = shop
                .admin("POST", "/api/v1/admin/products", None, Some(body))
                .await;
            assert_eq!(made.status, 201, "{}", made.json);
        }
        for number in 0..40 {
            shop.upsert(&shirt(&format!("shirt-{number}"))).await;
        }
        let all = records(&shop, 250).await;
        assert_eq!(all.len(), 47, "{}", cells.kind);
        assert!(all.is_sorted_by_key(|record| record.id), "{}", cells.kind);
        for limit in [1, 20, 47] {
            assert_eq!(records(&shop, limit).await, all, "{} {limit}", cells.kind);
        }
        let events = shop.events().await;
        for record in &all {
            let again = put(&shop, &record.input).await.expect("an upsert");
            let title = &record.input.title;
            assert_eq!(
                again.outcome,
                UpsertOutcome::Unchanged,
                "{} {title}",
                cells.kind
            );
            assert_eq!(again.product, record.id, "{} {title}", cells.kind);
            let ids: Vec<VariantId> = again.variants.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids, record.variants, "{} {title}", cells.kind);
        }
        assert_eq!(shop.events().await, events, "{}", cells.kind);
        assert_eq!(records(&shop, 250).await, all, "{}", cells.kind);
        let soon = all.iter().find(|record| record.input.title == "Soon");
        let extras = soon.expect("one").input.extras.as_ref().expect("extras");
        assert!(extras.publish_at.is_some(), "{}", cells.kind);
        for limit in [0, RECORDS_MAX as u32 + 1] {
            let refused = shop.catalog.records_after(shop.tenant, None, limit).await;
            assert!(matches!(refused, Err(CatalogError::Invalid { .. })));
        }
    }
}

#[tokio::test]
async fn what_an_input_says_is_kept_and_what_it_does_not_say_stays() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "extras").await;
        category(&shop, "home", None).await;
        category(&shop, "lamps", Some("home")).await;
        let linen = Attribute {
            name: "Material".into(),
            value: "Linen".into(),
        };
        let first = said(|extras| {
            extras.category = Some("lamps".into());
            extras.attributes = vec![linen.clone()];
            extras.metadata.insert("a".into(), json!(1));
        });
        let made = put(&shop, &first).await.expect("an upsert");
        assert_eq!(made.outcome, UpsertOutcome::Created, "{}", cells.kind);
        let home = "/api/v1/categories/home/products";
        assert_eq!(listed(&shop, home).await, "shirt", "{}", cells.kind);
        let again = put(&shop, &first).await.expect("an upsert").outcome;
        assert_eq!(again, UpsertOutcome::Unchanged, "{}", cells.kind);
        let silent = put(&shop, &shirt("shirt"))
            .await
            .expect("an upsert")
            .outcome;
        assert_eq!(silent, UpsertOutcome::Unchanged, "{}", cells.kind);
        let mut retitled = shirt("shirt");
        retitled.title = "Other".into();
        put(&shop, &retitled).await.expect("an upsert");
        let record = records(&shop, 10).await.remove(0);
        assert_eq!(record.input.extras, first.extras, "{}", cells.kind);
        assert_eq!(record.input.title, "Other", "{}", cells.kind);
        let kind = said(|extras| extras.kind = ProductKind::Digital);
        let events = shop.events().await;
        let changed = put(&shop, &kind).await.expect("an upsert");
        assert_eq!(changed.outcome, UpsertOutcome::Updated, "{}", cells.kind);
        assert_eq!(shop.events().await, events + 1, "{}", cells.kind);
        assert_eq!(listed(&shop, home).await, "", "{}", cells.kind);
        let record = records(&shop, 10).await.remove(0);
        assert_eq!(record.input.extras, kind.extras, "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_an_input_cannot_say_names_the_field() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "extras-refused").await;
        shop.upsert(&shirt("shirt")).await;
        let linen = Attribute {
            name: "Material".into(),
            value: "Linen".into(),
        };
        let unknown = said(|extras| extras.category = Some("nowhere".into()));
        assert_eq!(
            field_of(put(&shop, &unknown).await),
            "category",
            "{}",
            cells.kind
        );
        let bundle = said(|extras| extras.kind = ProductKind::Bundle);
        assert_eq!(
            field_of(put(&shop, &bundle).await),
            "kind",
            "{}",
            cells.kind
        );
        let parts = said(|extras| {
            extras.components = vec![vec![NamedComponent {
                handle: "shirt".into(),
                options: Vec::new(),
                quantity: 1,
            }]];
        });
        assert_eq!(
            field_of(put(&shop, &parts).await),
            "components",
            "{}",
            cells.kind
        );
        let card = said(|extras| extras.kind = ProductKind::GiftCard);
        assert_eq!(field_of(put(&shop, &card).await), "kind", "{}", cells.kind);
        let twice = said(|extras| extras.attributes = vec![linen.clone(), linen.clone()]);
        assert_eq!(
            field_of(put(&shop, &twice).await),
            "attributes[1]",
            "{}",
            cells.kind
        );
        let dates = said(|extras| {
            extras.publish_at = Some(shop.now);
            extras.unpublish_at = Some(shop.now);
        });
        assert_eq!(
            field_of(put(&shop, &dates).await),
            "unpublish_at",
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn a_bulk_change_puts_products_into_a_category() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "bulk-category").await;
        category(&shop, "home", None).await;
        let mut ids = Vec::new();
        for number in 0..8 {
            ids.push(shop.upsert(&shirt(&format!("p{number}"))).await.product);
        }
        patch_product(&shop, ids[0], json!({"category": "home"})).await;
        const BULK: &str = "/api/v1/admin/products/bulk";
        let set = |handle: Option<&str>| json!({"filter": {}, "action": {"type": "set_category", "category": handle}});
        let unknown = shop
            .admin("POST", BULK, None, Some(set(Some("nowhere"))))
            .await;
        assert_eq!(
            unknown.refusal(),
            (422, "invalid_request", "action.category")
        );
        let begun = shop
            .admin("POST", BULK, None, Some(set(Some("home"))))
            .await;
        settle(&shop, &cells).await;
        let path = format!("{BULK}/{}", begun.json["id"].as_str().expect("an id"));
        let done = shop.admin("GET", &path, None, None).await.json;
        assert_eq!(
            (&done["seen"], &done["changed"]),
            (&json!(8), &json!(7)),
            "{}",
            cells.kind
        );
        let home = "/api/v1/categories/home/products?sort=title";
        assert_eq!(
            listed(&shop, home).await,
            "p0 p1 p2 p3 p4 p5 p6 p7",
            "{}",
            cells.kind
        );
        shop.admin("POST", BULK, None, Some(set(None))).await;
        settle(&shop, &cells).await;
        assert_eq!(listed(&shop, home).await, "", "{}", cells.kind);
    }
}

#[tokio::test]
async fn variants_are_found_by_sku_in_order_however_many_are_asked() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "skus").await;
        let theirs = Shop::open(&cells, "skus-others").await;
        theirs.upsert(&shirt("shirt")).await;
        let mut expected = Vec::new();
        for handle in ["one", "two"] {
            let made = shop.upsert(&shirt(handle)).await;
            expected.push(("SKU-S".to_owned(), made.variants[0].0));
            expected.push(("SKU-L".to_owned(), made.variants[1].0));
        }
        expected.sort();
        let mut asked: Vec<String> = (0..80).map(|number| format!("unknown-{number}")).collect();
        asked.extend(["SKU-S".to_owned(), "SKU-L".to_owned(), "SKU-S".to_owned()]);
        let find = async |asked: Vec<String>| {
            let catalog = shop.catalog.clone();
            shop.db
                .read(async move |tx: &mut Tx<'_>| catalog.variants_of_skus(tx, &asked).await)
                .await
                .expect("a read")
        };
        assert_eq!(find(asked).await, expected, "{}", cells.kind);
        assert_eq!(find(Vec::new()).await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn addresses_are_told_by_one_statement() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "addresses").await;
        let mut expected = Vec::new();
        for number in 0..60 {
            let mut input = shirt(&format!("p{number}"));
            if number % 5 == 0 {
                input.status = stoa_contracts::catalog::ProductStatus::Archived;
            }
            let made = shop.upsert(&input).await;
            if number % 5 != 0 {
                expected.push((made.product, input.handle));
            }
        }
        expected.sort();
        cells.db(shop.tenant).await;
        let before = shop.statements();
        let found = shop
            .catalog
            .addresses_after(shop.tenant, None, 10_000)
            .await;
        assert_eq!(shop.statements() - before, 1, "{}", cells.kind);
        let found = found.expect("a read").into_iter();
        let found: Vec<(ProductId, String)> = found.map(|each| (each.id, each.handle)).collect();
        assert_eq!(found, expected, "{}", cells.kind);
    }
}
