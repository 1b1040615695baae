//! Work that waits, done as workers, the bus and the clock would. Asserts nothing itself but that it
//! does not fail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use stoa_bus::JobOutcome;
use stoa_contracts::checkout::SagaStuck;
use stoa_kernel::OrderId;
use stoa_storage::{ClaimedJob, Error, JobQueue, Tx};

use crate::shop::Shop;

const JOBS: &[&str] = &[
    "checkout.settle",
    "checkout.give_back",
    "aftersales.refund",
    "aftersales.cancel",
];
const LEASE: Duration = Duration::from_secs(60);
const ROUNDS_MAX: usize = 400;

impl Shop {
    pub(crate) async fn queue(&self) -> JobQueue {
        let tenant = self.deps.storage.tenant(self.tenant).await;
        let cell = tenant.expect(self.kind).cell;
        let queue = self.deps.storage.job_queue(cell).await;
        queue.expect(self.kind).only(JOBS)
    }

    pub(crate) async fn claim(&self) -> Vec<ClaimedJob> {
        let lease = self.deps.ids.next_u128().to_string();
        let queue = self.queue().await;
        let claimed = queue.claim(lease, self.deps.now(), LEASE, 200).await;
        claimed.expect(self.kind)
    }

    pub(crate) async fn run(&self, job: &ClaimedJob) -> JobOutcome {
        let handler = self.jobs.iter().find(|each| each.kind() == job.kind);
        handler.expect("a handler of the job's kind").run(job).await
    }

    /// Runs what is due once, as a worker does.
    pub(crate) async fn work(&self) {
        let queue = self.queue().await;
        for job in self.claim().await {
            match self.run(&job).await {
                JobOutcome::Done => queue.finish(&job).await,
                JobOutcome::Wait(at) => queue.retry(&job, at, None, false).await,
                JobOutcome::Failed(why) | JobOutcome::Dead(why) => {
                    panic!("{}: {} failed: {why}", self.kind, job.kind)
                }
            }
            .expect(self.kind);
        }
    }

    /// Works, hears and lets time pass until no job is left.
    pub(crate) async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            self.work().await;
            self.hear().await;
            let due = self.queue().await.next_due().await.expect(self.kind);
            match due {
                Some(due) => self.clock.advance(due.since(self.deps.now())),
                None => return,
            }
        }
        panic!("{}: jobs are still waiting", self.kind);
    }

    /// Brings what happened since to the consumers, as the bus would.
    pub(crate) async fn hear(&self) {
        let tenant = self.deps.storage.tenant(self.tenant).await;
        let cell = tenant.expect(self.kind).cell;
        let log = self.deps.storage.event_log(cell).await.expect(self.kind);
        while log.sequence().await.expect(self.kind) > 0 {}
        let db = self.db().await;
        let heard = self.heard.load(Ordering::SeqCst);
        for event in log.after(heard, 10_000).await.expect(self.kind) {
            self.heard.store(event.seq, Ordering::SeqCst);
            for consumer in &self.consumers {
                if event.tenant != self.tenant || !consumer.subjects().contains(&event.subject) {
                    continue;
                }
                let (consumer, event) = (consumer.clone(), event.clone());
                db.write(async move |tx: &mut Tx<'_>| {
                    consumer.handle(tx, &event).await.expect("a known fact");
                    Ok::<_, Error>(())
                })
                .await
                .expect(self.kind);
            }
        }
    }

    /// The turn of everything of ours that comes round by the clock.
    pub(crate) async fn tick(&self) {
        let tenant = self.deps.storage.tenant(self.tenant).await;
        let cell = tenant.expect(self.kind).cell;
        for recurring in &self.care.recurring {
            let done = recurring.run(cell, self.deps.now()).await;
            done.expect(self.kind);
        }
    }

    /// The sagas that people were told of as stuck.
    pub(crate) async fn stuck(&self) -> Vec<(OrderId, String)> {
        let tenant = self.deps.storage.tenant(self.tenant).await;
        let cell = tenant.expect(self.kind).cell;
        let log = self.deps.storage.event_log(cell).await.expect(self.kind);
        while log.sequence().await.expect(self.kind) > 0 {}
        let events = log.after(0, 10_000).await.expect(self.kind);
        let ours = events
            .into_iter()
            .filter(|event| event.tenant == self.tenant);
        ours.filter_map(|event| event.fact::<SagaStuck>().unwrap())
            .map(|stuck| (stuck.order, stuck.saga))
            .collect()
    }
}
