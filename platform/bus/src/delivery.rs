//! Brings one cell's events to its consumers, in order, marking each in the consumer's own
//! transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{CellId, Envelope, TenantId};
use stoa_storage::{EventLog, Place, Result, Tx};
use tokio::sync::watch;

use crate::ports::{Consumer, HandlerError};
use crate::worker::{Pause, Shared};

/// Events read at once.
const READ_MAX: i64 = 500;
/// Events of one tenant handled in one transaction.
const TOGETHER_MAX: usize = 50;
/// An event that fails this often is set aside, so that those behind it go on.
const TRIES_MAX: u32 = 8;
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// How many events a consumer passes that are not for it, and for how long, before it is written
/// down how far it is: each time is a commit.
const AHEAD_MAX: i64 = 5_000;
const AHEAD_TIME_MAX: Duration = Duration::from_millis(50);
/// Rounds without work after which a consumer's position is read again.
const POSITION_READ_AFTER: u32 = 5;

/// Gives committed events their place and tells the consumers how far the log goes.
pub(crate) async fn sequence(
    log: EventLog,
    mut news: watch::Receiver<u64>,
    head: watch::Sender<i64>,
    mut pause: Pause,
) {
    loop {
        // Marked before the work: news that comes during it starts another round.
        news.borrow_and_update();
        let outcome = place(&log, &head).await;
        let more = outcome.unwrap_or_else(|error| {
            tracing::warn!(%error, "events could not be put in order; trying again");
            false
        });
        if pause.ended() || (!more && !pause.wait(&mut news).await) {
            return;
        }
    }
}

async fn place(log: &EventLog, head: &watch::Sender<i64>) -> Result<bool> {
    let placed = log.sequence().await?;
    let last = log.head().await?;
    // The transport may have told of a later one already.
    head.send_if_modified(|known| last > std::mem::replace(known, last.max(*known)));
    Ok(placed > 0)
}

/// Brings the log to one consumer. Each has a loop of its own, so that none waits for another.
pub(crate) async fn consume(
    shared: Arc<Shared>,
    cell: CellId,
    log: EventLog,
    consumer: Arc<dyn Consumer>,
    mut head: watch::Receiver<i64>,
    mut pause: Pause,
) {
    let mut reading = Reading {
        subjects: consumer.subjects(),
        shared,
        cell,
        log,
        consumer,
        stand: None,
    };
    let mut idle = 0;
    loop {
        let known = *head.borrow_and_update();
        let outcome = reading.step(known, &mut pause).await;
        let failed = outcome.is_err();
        let more = outcome.unwrap_or_else(|error| {
            let consumer = reading.consumer.name();
            tracing::warn!(%error, consumer, "events could not be moved; trying again");
            false
        });
        let at_most = match failed {
            true => RETRY_PAUSE_MAX.min(pause.every()),
            false if reading.is_ahead() => AHEAD_TIME_MAX.min(pause.every()),
            false => pause.every(),
        };
        idle = if more { 0 } else { idle + 1 };
        if idle % POSITION_READ_AFTER == 0
            && let Err(error) = reading.look_again().await
        {
            tracing::warn!(%error, "a consumer's position could not be read; trying again");
        }
        if pause.ended() || (!more && !pause.wait_until(&mut head, at_most).await) {
            return;
        }
    }
}

/// One consumer on its way along a cell's log.
struct Reading {
    shared: Arc<Shared>,
    cell: CellId,
    log: EventLog,
    consumer: Arc<dyn Consumer>,
    subjects: Vec<String>,
    stand: Option<Stand>,
}

/// How far a consumer is.
#[derive(Clone, Copy)]
struct Stand {
    place: Place,
    /// How far the log knows it to be. Events in between are none of its own: who starts anew from
    /// there passes them again, and that is all.
    kept: i64,
}

impl Reading {
    fn is_ahead(&self) -> bool {
        self.stand
            .is_some_and(|stand| stand.place.position > stand.kept)
    }

    /// Somebody may have taken the consumer back, to have events handled again; or another process
    /// has brought it further.
    async fn look_again(&mut self) -> Result<()> {
        let Some(stand) = self.stand.take() else {
            return Ok(());
        };
        let mut place = self.log.place(self.consumer.name()).await?;
        let kept = place.position;
        if place.replays == stand.place.replays {
            place.position = place.position.max(stand.place.position);
        }
        self.stand = Some(Stand { place, kept });
        Ok(())
    }

    /// One page; true where there may be more right away.
    async fn step(&mut self, head: i64, pause: &mut Pause) -> Result<bool> {
        let Stand { place, kept } = match self.stand {
            Some(stand) => stand,
            None => {
                let place = self.log.place(self.consumer.name()).await?;
                let kept = place.position;
                *self.stand.insert(Stand { place, kept })
            }
        };
        if place.position >= head {
            if place.position > kept {
                self.keep(place, place.position).await?;
            }
            return Ok(false);
        }
        let feed = &self.shared.feed;
        let page = feed.after(
            self.cell,
            &self.log,
            place.position,
            READ_MAX,
            &self.subjects,
        );
        let page = page.await?;
        let Some(last) = page.last else {
            return Ok(false);
        };
        if page.events.is_empty() && last - kept < AHEAD_MAX {
            let position = last;
            let place = Place { position, ..place };
            self.stand = Some(Stand { place, kept });
            return Ok(last < head);
        }
        let (shared, log) = (&self.shared, &self.log);
        deliver(shared, log, &self.consumer, page.events, pause).await?;
        if pause.ended() {
            return Ok(false);
        }
        Ok(!self.keep(place, last).await? || last < head)
    }

    /// Has the log know that the consumer is at `position`; false where it was taken back.
    async fn keep(&mut self, place: Place, position: i64) -> Result<bool> {
        let (name, now) = (self.consumer.name(), self.shared.clock.now());
        if !self.log.advance_from(name, place, position, now).await? {
            // Taken back meanwhile: from there again.
            self.stand = None;
            self.log.advance(name, 0, now).await?;
            return Ok(false);
        }
        let place = Place { position, ..place };
        let kept = position;
        self.stand = Some(Stand { place, kept });
        Ok(true)
    }
}

/// Hands the events over, many to a transaction; one by one where that fails.
async fn deliver(
    shared: &Shared,
    log: &EventLog,
    consumer: &Arc<dyn Consumer>,
    events: Vec<Envelope>,
    pause: &mut Pause,
) -> Result<()> {
    let mut by_tenant: HashMap<TenantId, Vec<Envelope>> = HashMap::new();
    for event in events {
        by_tenant.entry(event.tenant).or_default().push(event);
    }
    for (tenant, events) in by_tenant {
        for together in events.chunks(TOGETHER_MAX) {
            if let Err(error) = handle(shared, consumer, tenant, together.to_vec()).await {
                tracing::warn!(%error, consumer = consumer.name(), "a batch of events failed");
                for event in together.iter().cloned() {
                    one_by_one(shared, log, consumer, event, pause).await?;
                    if pause.ended() {
                        // The event may not be handled yet, and none may pass it.
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

async fn one_by_one(
    shared: &Shared,
    log: &EventLog,
    consumer: &Arc<dyn Consumer>,
    event: Envelope,
    pause: &mut Pause,
) -> Result<()> {
    let mut tries = 0;
    let (_silent, mut news) = watch::channel(0_u64);
    while let Err(error) = handle(shared, consumer, event.tenant, vec![event.clone()]).await {
        if pause.ended() {
            return Ok(());
        }
        // A database that is away is no fault of the event: wait for it, however long.
        let transient = matches!(&error, HandlerError::Storage(inner) if inner.is_transient());
        tries += u32::from(!transient);
        if tries >= TRIES_MAX {
            tracing::error!(%error, consumer = consumer.name(), event = %event.id, "event set aside");
            return log
                .bury(
                    consumer.name(),
                    event.seq,
                    error.to_string(),
                    shared.clock.now(),
                )
                .await;
        }
        let backoff = Duration::from_millis(50 << tries.min(8)).min(RETRY_PAUSE_MAX);
        pause.wait_until(&mut news, backoff).await;
    }
    Ok(())
}

async fn handle(
    shared: &Shared,
    consumer: &Arc<dyn Consumer>,
    tenant: TenantId,
    events: Vec<Envelope>,
) -> Result<(), HandlerError> {
    let db = shared.storage.db(tenant).await?;
    let (consumer, now) = (consumer.clone(), shared.clock.now());
    db.write(async move |tx: &mut Tx<'_>| {
        let mut new = Vec::with_capacity(events.len());
        for event in &events {
            if tx.first_delivery(consumer.name(), event.id, now).await? {
                new.push(event);
            }
        }
        consumer.handle_all(tx, &new).await
    })
    .await
}
