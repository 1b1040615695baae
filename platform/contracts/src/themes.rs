//! Themes: what pages may ask of `themes`, what it asks of whoever renders, and what it tells.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Fact, Id, IdKind, TenantId};

/// Marks the ids of themes.
pub enum ThemeKind {}

impl IdKind for ThemeKind {
    const PREFIX: &'static str = "thm";
}

/// One uploaded version of a theme.
pub type ThemeId = Id<ThemeKind>;

/// What a setting of a theme is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SettingValue {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// A theme as it is compiled: text only, assets by name. Never changes once made.
#[derive(Debug, Default)]
pub struct ThemeSource {
    /// `None` while an upload is still being looked at.
    pub id: Option<ThemeId>,
    /// Of all its files; stands in the addresses of its assets.
    pub digest: String,
    pub name: String,
    pub version: String,
    /// By file name, such as `home.html`.
    pub templates: BTreeMap<String, String>,
    /// By language, then by key.
    pub locales: BTreeMap<String, BTreeMap<String, String>>,
    /// Those of the theme as the shop has set them.
    pub settings: BTreeMap<String, SettingValue>,
    /// Names of the settings that hold a colour.
    pub colours: Vec<String>,
    /// Paths below `assets/`.
    pub assets: Vec<String>,
    /// What the renderer made of it, kept and forgotten together with it.
    pub compiled: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// A file of a theme as browsers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFile {
    pub content_type: &'static str,
    pub bytes: Arc<[u8]>,
}

/// Why a page could not be made with a theme. Holds nothing of a shopper but in `reason`, which is
/// for staff and never for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFailure {
    /// The page that was asked for, such as `product.html`.
    pub page: &'static str,
    /// Where it stopped, which may be a file that the page includes.
    pub file: String,
    pub line: Option<u32>,
    pub kind: ThemeFailureKind,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThemeFailureKind {
    /// It used what there is not, or what may not be used so.
    Error,
    /// It took more steps or memory, or wrote more, than a page may.
    Limit,
    /// It took longer than a page may.
    Time,
    /// Too many pages of it were being made.
    Busy,
}

impl ThemeFailureKind {
    pub const ALL: [Self; 4] = [Self::Error, Self::Limit, Self::Time, Self::Busy];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Limit => "limit",
            Self::Time => "time",
            Self::Busy => "busy",
        }
    }
}

/// Something wrong with an uploaded theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFault {
    /// `templates/home.html`, or the name of an entry as it was sent.
    pub file: String,
    pub line: Option<u32>,
    pub reason: String,
}

#[async_trait]
pub trait Themes: Send + Sync + 'static {
    /// What the shop published; `None` for the built-in theme. From memory where it is known.
    async fn active(
        &self,
        tenant: TenantId,
    ) -> Result<Option<Arc<ThemeSource>>, stoa_storage::Error>;

    /// What a preview link of this shop opens; `None` for one that is forged or too old.
    async fn previewed(
        &self,
        tenant: TenantId,
        token: &str,
    ) -> Result<Option<Arc<ThemeSource>>, stoa_storage::Error>;

    /// A file below `assets/` of any theme that the shop keeps.
    async fn asset(
        &self,
        tenant: TenantId,
        digest: &str,
        path: &str,
    ) -> Result<Option<ThemeFile>, stoa_storage::Error>;

    /// The theme with this digest, for the style sheet made of its settings.
    async fn kept(
        &self,
        tenant: TenantId,
        digest: &str,
    ) -> Result<Option<Arc<ThemeSource>>, stoa_storage::Error>;

    /// Tells that a page fell back to the built-in theme. Does not wait.
    fn failed(&self, tenant: TenantId, theme: ThemeId, failure: ThemeFailure);
}

/// Whoever makes pages of themes. Both may take long: call them off the async workers.
pub trait ThemeEngine: Send + Sync + 'static {
    /// Compiles it and makes every page with sample data. Empty for a theme that may be shown.
    fn check(&self, source: &ThemeSource) -> Vec<ThemeFault>;

    /// The built-in theme, to start from: paths as in an upload.
    fn built_in(&self) -> Vec<(String, Vec<u8>)>;
}

/// Another theme, or the same with other settings, is what shoppers see now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThemePublished {
    /// `None` for the built-in one.
    pub theme: Option<ThemeId>,
    /// Rises with every change of what the shop shows.
    pub revision: i64,
}

impl Fact for ThemePublished {
    const TYPE: &'static str = "themes.published";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        "theme".to_owned()
    }
}
