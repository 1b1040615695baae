//! A file of stock levels, row by row. Never writes anything.
//!
//! Columns: `SKU` or `Variant ID` (or both: the id wins where the shop has such a variant), `On hand`,
//! and optionally `Location` (a name, or an id; empty is the shop's first) and `Backorder` (`TRUE` or
//! `FALSE`; empty keeps what the level has). Names match whatever their case and spaces. Shopify's
//! `On hand (new)` is read as `On hand`. Cells may be guarded as in files of products.

use stoa_kernel::VariantId;
use tokio::io::AsyncRead;

use crate::csv::{CsvStream, Step};
use crate::shopify::cell;
use crate::shopify::{HeaderError, ReadError, RowIssue, Severity};

pub(crate) const SKU: &str = "SKU";
pub(crate) const LOCATION: &str = "Location";
pub(crate) const ON_HAND: &str = "On hand";
pub(crate) const BACKORDER: &str = "Backorder";
pub(crate) const VARIANT_ID: &str = "Variant ID";
const ON_HAND_NEW: &str = "On hand (new)";

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountRow {
    pub(crate) sku: String,
    pub(crate) variant: Option<VariantId>,
    pub(crate) location: Option<String>,
    pub(crate) on_hand: u32,
    pub(crate) backorder: Option<bool>,
}

/// A row, good or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadRow {
    /// From 1, in the file's order.
    pub(crate) ordinal: u64,
    pub(crate) line: u64,
    pub(crate) row: Result<CountRow, Box<RowIssue>>,
}

/// Where the columns stand.
#[derive(Debug, Clone)]
pub(crate) struct LevelHeader {
    names: Vec<String>,
    sku: Option<usize>,
    variant: Option<usize>,
    location: Option<usize>,
    on_hand: usize,
    backorder: Option<usize>,
}

impl LevelHeader {
    pub(crate) fn read(names: &[String]) -> Result<Self, HeaderError> {
        let place = |wanted: &str| names.iter().position(|name| folded(name) == folded(wanted));
        let (sku, variant) = (place(SKU), place(VARIANT_ID));
        let on_hand = place(ON_HAND).or_else(|| place(ON_HAND_NEW));
        let missing: Vec<&'static str> = [
            (sku.is_none() && variant.is_none()).then_some(SKU),
            on_hand.is_none().then_some(ON_HAND),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Some(on_hand) = on_hand.filter(|_| missing.is_empty()) else {
            return Err(HeaderError::NoLevels { missing });
        };
        Ok(Self {
            sku,
            variant,
            location: place(LOCATION),
            on_hand,
            backorder: place(BACKORDER),
            names: names.to_vec(),
        })
    }

    /// Columns that an import does not keep.
    pub(crate) fn ignored(&self) -> Vec<String> {
        let read = [
            self.sku,
            self.variant,
            self.location,
            Some(self.on_hand),
            self.backorder,
        ];
        let names = self.names.iter().enumerate();
        names
            .filter(|(index, name)| !read.contains(&Some(*index)) && !name.trim().is_empty())
            .map(|(_, name)| name.trim().to_owned())
            .collect()
    }
}

/// Reads a file of stock levels, in memory bounded by one row.
pub(crate) struct LevelReader<R> {
    stream: CsvStream<R>,
    header: LevelHeader,
    ordinal: u64,
}

impl<R: AsyncRead + Unpin> LevelReader<R> {
    pub(crate) async fn open(reader: R) -> Result<Self, ReadError> {
        let mut stream = CsvStream::new(reader);
        let header = match stream.step().await? {
            Step::Header => LevelHeader::read(stream.parser().columns())?,
            Step::Broken(error) => return Err(HeaderError::Csv(error).into()),
            Step::Record | Step::NeedInput | Step::End => return Err(HeaderError::Empty.into()),
        };
        Ok(Self {
            stream,
            header,
            ordinal: 0,
        })
    }

    pub(crate) fn position(&self) -> u64 {
        self.stream.position()
    }

    /// The next row; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<ReadRow>, ReadError> {
        loop {
            let (line, row) = match self.stream.step().await? {
                Step::End => return Ok(None),
                Step::Header | Step::NeedInput => continue,
                Step::Broken(error) => {
                    let issue = issue(error.line(), None, "", error.to_string());
                    (error.line(), Err(Box::new(issue)))
                }
                Step::Record => {
                    let record = self.stream.parser().record();
                    if record.fields().all(|field| field.trim().is_empty()) {
                        continue;
                    }
                    if record.text().contains('\0') {
                        let reason = "contains a NUL character".to_owned();
                        let issue = issue(record.line(), None, "", reason);
                        self.ordinal += 1;
                        return Ok(Some(ReadRow {
                            ordinal: self.ordinal,
                            line: record.line(),
                            row: Err(Box::new(issue)),
                        }));
                    }
                    let cell = |place: Option<usize>| {
                        let cell = place.and_then(|place| record.get(place));
                        cell::unguarded(cell.unwrap_or_default().trim())
                    };
                    (record.line(), self.header.row(record.line(), cell))
                }
            };
            self.ordinal += 1;
            let ordinal = self.ordinal;
            return Ok(Some(ReadRow { ordinal, line, row }));
        }
    }
}

impl LevelHeader {
    fn row<'c>(
        &self,
        line: u64,
        cell: impl Fn(Option<usize>) -> &'c str,
    ) -> Result<CountRow, Box<RowIssue>> {
        let wrong = |place: Option<usize>, reason: String| {
            let name = place.and_then(|place| self.names.get(place));
            let name = name.map(|name| name.trim().to_owned());
            Box::new(issue(line, name, cell(place), reason))
        };
        let sku = cell::sku(cell(self.sku)).map_err(|reason| wrong(self.sku, reason))?;
        let variant = match cell(self.variant) {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| wrong(self.variant, "not the id of a variant".to_owned()))?,
            ),
        };
        if sku.is_empty() && variant.is_none() {
            return Err(wrong(self.sku, "the row names no variant".to_owned()));
        }
        let on_hand = Some(self.on_hand);
        let count = cell::count(cell(on_hand)).map_err(|reason| wrong(on_hand, reason))?;
        let count = u32::try_from(count)
            .map_err(|_| wrong(on_hand, "a count cannot be negative".to_owned()))?;
        let backorder =
            cell::boolean(cell(self.backorder)).map_err(|reason| wrong(self.backorder, reason))?;
        let location = cell(self.location);
        Ok(CountRow {
            sku,
            variant,
            location: (!location.is_empty()).then(|| location.to_owned()),
            on_hand: count,
            backorder,
        })
    }
}

pub(crate) fn issue(line: u64, column: Option<String>, value: &str, reason: String) -> RowIssue {
    RowIssue {
        line,
        column,
        value_excerpt: cell::excerpt(value),
        reason,
        severity: Severity::Error,
    }
}

fn folded(name: &str) -> String {
    let visible = name.chars().filter(|letter| !letter.is_whitespace());
    visible.flat_map(char::to_lowercase).collect()
}
