//! Goes over all cells and keeps their events, jobs and schedules moving. Holds no state that a
//! kill could lose.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use stoa_kernel::{CellId, Clock, IdSource};
use stoa_storage::{Committed, Result, Storage};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::feed::{self, Feed};
use crate::ports::{Consumer, JobHandler, Recurring, Transport};
use crate::{delivery, jobs};

#[derive(Debug, Clone, Copy)]
pub struct WorkerConfig {
    /// How long work of another process may go unnoticed; this process's own wakes the worker.
    pub poll_every: Duration,
    /// Jobs of one cell that run at once.
    pub jobs_at_once_max: usize,
    /// How long a job may run before others may take it.
    pub lease: Duration,
    /// How long handled events, answered keys and buried jobs are kept.
    pub keep: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(200),
            jobs_at_once_max: 64,
            lease: Duration::from_secs(60),
            keep: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// How often the list of cells is read again.
const CELLS_EVERY: Duration = Duration::from_secs(1);
const RETENTION_EVERY: Duration = Duration::from_secs(600);
/// Rows of a kind dropped in one transaction: few enough that no checkout waits for it.
const RETENTION_BATCH: i64 = 500;

/// Everything the loops share.
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) consumers: Vec<Arc<dyn Consumer>>,
    pub(crate) handlers: HashMap<&'static str, Arc<dyn JobHandler>>,
    pub(crate) recurring: Vec<Arc<dyn Recurring>>,
    pub(crate) config: WorkerConfig,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) feed: Feed,
}

pub struct Worker {
    shared: Arc<Shared>,
    events: watch::Receiver<u64>,
    jobs: watch::Receiver<u64>,
}

impl Worker {
    pub fn new(
        storage: Storage,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        config: WorkerConfig,
    ) -> Self {
        let (events_sender, events) = watch::channel(0_u64);
        let (jobs_sender, jobs) = watch::channel(0_u64);
        storage.on_commit(move |committed| {
            let has_event = committed
                .iter()
                .any(|one| matches!(one, Committed::Event { .. }));
            let has_job = committed
                .iter()
                .any(|one| matches!(one, Committed::Job { .. }));
            if has_event {
                events_sender.send_modify(|count| *count = count.wrapping_add(1));
            }
            if has_job {
                jobs_sender.send_modify(|count| *count = count.wrapping_add(1));
            }
        });
        let shared = Shared {
            storage,
            clock,
            ids,
            consumers: Vec::new(),
            handlers: HashMap::new(),
            recurring: Vec::new(),
            config,
            transport: None,
            feed: Feed::default(),
        };
        Self {
            shared: Arc::new(shared),
            events,
            jobs,
        }
    }

    /// Registers what the worker serves; call before [`Self::run`].
    pub fn serve(
        &mut self,
        consumers: impl IntoIterator<Item = Arc<dyn Consumer>>,
        handlers: impl IntoIterator<Item = Arc<dyn JobHandler>>,
        recurring: impl IntoIterator<Item = Arc<dyn Recurring>>,
    ) {
        let Some(shared) = Arc::get_mut(&mut self.shared) else {
            return;
        };
        shared.consumers.extend(consumers);
        shared.handlers.extend(
            handlers
                .into_iter()
                .map(|handler| (handler.kind(), handler)),
        );
        shared.recurring.extend(recurring);
    }

    /// Carries events between processes by `transport`, besides the log; call before
    /// [`Self::run`].
    pub fn carry(&mut self, transport: Arc<dyn Transport>) {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.transport = Some(transport);
        }
    }

    /// Runs until `shutdown` turns true, then finishes what is under way.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) -> Result<()> {
        let mut known: HashSet<CellId> = HashSet::new();
        let mut loops = JoinSet::new();
        if let Some(transport) = &self.shared.transport {
            let pause = self.pause(&shutdown);
            loops.spawn(feed::receive(self.shared.clone(), transport.clone(), pause));
        }
        while !is_over(&shutdown) {
            match self.shared.storage.cells().await {
                Ok(cells) => {
                    for cell in cells {
                        if known.contains(&cell) {
                            continue;
                        }
                        match self.start_cell(cell, &mut loops, &shutdown).await {
                            Ok(()) => drop(known.insert(cell)),
                            Err(error) => {
                                tracing::warn!(%error, %cell, "a cell cannot be served; trying again");
                            }
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "the list of cells cannot be read"),
            }
            tokio::select! {
                () = tokio::time::sleep(CELLS_EVERY) => {}
                _ = shutdown.changed() => {}
            }
        }
        while loops.join_next().await.is_some() {}
        Ok(())
    }

    fn pause(&self, shutdown: &watch::Receiver<bool>) -> Pause {
        Pause {
            every: self.shared.config.poll_every,
            shutdown: shutdown.clone(),
        }
    }

    async fn start_cell(
        &self,
        cell: CellId,
        loops: &mut JoinSet<()>,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<()> {
        let shared = &self.shared;
        let log = shared.storage.event_log(cell).await?;
        let kinds: Vec<&str> = shared.handlers.keys().copied().collect();
        let queue = shared.storage.job_queue(cell).await?.only(&kinds);
        for consumer in &shared.consumers {
            // Known from now on: whoever asks how far consumers are must not pass over this one.
            log.advance(consumer.name(), 0, shared.clock.now()).await?;
        }
        if shared.storage.is_embedded() {
            // Whoever held them died with the process that owned this folder before us.
            queue.free_leases(shared.clock.now()).await?;
        }
        let pause = self.pause(shutdown);
        let (head_sender, head) = watch::channel(0_i64);
        match &shared.transport {
            Some(transport) => {
                log.advance(feed::RELAY, 0, shared.clock.now()).await?;
                shared.feed.serve(cell, log.epoch(), head_sender.clone());
                loops.spawn(feed::relay(
                    shared.clone(),
                    transport.clone(),
                    log.clone(),
                    head.clone(),
                    pause.clone(),
                ));
            }
            // Nobody publishes any more: the log is not kept for it.
            None => log.forget(feed::RELAY).await?,
        }
        loops.spawn(delivery::sequence(
            log.clone(),
            self.events.clone(),
            head_sender,
            pause.clone(),
        ));
        for consumer in &shared.consumers {
            loops.spawn(delivery::consume(
                shared.clone(),
                cell,
                log.clone(),
                consumer.clone(),
                head.clone(),
                pause.clone(),
            ));
        }
        let jobs = jobs::run(
            shared.clone(),
            queue.clone(),
            self.jobs.clone(),
            pause.clone(),
        );
        loops.spawn(jobs);
        loops.spawn(run_schedules(shared.clone(), cell, pause));
        Ok(())
    }
}

/// Whether to stop; so it is, too, once nobody is left who could say so.
pub(crate) fn is_over(shutdown: &watch::Receiver<bool>) -> bool {
    *shutdown.borrow() || shutdown.has_changed().is_err()
}

/// How a loop waits between two rounds.
#[derive(Clone)]
pub(crate) struct Pause {
    every: Duration,
    shutdown: watch::Receiver<bool>,
}

impl Pause {
    /// Waits for news, the poll interval or the end; false at the end.
    pub(crate) async fn wait<T>(&mut self, news: &mut watch::Receiver<T>) -> bool {
        self.wait_until(news, self.every).await
    }

    pub(crate) async fn wait_until<T>(
        &mut self,
        news: &mut watch::Receiver<T>,
        at_most: Duration,
    ) -> bool {
        let news = async {
            if news.changed().await.is_err() {
                // Whoever sent the news is gone: the clock alone is left.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(at_most) => {}
            _ = self.shutdown.changed() => {}
        }
        !self.ended()
    }

    pub(crate) const fn every(&self) -> Duration {
        self.every
    }

    /// Waits for the end.
    pub(crate) async fn over(&mut self) {
        while !self.ended() {
            if self.shutdown.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn ended(&self) -> bool {
        is_over(&self.shutdown)
    }
}

async fn run_schedules(shared: Arc<Shared>, cell: CellId, mut pause: Pause) {
    // Nothing is ever sent: schedules go by the clock alone.
    let (_silent, mut news) = watch::channel(0_u64);
    loop {
        if let Err(error) = run_due(&shared, cell, &pause).await {
            tracing::warn!(%error, %cell, "the schedule failed; it comes round again");
        }
        if !pause.wait_until(&mut news, CELLS_EVERY).await {
            return;
        }
    }
}

async fn run_due(shared: &Shared, cell: CellId, pause: &Pause) -> Result<()> {
    let queue = shared.storage.job_queue(cell).await?;
    let now = shared.clock.now();
    for recurring in &shared.recurring {
        if queue
            .take_turn(recurring.name(), now, recurring.every())
            .await?
        {
            let run = AssertUnwindSafe(recurring.run(cell, now)).catch_unwind();
            let failure = match run.await {
                Ok(outcome) => outcome.err().map(|error| error.to_string()),
                Err(_) => Some("it panicked".to_owned()),
            };
            if let Some(error) = failure {
                let name = recurring.name();
                tracing::warn!(error, name, %cell, "scheduled work failed; it comes round again");
            }
        }
    }
    if queue
        .take_turn("storage.retention", now, RETENTION_EVERY)
        .await?
    {
        let before = now.minus(shared.config.keep);
        while queue.purge(before, RETENTION_BATCH).await? > 0 && !pause.ended() {}
        let log = shared.storage.event_log(cell).await?;
        while log.purge(before, RETENTION_BATCH).await? > 0 && !pause.ended() {}
    }
    Ok(())
}
