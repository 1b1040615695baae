//! PostgreSQL behind `Tx`: pooled connections, pipelined flights, rows guarded by the server.

mod lines;
mod setup;
mod transaction;
mod wire;

pub(crate) use setup::{create_database, prepare_schema};
pub(crate) use transaction::{Answer, Guarded, Transaction, mapped};
pub(crate) use wire::{column, map_error};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::sync::oneshot;
use tokio_postgres::NoTls;
use tokio_util::task::LocalPoolHandle;

use self::lines::Lines;
use crate::{Error, Result, Stats};

/// How long a request waits for a connection before it is told to come back.
const POOL_WAIT_MAX: Duration = Duration::from_secs(5);
const STATEMENT_TIMEOUT_MS: u32 = 5_000;
/// How long one flight of statements is waited for: longer than the server takes to give one up, so
/// that only a server that is gone, or a line that carries nothing, is given up here.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(8);
/// A line without traffic is asked this often whether it still leads anywhere.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);

/// A transaction body on its way to the thread that runs it.
type Work = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// One PostgreSQL schema: a pool of tenant connections and a small one for storage's own work.
pub(crate) struct PgCell {
    /// Connections that act as the role without rights over row-level security.
    pub(crate) tenants: Pool,
    /// Connections that act as the owner, for `stoa_` tables and migrations.
    pub(crate) system: Pool,
    /// What reads of one statement go down.
    pub(crate) lines: Lines,
    bodies: LocalPoolHandle,
}

/// Where a cell lives on a server.
#[derive(Debug, Clone)]
pub(crate) struct PgLocation {
    /// `postgres://user:password@host:port/database`.
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl PgCell {
    /// `bodies` runs transaction bodies: pinned to a thread, so that they need not be `Send`, and
    /// detached from the caller, so that one who hangs up cannot cut a transaction in the middle.
    pub(crate) async fn open(
        location: &PgLocation,
        bodies: LocalPoolHandle,
        connections_max: usize,
        migrations: &[crate::Migrations],
        stats: &Arc<Stats>,
    ) -> Result<Self> {
        let system = pool(location, None, 4.min(connections_max))?;
        prepare_schema(&system, location, migrations).await?;
        let tenants = pool(location, Some(setup::TENANT_ROLE), connections_max)?;
        stats.pool(tenants.clone());
        Ok(Self {
            lines: Lines::new(tenants.clone(), connections_max, stats.clone()),
            tenants,
            system,
            bodies,
        })
    }

    pub(crate) async fn run<T, E, F, B>(&self, body: F) -> Result<T, E>
    where
        F: FnOnce() -> B + Send + 'static,
        B: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        let work: Work = Box::new(move || {
            Box::pin(async move {
                // The caller may have gone; what was committed stands either way.
                drop(reply.send(body().await));
            })
        });
        self.finish(work).await?;
        answer.try_recv().unwrap_or_else(|_| {
            Err(Error::Unavailable {
                message: "the program is ending".to_owned(),
            }
            .into())
        })
    }

    /// Boxed, as the work is, so that there is one kind of task and not one for each body.
    fn finish(&self, work: Work) -> Answer<'_, ()> {
        Box::pin(async move {
            let ended = self.bodies.spawn_pinned(work).await;
            ended.map_err(|error| match error.try_into_panic() {
                Ok(panic) => Error::panicked(&*panic),
                Err(_) => Error::Unavailable {
                    message: "the program is ending".to_owned(),
                },
            })
        })
    }
}

/// Every statement has its index, so plans need no statistics: one plan for each prepared statement,
/// made once, that never reads a whole table because the table was empty when it was made. Measured:
/// plans made on empty tables cost half of the orders per second until the next ANALYZE.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";

fn pool(location: &PgLocation, role: Option<&str>, connections_max: usize) -> Result<Pool> {
    let mut config: tokio_postgres::Config = location.url.parse().map_err(|error| {
        Error::io(
            format!(
                "reading the PostgreSQL URL `{}`",
                without_password(&location.url)
            ),
            &error,
        )
    })?;
    // `role` takes effect at connect, so no statement ever runs with the owner's rights.
    let role = role
        .map(|role| format!(" -c role={role}"))
        .unwrap_or_default();
    config.options(format!(
        "-c search_path={} -c statement_timeout={STATEMENT_TIMEOUT_MS} \
         -c lock_timeout={STATEMENT_TIMEOUT_MS} \
         -c idle_in_transaction_session_timeout=10000 -c client_min_messages=warning \
         {PLANNING}{role}",
        location.schema
    ));
    config.application_name("stoa");
    config.connect_timeout(POOL_WAIT_MAX);
    config.keepalives_idle(KEEPALIVE_EVERY);
    config.tcp_user_timeout(ANSWER_TIME_MAX);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(config, NoTls, recycling))
        .max_size(connections_max)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT_MAX))
        .create_timeout(Some(POOL_WAIT_MAX))
        .build()
        .map_err(|error| Error::io("building the connection pool", &error))
}

pub(crate) async fn connection(pool: &Pool) -> Result<deadpool_postgres::Object> {
    pool.get().await.map_err(|error| Error::Unavailable {
        message: error.to_string(),
    })
}

/// The URL as it may be shown.
pub(crate) fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some("***")) {
            Ok(()) => parsed.to_string(),
            Err(()) => "postgres://***".to_owned(),
        },
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use stoa_kernel::TenantId;

    use super::*;
    use crate::tx::Scope;

    const SETTING: &str = "SELECT coalesce(current_setting('app.tenant_id', true), '')";

    async fn setting_left(pool: &Pool) -> String {
        let connection = connection(pool).await.expect("the one connection");
        let row = connection.query_one(SETTING, &[]).await.expect("a setting");
        row.get(0)
    }

    #[tokio::test]
    async fn no_tenant_is_left_on_a_connection_that_returns_to_the_pool() {
        let Some(server) = stoa_testkit::postgres_server() else {
            return;
        };
        let location = PgLocation {
            url: stoa_testkit::fresh_database(&server).await,
            schema: "stoa".to_owned(),
        };
        let system = pool(&location, None, 1).expect("a pool");
        prepare_schema(&system, &location, &[])
            .await
            .expect("a schema");
        let tenants = pool(&location, Some(setup::TENANT_ROLE), 1).expect("a pool");
        let scope = Scope::Tenant(TenantId::from_u128(7));
        for end in ["commit", "rollback", "error"] {
            let connection = connection(&tenants).await.expect("a connection");
            let mut open = Transaction::new(connection, scope, false, Arc::default());
            let inside = open.query(scope, SETTING, &[], |row| row.get(0)).await;
            match end {
                "commit" => open.commit().await.expect("a commit"),
                "rollback" => open.rollback().await.expect("a rollback"),
                _ => {
                    let failed = open.flight(scope, &[("SELECT 1/0", &[])]).await;
                    assert!(failed.is_err());
                    open.rollback().await.expect("a rollback");
                }
            }
            let inside: Vec<String> = inside.expect(end);
            assert_eq!(inside, [format!("{:032x}", 7)], "{end}");
            assert_eq!(setting_left(&tenants).await, "", "{end}");
        }
    }
}
