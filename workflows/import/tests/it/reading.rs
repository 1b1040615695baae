//! Reads a whole file for the other tests.

use std::path::{Path, PathBuf};

use stoa_import::shopify::{
    Header, ParsedProduct, ProductDraft, ReadError, Severity, ShopifyReader,
};
use stoa_kernel::Currency;

pub(crate) struct File {
    pub(crate) header: Header,
    pub(crate) products: Vec<ParsedProduct>,
}

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Every product of a file, read from memory on this thread.
pub(crate) fn read(bytes: &[u8]) -> Result<File, ReadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut reader = ShopifyReader::open(bytes, Currency::EUR).await?;
        let header = reader.header().clone();
        let mut products = Vec::new();
        while let Some(product) = reader.next().await? {
            products.push(product);
        }
        assert_eq!(reader.position(), bytes.len() as u64);
        Ok(File { header, products })
    })
}

impl File {
    pub(crate) fn drafts(&self) -> Vec<&ProductDraft> {
        self.products
            .iter()
            .filter_map(|product| product.draft.as_ref())
            .collect()
    }

    pub(crate) fn draft(&self, handle: &str) -> &ProductDraft {
        let found = self
            .drafts()
            .into_iter()
            .find(|draft| draft.handle == handle);
        found.unwrap_or_else(|| panic!("no draft `{handle}`"))
    }

    /// `line column: reason`, one line per issue, errors marked with `!`.
    pub(crate) fn report(&self) -> String {
        let issues = self.products.iter().flat_map(|product| &product.issues);
        let lines = issues.map(|issue| {
            let mark = if issue.severity == Severity::Error {
                '!'
            } else {
                ' '
            };
            let column = issue.column.as_deref().unwrap_or("-");
            format!(
                "{mark}{} {column} [{}]: {}",
                issue.line, issue.value_excerpt, issue.reason
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
