//! Files of all products: an import of one changes nothing, and makes the same shop elsewhere.

use std::sync::Arc;

use stoa_contracts::catalog::{
    CatalogError, MediaLink, ProductExtras, ProductInput, ProductKind, ProductOption,
    ProductStatus, Seo, VariantInput,
};
use stoa_import::{Counts, ExportKind};
use stoa_kernel::{Actor, Timestamp};
use stoa_storage::{Cause, Tx};

use crate::reading::data;
use crate::shop::{Shop, everywhere};

const EXPORT: &str = "/api/v1/admin/exports/products";

fn variant(value: &str) -> VariantInput {
    VariantInput {
        option_values: vec![value.to_owned()],
        sku: Some(format!(" SKU {value}")),
        barcode: Some("-12".to_owned()),
        grams: 0,
        requires_shipping: false,
        taxable: true,
        image: Some("https://cdn.example.com/own.jpg".to_owned()),
    }
}

/// Everything that a plain cell of a file cannot carry.
fn awkward() -> ProductInput {
    let text = |text: &str| Some(text.to_owned());
    ProductInput {
        handle: "-a--b-".to_owned(),
        title: "=HYPERLINK(\"x\")".to_owned(),
        description_html: "\n <p>a, \"b\"</p>\n".to_owned(),
        vendor: text("'-quoted"),
        product_type: text(" padded "),
        tags: vec!["a, b".to_owned(), "@c".to_owned(), "A, B".to_owned()],
        status: ProductStatus::Archived,
        options: vec![ProductOption {
            name: "Size".to_owned(),
            values: vec!["XL".to_owned(), "L".to_owned(), "M".to_owned()],
        }],
        variants: vec![variant("L"), variant("XL")],
        media: vec![
            MediaLink {
                url: "/media/sample/mug.svg".to_owned(),
                alt: " +1\nline".to_owned(),
            },
            MediaLink {
                url: "/media/sample/mug.svg".to_owned(),
                alt: String::new(),
            },
        ],
        seo: Seo {
            title: text("t"),
            description: text(&"d ".repeat(499)),
        },
        gift_card: false,
        extras: Some(Box::new(ProductExtras {
            kind: ProductKind::Digital,
            publish_at: Some(Timestamp::from_micros(4_102_444_800_000_000)),
            metadata: serde_json::from_str(r#"{"b":[1,"=2"],"a":{"c":null}}"#).expect("JSON"),
            ..ProductExtras::default()
        })),
    }
}

async fn put(shop: &Shop, input: ProductInput) {
    let db = shop.cells.db(shop.tenant).await;
    let (catalog, cause) = (
        shop.catalog.clone(),
        Cause::new(Actor::System, shop.cells.deps.now()),
    );
    db.write(async move |tx: &mut Tx<'_>| {
        catalog.upsert_product(tx, &input, &cause).await?;
        Ok::<_, CatalogError>(())
    })
    .await
    .expect("a product");
}

/// Products of one batch have ids in any order.
fn sorted(file: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = file.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_changes_nothing_here_and_makes_the_same_shop_elsewhere() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let cells = Arc::new(cells);
        let shop = Shop::open(&cells, "one").await;
        let file = std::fs::read(data("classic.csv")).unwrap();
        shop.import(&file, false).await.expect(kind);
        put(&shop, awkward()).await;
        let all = Counts {
            unchanged: 5,
            ..Counts::default()
        };
        let (exported, told) = (shop.export(ExportKind::Products).await, shop.events().await);
        for set_stock in [false, true] {
            let report = shop.import(exported.as_bytes(), set_stock).await;
            let report = report.expect(kind);
            assert_eq!(shop.issues(report.id).await, [], "{kind}");
            assert_eq!(report.products, all, "{kind}");
        }
        assert_eq!(shop.events().await, told, "{kind}");

        let other = Shop::open(&cells, "two").await;
        let report = other.import(exported.as_bytes(), false).await.expect(kind);
        assert_eq!(other.issues(report.id).await, [], "{kind}");
        assert_eq!(report.products.created, 5, "{kind}");
        let again = other.export(ExportKind::Products).await;
        assert_eq!(sorted(&again), sorted(&exported), "{kind}");
        let records = other.catalog.records_after(other.tenant, None, 50).await;
        let records = records.expect(kind);
        let found = records
            .into_iter()
            .find(|record| record.input.handle == "-a--b-");
        assert_eq!(found.expect(kind).input, awkward(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_cell_wins_over_what_was_exact() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        put(&shop, awkward()).await;
        let exported = shop.export(ExportKind::Products).await;
        assert!(
            exported.contains("\"'=HYPERLINK(\"\"x\"\")\""),
            "{exported}"
        );
        assert!(exported.contains(",none,"), "{exported}");
        let edited = exported.replacen("\"a, b, @c, A, B\"", "plain", 1);
        assert_ne!(edited, exported, "{kind}");
        let report = shop.import(edited.as_bytes(), false).await.expect(kind);
        assert_eq!(report.products.updated, 1, "{kind}");
        let records = shop.catalog.records_after(shop.tenant, None, 50).await;
        let tags = &records.expect(kind)[0].input.tags;
        assert_eq!(tags, &["plain"], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_some_of_our_columns_is_refused() {
    let cells = everywhere().await.swap_remove(0);
    let shop = Shop::open(&Arc::new(cells), "one").await;
    let answer = shop
        .upload("", "Handle,Title,Variant Price,Stoa Kind\n")
        .await;
    assert_eq!(answer.refusal(), (422, "not_a_product_file"));
    let fields = answer.json["errors"].as_array().expect("fields").len();
    assert_eq!(fields, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_download_files_and_others_do_not() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let empty = shop.get(EXPORT).await;
        assert_eq!(empty.status, 200, "{kind}");
        assert_eq!(empty.text.lines().count(), 1, "{kind}");
        assert!(empty.text.starts_with("Handle,Title,"), "{kind}");
        put(&shop, awkward()).await;
        let whole = shop.get(EXPORT).await;
        assert_eq!(
            whole.text,
            shop.export(ExportKind::Products).await,
            "{kind}"
        );
        let headers = [("authorization", "Bearer sk_none")];
        let refused = shop.send("GET", EXPORT, &headers, axum::body::Body::empty());
        assert_eq!(refused.await.refusal(), (403, "forbidden"), "{kind}");
    }
}
