//! What is counted of the calls to providers. Decides nothing.

use stoa_telemetry::Metrics;
use stoa_telemetry::prometheus::{IntCounter, IntCounterVec, Opts, Result};

use crate::provider::ProviderError;

#[derive(Clone)]
pub(super) struct Meters {
    calls: IntCounterVec,
    forgotten: IntCounter,
}

impl Meters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self::build(metrics).expect("the names below are valid and each registered once")
    }

    fn build(metrics: &Metrics) -> Result<Self> {
        let calls = Opts::new(
            "stoa_payment_provider_calls_total",
            "Calls to payment providers",
        );
        let meters = Self {
            calls: IntCounterVec::new(calls, &["kind", "step", "outcome"])?,
            forgotten: IntCounter::new(
                "stoa_payments_forgotten_total",
                "Answers of payment providers that they know no such payment",
            )?,
        };
        metrics
            .registry()
            .register(Box::new(meters.calls.clone()))?;
        metrics
            .registry()
            .register(Box::new(meters.forgotten.clone()))?;
        Ok(meters)
    }

    pub(super) fn count<T>(
        &self,
        kind: &'static str,
        step: &'static str,
        answer: &std::result::Result<T, ProviderError>,
    ) {
        let outcome = match answer {
            Ok(_) => "answered",
            Err(ProviderError::Refused { .. }) => "refused",
            Err(ProviderError::Forgotten) => "forgotten",
            Err(ProviderError::Failed { .. }) => "failed",
            Err(ProviderError::Unknown { .. }) => "unknown",
        };
        self.calls.with_label_values(&[kind, step, outcome]).inc();
        if matches!(answer, Err(ProviderError::Forgotten)) {
            self.forgotten.inc();
        }
    }
}
