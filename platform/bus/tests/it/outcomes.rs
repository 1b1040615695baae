//! What becomes of a job whose handler waits, fails, gives up, hangs or panics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stoa_bus::{JobHandler, JobOutcome, WorkerConfig};
use stoa_kernel::{Clock, TenantId};
use stoa_storage::{ClaimedJob, JobQueue};
use stoa_testkit::TestCells;

use crate::jobs::{enqueue, new_job};
use crate::support::{Running, Staff, everywhere, queue_of, until, watchful};

/// The longest that a failed job waits.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

#[derive(Clone)]
enum Act {
    Say(JobOutcome),
    Panic,
    Hang,
}

/// Does as told, run by run, and notes each run's attempt.
struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    attempts: Mutex<Vec<u32>>,
}

impl Scripted {
    fn new(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.into_iter().collect()),
            attempts: Mutex::default(),
        })
    }

    fn attempts(&self) -> Vec<u32> {
        self.attempts.lock().expect("a lock").clone()
    }
}

#[async_trait]
impl JobHandler for Scripted {
    fn kind(&self) -> &'static str {
        "sample.script"
    }

    async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        self.attempts.lock().expect("a lock").push(job.attempt);
        let act = self.acts.lock().expect("a lock").pop_front();
        match act {
            Some(Act::Say(outcome)) => outcome,
            Some(Act::Panic) => panic!("on purpose"),
            Some(Act::Hang) => std::future::pending().await,
            None => JobOutcome::Done,
        }
    }
}

fn say(outcome: JobOutcome) -> Act {
    Act::Say(outcome)
}

fn failed() -> Act {
    Act::Say(JobOutcome::Failed("on purpose".to_owned()))
}

struct Scene<'c> {
    cells: &'c TestCells,
    tenant: TenantId,
    queue: JobQueue,
    script: Arc<Scripted>,
    worker: Running,
}

impl<'c> Scene<'c> {
    async fn set(
        cells: &'c TestCells,
        config: WorkerConfig,
        kind: &'static str,
        attempts_max: u32,
        acts: impl IntoIterator<Item = Act>,
    ) -> Self {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let script = Scripted::new(acts);
        let staff = Staff {
            handlers: vec![script.clone()],
            ..Staff::default()
        };
        enqueue(cells, &db, new_job(cells, kind, attempts_max)).await;
        Self {
            cells,
            tenant,
            queue: queue_of(cells.storage(), tenant).await,
            script,
            worker: Running::start(cells, config, staff),
        }
    }

    async fn until_depth(&self, depth: (i64, i64)) {
        until(&format!("the queue to hold {depth:?}"), async || {
            self.queue.depth().await.expect("a read") == depth
        })
        .await;
    }

    /// Waits until the outcome of run `number` is kept, which moves the job within the backoff.
    async fn until_put_back(&self, number: usize) {
        let now = self.cells.clock.now();
        until(&format!("run {number} to be put back"), async || {
            let due = self.queue.next_due().await.expect("a read");
            self.script.attempts().len() == number
                && due.is_some_and(|due| due > now && due <= now.plus(BACKOFF_MAX))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_count_and_back_off_until_the_job_is_set_aside() {
    for cells in everywhere().await {
        let acts = [failed(), failed(), failed(), say(JobOutcome::Done)];
        let scene = Scene::set(&cells, watchful(), "sample.script", 3, acts).await;
        for number in 1..=2 {
            scene.until_put_back(number).await;
            let now = cells.clock.now();
            let due = scene
                .queue
                .next_due()
                .await
                .expect(cells.kind)
                .expect("it is kept");
            // Full jitter over 1 s, then over 2 s.
            assert!(
                due <= now.plus(Duration::from_secs(number as u64)),
                "{due:?}"
            );
            cells.clock.advance(BACKOFF_MAX);
        }
        scene.until_depth((0, 1)).await;
        cells.clock.advance(BACKOFF_MAX);
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1, 2, 3], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_no_attempt() {
    for cells in everywhere().await {
        let soon = cells.clock.now().plus(Duration::from_secs(60));
        let later = soon.plus(Duration::from_secs(60));
        let acts = [
            say(JobOutcome::Wait(soon)),
            say(JobOutcome::Wait(later)),
            failed(),
            say(JobOutcome::Done),
        ];
        let scene = Scene::set(&cells, watchful(), "sample.script", 2, acts).await;
        for number in 1..=2 {
            scene.until_put_back(number).await;
            let due = scene.queue.next_due().await.expect(cells.kind);
            assert_eq!(due, Some([soon, later][number - 1]), "{}", cells.kind);
            cells.clock.advance(Duration::from_secs(60));
        }
        scene.until_put_back(3).await;
        cells.clock.advance(BACKOFF_MAX);
        scene.until_depth((0, 0)).await;
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1, 1, 1, 2], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopeless_job_is_set_aside_at_once() {
    for cells in everywhere().await {
        let acts = [say(JobOutcome::Dead("no such order".to_owned()))];
        let scene = Scene::set(&cells, watchful(), "sample.script", 9, acts).await;
        scene.until_depth((0, 1)).await;
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_this_worker_cannot_do_is_left_for_another() {
    for cells in everywhere().await {
        let scene = Scene::set(&cells, watchful(), "sample_script", 9, []).await;
        // Enqueued after the other one, so that the worker has passed over that when it is done.
        let db = cells.db(scene.tenant).await;
        enqueue(&cells, &db, new_job(&cells, "sample.script", 9)).await;
        scene.until_depth((1, 0)).await;
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1], "{}", cells.kind);
        let (lease, now) = ("another".to_owned(), cells.clock.now());
        let left = scene.queue.claim(lease, now, watchful().lease, 9).await;
        let left = left.expect(cells.kind);
        let [job] = left.as_slice() else {
            panic!("{}: {left:?}", cells.kind);
        };
        assert_eq!((job.kind.as_str(), job.attempt), ("sample_script", 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_has_failed() {
    for cells in everywhere().await {
        let acts = [Act::Panic, say(JobOutcome::Done)];
        let scene = Scene::set(&cells, watchful(), "sample.script", 2, acts).await;
        scene.until_put_back(1).await;
        cells.clock.advance(BACKOFF_MAX);
        scene.until_depth((0, 0)).await;
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1, 2], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_has_failed_before_its_lease_ends() {
    for cells in everywhere().await {
        let config = WorkerConfig {
            lease: Duration::from_millis(200),
            ..watchful()
        };
        let scene = Scene::set(&cells, config, "sample.script", 1, [Act::Hang]).await;
        scene.until_depth((0, 1)).await;
        scene.worker.stop().await;
        assert_eq!(scene.script.attempts(), [1], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_died_runs_again() {
    for cells in everywhere().await {
        let tenant = cells.tenant("one").await;
        let db = cells.db(tenant).await;
        let queue = queue_of(cells.storage(), tenant).await;
        enqueue(&cells, &db, new_job(&cells, "sample.script", 3)).await;
        let lease = Duration::from_secs(60);
        let held = queue
            .claim("gone".to_owned(), cells.clock.now(), lease, 1)
            .await;
        assert_eq!(held.expect(cells.kind).len(), 1);
        if !cells.storage().is_embedded() {
            // On a server the holder may be alive elsewhere, so its lease must run out first.
            cells.clock.advance(lease);
        }
        let script = Scripted::new([]);
        let staff = Staff {
            handlers: vec![script.clone()],
            ..Staff::default()
        };
        let worker = Running::start(&cells, watchful(), staff);
        until("the job to run", async || {
            queue.depth().await.expect("a read") == (0, 0)
        })
        .await;
        worker.stop().await;
        assert_eq!(script.attempts(), [2], "{}", cells.kind);
    }
}
