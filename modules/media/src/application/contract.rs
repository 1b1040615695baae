//! What other modules may ask, in their transactions.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use stoa_contracts::media::{ImageImport, ImportAnswer, Media, MediaId, Picture};
use stoa_kernel::{ProductId, Timestamp};
use stoa_storage::{Cause, Error, Tx};

use super::Shared;
use super::importer::enqueue;
use crate::domain::{Address, ImportState, picture};
use crate::infrastructure::{self, Known, NewImport, Sum};

pub(crate) struct Contract {
    shared: Arc<Shared>,
}

impl Contract {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What is to become of one picture, as far as `known` tells; a new one is put into `known`.
    fn sort(
        &self,
        image: &ImageImport,
        known: &mut HashMap<Sum, Known>,
        now: Timestamp,
    ) -> Result<ImportAnswer, Box<NewImport>> {
        let sum: Sum = Sha256::digest(&image.source_url).into();
        let found = known.get(&sum);
        match found.map(|known| (known.state, &known.url)) {
            Some((ImportState::Done, Some(url))) => {
                return Ok(ImportAnswer::Ours { url: url.clone() });
            }
            Some((ImportState::Pending, _)) => return Ok(ImportAnswer::Queued),
            _ => {}
        }
        let wrong = self.shared.fetch.check(&image.source_url).err();
        let refused = wrong.map(|reason| format!("the URL {reason}"));
        if let (Some(_), Some(reason)) = (found, &refused) {
            let reason = reason.clone();
            return Ok(ImportAnswer::Refused { reason });
        }
        let again = found.is_some();
        let id = found.map_or_else(|| self.shared.deps.ids.make(now), |known| known.id);
        let state = match refused {
            Some(_) => ImportState::Failed,
            None => ImportState::Pending,
        };
        let url = None;
        known.insert(sum, Known { id, state, url });
        Err(Box::new(NewImport {
            id,
            again,
            image: image.clone(),
            sum,
            refused,
        }))
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
        let mut known: HashMap<ProductId, HashMap<Sum, Known>> = HashMap::new();
        let mut answers = Vec::with_capacity(images.len());
        let mut new = Vec::new();
        for image in images {
            let of_product = match known.entry(image.product) {
                Entry::Occupied(found) => found.into_mut(),
                Entry::Vacant(place) => {
                    place.insert(infrastructure::known(tx, image.product).await?)
                }
            };
            answers.push(match self.sort(image, of_product, now) {
                Ok(answer) => answer,
                Err(import) => {
                    let answer = match &import.refused {
                        Some(reason) => ImportAnswer::Refused {
                            reason: reason.clone(),
                        },
                        None => ImportAnswer::Queued,
                    };
                    new.push(*import);
                    answer
                }
            });
        }
        if !new.is_empty() {
            infrastructure::put(tx, &new, now).await?;
        }
        for import in new.iter().filter(|import| import.refused.is_none()) {
            enqueue(tx, &*self.shared.deps.ids, import.id, now).await?;
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
