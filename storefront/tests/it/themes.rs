//! The samples that uploads are tried on are what pages show.

use expect_test::expect_file;
use serde::Serialize;

use crate::{after, lists, sale, samples};

fn json(view: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(view).expect("JSON");
    text.push('\n');
    text
}

/// After a change of a view: `UPDATE_EXPECT=1 cargo test -p stoa-storefront --test it samples_are`.
#[test]
fn samples_are_what_pages_show() {
    expect_file!["../../src/render/samples/home.json"].assert_eq(&json(&samples::home()));
    expect_file!["../../src/render/samples/collection.json"].assert_eq(&json(&lists::collection()));
    expect_file!["../../src/render/samples/search.json"]
        .assert_eq(&json(&lists::search("oak", samples::kitchen())));
    expect_file!["../../src/render/samples/search_empty.json"]
        .assert_eq(&json(&lists::search("x", Vec::new())));
    expect_file!["../../src/render/samples/product.json"].assert_eq(&json(&samples::product_mug()));
    expect_file!["../../src/render/samples/product_sold_out.json"]
        .assert_eq(&json(&samples::product_sold_out()));
    expect_file!["../../src/render/samples/cart.json"].assert_eq(&json(&sale::cart(true)));
    expect_file!["../../src/render/samples/cart_empty.json"].assert_eq(&json(&sale::cart_empty()));
    expect_file!["../../src/render/samples/error.json"].assert_eq(&json(&after::error(404)));
}
