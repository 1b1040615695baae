//! Product JSON over PostgreSQL, each request another product, beside the bare driver that executes
//! the same statements and looks at no row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};

use super::stall::Stall;
use super::{cold, ready};
use crate::checkout::uuid;
use crate::database::Database;
use crate::figures::{Round, latencies, note};
use crate::product::{self, Turns};

/// As many as the shop has.
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const CURRENCY: &str = "EUR";

/// The catalog's own; a test compares them.
const PRODUCT: &str = "SELECT a.product_id, a.publish_at, a.unpublish_at, a.tag, a.body \
         FROM catalog_answer a WHERE a.tenant_id = :tenant AND a.handle = $1 \
         AND a.currency = $2 AND (a.tree IS NULL OR a.tree = \
         (SELECT s.tree FROM catalog_shape s WHERE s.tenant_id = :tenant))";

struct Bare {
    connections: Vec<(Client, Statement)>,
    opening: String,
    handles: Arc<Vec<String>>,
}

pub(super) fn run(postgres: Option<&str>, products: usize, turns: &Turns) -> Result<()> {
    let beside = postgres.context("`driver` needs --postgres")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let database = runtime.block_on(Database::create(beside, "catalog"))?;
    let measured = measure(&runtime, &database, products, turns);
    runtime.block_on(database.drop())?;
    measured
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    database: &Database,
    products: usize,
    turns: &Turns,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stall = Stall::open(folder.path(), products, Some(&database.url))?;
    stall.fill()?;
    let shop = stall.serve()?;
    let handles = cold::handles(&shop, products)?;
    let stored = || runtime.block_on(ready::stored_on_server(database));
    ready::until_answers_are_stored(&stall, &shop, stored)?;
    shop.stoa.stop()?;
    runtime.block_on(database.vacuum())?;
    let bare = runtime.block_on(Bare::connect(database, handles.clone()))?;
    runtime.block_on(bare.round(turns.connections, WARM_UP))?;
    let rounds = product::in_turn(turns.rounds, 2, |side| match side {
        0 => cold::round(&stall, &handles, turns),
        _ => runtime.block_on(bare.round(turns.connections, Duration::from_secs(turns.seconds))),
    })?;
    cold::print(turns, products, &rounds, "the bare driver, no HTTP");
    Ok(())
}

impl Bare {
    async fn connect(database: &Database, handles: Vec<String>) -> Result<Self> {
        let tenant = database.only_tenant().await?;
        let tenant_text = uuid(tenant.as_u128());
        let sql = for_postgres(PRODUCT, &tenant_text);
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let client = database.as_tenant(tenant).await?;
            let statement = client.prepare(&sql).await?;
            connections.push((client, statement));
        }
        Ok(Self {
            connections,
            opening: format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL app.tenant_id = \
                 '{tenant_text}'"
            ),
            handles: Arc::new(handles),
        })
    }

    /// `clients` at once, each on one of the connections.
    async fn round(&self, clients: usize, lasts: Duration) -> Result<Round> {
        let began = Instant::now();
        let next = AtomicUsize::new(0);
        let clients = (0..clients).map(|at| {
            let (client, statement) = &self.connections[at % CONNECTIONS];
            self.client(client, statement, &next, began + lasts)
        });
        let parts = try_join_all(clients).await?;
        let mut round = Round {
            done: 0,
            took: began.elapsed(),
            latencies: latencies(),
        };
        for part in parts {
            round.done += part.done;
            round.latencies.add(&part.latencies)?;
        }
        Ok(round)
    }

    async fn client(
        &self,
        client: &Client,
        statement: &Statement,
        next: &AtomicUsize,
        ends: Instant,
    ) -> Result<Round> {
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        let mut asked = Instant::now();
        while asked < ends {
            let handle = &self.handles[next.fetch_add(1, Ordering::Relaxed) % self.handles.len()];
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [handle, &CURRENCY];
            let (opened, rows, closed) = tokio::join!(
                client.batch_execute(&self.opening),
                client.query(statement, &parameters),
                client.batch_execute("COMMIT"),
            );
            opened?;
            closed?;
            ensure!(!rows?.is_empty(), "no product {handle}");
            let answered = Instant::now();
            note(&mut round.latencies, answered - asked);
            round.done += 1;
            asked = answered;
        }
        Ok(round)
    }
}

/// As storage writes it for PostgreSQL, where the tenant's id is known beforehand.
fn for_postgres(sql: &str, tenant: &str) -> String {
    sql.replace(":tenant", &format!("'{tenant}'::uuid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_the_catalogs_own() {
        let bare = |text: &str| text.split([' ', '\n', '\\', '"']).collect::<String>();
        let source = include_str!("../../../modules/catalog/src/infrastructure/answers.rs");
        assert!(
            bare(source).contains(&bare(PRODUCT)),
            "the catalog asks otherwise"
        );
    }
}
