//! What is said in other languages: put and removed by merchants, read with fallback.

use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, CollectionView, ProductSummary, ShopLocales};
use stoa_kernel::{CollectionId, ProductId, TenantId};
use stoa_storage::{Cause, Db, Result, Tx};

use super::categories::owners;
use super::{App, EditError};
use crate::domain::{CategoryId, Flaw, LOCALES_MAX, Locale, Translation, check_translation};
use crate::infrastructure::translations::{self, Owner};
use crate::infrastructure::{collections, products, shape};

/// What is translated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Product(ProductId),
    Collection(CollectionId),
    Category(CategoryId),
}

impl Subject {
    const fn owner(self) -> Owner {
        match self {
            Self::Product(id) => id.to_bytes(),
            Self::Collection(id) => id.to_bytes(),
            Self::Category(id) => id.to_bytes(),
        }
    }
}

impl App {
    pub(crate) async fn translations(
        &self,
        tenant: TenantId,
        subject: Subject,
    ) -> Result<Vec<(String, Translation)>, EditError> {
        let db = self.deps.storage.db(tenant).await?;
        db.read(async move |tx: &mut Tx<'_>| Ok(translations::all(tx, subject.owner()).await?))
            .await
    }

    /// `words` is `None` where they are to go.
    pub(crate) async fn put_translation(
        self: &Arc<Self>,
        tenant: TenantId,
        subject: Subject,
        locale: &str,
        words: Option<Translation>,
        cause: Cause,
    ) -> Result<(), EditError> {
        let locale = tag(locale)?;
        if let Some(words) = &words {
            check_translation(words)?;
        }
        let app = Arc::clone(self);
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let owner = subject.owner();
            let handle = app.lock_subject(tx, subject).await?;
            let handle = handle.ok_or(EditError::NotFound)?;
            let known = translations::all(tx, owner).await?;
            let before = known.iter().find(|(tag, _)| *tag == locale);
            match &words {
                Some(words) if before.is_some_and(|(_, before)| before == words) => return Ok(()),
                Some(_) if before.is_none() && known.len() >= LOCALES_MAX => {
                    let reason = format!("is one of at most {LOCALES_MAX} languages");
                    return Err(Flaw::new("locale", reason).into());
                }
                Some(words) => translations::put(tx, owner, &locale, words).await?,
                None if translations::remove(tx, owner, &locale).await? => {}
                None => return Err(EditError::NotFound),
            }
            app.tell_subject(tx, subject, &handle, &cause).await
        })
        .await
    }

    /// Takes the lock that every change of the thing takes first; answers its handle.
    async fn lock_subject(&self, tx: &mut Tx<'_>, subject: Subject) -> Result<Option<String>> {
        Ok(match subject {
            Subject::Product(id) => {
                let found = products::lock_by_id(tx, id).await?;
                found.map(|found| found.handle)
            }
            Subject::Collection(id) => {
                let found = collections::lock_by_id(tx, id).await?;
                found.map(|found| found.handle)
            }
            Subject::Category(id) => {
                let shape = shape::lock(tx).await?;
                let tree = self.tree_in(tx, shape.tree).await?;
                tree.get(id).map(|found| found.handle.clone())
            }
        })
    }

    async fn tell_subject(
        &self,
        tx: &mut Tx<'_>,
        subject: Subject,
        handle: &str,
        cause: &Cause,
    ) -> Result<(), EditError> {
        match subject {
            Subject::Product(id) => self.tell(tx, id, handle, cause).await?,
            Subject::Collection(id) => self.tell_collection(tx, id, handle, cause).await?,
            Subject::Category(id) => {
                let shape = shape::lock(tx).await?;
                let tree = self.tree_in(tx, shape.tree).await?;
                // Products show the words of every category on the way to theirs.
                let found = tree.get(id).ok_or(EditError::NotFound)?;
                let branch = owners(tree.branch(id));
                self.tree_changed(tx, shape, &branch, found, cause).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn put_shop_locales(
        &self,
        tenant: TenantId,
        locales: ShopLocales,
    ) -> Result<ShopLocales, EditError> {
        if locales.others.len() >= LOCALES_MAX {
            let reason = format!("holds fewer than {LOCALES_MAX} entries");
            return Err(Flaw::new("others", reason).into());
        }
        let main = Locale::of(&locales.main).ok_or_else(|| Flaw::new("main", NO_TAG))?;
        let mut others = Vec::new();
        for (index, text) in locales.others.iter().enumerate() {
            let field = format!("others[{index}]");
            let locale = Locale::of(text).ok_or_else(|| Flaw::new(&field, NO_TAG))?;
            if locale == main || others.contains(&locale.tag) {
                return Err(Flaw::new(field, "is named already").into());
            }
            others.push(locale.tag);
        }
        let main = main.tag;
        let locales = ShopLocales { main, others };
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            translations::put_locales(tx, &locales).await?;
            Ok(locales.clone())
        })
        .await
    }

    /// A shop that said nothing speaks English.
    pub(crate) async fn shop_locales(&self, tenant: TenantId) -> Result<ShopLocales> {
        let db = self.deps.storage.db(tenant).await?;
        let english = || ShopLocales {
            main: "en".to_owned(),
            others: Vec::new(),
        };
        Ok(translations::locales(&db).await?.unwrap_or_else(english))
    }

    /// Collections, all or the one of a handle, in a language.
    pub(crate) async fn translate_collections(
        &self,
        tenant: TenantId,
        found: &mut [CollectionView],
        locale: Option<&str>,
    ) -> Result<(), CatalogError> {
        let Some(locale) = locale.and_then(Locale::of) else {
            return Ok(());
        };
        let db = self.deps.storage.db(tenant).await?;
        let mut words = translations::of_collections(&db, &locale).await?;
        for view in found {
            let Some(words) = words.remove(&view.id.to_bytes()) else {
                continue;
            };
            view.title = words
                .title
                .unwrap_or_else(|| std::mem::take(&mut view.title));
            let html = words.description_html;
            view.description_html =
                html.unwrap_or_else(|| std::mem::take(&mut view.description_html));
        }
        Ok(())
    }
}

/// Puts titles of a language on cards.
pub(crate) async fn translate_cards(
    db: &Db,
    cards: &mut [ProductSummary],
    locale: Option<&str>,
) -> Result<()> {
    let Some(locale) = locale.and_then(Locale::of).filter(|_| !cards.is_empty()) else {
        return Ok(());
    };
    let owners: Vec<Owner> = cards.iter().map(|card| card.id.to_bytes()).collect();
    let mut titles = translations::titles(db, &owners, &locale).await?;
    for card in cards {
        if let Some(title) = titles.remove(&card.id.to_bytes()) {
            card.title = title;
        }
    }
    Ok(())
}

const NO_TAG: &str = "is a language tag such as `de` or `pt-BR`";

fn tag(locale: &str) -> Result<String, Flaw> {
    Locale::of(locale)
        .map(|locale| locale.tag)
        .ok_or_else(|| Flaw::new("locale", NO_TAG))
}
