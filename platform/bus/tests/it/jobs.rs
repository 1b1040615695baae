//! Jobs run once due, as many at once as allowed, and to their end when the worker stops.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use stoa_bus::{Consumer, HandlerError, JobHandler, JobOutcome, WorkerConfig};
use stoa_kernel::{Clock, Envelope, Fact, JobId};
use stoa_storage::{ClaimedJob, Db, NewJob, Tx};
use stoa_testkit::TestCells;
use tokio::sync::Semaphore;

use crate::support::{
    Counted, Running, Staff, emit, everywhere, queue_of, sleepy, until, watchful,
};

pub(crate) fn new_job(cells: &TestCells, kind: &'static str, attempts_max: u32) -> NewJob {
    let now = cells.clock.now();
    NewJob {
        id: cells.deps.ids.make(now),
        kind,
        unique_key: None,
        payload: json!({}),
        run_at: now,
        attempts_max,
    }
}

pub(crate) async fn enqueue(cells: &TestCells, db: &Db, job: NewJob) {
    let now = cells.clock.now();
    db.write(async move |tx: &mut Tx<'_>| tx.enqueue(&job, now).await)
        .await
        .expect("a job");
}

/// Writes down every job it does.
#[derive(Default)]
struct Diary {
    done: Mutex<Vec<JobId>>,
}

impl Diary {
    fn len(&self) -> usize {
        self.done.lock().expect("a lock").len()
    }
}

#[async_trait]
impl JobHandler for Diary {
    fn kind(&self) -> &'static str {
        "sample.note"
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        self.done.lock().expect("a lock").push(job.id);
        JobOutcome::Done
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_right_after_its_commit() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let diary: Arc<Diary> = Arc::default();
        let staff = Staff {
            handlers: vec![diary.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, sleepy(), staff);
        for number in 1..=3 {
            enqueue(&cells, &db, new_job(&cells, "sample.note", 3)).await;
            until("the job to run", async || diary.len() == number).await;
        }
        let queue = queue_of(cells.storage(), tenant).await;
        until("the queue to be empty", async || {
            queue.depth().await.expect("a read") == (0, 0)
        })
        .await;
        worker.stop().await;
        assert_eq!(diary.len(), 3, "{}", cells.kind);
    }
}

/// Enqueues a job for each fact, as a module does that must reach outside.
struct Forwarder;

#[async_trait]
impl Consumer for Forwarder {
    fn name(&self) -> &'static str {
        "forwarder"
    }

    fn subjects(&self) -> Vec<String> {
        vec![Counted::subject()]
    }

    async fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<(), HandlerError> {
        let job = NewJob {
            id: JobId::from_u128(event.id.as_u128()),
            kind: "sample.note",
            unique_key: None,
            payload: json!({}),
            run_at: event.occurred_at,
            attempts_max: 3,
        };
        tx.enqueue(&job, event.occurred_at).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_leads_to_a_job_and_the_job_runs_at_once() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let diary: Arc<Diary> = Arc::default();
        let staff = Staff {
            consumers: vec![Arc::new(Forwarder)],
            handlers: vec![diary.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, sleepy(), staff);
        let event = emit(&cells, &db, "a", 1).await;
        until("the job of the fact", async || diary.len() == 1).await;
        worker.stop().await;
        let job = JobId::from_u128(event.as_u128());
        assert_eq!(*diary.done.lock().expect("a lock"), [job], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_run_each_job_once() {
    for cells in everywhere().await {
        if cells.storage().is_embedded() {
            // One process owns a folder, so there is one worker.
            continue;
        }
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let diary: Arc<Diary> = Arc::default();
        let staff = Staff {
            handlers: vec![diary.clone()],
            ..Staff::default()
        };
        let workers = [(); 2].map(|()| Running::start(&cells, watchful(), staff.clone()));
        for _ in 0..50 {
            enqueue(&cells, &db, new_job(&cells, "sample.note", 3)).await;
        }
        let queue = queue_of(cells.storage(), tenant).await;
        until("the queue to be empty", async || {
            queue.depth().await.expect("a read") == (0, 0)
        })
        .await;
        for worker in workers {
            worker.stop().await;
        }
        let mut done = diary.done.lock().expect("a lock").clone();
        done.sort_unstable();
        done.dedup();
        assert_eq!((done.len(), diary.len()), (50, 50), "{}", cells.kind);
    }
}

/// Runs until it is let go.
struct Slow {
    began: AtomicU32,
    let_go: Semaphore,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: AtomicU32::new(0),
            let_go: Semaphore::new(0),
        })
    }

    async fn until_begun(&self, number: u32) {
        until(&format!("{number} jobs to begin"), async || {
            self.began.load(Ordering::SeqCst) == number
        })
        .await;
    }
}

#[async_trait]
impl JobHandler for Slow {
    fn kind(&self) -> &'static str {
        "sample.slow"
    }

    async fn run(&self, _: &ClaimedJob) -> JobOutcome {
        self.began.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await.expect("it is open").forget();
        JobOutcome::Done
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_jobs_run_at_once_as_are_allowed() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        let slow = Slow::new();
        for _ in 0..9 {
            enqueue(&cells, &db, new_job(&cells, "sample.slow", 3)).await;
        }
        let config = WorkerConfig {
            jobs_at_once_max: 3,
            ..sleepy()
        };
        let staff = Staff {
            handlers: vec![slow.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, config, staff);
        slow.until_begun(3).await;
        // It took no more than it may run: the other six are there for others to take.
        let (lease, now) = ("probe".to_owned(), cells.clock.now());
        let left = queue.claim(lease, now, sleepy().lease, 100).await;
        let left = left.expect(cells.kind);
        assert_eq!(left.len(), 6, "{}", cells.kind);
        for job in &left {
            queue.retry(job, now, None, false).await.expect(cells.kind);
        }
        slow.let_go.add_permits(9);
        until("the queue to be empty", async || {
            queue.depth().await.expect("a read") == (0, 0)
        })
        .await;
        worker.stop().await;
        assert_eq!(slow.began.load(Ordering::SeqCst), 9, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_finishes_what_runs_and_begins_nothing() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        let slow = Slow::new();
        let staff = Staff {
            handlers: vec![slow.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, sleepy(), staff);
        enqueue(&cells, &db, new_job(&cells, "sample.slow", 3)).await;
        slow.until_begun(1).await;
        worker.ask_to_stop();
        enqueue(&cells, &db, new_job(&cells, "sample.slow", 3)).await;
        assert!(!worker.has_stopped(), "{}: a job still runs", cells.kind);
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (2, 0),
            "{}",
            cells.kind
        );
        slow.let_go.add_permits(1);
        worker.stopped().await;
        assert_eq!(
            queue.depth().await.expect(cells.kind),
            (1, 0),
            "{}",
            cells.kind
        );
    }
}
