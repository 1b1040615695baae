//! The real tree against its own rules. That each rule bites is shown in `seeded`.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[track_caller]
fn assert_none(found: &[xtask::Violation]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} rules broken:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn the_tree_keeps_its_architecture() {
    assert_none(&xtask::architecture(root()).expect("the workspace is readable"));
}

#[test]
fn every_library_keeps_the_policy_of_deny_toml() {
    assert_none(&xtask::licences(root()).expect("the libraries are known"));
}
