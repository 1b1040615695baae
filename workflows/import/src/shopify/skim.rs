//! A first look at a product file: how many rows it has, and whether any product comes back in it.
//! Reads no cell but the handle's, and checks none.

use std::collections::HashSet;

use stoa_kernel::Currency;
use tokio::io::AsyncRead;

use super::group::Row;
use super::grouper::{broken_handle, fingerprint, handle_of, is_blank};
use super::header::Header;
use super::{PRODUCTS_PER_FILE_MAX, ReadError, ShopifyReader, cell};
use crate::csv::{CsvStream, Step};

/// Goes through a file as [`ShopifyReader`] does, at a fraction of its price.
pub(crate) struct Skimmer<R> {
    stream: CsvStream<R>,
    header: Header,
    /// The handle whose rows are being read.
    open: Option<String>,
    /// 64-bit fingerprints of the handles seen.
    seen: HashSet<u64>,
    rows: u64,
    has_returning: bool,
}

impl<R: AsyncRead + Unpin> Skimmer<R> {
    pub(crate) async fn open(reader: R, currency: Currency) -> Result<Self, ReadError> {
        let ShopifyReader { stream, header, .. } = ShopifyReader::open(reader, currency).await?;
        Ok(Self {
            stream,
            header,
            open: None,
            seen: HashSet::new(),
            rows: 0,
            has_returning: false,
        })
    }

    /// One row further; false at the end.
    pub(crate) async fn step(&mut self) -> Result<bool, ReadError> {
        match self.stream.step().await? {
            Step::End => return Ok(false),
            // The header was read, and the stream feeds itself.
            Step::Header | Step::NeedInput => {}
            Step::Broken(error) => {
                self.rows += 1;
                let raw = broken_handle(&self.header, self.stream.parser());
                if let Some(handle) = cell::handle(&raw) {
                    self.meet(handle, error.line())?;
                }
            }
            Step::Record => {
                let record = self.stream.parser().record();
                if is_blank(record) {
                    return Ok(true);
                }
                self.rows += 1;
                let row = Row {
                    header: &self.header,
                    record,
                };
                let (handle, line) = (handle_of(&row), record.line());
                if let Some(handle) = handle {
                    self.meet(handle, line)?;
                }
            }
        }
        Ok(true)
    }

    fn meet(&mut self, handle: String, line: u64) -> Result<(), ReadError> {
        if self.open.as_ref() == Some(&handle) {
            return Ok(());
        }
        let products_max = PRODUCTS_PER_FILE_MAX;
        let full = self.seen.len() >= products_max;
        let is_new = self.seen.insert(fingerprint(&handle));
        if is_new && full {
            return Err(ReadError::TooManyProducts { line, products_max });
        }
        self.has_returning |= !is_new;
        self.open = Some(handle);
        Ok(())
    }

    /// Rows so far that are not blank, those that cannot be read among them.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether a handle came back after another's rows.
    pub(crate) fn has_returning(&self) -> bool {
        self.has_returning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn both(file: &str) -> ((u64, bool), (u64, bool)) {
        let mut skimmer = Skimmer::open(file.as_bytes(), Currency::EUR).await.unwrap();
        while skimmer.step().await.unwrap() {}
        let mut reader = ShopifyReader::open(file.as_bytes(), Currency::EUR)
            .await
            .unwrap();
        let (mut rows, mut handles, mut returning) = (0, HashSet::new(), false);
        while let Some(product) = reader.next().await.unwrap() {
            rows += product.rows;
            if let Some(handle) = product.handle {
                returning |= !handles.insert(handle);
            }
        }
        let skimmed = (skimmer.rows(), skimmer.has_returning());
        (skimmed, (rows, returning))
    }

    #[tokio::test]
    async fn a_skimmed_file_has_the_rows_and_the_returning_handles_that_reading_it_finds() {
        const HEAD: &str = "Handle,Title,Option1 Name,Option1 Value,Variant Price\n";
        const NEW_HEAD: &str = "Title,URL handle,Option1 name,Option1 value,Price\n";
        let files = [
            (format!("{HEAD}a,A,,,1\nb,B,,,2\n"), (2, false)),
            (format!("{HEAD}a,A,Size,S,1\na,,,M,2\nb,B,,,2"), (3, false)),
            // Blank rows are none; one without a handle closes no product.
            (
                format!("{HEAD}a,A,Size,S,1\n,,,,\n,x,,,1\na,,,M,2\n"),
                (3, false),
            ),
            // A row that cannot be read names its product all the same.
            (format!("{HEAD}a,A,Size,S,1\nb,B\na,,,M,2\n"), (3, true)),
            (format!("{HEAD}A b,A,,,1\nc,C,,,1\na-b,,,,2\n"), (3, true)),
            (format!("{NEW_HEAD}A,a,,,1\nB,,,,2\nB,,,,3\n"), (3, false)),
        ];
        for (file, expected) in files {
            let (skimmed, read) = both(&file).await;
            assert_eq!((skimmed, read), (expected, expected), "{file}");
        }
    }
}
