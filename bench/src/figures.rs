//! Medians, ratios and Markdown tables. Measures nothing.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart, in microseconds.
const LATENCY_MICROS_MAX: u64 = 60_000_000;

/// Latencies in microseconds, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3).expect("the bounds are in order")
}

pub(crate) fn note(latencies: &mut Histogram<u64>, took: Duration) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    latencies.saturating_record(micros.max(1));
}

/// What one side did in one round.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) done: u64,
    pub(crate) took: Duration,
    pub(crate) latencies: Histogram<u64>,
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn millis_at(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// The middle value; of an even number, the mean of the middle two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => (sorted[even / 2 - 1] + sorted[even / 2]) / 2.0,
    }
}

pub(crate) fn rate(rounds: &[Round]) -> f64 {
    median(rounds.iter().map(Round::per_second))
}

pub(crate) fn millis(rounds: &[Round], quantile: f64) -> f64 {
    median(rounds.iter().map(|round| round.millis_at(quantile)))
}

/// `0.71 (0.68..0.74)`: the ratio of the medians, and the least and greatest of any one round.
pub(crate) fn ratio(ours: &[Round], bare: &[Round]) -> String {
    let each: Vec<f64> = ours
        .iter()
        .zip(bare)
        .map(|(ours, bare)| ours.per_second() / bare.per_second())
        .collect();
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    let most = each.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({least:.2}..{most:.2})", rate(ours) / rate(bare))
}

/// `12,345`.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A Markdown table, its columns aligned for readers of the source too.
pub(crate) fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("| {} |", padded.join(" | "))
    };
    println!("\n{title}\n");
    println!("{}", line(head.to_vec()));
    println!(
        "|{}|",
        widths
            .iter()
            .map(|width| "-".repeat(width + 2))
            .collect::<Vec<_>>()
            .join("|")
    );
    for row in rows {
        println!("{}", line(row.iter().map(String::as_str).collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middle_two() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn thousands_are_grouped() {
        let written: Vec<String> = [7.0, 999.6, 12_345.0, 1_000_000.0].map(grouped).into();
        assert_eq!(written, ["7", "1,000", "12,345", "1,000,000"]);
    }
}
