//! Migrations are numbered without a gap in each folder and all included. Never reads their SQL.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::Kind;
use crate::violation::Violation;
use crate::workspace::Workspace;

const NUMBER_DIGITS: usize = 4;

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut folders = BTreeMap::<&str, Vec<&str>>::new();
    for path in &workspace.files {
        let Some((folder, file)) = path.rsplit_once('/') else {
            continue;
        };
        if folder.split('/').any(|part| part == "migrations") {
            folders.entry(folder).or_default().push(file);
        }
    }
    let mut found = Vec::new();
    for (folder, files) in &folders {
        found.extend(check_folder(folder, files));
        found.extend(left_out(workspace, folder, files));
    }
    found
}

/// A migration that no string of its crate names never runs.
fn left_out(workspace: &Workspace, folder: &str, files: &[&str]) -> Vec<Violation> {
    let Some(krate) = workspace.crate_of(&format!("{folder}/")) else {
        return Vec::new();
    };
    let mut named = BTreeSet::new();
    for source in workspace.shipped_sources(krate) {
        for token in source.shipped_tokens() {
            if let Kind::Text(text) = token.kind {
                named.extend(text.rsplit('/').next().map(str::to_owned));
            }
        }
    }
    let missing = files
        .iter()
        .filter(|file| number(file).is_some() && !named.contains(**file));
    missing
        .map(|file| {
            Violation::new(
                format!("{folder}/{file}"),
                1,
                format!("no source of `{}` includes it", krate.name),
                "add it to the end of the module's migrations",
            )
        })
        .collect()
}

/// `files` are sorted by name, hence by number.
fn check_folder(folder: &str, files: &[&str]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut expected = 1;
    for file in files {
        let path = format!("{folder}/{file}");
        let Some(number) = number(file) else {
            found.push(Violation::new(
                path,
                1,
                "is no migration name",
                "name it `NNNN_what_it_does.sql`, in small letters",
            ));
            continue;
        };
        if number != expected {
            found.push(Violation::new(
                path,
                1,
                format!("migration {number:04} stands where {expected:04} is due"),
                "number them 0001, 0002, ... with no gap and no number twice",
            ));
        }
        expected = number + 1;
    }
    found
}

fn number(file: &str) -> Option<u32> {
    let (digits, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = digits.len() == NUMBER_DIGITS && !name.is_empty() && name.chars().all(plain);
    if fits { digits.parse().ok() } else { None }
}
