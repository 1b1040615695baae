//! Files of all products: an import of one changes nothing, and makes the same shop elsewhere.

use std::sync::Arc;

use stoa_contracts::catalog::{
    CatalogError, MediaLink, NamedComponent, ProductExtras, ProductInput, ProductKind,
    ProductOption, ProductStatus, Seo, VariantInput,
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

fn plain(handle: &str, values: &[&str]) -> ProductInput {
    let variant = |value: &str| VariantInput {
        option_values: vec![value.to_owned()],
        sku: None,
        barcode: None,
        image: None,
        ..variant(value)
    };
    let mut input = awkward();
    handle.clone_into(&mut input.handle);
    input.variants = values.iter().map(|value| variant(value)).collect();
    input.options[0].values = values.iter().map(|&value| value.to_owned()).collect();
    input.extras = None;
    input
}

/// One list of handle, value and quantity per variant.
fn bundle(handle: &str, made: &[&[(&str, &str, u32)]]) -> ProductInput {
    let component = |&(handle, value, quantity): &(&str, &str, u32)| NamedComponent {
        handle: handle.to_owned(),
        options: vec![value.to_owned()],
        quantity,
    };
    let components = made
        .iter()
        .map(|parts| parts.iter().map(component).collect());
    let extras = ProductExtras {
        kind: ProductKind::Bundle,
        components: components.collect(),
        ..ProductExtras::default()
    };
    ProductInput {
        extras: Some(Box::new(extras)),
        ..plain(handle, &["small", "large"][..made.len()])
    }
}

async fn bundles_of(shop: &Shop) -> Vec<(String, Vec<Vec<NamedComponent>>)> {
    let records = shop.catalog.records_after(shop.tenant, None, 50).await;
    let mut found: Vec<_> = records
        .expect("records")
        .into_iter()
        .map(|record| (record.input.handle, record.input.extras.expect("extras")))
        .filter(|(_, extras)| extras.kind == ProductKind::Bundle)
        .map(|(handle, extras)| (handle, extras.components))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
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

#[tokio::test(flavor = "multi_thread")]
async fn bundles_come_back_made_of_the_same_whatever_was_made_first() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let cells = Arc::new(cells);
        let shop = Shop::open(&cells, "one").await;
        put(&shop, plain("early", &["a", "b"])).await;
        put(
            &shop,
            bundle("pack", &[&[("early", "a", 1)], &[("early", "b", 2)]]),
        )
        .await;
        put(&shop, plain("late", &["c"])).await;
        let small: &[_] = &[("late", "c", 3), ("early", "b", 1)];
        let made = bundle("pack", &[small, &[("early", "b", 2)]]);
        put(&shop, made.clone()).await;
        put(&shop, bundle("single", &[&[("late", "c", 1)]])).await;
        let exported = shop.export(ExportKind::Products).await;
        let places = ["early", "late", "pack", "single"].map(|handle| {
            let line = format!("\n{handle},");
            exported.find(&line).expect(kind)
        });
        let [early, late, pack, single] = places;
        let bundles_last = early.max(late) < pack.min(single);
        assert!(bundles_last, "{kind}: {exported}");

        let other = Shop::open(&cells, "two").await;
        let all = Counts {
            created: 4,
            ..Counts::default()
        };
        let report = other.import(exported.as_bytes(), false).await.expect(kind);
        assert_eq!(other.issues(report.id).await, [], "{kind}");
        assert_eq!(report.products, all, "{kind}");
        let found = bundles_of(&other).await;
        assert_eq!(found, bundles_of(&shop).await, "{kind}");
        assert_eq!(
            found[0].1,
            made.extras.expect("extras").components,
            "{kind}"
        );
        let again = other.export(ExportKind::Products).await;
        assert_eq!(sorted(&again), sorted(&exported), "{kind}");

        // Without the column, what they are made of stays.
        let silent = exported.replacen("Stoa Components", "Notes", 1);
        for file in [&exported, &silent] {
            let told = other.events().await;
            let report = other.import(file.as_bytes(), false).await.expect(kind);
            assert_eq!(report.products.unchanged, 4, "{kind}");
            assert_eq!(other.events().await, told, "{kind}");
        }
        assert_eq!(bundles_of(&other).await, found, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_what_is_not_there_is_refused_alone() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        put(&shop, plain("tea", &["a"])).await;
        put(&shop, bundle("pack", &[&[("tea", "a", 2)]])).await;
        let exported = shop.export(ExportKind::Products).await;
        let cell = r#""[{""handle"":""tea"",""options"":[""a""],""quantity"":2}]""#;
        assert!(exported.contains(cell), "{exported}");
        let pack = |parts: &str| {
            exported
                .replacen(cell, parts, 1)
                .replace("\npack,", "\nnew,")
        };
        for (parts, column, reason) in [
            (
                r#""[{""handle"":""tea"",""options"":[""z""],""quantity"":2}]""#,
                None,
                "components: name `tea` with z, which is not in this shop",
            ),
            (
                r#""[{""handle"":""pack"",""options"":[""small""],""quantity"":2}]""#,
                None,
                "components: name a bundle, which no bundle can hold",
            ),
            (
                r#""[{""handle"":""tea"",""options"":[""a""],""quantity"":0}]""#,
                None,
                "variants[0].components[0].quantity: is 1 to 1000",
            ),
            (
                "",
                None,
                "variants[0].components: belong to each variant of a bundle, and to nothing else",
            ),
            (
                "tea",
                Some("Stoa Components"),
                r#"not JSON such as [{"handle":"tea","options":["100 g"],"quantity":2}]: expected ident at line 1 column 2"#,
            ),
        ] {
            let report = shop
                .import(pack(parts).as_bytes(), false)
                .await
                .expect(kind);
            let issues = shop.issues(report.id).await;
            let said: Vec<_> = issues
                .iter()
                .map(|issue| (issue.column.as_deref(), issue.reason.as_str()))
                .collect();
            assert_eq!(said, [(column, reason)], "{kind}");
            let counts = (report.products.unchanged, report.products.rejected);
            assert_eq!(counts, (1, 1), "{kind}: {reason}");
        }
        // What was none becomes none.
        let turned = exported
            .replacen(cell, "", 1)
            .replace(",bundle,", ",physical,");
        let report = shop.import(turned.as_bytes(), false).await.expect(kind);
        assert_eq!(report.products.unchanged, 2, "{kind}");
        let tea = exported.replacen(",physical,", ",bundle,", 1);
        let report = shop.import(tea.as_bytes(), false).await.expect(kind);
        let issues = shop.issues(report.id).await;
        assert_eq!(
            issues[0].reason, "kind: is not `bundle` of a product that is none",
            "{kind}"
        );
    }
}
