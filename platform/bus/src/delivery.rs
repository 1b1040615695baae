//! Brings one cell's events to every consumer, in order, marking each in the consumer's own
//! transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{Envelope, TenantId};
use stoa_storage::{EventLog, Result, Tx};
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

pub(crate) async fn run(
    shared: Arc<Shared>,
    log: EventLog,
    mut news: watch::Receiver<u64>,
    mut pause: Pause,
) {
    let mut positions: HashMap<&'static str, i64> = HashMap::new();
    loop {
        // Marked before the work: news that comes during it starts another round.
        news.borrow_and_update();
        let outcome = round(&shared, &log, &mut positions, &mut pause).await;
        let more = outcome.unwrap_or_else(|error| {
            tracing::warn!(%error, "events could not be moved; trying again");
            false
        });
        if pause.ended() || (!more && !pause.wait(&mut news).await) {
            return;
        }
    }
}

/// One pass; true where there may be more right away.
async fn round(
    shared: &Shared,
    log: &EventLog,
    positions: &mut HashMap<&'static str, i64>,
    pause: &mut Pause,
) -> Result<bool> {
    let mut more = log.sequence().await? > 0;
    let head = log.head().await?;
    for consumer in &shared.consumers {
        let name = consumer.name();
        let position = match positions.get(name) {
            Some(position) => *position,
            None => log.position(name).await?,
        };
        if position >= head {
            positions.insert(name, position);
            continue;
        }
        let events = log.after(position, READ_MAX).await?;
        let Some(last) = events.last().map(|event| event.seq) else {
            continue;
        };
        deliver(shared, log, consumer, events, pause).await?;
        if pause.ended() {
            return Ok(false);
        }
        log.advance(name, last, shared.clock.now()).await?;
        positions.insert(name, last);
        more |= last < head;
    }
    Ok(more)
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
                for event in together.to_vec() {
                    one_by_one(shared, log, consumer, event, pause).await?;
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
