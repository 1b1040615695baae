//! Shopify's product CSV, in its classic and its new dialect, as checked product drafts.
//! Never writes anything: what becomes of a draft is the workflow's business.
//!
//! Rules that Shopify leaves open, decided here:
//! - Rows with one handle that follow each other are one product. A handle that comes back later
//!   *continues* the product: its rows are checked by themselves and merged into what landed
//!   before. Where the earlier rows were rejected, the later ones are rejected too.
//! - A product with any error in its rows is rejected whole; warnings let it pass.
//! - Handles become lower case; letters and digits of any script and `-` stay, every run of other
//!   characters becomes one `-`, with a warning.
//! - A blank handle is an error in the classic dialect; in the new one it is made of the title.
//! - A variant without a price is an error: nothing is given away for an empty cell.
//! - Shopify's `Title` / `Default Title` option means a product without options.
//! - A negative quantity is 0, with a warning. A compare-at price of 0 is none.
//! - Pictures are http or https addresses, or paths of the shop itself (`/media/...`).

pub(crate) mod cell;
mod draft;
mod group;
mod grouper;
pub(crate) mod header;
mod product;
mod skim;

use std::io;

use stoa_kernel::Currency;
use tokio::io::AsyncRead;

pub use self::draft::{
    DraftStatus, Exact, ExactText, ExtrasDraft, ImageDraft, LineRange, OptionDraft, ParsedProduct,
    ProductDetails, ProductDraft, RowIssue, Severity, StockPolicy, VariantDraft,
};
use self::grouper::Grouper;
pub use self::header::{Dialect, Header, HeaderError};
pub(crate) use self::skim::Skimmer;
use crate::csv::{CsvStream, Step};

pub const HANDLE_CHARS_MAX: usize = 255;
pub const IMAGES_PER_PRODUCT_MAX: usize = 250;
pub const ISSUES_PER_PRODUCT_MAX: usize = 100;
pub const OPTIONS_PER_PRODUCT_MAX: usize = 3;
pub const PRODUCTS_PER_FILE_MAX: usize = 1_000_000;
pub const SEO_DESCRIPTION_CHARS_MAX: usize = 1_000;
pub const TAGS_PER_PRODUCT_MAX: usize = 250;
/// Titles, vendors, types, tags, option names and values, SKUs.
pub const TEXT_CHARS_MAX: usize = 255;
pub const VARIANTS_PER_PRODUCT_MAX: usize = 2000;

/// Why a file cannot be read on. Bad rows are no such reason.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {line}: more than {products_max} products in one file; split it")]
    TooManyProducts { line: u64, products_max: usize },
}

/// Reads a product file product by product, in memory bounded by one product and one handle
/// fingerprint per product.
pub struct ShopifyReader<R> {
    stream: CsvStream<R>,
    header: Header,
    grouper: Grouper,
}

impl<R: AsyncRead + Unpin> ShopifyReader<R> {
    /// Reads the header and tells the dialect from it.
    pub async fn open(reader: R, currency: Currency) -> Result<Self, ReadError> {
        let mut stream = CsvStream::new(reader);
        let header = match stream.step().await? {
            Step::Header => Header::read(stream.parser().columns())?,
            Step::Broken(error) => return Err(HeaderError::Csv(error).into()),
            Step::Record | Step::NeedInput | Step::End => return Err(HeaderError::Empty.into()),
        };
        let grouper = Grouper::new(currency);
        Ok(Self {
            stream,
            header,
            grouper,
        })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the file taken in so far, for progress.
    pub fn position(&self) -> u64 {
        self.stream.position()
    }

    /// The next product, good or rejected, in the file's order; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<ParsedProduct>, ReadError> {
        loop {
            if let Some(product) = self.grouper.take() {
                return Ok(Some(product));
            }
            match self.stream.step().await? {
                Step::Record => self
                    .grouper
                    .row(&self.header, self.stream.parser().record())?,
                Step::Broken(error) => {
                    self.grouper
                        .broken_row(&self.header, self.stream.parser(), &error)?;
                }
                Step::End => {
                    self.grouper.finish();
                    return Ok(self.grouper.take());
                }
                // The header was read, and the stream feeds itself.
                Step::Header | Step::NeedInput => {}
            }
        }
    }
}
