//! Facts written with the business rows, put in a dense order after commit, read by position.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use stoa_kernel::{Actor, Envelope, EventId, Fact, TenantId, Timestamp};

use crate::cell::Cell;
use crate::{Error, Result, Tx, params};

/// Events given their sequence in one relay step.
const RELAY_BATCH_MAX: i64 = 1_000;
/// How much longer than events the marks of those set aside are kept, for people to look at.
const SET_ASIDE_KEPT: Duration = Duration::from_secs(83 * 24 * 3600);

/// Who says what happened, and when; everything an event needs besides the fact.
#[derive(Debug, Clone)]
pub struct Cause {
    pub actor: Actor,
    pub occurred_at: Timestamp,
    /// The event this one follows from.
    pub causation: Option<EventId>,
    pub trace: Option<String>,
}

impl Cause {
    pub fn new(actor: Actor, occurred_at: Timestamp) -> Self {
        Self {
            actor,
            occurred_at,
            causation: None,
            trace: None,
        }
    }
    pub fn system(occurred_at: Timestamp) -> Self {
        Self::new(Actor::System, occurred_at)
    }
}

/// What a transaction left behind, told to this process right after its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    Event {
        tenant: TenantId,
        subject: String,
        key: String,
    },
    Job {
        tenant: TenantId,
        kind: &'static str,
    },
}

type Hook = Arc<dyn Fn(&[Committed]) + Send + Sync>;

/// What runs in this process after each commit, before the caller is answered: cache invalidation
/// and wake-ups. Hooks are short and never block.
#[derive(Clone, Default)]
pub struct CommitHooks {
    hooks: Arc<RwLock<Vec<Hook>>>,
}

impl CommitHooks {
    pub fn add(&self, hook: impl Fn(&[Committed]) + Send + Sync + 'static) {
        self.hooks.write().push(Arc::new(hook));
    }

    pub(crate) fn run(&self, committed: &[Committed]) {
        if !committed.is_empty() {
            self.hooks.read().iter().for_each(|hook| hook(committed));
        }
    }
}

impl Tx<'_> {
    /// Publishes `fact` if, and only if, this transaction commits.
    pub async fn emit<F: Fact>(&mut self, id: EventId, cause: &Cause, fact: &F) -> Result<()> {
        const SQL: &str = "INSERT INTO stoa_event (event_id, tenant_id, subject, key, occurred_at, \
                           actor, causation, trace, payload) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let (subject, key) = (F::subject(), fact.key());
        let payload = serde_json::to_string(fact)?;
        let actor = serde_json::to_string(&cause.actor)?;
        let values = params![
            id,
            self.tenant(),
            &subject,
            &key,
            cause.occurred_at,
            &actor,
            cause.causation,
            &cause.trace,
            &payload
        ];
        self.defer_system(&[(SQL, values)]).await?;
        self.committed.push(Committed::Event {
            tenant: self.tenant(),
            subject,
            key,
        });
        Ok(())
    }

    /// True the first time `consumer` meets the event; the mark commits with the handler's work.
    pub async fn first_delivery(
        &mut self,
        consumer: &str,
        event: EventId,
        now: Timestamp,
    ) -> Result<bool> {
        const SQL: &str = "INSERT INTO stoa_inbox (tenant_id, consumer, event_id, handled_at) \
                           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let values = params![self.tenant(), consumer, event, now];
        Ok(self.execute_system(SQL, values).await? == 1)
    }
}

/// Where a consumer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub position: i64,
    /// How often it was taken back.
    pub replays: i64,
}

/// Some of the events that follow a position.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    pub events: Vec<Envelope>,
    /// The sequence of the last event looked at, whether it is among `events` or not.
    pub last: Option<i64>,
}

/// One cell's event log, as the bus sees it.
#[derive(Clone)]
pub struct EventLog {
    cell: Arc<Cell>,
}

impl EventLog {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Self { cell }
    }

    /// Gives committed events their place; returns how many. A sequence taken before commit would
    /// let a consumer pass over a late committer.
    pub async fn sequence(&self) -> Result<u64> {
        const WAITING: &str = "SELECT count(*) FROM (SELECT 1 FROM stoa_event \
                               WHERE seq IS NULL LIMIT 1) AS waiting";
        const LOCK: &str =
            "UPDATE stoa_sequence SET last = last WHERE name = 'event' RETURNING last";
        const ASSIGN: &str = "UPDATE stoa_event SET seq = placed.seq FROM \
             (SELECT id, $1 + row_number() OVER (ORDER BY id) AS seq FROM stoa_event \
              WHERE seq IS NULL ORDER BY id LIMIT $2) AS placed WHERE stoa_event.id = placed.id";
        const ADVANCE: &str = "UPDATE stoa_sequence SET last = last + $1 WHERE name = 'event'";
        let waiting = self
            .cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_one(WAITING, params![], |row| row.get::<i64>(0))
                    .await
            })
            .await?;
        if waiting == 0 {
            return Ok(0);
        }
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                let last = tx
                    .query_one(LOCK, params![], |row| row.get::<i64>(0))
                    .await?;
                let placed = tx.execute(ASSIGN, params![last, RELAY_BATCH_MAX]).await?;
                tx.execute(ADVANCE, params![placed as i64]).await?;
                Ok::<_, Error>(placed)
            })
            .await
    }

    /// Events after `position`, in sequence order, at most `limit`.
    pub async fn after(&self, position: i64, limit: i64) -> Result<Vec<Envelope>> {
        let page = self.page(position, limit, None).await?;
        Ok(page.events)
    }

    /// As [`Self::after`], those of `subjects` alone: the others are looked at and left out, which
    /// costs far less than reading them.
    pub async fn after_of(
        &self,
        position: i64,
        limit: i64,
        subjects: &[String],
    ) -> Result<EventPage> {
        self.page(position, limit, Some(subjects)).await
    }

    async fn page(
        &self,
        position: i64,
        limit: i64,
        subjects: Option<&[String]>,
    ) -> Result<EventPage> {
        const SQL: &str = "SELECT event_id, tenant_id, subject, key, occurred_at, actor, causation, \
                           trace, payload, seq FROM stoa_event \
                           WHERE seq > $1 ORDER BY seq LIMIT $2";
        let (cell, epoch) = (self.cell.id, self.cell.epoch);
        let subjects = subjects.map(<[String]>::to_vec);
        self.cell
            .system_read(async move |tx: &mut Tx<'_>| {
                let mut last = None;
                let subjects = subjects.as_deref();
                let values = params![position, limit];
                let read = tx.query(SQL, values, |row| {
                    last = Some(row.get(9)?);
                    let subject = row.str(2)?;
                    if subjects.is_some_and(|these| these.iter().all(|each| each != subject)) {
                        return Ok(None);
                    }
                    Ok(Some(Envelope {
                        id: row.get(0)?,
                        tenant: row.get(1)?,
                        subject: subject.to_owned(),
                        key: row.get(3)?,
                        occurred_at: row.get(4)?,
                        actor: serde_json::from_str(row.str(5)?)?,
                        causation: row.get(6)?,
                        trace: row.get(7)?,
                        payload: serde_json::from_str(row.str(8)?)?,
                        seq: row.get(9)?,
                        cell,
                        epoch,
                    }))
                });
                let events = read.await?.into_iter().flatten().collect();
                Ok(EventPage { events, last })
            })
            .await
    }

    /// The newest sequence given, 0 before the first.
    pub async fn head(&self) -> Result<i64> {
        const SQL: &str = "SELECT last FROM stoa_sequence WHERE name = 'event'";
        self.cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_one(SQL, params![], |row| row.get(0)).await
            })
            .await
    }

    /// Where `consumer` stands; a new one starts before the first event kept.
    pub async fn position(&self, consumer: &str) -> Result<i64> {
        Ok(self.place(consumer).await?.position)
    }

    /// As [`Self::position`], with what [`Self::advance_from`] needs.
    pub async fn place(&self, consumer: &str) -> Result<Place> {
        let consumer = consumer.to_owned();
        const SQL: &str = "SELECT position, replays FROM stoa_consumer WHERE name = $1";
        let found = self
            .cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_opt(SQL, params![&consumer], |row| {
                    Ok(Place {
                        position: row.get(0)?,
                        replays: row.get(1)?,
                    })
                })
                .await
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Moves `consumer` on to `position`, unless it was taken back since `place` was read: then
    /// nothing is written, and the answer is false.
    pub async fn advance_from(
        &self,
        consumer: &str,
        place: Place,
        position: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let consumer = consumer.to_owned();
        const SQL: &str = "UPDATE stoa_consumer SET updated_at = $4, \
             position = CASE WHEN position > $3 THEN position ELSE $3 END \
             WHERE name = $1 AND replays = $2";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                let values = params![&consumer, place.replays, position, now];
                Ok::<_, Error>(tx.execute(SQL, values).await? == 1)
            })
            .await
    }

    /// Moves `consumer` on to `position`, never back.
    pub async fn advance(&self, consumer: &str, position: i64, now: Timestamp) -> Result<()> {
        let consumer = consumer.to_owned();
        const SQL: &str = "INSERT INTO stoa_consumer (name, position, updated_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET position = excluded.position, \
             updated_at = excluded.updated_at WHERE stoa_consumer.position < excluded.position";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![&consumer, position, now])
                    .await
                    .map(|_| ())
            })
            .await
    }

    /// Which life of the cell this is: it rises when the cell is restored or moved.
    pub fn epoch(&self) -> i64 {
        self.cell.epoch
    }

    /// Takes `consumer` back to `position` and forgets which later events it has handled, so that it
    /// handles them again. Answers how many those are.
    pub async fn replay(&self, consumer: &str, position: i64, now: Timestamp) -> Result<u64> {
        let consumer = consumer.to_owned();
        // A worker that is under way notices by the count, and does not move on over it.
        const BACK: &str = "UPDATE stoa_consumer SET replays = replays + 1, updated_at = $3, \
                            position = CASE WHEN position > $2 THEN $2 ELSE position END \
                            WHERE name = $1";
        const FORGET: &str = "DELETE FROM stoa_inbox WHERE consumer = $1 AND event_id IN \
                              (SELECT event_id FROM stoa_event WHERE seq > $2)";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(BACK, params![&consumer, position, now]).await?;
                tx.execute(FORGET, params![&consumer, position]).await
            })
            .await
    }

    /// Drops a consumer that is gone for good: the log is kept for it no longer.
    pub async fn forget(&self, consumer: &str) -> Result<()> {
        let consumer = consumer.to_owned();
        const SQL: &str = "DELETE FROM stoa_consumer WHERE name = $1";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![&consumer]).await.map(|_| ())
            })
            .await
    }

    /// Sets aside an event that a consumer keeps failing on, so that the others go on.
    pub async fn bury(
        &self,
        consumer: &str,
        seq: i64,
        error: String,
        now: Timestamp,
    ) -> Result<()> {
        let consumer = consumer.to_owned();
        const SQL: &str = "INSERT INTO stoa_dead_event (consumer, seq, error, buried_at) \
                           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        self.cell
            .system_write(async move |tx: &mut Tx<'_>| {
                tx.execute(SQL, params![&consumer, seq, &error, now])
                    .await
                    .map(|_| ())
            })
            .await
    }

    /// Drops up to `limit` events older than `before` that every known consumer has passed, and as
    /// many old inbox rows and marks of events set aside long ago; call it until it finds none. A
    /// consumer that the code knows no more holds events back until [`Self::forget`]: one that is
    /// only switched off must find them.
    pub async fn purge(&self, before: Timestamp, limit: i64) -> Result<u64> {
        const EVENTS: &str = "DELETE FROM stoa_event WHERE id IN (SELECT id FROM stoa_event \
             WHERE seq IS NOT NULL AND occurred_at < $1 \
             AND seq <= (SELECT coalesce(min(position), 0) FROM stoa_consumer) \
             ORDER BY id LIMIT $2)";
        const INBOX: &str = "DELETE FROM stoa_inbox WHERE (tenant_id, consumer, event_id) IN \
             (SELECT tenant_id, consumer, event_id FROM stoa_inbox \
              WHERE handled_at < $1 ORDER BY handled_at LIMIT $2)";
        const DEAD: &str = "DELETE FROM stoa_dead_event WHERE (consumer, seq) IN \
             (SELECT consumer, seq FROM stoa_dead_event WHERE buried_at < $1 LIMIT $2)";
        let forgotten = before.minus(SET_ASIDE_KEPT);
        self.cell
            .system_write_bulk(async move |tx: &mut Tx<'_>| {
                let mut dropped = tx.execute(EVENTS, params![before, limit]).await?;
                dropped += tx.execute(INBOX, params![before, limit]).await?;
                dropped += tx.execute(DEAD, params![forgotten, limit]).await?;
                Ok::<_, Error>(dropped)
            })
            .await
    }

    /// Events that wait for a consumer: (not yet sequenced, behind the slowest consumer).
    pub async fn lag(&self) -> Result<(i64, i64)> {
        const SQL: &str = "SELECT (SELECT count(*) FROM stoa_event WHERE seq IS NULL), \
             (SELECT last FROM stoa_sequence WHERE name = 'event') \
             - (SELECT coalesce(min(position), 0) FROM stoa_consumer)";
        self.cell
            .system_read(async move |tx: &mut Tx<'_>| {
                tx.query_one(SQL, params![], |row| Ok((row.get(0)?, row.get(1)?)))
                    .await
            })
            .await
    }
}
