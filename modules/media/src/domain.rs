//! The rules of pictures: their addresses, the sizes they come in, what is kept of them. Does no IO.

mod address;
mod ladder;
mod range;

use serde::Serialize;
use stoa_contracts::media::MediaId;
use stoa_kernel::{Id, IdKind, ProductId, Timestamp};
use stoa_pixels::Kind;

pub(crate) use self::address::{Address, Wanted, picture, slug};
pub(crate) use self::ladder::{AVIF_WIDTH_MAX, may_be_made, widths};
pub(crate) use self::range::{Slice, slice};

/// Of one upload, and of one file fetched from elsewhere.
pub(crate) const FILE_BYTES_MAX: u64 = 25 * 1024 * 1024;
pub(crate) const ALT_LENGTH_MAX: usize = 500;
pub(crate) const NAME_LENGTH_MAX: usize = 80;
/// Of what is said about a picture that could not be fetched.
pub(crate) const ERROR_LENGTH_MAX: usize = 300;

/// A picture as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) id: MediaId,
    pub(crate) sha256: [u8; 32],
    pub(crate) kind: Kind,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: u64,
    pub(crate) animated: bool,
    pub(crate) name: String,
    pub(crate) alt: String,
    pub(crate) created_at: Timestamp,
}

impl Asset {
    pub(crate) fn address(&self) -> Address {
        Address {
            id: self.id,
            sum: [0, 1, 2, 3, 4, 5, 6, 7].map(|at| self.sha256[at]),
            width: self.width,
            height: self.height,
            animated: self.animated,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.address().original(&self.name, self.kind)
    }
}

/// Marks the ids of imports.
pub(crate) enum ImportKind {}

impl IdKind for ImportKind {
    const PREFIX: &'static str = "mimp";
}

pub(crate) type ImageImportId = Id<ImportKind>;

/// A picture that is fetched from elsewhere, or was, or cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) id: ImageImportId,
    pub(crate) product: ProductId,
    pub(crate) source_url: String,
    pub(crate) alt: String,
    pub(crate) state: ImportState,
    pub(crate) attempts: u32,
    pub(crate) error: Option<String>,
    pub(crate) asset: Option<MediaId>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportState {
    Pending,
    Done,
    Failed,
}

impl ImportState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}
