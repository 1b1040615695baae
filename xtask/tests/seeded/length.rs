//! Long files and functions, and the ratchet that keeps them from growing back.

use crate::tree::Tree;

const FILE: &str = "platform/rest/src/long.rs";

/// A file of exactly `lines` lines.
fn file_of(lines: usize) -> String {
    format!("//! Long.\n{}", "// One.\n".repeat(lines - 1))
}

/// A file whose only function, a method of `Page`, is exactly `lines` lines long.
fn function_of(lines: usize) -> String {
    let body = "        step();\n".repeat(lines - 2);
    format!("//! Long.\nimpl Page {{\n    fn draw() {{\n{body}    }}\n}}\n")
}

fn tree(source: &str, ratchet: &str) -> Tree {
    Tree::default()
        .with("platform/rest", "")
        .file(FILE, source)
        .file("xtask/ratchet.toml", ratchet)
}

#[test]
fn a_file_may_have_500_lines_and_no_more() {
    tree(&file_of(500), "").check(&[]);
    tree(&file_of(501), "").check(&[
        "platform/rest/src/long.rs:1: the file is 501 lines long, 500 are allowed; split it",
    ]);
}

#[test]
fn a_function_may_have_70_lines_and_no_more() {
    tree(&function_of(70), "").check(&[]);
    tree(&function_of(71), "").check(&[
        "platform/rest/src/long.rs:3: the function `Page::draw` is \
                                        71 lines long, 70 are allowed; cut a step out of it",
    ]);
}

#[test]
fn an_entry_allows_what_is_and_no_growth() {
    let ratchet = format!("[files]\n\"{FILE}\" = 600\n");
    tree(&file_of(600), &ratchet).check(&[]);
    tree(&file_of(601), &ratchet).check(&[
        "platform/rest/src/long.rs:1: the file is 601 lines long, 600 are allowed; split it",
    ]);
    let ratchet = format!("[functions]\n\"{FILE} Page::draw\" = 80\n");
    tree(&function_of(80), &ratchet).check(&[]);
}

#[test]
fn an_entry_follows_what_shrinks() {
    let ratchet = format!("[files]\n\"{FILE}\" = 600\n");
    tree(&file_of(599), &ratchet).check(&[
        "xtask/ratchet.toml:2: `platform/rest/src/long.rs` is down to 599 lines; lower it to 599",
    ]);
    tree(&file_of(500), &ratchet).check(&[
        "xtask/ratchet.toml:2: `platform/rest/src/long.rs` is down to 500 lines; remove the entry",
    ]);
    let ratchet = "[functions]\n\"platform/rest/src/gone.rs draw\" = 80\n";
    tree(&file_of(2), ratchet).check(&[
        "xtask/ratchet.toml:2: `platform/rest/src/gone.rs draw` is gone; remove the entry",
    ]);
}

#[test]
fn a_ratchet_that_cannot_be_read_is_found() {
    tree(&file_of(2), "[file]\n").check(&["xtask/ratchet.toml:1: cannot be read: unknown field \
                                           `file`, expected `files` or `functions`; write \
                                           `[files]` and `[functions]` with `\"path\" = lines`"]);
}
