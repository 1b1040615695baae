//! How long files and functions may be, with a ratchet that only tightens.
//!
//! `xtask/ratchet.toml` lists what is longer, at its exact length:
//! `[files] "path" = lines` and `[functions] "path Type::name" = lines`. An entry that no longer
//! fits, in either direction, is a violation, so that what shrinks stays small.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::violation::Violation;
use crate::workspace::Workspace;

const RATCHET: &str = "xtask/ratchet.toml";
const FILE_LINES_MAX: usize = 500;
/// From `fn` to the closing brace. Clippy's `too-many-lines-threshold` is the same.
const FUNCTION_LINES_MAX: usize = 70;

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let ratchet = match Ratchet::read(workspace) {
        Ok(ratchet) => ratchet,
        Err(violation) => return vec![violation],
    };
    let mut files = BTreeMap::new();
    let mut functions = BTreeMap::new();
    for source in &workspace.sources {
        files.insert(
            source.path.clone(),
            Measured {
                lines: source.line_count(),
                at: 1,
            },
        );
        if let Ok(file) = &source.syntax {
            let mut lengths = Lengths {
                path: &source.path,
                owner: None,
                found: &mut functions,
            };
            lengths.visit_file(file);
        }
    }
    let mut found = hold(
        "file",
        "split it",
        FILE_LINES_MAX,
        &files,
        &ratchet.files,
        &ratchet,
    );
    found.extend(hold(
        "function",
        "cut a step out of it",
        FUNCTION_LINES_MAX,
        &functions,
        &ratchet.functions,
        &ratchet,
    ));
    found
}

struct Measured {
    lines: usize,
    at: usize,
}

/// `measured` and `allowed` are keyed by path, for functions by path, space and name.
fn hold(
    what: &str,
    remedy: &str,
    lines_max: usize,
    measured: &BTreeMap<String, Measured>,
    allowed: &BTreeMap<String, usize>,
    ratchet: &Ratchet,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (key, Measured { lines, at }) in measured {
        let (path, name) = key.split_once(' ').unwrap_or((key, ""));
        let subject = if name.is_empty() {
            what.to_owned()
        } else {
            format!("{what} `{name}`")
        };
        let limit = allowed
            .get(key)
            .copied()
            .unwrap_or(lines_max)
            .max(lines_max);
        if *lines > limit {
            let wrong = format!("the {subject} is {lines} lines long, {limit} are allowed");
            found.push(Violation::new(path, *at, wrong, remedy));
        }
    }
    for (key, limit) in allowed {
        let line = ratchet.line(key);
        let (wrong, remedy) = match measured.get(key).map(|m| m.lines) {
            None => (format!("`{key}` is gone"), "remove the entry".to_owned()),
            Some(lines) if lines <= lines_max => (
                format!("`{key}` is down to {lines} lines"),
                "remove the entry".to_owned(),
            ),
            Some(lines) if lines < *limit => (
                format!("`{key}` is down to {lines} lines"),
                format!("lower it to {lines}"),
            ),
            Some(_) => continue,
        };
        found.push(Violation::new(RATCHET, line, wrong, remedy));
    }
    found
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Ratchet {
    files: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
    #[serde(skip)]
    text: String,
}

impl Ratchet {
    fn read(workspace: &Workspace) -> Result<Self, Violation> {
        let Ok(text) = std::fs::read_to_string(workspace.root.join(RATCHET)) else {
            return Ok(Self::default());
        };
        let mut ratchet: Self = toml::from_str(&text).map_err(|error| {
            Violation::new(
                RATCHET,
                1,
                format!("cannot be read: {}", error.message()),
                "write `[files]` and `[functions]` with `\"path\" = lines`",
            )
        })?;
        ratchet.text = text;
        Ok(ratchet)
    }

    fn line(&self, key: &str) -> usize {
        let quoted = format!("\"{key}\"");
        self.text
            .lines()
            .position(|line| line.starts_with(&quoted))
            .map_or(1, |index| index + 1)
    }
}

struct Lengths<'a> {
    path: &'a str,
    /// The type or trait around the function.
    owner: Option<String>,
    /// Two functions of one name in a file share an entry: the longer counts.
    found: &'a mut BTreeMap<String, Measured>,
}

impl Lengths<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let at = signature.fn_token.span.start().line;
        let lines = block.span().end().line + 1 - at;
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let entry = self
            .found
            .entry(format!("{} {name}", self.path))
            .or_insert(Measured { lines, at });
        if lines > entry.lines {
            *entry = Measured { lines, at };
        }
    }

    fn within(&mut self, owner: Option<String>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        visit(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Lengths<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        self.within(None, |inner| visit::visit_item_fn(inner, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(ty) => ty.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.within(owner, |inner| visit::visit_item_impl(inner, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let owner = Some(item.ident.to_string());
        self.within(owner, |inner| visit::visit_item_trait(inner, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
