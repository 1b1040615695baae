//! A file's tokens in one flat list with their lines. Knows nothing of any rule.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Word(String),
    /// `::`, joined; every other mark is a `Mark`.
    Colons,
    Mark(char),
    Open(char),
    Close(char),
    /// The value of a string literal, not its spelling.
    Text(String),
    OtherLiteral,
}

impl Token {
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub fn is(&self, kind: &Kind) -> bool {
        self.kind == *kind
    }
}

pub(crate) fn flatten(stream: TokenStream) -> Vec<Token> {
    let mut out = Vec::new();
    push_all(stream, &mut out);
    out
}

fn push_all(stream: TokenStream, out: &mut Vec<Token>) {
    let mut half_colons = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |kind| out.push(Token { line, kind });
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == ':' => {
                if half_colons {
                    push(Kind::Colons);
                    half_colons = false;
                } else if mark.spacing() == Spacing::Joint {
                    half_colons = true;
                } else {
                    push(Kind::Mark(':'));
                }
                continue;
            }
            TokenTree::Punct(mark) => push(Kind::Mark(mark.as_char())),
            TokenTree::Ident(word) => {
                push(Kind::Word(
                    word.to_string().trim_start_matches("r#").to_owned(),
                ));
            }
            TokenTree::Literal(literal) => {
                let spelled = literal.to_string();
                push(match syn::parse_str::<syn::LitStr>(&spelled) {
                    Ok(text) => Kind::Text(text.value()),
                    Err(_) => Kind::OtherLiteral,
                });
            }
            TokenTree::Group(group) => push_group(&group, out),
        }
        half_colons = false;
    }
}

fn push_group(group: &proc_macro2::Group, out: &mut Vec<Token>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ('(', ')'),
        Delimiter::Brace => ('{', '}'),
        Delimiter::Bracket => ('[', ']'),
        Delimiter::None => return push_all(group.stream(), out),
    };
    out.push(Token {
        line: group.span_open().start().line,
        kind: Kind::Open(open),
    });
    push_all(group.stream(), out);
    out.push(Token {
        line: group.span_close().end().line,
        kind: Kind::Close(close),
    });
}
