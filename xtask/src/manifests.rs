//! What every crate's manifest and every module's folder must hold. Knows nothing of source.

use crate::place::Place;
use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for krate in &workspace.crates {
        found.extend(lints(krate));
        found.extend(description(krate));
        found.extend(dependencies(krate));
        found.extend(readme(workspace, krate));
    }
    found
}

fn lints(krate: &Crate) -> Option<Violation> {
    let inherited = krate
        .manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    (inherited.and_then(toml::Value::as_bool) != Some(true)).then(|| {
        Violation::new(
            &krate.manifest_path,
            1,
            "does not take the workspace's lints",
            "add `[lints]` with `workspace = true`",
        )
    })
}

fn description(krate: &Crate) -> Option<Violation> {
    let text = krate
        .manifest
        .get("package")
        .and_then(|package| package.get("description"));
    text.and_then(toml::Value::as_str)
        .unwrap_or_default()
        .trim()
        .is_empty()
        .then(|| {
            Violation::new(
                &krate.manifest_path,
                krate.manifest_line("description"),
                format!("`{}` has no description", krate.name),
                "say in one sentence what it holds",
            )
        })
}

/// One version of each library for the whole workspace.
fn dependencies(krate: &Crate) -> Vec<Violation> {
    let mut found = Vec::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(table) = krate.manifest.get(section).and_then(toml::Value::as_table) else {
            continue;
        };
        for (name, spec) in table {
            let inherited = spec.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !inherited {
                found.push(Violation::new(
                    &krate.manifest_path,
                    krate.manifest_line(name),
                    format!("`{name}` has a version or path of its own"),
                    format!("list it in the root Cargo.toml and write `{name}.workspace = true`"),
                ));
            }
        }
    }
    found
}

fn readme(workspace: &Workspace, krate: &Crate) -> Option<Violation> {
    let Some(Place::Module {
        name,
        nested: false,
    }) = &krate.place
    else {
        return None;
    };
    let path = krate.path("README.md");
    workspace.files.binary_search(&path).is_err().then(|| {
        Violation::new(
            path,
            1,
            format!("module {name} has no README.md"),
            "write its page: purpose, tables owned, events in and out, invariants",
        )
    })
}
