//! Files of stock levels: what they set, what of them is refused, and that exports are read back.

use std::sync::Arc;

use stoa_import::{Counts, ExportKind};

use crate::shop::{Shop, everywhere};

const PRODUCTS: &str = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,\
     Variant Price\ntea,Tea,Size,S,T-S,7,5\ntea,,,M,T-M,4,6\ncup,Cup,Size,S,=C,2,5\n\
     cup,,,M,TWICE,2,5\ncup,,,L,TWICE,2,5\n";

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_set_once_and_refusals_are_told_by_line() {
    let file = "SKU,Location,On hand,Backorder,Note\nT-S,,12,,a\nT-M,Default,4.0,TRUE,b\n\
                nobody,,1,,\nT-S,Moon,1,,\n'=C,,-1,,\n'=C,,9,no,\nTWICE,,1,,\n,,1,,\n";
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        shop.import(PRODUCTS.as_bytes(), false).await.expect(kind);
        let report = shop.count(file.as_bytes()).await.expect(kind);
        let counts = Counts {
            created: 0,
            updated: 2,
            unchanged: 0,
            rejected: 6,
        };
        assert_eq!((report.products, report.rows_read), (counts, 8), "{kind}");
        let issues = shop.issues(report.id).await;
        let told: Vec<_> = issues
            .iter()
            .map(|issue| {
                let column = issue.column.as_deref().unwrap_or("-");
                (issue.line, column, issue.reason.as_str())
            })
            .collect();
        let twice = "2 variants have this SKU; name one by its id";
        let mut expected = [
            (4, "SKU", "no variant of the shop"),
            (5, "Location", "no location of the shop"),
            (6, "On hand", "a count cannot be negative"),
            (7, "Backorder", "neither TRUE nor FALSE"),
            (8, "SKU", twice),
            (9, "SKU", "the row names no variant"),
        ];
        let mut told = told;
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected, "{kind}");
        assert_eq!(shop.units("tea").await, [Some(12), None], "{kind}");

        let again = shop.count(file.as_bytes()).await.expect(kind);
        let unchanged = Counts {
            updated: 0,
            unchanged: 2,
            ..counts
        };
        assert_eq!(again.products, unchanged, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_levels_are_read_back() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let cells = Arc::new(cells);
        let shop = Shop::open(&cells, "one").await;
        shop.import(PRODUCTS.as_bytes(), false).await.expect(kind);
        let exported = shop.export(ExportKind::Inventory).await;
        let header = "SKU,Location,On hand,Backorder,Variant ID,Reserved,Handle,Variant";
        assert_eq!(exported.lines().next(), Some(header), "{kind}");
        assert!(
            exported.contains("\n'=C,Default,2,FALSE,var_"),
            "{exported}"
        );
        let told = shop.events().await;
        let report = shop.count(exported.as_bytes()).await.expect(kind);
        assert_eq!(shop.issues(report.id).await, [], "{kind}");
        assert_eq!(report.products.unchanged, 5, "{kind}");
        assert_eq!(shop.events().await, told, "{kind}");
        // Where no such ids are, SKUs tell; those that are twice cannot.
        let other = Shop::open(&cells, "two").await;
        other.import(PRODUCTS.as_bytes(), false).await.expect(kind);
        let report = other.count(exported.as_bytes()).await.expect(kind);
        let products = report.products;
        assert_eq!((products.unchanged, products.rejected), (3, 2), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_levels_is_known_by_its_kind() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        shop.import(PRODUCTS.as_bytes(), false).await.expect(kind);
        let refused = shop.upload("?kind=inventory", "Handle,Title\n").await;
        assert_eq!(refused.refusal(), (422, "not_an_inventory_file"), "{kind}");
        assert_eq!(refused.json["errors"][0]["field"], "SKU", "{kind}");
        let answer = shop.upload("?kind=inventory", "SKU,On hand\nT-S,3\n").await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.json);
        assert_eq!(answer.json["kind"], "inventory", "{kind}");
        assert_eq!(answer.json["format"], "stoa_inventory", "{kind}");
        cells_work(&shop).await;
        assert_eq!(shop.units("tea").await, [Some(3), Some(4)], "{kind}");
    }
}

async fn cells_work(shop: &Shop) {
    // The import done inline left a job that finds it done.
    shop.cells.clock.advance(std::time::Duration::from_secs(1));
    shop.work().await;
}
