//! Pictures as they go over the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::media::{MediaId, Picture};
use stoa_kernel::{ProductId, Timestamp};
use stoa_rest::Limit;

use crate::domain::{Asset, ImageImportId, Import, ImportState, picture};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// The file's name: part of the picture's address.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// What the picture shows, for those who do not see it.
    #[serde(default)]
    pub(super) alt: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    pub(super) limit: Limit,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportsQuery {
    #[serde(default)]
    pub(super) state: Option<ImportState>,
    #[serde(default)]
    pub(super) limit: Limit,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeMedia {
    pub(super) alt: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MediaAsset {
    pub(super) id: MediaId,
    /// Never changes what it leads to.
    pub(super) url: String,
    pub(super) mime: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: u64,
    pub(super) animated: bool,
    /// Of the stored file, in hexadecimal digits.
    pub(super) sha256: String,
    pub(super) alt: String,
    /// Versions of every size and format.
    pub(super) picture: Option<Picture>,
    pub(super) created_at: Timestamp,
}

impl From<Asset> for MediaAsset {
    fn from(asset: Asset) -> Self {
        let url = asset.url();
        Self {
            id: asset.id,
            mime: asset.kind.mime().to_owned(),
            width: asset.width,
            height: asset.height,
            bytes: asset.bytes,
            animated: asset.animated,
            sha256: hex::encode(asset.sha256),
            alt: asset.alt,
            picture: picture(&url, u32::MAX),
            url,
            created_at: asset.created_at,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImageImport")]
pub(super) struct ImageImportView {
    pub(super) id: ImageImportId,
    pub(super) product_id: ProductId,
    pub(super) source_url: String,
    pub(super) state: ImportState,
    pub(super) attempts: u32,
    /// Why it did not come, or not yet.
    pub(super) error: Option<String>,
    pub(super) media_id: Option<MediaId>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl From<Import> for ImageImportView {
    fn from(import: Import) -> Self {
        Self {
            id: import.id,
            product_id: import.product,
            source_url: import.source_url,
            state: import.state,
            attempts: import.attempts,
            error: import.error,
            media_id: import.asset,
            created_at: import.created_at,
            updated_at: import.updated_at,
        }
    }
}
