//! What the routes of themes take and give.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::themes::{SettingValue, ThemeFailureKind, ThemeId};
use stoa_kernel::Timestamp;

use crate::application::Detail;
use crate::domain::{Setting, settings};
use crate::infrastructure::{Kept, ShopRow};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Theme {
    pub(crate) id: ThemeId,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Stands in the addresses of its assets.
    pub(crate) digest: String,
    /// Whether shoppers see it.
    pub(crate) published: bool,
    /// Whether `rollback` would show it.
    pub(crate) previous: bool,
    pub(crate) bytes: i64,
    pub(crate) created_at: Timestamp,
    /// When it was last published.
    pub(crate) published_at: Option<Timestamp>,
}

impl Theme {
    pub(crate) fn new(theme: &Kept, shop: &ShopRow) -> Self {
        Self {
            id: theme.id,
            name: theme.manifest.name.clone(),
            version: theme.manifest.version.clone(),
            digest: theme.digest.clone(),
            published: shop.published == Some(theme.id),
            previous: shop.previous == Some(theme.id),
            bytes: theme.bytes,
            created_at: theme.created_at,
            published_at: theme.published_at,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThemeDetail {
    #[serde(flatten)]
    pub(crate) theme: Theme,
    pub(crate) settings: BTreeMap<String, SettingState>,
    pub(crate) files: Vec<ThemeFileEntry>,
    /// The last failure of each page, newest first: shoppers then saw the built-in theme's.
    pub(crate) failures: Vec<Failed>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ThemeSettingState")]
pub(crate) struct SettingState {
    #[serde(flatten)]
    pub(crate) setting: Setting,
    pub(crate) value: SettingValue,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThemeFileEntry {
    pub(crate) path: String,
    pub(crate) bytes: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ThemeFailure")]
pub(crate) struct Failed {
    /// The page that was asked for.
    pub(crate) page: String,
    /// Where it stopped.
    pub(crate) file: String,
    pub(crate) line: Option<i64>,
    pub(crate) kind: ThemeFailureKind,
    pub(crate) reason: String,
    pub(crate) times: i64,
    pub(crate) last_at: Timestamp,
}

impl From<Detail> for ThemeDetail {
    fn from(detail: Detail) -> Self {
        let theme = Theme::new(&detail.theme, &detail.shop);
        let mut values = settings(&detail.theme.manifest, &detail.theme.set);
        let states = detail.theme.manifest.settings.into_iter();
        let states = states.map(|(key, setting)| {
            let value = values
                .remove(&key)
                .unwrap_or_else(|| setting.default_value());
            (key, SettingState { setting, value })
        });
        let files = detail.files.into_iter().map(|file| ThemeFileEntry {
            path: file.path,
            bytes: file.bytes,
        });
        let failures = detail.failures.into_iter().map(|failure| Failed {
            page: failure.page,
            file: failure.file,
            line: failure.line,
            kind: failure.kind,
            reason: failure.reason,
            times: failure.times,
            last_at: failure.last_at,
        });
        Self {
            theme,
            settings: states.collect(),
            files: files.collect(),
            failures: failures.collect(),
        }
    }
}

/// What shoppers see now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThemeState {
    /// `null` for the built-in theme.
    pub(crate) published: Option<ThemeId>,
    /// What `rollback` would show; `null` for the built-in theme.
    pub(crate) previous: Option<ThemeId>,
    pub(crate) can_roll_back: bool,
    /// Rises with every change that shoppers see.
    pub(crate) revision: i64,
}

impl From<ShopRow> for ThemeState {
    fn from(shop: ShopRow) -> Self {
        Self {
            published: shop.published,
            previous: shop.previous,
            can_roll_back: shop.can_roll_back,
            revision: shop.revision,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThemeLink {
    /// To be opened on the shop's own host.
    pub(crate) path: String,
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ThemeSettingsBody")]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsBody {
    pub(crate) settings: BTreeMap<String, Option<SettingValue>>,
}
