//! One parsed Rust file and which of its lines are tests. Judges nothing.

use std::ops::RangeInclusive;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::tokens::{Token, flatten};

pub struct Source {
    /// Relative to the root.
    pub path: String,
    pub text: String,
    /// All tokens with comments gone; doc comments are `doc` attributes.
    pub tokens: Vec<Token>,
    /// `Err` says where and why the file does not parse.
    pub syntax: Result<syn::File, (usize, String)>,
    /// Under `tests/` or `benches/`, or a module declared under `cfg(test)`.
    pub is_test: bool,
    test_lines: Vec<RangeInclusive<usize>>,
    /// Names of the out-of-line modules declared under `cfg(test)`.
    test_modules: Vec<String>,
}

impl Source {
    pub fn parse(path: String, text: String) -> Self {
        let syntax =
            syn::parse_file(&text).map_err(|error| (error.span().start().line, error.to_string()));
        let mut tests = TestItems::default();
        if let Ok(file) = &syntax {
            tests.visit_file(file);
        }
        let tokens = text.parse::<TokenStream>().map(flatten).unwrap_or_default();
        let is_test = path
            .split('/')
            .any(|part| matches!(part, "tests" | "benches"));
        Self {
            path,
            text,
            tokens,
            syntax,
            is_test,
            test_lines: tests.lines,
            test_modules: tests.modules,
        }
    }

    /// Carries `cfg(test)` from a `mod name;` over to the file and the folder it names.
    pub fn mark_test_files(sources: &mut [Self]) {
        let mut files = Vec::new();
        for source in sources.iter() {
            for name in &source.test_modules {
                files.push(format!("{}{name}", source.module_dir()));
            }
        }
        for source in sources.iter_mut() {
            source.is_test |= files.iter().any(|module| {
                source
                    .path
                    .strip_prefix(module.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
    }

    pub fn line_count(&self) -> usize {
        self.text.lines().count()
    }

    /// The tokens outside every `cfg(test)` item; none in a test file.
    pub fn shipped_tokens(&self) -> Vec<Token> {
        if self.is_test {
            return Vec::new();
        }
        self.tokens
            .iter()
            .filter(|token| !self.is_test_line(token.line))
            .cloned()
            .collect()
    }

    fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Where this file's child modules live, with a slash at the end.
    fn module_dir(&self) -> String {
        let (dir, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match file {
            "lib.rs" | "main.rs" => format!("{dir}/"),
            _ => format!("{dir}/{}/", file.trim_end_matches(".rs")),
        }
    }
}

#[derive(Default)]
struct TestItems {
    lines: Vec<RangeInclusive<usize>>,
    modules: Vec<String>,
}

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(is_test_only) {
            let span = item.span();
            self.lines.push(span.start().line..=span.end().line);
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
            {
                self.modules.push(module.ident.to_string());
            }
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if item.attrs.iter().any(is_test_only) {
            let span = item.span();
            self.lines.push(span.start().line..=span.end().line);
        } else {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `cfg(test)` and `cfg(all(test, ...))`; not `cfg(any(test, ...))`, which ships too.
fn is_test_only(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    if !list.path.is_ident("cfg") {
        return false;
    }
    let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(inside)] if word == "all" => inside
            .stream()
            .into_iter()
            .any(|t| matches!(t, TokenTree::Ident(i) if i == "test")),
        _ => false,
    }
}
