//! Counters that telemetry reads. Counting is all it does.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Upper bounds of the commit-batch-size buckets; one more bucket holds the rest.
pub const BATCH_BUCKETS: [u64; 7] = [1, 2, 4, 16, 64, 128, 256];

/// What storage did since it was opened.
#[derive(Default)]
pub struct Stats {
    statements: AtomicU64,
    batches: AtomicU64,
    batched: AtomicU64,
    buckets: [AtomicU64; 8],
    pools: Mutex<Vec<deadpool_postgres::Pool>>,
}

/// A reading of [`Stats`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsReading {
    /// Statements sent to a database, transaction control not counted.
    pub statements: u64,
    /// Durable commits of SQLite writers.
    pub batches: u64,
    /// Transactions inside those commits.
    pub batched: u64,
    /// Commits per bucket of [`BATCH_BUCKETS`], then those above the last.
    pub batch_sizes: [u64; 8],
    /// PostgreSQL connections open, and those idle.
    pub connections: (u64, u64),
}

impl Stats {
    pub(crate) fn statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn batch(&self, size: usize) {
        let size = size as u64;
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.batched.fetch_add(size, Ordering::Relaxed);
        let bucket = BATCH_BUCKETS.iter().position(|bound| size <= *bound);
        self.buckets[bucket.unwrap_or(BATCH_BUCKETS.len())].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn pool(&self, pool: deadpool_postgres::Pool) {
        let mut pools = self.pools.lock();
        pools.retain(|pool| !pool.is_closed());
        pools.push(pool);
    }

    pub fn read(&self) -> StatsReading {
        let mut connections = (0, 0);
        for pool in self.pools.lock().iter() {
            let status = pool.status();
            connections.0 += status.size as u64;
            connections.1 += status.available as u64;
        }
        StatsReading {
            statements: self.statements.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            batched: self.batched.load(Ordering::Relaxed),
            batch_sizes: std::array::from_fn(|at| self.buckets[at].load(Ordering::Relaxed)),
            connections,
        }
    }
}
