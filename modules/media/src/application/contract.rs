//! What other modules may ask, in their transactions.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use stoa_contracts::media::{ImageImport, ImportAnswer, Media, MediaId, Picture};
use stoa_kernel::Timestamp;
use stoa_storage::{Cause, Error, Tx};

use super::Shared;
use super::importer::enqueue;
use crate::domain::{Address, ImageImportId, ImportState, picture};
use crate::infrastructure;

pub(crate) struct Contract {
    shared: Arc<Shared>,
}

impl Contract {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn import_one(
        &self,
        tx: &mut Tx<'_>,
        image: &ImageImport,
        now: Timestamp,
    ) -> Result<ImportAnswer, Error> {
        let sum: [u8; 32] = Sha256::digest(&image.source_url).into();
        let wrong = self.shared.fetch.check(&image.source_url).err();
        let wrong = wrong.map(|reason| format!("the URL {reason}"));
        let id: ImageImportId = self.shared.deps.ids.make(now);
        let new = infrastructure::add(tx, id, image, &sum, wrong.as_deref(), now).await?;
        if let Some(reason) = wrong {
            return Ok(ImportAnswer::Refused { reason });
        }
        if new {
            enqueue(tx, &*self.shared.deps.ids, id, now).await?;
            return Ok(ImportAnswer::Queued);
        }
        let Some(known) = infrastructure::import(tx, image.product, &sum).await? else {
            return Ok(ImportAnswer::Queued);
        };
        if known.state == ImportState::Pending {
            return Ok(ImportAnswer::Queued);
        }
        if let Some(asset) = known.asset
            && let Some(url) = infrastructure::live_url(tx, asset).await?
        {
            return Ok(ImportAnswer::Ours { url });
        }
        // Failed before, or collected since: once more.
        infrastructure::revive(tx, known.id, now).await?;
        enqueue(tx, &*self.shared.deps.ids, known.id, now).await?;
        Ok(ImportAnswer::Queued)
    }
}

#[async_trait]
impl Media for Contract {
    fn picture(&self, url: &str, width_max: u32) -> Option<Picture> {
        picture(url, width_max)
    }

    async fn import(
        &self,
        tx: &mut Tx<'_>,
        images: &[ImageImport],
    ) -> Result<Vec<ImportAnswer>, Error> {
        let now = self.shared.deps.now();
        let mut answers = Vec::with_capacity(images.len());
        for image in images {
            answers.push(self.import_one(tx, image, now).await?);
        }
        Ok(answers)
    }

    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        holder: &str,
        urls: &[&str],
        cause: &Cause,
    ) -> Result<(), Error> {
        let now = cause.occurred_at;
        let wanted: BTreeSet<MediaId> = urls
            .iter()
            .filter_map(|url| Address::asset_of(url))
            .collect();
        let held: BTreeSet<MediaId> = infrastructure::held(tx, holder)
            .await?
            .into_iter()
            .collect();
        // In id order over both, as all rows are locked.
        for &id in wanted.symmetric_difference(&held) {
            if wanted.contains(&id) {
                infrastructure::take(tx, holder, id).await?;
            } else {
                infrastructure::release(tx, holder, id, now).await?;
            }
        }
        Ok(())
    }
}
