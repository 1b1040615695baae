//! What the operating system says of this process. Reads `/proc` only, and only when metrics are read.

use prometheus::{IntGauge, Registry};
use stoa_kernel::Timestamp;

/// Resident memory and start time under the names every Prometheus dashboard knows.
#[derive(Clone)]
pub(crate) struct ProcessMetrics {
    resident_bytes: IntGauge,
    threads: IntGauge,
}

impl ProcessMetrics {
    pub(crate) fn new(registry: &Registry, started_at: Timestamp) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let started = gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
        )?;
        started.set((started_at.unix_ms() / 1000) as i64);
        Ok(Self {
            resident_bytes: gauge(
                "process_resident_memory_bytes",
                "Memory of the process that is in RAM",
            )?,
            threads: gauge("process_threads", "Threads of the process")?,
        })
    }

    /// Reads the current values; leaves the last ones where `/proc` does not exist.
    pub(crate) fn refresh(&self) {
        // `status` and not `statm`: it counts in kB, so the page size need not be known.
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
            return;
        };
        if let Some(kib) = number_of(&status, "VmRSS:") {
            self.resident_bytes.set(kib * 1024);
        }
        if let Some(threads) = number_of(&status, "Threads:") {
            self.threads.set(threads);
        }
    }
}

fn number_of(status: &str, key: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_file_is_read_by_key() {
        let status = "Name:\tstoa\nVmRSS:\t   51200 kB\nThreads:\t7\n";
        assert_eq!(number_of(status, "VmRSS:"), Some(51_200));
        assert_eq!(number_of(status, "Threads:"), Some(7));
        assert_eq!(number_of(status, "VmSwap:"), None);
    }
}
