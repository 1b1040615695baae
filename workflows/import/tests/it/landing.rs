//! What of a file is in the shop afterwards, over every kind of cell.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use stoa_import::{Counts, ImportState};
use stoa_kernel::{Currency, Money};

use crate::reading::data;
use crate::shared;
use crate::shop::{Shop, everywhere};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap()
}

fn counts(created: i64, updated: i64, unchanged: i64, rejected: i64) -> Counts {
    Counts {
        created,
        updated,
        unchanged,
        rejected,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_products_land_and_bad_rows_are_told() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let report = shop.import(&file("classic.csv"), false).await.expect(kind);
        assert_eq!(report.state, ImportState::Done, "{kind}");
        assert_eq!(report.products, counts(4, 0, 0, 6), "{kind}");
        assert_eq!(report.rows_total, Some(report.rows_read), "{kind}");
        let issues = shop.issues(report.id).await;
        let told: Vec<_> = issues
            .iter()
            .map(|issue| (issue.line, issue.column.as_deref().unwrap_or("-")))
            .collect();
        let expected = [
            (6, "Variant Inventory Qty"),
            (11, "Handle"),
            (12, "Variant Price"),
            (16, "Handle"),
            (17, "Title"),
            (19, "-"),
            (20, "-"),
            (21, "Title"),
            (24, "-"),
        ];
        assert_eq!(told, expected, "{kind}");
        assert_eq!(
            issues[2].reason,
            "`12,50` is not a decimal amount such as 19.99"
        );
        assert_eq!(issues[2].value_excerpt, "12,50");

        let mug = shop.product("stoneware-mug").await.expect(kind);
        let variants: Vec<_> = mug
            .variants
            .iter()
            .map(|v| (v.title.as_str(), v.price.unwrap().amount))
            .collect();
        // The last came back far down in the file.
        let expected = [
            ("Sand / Small", 2400),
            ("Sand / Large", 2950),
            ("Moss / Small", 2400),
            ("Moss / Large", 2950),
        ];
        assert_eq!(variants, expected, "{kind}");
        assert_eq!(mug.variants[1].compare_at_price.unwrap().amount, 3500);
        let units = shop.units("stoneware-mug").await;
        assert_eq!(units[..3], [Some(12), None, Some(5)], "{kind}");
        let media: Vec<_> = mug.media.iter().map(|link| link.url.as_str()).collect();
        assert_eq!(media.len(), 5, "{kind}: {media:?}");
        // A draft and an archived product are there, but not in the shop.
        assert_eq!(
            shop.published().await,
            ["last-good", "stoneware-mug"],
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_import_changes_nothing_and_tells_nobody() {
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        for name in ["classic.csv", "new.csv"] {
            let first = shop.import(&file(name), false).await.expect(kind);
            let (events, mug) = (shop.events().await, shop.product("stoneware-mug").await);
            for set_stock in [false, true] {
                let again = shop.import(&file(name), set_stock).await.expect(kind);
                let all = counts(0, 0, first.products.created, first.products.rejected);
                assert_eq!(again.products, all, "{kind} {name}");
                assert_eq!(shop.events().await, events, "{kind} {name}");
                assert_eq!(shop.product("stoneware-mug").await, mug, "{kind}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_set_once_unless_asked_for() {
    let header = "Handle,Title,Option1 Name,Option1 Value,Variant Inventory Qty,\
                  Variant Inventory Policy,Variant Price\n";
    let with = |rows: &str| format!("{header}{rows}").into_bytes();
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let first = with("tea,Tea,Size,S,7,deny,5\ntea,,,M,,deny,6\ntea,,,L,2,continue,7\n");
        shop.import(&first, false).await.expect(kind);
        // What the file neither tracks nor counts is sold without counting.
        assert_eq!(shop.units("tea").await, [Some(7), None, None], "{kind}");
        // Only what is new gets its stock from the file.
        let second = with("tea,Tea,Size,S,1,deny,5\ntea,,,M,4,deny,6\ntea,,,XL,3,deny,9\n");
        let report = shop.import(&second, false).await.expect(kind);
        assert_eq!(report.products, counts(0, 1, 0, 0), "{kind}");
        let units = [Some(7), None, Some(3)];
        assert_eq!(shop.units("tea").await, units, "{kind}");
        // Asked to, it is set where the file says something.
        let third = with("tea,Tea,Size,S,1,deny,5\ntea,,,M,4,deny,6\ntea,,,XL,,deny,9\n");
        shop.import(&third, true).await.expect(kind);
        let units = [Some(1), Some(4), Some(3)];
        assert_eq!(shop.units("tea").await, units, "{kind}");
        // A price that changes is set, though the product stays as it is.
        let fourth = with("tea,Tea,Size,S,1,deny,5.50\ntea,,,M,4,deny,6\ntea,,,XL,,deny,9\n");
        shop.import(&fourth, false).await.expect(kind);
        let tea = shop.product("tea").await.expect(kind);
        assert_eq!(
            tea.variants[0].price,
            Some(Money::new(550, Currency::EUR)),
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_catalog_refuses_is_told_and_the_rest_lands() {
    let long = "d".repeat(300 * 1024);
    let file = format!(
        "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price\n\
         first,First,,,,1\n\
         too-long,Too long,{long},,,2\n\
         between,Between,,,,3\n\
         same-names,Same,,Size,S,4\n\
         last,Last,,,,5\n"
    );
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let report = shop.import(file.as_bytes(), false).await.expect(kind);
        assert_eq!(report.products, counts(4, 0, 0, 1), "{kind}");
        let issues = shop.issues(report.id).await;
        let told: Vec<_> = issues
            .iter()
            .map(|issue| {
                (
                    issue.line,
                    issue.value_excerpt.as_str(),
                    issue.reason.as_str(),
                )
            })
            .collect();
        let reason = "description_html: is at most 262144 bytes";
        assert_eq!(told, [(3, "too-long", reason)], "{kind}");
        assert_eq!(
            shop.published().await,
            ["between", "first", "last", "same-names"],
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_beyond_their_bound_are_counted() {
    let mut file = "Handle,Title,Variant Price\n".to_owned();
    for number in 0..10_050 {
        writeln!(file, "p{number},P,free").unwrap();
    }
    file.push_str("good,Good,1\n");
    let cells = everywhere().await.swap_remove(0);
    let shop = Shop::open(&Arc::new(cells), "one").await;
    let report = shop.import(file.as_bytes(), false).await.unwrap();
    assert_eq!(report.products, counts(1, 0, 0, 10_050));
    assert_eq!((report.issues, report.issues_dropped), (10_000, 50));
    assert_eq!(report.rows_read, 10_051);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_exports_land_whole_and_once() {
    let Some(folder) = shared::folder() else {
        return;
    };
    for cells in everywhere().await {
        let kind = cells.kind;
        let cells = Arc::new(cells);
        for (name, [products, variants, _, units]) in shared::COUNTED {
            let slug = name.trim_end_matches(".csv");
            let shop = Shop::open(&cells, slug).await;
            let file = std::fs::read(folder.join(name)).unwrap();
            let report = shop.import(&file, false).await.expect(kind);
            assert_eq!(
                report.products,
                counts(products, 0, 0, 0),
                "{kind} {name} {:?}",
                shop.issues(report.id).await
            );
            let again = shop.import(&file, false).await.expect(kind);
            assert_eq!(again.products, counts(0, 0, products, 0), "{kind} {name}");
            let mut found = (0, 0);
            for handle in shop.published().await {
                let left = shop.units(&handle).await;
                found.0 += left.len() as i64;
                found.1 += left.into_iter().flatten().sum::<i64>();
            }
            assert_eq!(found, (variants, units), "{kind} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_sample_lands_without_an_issue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../server/sample/products.csv");
    let file = std::fs::read(path).unwrap();
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let report = shop.import(&file, false).await.expect(kind);
        assert_eq!(shop.issues(report.id).await, [], "{kind}");
        assert_eq!(report.products, counts(72, 0, 0, 0), "{kind}");
        let mug = shop.product("harbour-mug").await.expect(kind);
        assert_eq!(mug.media[0].url, "/media/sample/harbour-mug.svg");
        assert_eq!(shop.units("harbour-mug").await[0], Some(42), "{kind}");
    }
}
