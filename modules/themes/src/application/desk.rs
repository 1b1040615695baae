//! What staff do with themes: bring, look at, publish, go back, set, remove.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stoa_contracts::themes::{SettingValue, ThemeFault, ThemeId, ThemePublished};
use stoa_failpoint::hit;
use stoa_kernel::{TenantId, Timestamp};
use stoa_storage::{Cause, Error, Tx};
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use crate::domain::{ARCHIVE_BYTES_MAX, Package, Setting, pack};
use crate::infrastructure::{self, Failure, Kept, KeptFile, ShopRow};

/// Versions that a shop keeps; the oldest goes, unless shoppers see it or may see it again.
const VERSIONS_MAX: usize = 20;
const PREVIEW_VALID: Duration = Duration::from_secs(30 * 60);
/// A file that no theme holds is kept this long, for an upload may be bringing it.
const LOOSE_FILE_KEPT: Duration = Duration::from_secs(3_600);

#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error("no such theme")]
    NotFound,
    #[error("the theme has {} faults", .0.len())]
    Refused(Vec<ThemeFault>),
    #[error("the theme is what shoppers see")]
    InUse,
    #[error("there is no theme before this one")]
    NoEarlier,
    #[error("as many uploads are under way as may")]
    Crowded,
    #[error("an upload is larger than {ARCHIVE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error("{0}")]
    Broken(String),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Whose wish it is, and when.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) cause: Cause,
}

/// A theme and how it fares.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) theme: Kept,
    pub(crate) shop: ShopRow,
    pub(crate) files: Vec<KeptFile>,
    pub(crate) failures: Vec<Failure>,
}

#[derive(Debug, Clone)]
pub(crate) struct Uploaded {
    pub(crate) detail: Detail,
    /// False where the shop had the very same theme already.
    pub(crate) new: bool,
}

pub(crate) struct Desk {
    shared: Arc<Shared>,
}

/// Takes an upload piece by piece, never more of it than may be.
pub(crate) struct Receiver {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl Receiver {
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), DeskError> {
        if self.bytes.len() + piece.len() > ARCHIVE_BYTES_MAX {
            return Err(DeskError::TooLarge);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) async fn list(&self, tenant: TenantId) -> Result<(ShopRow, Vec<Kept>), DeskError> {
        let db = self.shared.db(tenant).await?;
        let shop = infrastructure::shop(&db).await?;
        Ok((shop, infrastructure::themes(&db).await?))
    }

    pub(crate) async fn get(&self, tenant: TenantId, id: ThemeId) -> Result<Detail, DeskError> {
        let db = self.shared.db(tenant).await?;
        let theme = infrastructure::theme(&db, id).await?;
        Ok(Detail {
            theme: theme.ok_or(DeskError::NotFound)?,
            shop: infrastructure::shop(&db).await?,
            files: infrastructure::files(&db, id).await?,
            failures: infrastructure::failures(&db, id).await?,
        })
    }

    pub(crate) async fn file(
        &self,
        tenant: TenantId,
        id: ThemeId,
        path: String,
    ) -> Result<Vec<u8>, DeskError> {
        let db = self.shared.db(tenant).await?;
        let found = infrastructure::file(&db, id, &path).await?;
        found.ok_or(DeskError::NotFound)
    }

    /// The built-in theme as an archive.
    pub(crate) async fn built_in(&self) -> Result<Vec<u8>, DeskError> {
        let engine = self.shared.engine.clone();
        let packed = tokio::task::spawn_blocking(move || pack(&engine.built_in())).await;
        packed
            .ok()
            .flatten()
            .ok_or_else(|| DeskError::Broken("the built-in theme does not pack".to_owned()))
    }

    pub(crate) fn receive(&self) -> Result<Receiver, DeskError> {
        let room = self.shared.uploads.clone().try_acquire_owned();
        Ok(Receiver {
            bytes: Vec::new(),
            _room: room.map_err(|_| DeskError::Crowded)?,
        })
    }

    /// Looks at an upload and keeps it, unpublished.
    pub(crate) async fn keep(
        &self,
        asked: Asked,
        received: Receiver,
    ) -> Result<Uploaded, DeskError> {
        let package = self.check(received).await?;
        let db = self.shared.db(asked.tenant).await?;
        let now = asked.cause.occurred_at;
        if let Some(known) = infrastructure::id_with(&db, &package.digest).await? {
            return self.uploaded(asked.tenant, known, false).await;
        }
        let package = Arc::new(package);
        // Each by itself: all at once would hold up whatever else is written.
        for at in 0..package.files.len() {
            let package = package.clone();
            db.write_bulk(async move |tx: &mut Tx<'_>| {
                infrastructure::bring_file(tx, &package.files[at], now).await
            })
            .await?;
        }
        hit("themes.upload.before_commit");
        let id: ThemeId = self.shared.deps.ids.make(now);
        let kept = db
            .write(async move |tx: &mut Tx<'_>| keep_version(tx, id, &package, now).await)
            .await?;
        hit("themes.upload.after_commit");
        self.uploaded(asked.tenant, kept, kept == id).await
    }

    async fn check(&self, received: Receiver) -> Result<Package, DeskError> {
        let turn = self.shared.checks.clone().acquire_owned().await;
        let turn = turn.map_err(|_| DeskError::Crowded)?;
        let engine = self.shared.engine.clone();
        let checking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let package = Package::open(&received.bytes)?;
            match engine.check(&package.source()) {
                faults if faults.is_empty() => Ok(package),
                faults => Err(faults),
            }
        });
        match checking.await {
            Ok(checked) => checked.map_err(DeskError::Refused),
            Err(error) => Err(DeskError::Broken(error.to_string())),
        }
    }

    async fn uploaded(
        &self,
        tenant: TenantId,
        id: ThemeId,
        new: bool,
    ) -> Result<Uploaded, DeskError> {
        let detail = self.get(tenant, id).await?;
        Ok(Uploaded { detail, new })
    }

    /// Shows shoppers this theme, `None` for the built-in one.
    pub(crate) async fn publish(
        &self,
        asked: Asked,
        theme: Option<ThemeId>,
    ) -> Result<ShopRow, DeskError> {
        self.switch(asked, Switch::To(theme)).await
    }

    /// Shows shoppers what they saw before. Twice leads back.
    pub(crate) async fn roll_back(&self, asked: Asked) -> Result<ShopRow, DeskError> {
        self.switch(asked, Switch::Back).await
    }

    async fn switch(&self, asked: Asked, switch: Switch) -> Result<ShopRow, DeskError> {
        let (tenant, shared) = (asked.tenant, self.shared.clone());
        let db = self.shared.db(tenant).await?;
        hit("themes.publish.before_commit");
        let row = db
            .write(async move |tx: &mut Tx<'_>| switched(tx, &shared, &asked.cause, switch).await)
            .await?;
        hit("themes.publish.after_commit");
        self.shared.shelf.forget(tenant);
        Ok(row)
    }

    /// A link that shows the theme to whoever opens it, and until when.
    pub(crate) async fn preview(
        &self,
        tenant: TenantId,
        id: ThemeId,
    ) -> Result<(String, Timestamp), DeskError> {
        let db = self.shared.db(tenant).await?;
        if infrastructure::theme(&db, id).await?.is_none() {
            return Err(DeskError::NotFound);
        }
        let until = self.shared.deps.now().plus(PREVIEW_VALID);
        Ok((self.shared.links.sign(tenant, id, until), until))
    }

    pub(crate) async fn remove(&self, asked: Asked, id: ThemeId) -> Result<(), DeskError> {
        let db = self.shared.db(asked.tenant).await?;
        let now = asked.cause.occurred_at;
        db.write(async move |tx: &mut Tx<'_>| {
            let shop = infrastructure::lock_shop(tx).await?;
            if infrastructure::theme_in(tx, id).await?.is_none() {
                return Err(DeskError::NotFound);
            }
            if shop.published == Some(id) {
                return Err(DeskError::InUse);
            }
            if shop.previous == Some(id) {
                infrastructure::forget_previous(tx).await?;
            }
            remove_version(tx, id, now).await?;
            Ok(())
        })
        .await?;
        self.shared.shelf.forget(asked.tenant);
        Ok(())
    }

    /// Sets what is named; `None` goes back to the default.
    pub(crate) async fn set(
        &self,
        asked: Asked,
        id: ThemeId,
        wished: BTreeMap<String, Option<SettingValue>>,
    ) -> Result<Detail, DeskError> {
        let (tenant, shared) = (asked.tenant, self.shared.clone());
        let db = self.shared.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let shop = infrastructure::lock_shop(tx).await?;
            let theme = infrastructure::theme_in(tx, id).await?;
            let theme = theme.ok_or(DeskError::NotFound)?;
            let set = changed(&theme, &wished)?;
            infrastructure::put_settings(tx, id, &set).await?;
            if shop.published == Some(id) {
                let revision = infrastructure::next_revision(tx).await?;
                let fact = ThemePublished {
                    theme: Some(id),
                    revision,
                };
                let event = shared.deps.ids.make(asked.cause.occurred_at);
                tx.emit(event, &asked.cause, &fact).await?;
            }
            Ok::<_, DeskError>(())
        })
        .await?;
        self.shared.shelf.forget(tenant);
        self.get(tenant, id).await
    }
}

#[derive(Clone, Copy)]
enum Switch {
    To(Option<ThemeId>),
    Back,
}

async fn switched(
    tx: &mut Tx<'_>,
    shared: &Shared,
    cause: &Cause,
    switch: Switch,
) -> Result<ShopRow, DeskError> {
    let shop = infrastructure::lock_shop(tx).await?;
    let theme = match switch {
        Switch::To(theme) if theme == shop.published => return Ok(shop),
        Switch::To(theme) => theme,
        Switch::Back if shop.can_roll_back => shop.previous,
        Switch::Back => return Err(DeskError::NoEarlier),
    };
    if let Some(id) = theme
        && !infrastructure::mark_published(tx, id, cause.occurred_at).await?
    {
        return Err(DeskError::NotFound);
    }
    let revision = infrastructure::publish(tx, theme, shop.published).await?;
    let fact = ThemePublished { theme, revision };
    let event = shared.deps.ids.make(cause.occurred_at);
    tx.emit(event, cause, &fact).await?;
    Ok(ShopRow {
        published: theme,
        previous: shop.published,
        can_roll_back: true,
        revision,
    })
}

/// Keeps a version whose files are there, or finds that another upload was faster: its id.
async fn keep_version(
    tx: &mut Tx<'_>,
    id: ThemeId,
    package: &Package,
    now: Timestamp,
) -> Result<ThemeId, DeskError> {
    let shop = infrastructure::lock_shop(tx).await?;
    if let Some(known) = infrastructure::id_with_in(tx, &package.digest).await? {
        return Ok(known);
    }
    let kept = infrastructure::ids_oldest_first(tx).await?;
    let needed = |id: &ThemeId| shop.published == Some(*id) || shop.previous == Some(*id);
    let surplus = (kept.len() + 1).saturating_sub(VERSIONS_MAX);
    let old: Vec<_> = kept
        .into_iter()
        .filter(|id| !needed(id))
        .take(surplus)
        .collect();
    for id in old {
        remove_version(tx, id, now).await?;
    }
    if !infrastructure::insert(tx, id, package, now).await? {
        return Err(DeskError::Broken("files of an upload went away".to_owned()));
    }
    Ok(id)
}

async fn remove_version(tx: &mut Tx<'_>, id: ThemeId, now: Timestamp) -> Result<(), Error> {
    infrastructure::remove(tx, id).await?;
    infrastructure::sweep_files(tx, now.minus(LOOSE_FILE_KEPT)).await
}

fn changed(
    theme: &Kept,
    wished: &BTreeMap<String, Option<SettingValue>>,
) -> Result<BTreeMap<String, SettingValue>, DeskError> {
    let mut set = theme.set.clone();
    for (key, value) in wished {
        let refuse = |reason: String| DeskError::Invalid {
            field: format!("settings.{key}"),
            reason,
        };
        let known: Option<&Setting> = theme.manifest.settings.get(key);
        let known = known.ok_or_else(|| refuse("the theme has no such setting".to_owned()))?;
        match value {
            None => drop(set.remove(key)),
            Some(value) => match known.refuse(value) {
                Some(reason) => return Err(refuse(reason)),
                None => drop(set.insert(key.clone(), value.clone())),
            },
        }
    }
    Ok(set)
}

impl Desk {
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.deps.now()
    }
}
