//! House style that a parser can see: first lines, names, exports, attributes, unfinished code.

use syn::visit::{self, Visit};

use crate::source::Source;
use crate::tokens::{Kind, Token};
use crate::violation::Violation;
use crate::workspace::Workspace;

/// Words that say nothing about what a thing is.
const BANNED_WORDS: [&str; 7] = [
    "Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Types",
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in &workspace.sources {
        let add =
            |(line, wrong, remedy): Finding| Violation::new(&source.path, line, wrong, remedy);
        found.extend(first_line(source).map(add));
        found.extend(file_name(source).map(add));
        match &source.syntax {
            Ok(file) => {
                let mut names = Names::default();
                names.visit_file(file);
                found.extend(names.found.into_iter().map(add));
            }
            Err((line, error)) => {
                let wrong = format!("does not parse: {error}");
                found.push(add((*line, wrong, "make it compile".to_owned())));
            }
        }
        found.extend(attributes(&source.tokens).into_iter().map(add));
        found.extend(unfinished(&source.tokens).into_iter().map(add));
    }
    found
}

/// Line, what is wrong, what to do.
type Finding = (usize, String, String);

fn first_line(source: &Source) -> Option<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first
        .strip_prefix("//!")
        .is_some_and(|text| !text.trim().is_empty());
    (!says).then(|| {
        (
            1,
            "does not open with a `//!` line".to_owned(),
            "say what the file holds and what it never does".to_owned(),
        )
    })
}

fn file_name(source: &Source) -> Option<Finding> {
    let (folder, file) = source.path.rsplit_once('/')?;
    (file == "mod.rs").then(|| {
        (
            1,
            "is a `mod.rs`".to_owned(),
            format!("name it {folder}.rs"),
        )
    })
}

#[derive(Default)]
struct Names {
    found: Vec<Finding>,
}

impl Names {
    fn name(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        if let Some(word) = words(&name)
            .into_iter()
            .find(|w| BANNED_WORDS.contains(&w.as_str()))
        {
            self.found.push((
                ident.span().start().line,
                format!("`{name}` says `{word}`"),
                "name it for what it is in the domain".to_owned(),
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.name(&item.ident);
        visit::visit_item_union(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.name(&item.ident);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !matches!(item.vis, syn::Visibility::Inherited) && has_glob(&item.tree) {
            self.found.push((
                item.use_token.span.start().line,
                "exports a glob".to_owned(),
                "name each item it exports".to_owned(),
            ));
        }
    }
}

fn has_glob(tree: &syn::UseTree) -> bool {
    match tree {
        syn::UseTree::Glob(_) => true,
        syn::UseTree::Path(path) => has_glob(&path.tree),
        syn::UseTree::Group(group) => group.items.iter().any(has_glob),
        _ => false,
    }
}

/// `StockTypes` and `stock_types` both give `Stock`, `Types`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c != '_'
        {
            let c = if word.is_empty() {
                c.to_ascii_uppercase()
            } else {
                c
            };
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `#[allow]` and `#[ignore]`, also inside `cfg_attr` and inside macros.
fn attributes(tokens: &[Token]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if !token.is(&Kind::Mark('#')) {
            continue;
        }
        let inner = tokens
            .get(index + 1)
            .is_some_and(|next| next.is(&Kind::Mark('!')));
        let open = index + 1 + usize::from(inner);
        if !tokens
            .get(open)
            .is_some_and(|next| next.is(&Kind::Open('[')))
        {
            continue;
        }
        let mut names: Vec<&str> = tokens
            .get(open + 1)
            .and_then(Token::word)
            .into_iter()
            .collect();
        if names == ["cfg_attr"] {
            let inside = tokens[open..]
                .iter()
                .take_while(|t| !t.is(&Kind::Close(']')));
            names.extend(inside.filter_map(Token::word));
        }
        if names.contains(&"allow") {
            found.push((
                token.line,
                "silences a lint with `allow`".to_owned(),
                "write `#[expect(lint, reason = \"...\")]`".to_owned(),
            ));
        }
        if names.contains(&"ignore") {
            found.push((
                token.line,
                "ignores a test".to_owned(),
                "make the test run everywhere or remove it".to_owned(),
            ));
        }
    }
    found
}

fn unfinished(tokens: &[Token]) -> Vec<Finding> {
    let mut found = Vec::new();
    for window in tokens.windows(3) {
        let [name, mark, open] = window else { continue };
        let Some(name @ ("todo" | "unimplemented")) = name.word() else {
            continue;
        };
        if mark.is(&Kind::Mark('!')) && matches!(open.kind, Kind::Open(_)) {
            found.push((
                window[0].line,
                format!("`{name}!` leaves code unfinished"),
                "write it".to_owned(),
            ));
        }
    }
    found
}
