//! Rows to groups: which rows are one product, and which product comes back. Reads no cell but
//! the handle's.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use stoa_kernel::Currency;

use super::draft::{LineRange, ParsedProduct, RowIssue, Severity};
use super::group::{Group, Row};
use super::header::{Column, Dialect, Header};
use super::{PRODUCTS_PER_FILE_MAX, ReadError, cell};
use crate::csv::{CsvError, CsvParser, Record};

/// Collects rows into products and hands finished ones out in order.
pub(super) struct Grouper {
    currency: Currency,
    open: Option<Group>,
    ready: VecDeque<ParsedProduct>,
    /// 64-bit fingerprints of the handles seen, and whether the product was rejected.
    seen: HashMap<u64, Fate>,
    ordinal: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Landed,
    Rejected,
}

impl Grouper {
    pub(super) fn new(currency: Currency) -> Self {
        Self {
            currency,
            open: None,
            ready: VecDeque::new(),
            seen: HashMap::new(),
            ordinal: 0,
        }
    }

    /// A finished product, where there is one.
    pub(super) fn take(&mut self) -> Option<ParsedProduct> {
        self.ready.pop_front()
    }

    pub(super) fn row(&mut self, header: &Header, record: Record<'_>) -> Result<(), ReadError> {
        if is_blank(record) {
            return Ok(());
        }
        let row = Row { header, record };
        let Some(handle) = handle_of(&row) else {
            let reason = match header.dialect() {
                Dialect::Classic => "a row without a handle belongs to no product",
                Dialect::New => "a row without handle and title belongs to no product",
            };
            self.homeless(
                record.line(),
                row.issue(Column::Handle, reason, Severity::Error),
            );
            return Ok(());
        };
        let group = self.group(handle, record.line())?;
        let named = row.get(Column::Handle);
        if !named.is_empty() && named.to_lowercase() != group.handle() {
            let reason = format!("became `{}`", group.handle());
            group.report(row.issue(Column::Handle, &reason, Severity::Warning));
        }
        group.row(&row);
        Ok(())
    }

    /// A row that is no record: it rejects the product its handle names, as far as one is left.
    pub(super) fn broken_row(
        &mut self,
        header: &Header,
        parser: &CsvParser,
        error: &CsvError,
    ) -> Result<(), ReadError> {
        let raw = broken_handle(header, parser);
        let message = error.to_string();
        let place = format!("line {}: ", error.line());
        let issue = RowIssue {
            line: error.line(),
            column: match error {
                CsvError::NotUtf8 { column, .. } => Some(column.clone()),
                _ => None,
            },
            value_excerpt: cell::excerpt(&raw),
            reason: message.strip_prefix(&place).unwrap_or(&message).to_owned(),
            severity: Severity::Error,
        };
        match cell::handle(&raw) {
            Some(handle) => self.group(handle, error.line())?.broken_row(issue),
            None => self.homeless(error.line(), issue),
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) {
        if let Some(group) = self.open.take() {
            let fingerprint = fingerprint(group.handle());
            self.ordinal += 1;
            let product = group.finish(self.ordinal);
            let rejected = product.draft.is_none();
            if rejected {
                self.seen.insert(fingerprint, Fate::Rejected);
            }
            self.ready.push_back(product);
        }
    }

    /// The open group of this handle; opens one, and closes another's, where needed.
    fn group(&mut self, handle: String, line: u64) -> Result<&mut Group, ReadError> {
        if self
            .open
            .as_ref()
            .is_none_or(|group| group.handle() != handle)
        {
            self.finish();
            let products_max = PRODUCTS_PER_FILE_MAX;
            let full = self.seen.len() >= products_max;
            let earlier = match self.seen.entry(fingerprint(&handle)) {
                Entry::Occupied(known) => Some(*known.get()),
                Entry::Vacant(_) if full => {
                    return Err(ReadError::TooManyProducts { line, products_max });
                }
                Entry::Vacant(place) => {
                    place.insert(Fate::Landed);
                    None
                }
            };
            let mut group = Group::new(handle, line, earlier.is_some(), self.currency);
            if earlier == Some(Fate::Rejected) {
                group.report(RowIssue {
                    line,
                    column: None,
                    value_excerpt: cell::excerpt(group.handle()),
                    reason: "earlier rows of this product were rejected".to_owned(),
                    severity: Severity::Error,
                });
            }
            self.open = Some(group);
        }
        Ok(self
            .open
            .as_mut()
            .expect("opened above where it was not open"))
    }

    /// A row that belongs to no product is told at once and closes none.
    fn homeless(&mut self, line: u64, issue: RowIssue) {
        self.ordinal += 1;
        self.ready.push_back(ParsedProduct {
            ordinal: self.ordinal,
            handle: None,
            lines: LineRange {
                first: line,
                last: line,
            },
            rows: 1,
            draft: None,
            issues: vec![issue],
            issues_dropped: 0,
        });
    }
}

pub(super) fn is_blank(record: Record<'_>) -> bool {
    record.fields().all(|field| field.trim().is_empty())
}

/// The product that a row belongs to.
pub(super) fn handle_of(row: &Row<'_>) -> Option<String> {
    let raw = match (row.get(Column::Handle), row.header.dialect()) {
        ("", Dialect::New) => row.get(Column::Title),
        (raw, _) => raw,
    };
    let own = Some(raw).filter(|raw| row.header.is_ours() && cell::is_handle(raw));
    own.map(str::to_owned).or_else(|| cell::handle(raw))
}

/// What stands where the handle does, in a row that is no record.
pub(super) fn broken_handle(header: &Header, parser: &CsvParser) -> String {
    let text = |column| {
        let field = header
            .place(column)
            .and_then(|index| parser.broken_field(index));
        field.unwrap_or_default().trim().to_owned()
    };
    match text(Column::Handle) {
        raw if raw.is_empty() && header.dialect() == Dialect::New => text(Column::Title),
        raw => raw,
    }
}

/// Stable within one run, which is all it is used for.
pub(super) fn fingerprint(handle: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    handle.hash(&mut hasher);
    hasher.finish()
}
