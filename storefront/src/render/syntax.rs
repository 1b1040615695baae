//! Which constructs a theme's template may hold: an allow-list over its syntax tree, and a cut of its
//! plain text into small pieces. Fuel bounds steps; this sees to it that no step is large: nothing
//! here can double a text or nest a list without being charged for it.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::filters::{FILTERS, TESTS};

/// Words and signs between one pair of braces: bounds how deep an expression can be.
const TAG_TOKENS_MAX: usize = 400;
/// Each lies within the one before.
const ELIFS_MAX: usize = 100;
/// Joined by `~` in one place.
const JOINED_MAX: usize = 16;
/// Plain text costs a step for about so many bytes.
const PIECE_BYTES: usize = 32;
/// Where a piece would otherwise end within white space.
const PIECE_BYTES_MAX: usize = 128;
/// An empty comment: it ends a piece and is otherwise nothing.
const CUT: &str = "{##}";
/// Names that end so hold markup that was sanitised; only pages give them out.
const MARKUP: &str = "_html";
const OWN: &str = "__";

/// Why a template is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) line: Option<u32>,
    pub(super) reason: String,
}

type Checked = Result<(), Refused>;

/// The template as it is compiled: the same, with its text in pieces.
pub(super) fn checked(source: &str, syntax: &SyntaxConfig) -> Result<String, Refused> {
    let made = in_pieces(source, syntax)?;
    let tree = parse(source, "template", syntax.clone()).map_err(|error| Refused {
        line: error.line().and_then(|line| u32::try_from(line).ok()),
        reason: told(&error),
    })?;
    statement(&tree)?;
    Ok(made)
}

/// What an error of the engine says, without where.
pub(super) fn told(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Cuts plain text so that it costs steps by its length, and refuses what would nest too deep for
/// the parser before it is parsed.
pub(super) fn in_pieces(source: &str, syntax: &SyntaxConfig) -> Result<String, Refused> {
    let mut made = String::with_capacity(source.len() + source.len() / 4);
    let (mut copied, mut tokens, mut elifs) = (0, 0, 0);
    let mut opened = false;
    for next in tokenize(source, false, syntax.clone()) {
        let (token, span) = next.map_err(|error| Refused {
            line: error.line().and_then(|line| u32::try_from(line).ok()),
            reason: told(&error),
        })?;
        let refuse = |reason: &str| refused(span, reason);
        match token {
            Token::TemplateData(text) => {
                let start = (text.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
                let Some(before) = source.get(copied..start) else {
                    continue;
                };
                if raw_before(before) {
                    return refuse("`raw` cannot be used in a theme").map(|()| String::new());
                }
                made.push_str(before);
                cut(text, &mut made);
                copied = start + text.len();
            }
            Token::VariableStart | Token::BlockStart => (tokens, opened) = (0, true),
            token => {
                tokens += 1;
                if tokens > TAG_TOKENS_MAX {
                    let reason = "holds more than 400 words and signs between two braces";
                    return refuse(reason).map(|()| String::new());
                }
                if opened && matches!(token, Token::Ident("elif")) {
                    elifs += 1;
                }
                if elifs > ELIFS_MAX {
                    return refuse("holds more than 100 `elif`").map(|()| String::new());
                }
                opened = false;
            }
        }
    }
    made.push_str(source.get(copied..).unwrap_or_default());
    Ok(made)
}

/// Whether what stands before a text makes the engine take it as it is.
fn raw_before(before: &str) -> bool {
    let Some(inside) = before.trim_end().strip_suffix("%}") else {
        return false;
    };
    let tag = inside.rsplit("{%").next().unwrap_or_default();
    tag.trim_matches(['-', '+', ' ', '\t', '\r', '\n']) == "raw"
}

fn cut(text: &str, made: &mut String) {
    let mut length = 0;
    let mut before = ' ';
    for next in text.chars() {
        let due = length >= PIECE_BYTES && !next.is_whitespace() && !before.is_whitespace();
        if (due || length >= PIECE_BYTES_MAX) && before != '{' {
            made.push_str(CUT);
            length = 0;
        }
        made.push(next);
        length += next.len_utf8();
        before = next;
    }
}

fn refused(span: Span, reason: &str) -> Checked {
    Err(Refused {
        line: Some(u32::from(span.start_line)),
        reason: reason.to_owned(),
    })
}

fn statements(all: &[Stmt<'_>]) -> Checked {
    all.iter().try_for_each(statement)
}

fn statement(one: &Stmt<'_>) -> Checked {
    match one {
        Stmt::Template(template) => statements(&template.children),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => written(&emit.expr),
        Stmt::IfCond(condition) => {
            expression(&condition.expr)?;
            statements(&condition.true_body)?;
            statements(&condition.false_body)
        }
        Stmt::ForLoop(each) if each.recursive => refused(
            each.span(),
            "a recursive loop cannot be used: use a macro that calls itself",
        ),
        Stmt::ForLoop(each) => {
            assigned(&each.target)?;
            listed(&each.iter)?;
            each.filter_expr.as_ref().map_or(Ok(()), expression)?;
            statements(&each.body)?;
            statements(&each.else_body)
        }
        Stmt::WithBlock(with) => {
            for (target, value) in &with.assignments {
                assigned(target)?;
                expression(value)?;
            }
            statements(&with.body)
        }
        Stmt::Set(set) => {
            assigned(&set.target)?;
            expression(&set.expr)
        }
        Stmt::SetBlock(set) if set.filter.is_some() => refused(
            set.span(),
            "`set` with a filter cannot be used: filter what is written in it",
        ),
        Stmt::SetBlock(set) => {
            assigned(&set.target)?;
            statements(&set.body)
        }
        Stmt::Block(block) => statements(&block.body),
        Stmt::Import(import) => {
            assigned(&import.name)?;
            expression(&import.expr)
        }
        Stmt::FromImport(import) => {
            for (name, alias) in &import.names {
                assigned(alias.as_ref().unwrap_or(name))?;
            }
            expression(&import.expr)
        }
        Stmt::Extends(extends) => expression(&extends.name),
        Stmt::Include(include) => listed(&include.name),
        Stmt::Macro(made) => {
            made.args.iter().try_for_each(assigned)?;
            made.defaults.iter().try_for_each(expression)?;
            statements(&made.body)
        }
        Stmt::CallBlock(block) => {
            call(&block.call)?;
            block.macro_decl.args.iter().try_for_each(assigned)?;
            block.macro_decl.defaults.iter().try_for_each(expression)?;
            statements(&block.macro_decl.body)
        }
        other => never(other),
    }
}

/// Statements that no theme may hold.
fn never(one: &Stmt<'_>) -> Checked {
    match one {
        Stmt::AutoEscape(it) => refused(it.span(), "`autoescape` cannot be used: it is always on"),
        Stmt::FilterBlock(it) => refused(it.span(), "a `filter` block cannot be used"),
        Stmt::Do(it) => refused(it.span(), "`do` cannot be used"),
        // Among them those that other features of the library would add.
        _ => refused(Span::default(), "holds a statement that is unknown"),
    }
}

/// Names that a template may give a value.
fn assigned(target: &Expr<'_>) -> Checked {
    match target {
        Expr::Var(name) if name.id.ends_with(MARKUP) || name.id.starts_with(OWN) => refused(
            name.span(),
            "names that end in `_html` or begin with `__` are not a theme's to give",
        ),
        Expr::Var(_) => Ok(()),
        Expr::List(list) => list.items.iter().try_for_each(assigned),
        Expr::Tuple(tuple) => tuple.items.iter().try_for_each(assigned),
        other => refused(other.span(), "only names can be set"),
    }
}

/// Between double braces: texts may be joined here, for what is written is charged.
fn written(one: &Expr<'_>) -> Checked {
    match one {
        Expr::BinOp(it) if matches!(it.op, BinOpKind::Concat) => joined(one, JOINED_MAX),
        Expr::IfExpr(it) => {
            expression(&it.test_expr)?;
            written(&it.true_expr)?;
            it.false_expr.as_ref().map_or(Ok(()), written)
        }
        other => expression(other),
    }
}

fn joined(one: &Expr<'_>, room: usize) -> Checked {
    match one {
        Expr::BinOp(it) if matches!(it.op, BinOpKind::Concat) => {
            if room == 0 {
                return refused(it.span(), "more than 16 texts are joined by `~`");
            }
            joined(&it.left, room - 1)?;
            expression(&it.right)
        }
        other => expression(other),
    }
}

/// Where a list may hold what is not constant: it is gone through and never kept.
fn listed(one: &Expr<'_>) -> Checked {
    match one {
        Expr::List(list) => list.items.iter().try_for_each(expression),
        Expr::Tuple(tuple) => tuple.items.iter().try_for_each(expression),
        other => expression(other),
    }
}

fn expression(one: &Expr<'_>) -> Checked {
    match one {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::UnaryOp(it) => match it.op {
            UnaryOpKind::Not | UnaryOpKind::Neg => expression(&it.expr),
        },
        Expr::BinOp(it) => binary(&it.op, &it.left, &it.right, it.span()),
        Expr::Compare(it) => {
            expression(&it.expr)?;
            for op in &it.ops {
                match op.op {
                    CompareOpKind::In | CompareOpKind::NotIn => within(&op.expr)?,
                    _ => expression(&op.expr)?,
                }
            }
            Ok(())
        }
        Expr::IfExpr(it) => {
            expression(&it.test_expr)?;
            expression(&it.true_expr)?;
            it.false_expr.as_ref().map_or(Ok(()), expression)
        }
        Expr::Filter(it) if it.name == "safe" => match &it.expr {
            Some(Expr::Var(name)) if name.id.ends_with(MARKUP) => Ok(()),
            Some(Expr::GetAttr(it)) if it.name.ends_with(MARKUP) => expression(&it.expr),
            _ => refused(
                it.span(),
                "only names that end in `_html` are `safe`: everything else is escaped",
            ),
        },
        Expr::Filter(it) if !FILTERS.contains(&it.name) => refused(
            it.span(),
            &format!("the filter `{}` cannot be used in a theme", it.name),
        ),
        Expr::Filter(it) => {
            it.expr.as_ref().map_or(Ok(()), expression)?;
            arguments(&it.args, it.span())
        }
        Expr::Test(it) if !TESTS.contains(&it.name) => refused(
            it.span(),
            &format!("the test `{}` cannot be used in a theme", it.name),
        ),
        Expr::Test(it) => {
            expression(&it.expr)?;
            arguments(&it.args, it.span())
        }
        Expr::GetAttr(it) => expression(&it.expr),
        Expr::GetItem(it) => {
            expression(&it.expr)?;
            expression(&it.subscript_expr)
        }
        Expr::Call(it) => call(it),
        Expr::Slice(it) => refused(
            it.span(),
            "`[from:to]` cannot be used: use `|take` and `|skip`",
        ),
        Expr::List(it) if it.items.iter().all(constant) => Ok(()),
        Expr::Tuple(it) if it.items.iter().all(constant) => Ok(()),
        Expr::Map(it) if it.keys.iter().chain(&it.values).all(constant) => Ok(()),
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => {
            refused(one.span(), "lists and maps can hold constants only")
        }
    }
}

fn binary(op: &BinOpKind, left: &Expr<'_>, right: &Expr<'_>, span: Span) -> Checked {
    match op {
        BinOpKind::Concat => {
            return refused(
                span,
                "`~` can only join what is written: use `|append` elsewhere",
            );
        }
        BinOpKind::Add if !number(left) && !number(right) => {
            return refused(
                span,
                "`+` needs a number as it stands: use `|plus` or `|append`",
            );
        }
        BinOpKind::Mul => return refused(span, "`*` cannot be used: use `|times`"),
        BinOpKind::Pow => return refused(span, "`**` cannot be used"),
        BinOpKind::In => {
            expression(left)?;
            return within(right);
        }
        BinOpKind::Eq
        | BinOpKind::Ne
        | BinOpKind::Lt
        | BinOpKind::Lte
        | BinOpKind::Gt
        | BinOpKind::Gte
        | BinOpKind::ScAnd
        | BinOpKind::ScOr
        | BinOpKind::Add
        | BinOpKind::Sub
        | BinOpKind::Div
        | BinOpKind::FloorDiv
        | BinOpKind::Rem => {}
    }
    expression(left)?;
    expression(right)
}

/// What can be looked through with `in`: a list that stands there.
fn within(one: &Expr<'_>) -> Checked {
    match one {
        Expr::List(_) | Expr::Tuple(_) => listed(one),
        other => refused(
            other.span(),
            "`in` needs a list that stands there: use `|contains`",
        ),
    }
}

fn number(one: &Expr<'_>) -> bool {
    matches!(one, Expr::Const(it) if it.value.is_number())
}

fn constant(one: &Expr<'_>) -> bool {
    match one {
        Expr::Const(_) => true,
        Expr::UnaryOp(it) => constant(&it.expr),
        Expr::List(it) => it.items.iter().all(constant),
        Expr::Tuple(it) => it.items.iter().all(constant),
        Expr::Map(it) => it.keys.iter().chain(&it.values).all(constant),
        _ => false,
    }
}

fn call(it: &Call<'_>) -> Checked {
    expression(&it.expr)?;
    arguments(&it.args, it.expr.span())
}

fn arguments(all: &[CallArg<'_>], span: Span) -> Checked {
    all.iter().try_for_each(|one| match one {
        CallArg::Pos(value) | CallArg::Kwarg(_, value) => expression(value),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
            refused(span, "`*` and `**` cannot stand before arguments")
        }
    })
}
