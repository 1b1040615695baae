//! The API's own description: it changes only on purpose, and says who may call what.

use expect_test::expect_file;

use crate::support::{Backend, Stoa};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_changes_only_on_purpose() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let url = format!("{}/api/v1/openapi.json", shop.url());
    let document: serde_json::Value = reqwest::get(url)
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    // UPDATE_EXPECT=1 writes it anew: read the difference before you commit it.
    expect_file!["../../../docs/openapi.json"].assert_eq(&format!("{document:#}\n"));
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if !["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                continue;
            }
            assert!(
                !operation["x-stoa-access"].is_null(),
                "{method} {path} states no access"
            );
        }
    }
}
