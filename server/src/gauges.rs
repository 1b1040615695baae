//! Storage's counters as Prometheus metrics. Reads, never acts.

use std::time::Duration;

use stoa_kernel::CellId;
use stoa_storage::{BATCH_BUCKETS, Result, Storage};
use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::core::{Collector, Desc};
use stoa_telemetry::prometheus::proto::MetricFamily;
use stoa_telemetry::prometheus::{self, IntGauge, IntGaugeVec, Opts};
use tokio::sync::watch;

/// How often queue depths are counted; counters are read at every scrape.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Gauges {
    storage: Storage,
    jobs: IntGaugeVec,
    events: IntGaugeVec,
}

impl Gauges {
    pub(crate) fn register(storage: Storage, metrics: &Metrics) -> prometheus::Result<Self> {
        let registry = metrics.registry();
        let jobs = IntGaugeVec::new(
            Opts::new(
                "stoa_jobs",
                "Background jobs, by whether they wait or were given up.",
            ),
            &["state"],
        )?;
        let events = IntGaugeVec::new(
            Opts::new(
                "stoa_events_waiting",
                "Events not yet sequenced, and behind consumers.",
            ),
            &["stage"],
        )?;
        registry.register(Box::new(jobs.clone()))?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(StorageCollector::new(storage.clone())?))?;
        Ok(Self {
            storage,
            jobs,
            events,
        })
    }

    pub(crate) async fn run(self, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow() {
            if let Err(error) = self.count().await {
                tracing::debug!(%error, "queue depths could not be counted");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    async fn count(&self) -> Result<()> {
        let mut sums = [0_i64; 4];
        for cell in self.storage.cells().await? {
            let counts = self.count_cell(cell).await?;
            sums.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        self.jobs.with_label_values(&["waiting"]).set(sums[0]);
        self.jobs.with_label_values(&["dead"]).set(sums[1]);
        self.events.with_label_values(&["unsequenced"]).set(sums[2]);
        self.events.with_label_values(&["undelivered"]).set(sums[3]);
        Ok(())
    }

    async fn count_cell(&self, cell: CellId) -> Result<[i64; 4]> {
        let (waiting, dead) = self.storage.job_queue(cell).await?.depth().await?;
        let (unsequenced, behind) = self.storage.event_log(cell).await?.lag().await?;
        Ok([waiting, dead, unsequenced, behind])
    }
}

/// Reads [`stoa_storage::Stats`] when it is scraped.
struct StorageCollector {
    storage: Storage,
    gauges: Vec<IntGauge>,
    batches: IntGaugeVec,
}

impl StorageCollector {
    fn new(storage: Storage) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        let gauges = vec![
            gauge(
                "stoa_storage_statements",
                "Statements sent to databases since the start.",
            )?,
            gauge(
                "stoa_storage_commits",
                "Durable commits of SQLite writers since the start.",
            )?,
            gauge(
                "stoa_storage_transactions",
                "Transactions inside those commits.",
            )?,
            gauge("stoa_storage_connections", "PostgreSQL connections open.")?,
            gauge(
                "stoa_storage_connections_idle",
                "PostgreSQL connections idle.",
            )?,
            gauge(
                "stoa_storage_writer_queue",
                "Transactions waiting for a SQLite writer.",
            )?,
        ];
        let batches = IntGaugeVec::new(
            Opts::new(
                "stoa_storage_commit_batch",
                "Durable commits by how many transactions they held, at most `le`.",
            ),
            &["le"],
        )?;
        Ok(Self {
            storage,
            gauges,
            batches,
        })
    }
}

impl Collector for StorageCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges
            .iter()
            .flat_map(Collector::desc)
            .chain(self.batches.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let reading = self.storage.stats().read();
        let values = [
            reading.statements,
            reading.batches,
            reading.batched,
            reading.connections.0,
            reading.connections.1,
            self.storage.queue_depth() as u64,
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut within = 0;
        for (at, count) in reading.batch_sizes.iter().enumerate() {
            within += count;
            let bound = BATCH_BUCKETS
                .get(at)
                .map_or("+Inf".to_owned(), u64::to_string);
            self.batches.with_label_values(&[&bound]).set(within as i64);
        }
        let gauges = self.gauges.iter().flat_map(Collector::collect);
        gauges.chain(self.batches.collect()).collect()
    }
}
