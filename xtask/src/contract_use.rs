//! What the contracts define and which of it a source mentions. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::place::Place;
use crate::tokens::{Kind, Token};
use crate::workspace::Workspace;

const CONTRACTS_CRATE: &str = "stoa_contracts";

/// What `platform/contracts/src/<unit>.rs` and `<unit>/` define, by unit.
pub(crate) struct Contracts {
    pub units: BTreeMap<String, Contract>,
}

#[derive(Default)]
pub(crate) struct Contract {
    pub traits: BTreeSet<String>,
    /// Type name to subject: `OrderPlaced` to `orders.placed.v1`.
    pub facts: BTreeMap<String, String>,
}

/// One mention of something under `stoa_contracts::<unit>`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub unit: String,
    pub line: usize,
    pub what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    Trait(String),
    /// The subject.
    Fact(String),
    /// A plain type, or the contract's module itself.
    Other,
}

impl Contracts {
    pub(crate) fn read(workspace: &Workspace) -> Self {
        let mut units = BTreeMap::<String, Contract>::new();
        let Some(krate) = workspace
            .crates
            .iter()
            .find(|c| c.place == Some(Place::Contracts))
        else {
            return Self { units };
        };
        let src = krate.path("src/");
        for source in workspace.shipped_sources(krate) {
            let inside = source.path.strip_prefix(&src).unwrap_or(&source.path);
            let unit = inside
                .split('/')
                .next()
                .unwrap_or(inside)
                .trim_end_matches(".rs");
            if unit == "lib" {
                continue;
            }
            let contract = units.entry(unit.to_owned()).or_default();
            if let Ok(file) = &source.syntax {
                contract.learn(&file.items);
            }
        }
        Self { units }
    }

    /// The unit that owns a subject such as `orders.placed.v1`.
    pub(crate) fn owner_of(&self, subject: &str) -> Option<&str> {
        let owner = self
            .units
            .iter()
            .find(|(_, c)| c.facts.values().any(|s| s == subject));
        owner.map(|(unit, _)| unit.as_str())
    }

    /// Every mention in `tokens` of a contract, in order of lines.
    pub(crate) fn mentions(&self, tokens: &[Token]) -> Vec<Mention> {
        let mut roots = vec![CONTRACTS_CRATE.to_owned()];
        let mut aliases = BTreeMap::<String, String>::new();
        let mut found = Vec::new();
        for leaf in leaves(tokens, |word| word == CONTRACTS_CRATE) {
            match leaf.path.as_slice() {
                [] => roots.extend(leaf.alias),
                [unit] if self.units.contains_key(unit) => {
                    aliases.insert(leaf.alias.unwrap_or_else(|| unit.clone()), unit.clone());
                    found.push(Mention {
                        unit: unit.clone(),
                        line: leaf.line,
                        what: What::Other,
                    });
                }
                path => found.extend(self.resolve(path, leaf.line)),
            }
        }
        for leaf in leaves(tokens, |word| roots[1..].iter().any(|root| root == word)) {
            found.extend(self.resolve(&leaf.path, leaf.line));
        }
        for (alias, unit) in &aliases {
            for mut leaf in leaves(tokens, |word| word == alias) {
                leaf.path.insert(0, unit.clone());
                found.extend(self.resolve(&leaf.path, leaf.line));
            }
        }
        found.extend(self.spelled_subjects(tokens));
        found.sort_by_key(|mention| mention.line);
        found
    }

    /// `path` starts with a unit, or with an item re-exported at the top of the contracts crate.
    fn resolve(&self, path: &[String], line: usize) -> Option<Mention> {
        let first = path.first()?;
        let (unit, contract, items) = match self.units.get_key_value(first) {
            Some((unit, contract)) => (unit, contract, &path[1..]),
            None => {
                let (unit, contract) = self.units.iter().find(|(_, contract)| {
                    contract.traits.contains(first) || contract.facts.contains_key(first)
                })?;
                (unit, contract, path)
            }
        };
        let what = items
            .iter()
            .find_map(|item| match contract.facts.get(item) {
                Some(subject) => Some(What::Fact(subject.clone())),
                None => contract
                    .traits
                    .contains(item)
                    .then(|| What::Trait(item.clone())),
            });
        Some(Mention {
            unit: unit.clone(),
            line,
            what: what.unwrap_or(What::Other),
        })
    }

    /// A subject written out counts like its type.
    fn spelled_subjects(&self, tokens: &[Token]) -> Vec<Mention> {
        let mut found = Vec::new();
        for token in tokens {
            let Kind::Text(text) = &token.kind else {
                continue;
            };
            if let Some(unit) = self.owner_of(text) {
                found.push(Mention {
                    unit: unit.to_owned(),
                    line: token.line,
                    what: What::Fact(text.clone()),
                });
            }
        }
        found
    }
}

impl Contract {
    fn learn(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Trait(item) => {
                    self.traits.insert(item.ident.to_string());
                }
                syn::Item::Impl(item) => self.facts.extend(fact(item)),
                syn::Item::Mod(syn::ItemMod {
                    content: Some((_, items)),
                    ..
                }) => self.learn(items),
                _ => {}
            }
        }
    }
}

/// The type and the subject of an `impl Fact for X`.
fn fact(item: &syn::ItemImpl) -> Option<(String, String)> {
    let (path, _) = item.trait_.as_ref()?;
    if path.segments.last()?.ident != "Fact" {
        return None;
    }
    let syn::Type::Path(ty) = &*item.self_ty else {
        return None;
    };
    let name = ty.path.segments.last()?.ident.to_string();
    let mut kind = None;
    let mut version = None;
    for inner in &item.items {
        let syn::ImplItem::Const(constant) = inner else {
            continue;
        };
        let syn::Expr::Lit(value) = &constant.expr else {
            continue;
        };
        match (&value.lit, constant.ident.to_string().as_str()) {
            (syn::Lit::Str(text), "TYPE") => kind = Some(text.value()),
            (syn::Lit::Int(number), "VERSION") => version = Some(number.base10_digits().to_owned()),
            _ => {}
        }
    }
    Some((name, format!("{}.v{}", kind?, version?)))
}

/// One end of a path or of a `use` tree, without its root.
struct Leaf {
    path: Vec<String>,
    alias: Option<String>,
    line: usize,
}

/// The ends of every path whose first word satisfies `is_root`: `root::a::{b, c::{d as e}}`.
/// The crate itself is also found after `::`, an alias only where a path starts.
fn leaves(tokens: &[Token], is_root: impl Fn(&str) -> bool) -> Vec<Leaf> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Some(word) = token.word().filter(|word| is_root(word)) else {
            continue;
        };
        let inside_a_path = index > 0 && tokens[index - 1].is(&Kind::Colons);
        let follows = tokens.get(index + 1);
        let leads_on =
            follows.is_some_and(|next| next.is(&Kind::Colons) || next.word() == Some("as"));
        if leads_on && (!inside_a_path || word == CONTRACTS_CRATE) {
            walk(tokens, index + 1, &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads on at what follows a path segment; returns the index after the tree.
fn walk(tokens: &[Token], at: usize, path: &mut Vec<String>, found: &mut Vec<Leaf>) -> usize {
    let line = tokens
        .get(at.saturating_sub(1))
        .map_or(1, |token| token.line);
    let mut leaf = |path: &[String], alias: Option<&str>| {
        let path = path
            .iter()
            .filter(|part| *part != "self")
            .cloned()
            .collect();
        found.push(Leaf {
            path,
            alias: alias.map(str::to_owned),
            line,
        });
    };
    if tokens.get(at).and_then(Token::word) == Some("as") {
        leaf(path, tokens.get(at + 1).and_then(Token::word));
        return at + 2;
    }
    if !tokens.get(at).is_some_and(|token| token.is(&Kind::Colons)) {
        leaf(path, None);
        return at;
    }
    match tokens.get(at + 1).map(|token| &token.kind) {
        Some(Kind::Word(word)) => {
            path.push(word.clone());
            let end = walk(tokens, at + 2, path, found);
            path.pop();
            end
        }
        Some(Kind::Open('{')) => walk_group(tokens, at + 2, path, found),
        // A glob or generic arguments: the path ends here.
        _ => {
            leaf(path, None);
            at + 2
        }
    }
}

fn walk_group(
    tokens: &[Token],
    from: usize,
    path: &mut Vec<String>,
    found: &mut Vec<Leaf>,
) -> usize {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Close('}') => return at + 1,
            Kind::Word(word) => {
                path.push(word.clone());
                at = walk(tokens, at + 1, path, found);
                path.pop();
            }
            _ => at += 1,
        }
    }
    at
}
