//! Fetches pictures from where merchants have them: a job each, outside any transaction, few at once.
//! A picture that cannot be had is noted and never fails anything else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_bus::{JobHandler, JobOutcome};
use stoa_contracts::media::MediaImported;
use stoa_egress::FetchError;
use stoa_kernel::{IdSource, TenantId, Timestamp};
use stoa_storage::{Cause, ClaimedJob, Error, NewJob, Tx};
use tokio::sync::Semaphore;

use super::{MediaError, Shared};
use crate::domain::{Asset, ERROR_LENGTH_MAX, FILE_BYTES_MAX, ImageImportId, Import, ImportState};
use crate::infrastructure;

const FETCH: &str = "media.fetch";
/// Of one picture; then it is a failed one.
const ATTEMPTS_MAX: u32 = 6;
/// Only a database that stays away uses the job's own attempts up.
const JOB_ATTEMPTS_MAX: u32 = 1_000;
/// In this process: each takes a connection and may take a decoder.
const FETCHES_MAX: usize = 4;
/// Until a place may be free.
const PLACE_PAUSE: Duration = Duration::from_secs(2);
/// Until our own store or database may be well again.
const OWN_PAUSE: Duration = Duration::from_secs(30);
/// Doubles with each attempt.
const RETRY_PAUSE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Payload {
    import: ImageImportId,
}

/// Gives a pending import its job.
pub(crate) async fn enqueue(
    tx: &mut Tx<'_>,
    ids: &dyn IdSource,
    id: ImageImportId,
    now: Timestamp,
) -> Result<(), Error> {
    let job = NewJob {
        id: ids.make(now),
        kind: FETCH,
        // Whoever makes an import pending gives it its job, though the last one may still be
        // clearing up.
        unique_key: None,
        payload: serde_json::to_value(Payload { import: id })?,
        run_at: now,
        attempts_max: JOB_ATTEMPTS_MAX,
    };
    tx.enqueue_unasked(&job, now).await
}

impl Shared {
    /// Fetches a failed picture once more; one that is under way or here stays as it is.
    pub(crate) async fn retry(
        self: &Arc<Self>,
        tenant: TenantId,
        id: ImageImportId,
    ) -> Result<Import, MediaError> {
        let (shared, now) = (self.clone(), self.deps.now());
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if infrastructure::retry(tx, id, now).await? {
                enqueue(tx, &*shared.deps.ids, id, now).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
        let found = infrastructure::one(&db, id).await?;
        found.ok_or(MediaError::NoImport)
    }
}

pub(crate) struct Importer {
    shared: Arc<Shared>,
    places: Semaphore,
}

/// Why a picture is not there yet.
enum Stopped {
    /// Ours: the merchant's picture is not to blame.
    Own(String),
    Again(String),
    Never(String),
}

impl Importer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            places: Semaphore::new(FETCHES_MAX),
        }
    }

    async fn fetch(&self, tenant: TenantId, import: &Import) -> Result<Asset, Stopped> {
        let url = &import.source_url;
        let mut coming = self.shared.fetch.get(url, FILE_BYTES_MAX).await?;
        let mut arrival = self.shared.arrival()?;
        while let Some(piece) = coming.next().await {
            arrival.write(piece?).await?;
        }
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let kept = self.shared.keep_arrival(tenant, arrival, name, &import.alt);
        Ok(kept.await?)
    }

    async fn work(&self, job: &ClaimedJob, id: ImageImportId) -> Result<JobOutcome, Error> {
        let (shared, tenant) = (&self.shared, job.tenant);
        let db = shared.deps.storage.db(tenant).await?;
        let found = infrastructure::one(&db, id).await?;
        let Some(import) = found.filter(|import| import.state == ImportState::Pending) else {
            return Ok(JobOutcome::Done);
        };
        let fetched = self.fetch(tenant, &import).await;
        let now = shared.deps.now();
        match fetched {
            Ok(asset) => {
                let event = shared.deps.ids.make(now);
                let fact = MediaImported {
                    product: import.product,
                    source_url: import.source_url,
                    asset: asset.id,
                    url: asset.url(),
                };
                db.write(async move |tx: &mut Tx<'_>| {
                    if infrastructure::finish(tx, id, fact.asset, now).await? {
                        tx.emit(event, &Cause::system(now), &fact).await?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
                Ok(JobOutcome::Done)
            }
            Err(Stopped::Own(reason)) => {
                tracing::warn!(%tenant, import = %id, reason, "a fetched picture waits");
                Ok(JobOutcome::Wait(now.plus(OWN_PAUSE)))
            }
            Err(Stopped::Again(reason)) if import.attempts + 1 < ATTEMPTS_MAX => {
                let reason = short(&reason);
                db.write(async move |tx: &mut Tx<'_>| {
                    infrastructure::note(tx, id, &reason, now).await
                })
                .await?;
                let pause = RETRY_PAUSE * 2_u32.pow(import.attempts.min(10));
                Ok(JobOutcome::Wait(now.plus(pause)))
            }
            Err(Stopped::Again(reason) | Stopped::Never(reason)) => {
                let reason = short(&reason);
                db.write(async move |tx: &mut Tx<'_>| {
                    infrastructure::fail(tx, id, &reason, now).await
                })
                .await?;
                Ok(JobOutcome::Done)
            }
        }
    }
}

#[async_trait]
impl JobHandler for Importer {
    fn kind(&self) -> &'static str {
        FETCH
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let payload = match serde_json::from_value::<Payload>(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return JobOutcome::Dead(format!("the payload: {error}")),
        };
        let Ok(_place) = self.places.try_acquire() else {
            return JobOutcome::Wait(self.shared.deps.now().plus(PLACE_PAUSE));
        };
        match self.work(job, payload.import).await {
            Ok(outcome) => outcome,
            Err(error) => JobOutcome::Failed(error.to_string()),
        }
    }
}

impl From<FetchError> for Stopped {
    fn from(error: FetchError) -> Self {
        match error.is_transient() {
            true => Self::Again(error.to_string()),
            false => Self::Never(error.to_string()),
        }
    }
}

impl From<MediaError> for Stopped {
    fn from(error: MediaError) -> Self {
        let text = error.to_string();
        match error {
            MediaError::Pixels(_) | MediaError::Invalid { .. } => Self::Never(text),
            MediaError::Blob(stoa_blobs::BlobError::TooLarge { .. }) => Self::Never(text),
            MediaError::NotFound
            | MediaError::NoImport
            | MediaError::InUse
            | MediaError::Busy { .. }
            | MediaError::Blob(_)
            | MediaError::Storage(_) => Self::Own(text),
        }
    }
}

/// For the list of imports: masked, and no longer than a line or two.
fn short(reason: &str) -> String {
    let masked = stoa_telemetry::mask_text(reason);
    masked.chars().take(ERROR_LENGTH_MAX).collect()
}
