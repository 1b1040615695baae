//! All SQL of payments. Every change of an attempt is a conditional UPDATE on its version, and every
//! amount is set aside by one on its sums.

pub(crate) mod attempts;
pub(crate) mod captures;
pub(crate) mod news;
pub(crate) mod providers;
pub(crate) mod refunds;

use stoa_storage::Error;

/// A stored word that no version of this program wrote.
fn strange(index: usize, wanted: &'static str, found: &str) -> Error {
    Error::Column {
        index,
        wanted,
        found: found.to_owned(),
    }
}
