//! House style, the place of SQL, and the numbering of migrations.

use crate::tree::Tree;

const PEERS: &str = "[package.metadata.stoa]\ncalls = []\nlistens = []\n";

/// One crate whose `src/seeded.rs` is `text`, and what must be found in it.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected
        .iter()
        .map(|tail| format!("platform/rest/src/seeded.rs:{tail}"))
        .collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    Tree::default()
        .with("platform/rest", "")
        .file("platform/rest/src/seeded.rs", text)
        .check(&expected);
}

#[test]
fn a_file_without_its_opening_line_is_found() {
    let lacks =
        "1: does not open with a `//!` line; say what the file holds and what it never does";
    check("struct A;\n", &[lacks]);
    check("\n//! Late.\n", &[lacks]);
    check("//!\n", &[lacks]);
}

#[test]
fn banned_names_are_found_as_whole_words() {
    let name = |line: usize, name: &str, word: &str| {
        format!("{line}: `{name}` says `{word}`; name it for what it is in the domain")
    };
    check(
        "//! A.\nstruct StockManager;\nenum CartHelper {}\ntrait Utils {}\nmod common {}\n\
         type MediaTypes = ();\nstruct Commons;\nstruct Utility;\nfn helper() {}\n",
        &[
            &name(2, "StockManager", "Manager"),
            &name(3, "CartHelper", "Helper"),
            &name(4, "Utils", "Utils"),
            &name(5, "common", "Common"),
            &name(6, "MediaTypes", "Types"),
        ],
    );
}

#[test]
fn a_mod_rs_is_found() {
    Tree::default()
        .with("platform/rest", "")
        .file("platform/rest/src/limits/mod.rs", "//! Limits.\n")
        .check(
            &["platform/rest/src/limits/mod.rs:1: is a `mod.rs`; name it \
                  platform/rest/src/limits.rs"],
        );
}

#[test]
fn an_exported_glob_is_found_and_a_private_one_is_not() {
    check(
        "//! A.\nuse a::*;\npub use b::{c::*, D};\npub(crate) use e::*;\n",
        &[
            "3: exports a glob; name each item it exports",
            "4: exports a glob; name each item it exports",
        ],
    );
}

#[test]
fn silenced_lints_and_ignored_tests_are_found() {
    let allow = "silences a lint with `allow`; write `#[expect(lint, reason = \"...\")]`";
    check(
        "//! A.\n#![allow(dead_code)]\n#[cfg_attr(test, allow(unused))]\nstruct A;\n\
         #[expect(dead_code, reason = \"allow\")]\nstruct B;\n#[test]\n#[ignore]\nfn c() {}\n\
         wrap! { #[allow(x)] struct D; }\nfn allow() {}\n",
        &[
            &format!("2: {allow}"),
            &format!("3: {allow}"),
            "8: ignores a test; make the test run everywhere or remove it",
            &format!("10: {allow}"),
        ],
    );
}

#[test]
fn unfinished_code_is_found() {
    check(
        "//! A.\nfn a() { todo!() }\nfn b() { unimplemented![\"soon\"] }\nfn c(todo: bool) -> \
         bool { todo != true }\n// todo!()\n",
        &[
            "2: `todo!` leaves code unfinished; write it",
            "3: `unimplemented!` leaves code unfinished; write it",
        ],
    );
}

#[test]
fn a_file_that_does_not_parse_is_found() {
    check(
        "//! A.\nfn {}\n",
        &["2: does not parse: expected identifier; make it compile"],
    );
}

#[test]
fn sql_outside_infrastructure_is_found() {
    let sql = "//! A.\nconst Q: &str = \"SELECT 1\";\nfn f() { run!(\"update t set a = $1\") }\n\
               const TEXT: &str = \"select a size\";\n#[cfg(test)]\nmod tests { const T: &str = \
               \"DELETE FROM t\"; }\n";
    let found = |path: &str, line: usize, layer: &str| {
        format!(
            "modules/cart/src/{path}:{line}: SQL in `{layer}`; move the statement to \
             `infrastructure`"
        )
    };
    Tree::default()
        .with("modules/cart", PEERS)
        .file("modules/cart/src/infrastructure.rs", sql)
        .file("modules/cart/src/domain.rs", sql)
        .file("modules/cart/src/api/routes.rs", sql)
        .check(&[
            &found("api/routes.rs", 2, "api"),
            &found("api/routes.rs", 3, "api"),
            &found("domain.rs", 2, "domain"),
            &found("domain.rs", 3, "domain"),
        ]);
}

#[test]
fn gaps_and_odd_names_among_migrations_are_found() {
    Tree::default()
        .with("modules/cart", PEERS)
        .file(
            "modules/cart/src/lib.rs",
            "//! Carts.\nconst ALL: [&str; 3] = [include_str!(\"../migrations/0001_carts.sql\"), \
             include_str!(\"../migrations/0003_lines.sql\"), \
             include_str!(\"../migrations/0003_more.sql\")];\n",
        )
        .file("modules/cart/migrations/0001_carts.sql", "")
        .file("modules/cart/migrations/0003_lines.sql", "")
        .file("modules/cart/migrations/0003_more.sql", "")
        .file("modules/cart/migrations/4_Short.sql", "")
        .check(&[
            "modules/cart/migrations/0003_lines.sql:1: migration 0003 stands where 0002 is due; \
             number them 0001, 0002, ... with no gap and no number twice",
            "modules/cart/migrations/0003_more.sql:1: migration 0003 stands where 0004 is due; \
             number them 0001, 0002, ... with no gap and no number twice",
            "modules/cart/migrations/4_Short.sql:1: is no migration name; name it \
             `NNNN_what_it_does.sql`, in small letters",
        ]);
}

#[test]
fn a_migration_that_nothing_includes_is_found() {
    Tree::default()
        .with("modules/cart", PEERS)
        .file("modules/cart/migrations/cell/0001_carts.sql", "")
        .check(&[
            "modules/cart/migrations/cell/0001_carts.sql:1: no source of `stoa-cart` includes \
                  it; add it to the end of the module's migrations",
        ]);
}

#[test]
fn a_module_without_its_page_is_found() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    put(
        "Cargo.toml",
        "[workspace]\nmembers = [\"modules/cart\"]\n[workspace.lints.rust]\n",
    );
    put(
        "modules/cart/Cargo.toml",
        &format!(
            "[package]\nname = \"c\"\ndescription = \"C.\"\n{PEERS}[lints]\nworkspace = true\n"
        ),
    );
    put("modules/cart/src/lib.rs", "//! C.\n");
    let found = xtask::architecture(dir.path()).expect("the tree is readable");
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "modules/cart/README.md:1: module cart has no README.md; write its page: purpose, tables \
          owned, events in and out, invariants"
        ]
    );
}
