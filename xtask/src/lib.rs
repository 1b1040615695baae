//! The checks behind `cargo xtask check`. Reads the tree and never changes it.

mod contract_use;
mod layers;
mod length;
mod licences;
mod manifests;
mod migrations;
mod peers;
mod place;
mod source;
mod sql;
mod style;
mod tokens;
mod violation;
mod workspace;

pub use licences::{Library, Policy, judge};
pub use violation::Violation;
pub use workspace::Workspace;

use std::path::Path;

/// Every rule about the tree itself, sorted by place. Needs nothing but `cargo metadata --no-deps`.
pub fn architecture(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let workspace = Workspace::read(root)?;
    let mut found = Vec::new();
    for check in [
        layers::check,
        peers::check,
        manifests::check,
        migrations::check,
        sql::check,
        style::check,
        length::check,
    ] {
        found.extend(check(&workspace));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Licences, bans and sources of every library that is built here, held against `deny.toml`.
pub fn licences(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let policy = Policy::read(root)?;
    let libraries = Library::all_in_use(root)?;
    Ok(judge(&policy, &libraries))
}
