//! Taking pictures in and letting them go. An upload is staged, measured and cleaned before anything
//! of it is stored; its row stands before its blob, so that no blob is ever without one.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use stoa_blobs::{Stage, Staged};
use stoa_contracts::media::MediaId;
use stoa_kernel::TenantId;
use stoa_pixels::Accepted;
use stoa_storage::Tx;

use super::{MediaError, Shared, original};
use crate::domain::{ALT_LENGTH_MAX, Asset, FILE_BYTES_MAX, slug};
use crate::infrastructure::{self, AssetPage};

/// Uploads under way in this process, and of one shop.
const UPLOADS_MAX: usize = 32;
const UPLOADS_PER_TENANT_MAX: usize = 8;
/// About as many pixels as the largest picture has: what an upload that is not measured yet counts.
const PIXELS_UNKNOWN: u64 = stoa_pixels::PIXELS_MAX;
/// A file this small is decoded beside another, whatever its header says: it is refused at 50
/// megapixels, and few reach that.
const SMALL_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A picture that is coming in.
pub(crate) struct Arrival {
    stage: Stage,
    _room: Option<Room>,
}

impl Arrival {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), MediaError> {
        Ok(self.stage.write(piece).await?)
    }
}

#[derive(Clone)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
    under_way: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            under_way: Arc::default(),
        }
    }

    /// Begins an upload, if there is room for one.
    pub(crate) fn receive(&self, tenant: TenantId) -> Result<Arrival, MediaError> {
        let room = Room::take(&self.under_way, tenant);
        let room = room.ok_or(MediaError::Busy { what: "uploads" })?;
        Ok(Arrival {
            stage: self.shared.blobs.stage(FILE_BYTES_MAX)?,
            _room: Some(room),
        })
    }

    /// The picture, and whether it is new: the same content is kept once.
    pub(crate) async fn keep(
        &self,
        tenant: TenantId,
        arrival: Arrival,
        name: &str,
        alt: &str,
    ) -> Result<(Asset, bool), MediaError> {
        let alt = checked_alt(alt)?;
        let staged = arrival.stage.finish().await?;
        self.shared.keep(tenant, staged, name, alt).await
    }

    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        page: AssetPage,
    ) -> Result<Vec<Asset>, MediaError> {
        let db = self.shared.deps.storage.db(tenant).await?;
        Ok(infrastructure::assets(&db, &page).await?)
    }

    pub(crate) async fn one(&self, tenant: TenantId, id: MediaId) -> Result<Asset, MediaError> {
        let db = self.shared.deps.storage.db(tenant).await?;
        let found = infrastructure::asset(&db, id).await?;
        found.ok_or(MediaError::NotFound)
    }

    pub(crate) async fn describe(
        &self,
        tenant: TenantId,
        id: MediaId,
        alt: &str,
    ) -> Result<Asset, MediaError> {
        let alt = checked_alt(alt)?;
        let db = self.shared.deps.storage.db(tenant).await?;
        let set = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::set_alt(tx, id, &alt).await)
            .await?;
        if !set {
            return Err(MediaError::NotFound);
        }
        self.one(tenant, id).await
    }

    /// Its blobs go with the next collection.
    pub(crate) async fn discard(&self, tenant: TenantId, id: MediaId) -> Result<(), MediaError> {
        self.one(tenant, id).await?;
        let db = self.shared.deps.storage.db(tenant).await?;
        let gone = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::discard(tx, id).await)
            .await?;
        match gone {
            true => Ok(()),
            false => Err(MediaError::InUse),
        }
    }
}

impl Shared {
    /// Begins to take in what is fetched from elsewhere.
    pub(crate) fn arrival(&self) -> Result<Arrival, MediaError> {
        Ok(Arrival {
            stage: self.blobs.stage(FILE_BYTES_MAX)?,
            _room: None,
        })
    }

    pub(crate) async fn keep_arrival(
        &self,
        tenant: TenantId,
        arrival: Arrival,
        name: &str,
        alt: &str,
    ) -> Result<Asset, MediaError> {
        let staged = arrival.stage.finish().await?;
        let alt: String = alt.chars().take(ALT_LENGTH_MAX).collect();
        Ok(self.keep(tenant, staged, name, alt).await?.0)
    }

    async fn keep(
        &self,
        tenant: TenantId,
        staged: Staged,
        name: &str,
        alt: String,
    ) -> Result<(Asset, bool), MediaError> {
        let pixels = match staged.bytes {
            0..=SMALL_BYTES_MAX => 0,
            _ => PIXELS_UNKNOWN,
        };
        let bytes = staged.read().await?;
        let taken = self
            .studio
            .work(pixels, move || stoa_pixels::accept(&bytes));
        let taken = taken.await?;
        self.store(tenant, taken, slug(name), alt).await
    }

    async fn store(
        &self,
        tenant: TenantId,
        taken: Accepted,
        name: String,
        alt: String,
    ) -> Result<(Asset, bool), MediaError> {
        use sha2::Digest as _;
        let now = self.deps.now();
        let asset = Asset {
            id: self.deps.ids.make(now),
            sha256: sha2::Sha256::digest(&taken.bytes).into(),
            kind: taken.kind,
            width: taken.width,
            height: taken.height,
            bytes: taken.bytes.len() as u64,
            animated: taken.animated,
            name,
            alt,
            created_at: now,
        };
        let db = self.deps.storage.db(tenant).await?;
        let new = asset.clone();
        let known = db
            .write(async move |tx: &mut Tx<'_>| {
                if let Some(known) = infrastructure::by_content(tx, &new.sha256).await?
                    && infrastructure::touch(tx, known.id, now).await?
                {
                    return Ok(Some(known));
                }
                infrastructure::begin(tx, &new).await?;
                Ok::<_, stoa_storage::Error>(None)
            })
            .await?;
        if let Some(known) = known {
            return Ok((known, false));
        }
        let key = original(tenant, asset.id, asset.sha256)?;
        self.blobs.put(&key, Bytes::from(taken.bytes)).await?;
        let (id, now) = (asset.id, self.deps.now());
        let published = db
            .write(async move |tx: &mut Tx<'_>| infrastructure::publish(tx, id, now).await)
            .await?;
        // Only where storing it took longer than uploads are waited for.
        match published {
            true => Ok((asset, true)),
            false => Err(MediaError::Busy { what: "uploads" }),
        }
    }
}

fn checked_alt(alt: &str) -> Result<String, MediaError> {
    let length = alt.chars().count();
    if length > ALT_LENGTH_MAX {
        return Err(MediaError::Invalid {
            field: "alt",
            reason: format!("has {length} characters; at most {ALT_LENGTH_MAX} are kept"),
        });
    }
    Ok(alt.trim().to_owned())
}

/// Room for one upload; gives it back when dropped.
struct Room {
    under_way: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Room {
    fn take(all: &Arc<Mutex<HashMap<TenantId, usize>>>, tenant: TenantId) -> Option<Self> {
        let mut under_way = all.lock();
        let total: usize = under_way.values().sum();
        let own = under_way.get(&tenant).copied().unwrap_or(0);
        if total >= UPLOADS_MAX || own >= UPLOADS_PER_TENANT_MAX {
            return None;
        }
        under_way.insert(tenant, own + 1);
        Some(Self {
            under_way: all.clone(),
            tenant,
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        let left = under_way.get(&self.tenant).map_or(0, |own| own - 1);
        match left {
            0 => drop(under_way.remove(&self.tenant)),
            left => drop(under_way.insert(self.tenant, left)),
        }
    }
}
