//! What can go wrong with a picture.

use stoa_blobs::BlobError;
use stoa_pixels::PixelError;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("there is no such picture")]
    NotFound,
    #[error("there is no such import")]
    NoImport,
    #[error("somebody shows the picture")]
    InUse,
    #[error("{what}: too many at once")]
    Busy { what: &'static str },
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error(transparent)]
    Pixels(#[from] PixelError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Storage(#[from] stoa_storage::Error),
}
