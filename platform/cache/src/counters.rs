//! The metrics of caches. Handles are looked up once, not per read.

use std::sync::Arc;
use std::time::Duration;

use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::{
    self, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts,
};

use crate::shared::Operation;

/// From 0.1 ms, Redis beside us, to the time that nobody waits for.
const REDIS_BUCKETS: [f64; 9] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.1,
];

/// How a read of a key ended; all but `Filled` are hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    Memory,
    Stale,
    Joined,
    Shared,
    Filled,
}

/// How a fill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FillEnd {
    Kept,
    Raced,
    Unfit,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedisEnd {
    Answered,
    Failed,
    Late,
    LeftAlone,
}

pub(crate) struct SpaceCounters {
    reads: [IntCounter; 5],
    fills: [IntCounter; 4],
    pub(crate) evicted_for_size: IntCounter,
    pub(crate) evicted_for_age: IntCounter,
    entries: IntGauge,
    bytes: IntGauge,
}

impl SpaceCounters {
    pub(crate) fn read(&self, end: ReadEnd) {
        self.reads[end as usize].inc();
    }
    pub(crate) fn fill(&self, end: FillEnd) {
        self.fills[end as usize].inc();
    }
    pub(crate) fn holds(&self, entries: u64, bytes: u64) {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

pub(crate) struct RedisCounters {
    took: [Histogram; 3],
    ends: [[IntCounter; 4]; 3],
    /// 1 while Redis is used.
    pub(crate) open: IntGauge,
    /// Invalidations and positions that Redis is yet to be told.
    pub(crate) untold: IntGauge,
}

impl RedisCounters {
    pub(crate) fn took(&self, operation: Operation, time: Duration) {
        self.took[operation as usize].observe(time.as_secs_f64());
    }
    pub(crate) fn ended(&self, operation: Operation, end: RedisEnd) {
        self.ends[operation as usize][end as usize].inc();
    }
}

pub(crate) struct PurgeCounters {
    pub(crate) sent: IntCounter,
    pub(crate) retried: IntCounter,
    pub(crate) given_up: IntCounter,
    pub(crate) waiting: IntGauge,
}

pub(crate) struct Counters {
    reads: IntCounterVec,
    fills: IntCounterVec,
    evictions: IntCounterVec,
    entries: IntGaugeVec,
    bytes: IntGaugeVec,
    pub(crate) redis: Arc<RedisCounters>,
    pub(crate) purges: Arc<PurgeCounters>,
}

impl Counters {
    pub(crate) fn register(metrics: &Metrics) -> prometheus::Result<Self> {
        let registry = metrics.registry();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            prometheus::Result::Ok(made)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            prometheus::Result::Ok(made)
        };
        let purges = counter(
            "stoa_cache_purged_tags_total",
            "Tags purged at CDNs",
            &["end"],
        )?;
        let waiting = gauge(
            "stoa_cache_purges_waiting",
            "Tags to be purged at CDNs",
            &[],
        )?;
        let purges = PurgeCounters {
            sent: purges.with_label_values(&["sent"]),
            retried: purges.with_label_values(&["retried"]),
            given_up: purges.with_label_values(&["given_up"]),
            waiting: waiting.with_label_values::<&str>(&[]),
        };
        let space = &["space"];
        Ok(Self {
            reads: counter(
                "stoa_cache_reads_total",
                "Reads of keys by what answered them; all but `fill` are hits",
                &["space", "by"],
            )?,
            fills: counter(
                "stoa_cache_fills_total",
                "Reads of a source by what became of them",
                &["space", "end"],
            )?,
            evictions: counter(
                "stoa_cache_evictions_total",
                "Entries dropped from memory",
                &["space", "cause"],
            )?,
            entries: gauge("stoa_cache_entries", "Entries in memory, about", space)?,
            bytes: gauge(
                "stoa_cache_bytes",
                "Bytes of entries in memory, about",
                space,
            )?,
            redis: Arc::new(redis(registry)?),
            purges: Arc::new(purges),
        })
    }

    pub(crate) fn space(&self, name: &str) -> SpaceCounters {
        let read = |by: &str| self.reads.with_label_values(&[name, by]);
        let fill = |end: &str| self.fills.with_label_values(&[name, end]);
        let eviction = |cause: &str| self.evictions.with_label_values(&[name, cause]);
        SpaceCounters {
            // In the order of `ReadEnd` and `FillEnd`.
            reads: ["memory", "stale", "joined", "redis", "fill"].map(read),
            fills: ["kept", "raced", "unfit", "failed"].map(fill),
            evicted_for_size: eviction("size"),
            evicted_for_age: eviction("age"),
            entries: self.entries.with_label_values(&[name]),
            bytes: self.bytes.with_label_values(&[name]),
        }
    }
}

fn redis(registry: &prometheus::Registry) -> prometheus::Result<RedisCounters> {
    let took = HistogramVec::new(
        HistogramOpts::new(
            "stoa_cache_redis_seconds",
            "Time until Redis answered, where it did in time",
        )
        .buckets(REDIS_BUCKETS.to_vec()),
        &["operation"],
    )?;
    let ends = IntCounterVec::new(
        Opts::new("stoa_cache_redis_total", "Questions to Redis by their end"),
        &["operation", "end"],
    )?;
    let open = IntGauge::new(
        "stoa_cache_redis_open",
        "1 while Redis is used, 0 while the breaker leaves it alone",
    )?;
    let untold = IntGauge::new(
        "stoa_cache_redis_untold",
        "Invalidations and positions that Redis is yet to be told",
    )?;
    registry.register(Box::new(took.clone()))?;
    registry.register(Box::new(ends.clone()))?;
    registry.register(Box::new(open.clone()))?;
    registry.register(Box::new(untold.clone()))?;
    // In the order of `Operation` and `RedisEnd`.
    let operations = ["read", "store", "tell"];
    let of = |operation: &str| {
        ["answered", "failed", "late", "left_alone"]
            .map(|end| ends.with_label_values(&[operation, end]))
    };
    Ok(RedisCounters {
        took: operations.map(|operation| took.with_label_values(&[operation])),
        ends: operations.map(of),
        open,
        untold,
    })
}
