//! Follows the events of all cells from now on, for caches. Keeps no position: a cache that starts
//! is empty.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stoa_kernel::{CellId, Envelope};
use stoa_storage::{Result, Storage};
use tokio::sync::watch;

use crate::worker::is_over;

const READ_MAX: i64 = 1_000;

/// Calls `on_event` for every event sequenced after the call, until `shutdown` turns true.
/// `on_gap` is called where events may have been missed: forget everything then. So it is at the
/// beginning, once it is known from where the events are followed: what was read before may be
/// older than the first of them.
pub async fn tail(
    storage: Storage,
    every: Duration,
    on_event: Arc<dyn Fn(&Envelope) + Send + Sync>,
    on_gap: Arc<dyn Fn() + Send + Sync>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut positions: HashMap<CellId, i64> = HashMap::new();
    let mut missed = true;
    while !is_over(&shutdown) {
        match follow(&storage, &mut positions, &on_event).await {
            Ok(()) if missed => {
                missed = false;
                on_gap();
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the event log cannot be followed");
                missed = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = shutdown.changed() => {}
        }
    }
}

async fn follow(
    storage: &Storage,
    positions: &mut HashMap<CellId, i64>,
    on_event: &Arc<dyn Fn(&Envelope) + Send + Sync>,
) -> Result<()> {
    // A cell that comes later is followed from its first event.
    let is_first = positions.is_empty();
    for cell in storage.cells().await? {
        let log = storage.event_log(cell).await?;
        let position = match positions.get(&cell) {
            Some(position) => *position,
            None => {
                let start = if is_first { log.head().await? } else { 0 };
                positions.insert(cell, start);
                start
            }
        };
        let events = log.after(position, READ_MAX).await?;
        for event in &events {
            on_event(event);
        }
        if let Some(last) = events.last() {
            positions.insert(cell, last.seq);
        }
    }
    Ok(())
}
