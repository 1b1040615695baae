//! What is kept, and how a fill says what it read.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::time::Instant;

use crate::journal::Seal;
use crate::tag::Tag;

/// Something worth keeping.
pub trait Stored: Sized + Send + Sync + 'static {
    /// The bytes it holds in memory, about.
    fn weight(&self) -> usize;

    /// For Redis; `None` for what stays in its process.
    fn to_bytes(&self) -> Option<Vec<u8>>;

    /// What [`Stored::to_bytes`] made; `None` where the bytes are nothing of the kind.
    fn from_bytes(bytes: Bytes) -> Option<Self>;
}

/// Bytes with a few words about them: a body and its content type, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub meta: Bytes,
    pub body: Bytes,
}

impl Stored for Blob {
    fn weight(&self) -> usize {
        self.meta.len() + self.body.len()
    }

    fn to_bytes(&self) -> Option<Vec<u8>> {
        let length = u32::try_from(self.meta.len()).ok()?;
        let mut bytes = BytesMut::with_capacity(4 + self.weight());
        bytes.put_u32(length);
        bytes.put_slice(&self.meta);
        bytes.put_slice(&self.body);
        Some(bytes.to_vec())
    }

    fn from_bytes(mut bytes: Bytes) -> Option<Self> {
        let length = bytes.get(..4)?.try_into().ok().map(u32::from_be_bytes)?;
        let length = usize::try_from(length).ok()?;
        if bytes.len() < 4 + length {
            return None;
        }
        let mut rest = bytes.split_off(4);
        let body = rest.split_off(length);
        Some(Self { meta: rest, body })
    }
}

/// What a fill read, with everything it was made from.
#[derive(Debug)]
pub struct Fill<T> {
    pub(crate) value: Option<T>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) time_to_live: Option<Duration>,
}

impl<T> Fill<T> {
    pub fn found(value: T, tags: Vec<Tag>) -> Self {
        Self {
            value: Some(value),
            tags,
            time_to_live: None,
        }
    }

    /// There is no such thing, until one of `tags` is outdated; remembered for a short while only.
    pub fn missing(tags: Vec<Tag>) -> Self {
        Self {
            value: None,
            tags,
            time_to_live: None,
        }
    }

    /// Good for less than its space's time, and given to nobody afterwards: something is known to
    /// change then by the clock alone, or it is worth a moment only.
    #[must_use]
    pub fn at_most(mut self, time: Duration) -> Self {
        self.time_to_live = Some(self.time_to_live.map_or(time, |known| known.min(time)));
        self
    }
}

pub(crate) struct Entry<T> {
    pub(crate) value: Option<T>,
    /// `None` for what raced an invalidation: its reader gets it, nobody else does.
    pub(crate) seal: Option<Seal>,
    pub(crate) fresh_until: Instant,
    /// How long after that it is given while another is read.
    pub(crate) stale_for: Duration,
    pub(crate) weight: u32,
}

/// What is known of a key. Cheap to clone.
pub struct Hit<T>(pub(crate) Arc<Entry<T>>);

impl<T> Clone for Hit<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// `None` is knowledge too: there is no such thing.
impl<T> Deref for Hit<T> {
    type Target = Option<T>;
    fn deref(&self) -> &Option<T> {
        &self.0.value
    }
}

impl<T> Hit<T> {
    /// Whether others will be given it as well.
    pub fn was_kept(&self) -> bool {
        self.0.seal.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_comes_back_and_a_torn_one_does_not() {
        let blob = Blob {
            meta: Bytes::from_static(b"text/html"),
            body: Bytes::from_static(b"<p>tea"),
        };
        let bytes = Bytes::from(blob.to_bytes().expect("short"));
        assert_eq!(Blob::from_bytes(bytes.clone()), Some(blob));
        assert_eq!(Blob::from_bytes(bytes.slice(..8)), None);
        assert_eq!(Blob::from_bytes(Bytes::new()), None);
    }
}
