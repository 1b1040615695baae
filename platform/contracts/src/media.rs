//! Pictures: what other modules may ask of `media`, and what it tells.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Fact, Id, IdKind, ProductId};
use stoa_storage::{Cause, Tx};

/// Marks the ids of pictures.
pub enum AssetKind {}

impl IdKind for AssetKind {
    const PREFIX: &'static str = "med";
}

/// A picture or drawing of a shop.
pub type MediaId = Id<AssetKind>;

/// What an `<img>` or `<picture>` needs, made from a picture's URL alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Picture {
    /// Of the original.
    pub width: u32,
    pub height: u32,
    /// For `src`: fit for every browser, and no wider than asked for.
    pub src: String,
    /// For `<source>`, the best first; the last is for the `<img>` itself. Empty for drawings and
    /// animations, which are shown as they are.
    pub sources: Vec<PictureSource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PictureSource {
    /// `image/avif`, `image/webp`, ...
    pub mime: String,
    /// `/media/.../shirt-160.webp 160w, ...`.
    pub srcset: String,
}

/// A picture somewhere else that is to become the shop's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageImport {
    pub product: ProductId,
    /// As the merchant gave it.
    pub source_url: String,
    pub alt: String,
}

/// What became of one [`ImageImport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportAnswer {
    /// It is the shop's own already, under this URL.
    Ours { url: String },
    /// It is being fetched; [`MediaImported`] tells when it is there.
    Queued,
    /// It never will be, and why; listed with the failed ones.
    Refused { reason: String },
}

#[async_trait]
pub trait Media: Send + Sync + 'static {
    /// Asks no database. `width_max` is the widest the page ever shows it; `None` where the URL is
    /// not one of ours.
    fn picture(&self, url: &str, width_max: u32) -> Option<Picture>;

    /// Has pictures fetched after this transaction commits: one answer each, in order. Never fails
    /// because of a picture.
    async fn import(
        &self,
        tx: &mut Tx<'_>,
        images: &[ImageImport],
    ) -> Result<Vec<ImportAnswer>, stoa_storage::Error>;

    /// Says which pictures `holder` (such as a product's id) shows from now on, and no others. What
    /// nobody holds may be collected after a while. URLs of others are passed over.
    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        holder: &str,
        urls: &[&str],
        cause: &Cause,
    ) -> Result<(), stoa_storage::Error>;
}

/// A picture from elsewhere is the shop's own now: whoever shows `source_url` for the product shows
/// `url` instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaImported {
    pub product: ProductId,
    pub source_url: String,
    pub asset: MediaId,
    pub url: String,
}

impl Fact for MediaImported {
    const TYPE: &'static str = "media.imported";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.product.to_string()
    }
}
