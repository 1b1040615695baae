//! Streaming CSV (RFC 4180) in bounded memory, with the physical line of every record.
//! Never guesses: what is broken is reported with its line, and reading goes on after it.

mod parser;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

pub use self::parser::{CsvError, CsvParser, FIELDS_MAX, RECORD_BYTES_MAX, Record, Step};

const CHUNK_BYTES: usize = 64 * 1024;

/// A CSV file read from anywhere, record by record.
pub struct CsvStream<R> {
    reader: R,
    parser: CsvParser,
    chunk: Box<[u8]>,
    start: usize,
    end: usize,
    read: u64,
}

impl<R: AsyncRead + Unpin> CsvStream<R> {
    pub fn new(reader: R) -> Self {
        let chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
        Self {
            reader,
            parser: CsvParser::new(),
            chunk,
            start: 0,
            end: 0,
            read: 0,
        }
    }

    /// The next header, record or broken record; never `Step::NeedInput`.
    pub async fn step(&mut self) -> io::Result<Step> {
        loop {
            let mut input = &self.chunk[self.start..self.end];
            let step = self.parser.step(&mut input);
            self.start = self.end - input.len();
            if !matches!(step, Step::NeedInput) {
                return Ok(step);
            }
            let read = self.reader.read(&mut self.chunk).await?;
            (self.start, self.end) = (0, read);
            self.read += read as u64;
            if read == 0 {
                return Ok(self.parser.finish());
            }
        }
    }

    /// Column names, records and the remains of broken ones.
    pub fn parser(&self) -> &CsvParser {
        &self.parser
    }

    /// Bytes taken in so far, for progress.
    pub fn position(&self) -> u64 {
        self.read - (self.end - self.start) as u64
    }
}
