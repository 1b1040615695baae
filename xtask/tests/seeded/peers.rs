//! Declared calls and subscriptions held against the source, in both directions.

use crate::tree::Tree;

const ORDERS: &str = r#"//! Orders.
pub struct OrderPlaced;
pub struct OrderTotals;
pub trait Orders {}
impl Fact for OrderPlaced {
    const TYPE: &'static str = "orders.placed";
    const VERSION: u16 = 1;
}
"#;
const INVENTORY: &str = "//! Stock.\npub trait Stock {}\npub struct Level;\n";

/// Contracts of orders and inventory, and module cart with `calls`, `listens` and `source`.
fn cart(calls: &str, listens: &str, source: &str) -> Tree {
    let peers = format!("[package.metadata.stoa]\ncalls = [{calls}]\nlistens = [{listens}]\n");
    Tree::default()
        .with("platform/contracts", "")
        .file("platform/contracts/src/orders.rs", ORDERS)
        .file("platform/contracts/src/inventory.rs", INVENTORY)
        .with("modules/cart", &peers)
        .file("modules/cart/src/lib.rs", &format!("//! Carts.\n{source}"))
}

#[test]
fn declared_and_used_peers_agree() {
    cart(
        "\"inventory\"",
        "\"orders.placed.v1\"",
        "use stoa_contracts::{inventory::{self, Level}, orders::OrderPlaced};\n\
         struct A(Box<dyn inventory::Stock>, Level, OrderPlaced);\n",
    )
    .check(&[]);
}

#[test]
fn an_undeclared_trait_is_found_in_every_spelling() {
    let wrong = |line: usize| {
        format!(
            "modules/cart/src/lib.rs:{line}: calls `Stock` of `inventory` undeclared; add \
             `inventory` to `calls` in [package.metadata.stoa]"
        )
    };
    for source in [
        "use stoa_contracts::inventory::Stock;\n",
        "use stoa_contracts::{inventory::{Stock as S}};\n",
        "fn f(s: &dyn ::stoa_contracts::inventory::Stock) {}\n",
        "fn f() { check!(stoa_contracts::inventory::Stock::reserve) }\n",
    ] {
        cart("", "", source).check(&[&wrong(2)]);
    }
}

#[test]
fn an_alias_of_a_contract_hides_nothing() {
    cart(
        "",
        "",
        "use stoa_contracts::inventory as i;\nfn f(s: &dyn i::Stock) {}\n",
    )
    .check(&[
        "modules/cart/src/lib.rs:2: uses `inventory` undeclared; add `inventory` to `calls` in \
         [package.metadata.stoa]",
        "modules/cart/src/lib.rs:3: calls `Stock` of `inventory` undeclared; add `inventory` to \
         `calls` in [package.metadata.stoa]",
    ]);
    cart(
        "",
        "",
        "use stoa_contracts as c;\nfn f(s: &dyn c::inventory::Stock) {}\n",
    )
    .check(&[
        "modules/cart/src/lib.rs:3: calls `Stock` of `inventory` undeclared; add `inventory` to \
         `calls` in [package.metadata.stoa]",
    ]);
}

#[test]
fn comments_strings_and_tests_call_nobody() {
    cart(
        "",
        "",
        "/// As stoa_contracts::inventory::Stock does.\n\
         const TEXT: &str = \"stoa_contracts::inventory::Stock\"; // stoa_contracts::orders::Orders\n\
         #[cfg(test)]\nmod tests { use stoa_contracts::inventory::Stock; }\n\
         #[cfg(test)]\nmod more;\n",
    )
    .file("modules/cart/src/more.rs", "//! Tests.\nuse stoa_contracts::inventory::Stock;\n")
    .check(&[]);
}

#[test]
fn a_declared_call_that_nobody_makes_is_found() {
    cart("\"inventory\", \"ghost\"", "", "").check(&[
        "modules/cart/Cargo.toml:9: `calls` names `ghost`, which has no contract; write \
         platform/contracts/src/ghost.rs or remove it",
        "modules/cart/Cargo.toml:9: `calls` names `inventory`, which the source never calls; \
         remove it",
    ]);
}

#[test]
fn a_fact_read_undeclared_is_found_by_type_and_by_subject() {
    for source in [
        "use stoa_contracts::orders::OrderPlaced;\n",
        "const SUBJECT: &str = \"orders.placed.v1\";\n",
    ] {
        cart("", "", source).check(&["modules/cart/src/lib.rs:2: reads `orders.placed.v1` \
                                      undeclared; add it to `listens` in [package.metadata.stoa]"]);
    }
}

#[test]
fn a_declared_subject_must_exist_and_be_read() {
    cart("", "\"orders.placed.v1\", \"orders.placed.v2\"", "").check(&[
        "modules/cart/Cargo.toml:10: `listens` names `orders.placed.v1`, which the source never \
         reads; remove it",
        "modules/cart/Cargo.toml:10: `listens` names `orders.placed.v2`, which no contract \
         defines; name a fact as `<TYPE>.v<VERSION>`",
    ]);
}

#[test]
fn listening_covers_plain_types_but_not_traits() {
    cart(
        "",
        "\"orders.placed.v1\"",
        "use stoa_contracts::orders::{OrderPlaced, OrderTotals};\n\
         use stoa_contracts::orders::Orders;\n",
    )
    .check(&[
        "modules/cart/src/lib.rs:3: calls `Orders` of `orders` undeclared; add `orders` to \
              `calls` in [package.metadata.stoa]",
    ]);
}

#[test]
fn a_crate_that_declares_nothing_is_found() {
    Tree::default()
        .with("modules/cart", "")
        .with("storefront", "[package.metadata.stoa]\n")
        .check(&[
            "modules/cart/Cargo.toml:1: no [package.metadata.stoa]; declare `calls = [...]` and \
             `listens = [...]`, empty where there are none",
            "storefront/Cargo.toml:8: [package.metadata.stoa] has no list of names `calls`; write \
             `calls = [...]`, empty where there are none",
        ]);
}

#[test]
fn calls_in_a_circle_are_found() {
    let contract = |name: &str| format!("//! One.\npub trait {name} {{}}\n");
    let peers = |to: &str| format!("[package.metadata.stoa]\ncalls = [\"{to}\"]\nlistens = []\n");
    let call = |to: &str, name: &str| format!("//! Calls.\nuse stoa_contracts::{to}::{name};\n");
    Tree::default()
        .with("platform/contracts", "")
        .file("platform/contracts/src/a.rs", &contract("A"))
        .file("platform/contracts/src/b.rs", &contract("B"))
        .file("platform/contracts/src/c.rs", &contract("C"))
        .with("modules/a", &peers("b"))
        .file("modules/a/src/lib.rs", &call("b", "B"))
        .with("modules/b", &peers("c"))
        .file("modules/b/src/lib.rs", &call("c", "C"))
        .with("modules/c", &peers("a"))
        .file("modules/c/src/lib.rs", &call("a", "A"))
        .check(&[
            "modules/a/Cargo.toml:9: calls go round in a circle: a -> b -> c -> a; turn one \
                  of them into a fact that the other listens to",
        ]);
}
