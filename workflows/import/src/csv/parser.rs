//! The CSV parser itself: bytes in, in any pieces; records out. Does no IO.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader};

/// Bytes of one record after its quotes are taken off.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
pub const FIELDS_MAX: usize = 1024;

const RECORD_BYTES_FIRST: usize = 8 * 1024;
const FIELDS_FIRST: usize = 64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What the parser came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The first record: `columns()` holds it.
    Header,
    /// `record()` holds it.
    Record,
    /// A record that cannot be used; the next step goes on after it. Before the header it is the end.
    Broken(CsvError),
    NeedInput,
    End,
}

/// Why a record cannot be used. Every variant carries a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    #[error("line {line}: a quote that opens here is never closed")]
    UnclosedQuote { line: u64 },
    #[error("line {line}: a record of more than {bytes_max} bytes starts here")]
    TooLong { line: u64, bytes_max: usize },
    #[error("line {line}: more than {fields_max} columns")]
    TooManyFields { line: u64, fields_max: usize },
    #[error("line {line}: {found} columns where the header has {expected}")]
    FieldCount {
        line: u64,
        expected: usize,
        found: usize,
    },
    #[error("line {line}: `{column}` is not UTF-8 text; save the file as UTF-8")]
    NotUtf8 { line: u64, column: String },
}

impl CsvError {
    pub const fn line(&self) -> u64 {
        match self {
            Self::UnclosedQuote { line }
            | Self::TooLong { line, .. }
            | Self::TooManyFields { line, .. }
            | Self::FieldCount { line, .. }
            | Self::NotUtf8 { line, .. } => *line,
        }
    }
}

/// One record, borrowed from the parser until its next step.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    line: u64,
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The physical line on which the record starts, from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }
    pub const fn len(&self) -> usize {
        self.ends.len()
    }
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    pub fn get(&self, index: usize) -> Option<&'a str> {
        let start = if index == 0 {
            0
        } else {
            *self.ends.get(index - 1)?
        };
        self.text.get(start..*self.ends.get(index)?)
    }
    pub fn fields(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
    /// All fields, one after the other.
    pub const fn text(&self) -> &'a str {
        self.text
    }
}

/// A push parser: feed it the file in pieces of any size, take records out.
pub struct CsvParser {
    reader: Reader,
    columns: Option<Vec<String>>,
    output: Vec<u8>,
    output_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// The current record is longer than it may be: its start is kept, the rest is passed over.
    overflow: Option<Overflow>,
    bom: BomState,
    in_record: bool,
    done: bool,
    line: u64,
    after_cr: bool,
    record_line: u64,
}

#[derive(Clone, Copy)]
enum Overflow {
    Bytes,
    Fields,
}

#[derive(Clone, Copy)]
enum BomState {
    /// So many of its bytes were seen.
    Seen(usize),
    Past,
}

impl Default for CsvParser {
    fn default() -> Self {
        Self::new()
    }
}

impl CsvParser {
    pub fn new() -> Self {
        let mut reader = Reader::new();
        // csv-core takes off a BOM only where it comes in one piece, so it is done here instead;
        // a reader that has read no longer looks for one.
        let _ = reader.read_record(b"\n", &mut [0; 1], &mut [0; 1]);
        Self {
            reader,
            columns: None,
            output: vec![0; RECORD_BYTES_FIRST],
            output_len: 0,
            ends: vec![0; FIELDS_FIRST],
            ends_len: 0,
            overflow: None,
            bom: BomState::Seen(0),
            in_record: false,
            done: false,
            line: 1,
            after_cr: false,
            record_line: 1,
        }
    }

    /// The header's fields; empty before it was read.
    pub fn columns(&self) -> &[String] {
        self.columns.as_deref().unwrap_or_default()
    }

    /// The record of the last `Step::Record` or `Step::Header`.
    pub fn record(&self) -> Record<'_> {
        // Checked before the step was given out.
        let text = std::str::from_utf8(&self.output[..self.output_len]).unwrap_or_default();
        Record {
            line: self.record_line,
            text,
            ends: &self.ends[..self.ends_len],
        }
    }

    /// A field of the last `Step::Broken`, as far as it was complete; what is not text is replaced.
    pub fn broken_field(&self, index: usize) -> Option<Cow<'_, str>> {
        self.raw_field(index).map(String::from_utf8_lossy)
    }

    /// Takes in as much of `input` as leads to one step.
    pub fn step(&mut self, input: &mut &[u8]) -> Step {
        if self.done {
            return Step::End;
        }
        self.skip_bom(input);
        loop {
            if !self.in_record && !self.start_record(input) {
                return Step::NeedInput;
            }
            if input.is_empty() {
                return Step::NeedInput;
            }
            let (result, taken) = self.read(input);
            self.line += count_lines(&input[..taken], &mut self.after_cr);
            *input = &input[taken..];
            match result {
                ReadRecordResult::InputEmpty => return Step::NeedInput,
                ReadRecordResult::OutputFull => self.grow_output(),
                ReadRecordResult::OutputEndsFull => self.grow_ends(),
                ReadRecordResult::Record => return self.end_record(),
                // Only an empty input ends the file.
                ReadRecordResult::End => return Step::NeedInput,
            }
        }
    }

    /// The file is over: the last record where it had no line end, then `Step::End`.
    pub fn finish(&mut self) -> Step {
        if self.done {
            return Step::End;
        }
        if let BomState::Seen(seen) = self.bom {
            self.feed_held(seen);
        }
        self.done = !self.in_record;
        if self.done {
            return Step::End;
        }
        // One more line end closes whatever may be closed; only an open quote takes it as content.
        loop {
            match self.read(b"\n").0 {
                ReadRecordResult::Record => return self.end_record(),
                ReadRecordResult::OutputFull => self.grow_output(),
                ReadRecordResult::OutputEndsFull => self.grow_ends(),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                    self.done = true;
                    return Step::Broken(CsvError::UnclosedQuote {
                        line: self.open_quote_line(),
                    });
                }
            }
        }
    }

    fn skip_bom(&mut self, input: &mut &[u8]) {
        while let BomState::Seen(seen) = self.bom {
            match input.first() {
                _ if seen == BOM.len() => self.bom = BomState::Past,
                None => return,
                Some(byte) if *byte == BOM[seen] => {
                    self.bom = BomState::Seen(seen + 1);
                    *input = &input[1..];
                }
                Some(_) => {
                    self.feed_held(seen);
                }
            }
        }
    }

    /// Not a BOM after all: what was held back is content (and will not be UTF-8).
    fn feed_held(&mut self, seen: usize) {
        self.bom = BomState::Past;
        if (1..BOM.len()).contains(&seen) {
            let step = self.step(&mut &BOM[..seen]);
            debug_assert!(matches!(step, Step::NeedInput), "no line ends in a BOM");
        }
    }

    /// Passes over empty lines; true once a record starts.
    fn start_record(&mut self, input: &mut &[u8]) -> bool {
        let empty = input
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        self.line += count_lines(&input[..empty], &mut self.after_cr);
        *input = &input[empty..];
        if input.is_empty() {
            return false;
        }
        self.in_record = true;
        self.record_line = self.line;
        self.output_len = 0;
        self.ends_len = 0;
        self.overflow = None;
        true
    }

    fn read(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
        if self.overflow.is_some() {
            let (mut output, mut ends) = ([0; 4096], [0; 256]);
            let (result, taken, _, _) = self.reader.read_record(input, &mut output, &mut ends);
            return (result, taken);
        }
        let output = &mut self.output[self.output_len..];
        let ends = &mut self.ends[self.ends_len..];
        let (result, taken, written, ended) = self.reader.read_record(input, output, ends);
        self.output_len += written;
        self.ends_len += ended;
        (result, taken)
    }

    // One byte and one field more than allowed fit in, so that a record of exactly the allowed
    // size is told from a longer one whatever pieces it came in.
    fn grow_output(&mut self) {
        if self.overflow.is_some() {
            return;
        }
        match self.output.len() {
            len if len > RECORD_BYTES_MAX => self.overflow = Some(Overflow::Bytes),
            len => self.output.resize((len * 2).min(RECORD_BYTES_MAX + 1), 0),
        }
    }

    fn grow_ends(&mut self) {
        if self.overflow.is_some() {
            return;
        }
        match self.ends.len() {
            len if len > FIELDS_MAX => self.overflow = Some(Overflow::Fields),
            len => self.ends.resize((len * 2).min(FIELDS_MAX + 1), 0),
        }
    }

    fn end_record(&mut self) -> Step {
        self.in_record = false;
        match self.check() {
            Err(error) => {
                self.done = self.columns.is_none();
                Step::Broken(error)
            }
            Ok(()) if self.columns.is_none() => {
                self.columns = Some(self.record().fields().map(str::to_owned).collect());
                Step::Header
            }
            Ok(()) => Step::Record,
        }
    }

    fn check(&self) -> Result<(), CsvError> {
        let line = self.record_line;
        match self.overflow {
            Some(Overflow::Bytes) => {
                return Err(CsvError::TooLong {
                    line,
                    bytes_max: RECORD_BYTES_MAX,
                });
            }
            Some(Overflow::Fields) => {
                return Err(CsvError::TooManyFields {
                    line,
                    fields_max: FIELDS_MAX,
                });
            }
            None if self.output_len > RECORD_BYTES_MAX => {
                return Err(CsvError::TooLong {
                    line,
                    bytes_max: RECORD_BYTES_MAX,
                });
            }
            None if self.ends_len > FIELDS_MAX => {
                return Err(CsvError::TooManyFields {
                    line,
                    fields_max: FIELDS_MAX,
                });
            }
            None => {}
        }
        if let Some(columns) = &self.columns
            && columns.len() != self.ends_len
        {
            let (expected, found) = (columns.len(), self.ends_len);
            return Err(CsvError::FieldCount {
                line,
                expected,
                found,
            });
        }
        self.check_utf8()
    }

    /// Valid as a whole and at every border is valid field by field, and far faster to find out.
    fn check_utf8(&self) -> Result<(), CsvError> {
        let ends = &self.ends[..self.ends_len];
        let whole = std::str::from_utf8(&self.output[..self.output_len]);
        if whole.is_ok_and(|text| ends.iter().all(|&end| text.is_char_boundary(end))) {
            return Ok(());
        }
        let is_text = |field: &[u8]| std::str::from_utf8(field).is_ok();
        let broken = (0..ends.len()).find(|&index| !self.raw_field(index).is_some_and(is_text));
        let index = broken.unwrap_or_default();
        let name = self.columns().get(index).cloned();
        let column = name.unwrap_or_else(|| format!("column {}", index + 1));
        Err(CsvError::NotUtf8 {
            line: self.record_line,
            column,
        })
    }

    fn raw_field(&self, index: usize) -> Option<&[u8]> {
        let ends = &self.ends[..self.ends_len];
        let start = if index == 0 { 0 } else { *ends.get(index - 1)? };
        self.output.get(start..*ends.get(index)?)
    }

    /// The line of the field that is open; of the record, where it is too long to tell.
    fn open_quote_line(&self) -> u64 {
        if self.overflow.is_some() {
            return self.record_line;
        }
        let ends = &self.ends[..self.ends_len];
        let before = ends.last().map_or(&[][..], |&end| &self.output[..end]);
        self.record_line + count_lines(before, &mut false)
    }
}

/// Line ends as editors count them: LF, CR LF, and CR alone.
fn count_lines(bytes: &[u8], after_cr: &mut bool) -> u64 {
    let mut lines = 0;
    for &byte in bytes {
        lines += u64::from(byte == b'\r' || (byte == b'\n' && !*after_cr));
        *after_cr = byte == b'\r';
    }
    lines
}
