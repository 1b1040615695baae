//! Connections that reads of one statement share. Each is one flight of BEGIN, the statement and
//! COMMIT, and flights follow one another down a line without waiting for answers: a server with
//! work at hand changes between its processes less often than one that is asked one by one.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deadpool_postgres::{ClientWrapper, Object, Pool};
use futures_util::future::join;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::transaction::{Answer, Rows, as_sent, opening_words, prepare, tenant_value};
use super::{ANSWER_TIME_MAX, connection, map_error};
use crate::tx::Scope;
use crate::{Error, Result, Stats, Value};

/// Lines of one pool; with fewer connections there are fewer.
const LINES_MAX: usize = 4;
const CONNECTIONS_PER_LINE: usize = 4;

pub(crate) struct Lines {
    /// Where lines come from; a line is taken out of it for good.
    pool: Pool,
    places: Vec<Place>,
    stats: Arc<Stats>,
}

#[derive(Default)]
struct Place {
    line: Mutex<Option<Arc<Line>>>,
    opening: tokio::sync::Mutex<()>,
}

struct Line {
    client: ClientWrapper,
    /// Held while messages are put on the line: a flight must leave in one piece.
    sending: Mutex<()>,
    in_flight: AtomicUsize,
    /// An answer did not come in time: what was asked after it waits behind it.
    silent: AtomicBool,
}

impl Lines {
    pub(crate) fn new(pool: Pool, connections_max: usize, stats: Arc<Stats>) -> Self {
        let lines = (connections_max / CONNECTIONS_PER_LINE).clamp(1, LINES_MAX);
        Self {
            pool,
            places: (0..lines).map(|_| Place::default()).collect(),
            stats,
        }
    }

    /// The rows of one read-only statement, in a transaction of its own.
    pub(crate) fn fetch<'a>(
        &'a self,
        scope: Scope,
        sql: &'static str,
        params: &'a [Value<'a>],
    ) -> Answer<'a, Rows> {
        Box::pin(async move {
            let line = self.line().await?;
            let _flying = Flying::begin(&line);
            let asked = line.ask(scope, sql, params, &self.stats);
            timeout(ANSWER_TIME_MAX, asked).await.unwrap_or_else(|_| {
                line.silent.store(true, Ordering::Relaxed);
                Err(Error::Unavailable {
                    message: format!("no answer within {} s", ANSWER_TIME_MAX.as_secs()),
                })
            })
        })
    }

    /// The line with the least in flight; another is opened while all are busy.
    async fn line(&self) -> Result<Arc<Line>> {
        let mut least: Option<(usize, Arc<Line>)> = None;
        let mut unopened = None;
        for place in &self.places {
            match place.good() {
                Some(line) => {
                    let load = line.in_flight.load(Ordering::Relaxed);
                    if load == 0 {
                        return Ok(line);
                    }
                    if least.as_ref().is_none_or(|(known, _)| load < *known) {
                        least = Some((load, line));
                    }
                }
                None if unopened.is_none() => unopened = Some(place),
                None => {}
            }
        }
        match (unopened, least) {
            (Some(place), _) => self.open(place).await,
            (None, Some((_, line))) => Ok(line),
            (None, None) => Err(Error::Unavailable {
                message: "there is no line to the server".to_owned(),
            }),
        }
    }

    async fn open(&self, place: &Place) -> Result<Arc<Line>> {
        let _one = place.opening.lock().await;
        if let Some(line) = place.good() {
            return Ok(line);
        }
        let line = Arc::new(Line {
            client: Object::take(connection(&self.pool).await?),
            sending: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
        });
        *place.line.lock() = Some(Arc::clone(&line));
        Ok(line)
    }
}

impl Place {
    fn good(&self) -> Option<Arc<Line>> {
        let line = self.line.lock();
        let is_good =
            |line: &&Arc<Line>| !line.client.is_closed() && !line.silent.load(Ordering::Relaxed);
        line.as_ref().filter(is_good).cloned()
    }
}

impl Line {
    async fn ask(
        &self,
        scope: Scope,
        sql: &'static str,
        params: &[Value<'_>],
        stats: &Stats,
    ) -> Result<Rows> {
        let prepared = self.in_one_piece(prepare(&self.client, scope, sql)).await?;
        stats.statement();
        let opening = opening_words(scope, true);
        let tenant = tenant_value(scope);
        let bound = prepared.bind(&tenant, params);
        let slice = as_sent(&bound);
        let opened = self.client.batch_execute(&opening);
        let answered = self.client.query(&prepared.statement, &slice);
        let closed = self.client.batch_execute("COMMIT");
        let flight = join(opened, join(answered, closed));
        let (opened, (rows, closed)) = self.in_one_piece(flight).await;
        opened.map_err(|error| map_error("BEGIN", &error))?;
        let rows = rows.map_err(|error| map_error(sql, &error))?;
        closed.map_err(|error| map_error("COMMIT", &error))?;
        Ok(rows)
    }

    /// Whatever `work` sends in one poll, it sends without another's messages between.
    async fn in_one_piece<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            let _sending = self.sending.lock();
            work.as_mut().poll(context)
        })
        .await
    }
}

/// Counts a flight until its answer is there, or nobody waits for it.
struct Flying<'l>(&'l Line);

impl<'l> Flying<'l> {
    fn begin(line: &'l Line) -> Self {
        line.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use stoa_kernel::TenantId;

    use super::super::{PgLocation, pool, prepare_schema, setup};
    use super::*;

    const WHO: &str = "SELECT current_setting('app.tenant_id'), CAST($1 AS BIGINT)";
    const WRONG: &str = "SELECT CAST($1 AS BIGINT) / 0";
    const SLOW: &str = "SELECT CAST(pg_sleep(1) AS TEXT), CAST($1 AS BIGINT)";

    async fn lines() -> Option<Lines> {
        let server = stoa_testkit::postgres_server()?;
        let location = PgLocation {
            url: stoa_testkit::fresh_database(&server).await,
            schema: "stoa".to_owned(),
        };
        let system = pool(&location, None, 1).expect("a pool");
        let prepared = prepare_schema(&system, &location, &[]).await;
        prepared.expect("a schema");
        let tenants = pool(&location, Some(setup::TENANT_ROLE), 2).expect("a pool");
        Some(Lines::new(tenants, 8, Arc::default()))
    }

    fn tenant(number: u128) -> Scope {
        Scope::Tenant(TenantId::from_u128(number))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reads_of_many_tenants_down_one_line_keep_their_tenants() {
        let Some(lines) = lines().await else { return };
        let lines = Arc::new(lines);
        let readers = (0..40_u128).map(|number| {
            let lines = Arc::clone(&lines);
            tokio::spawn(async move {
                for round in 0..50_i64 {
                    let asked = [Value::Int(round)];
                    let rows = lines.fetch(tenant(number), WHO, &asked).await;
                    let row = &rows.expect("an answer")[0];
                    let (who, what): (String, i64) = (row.get(0), row.get(1));
                    assert_eq!((who, what), (format!("{number:032x}"), round));
                    if round % 7 == number as i64 % 7 {
                        let failed = lines.fetch(tenant(number), WRONG, &asked).await;
                        assert!(matches!(failed, Err(Error::Statement { .. })), "{failed:?}");
                    }
                }
            })
        });
        for reader in join_all(readers).await {
            reader.expect("no reader met another's tenant");
        }
        let opened = lines.places.iter().filter(|place| place.good().is_some());
        assert_eq!(opened.count(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_who_leaves_takes_nothing_with_him_and_a_closed_line_is_opened_anew() {
        let Some(lines) = lines().await else { return };
        let asked = [Value::Int(5)];
        let left = timeout(
            std::time::Duration::from_millis(100),
            lines.fetch(tenant(1), SLOW, &asked),
        );
        assert!(left.await.is_err(), "it sleeps for a second");
        let rows = lines
            .fetch(tenant(2), WHO, &asked)
            .await
            .expect("an answer");
        assert_eq!(rows[0].get::<_, String>(0), format!("{:032x}", 2));

        let line = lines.places[0].good().expect("an open line");
        let ended = line
            .client
            .batch_execute("SELECT pg_terminate_backend(pg_backend_pid())");
        assert!(ended.await.is_err());
        let rows = lines
            .fetch(tenant(3), WHO, &asked)
            .await
            .expect("an answer");
        assert_eq!(rows[0].get::<_, String>(0), format!("{:032x}", 3));

        line.silent.store(true, Ordering::Relaxed);
        let next = lines.line().await.expect("a line");
        assert!(!Arc::ptr_eq(&next, &line));
    }
}
