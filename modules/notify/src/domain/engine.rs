//! Turns templates and a view into a letter. Templates of merchants may do little: no calls, no
//! assignments, no arithmetic and few filters, so that none can eat the memory or the time of all.

mod sandbox;

use std::io::{self, Write};

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};

use super::view::View;
use super::{Letter, one_line};

const SUBJECT_BYTES_MAX: usize = 500;
const TEXT_BYTES_MAX: usize = 32 * 1024;
const HTML_BYTES_MAX: usize = 128 * 1024;
/// A letter is as long at most, however its template loops.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// What a subject is cut to.
const SUBJECT_CHARS_MAX: usize = 200;
/// Instructions of one rendering: an order of 200 lines takes about 5,000.
const FUEL: u64 = 100_000;

/// The three templates of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Why a template makes no letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// `subject`, `text` or `html`.
    pub(crate) field: &'static str,
    pub(crate) line: Option<usize>,
    /// May show what the letter would say: for its writer, never for a log.
    pub(crate) reason: String,
    pub(crate) kind: ErrorKind,
}

pub(crate) struct Engine {
    environment: Environment<'static>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(false);
        let syntax = environment
            .syntax()
            .to_builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.expect("whitespace settings break no syntax"));
        environment.set_auto_escape_callback(|name| match name {
            "html" => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        Self { environment }
    }

    /// Refuses what is too long, does not parse or does more than it may.
    pub(crate) fn check(&self, source: &Source) -> Result<(), Refused> {
        let parts = [
            ("subject", &source.subject, SUBJECT_BYTES_MAX),
            ("text", &source.text, TEXT_BYTES_MAX),
            ("html", &source.html, HTML_BYTES_MAX),
        ];
        for (field, text, max) in parts {
            if text.len() > max {
                return Err(Refused {
                    field,
                    line: None,
                    reason: format!("is longer than {max} bytes"),
                    kind: ErrorKind::SyntaxError,
                });
            }
            sandbox::check(field, text, self.environment.syntax())?;
        }
        Ok(())
    }

    /// The letter of a source that was checked.
    pub(crate) fn render(&self, source: &Source, view: &View) -> Result<Letter, Refused> {
        let values = |subject: &str| context! { subject, ..Value::from(Serde(view)) };
        let subject = self.one("subject", &source.subject, values(""))?;
        let subject: String = one_line(subject.trim())
            .chars()
            .take(SUBJECT_CHARS_MAX)
            .collect();
        let text = self.one("text", &source.text, values(&subject))?;
        let html = self.one("html", &source.html, values(&subject))?;
        Ok(Letter {
            subject,
            text: text.trim_end().to_owned(),
            html: html.trim_end().to_owned(),
        })
    }

    fn one(&self, field: &'static str, source: &str, values: Value) -> Result<String, Refused> {
        let mut written = Bounded::default();
        let template = self.environment.template_from_named_str(field, source);
        let outcome = template
            .and_then(|template| template.render_captured_to(values, &mut written).map(drop));
        outcome.map_err(|error| refused(field, &error))?;
        String::from_utf8(written.0).map_err(|_| Refused {
            field,
            line: None,
            reason: "makes no text".to_owned(),
            kind: ErrorKind::WriteFailure,
        })
    }
}

pub(super) fn refused(field: &'static str, error: &minijinja::Error) -> Refused {
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "takes too long".to_owned(),
        (ErrorKind::WriteFailure, _) => format!("writes more than {OUTPUT_BYTES_MAX} bytes"),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    Refused {
        field,
        line: error.line(),
        reason,
        kind: error.kind(),
    }
}

/// Takes what is written until it is too much.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
