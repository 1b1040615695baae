//! When a send that failed is tried again: pauses that grow over a day.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// Before the second attempt, the third and so on: a day and a quarter in all.
const PAUSES_SECONDS: [u64; 8] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
];
/// Sends of one message; the last failure is final.
pub(crate) const TRIES_MAX: u32 = PAUSES_SECONDS.len() as u32 + 1;
/// A pause is longer by up to a tenth, so that messages that failed together part.
const JITTER_SHARE: u64 = 10;

/// The pause after the `tried`-th attempt failed; `None` where it was the last.
pub(crate) fn next_try(tried: u32, entropy: u128) -> Option<Duration> {
    let index = usize::try_from(tried).ok()?.checked_sub(1)?;
    let pause = PAUSES_SECONDS.get(index)?;
    let jitter_max = u128::from(pause * 1_000 / JITTER_SHARE);
    let jitter_ms = u64::try_from(entropy % (jitter_max + 1)).unwrap_or(0);
    Some(Duration::from_secs(*pause) + Duration::from_millis(jitter_ms))
}
