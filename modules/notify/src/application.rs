//! From a fact to one mail: heard, written once, sent, tried again. Holds no SQL and no wording.

mod bulkhead;
mod desk;
mod gather;
mod listener;
mod mailbox;
mod sender;
mod task;
mod upkeep;

use std::time::Duration;

use stoa_contracts::Deps;
use stoa_kernel::TenantId;
use stoa_storage::{Db, Error};

use crate::domain::{Engine, Kind, Language, Letter, Letters, Settings, Shop, View, candidates};
use crate::infrastructure::{self, Relay};
use crate::{Config, Peers};

pub(crate) use self::desk::{Desk, DeskError, Given, Template};
pub(crate) use self::listener::Listener;
pub(crate) use self::mailbox::{LocalMailbox, MailPosition, MailSummary};
pub(crate) use self::sender::MailSender;
pub(crate) use self::upkeep::Retention;

const SEND_MAIL: &str = "notify.send_mail";
/// Only a database that stays away uses attempts up; a mail server's trouble is counted apart.
const ATTEMPTS_MAX: u32 = 500;
/// A variant that runs low is told of at most once in this time.
const LOW_STOCK_QUIET: Duration = Duration::from_secs(24 * 3_600);
/// Variants that run low within this time share a mail, in microseconds.
const LOW_STOCK_WINDOW_MICROS: i64 = 10 * 60 * 1_000_000;
/// After a window has ended, for transactions that began within it.
const LOW_STOCK_GRACE: Duration = Duration::from_secs(60);

/// What everything here works with.
pub(crate) struct Shared {
    deps: Deps,
    peers: Peers,
    shop_url: Option<String>,
    relay: Option<Relay>,
    engine: Engine,
    letters: Letters,
}

/// A shop as its mail shows it.
struct Sender {
    shop: Shop,
    settings: Settings,
    test_mode: bool,
}

impl Sender {
    fn language(&self) -> Language {
        Language::of(&self.settings.locale)
    }

    fn name(&self) -> &str {
        let own = self.settings.from_name.as_deref();
        own.unwrap_or(&self.shop.name)
    }
}

impl Shared {
    pub(crate) fn new(deps: Deps, peers: Peers, config: Config) -> Self {
        Self {
            deps,
            peers,
            shop_url: config.shop_url,
            relay: config.smtp.map(Relay::new),
            engine: Engine::new(),
            letters: Letters::new(),
        }
    }

    async fn db(&self, tenant: TenantId) -> Result<Db, Error> {
        self.deps.storage.db(tenant).await
    }

    async fn sender(&self, db: &Db) -> Result<Sender, Error> {
        let tenant = self.deps.storage.tenant(db.tenant()).await?;
        let settings = infrastructure::settings(db).await?;
        let base = self.shop_url.as_deref().unwrap_or_default();
        let url = match &settings.public_url {
            Some(own) => own.clone(),
            None => base
                .replace("{slug}", &tenant.slug)
                .trim_end_matches('/')
                .to_owned(),
        };
        Ok(Sender {
            shop: Shop {
                name: tenant.name.clone(),
                url,
            },
            settings,
            test_mode: tenant.test_mode,
        })
    }

    /// In the shop's own words where it has some that work, else in the built-in ones.
    async fn write(
        &self,
        db: &Db,
        kind: Kind,
        locale: &str,
        view: &View,
    ) -> Result<Option<Letter>, Error> {
        let own = infrastructure::own_template(db, kind, candidates(locale)).await?;
        if let Some(own) = own {
            match self.engine.render(&own.source, view) {
                Ok(letter) => return Ok(Some(letter)),
                // Without the reason, which may show the letter.
                Err(refused) => tracing::warn!(
                    tenant = %db.tenant(), kind = kind.as_str(), locale = own.locale,
                    field = refused.field, line = refused.line, error = %refused.kind,
                    "a shop's own template failed; the built-in one is used"
                ),
            }
        }
        let source = self.letters.source(kind, Language::of(locale));
        let made = self.engine.render(source, view);
        if let Err(refused) = &made {
            tracing::error!(kind = kind.as_str(), field = refused.field, line = refused.line,
                error = %refused.kind, "a built-in template failed");
        }
        Ok(made.ok())
    }
}
