//! What can go wrong with a blob, as far as a caller must tell it apart.

use std::io;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("there is no such blob")]
    NotFound,
    /// No room: goes away once somebody makes some.
    #[error("there is no room for blobs: {message}")]
    Full { message: String },
    /// Nobody answered in time, or not sensibly: may go away by itself.
    #[error("the blob store is not reachable: {message}")]
    Unreachable { message: String },
    /// More bytes than were allowed.
    #[error("more than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    /// The store does not let us: a set-up to be mended.
    #[error("the blob store refuses: {message}")]
    Refused { message: String },
    #[error("`{url}` names no known blob store; known are: file:, s3:")]
    UnknownStore { url: String },
    #[error("the URL of the blob store {reason}")]
    Url { reason: String },
    #[error("`{text}` cannot be part of a blob's name")]
    Name { text: String },
}

impl BlobError {
    /// Whether the same call may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Unreachable { .. })
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        let message = error.to_string();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { message },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Refused { message }
            }
            _ => Self::Unreachable { message },
        }
    }
}
