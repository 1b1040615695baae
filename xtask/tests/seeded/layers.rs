//! Who may depend on whom, how deep, and what a manifest must hold.

use crate::tree::Tree;

const PEERS: &str = "[package.metadata.stoa]\ncalls = []\nlistens = []\n";

fn uses(names: &[&str]) -> String {
    let lines: String = names
        .iter()
        .map(|name| format!("{name}.workspace = true\n"))
        .collect();
    format!("[dependencies]\n{lines}")
}

fn unit(names: &[&str]) -> String {
    format!("{}{PEERS}", uses(names))
}

#[test]
fn a_sound_tree_passes() {
    Tree::default()
        .with("platform/kernel", "")
        .with("platform/storage", &uses(&["stoa-kernel"]))
        .with(
            "platform/contracts",
            &uses(&["stoa-kernel", "stoa-storage"]),
        )
        .with("platform/bus", &uses(&["stoa-kernel", "stoa-storage"]))
        .with("platform/telemetry", &uses(&["stoa-kernel"]))
        .with("platform/rest", &uses(&["stoa-kernel", "stoa-telemetry"]))
        .with("platform/testkit", &uses(&["stoa-server"]))
        .with(
            "modules/cart",
            &format!(
                "{}[dev-dependencies]\nstoa-testkit.workspace = true\n",
                unit(&["stoa-bus"])
            ),
        )
        .with(
            "modules/payments",
            &unit(&["stoa-contracts", "stoa-test-provider"]),
        )
        .with("modules/payments/test-provider", &uses(&["stoa-rest"]))
        .with(
            "workflows/checkout",
            &unit(&["stoa-contracts", "stoa-bus", "stoa-telemetry"]),
        )
        .with(
            "server",
            &uses(&["stoa-cart", "stoa-checkout", "stoa-test-provider"]),
        )
        .with("bench", &uses(&["stoa-server", "stoa-testkit"]))
        .check(&[]);
}

#[test]
fn a_module_on_another_module_is_refused() {
    Tree::default()
        .with("modules/cart", &unit(&["stoa-orders"]))
        .with("modules/orders", PEERS)
        .check(&[
            "modules/cart/Cargo.toml:9: module cart (`stoa-cart`) depends on module orders \
                  (`stoa-orders`); go through the traits of `stoa_contracts::orders`",
        ]);
}

#[test]
fn a_workflow_and_a_surface_reach_no_module() {
    Tree::default()
        .with("modules/orders", PEERS)
        .with("workflows/checkout", &unit(&["stoa-orders"]))
        .with("storefront", &unit(&["stoa-checkout"]))
        .check(&[
            "storefront/Cargo.toml:9: the storefront (`stoa-storefront`) depends on workflow \
             checkout (`stoa-checkout`); go through the traits of `stoa_contracts::checkout`",
            "workflows/checkout/Cargo.toml:9: workflow checkout (`stoa-checkout`) depends on \
             module orders (`stoa-orders`); go through the traits of `stoa_contracts::orders`",
        ]);
}

#[test]
fn platform_crates_keep_their_own_order() {
    let direction = "the direction is kernel <- {contracts, platform} <- {modules, workflows, \
                     gateway, storefront, admin} <- server";
    Tree::default()
        .with("platform/kernel", "")
        .with("platform/telemetry", &uses(&["stoa-kernel"]))
        .with(
            "platform/storage",
            &uses(&["stoa-kernel", "stoa-telemetry"]),
        )
        .with("platform/rest", &uses(&["stoa-storage"]))
        .with("platform/bus", &uses(&["stoa-cart"]))
        .with("modules/cart", PEERS)
        .check(&[
            &format!(
                "platform/bus/Cargo.toml:9: the bus (`stoa-bus`) depends on module cart \
                 (`stoa-cart`); {direction}"
            ),
            &format!(
                "platform/rest/Cargo.toml:9: a platform crate (`stoa-rest`) depends on the \
                 storage layer (`stoa-storage`); {direction}"
            ),
            &format!(
                "platform/storage/Cargo.toml:10: the storage layer (`stoa-storage`) depends on \
                 telemetry (`stoa-telemetry`); {direction}"
            ),
        ]);
}

#[test]
fn tests_compose_modules_but_no_platform_crate_knows_one() {
    let direction = "the direction is kernel <- {contracts, platform} <- {modules, workflows, \
                     gateway, storefront, admin} <- server";
    let in_tests = "[dev-dependencies]\nstoa-orders.workspace = true\n";
    Tree::default()
        .with("modules/cart", &format!("{in_tests}{PEERS}"))
        .with("modules/orders", PEERS)
        .with("platform/rest", in_tests)
        .check(&[&format!(
            "platform/rest/Cargo.toml:9: a platform crate (`stoa-rest`) depends on module orders \
             (`stoa-orders`); {direction}"
        )]);
}

#[test]
fn the_testkit_stays_out_of_what_ships() {
    Tree::default()
        .with("platform/testkit", "")
        .with("server", &uses(&["stoa-testkit"]))
        .check(&[
            "server/Cargo.toml:9: the server (`stoa-server`) depends on the testkit \
                  (`stoa-testkit`); the testkit is for tests: move it under [dev-dependencies]",
        ]);
}

#[test]
fn a_nested_crate_is_private_to_its_module() {
    Tree::default()
        .with("modules/payments", PEERS)
        .with("modules/payments/test-provider", "")
        .with("workflows/checkout", &unit(&["stoa-test-provider"]))
        .check(&[
            "workflows/checkout/Cargo.toml:9: workflow checkout (`stoa-checkout`) depends on \
                  a private part of module payments (`stoa-test-provider`); only module payments, \
                  the server and the testkit may",
        ]);
}

#[test]
fn a_crate_outside_the_layers_is_named() {
    Tree::default().with("extras/odd", "").check(&[
        "extras/odd/Cargo.toml:1: `stoa-odd` is in no \
                                                    layer; move it under platform/, modules/ or \
                                                    workflows/",
    ]);
}

#[test]
fn a_path_of_seven_crates_is_too_deep() {
    Tree::default()
        .with("platform/kernel", "")
        .with("platform/storage", &uses(&["stoa-kernel"]))
        .with("platform/contracts", &uses(&["stoa-storage"]))
        .with("modules/pay", &unit(&["stoa-contracts", "stoa-inner"]))
        .with("modules/pay/inner", &uses(&["stoa-deeper"]))
        .with("modules/pay/deeper", &uses(&["stoa-contracts"]))
        .with("server", &uses(&["stoa-pay"]))
        .check(&[
            "server/Cargo.toml:1: the longest path of crates is 7 deep: stoa-server -> \
                  stoa-pay -> stoa-inner -> stoa-deeper -> stoa-contracts -> stoa-storage -> \
                  stoa-kernel; shorten it to 6 crates",
        ]);
}

#[test]
fn a_bare_manifest_is_named_for_all_it_lacks() {
    Tree::default()
        .with("platform/rest", "")
        .file(
            "platform/rest/Cargo.toml",
            "[package]\nname = \"stoa-rest\"\ndescription = \"\"\n",
        )
        .check(&[
            "platform/rest/Cargo.toml:1: does not take the workspace's lints; add `[lints]` with \
             `workspace = true`",
            "platform/rest/Cargo.toml:3: `stoa-rest` has no description; say in one sentence what \
             it holds",
        ]);
}

#[test]
fn a_version_of_its_own_is_refused() {
    Tree::default()
        .with("platform/rest", "[dependencies]\nbytes = \"1\"\n")
        .check(&[
            "platform/rest/Cargo.toml:9: `bytes` has a version or path of its own; list it in the \
         root Cargo.toml and write `bytes.workspace = true`",
        ]);
}
