//! SQL stays in a module's `infrastructure`. Recognises statements by how a string starts.

use crate::place::Place;
use crate::tokens::Kind;
use crate::violation::Violation;
use crate::workspace::Workspace;

/// Layers of a module that never speak SQL: `domain.rs`, `domain/...`.
const PURE: [&str; 3] = ["domain", "application", "api"];
const VERBS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for krate in &workspace.crates {
        if !matches!(krate.place, Some(Place::Module { .. })) {
            continue;
        }
        let src = krate.path("src/");
        for source in workspace.shipped_sources(krate) {
            let inside = source.path.strip_prefix(&src).unwrap_or(&source.path);
            let Some(layer) = PURE.iter().find(|layer| {
                inside
                    .strip_prefix(**layer)
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            }) else {
                continue;
            };
            for token in source.shipped_tokens() {
                let Kind::Text(text) = &token.kind else {
                    continue;
                };
                if is_statement(text) {
                    found.push(Violation::new(
                        &source.path,
                        token.line,
                        format!("SQL in `{layer}`"),
                        "move the statement to `infrastructure`",
                    ));
                }
            }
        }
    }
    found
}

/// A verb in capitals at the start; or one in small letters with a numbered parameter or a clause,
/// so that a sentence which begins with "select" passes.
fn is_statement(text: &str) -> bool {
    let text = text.trim_start();
    let Some((first, rest)) = text.split_once(char::is_whitespace) else {
        return false;
    };
    if VERBS.contains(&first) {
        return true;
    }
    let clause = ["$1", " where ", " values "]
        .iter()
        .any(|mark| rest.contains(mark));
    clause && VERBS.iter().any(|verb| verb.to_lowercase() == first)
}
