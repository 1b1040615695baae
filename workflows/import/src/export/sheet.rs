//! Cells to lines of CSV (RFC 4180), lines ended by `\n`. Knows no product.

use crate::shopify::cell::guarded;

/// A line that is being written.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<String>);

impl Line {
    pub(super) fn of_width(columns: usize) -> Self {
        Self(vec![String::new(); columns])
    }

    /// A text that somebody wrote: a spreadsheet takes none for a formula.
    pub(super) fn text(&mut self, column: usize, text: &str) {
        self.0[column] = guarded(text).into_owned();
    }

    /// A word, number or JSON of our own.
    pub(super) fn word(&mut self, column: usize, word: impl Into<String>) {
        self.0[column] = word.into();
    }

    pub(super) fn end(self, out: &mut String) {
        for (index, cell) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            put(out, cell);
        }
        out.push('\n');
    }
}

fn put(out: &mut String, cell: &str) {
    let plain = !cell.contains([',', '"', '\n', '\r'])
        && !cell.starts_with(char::is_whitespace)
        && !cell.ends_with(char::is_whitespace);
    if plain {
        out.push_str(cell);
        return;
    }
    out.push('"');
    out.push_str(&cell.replace('"', "\"\""));
    out.push('"');
}
