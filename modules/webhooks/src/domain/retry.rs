//! When a delivery is tried again, when it is given up, and when an endpoint is left alone. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stoa_kernel::Timestamp;

/// The pause after the first failed attempt, the second and so on; the last one stays.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
];
/// Pauses grow by up to this, so that deliveries that failed together do not return together.
pub(crate) const JITTER_PER_MILLE_MAX: u32 = 100;
/// Counted from the delivery's first attempt; the last attempt falls exactly here.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Failures in a row that open the circuit.
pub(crate) const OPENS_AFTER: u32 = 5;
/// While the circuit is open, one attempt in this time.
const PROBE_EVERY: Duration = Duration::from_secs(15 * 60);
/// An endpoint that failed for this long without one success is switched off.
const DISABLED_AFTER: Duration = Duration::from_secs(5 * 24 * 3_600);

/// How an endpoint has been answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Health {
    /// In a row, over all deliveries.
    pub(crate) failures: u32,
    pub(crate) failing_since: Option<Timestamp>,
    /// Nothing is sent before, while the circuit is open.
    pub(crate) not_before: Option<Timestamp>,
}

impl Health {
    pub(crate) fn is_open(self) -> bool {
        self.failures >= OPENS_AFTER
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// The receiver wants no more of it, ever.
    Gone,
    Refused,
}

/// Why a delivery failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// Tried for a day.
    GivenUp,
    /// The receiver answered 410.
    Gone,
    /// Too many were waiting for the endpoint already.
    TooManyWaiting,
}

impl Failure {
    const ALL: [Self; 3] = [Self::GivenUp, Self::Gone, Self::TooManyWaiting];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::GivenUp => "given_up",
            Self::Gone => "gone",
            Self::TooManyWaiting => "too_many_waiting",
        }
    }
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// Why an endpoint was switched off without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Disabled {
    /// It answered 410.
    Gone,
    /// It failed for days.
    Failing,
}

impl Disabled {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Gone, Self::Failing]
            .into_iter()
            .find(|one| one.as_str() == text)
    }
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    Failed(Failure),
    Again(Timestamp),
}

/// One attempt that just ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) first_at: Timestamp,
    pub(crate) at: Timestamp,
    /// 0 to [`JITTER_PER_MILLE_MAX`].
    pub(crate) jitter_per_mille: u32,
}

/// The delivery's fate, the endpoint's health from now on, and whether it is switched off.
pub(crate) fn judge(
    outcome: Outcome,
    tried: Tried,
    health: Health,
) -> (Fate, Health, Option<Disabled>) {
    if outcome == Outcome::Accepted {
        return (Fate::Delivered, Health::default(), None);
    }
    let failing_since = health.failing_since.unwrap_or(tried.at);
    let mut health = Health {
        failures: health.failures.saturating_add(1),
        failing_since: Some(failing_since),
        not_before: None,
    };
    if outcome == Outcome::Gone {
        return (Fate::Failed(Failure::Gone), health, Some(Disabled::Gone));
    }
    let mut next = tried.at.plus(pause(tried.number, tried.jitter_per_mille));
    if health.is_open() {
        let probe = tried.at.plus(PROBE_EVERY);
        health.not_before = Some(probe);
        next = next.max(probe);
    }
    let end = tried.first_at.plus(GIVEN_UP_AFTER);
    let fate = match tried.at >= end {
        true => Fate::Failed(Failure::GivenUp),
        false => Fate::Again(next.min(end)),
    };
    let over = tried.at >= failing_since.plus(DISABLED_AFTER);
    (fate, health, over.then_some(Disabled::Failing))
}

fn pause(number: u32, jitter_per_mille: u32) -> Duration {
    let index = (number.saturating_sub(1) as usize).min(PAUSES.len() - 1);
    PAUSES[index] * (1_000 + jitter_per_mille.min(JITTER_PER_MILLE_MAX)) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// Fails a delivery until it is given up; the seconds from its first attempt to each other one.
    fn all_attempts(mut health: Health, jitter_per_mille: u32) -> (Vec<u64>, Health) {
        let (mut at, mut seen) = (START, Vec::new());
        for number in 1.. {
            seen.push(at.since(START).as_secs());
            let tried = Tried {
                number,
                first_at: START,
                at,
                jitter_per_mille,
            };
            let (fate, after, _) = judge(Outcome::Refused, tried, health);
            health = after;
            match fate {
                Fate::Again(next) => at = next,
                Fate::Failed(Failure::GivenUp) => break,
                other => panic!("{other:?}"),
            }
        }
        (seen, health)
    }

    #[test]
    fn a_delivery_is_tried_nine_times_over_exactly_a_day() {
        let (exact, health) = all_attempts(Health::default(), 0);
        assert_eq!(exact, [0, 5, 65, 365, 2_165, 9_365, 27_365, 63_365, 86_400]);
        assert_eq!((health.failures, health.is_open()), (9, true));
        let (jittered, _) = all_attempts(Health::default(), 100);
        // 10 % more each, the end where it was; half seconds are cut off here.
        assert_eq!(
            jittered,
            [0, 5, 71, 401, 2_381, 10_301, 30_101, 69_701, 86_400]
        );
    }

    #[test]
    fn an_open_circuit_lets_one_probe_through_at_a_time() {
        let failing = Health {
            failures: OPENS_AFTER - 1,
            failing_since: Some(START),
            not_before: None,
        };
        let tried = Tried {
            number: 1,
            first_at: START,
            at: START,
            jitter_per_mille: 0,
        };
        let (fate, open, disabled) = judge(Outcome::Refused, tried, failing);
        let probe = START.plus(PROBE_EVERY);
        assert_eq!((fate, disabled), (Fate::Again(probe), None));
        assert_eq!(
            (open.is_open(), open.not_before, open.failures),
            (true, Some(probe), OPENS_AFTER)
        );
        let (fate, closed, _) = judge(Outcome::Accepted, tried, open);
        assert_eq!((fate, closed), (Fate::Delivered, Health::default()));
        // One failure fewer leaves it closed: the usual five seconds.
        let healthy = Health {
            failures: OPENS_AFTER - 2,
            ..failing
        };
        let (fate, still, _) = judge(Outcome::Refused, tried, healthy);
        assert_eq!(fate, Fate::Again(START.plus(Duration::from_secs(5))));
        assert_eq!((still.is_open(), still.not_before), (false, None));
    }

    #[test]
    fn days_of_failures_and_410_switch_an_endpoint_off() {
        let at = START.plus(DISABLED_AFTER);
        let tried = |at| Tried {
            number: 1,
            first_at: at,
            at,
            jitter_per_mille: 0,
        };
        let failing = Health {
            failures: 40,
            failing_since: Some(START),
            not_before: None,
        };
        let (.., disabled) = judge(Outcome::Refused, tried(at), failing);
        assert_eq!(disabled, Some(Disabled::Failing));
        let before = Timestamp::from_micros(at.micros() - 1);
        let (.., disabled) = judge(Outcome::Refused, tried(before), failing);
        assert_eq!(disabled, None);
        let (fate, _, disabled) = judge(Outcome::Gone, tried(START), Health::default());
        assert_eq!(
            (fate, disabled),
            (Fate::Failed(Failure::Gone), Some(Disabled::Gone))
        );
    }
}
