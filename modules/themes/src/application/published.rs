//! What pages ask of themes. Answers from memory where it can.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::themes::{ThemeFailure, ThemeFile, ThemeId, ThemeSource, Themes};
use stoa_kernel::TenantId;
use stoa_storage::{Error, Tx};

use super::Shared;
use super::shelf::Which;
use crate::domain::content_type;
use crate::infrastructure;

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 300;

pub(crate) struct Published {
    shared: Arc<Shared>,
}

impl Published {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn theme(
        &self,
        tenant: TenantId,
        which: Which,
    ) -> Result<Option<Arc<ThemeSource>>, Error> {
        let load = async {
            let db = self.shared.db(tenant).await?;
            let found = match &which {
                Which::Active => infrastructure::published_source(&db).await?,
                Which::One(id) => infrastructure::source_of(&db, *id).await?,
                Which::Digest(digest) => infrastructure::source_with(&db, digest).await?,
            };
            Ok(found.map(Arc::new))
        };
        self.shared.shelf.get(tenant, &which, load).await
    }
}

#[async_trait]
impl Themes for Published {
    async fn active(&self, tenant: TenantId) -> Result<Option<Arc<ThemeSource>>, Error> {
        self.theme(tenant, Which::Active).await
    }

    async fn previewed(
        &self,
        tenant: TenantId,
        token: &str,
    ) -> Result<Option<Arc<ThemeSource>>, Error> {
        match self
            .shared
            .links
            .open(tenant, token, self.shared.deps.now())
        {
            Some(theme) => self.theme(tenant, Which::One(theme)).await,
            None => Ok(None),
        }
    }

    async fn asset(
        &self,
        tenant: TenantId,
        digest: &str,
        path: &str,
    ) -> Result<Option<ThemeFile>, Error> {
        let Some(content_type) = content_type(path) else {
            return Ok(None);
        };
        let key = (tenant, digest.to_owned(), path.to_owned());
        if let Some(known) = self.shared.assets.get(&key) {
            return Ok(Some(known));
        }
        let db = self.shared.db(tenant).await?;
        let found = infrastructure::asset(&db, digest, &format!("assets/{path}")).await?;
        let file = found.map(|bytes| ThemeFile {
            content_type,
            bytes: bytes.into(),
        });
        if let Some(file) = &file {
            self.shared.assets.insert(key, file.clone());
        }
        Ok(file)
    }

    async fn kept(
        &self,
        tenant: TenantId,
        digest: &str,
    ) -> Result<Option<Arc<ThemeSource>>, Error> {
        self.theme(tenant, Which::Digest(digest.to_owned())).await
    }

    fn failed(&self, tenant: TenantId, theme: ThemeId, mut failure: ThemeFailure) {
        let noted = self.shared.failures.note(tenant, theme, &failure);
        let Some((times, room)) = noted else { return };
        // Without the reason, which may show what the page would have.
        tracing::warn!(
            %tenant, %theme, page = failure.page, file = failure.file, line = failure.line,
            kind = failure.kind.as_str(), times,
            "a shop's own theme failed; the built-in one is shown"
        );
        failure.reason = failure.reason.chars().take(REASON_CHARS_MAX).collect();
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let _room = room;
            let now = shared.deps.now();
            let written = match shared.db(tenant).await {
                Ok(db) => {
                    let note = async move |tx: &mut Tx<'_>| {
                        infrastructure::note_failure(tx, theme, &failure, times, now).await
                    };
                    db.write(note).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                tracing::warn!(%tenant, %theme, %error, "a failure of a theme was not kept");
            }
        });
    }
}
