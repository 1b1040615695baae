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
    let mut place = None;
    let mut idle = 0;
    loop {
        let known = *head.borrow_and_update();
        let outcome = step(
            &shared, cell, &log, &consumer, &mut place, known, &mut pause,
        )
        .await;
        let failed = outcome.is_err();
        let more = outcome.unwrap_or_else(|error| {
            tracing::warn!(%error, consumer = consumer.name(), "events could not be moved; trying again");
            false
        });
        let at_most = if failed {
            RETRY_PAUSE_MAX.min(pause.every())
        } else {
            pause.every()
        };
        idle = if more { 0 } else { idle + 1 };
        if idle % POSITION_READ_AFTER == 0 {
            // Somebody may have taken it back, to have events handled again.
            place = None;
        }
        if pause.ended() || (!more && !pause.wait_until(&mut head, at_most).await) {
            return;
        }
    }
}

/// One page; true where there may be more right away.
async fn step(
    shared: &Shared,
    cell: CellId,
    log: &EventLog,
    consumer: &Arc<dyn Consumer>,
    place: &mut Option<Place>,
    head: i64,
    pause: &mut Pause,
) -> Result<bool> {
    let name = consumer.name();
    let from = match *place {
        Some(place) => place,
        None => log.place(name).await?,
    };
    *place = Some(from);
    if from.position >= head {
        return Ok(false);
    }
    let events = shared
        .feed
        .after(cell, log, from.position, READ_MAX)
        .await?;
    let Some(last) = events.last().map(|event| event.seq) else {
        return Ok(false);
    };
    deliver(shared, log, consumer, events, pause).await?;
    if pause.ended() {
        return Ok(false);
    }
    let now = shared.clock.now();
    if !log.advance_from(name, from, last, now).await? {
        // Taken back meanwhile: from there again.
        *place = None;
        log.advance(name, 0, now).await?;
        return Ok(true);
    }
    *place = Some(Place {
        position: last,
        ..from
    });
    Ok(last < head)
}

/// Hands the events over, many to a transaction; one by one where that fails.
async fn deliver(
    shared: &Shared,
    log: &EventLog,
    consumer: &Arc<dyn Consumer>,
    events: Vec<Envelope>,
    pause: &mut Pause,
) -> Result<()> {
    let subjects = consumer.subjects();
    let mut by_tenant: HashMap<TenantId, Vec<Envelope>> = HashMap::new();
    for event in events
        .into_iter()
        .filter(|event| subjects.contains(&event.subject))
    {
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
        for event in &events {
            if tx.first_delivery(consumer.name(), event.id, now).await? {
                consumer.handle(tx, event).await?;
            }
        }
        Ok::<(), HandlerError>(())
    })
    .await
}
