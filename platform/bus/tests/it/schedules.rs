//! Work that comes round by the clock: once per interval, however many workers there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{HandlerError, Recurring};
use stoa_kernel::{CellId, Timestamp};
use stoa_storage::Isolation;
use stoa_testkit::ManualClock;

use crate::support::{Running, SCHEMA, Staff, everywhere, open, until, watchful};

const EVERY: Duration = Duration::from_secs(60);

struct Round {
    name: &'static str,
    every: Duration,
    runs: AtomicU32,
    panics: bool,
}

impl Round {
    fn new(name: &'static str, every: Duration, panics: bool) -> Arc<Self> {
        Arc::new(Self {
            name,
            every,
            runs: AtomicU32::new(0),
            panics,
        })
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Recurring for Round {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn run(&self, _: CellId, _: Timestamp) -> Result<(), HandlerError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match self.panics {
            true => panic!("on purpose"),
            false => Ok(()),
        }
    }
}

/// `programs` workers over one database take every turn together once.
async fn take_turns(url: String, programs: usize) {
    let clock = Arc::new(ManualClock::new());
    let sweep = Round::new("sweep", EVERY, false);
    // Due whenever a worker looks: tells that all have looked again.
    let looks: Vec<_> = ["look 0", "look 1"]
        .map(|name| Round::new(name, Duration::ZERO, false))
        .into_iter()
        .take(programs)
        .collect();
    let mut workers = Vec::new();
    for (seed, look) in looks.iter().enumerate() {
        let storage = open(&url, &clock, seed as u64).await;
        let staff = Staff {
            recurring: vec![sweep.clone(), look.clone()],
            ..Staff::default()
        };
        workers.push(Running::start_on(storage, clock.clone(), watchful(), staff));
    }
    for turn in 1..=3 {
        until("the turn", async || sweep.runs() == turn).await;
        // `sweep` is asked before `look`, so that two more looks mean one more asking at least.
        let seen: Vec<u32> = looks.iter().map(|look| look.runs()).collect();
        until("everyone to look again", async || {
            looks
                .iter()
                .zip(&seen)
                .all(|(look, seen)| look.runs() >= seen + 2)
        })
        .await;
        assert_eq!(sweep.runs(), turn, "{url}");
        clock.advance(EVERY);
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_comes_round_once_per_interval_across_workers() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = take_turns(format!("sqlite:{}", folder.path().display()), 1);
    let server = async {
        if let Some(server) = stoa_testkit::postgres_server() {
            take_turns(stoa_testkit::fresh_database(&server).await, 2).await;
        }
    };
    tokio::join!(file, server);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_panics_stops_neither_itself_nor_others() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let bad = Round::new("bad", Duration::ZERO, true);
    let good = Round::new("good", Duration::ZERO, false);
    let staff = Staff {
        recurring: vec![bad.clone(), good.clone()],
        ..Staff::default()
    };
    let worker = Running::start(&cells, watchful(), staff);
    until("both to run again", async || {
        bad.runs() >= 2 && good.runs() >= 2
    })
    .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_comes_round_in_every_cell() {
    for cells in everywhere().await {
        let sweep = Round::new("sweep", EVERY, false);
        let staff = Staff {
            recurring: vec![sweep.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, watchful(), staff);
        cells.tenant("one").await;
        cells.tenant("two").await;
        let expected = match cells.isolation {
            Isolation::Shared => 1,
            Isolation::Schema | Isolation::Database => 3,
        };
        until("a run in every cell", async || sweep.runs() >= expected).await;
        worker.stop().await;
        assert_eq!(sweep.runs(), expected, "{}", cells.kind);
    }
}
