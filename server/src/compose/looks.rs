//! What shoppers look at, besides the goods themselves: search, pictures, themes, and the pages kept
//! in memory or in Redis.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use stoa_blobs::{Blobs, BlobsConfig, S3Access};
use stoa_cache::{Cache, CacheConfig, CellPosition, PurgeTarget, RedisConfig};
use stoa_contracts::Deps;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::pricing::Pricing;
use stoa_kernel::Envelope;
use stoa_media::MediaConfig;
use stoa_rest::CursorKey;
use stoa_search::SearchConfig;
use stoa_storage::{Committed, Storage};
use stoa_storefront::{PageMaker, ShopOptions};
use stoa_telemetry::Metrics;

use crate::settings::Settings;

type OnEvent = Arc<dyn Fn(&Envelope) + Send + Sync>;
type OnGap = Arc<dyn Fn() + Send + Sync>;

pub(super) struct Looks {
    pub(super) search: stoa_search::Module,
    pub(super) media: stoa_media::Module,
    pub(super) themes: stoa_themes::Module,
    pub(super) cache: Cache,
}

impl Looks {
    pub(super) async fn start(
        deps: &Deps,
        settings: &Settings,
        catalog: &Arc<dyn Catalog>,
        media: stoa_media::Module,
        cursors: impl Fn() -> CursorKey,
        metrics: &Metrics,
    ) -> Result<Self> {
        // Themes before the cache: what a page is made anew from must be the new theme.
        let preview_key = deps.storage.secret("theme-previews").await?;
        let themes = stoa_themes::start(
            deps.clone(),
            Arc::new(PageMaker::new()),
            stoa_themes::Config { preview_key },
            metrics,
        );
        let cache = cache(&deps.storage, settings, metrics).await?;
        let search = stoa_search::start(
            deps.clone(),
            SearchConfig::new(settings.data_dir.join("search")),
            catalog.clone(),
            cursors(),
            metrics,
        );
        Ok(Self {
            search,
            media,
            themes,
            cache,
        })
    }

    pub(super) fn options(&self, pricing: Arc<dyn Pricing>) -> ShopOptions {
        ShopOptions {
            pricing: Some(pricing),
            search: Some(self.search.contract.clone()),
            media: Some(self.media.contract.clone()),
            themes: Some(self.themes.contract.clone()),
            cache: Some(self.cache.clone()),
        }
    }

    /// What is to be told of events: the catalog's own cache, then themes, then pages.
    pub(super) fn hear(&self, (on_event, on_gap): (OnEvent, OnGap)) -> (OnEvent, OnGap) {
        let (themes, cache) = (self.themes.listener.clone(), self.cache.clone());
        let heard: OnEvent = Arc::new(move |event| {
            on_event(event);
            themes.on_event(event);
            cache.on_event(event);
        });
        let (themes, cache) = (self.themes.listener.clone(), self.cache.clone());
        let missed: OnGap = Arc::new(move || {
            on_gap();
            themes.forget_all();
            cache.on_gap();
        });
        (heard, missed)
    }
}

/// Before the catalog, which shows what it keeps.
pub(super) fn media(
    deps: &Deps,
    settings: &Settings,
    cursors: CursorKey,
) -> Result<stoa_media::Module> {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let mut config = MediaConfig::new(cursors);
    config.allow_loopback = settings.allow_loopback;
    let days = settings.media_collect_after_days;
    config.collect_unused_after = (days > 0).then(|| DAY * days);
    Ok(stoa_media::start(
        deps.clone(),
        config,
        blobs(deps, settings)?,
    ))
}

fn blobs(deps: &Deps, settings: &Settings) -> Result<Blobs> {
    let mut config = BlobsConfig::new(settings.data_dir.join("uploads"), deps.clock.clone());
    if let (Some(key_id), Some(secret)) = (&settings.s3_key_id, &settings.s3_secret) {
        config.s3 = Some(S3Access {
            key_id: key_id.clone(),
            secret: secret.clone(),
            token: None,
        });
    }
    Blobs::open(&settings.blobs_url(), config).context("settings: `blobs`")
}

async fn cache(storage: &Storage, settings: &Settings, metrics: &Metrics) -> Result<Cache> {
    let mut config = CacheConfig::default();
    if settings.cache.starts_with("redis") {
        let mut redis = RedisConfig::new(&settings.cache);
        redis.prefix.clone_from(&settings.cache_prefix);
        redis.positions = Some(positions(storage).await?);
        config.redis = Some(redis);
    }
    // One process tells the CDN of all.
    let purge_url = settings.cdn_purge_url.as_ref();
    if let Some(target) = purge_url.filter(|_| settings.target.role().runs_worker) {
        let target = PurgeTarget::parse(target)?;
        config
            .purge_urls
            .push(match &settings.cdn_purge_authorization {
                Some(value) => target.with_header(AUTHORIZATION, HeaderValue::from_str(value)?),
                None => target,
            });
    }
    let cache = Cache::start(config, metrics).context("the cache cannot start")?;
    let hooked = cache.clone();
    storage.on_commit(move |committed| {
        for each in committed {
            if let Committed::Event {
                tenant,
                subject,
                key,
            } = each
            {
                hooked.committed(*tenant, subject, key);
            }
        }
    });
    Ok(cache)
}

/// How far each cell's log is, before it is followed.
async fn positions(storage: &Storage) -> Result<Vec<CellPosition>> {
    let mut positions = Vec::new();
    for cell in storage.cells().await? {
        let log = storage.event_log(cell).await?;
        positions.push(CellPosition {
            cell,
            epoch: log.epoch(),
            seq: log.head().await?,
        });
    }
    Ok(positions)
}
