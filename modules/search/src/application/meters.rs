//! What is counted of search.

use std::time::Duration;

use stoa_telemetry::prometheus::core::Collector;
use stoa_telemetry::prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Result,
};
use stoa_telemetry::{Metrics, latency_buckets};

#[derive(Clone)]
pub(crate) struct Meters {
    answers: HistogramVec,
    commits: Histogram,
    pub(crate) documents: IntCounter,
    rebuilds: IntCounterVec,
    pub(crate) open: IntGauge,
    pub(crate) failures: IntCounter,
    pub(crate) page_hits: IntCounter,
}

impl Meters {
    /// Counts also where the names are taken already; then nobody sees it.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let meters = Self::build().expect("the names below are valid");
        let all: [Box<dyn Collector>; 7] = [
            Box::new(meters.answers.clone()),
            Box::new(meters.commits.clone()),
            Box::new(meters.documents.clone()),
            Box::new(meters.rebuilds.clone()),
            Box::new(meters.open.clone()),
            Box::new(meters.failures.clone()),
            Box::new(meters.page_hits.clone()),
        ];
        for each in all {
            if let Err(error) = metrics.registry().register(each) {
                tracing::warn!(%error, "a metric of search is not shown");
            }
        }
        meters
    }

    fn build() -> Result<Self> {
        Ok(Self {
            answers: HistogramVec::new(
                HistogramOpts::new(
                    "stoa_search_answer_duration_seconds",
                    "Time an index took to answer, by what was asked",
                )
                .buckets(latency_buckets()),
                &["kind"],
            )?,
            commits: Histogram::with_opts(
                HistogramOpts::new(
                    "stoa_search_commit_duration_seconds",
                    "Time to make changes of an index durable and visible",
                )
                .buckets(latency_buckets()),
            )?,
            documents: IntCounter::new(
                "stoa_search_documents_total",
                "Products written into indexes",
            )?,
            rebuilds: IntCounterVec::new(
                Opts::new("stoa_search_rebuilds_total", "Indexes built, by why"),
                &["reason"],
            )?,
            open: IntGauge::new("stoa_search_indexes_open", "Indexes open in this process")?,
            failures: IntCounter::new(
                "stoa_search_failures_total",
                "Answers and writes that an index failed at",
            )?,
            page_hits: IntCounter::new(
                "stoa_search_page_hits_total",
                "Answers that were in memory",
            )?,
        })
    }

    pub(crate) fn answered(&self, kind: &str, took: Duration) {
        let timer = self.answers.with_label_values(&[kind]);
        timer.observe(took.as_secs_f64());
    }

    pub(crate) fn committed(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }

    pub(crate) fn built(&self, reason: &str) {
        self.rebuilds.with_label_values(&[reason]).inc();
    }
}
