//! Which constructs a template may hold: an allow-list over its syntax tree. Fuel bounds time; this
//! bounds memory, which a doubling string would fill within a few instructions.

use minijinja::ErrorKind;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;

use super::{Refused, refused};

/// None makes a text longer than a small multiple of what it is given, however often it is applied.
const FILTERS: [&str; 14] = [
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
    "urlencode",
];
const TESTS: [&str; 9] = [
    "defined",
    "divisibleby",
    "eq",
    "even",
    "ne",
    "none",
    "odd",
    "string",
    "undefined",
];

pub(super) fn check(
    field: &'static str,
    source: &str,
    syntax: &SyntaxConfig,
) -> Result<(), Refused> {
    let tree = parse(source, field, syntax.clone()).map_err(|error| refused(field, &error))?;
    statement(&tree).map_err(|Found(span, reason)| Refused {
        field,
        line: Some(usize::from(span.start_line)),
        reason,
        kind: ErrorKind::InvalidOperation,
    })
}

struct Found(Span, String);

type Checked = Result<(), Found>;

fn refuse(span: Span, what: &str) -> Checked {
    Err(Found(span, format!("{what} cannot be used in a mail")))
}

fn statements(all: &[Stmt<'_>]) -> Checked {
    all.iter().try_for_each(statement)
}

fn statement(one: &Stmt<'_>) -> Checked {
    match one {
        Stmt::Template(template) => statements(&template.children),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => expression(&emit.expr),
        Stmt::IfCond(condition) => {
            expression(&condition.expr)?;
            statements(&condition.true_body)?;
            statements(&condition.false_body)
        }
        Stmt::ForLoop(each) if each.recursive => refuse(each.span(), "a recursive loop"),
        Stmt::ForLoop(each) => {
            if !matches!(each.target, Expr::Var(_)) {
                return refuse(each.target.span(), "a loop over more than one name");
            }
            expression(&each.iter)?;
            each.filter_expr.as_ref().map_or(Ok(()), expression)?;
            statements(&each.body)?;
            statements(&each.else_body)
        }
        Stmt::WithBlock(it) => refuse(it.span(), "`with`"),
        Stmt::Set(it) => refuse(it.span(), "`set`"),
        Stmt::SetBlock(it) => refuse(it.span(), "`set`"),
        Stmt::AutoEscape(it) => refuse(it.span(), "`autoescape`"),
        Stmt::FilterBlock(it) => refuse(it.span(), "`filter`"),
        Stmt::Block(it) => refuse(it.span(), "`block`"),
        Stmt::Import(it) => refuse(it.span(), "`import`"),
        Stmt::FromImport(it) => refuse(it.span(), "`import`"),
        Stmt::Extends(it) => refuse(it.span(), "`extends`"),
        Stmt::Include(it) => refuse(it.span(), "`include`"),
        Stmt::Macro(it) => refuse(it.span(), "`macro`"),
        Stmt::CallBlock(it) => refuse(it.span(), "`call`"),
        Stmt::Do(it) => refuse(it.span(), "`do`"),
        // Statements that other features of the library would add.
        #[expect(unreachable_patterns, reason = "the features of the build decide")]
        _ => Err(Found(Span::default(), "a statement is unknown".to_owned())),
    }
}

fn expression(one: &Expr<'_>) -> Checked {
    match one {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::UnaryOp(it) => match it.op {
            UnaryOpKind::Not => expression(&it.expr),
            UnaryOpKind::Neg => refuse(it.span(), "arithmetic"),
        },
        Expr::BinOp(it) => {
            match it.op {
                BinOpKind::Eq
                | BinOpKind::Ne
                | BinOpKind::Lt
                | BinOpKind::Lte
                | BinOpKind::Gt
                | BinOpKind::Gte
                | BinOpKind::ScAnd
                | BinOpKind::ScOr
                | BinOpKind::Concat
                | BinOpKind::In => {}
                BinOpKind::Add
                | BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow => return refuse(it.span(), "arithmetic"),
            }
            expression(&it.left)?;
            expression(&it.right)
        }
        Expr::Compare(it) => {
            expression(&it.expr)?;
            it.ops.iter().try_for_each(|op| expression(&op.expr))
        }
        Expr::IfExpr(it) => {
            expression(&it.test_expr)?;
            expression(&it.true_expr)?;
            it.false_expr.as_ref().map_or(Ok(()), expression)
        }
        Expr::Filter(it) if !FILTERS.contains(&it.name) => {
            refuse(it.span(), &format!("the filter `{}`", it.name))
        }
        Expr::Filter(it) => {
            it.expr.as_ref().map_or(Ok(()), expression)?;
            arguments(&it.args, it.span())
        }
        Expr::Test(it) if !TESTS.contains(&it.name) => {
            refuse(it.span(), &format!("the test `{}`", it.name))
        }
        Expr::Test(it) => {
            expression(&it.expr)?;
            arguments(&it.args, it.span())
        }
        Expr::GetAttr(it) => expression(&it.expr),
        Expr::GetItem(it) => {
            expression(&it.expr)?;
            expression(&it.subscript_expr)
        }
        Expr::Call(it) => refuse(it.span(), "a call"),
        Expr::Slice(it) => refuse(it.span(), "a slice"),
        Expr::List(it) => refuse(it.span(), "a list"),
        Expr::Tuple(it) => refuse(it.span(), "a tuple"),
        Expr::Map(it) => refuse(it.span(), "a map"),
    }
}

fn arguments(all: &[CallArg<'_>], span: Span) -> Checked {
    all.iter().try_for_each(|one| match one {
        CallArg::Pos(value) | CallArg::Kwarg(_, value) => expression(value),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => refuse(span, "a list of arguments"),
    })
}
