//! Pictures of products and collections: those from elsewhere become the shop's own, and the shop's
//! own are held for as long as something shows them. Never fetches one, and never fails because of
//! one.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_bus::{Consumer, HandlerError};
use stoa_contracts::catalog::{
    CatalogError, CollectionInput, DigitalFile, ProductInput, UpsertOutcome, Upserted,
};
use stoa_contracts::media::{ImageImport, ImportAnswer, MediaImported};
use stoa_kernel::{Actor, CollectionId, Envelope, Fact as _, ProductId};
use stoa_storage::{Cause, Result, Tx};

use super::{App, Draft, EditError};
use crate::domain::check_product;
use crate::infrastructure::products;

/// How the addresses of the shop's own pictures begin.
const OWN: &str = "/media/";

impl App {
    /// As `upsert`, where pictures that became the shop's own before count as what they are now:
    /// the same input again is unchanged.
    pub(crate) async fn upsert_with_pictures(
        &self,
        tx: &mut Tx<'_>,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<Upserted, CatalogError> {
        let foreign = foreign(input);
        let mut own = None;
        if self.media.is_some()
            && !foreign.is_empty()
            && let Some(found) = products::lock_by_handle(tx, &input.handle).await?
        {
            check_product(input)?;
            let mut resolved = input.clone();
            self.import_pictures(tx, found.id, &mut resolved, &foreign)
                .await?;
            own = Some(resolved);
        }
        let known = own.is_some();
        let own = own.as_ref().unwrap_or(input);
        let upserted = self.upsert(tx, own, cause).await?;
        let product = upserted.product;
        if !known && !foreign.is_empty() {
            self.import_pictures(tx, product, &mut input.clone(), &foreign)
                .await?;
        }
        match upserted.outcome {
            UpsertOutcome::Created if !shows_own(own) => {}
            UpsertOutcome::Created | UpsertOutcome::Updated => {
                self.hold_pictures(tx, product, own, cause).await?;
            }
            UpsertOutcome::Unchanged => {}
        }
        Ok(upserted)
    }

    /// Has pictures of a new product fetched, and holds those that are the shop's own.
    pub(crate) async fn follow_new_pictures(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        draft: &Draft,
        cause: &Cause,
    ) -> Result<()> {
        let foreign = foreign(&draft.input);
        self.import_pictures(tx, product, &mut draft.input.clone(), &foreign)
            .await?;
        self.hold_pictures(tx, product, &draft.input, cause).await?;
        self.hold_files(tx, product, &draft.extras.files, cause)
            .await
    }

    /// Pictures that an edit brings: those that became the shop's own before are shown as that, the
    /// others are fetched.
    pub(crate) async fn own_new_pictures(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        before: &ProductInput,
        input: &mut ProductInput,
    ) -> Result<()> {
        let mut new = foreign(input);
        let old = foreign(before);
        new.retain(|image| old.iter().all(|old| old.0 != image.0));
        self.import_pictures(tx, product, input, &new).await
    }

    async fn import_pictures(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        input: &mut ProductInput,
        foreign: &[(String, String)],
    ) -> Result<()> {
        let Some(media) = self.media.as_ref().filter(|_| !foreign.is_empty()) else {
            return Ok(());
        };
        let images: Vec<ImageImport> = foreign
            .iter()
            .map(|(url, alt)| ImageImport {
                product,
                source_url: url.clone(),
                alt: alt.clone(),
            })
            .collect();
        let answers = media.import(tx, &images).await?;
        for (image, answer) in images.iter().zip(answers) {
            if let ImportAnswer::Ours { url } = answer {
                replace(input, &image.source_url, &url);
            }
        }
        Ok(())
    }

    /// What a product shows from now on; the caller holds its lock.
    pub(crate) async fn hold_pictures(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        input: &ProductInput,
        cause: &Cause,
    ) -> Result<()> {
        let variants = input.variants.iter();
        let mut urls: Vec<&str> = input.media.iter().map(|link| link.url.as_str()).collect();
        urls.extend(variants.filter_map(|variant| variant.image.as_deref()));
        urls.extend(in_html(&input.description_html));
        self.hold(tx, &product.to_string(), &urls, cause).await
    }

    /// What a digital product sells from now on.
    pub(crate) async fn hold_files(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        files: &[DigitalFile],
        cause: &Cause,
    ) -> Result<()> {
        let urls: Vec<&str> = files.iter().map(|file| file.url.as_str()).collect();
        let holder = format!("{product} files");
        self.hold(tx, &holder, &urls, cause).await
    }

    /// A product that goes shows nothing and sells nothing.
    pub(crate) async fn drop_pictures(
        &self,
        tx: &mut Tx<'_>,
        product: ProductId,
        cause: &Cause,
    ) -> Result<()> {
        self.hold(tx, &product.to_string(), &[], cause).await?;
        self.hold_files(tx, product, &[], cause).await
    }

    /// What a collection shows from now on; `None` where it goes.
    pub(crate) async fn hold_of_collection(
        &self,
        tx: &mut Tx<'_>,
        collection: CollectionId,
        input: Option<&CollectionInput>,
        cause: &Cause,
    ) -> Result<()> {
        let image = input.and_then(|input| input.image.as_ref());
        let mut urls: Vec<&str> = image.map(|image| image.url.as_str()).into_iter().collect();
        urls.extend(
            input
                .into_iter()
                .flat_map(|input| in_html(&input.description_html)),
        );
        self.hold(tx, &collection.to_string(), &urls, cause).await
    }

    async fn hold(
        &self,
        tx: &mut Tx<'_>,
        holder: &str,
        urls: &[&str],
        cause: &Cause,
    ) -> Result<()> {
        match &self.media {
            Some(media) => media.hold(tx, holder, urls, cause).await,
            None => Ok(()),
        }
    }
}

/// Shows pictures that were fetched in the place of their sources.
pub(crate) struct PictureConsumer(pub(crate) Arc<App>);

#[async_trait]
impl Consumer for PictureConsumer {
    fn name(&self) -> &'static str {
        "catalog.pictures"
    }

    fn subjects(&self) -> Vec<String> {
        vec![MediaImported::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let fact = event.fact::<MediaImported>();
        let fact = fact.map_err(|error| HandlerError::Failed(error.to_string()))?;
        let Some(fact) = fact else { return Ok(()) };
        // A product may be gone, or may show other pictures by now.
        let Some(found) = products::lock_by_id(tx, fact.product).await? else {
            return Ok(());
        };
        let Some(now) = products::whole(tx, found.id).await? else {
            return Ok(());
        };
        let mut draft = Draft {
            input: now.input.clone(),
            ids: now.variants.iter().map(|(id, _)| Some(*id)).collect(),
            extras: now.extras.clone(),
        };
        if !replace(&mut draft.input, &fact.source_url, &fact.url) {
            return Ok(());
        }
        let cause = Cause {
            actor: Actor::System,
            occurred_at: self.0.deps.now(),
            causation: Some(event.id),
            trace: event.trace.clone(),
        };
        let put = self.0.put_draft(tx, &found, &now, &draft, &cause).await;
        put.map_err(|error| match error {
            EditError::Storage(error) => error.into(),
            other => HandlerError::Failed(other.to_string()),
        })
    }
}

/// Pictures on other servers, each once, with what they show.
fn foreign(input: &ProductInput) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let media = input.media.iter().map(|link| (&link.url, &link.alt));
    let none = String::new();
    let variants = input.variants.iter();
    let images = variants.filter_map(|variant| variant.image.as_ref());
    for (url, alt) in media.chain(images.map(|url| (url, &none))) {
        let elsewhere = url.starts_with("http://") || url.starts_with("https://");
        if elsewhere && found.iter().all(|known| known.0 != *url) {
            found.push((url.clone(), alt.clone()));
        }
    }
    found
}

/// Whether there may be anything to hold.
fn shows_own(input: &ProductInput) -> bool {
    let own = |url: &str| url.starts_with(OWN);
    let variants = &input.variants;
    input.media.iter().any(|link| own(&link.url))
        || variants
            .iter()
            .filter_map(|variant| variant.image.as_deref())
            .any(own)
        || input.description_html.contains(OWN)
}

/// Addresses of the shop's own pictures in a text.
fn in_html(html: &str) -> Vec<&str> {
    if !html.contains(OWN) {
        return Vec::new();
    }
    let parts = html.split(['"', '\'', ' ', ',', '<', '>', '(', ')']);
    parts.filter(|part| part.starts_with(OWN)).collect()
}

/// Shows `to` wherever `from` is shown; a gallery shows it once. False where nothing did.
fn replace(input: &mut ProductInput, from: &str, to: &str) -> bool {
    let mut changed = false;
    for link in input.media.iter_mut().filter(|link| link.url == from) {
        to.clone_into(&mut link.url);
        changed = true;
    }
    let images = input.variants.iter_mut();
    for image in images.filter_map(|variant| variant.image.as_mut()) {
        if image == from {
            to.clone_into(image);
            changed = true;
        }
    }
    if changed {
        let mut is_first = true;
        input
            .media
            .retain(|link| link.url != to || std::mem::take(&mut is_first));
    }
    changed
}
