//! Declared peers are the used ones: `[package.metadata.stoa]` held against the source.
//!
//! A crate declares `calls = ["inventory"]`, the units whose contract it uses, and
//! `listens = ["orders.placed.v1"]`, the facts of others that it reads. A unit is a file of
//! `platform/contracts/src/`. What counts as use, in code that ships, comments and `cfg(test)`
//! aside:
//! - naming a trait of unit X must be declared as `calls = ["X"]`;
//! - naming a fact of unit X, by type or by its subject spelled out, must be declared in `listens`;
//! - naming only plain types of X is covered by either, and needs one of them;
//! - what is declared must be used, and calls must not go round in a circle.
//!
//! Macro-made facts are not seen: write `impl Fact for ...` out.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract_use::{Contracts, Mention, What};
use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

const TABLE: &str = "[package.metadata.stoa]";

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let contracts = Contracts::read(workspace);
    let mut found = Vec::new();
    let mut calls = BTreeMap::<&str, BTreeSet<String>>::new();
    for krate in &workspace.crates {
        let Some(place) = &krate.place else { continue };
        let Some(unit) = place.unit() else { continue };
        let declared = match Declared::read(krate) {
            Ok(declared) => declared,
            Err(_) if place.is_nested() => Declared::default(),
            Err(violation) => {
                found.push(violation);
                continue;
            }
        };
        found.extend(compare(workspace, &contracts, krate, unit, &declared));
        calls.entry(unit).or_default().extend(declared.calls);
    }
    found.extend(circle(workspace, &calls));
    found
}

#[derive(Default)]
struct Declared {
    calls: BTreeSet<String>,
    listens: BTreeSet<String>,
}

impl Declared {
    fn read(krate: &Crate) -> Result<Self, Violation> {
        let table = krate
            .manifest
            .get("package")
            .and_then(|package| package.get("metadata"))
            .and_then(|metadata| metadata.get("stoa"))
            .ok_or_else(|| {
                Violation::new(
                    &krate.manifest_path,
                    1,
                    format!("no {TABLE}"),
                    "declare `calls = [...]` and `listens = [...]`, empty where there are none",
                )
            })?;
        let names = |key: &str| {
            let list = table
                .get(key)
                .and_then(toml::Value::as_array)
                .and_then(|list| {
                    list.iter()
                        .map(|name| name.as_str().map(str::to_owned))
                        .collect()
                });
            list.ok_or_else(|| {
                Violation::new(
                    &krate.manifest_path,
                    krate.manifest_line(TABLE),
                    format!("{TABLE} has no list of names `{key}`"),
                    format!("write `{key} = [...]`, empty where there are none"),
                )
            })
        };
        Ok(Self {
            calls: names("calls")?,
            listens: names("listens")?,
        })
    }
}

fn compare(
    workspace: &Workspace,
    contracts: &Contracts,
    krate: &Crate,
    unit: &str,
    declared: &Declared,
) -> Vec<Violation> {
    let mut found = unknown_names(contracts, krate, unit, declared);
    let mut called = BTreeSet::new();
    let mut heard = BTreeSet::new();
    for source in workspace.shipped_sources(krate) {
        for mention in contracts.mentions(&source.shipped_tokens()) {
            if let What::Fact(subject) = &mention.what {
                heard.insert(subject.clone());
            }
            if mention.unit == unit {
                continue;
            }
            if !matches!(mention.what, What::Fact(_)) {
                called.insert(mention.unit.clone());
            }
            if let Some((wrong, remedy)) = undeclared(contracts, declared, &mention) {
                found.push(Violation::new(&source.path, mention.line, wrong, remedy));
            }
        }
    }
    for name in declared.calls.difference(&called) {
        if contracts.units.contains_key(name) && name != unit {
            found.push(Violation::new(
                &krate.manifest_path,
                krate.manifest_line("calls"),
                format!("`calls` names `{name}`, which the source never calls"),
                "remove it",
            ));
        }
    }
    for subject in declared.listens.difference(&heard) {
        if contracts.owner_of(subject).is_some() {
            found.push(Violation::new(
                &krate.manifest_path,
                krate.manifest_line("listens"),
                format!("`listens` names `{subject}`, which the source never reads"),
                "remove it",
            ));
        }
    }
    found
}

/// What is wrong with a mention of another unit, where it is not covered.
fn undeclared(
    contracts: &Contracts,
    declared: &Declared,
    mention: &Mention,
) -> Option<(String, String)> {
    let unit = &mention.unit;
    let calls = declared.calls.contains(unit);
    let add = format!("add `{unit}` to `calls` in {TABLE}");
    match &mention.what {
        What::Fact(subject) => (!declared.listens.contains(subject)).then(|| {
            (
                format!("reads `{subject}` undeclared"),
                format!("add it to `listens` in {TABLE}"),
            )
        }),
        What::Trait(name) => {
            (!calls).then(|| (format!("calls `{name}` of `{unit}` undeclared"), add))
        }
        What::Other => {
            let listens = declared
                .listens
                .iter()
                .any(|s| contracts.owner_of(s) == Some(unit));
            (!calls && !listens).then(|| (format!("uses `{unit}` undeclared"), add))
        }
    }
}

fn unknown_names(
    contracts: &Contracts,
    krate: &Crate,
    unit: &str,
    declared: &Declared,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let at = |key: &str| krate.manifest_line(key);
    for name in &declared.calls {
        let path = &krate.manifest_path;
        if name == unit {
            let wrong = "`calls` names the crate itself";
            found.push(Violation::new(path, at("calls"), wrong, "remove it"));
        } else if !contracts.units.contains_key(name) {
            let wrong = format!("`calls` names `{name}`, which has no contract");
            let remedy = format!("write platform/contracts/src/{name}.rs or remove it");
            found.push(Violation::new(path, at("calls"), wrong, remedy));
        }
    }
    for subject in &declared.listens {
        if contracts.owner_of(subject).is_none() {
            found.push(Violation::new(
                &krate.manifest_path,
                at("listens"),
                format!("`listens` names `{subject}`, which no contract defines"),
                "name a fact as `<TYPE>.v<VERSION>`",
            ));
        }
    }
    found
}

/// The first circle of calls, named once from its smallest unit.
fn circle(workspace: &Workspace, calls: &BTreeMap<&str, BTreeSet<String>>) -> Option<Violation> {
    for start in calls.keys() {
        let mut path = vec![(*start).to_owned()];
        if walk(calls, start, &mut path, &mut BTreeSet::new()) {
            let krate = workspace.crates.iter().find(|c| {
                c.place
                    .as_ref()
                    .is_some_and(|p| p.declares_peers() && p.unit() == Some(start))
            })?;
            return Some(Violation::new(
                &krate.manifest_path,
                krate.manifest_line("calls"),
                format!("calls go round in a circle: {}", path.join(" -> ")),
                "turn one of them into a fact that the other listens to",
            ));
        }
    }
    None
}

fn walk(
    calls: &BTreeMap<&str, BTreeSet<String>>,
    start: &str,
    path: &mut Vec<String>,
    dead_ends: &mut BTreeSet<String>,
) -> bool {
    let last = path.last().cloned().unwrap_or_default();
    for next in calls.get(last.as_str()).into_iter().flatten() {
        if next == start {
            path.push(next.clone());
            return true;
        }
        if path.contains(next) || dead_ends.contains(next) {
            continue;
        }
        path.push(next.clone());
        if walk(calls, start, path, dead_ends) {
            return true;
        }
        path.pop();
    }
    dead_ends.insert(last);
    false
}
