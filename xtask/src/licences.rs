//! Licences, bans and sources of the libraries built here, held against `deny.toml`.
//! The same file drives `cargo deny`; this check needs nothing installed and no network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, anyhow};
use cargo_metadata::MetadataCommand;
use serde::Deserialize;

use crate::violation::Violation;

const POLICY: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// What of `deny.toml` this check reads.
#[derive(Debug, Deserialize)]
pub struct Policy {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// More licences for one library.
#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    library: String,
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    library: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// One library that a build for this machine takes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Library {
    pub name: String,
    pub version: String,
    pub licence: Option<String>,
    /// `None` for a crate of the workspace.
    pub source: Option<String>,
}

impl Policy {
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(root.join(POLICY))
            .with_context(|| format!("cannot read {POLICY}"))?;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).with_context(|| format!("cannot parse {POLICY}"))
    }
}

impl Library {
    pub fn all_in_use(root: &Path) -> anyhow::Result<Vec<Self>> {
        let metadata = MetadataCommand::new()
            .current_dir(root)
            .other_options(["--filter-platform".to_owned(), host(root)?])
            .exec()
            .context("cargo metadata failed")?;
        let resolve = metadata
            .resolve
            .ok_or_else(|| anyhow!("cargo metadata resolved nothing"))?;
        let used: BTreeSet<_> = resolve.nodes.iter().map(|node| &node.id).collect();
        let mut libraries: Vec<Self> = metadata
            .packages
            .iter()
            .filter(|package| used.contains(&package.id))
            .map(|package| Self {
                name: package.name.to_string(),
                version: package.version.to_string(),
                licence: package.license.clone(),
                source: package.source.as_ref().map(|source| source.repr.clone()),
            })
            .collect();
        libraries.sort();
        Ok(libraries)
    }
}

fn host(root: &Path) -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .current_dir(root)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
        .ok_or_else(|| anyhow!("`rustc -vV` names no host"))
}

pub fn judge(policy: &Policy, libraries: &[Library]) -> Vec<Violation> {
    let registries: BTreeSet<String> = policy
        .sources
        .allow_registry
        .iter()
        .map(|url| format!("registry+{url}"))
        .collect();
    let bans: BTreeMap<&str, &str> = policy
        .bans
        .deny
        .iter()
        .map(|ban| (ban.library.as_str(), ban.reason.as_str()))
        .collect();
    let mut found = Vec::new();
    for library in libraries {
        let named = format!("{} {}", library.name, library.version);
        let mut add = |wrong: String, remedy: &str| {
            found.push(Violation::new(LOCK, 1, format!("{named} {wrong}"), remedy));
        };
        if let Some(reason) = bans.get(library.name.as_str()) {
            add(
                format!("is banned ({reason})"),
                "turn off the feature that brings it in",
            );
        }
        if let Some(source) = &library.source
            && !registries.contains(source)
        {
            add(format!("comes from {source}"), "take it from crates.io");
        }
        let more = policy
            .licenses
            .exceptions
            .iter()
            .filter(|e| e.library == library.name);
        let more: BTreeSet<&str> = more.flat_map(|e| &e.allow).map(String::as_str).collect();
        let allowed =
            |licence: &str| policy.licenses.allow.contains(licence) || more.contains(licence);
        match library.licence.as_deref() {
            None => add("states no licence".to_owned(), "use another library"),
            Some(expression) => match satisfied(expression, &allowed) {
                Ok(true) => {}
                Ok(false) => add(
                    format!("is under `{expression}`"),
                    "use another library, or allow the licence in deny.toml and say why",
                ),
                Err(error) => add(
                    format!("has a licence that does not parse: {error}"),
                    "use another library",
                ),
            },
        }
    }
    found
}

/// Whether an SPDX expression can be met with allowed licences. `A/B` is the old way to say `OR`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, allowed)?;
    if at == words.len() {
        Ok(met)
    } else {
        Err(format!("`{expression}` at `{}`", words[at]))
    }
}

/// `AND` binds closer than `OR`.
fn any_of(words: &[&str], at: &mut usize, ok: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = all_of(words, at, ok)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, ok)?;
    }
    Ok(met)
}

fn all_of(words: &[&str], at: &mut usize, ok: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = one(words, at, ok)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, ok)?;
    }
    Ok(met)
}

fn one(words: &[&str], at: &mut usize, ok: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let word = words.get(*at).ok_or("the expression ends too early")?;
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, ok)?;
        if words.get(*at) != Some(&")") {
            return Err("a bracket stays open".to_owned());
        }
        *at += 1;
        return Ok(met);
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).ok_or("WITH names nothing")?;
        *at += 2;
        return Ok(ok(word) || ok(&format!("{word} WITH {exception}")));
    }
    Ok(ok(word))
}
