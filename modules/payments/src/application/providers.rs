//! The shops' own ways to pay: set up by staff, offered to shoppers. Secrets only ever go in.

use stoa_contracts::payments::{PaymentError, PaymentMethod, PaymentMethodKind};
use stoa_kernel::TenantId;
use stoa_storage::{Error, Tx};

use super::{Desk, unknown_provider};
use crate::domain::{
    Kind, ProviderDraft, ProviderKind, TEST_PROVIDER, check_draft, check_key, check_token, invalid,
};
use crate::infrastructure::providers::{
    self as stored, PROVIDERS_MAX, SealedSecrets, StoredProvider,
};

/// Secrets as staff send them; `None` keeps what there is.
#[derive(Clone, Default)]
pub(crate) struct NewSecrets {
    pub(crate) key: Option<String>,
    pub(crate) webhook: Option<String>,
}

impl std::fmt::Debug for NewSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecrets")
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("there is no such provider")]
    NotFound,
    #[error("there is a provider `{id}`")]
    Taken { id: String },
    #[error("a shop has at most {max} ways to pay")]
    TooMany { max: i64 },
    #[error("payments were made through it")]
    InUse,
    #[error("it changed in the meantime")]
    Changed,
    #[error(transparent)]
    Invalid(#[from] PaymentError),
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Desk {
    pub(super) async fn check_method(
        &self,
        tenant: TenantId,
        provider: &str,
        token: &str,
        test_mode: bool,
    ) -> Result<(), PaymentError> {
        if provider == TEST_PROVIDER {
            check_token(Kind::Test, token)?;
            return match (&self.test, test_mode) {
                (None, _) => Err(unknown_provider(provider)),
                (Some(_), false) => Err(PaymentError::TestOnly),
                (Some(_), true) => Ok(()),
            };
        }
        let db = self.db(tenant).await?;
        let found = stored::by_id(&db, provider).await?;
        let found = found.filter(|found| found.draft.active);
        let found = found.ok_or_else(|| unknown_provider(provider))?;
        check_token(found.draft.kind.of_attempt(), token)
    }

    pub(super) async fn methods_of(
        &self,
        tenant: TenantId,
        test_mode: bool,
    ) -> Result<Vec<PaymentMethod>, PaymentError> {
        let mut methods = Vec::new();
        if self.test.is_some() && test_mode {
            methods.push(PaymentMethod {
                id: TEST_PROVIDER.to_owned(),
                kind: PaymentMethodKind::Test,
                title: "Test payment".to_owned(),
                instructions: None,
                public_key: None,
            });
        }
        let own = stored::all(&self.db(tenant).await?).await?;
        let own = own.into_iter().map(|stored| stored.draft);
        methods.extend(own.filter(|draft| draft.active).map(|draft| PaymentMethod {
            id: draft.id,
            kind: match draft.kind {
                ProviderKind::Stripe => PaymentMethodKind::Stripe,
                ProviderKind::Manual => PaymentMethodKind::Manual,
            },
            title: draft.title,
            instructions: draft.instructions,
            public_key: draft.public_key,
        }));
        Ok(methods)
    }

    pub(crate) async fn providers_of(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<StoredProvider>, SetupError> {
        Ok(stored::all(&self.db(tenant).await?).await?)
    }

    pub(crate) async fn provider_of(
        &self,
        tenant: TenantId,
        id: &str,
    ) -> Result<StoredProvider, SetupError> {
        let found = stored::by_id(&self.db(tenant).await?, id).await?;
        found.ok_or(SetupError::NotFound)
    }

    pub(crate) async fn add_provider(
        &self,
        tenant: TenantId,
        draft: ProviderDraft,
        secrets: NewSecrets,
    ) -> Result<StoredProvider, SetupError> {
        let draft = check_draft(draft, self.allow_loopback)?;
        if draft.kind == ProviderKind::Stripe && secrets.key.is_none() {
            return Err(invalid("secret_key", "is missing").into());
        }
        let sealed = self.sealed(draft.kind, &secrets)?;
        let (id, now) = (draft.id.clone(), self.deps.now());
        let db = self.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            if stored::count(tx).await? >= PROVIDERS_MAX {
                return Err(SetupError::TooMany { max: PROVIDERS_MAX });
            }
            match stored::insert(tx, &draft, &sealed, now).await? {
                true => Ok(()),
                false => Err(SetupError::Taken {
                    id: draft.id.clone(),
                }),
            }
        })
        .await?;
        self.provider_of(tenant, &id).await
    }

    /// `draft.kind` is that of the stored one; `version` is what was read.
    pub(crate) async fn change_provider(
        &self,
        tenant: TenantId,
        draft: ProviderDraft,
        secrets: NewSecrets,
        version: i64,
    ) -> Result<StoredProvider, SetupError> {
        let draft = check_draft(draft, self.allow_loopback)?;
        let sealed = self.sealed(draft.kind, &secrets)?;
        let (id, now) = (draft.id.clone(), self.deps.now());
        let db = self.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let known = stored::by_id_locked(tx, &draft.id).await?;
            let known = known.ok_or(SetupError::NotFound)?;
            // Who may not read the key may not send it to a server of their own either.
            if known.draft.base_url != draft.base_url && sealed.key.is_none() {
                let reason = "is needed again when base_url changes";
                return Err(invalid("secret_key", reason).into());
            }
            match stored::update(tx, &draft, &sealed, version, now).await? {
                true => Ok(()),
                false => Err(SetupError::Changed),
            }
        })
        .await?;
        self.provider_of(tenant, &id).await
    }

    /// One through which payments were made stays: refunds still need it.
    pub(crate) async fn remove_provider(
        &self,
        tenant: TenantId,
        id: &str,
    ) -> Result<(), SetupError> {
        let (db, id) = (self.db(tenant).await?, id.to_owned());
        db.write(async move |tx: &mut Tx<'_>| {
            if stored::by_id_locked(tx, &id).await?.is_none() {
                return Err(SetupError::NotFound);
            }
            if stored::is_used(tx, &id).await? {
                return Err(SetupError::InUse);
            }
            stored::delete(tx, &id).await?;
            Ok(())
        })
        .await
    }

    fn sealed(
        &self,
        kind: ProviderKind,
        secrets: &NewSecrets,
    ) -> Result<SealedSecrets, SetupError> {
        let seal = |field: &str, secret: &Option<String>| -> Result<_, SetupError> {
            let Some(secret) = secret else {
                return Ok(None);
            };
            if kind == ProviderKind::Manual {
                return Err(invalid(field, "a manual method has no secrets").into());
            }
            check_key(field, secret)?;
            let sealed = self.seal.seal(secret).map_err(|error| Error::Io {
                context: "sealing a secret".to_owned(),
                message: error.to_string(),
            })?;
            Ok(Some(sealed))
        };
        Ok(SealedSecrets {
            key: seal("secret_key", &secrets.key)?,
            webhook: seal("webhook_secret", &secrets.webhook)?,
        })
    }
}
