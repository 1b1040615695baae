//! What staff may do: settings, wordings, previews and the log.

use std::sync::Arc;

use stoa_kernel::{TenantId, Timestamp};
use stoa_storage::{Error, Tx};

use super::Shared;
use crate::domain::{
    Invalid, Kind, Language, Letter, Refused, Settings, Source, is_locale, samples,
};
use crate::infrastructure::{self, LogFilter, Logged, Own};

/// A shop's own wordings, over all kinds and locales.
const OWN_TEMPLATES_MAX: usize = 200;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error("no such template")]
    NotFound,
    #[error("the template makes no mail")]
    Refused(Refused),
    #[error("{}: {}", .0.field, .0.reason)]
    Invalid(Invalid),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// A wording, the shop's own or the built-in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) kind: Kind,
    pub(crate) locale: String,
    pub(crate) source: Source,
    /// When the shop wrote it; `None` for the built-in one.
    pub(crate) own_since: Option<Timestamp>,
}

/// Parts of a wording; the others stay as they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub(crate) subject: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
}

pub(crate) struct Desk {
    shared: Arc<Shared>,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) async fn settings(&self, tenant: TenantId) -> Result<Settings, DeskError> {
        let db = self.shared.db(tenant).await?;
        Ok(infrastructure::settings(&db).await?)
    }

    pub(crate) async fn put_settings(
        &self,
        tenant: TenantId,
        settings: Settings,
    ) -> Result<Settings, DeskError> {
        let settings = settings.checked().map_err(DeskError::Invalid)?;
        let kept = settings.clone();
        let db = self.shared.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| infrastructure::put_settings(tx, &kept).await)
            .await?;
        Ok(settings)
    }

    /// Built-in ones in each language, with the shop's own in their place or after them.
    pub(crate) async fn templates(&self, tenant: TenantId) -> Result<Vec<Template>, DeskError> {
        let db = self.shared.db(tenant).await?;
        let own = infrastructure::own_templates(&db).await?;
        let mut all = Vec::new();
        for &kind in Kind::ALL {
            let of_kind = own.iter().filter(|own| own.kind == kind.as_str());
            let of_kind: Vec<&Own> = of_kind.collect();
            for language in Language::ALL {
                if !of_kind.iter().any(|own| own.locale == language.as_str()) {
                    all.push(self.built_in(kind, language.as_str()));
                }
            }
            all.extend(of_kind.into_iter().map(|own| template(kind, own.clone())));
        }
        Ok(all)
    }

    /// The shop's own of exactly this locale, or the built-in one that would be sent.
    pub(crate) async fn template(
        &self,
        tenant: TenantId,
        kind: &str,
        locale: &str,
    ) -> Result<Template, DeskError> {
        let kind = known(kind, locale)?;
        let db = self.shared.db(tenant).await?;
        let own = infrastructure::own_template(&db, kind, [locale, locale]).await?;
        Ok(match own {
            Some(own) => template(kind, own),
            None => self.built_in(kind, locale),
        })
    }

    pub(crate) async fn put_template(
        &self,
        tenant: TenantId,
        kind: &str,
        locale: &str,
        source: Source,
    ) -> Result<Template, DeskError> {
        let kind = known(kind, locale)?;
        self.tried(kind, locale, &source)?;
        let db = self.shared.db(tenant).await?;
        let own = infrastructure::own_templates(&db).await?;
        let new = !own
            .iter()
            .any(|own| own.kind == kind.as_str() && own.locale == locale);
        if new && own.len() >= OWN_TEMPLATES_MAX {
            return Err(DeskError::Invalid(Invalid {
                field: "locale",
                reason: format!("a shop has at most {OWN_TEMPLATES_MAX} templates of its own"),
            }));
        }
        let own = Own {
            kind: kind.as_str().to_owned(),
            locale: locale.to_owned(),
            source,
            updated_at: self.shared.deps.now(),
        };
        let kept = own.clone();
        db.write(async move |tx: &mut Tx<'_>| infrastructure::put_template(tx, &kept).await)
            .await?;
        Ok(template(kind, own))
    }

    /// The built-in wording is used again.
    pub(crate) async fn remove_template(
        &self,
        tenant: TenantId,
        kind: &str,
        locale: &str,
    ) -> Result<(), DeskError> {
        let kind = known(kind, locale)?;
        let locale = locale.to_owned();
        let db = self.shared.db(tenant).await?;
        let removed = db
            .write(async move |tx: &mut Tx<'_>| {
                infrastructure::remove_template(tx, kind, &locale).await
            })
            .await?;
        removed.then_some(()).ok_or(DeskError::NotFound)
    }

    /// A mail about made-up facts, in the wording given or the present one.
    pub(crate) async fn preview(
        &self,
        tenant: TenantId,
        kind: &str,
        locale: &str,
        given: Given,
    ) -> Result<Letter, DeskError> {
        let now = self.template(tenant, kind, locale).await?;
        let source = Source {
            subject: given.subject.unwrap_or(now.source.subject),
            text: given.text.unwrap_or(now.source.text),
            html: given.html.unwrap_or(now.source.html),
        };
        self.tried(now.kind, locale, &source)
    }

    pub(crate) async fn log(
        &self,
        tenant: TenantId,
        filter: LogFilter,
    ) -> Result<Vec<Logged>, DeskError> {
        let db = self.shared.db(tenant).await?;
        Ok(infrastructure::log(&db, &filter).await?)
    }

    /// The mail about the fuller of the samples; refused where a template fails on one of them.
    fn tried(&self, kind: Kind, locale: &str, source: &Source) -> Result<Letter, DeskError> {
        let engine = &self.shared.engine;
        engine.check(source).map_err(DeskError::Refused)?;
        let language = Language::of(locale);
        let words = self.shared.letters.words(language);
        let [full, sparse] = samples(kind, language, &words);
        engine.render(source, &sparse).map_err(DeskError::Refused)?;
        engine.render(source, &full).map_err(DeskError::Refused)
    }

    fn built_in(&self, kind: Kind, locale: &str) -> Template {
        let source = self.shared.letters.source(kind, Language::of(locale));
        Template {
            kind,
            locale: locale.to_owned(),
            source: source.clone(),
            own_since: None,
        }
    }
}

fn known(kind: &str, locale: &str) -> Result<Kind, DeskError> {
    let kind = Kind::of(kind).filter(|_| is_locale(locale));
    kind.ok_or(DeskError::NotFound)
}

fn template(kind: Kind, own: Own) -> Template {
    Template {
        kind,
        locale: own.locale,
        source: own.source,
        own_since: Some(own.updated_at),
    }
}
