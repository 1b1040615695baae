//! What merchants change: synonyms, pins, the language of their texts.

use std::sync::Arc;

use stoa_contracts::search::SearchError;
use stoa_kernel::TenantId;
use tantivy::tokenizer::TokenizerManager;

use super::engine::Engine;
use super::slot::Reason;
use crate::domain::language::is_locale;
use crate::domain::rules::{
    ALTERNATIVES_MAX, GROUPS_MAX, PHRASE_BYTES_MAX, PHRASE_WORDS_MAX, PINS_MAX, POSITION_MAX, Pin,
    Scope, are_distinct,
};
use crate::index::schema::{self, PLAIN};
use crate::infrastructure::{self, Stored};

/// Bytes of a collection's handle.
const HANDLE_BYTES_MAX: usize = 255;

pub(crate) struct Steering {
    engine: Arc<Engine>,
    analyses: TokenizerManager,
}

/// Everything that one query or collection pins and hides.
#[derive(Debug, Clone)]
pub(crate) struct PinSet {
    pub(crate) scope: Scope,
    /// As the merchant wrote it.
    pub(crate) term: String,
    pub(crate) pins: Vec<Pin>,
}

fn invalid(field: impl Into<String>, reason: impl Into<String>) -> SearchError {
    SearchError::Invalid {
        field: field.into(),
        reason: reason.into(),
    }
}

impl Steering {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            analyses: schema::analyses(),
        }
    }

    pub(crate) async fn read(&self, tenant: TenantId) -> Result<Stored, SearchError> {
        let db = self.engine.deps.storage.db(tenant).await?;
        Ok(infrastructure::read(&db).await?)
    }

    pub(crate) async fn locale(&self, tenant: TenantId) -> Result<String, SearchError> {
        Ok(self.engine.rules(tenant).await?.locale.clone())
    }

    pub(crate) async fn set_locale(
        &self,
        tenant: TenantId,
        locale: Option<String>,
    ) -> Result<(), SearchError> {
        let locale = locale.map(|text| text.to_ascii_lowercase());
        if locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            return Err(invalid("locale", "must be a BCP 47 tag such as `de`"));
        }
        let db = self.engine.deps.storage.db(tenant).await?;
        infrastructure::set_locale(&db, locale).await?;
        self.engine.forget_rules(tenant);
        Ok(())
    }

    pub(crate) async fn set_synonyms(
        &self,
        tenant: TenantId,
        groups: Vec<Vec<String>>,
    ) -> Result<(), SearchError> {
        if groups.len() > GROUPS_MAX {
            return Err(invalid("groups", format!("has at most {GROUPS_MAX}")));
        }
        for (at, group) in groups.iter().enumerate() {
            if !(2..=ALTERNATIVES_MAX).contains(&group.len()) {
                let reason = format!("holds 2 to {ALTERNATIVES_MAX} texts");
                return Err(invalid(format!("groups[{at}]"), reason));
            }
            for (nth, text) in group.iter().enumerate() {
                let words = schema::terms(&self.analyses, PLAIN, text).len();
                if text.len() > PHRASE_BYTES_MAX || !(1..=PHRASE_WORDS_MAX).contains(&words) {
                    let reason = format!("has 1 to {PHRASE_WORDS_MAX} words");
                    return Err(invalid(format!("groups[{at}][{nth}]"), reason));
                }
            }
        }
        let db = self.engine.deps.storage.db(tenant).await?;
        infrastructure::set_synonyms(&db, groups).await?;
        self.engine.forget_rules(tenant);
        Ok(())
    }

    /// Replaces what the query or collection pinned before.
    pub(crate) async fn set_pins(&self, tenant: TenantId, set: PinSet) -> Result<(), SearchError> {
        let term = match set.scope {
            Scope::Query => schema::terms(&self.analyses, PLAIN, &set.term).join(" "),
            Scope::Collection => set.term,
        };
        if term.is_empty() || term.len() > HANDLE_BYTES_MAX {
            return Err(invalid(
                set.scope.as_str(),
                "must not be empty, nor so long",
            ));
        }
        if set.pins.len() > PINS_MAX {
            return Err(invalid(
                "pins",
                format!("has at most {PINS_MAX}, hidden ones included"),
            ));
        }
        let fits = |pin: &Pin| {
            pin.position
                .is_none_or(|place| (1..=POSITION_MAX).contains(&place))
        };
        if !set.pins.iter().all(fits) {
            return Err(invalid(
                "pins",
                format!("have positions from 1 to {POSITION_MAX}"),
            ));
        }
        if !are_distinct(&set.pins) {
            return Err(invalid("pins", "name a product or a position twice"));
        }
        let db = self.engine.deps.storage.db(tenant).await?;
        infrastructure::set_pins(&db, set.scope, term, set.pins).await?;
        self.engine.forget_rules(tenant);
        Ok(())
    }

    /// Has the index built anew; the old one answers meanwhile.
    pub(crate) fn rebuild(&self, tenant: TenantId) {
        let slot = self.engine.slot(tenant);
        self.engine.build(&slot, Reason::Asked);
    }
}
