//! Libraries held against a small policy.

use xtask::{Library, Policy};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const POLICY: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0", "ISC"]
exceptions = [{ crate = "icu", allow = ["Unicode-3.0"] }]
[bans]
multiple-versions = "warn"
deny = [{ crate = "openssl", reason = "one TLS stack" }]
[sources]
allow-registry = ["https://github.com/rust-lang/crates.io-index"]
"#;

#[track_caller]
fn check(name: &str, licence: Option<&str>, source: Option<&str>, expected: &[&str]) {
    let library = Library {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        licence: licence.map(str::to_owned),
        source: source.map(str::to_owned),
    };
    let policy = Policy::parse(POLICY).expect("the policy is sound");
    let found: Vec<String> = xtask::judge(&policy, &[library])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn expressions_are_met_by_their_allowed_side() {
    for licence in [
        "MIT",
        "MIT OR Apache-2.0",
        "GPL-3.0 OR MIT",
        "MIT/GPL-2.0",
        "Apache-2.0 AND ISC",
        "GPL-3.0 AND ISC OR MIT",
        "(GPL-3.0 OR MIT) AND (ISC OR Zlib)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        check("lib", Some(licence), Some(CRATES_IO), &[]);
    }
}

#[test]
fn a_licence_outside_the_list_is_refused() {
    for licence in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "Unicode-3.0",
    ] {
        check(
            "lib",
            Some(licence),
            Some(CRATES_IO),
            &[&format!(
                "Cargo.lock:1: lib 1.0.0 is under `{licence}`; use another library, or allow the \
             licence in deny.toml and say why"
            )],
        );
    }
}

#[test]
fn an_exception_holds_for_its_own_library() {
    check("icu", Some("Unicode-3.0"), Some(CRATES_IO), &[]);
}

#[test]
fn a_missing_or_broken_licence_is_refused() {
    check(
        "lib",
        None,
        Some(CRATES_IO),
        &["Cargo.lock:1: lib 1.0.0 states no licence; use another library"],
    );
    check(
        "lib",
        Some("(MIT"),
        Some(CRATES_IO),
        &[
            "Cargo.lock:1: lib 1.0.0 has a licence that does not parse: a bracket stays open; use \
         another library",
        ],
    );
    check(
        "lib",
        Some("MIT ISC"),
        Some(CRATES_IO),
        &[
            "Cargo.lock:1: lib 1.0.0 has a licence that does not parse: `MIT ISC` at `ISC`; use \
         another library",
        ],
    );
}

#[test]
fn a_banned_library_is_refused() {
    check(
        "openssl",
        Some("MIT"),
        Some(CRATES_IO),
        &[
            "Cargo.lock:1: openssl 1.0.0 is banned (one TLS stack); turn off the feature that brings \
         it in",
        ],
    );
}

#[test]
fn a_library_from_elsewhere_is_refused() {
    check("lib", Some("MIT"), None, &[]);
    check(
        "lib",
        Some("MIT"),
        Some("git+https://example.com/lib"),
        &["Cargo.lock:1: lib 1.0.0 comes from git+https://example.com/lib; take it from crates.io"],
    );
}
