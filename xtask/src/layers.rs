//! Which crate may depend on which, and how deep. Reads manifests only, never source.

use std::collections::HashMap;

use cargo_metadata::DependencyKind;

use crate::place::Place;
use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

/// Crates on the longest path from the server down, the server and the kernel included.
const DEPTH_MAX: usize = 6;

const DIRECTION: &str = "the direction is kernel <- {contracts, platform} <- {modules, workflows, \
                         gateway, storefront, admin} <- server";

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for krate in &workspace.crates {
        let Some(place) = &krate.place else {
            found.push(Violation::new(
                &krate.manifest_path,
                1,
                format!("`{}` is in no layer", krate.name),
                "move it under platform/, modules/ or workflows/",
            ));
            continue;
        };
        for dependency in &krate.dependencies {
            let Some(other) = workspace.krate(&dependency.name) else {
                continue;
            };
            let Some(other_place) = &other.place else {
                continue;
            };
            if other.name == krate.name {
                continue;
            }
            if let Some(remedy) = refusal(place, other_place, dependency.kind) {
                found.push(Violation::new(
                    &krate.manifest_path,
                    krate.manifest_line(&other.name),
                    format!(
                        "{place} (`{}`) depends on {other_place} (`{}`)",
                        krate.name, other.name
                    ),
                    remedy,
                ));
            }
        }
    }
    found.extend(too_deep(workspace));
    found
}

/// What to do instead, where `from` may not depend on `to`.
fn refusal(from: &Place, to: &Place, kind: DependencyKind) -> Option<String> {
    if *to == Place::Testkit {
        let in_tests = kind == DependencyKind::Development;
        let fine = in_tests || matches!(from, Place::Bench | Place::Testkit);
        return (!fine)
            .then(|| "the testkit is for tests: move it under [dev-dependencies]".to_owned());
    }
    // Tests compose real modules instead of mocks; what they stand on does not ship.
    let composes = kind == DependencyKind::Development
        && from.unit().is_some()
        && (to.unit().is_some() || matches!(to, Place::Module { .. }));
    if composes || may_use(from, to) {
        return None;
    }
    Some(match to {
        Place::Module { name, nested: true } => {
            format!("only module {name}, the server and the testkit may")
        }
        Place::Module { name, .. } | Place::Workflow(name) | Place::Surface(name)
            if from.unit().is_some() =>
        {
            format!("go through the traits of `stoa_contracts::{name}`")
        }
        _ => DIRECTION.to_owned(),
    })
}

fn may_use(from: &Place, to: &Place) -> bool {
    match from {
        Place::Kernel => false,
        Place::Storage => *to == Place::Kernel,
        Place::Contracts | Place::Bus => matches!(to, Place::Kernel | Place::Storage),
        Place::Transport => matches!(to, Place::Kernel | Place::Storage | Place::Bus),
        Place::Telemetry | Place::Platform => matches!(to, Place::Kernel | Place::Telemetry),
        Place::Module { name, .. } => {
            is_ground(to) || matches!(to, Place::Module { name: other, .. } if other == name)
        }
        Place::Workflow(_) | Place::Surface(_) => is_ground(to),
        Place::Server => !matches!(to, Place::Bench | Place::Xtask),
        Place::Testkit | Place::Bench | Place::Xtask => true,
    }
}

/// What modules, workflows and surfaces stand on.
fn is_ground(place: &Place) -> bool {
    matches!(
        place,
        Place::Kernel
            | Place::Contracts
            | Place::Storage
            | Place::Bus
            | Place::Telemetry
            | Place::Platform
    )
}

fn too_deep(workspace: &Workspace) -> Option<Violation> {
    let server = workspace
        .crates
        .iter()
        .find(|c| c.place == Some(Place::Server))?;
    let path = longest_path(workspace, server, &mut HashMap::new());
    (path.len() > DEPTH_MAX).then(|| {
        Violation::new(
            &server.manifest_path,
            1,
            format!(
                "the longest path of crates is {} deep: {}",
                path.len(),
                path.join(" -> ")
            ),
            format!("shorten it to {DEPTH_MAX} crates"),
        )
    })
}

/// Cargo refuses cycles outside dev-dependencies, so this ends.
fn longest_path(
    workspace: &Workspace,
    from: &Crate,
    known: &mut HashMap<String, Vec<String>>,
) -> Vec<String> {
    if let Some(path) = known.get(&from.name) {
        return path.clone();
    }
    let mut longest = Vec::new();
    for dependency in &from.dependencies {
        if dependency.kind == DependencyKind::Development {
            continue;
        }
        let Some(next) = workspace.krate(&dependency.name) else {
            continue;
        };
        let path = longest_path(workspace, next, known);
        if path.len() > longest.len() {
            longest = path;
        }
    }
    longest.insert(0, from.name.clone());
    known.insert(from.name.clone(), longest.clone());
    longest
}
