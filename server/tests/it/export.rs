//! Files of the command line: what one shop's export writes, another shop's import reads, and its
//! export writes again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Backend, Merchant, Stoa};

/// More than one page of an export holds.
const PLAIN: usize = 60;
const VARIANTS: usize = PLAIN + 6;
/// Where a file of stock levels has the ids of variants, which every shop gives anew.
const VARIANT_ID: usize = 4;

const RICH: &str = "\
Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Inventory Policy,\
Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Alt Text,Gift Card,\
SEO Title,SEO Description,Status\n\
shirt,\"Shirt, \"\"linen\"\"\",\"<p>Airy,\nand \"\"light\"\"</p>\",Kiln & Co,Shirts,\"linen, Summer\",\
true,Size,S,Color,Sky,SH-S,180,3,deny,49.00,59.90,'0012345678905,/media/sample/mug.svg,A shirt,\
false,Linen shirt,\"Cool, all day\",active\n\
shirt,,,,,,,,M,,Sky,SH-M,190,0,deny,49.00,,,/media/sample/tote.svg,=side,,,,\n\
shirt,,,,,,,,L,,Sand,SH-L,200,7,continue,52.50,,,,,,,,\n\
formula,=SUM(A1),,'-quoted,,,true,,,,,@SKU,0,12,deny,0.01,,,,,,,,active\n\
draft,Not yet,,,,,false,,,,,DR-1,1,1,deny,5,,,,,,,,draft\n\
voucher,Voucher,,,,,true,Amount,Ten,,,VO-10,0,0,deny,10,,,,,true,,,active\n";

/// What an export says of the first two of them.
const SHIRT: &str = "\
shirt,\"Shirt, \"\"linen\"\"\",\"<p>Airy,\nand \"\"light\"\"</p>\",Kiln & Co,Shirts,\"linen, Summer\",\
TRUE,Size,S,Color,Sky,,,SH-S,180,stoa,3,deny,49.00,59.90,TRUE,TRUE,0012345678905,\
/media/sample/mug.svg,1,A shirt,FALSE,Linen shirt,\"Cool, all day\",,active,physical,,,,,,,\n\
shirt,,,,,,,,M,,Sky,,,SH-M,190,stoa,0,deny,49.00,,TRUE,TRUE,,/media/sample/tote.svg,2,'=side,\
,,,,,,,,,,,,\n\
shirt,,,,,,,,L,,Sand,,,SH-L,200,stoa,7,continue,52.50,,TRUE,TRUE,,,,,,,,,,,,,,,,,\n";
const FORMULA: &str = "\
formula,'=SUM(A1),,''-quoted,,,TRUE,Title,Default Title,,,,,'@SKU,0,stoa,12,deny,0.01,,TRUE,TRUE,\
,,,,FALSE,,,,active,physical,,,,,,,\n";

/// A file of products of every kind, and of so many plain ones that an export takes several pages.
fn products() -> String {
    let columns = RICH.lines().next().expect("a header").split(',').count();
    let mut file = RICH.to_owned();
    for number in 0..PLAIN {
        let cells = format!("plain-{number:02},Plain {number}");
        let stock = format!("P-{number:02},{number},{number},deny,{number}.95");
        let line = format!("{cells},,,,,true,,,,,{stock}");
        let rest = ",".repeat(columns - line.split(',').count());
        file += &format!("{line}{rest}\n");
    }
    file
}

/// A shop of its own beside the demo shop, with a second location.
struct Shop {
    stoa: Stoa,
}

impl Shop {
    async fn open() -> Self {
        let stoa = Stoa::all(&Backend::Sqlite).await;
        let shop = Self { stoa };
        let made = shop.run(&["tenant", "create", "linen"]);
        assert!(made.status.success(), "{made:?}");
        let key = shop.run(&["key", "create", "--tenant", "linen", "--kind", "secret"]);
        let merchant = Merchant::new(&shop.stoa.url(), "linen", stdout(&key).trim());
        let barn = json!({ "name": "Barn" });
        let (status, barn) = merchant.post("/api/v1/admin/locations", &barn).await;
        assert_eq!(status, StatusCode::CREATED, "{barn}");
        shop
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.stoa.command(arguments)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stoa.data_dir.join(name)
    }

    fn import(&self, what: &str, file: &Path) -> Value {
        let file = file.display().to_string();
        let done = self.run(&["import", what, &file, "--tenant", "linen", "--json"]);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        serde_json::from_slice(&done.stdout).expect("JSON")
    }

    /// Writes a file beside the data, and reads it.
    fn export(&self, what: &str, name: &str) -> String {
        let file = self.path(name);
        let path = file.display().to_string();
        let done = self.run(&["export", what, &path, "--tenant", "linen"]);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let written = std::fs::read_to_string(&file).expect("the file");
        assert_eq!(
            stdout(&done),
            format!("{} bytes in {path}\n", written.len())
        );
        assert_eq!(String::from_utf8_lossy(&done.stderr), "");
        written
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn failure(output: &Output) -> (Option<i32>, &str, &str) {
    let stderr = std::str::from_utf8(&output.stderr).expect("UTF-8");
    (output.status.code(), stdout(output), stderr)
}

fn counts(report: &Value) -> [&Value; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|name| &report["products"][name])
}

/// The header and the bytes of every product, by handle: the order of products that one import made
/// together is no part of a file.
fn by_product(file: &str) -> (&str, BTreeMap<&str, &str>) {
    let mut starts = vec![0];
    let mut quoted = false;
    for (at, byte) in file.bytes().enumerate() {
        quoted ^= byte == b'"';
        if byte == b'\n' && !quoted {
            starts.push(at + 1);
        }
    }
    assert_eq!(starts.pop(), Some(file.len()), "the last line ends");
    let handle = |at: usize| file[at..].split(',').next().expect("a cell");
    let firsts: Vec<usize> = starts[1..]
        .iter()
        .zip(&starts)
        .filter(|(at, before)| handle(**at) != handle(**before))
        .map(|(at, _)| *at)
        .collect();
    let ends = firsts.iter().skip(1).copied().chain([file.len()]);
    let products = firsts.iter().zip(ends);
    let products: Vec<_> = products
        .map(|(from, to)| (handle(*from), &file[*from..to]))
        .collect();
    let all = products.len();
    let products = BTreeMap::from_iter(products);
    assert_eq!(products.len(), all, "lines of a product stand together");
    (&file[..starts[1]], products)
}

/// Lines without the ids of variants, in one order.
fn levels(file: &str) -> Vec<String> {
    let mut lines: Vec<String> = file
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells: Vec<&str> = line.split(',').collect();
            assert!(cells[VARIANT_ID].starts_with("var_"), "{line}");
            cells[VARIANT_ID] = "";
            cells.join(",")
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_files_make_the_same_shop_elsewhere_which_exports_the_same_bytes() {
    let all = json!(PLAIN + 4);
    let none = json!(0);
    let mut one = Shop::open().await;
    let source = one.path("source.csv");
    std::fs::write(&source, products()).expect("a file");
    let made = one.import("products", &source);
    assert_eq!(counts(&made), [&all, &none, &none, &none], "{made}");
    let counted = one.path("counted.csv");
    let barn = "SKU,Location,On hand,Backorder\nSH-S,Barn,11,TRUE\nP-07,Barn,70,FALSE\n";
    std::fs::write(&counted, barn).expect("a file");
    one.import("inventory", &counted);
    let exported = one.export("products", "products.csv");
    let stock = one.export("inventory", "stock.csv");
    let (header, lines) = by_product(&exported);
    assert!(header.starts_with("Handle,Title,Body (HTML),"), "{header}");
    assert_eq!(lines.len(), PLAIN + 4);
    assert_eq!((lines["shirt"], lines["formula"]), (SHIRT, FORMULA));
    let kept = levels(&stock);
    assert_eq!(kept.len(), VARIANTS + 2, "{stock}");
    assert!(
        kept.contains(&"SH-S,Barn,11,TRUE,,0,shirt,S / Sky".to_owned()),
        "{stock}"
    );

    // Its own file says nothing new, to a byte, and neither does a shop that no server serves.
    let again = one.import("products", &one.path("products.csv"));
    assert_eq!(counts(&again), [&none, &none, &all, &none], "{again}");
    one.import("inventory", &one.path("stock.csv"));
    assert_eq!(one.export("products", "again.csv"), exported);
    assert_eq!(one.stoa.terminate(), Some(0));
    assert_eq!(one.export("inventory", "again.csv"), stock);
    let said = one.run(&["export", "products", "--tenant", "linen"]);
    assert_eq!(failure(&said), (Some(0), exported.as_str(), ""));

    let other = Shop::open().await;
    let nothing = other.export("products", "empty.csv");
    assert_eq!(nothing, header, "it is empty");
    let made = other.import("products", &one.path("products.csv"));
    assert_eq!(counts(&made), [&all, &none, &none, &none], "{made}");
    other.import("inventory", &one.path("stock.csv"));
    let theirs = other.export("products", "theirs.csv");
    assert_eq!(by_product(&theirs), (header, lines));
    assert_eq!(levels(&other.export("inventory", "levels.csv")), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_says_why_and_leaves_no_piece_of_a_file() {
    let stoa = Stoa::all(&Backend::Sqlite).await;
    let folder = stoa.data_dir.join("exports");
    std::fs::create_dir_all(folder.join("taken.csv")).expect("a folder");
    let file = folder.join("demo.csv");
    std::fs::write(&file, "as it was").expect("a file");
    let text = |path: &Path| path.display().to_string();
    let there = || {
        let entries = std::fs::read_dir(&folder).expect("the folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort_unstable();
        names
    };
    for what in ["products", "inventory"] {
        let path = text(&file);
        let unknown = "stoa: There is no tenant nobody (unknown_host)\n";
        let nobody = stoa.command(&["export", what, &path, "--tenant", "nobody"]);
        assert_eq!(failure(&nobody), (Some(1), "", unknown), "{what}");
        let nobody = stoa.command(&["export", what, "--tenant", "nobody"]);
        assert_eq!(failure(&nobody), (Some(1), "", unknown), "{what}");

        let nowhere = text(&folder.join("none").join("demo.csv"));
        let lost = stoa.command(&["export", what, &nowhere]);
        let told = format!(
            "stoa: {nowhere}.part cannot be written: No such file or directory (os error 2)\n"
        );
        assert_eq!(failure(&lost), (Some(1), "", told.as_str()), "{what}");
        let taken = text(&folder.join("taken.csv"));
        let lost = stoa.command(&["export", what, &taken]);
        let told = format!("stoa: {taken} cannot be written: Is a directory (os error 21)\n");
        assert_eq!(failure(&lost), (Some(1), "", told.as_str()), "{what}");
        assert_eq!(there(), ["demo.csv", "taken.csv"], "{what}");
    }
    assert_eq!(std::fs::read(&file).expect("the file"), b"as it was");

    let path = text(&file);
    let done = stoa.command(&["export", "products", &path, "--json"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let answer: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let bytes = std::fs::metadata(&file).expect("the file").len();
    assert_eq!(answer, json!({ "bytes": bytes, "file": path }));
    assert_eq!(there(), ["demo.csv", "taken.csv"]);
    let unknown = stoa.command(&["export", "orders"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}
