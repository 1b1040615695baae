//! Commands beside a running server and without one.

use crate::support::{Backend, Stoa};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_beside_a_server_and_without_one() {
    let mut shop = Stoa::all(&Backend::Sqlite).await;
    let beside = shop.command(&["tenant", "create", "beside", "--name", "Beside"]);
    assert!(beside.status.success(), "{beside:?}");
    assert_eq!(shop.terminate(), Some(0));
    let alone = shop.command(&["tenant", "create", "alone"]);
    assert!(alone.status.success(), "{alone:?}");
    let list = shop.command(&["tenant", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let slugs: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["slug"].as_str())
        .collect();
    assert_eq!(slugs, ["alone", "beside", "demo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_says_what_is_wrong_and_exits_with_its_code() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let taken = shop.command(&["tenant", "create", "demo"]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("slug_taken"), "{taken:?}");
    let bad = shop.command(&["tenant", "create", "Not A Slug"]);
    assert!(
        text(&bad.stderr).contains("a slug is 1 to 40 of a-z"),
        "{bad:?}"
    );
    let target = shop.command(&["serve", "--target", "everything"]);
    assert_eq!(target.status.code(), Some(2));
    assert!(
        text(&target.stderr).contains("known are: all, api, worker"),
        "{target:?}"
    );
    let second = shop.command(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another stoa process owns"),
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_good_products_from_bad_rows() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let file = shop.data_dir.join("products.csv");
    let csv = "Handle,Title,Option1 Name,Option1 Value,Variant Inventory Qty,Variant Price\n\
               good,Good,Title,Default Title,3,19.99\n\
               bad,Bad,Title,Default Title,3,cheap\n";
    std::fs::write(&file, csv).expect("a file");
    assert!(shop.command(&["tenant", "create", "csv"]).status.success());
    let path = file.display().to_string();
    let first = shop.command(&["import", "products", &path, "--tenant", "csv"]);
    assert_eq!(first.status.code(), Some(3), "{first:?}");
    let said = text(&first.stdout);
    assert!(
        said.contains("1 products created, 0 updated, 0 unchanged, 1 refused"),
        "{said}"
    );
    assert!(said.contains("line 3, Variant Price"), "{said}");
    let again = shop.command(&["import", "products", &path, "--tenant", "csv"]);
    assert!(text(&again.stdout).contains("0 products created, 0 updated, 1 unchanged, 1 refused"));
}
