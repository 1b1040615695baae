//! `cargo xtask check`: prints every broken rule and fails where there is one.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

const USAGE: &str = "usage: cargo xtask check [--only architecture|licences]

check   holds the tree against the architecture and the house rules, and the libraries it uses
        against deny.toml. Prints `path:line: what is wrong; what to do`. Exits with 1 where
        anything is wrong.";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (architecture, licences) = match arguments.as_slice() {
        ["check"] => (true, true),
        ["check", "--only", "architecture"] => (true, false),
        ["check", "--only", "licences"] => (false, true),
        ["help" | "--help" | "-h"] => {
            writeln!(io::stdout(), "{USAGE}")?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => bail!("{USAGE}"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    if architecture {
        found.extend(xtask::architecture(&root)?);
    }
    if licences {
        found.extend(xtask::licences(&root)?);
    }
    let mut out = io::stdout().lock();
    for violation in &found {
        writeln!(out, "{violation}")?;
    }
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} rules broken", found.len())?;
    Ok(ExitCode::FAILURE)
}
