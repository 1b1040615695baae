//! What came over the transport lately, kept per cell where it follows on without a gap. Never the
//! truth: whatever is not here is read from the log.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stoa_kernel::{CellId, Envelope};
use stoa_storage::{EventLog, EventPage, Result};
use tokio::sync::watch;

use crate::ports::{Transport, TransportError};
use crate::worker::{Pause, Shared};

/// Events kept of one cell. A consumer further behind reads from the log.
const EVENTS_KEPT_MAX: usize = 2_000;
/// Events sent at once.
const PUBLISH_MAX: i64 = 500;
/// The name under which the log remembers how far it was published.
pub(crate) const RELAY: &str = "bus.relay";
/// A transport that hangs is given up on for now.
const PUBLISH_TIME_MAX: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Recent events of all cells that this process serves.
#[derive(Default)]
pub(crate) struct Feed {
    cells: Mutex<HashMap<CellId, Recent>>,
}

struct Recent {
    epoch: i64,
    head: watch::Sender<i64>,
    ring: Ring,
}

impl Feed {
    /// From now on events of this cell are kept, and `head` learns of them.
    pub(crate) fn serve(&self, cell: CellId, epoch: i64, head: watch::Sender<i64>) {
        let recent = Recent {
            epoch,
            head,
            ring: Ring::default(),
        };
        self.cells.lock().insert(cell, recent);
    }

    fn take(&self, events: Vec<Envelope>) {
        let mut cells = self.cells.lock();
        for event in events {
            let Some(recent) = cells.get_mut(&event.cell) else {
                continue;
            };
            // Positions of another life of the cell mean other events.
            if event.epoch != recent.epoch {
                continue;
            }
            let seq = event.seq;
            recent.ring.push(event);
            recent
                .head
                .send_if_modified(|head| seq > std::mem::replace(head, seq.max(*head)));
        }
    }

    /// Events after `position` of these subjects: from here where they are, else from the log.
    pub(crate) async fn after(
        &self,
        cell: CellId,
        log: &EventLog,
        position: i64,
        limit: i64,
        subjects: &[String],
    ) -> Result<EventPage> {
        let recent = {
            let cells = self.cells.lock();
            cells
                .get(&cell)
                .and_then(|recent| recent.ring.after(position, limit, subjects))
        };
        match recent {
            Some(page) => Ok(page),
            None => log.after_of(position, limit, subjects).await,
        }
    }
}

/// Events whose sequence has no gap.
#[derive(Default)]
struct Ring {
    events: VecDeque<Envelope>,
}

impl Ring {
    fn push(&mut self, event: Envelope) {
        match self.events.back() {
            Some(last) if event.seq <= last.seq => return,
            Some(last) if event.seq > last.seq + 1 => self.events.clear(),
            _ => {}
        }
        if self.events.len() == EVENTS_KEPT_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn after(&self, position: i64, limit: i64, subjects: &[String]) -> Option<EventPage> {
        let first = self.events.front()?.seq;
        let skipped = usize::try_from(position + 1 - first).ok()?;
        let limit = usize::try_from(limit).ok()?;
        let page = || self.events.iter().skip(skipped).take(limit);
        let last = page().next_back()?.seq;
        let events = page().filter(|event| subjects.contains(&event.subject));
        Some(EventPage {
            events: events.cloned().collect(),
            last: Some(last),
        })
    }
}

/// Keeps what the transport brings.
pub(crate) async fn receive(shared: Arc<Shared>, transport: Arc<dyn Transport>, mut pause: Pause) {
    let (_silent, mut news) = watch::channel(0_u64);
    while !pause.ended() {
        let received = tokio::select! {
            received = transport.receive() => received,
            () = pause.over() => return,
        };
        match received {
            Ok(events) => shared.feed.take(events),
            Err(error) => {
                tracing::warn!(%error, "the bus brings no events; they are read from the log");
                pause.wait_until(&mut news, RETRY_PAUSE).await;
            }
        }
    }
}

/// Sends what was sequenced, and remembers how far.
pub(crate) async fn relay(
    shared: Arc<Shared>,
    transport: Arc<dyn Transport>,
    log: EventLog,
    mut head: watch::Receiver<i64>,
    mut pause: Pause,
) {
    let mut sent = None;
    let mut failing = false;
    loop {
        let known = *head.borrow_and_update();
        match send(&shared, &*transport, &log, &mut sent, known).await {
            Ok(true) if !pause.ended() => {
                failing = false;
                continue;
            }
            Ok(_) => failing = false,
            Err(error) => {
                // Once per outage: consumers have the log meanwhile.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(error, "events cannot be published; they will be");
                }
                sent = None;
            }
        }
        let at_most = if failing { RETRY_PAUSE } else { pause.every() };
        if !pause.wait_until(&mut head, at_most).await {
            return;
        }
    }
}

/// One batch; true where there is more.
async fn send(
    shared: &Shared,
    transport: &dyn Transport,
    log: &EventLog,
    sent: &mut Option<i64>,
    head: i64,
) -> std::result::Result<bool, String> {
    let text = |error: stoa_storage::Error| error.to_string();
    let from = match *sent {
        Some(position) => position,
        None => log.position(RELAY).await.map_err(text)?,
    };
    *sent = Some(from);
    if from >= head {
        return Ok(false);
    }
    let events = log.after(from, PUBLISH_MAX).await.map_err(text)?;
    let Some(last) = events.last().map(|event| event.seq) else {
        return Ok(false);
    };
    let published = tokio::time::timeout(PUBLISH_TIME_MAX, transport.publish(&events)).await;
    let published = published.unwrap_or_else(|_| {
        Err(TransportError {
            message: format!("no answer within {} s", PUBLISH_TIME_MAX.as_secs()),
        })
    });
    published.map_err(|error| error.to_string())?;
    log.advance(RELAY, last, shared.clock.now())
        .await
        .map_err(text)?;
    *sent = Some(last);
    Ok(last < head)
}

#[cfg(test)]
mod tests {
    use stoa_kernel::{Actor, EventId, TenantId, Timestamp};

    use super::*;

    fn event(seq: i64) -> Envelope {
        Envelope {
            id: EventId::from_u128(seq as u128),
            subject: "a.b.v1".to_owned(),
            tenant: TenantId::from_u128(1),
            cell: CellId::from_u128(1),
            epoch: 1,
            seq,
            key: String::new(),
            occurred_at: Timestamp::default(),
            actor: Actor::System,
            causation: None,
            trace: None,
            payload: serde_json::Value::Null,
        }
    }

    fn seqs(ring: &Ring, position: i64) -> Option<Vec<i64>> {
        let page = ring.after(position, 10, &["a.b.v1".to_owned()])?;
        let seqs: Vec<i64> = page.events.iter().map(|event| event.seq).collect();
        assert_eq!(page.last, seqs.last().copied());
        Some(seqs)
    }

    #[test]
    fn what_nobody_asked_for_is_left_out_and_passed() {
        let mut ring = Ring::default();
        (1..=3).for_each(|seq| ring.push(event(seq)));
        let page = ring.after(1, 10, &["a.c.v1".to_owned()]);
        let page = page.map(|page| (page.events.len(), page.last));
        assert_eq!(page, Some((0, Some(3))));
    }

    #[test]
    fn what_came_twice_or_with_a_gap_is_never_handed_on_wrongly() {
        let mut ring = Ring::default();
        for seq in [4, 5, 4, 5, 6] {
            ring.push(event(seq));
        }
        assert_eq!(seqs(&ring, 3), Some(vec![4, 5, 6]));
        assert_eq!(seqs(&ring, 5), Some(vec![6]));
        // Before what is kept, and after it: the log knows.
        assert_eq!(seqs(&ring, 2), None);
        assert_eq!(seqs(&ring, 6), None);
        ring.push(event(9));
        assert_eq!(seqs(&ring, 6), None);
        assert_eq!(seqs(&ring, 8), Some(vec![9]));
    }

    #[test]
    fn a_ring_keeps_its_newest_events() {
        let mut ring = Ring::default();
        let last = EVENTS_KEPT_MAX as i64 + 3;
        (1..=last).for_each(|seq| ring.push(event(seq)));
        assert_eq!(ring.events.len(), EVENTS_KEPT_MAX);
        assert_eq!(seqs(&ring, 2), None);
        assert_eq!(seqs(&ring, last - 1), Some(vec![last]));
    }
}
