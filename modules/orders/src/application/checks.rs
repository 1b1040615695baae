//! What callers may not ask for, whatever the order: empty or doubled lines, odd tracking. Pure.

use std::collections::HashSet;

use stoa_contracts::orders::{LineUnits, OrderEdit, OrderError, ReturnLine, Tracking};
use stoa_kernel::{LineId, Quantity};

use super::placing::invalid;
use crate::domain::units_owed_again;
use crate::infrastructure::KeptLine;

const TRACKING_BYTES_MAX: usize = 500;

/// At least one line, and none twice: the units of a line are one number.
pub(super) fn check_units(lines: &[LineUnits]) -> Result<(), OrderError> {
    match lines {
        [] => Err(invalid("lines", "must not be empty")),
        lines => check_no_twice(lines),
    }
}

pub(super) fn check_no_twice(lines: &[LineUnits]) -> Result<(), OrderError> {
    let mut seen: HashSet<LineId> = HashSet::with_capacity(lines.len());
    match lines.iter().all(|line| seen.insert(line.line_id)) {
        true => Ok(()),
        false => Err(invalid("lines", "name a line twice")),
    }
}

/// Units of a refund's lines that are not refunded any more once its money is here again.
pub(super) fn owed_again(kept: &[KeptLine], refunded: &[LineUnits]) -> Vec<LineUnits> {
    let owed = refunded.iter().filter_map(|units| {
        let line = kept.iter().find(|line| line.id == units.line_id)?;
        let stands = (
            line.quantity.as_i64(),
            line.fulfilled,
            line.returned,
            line.refunded,
        );
        let units_back = units_owed_again(units.quantity.as_i64(), stands);
        Some(LineUnits {
            line_id: line.id,
            quantity: Quantity::from_i64(units_back).ok()?,
        })
    });
    owed.collect()
}

pub(super) fn check_tracking(tracking: Option<&Tracking>) -> Result<(), OrderError> {
    let Some(tracking) = tracking else {
        return Ok(());
    };
    let parts = [
        tracking.carrier.as_ref(),
        Some(&tracking.number),
        tracking.url.as_ref(),
    ];
    if parts
        .iter()
        .flatten()
        .any(|part| part.len() > TRACKING_BYTES_MAX)
    {
        return Err(invalid("tracking", "is longer than 500 bytes"));
    }
    if tracking.number.trim().is_empty() {
        return Err(invalid("tracking.number", "must not be empty"));
    }
    let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    match &tracking.url {
        Some(url) if !is_web(url) || url.chars().any(char::is_whitespace) => {
            Err(invalid("tracking.url", "must be an http or https address"))
        }
        _ => Ok(()),
    }
}

/// Notes what arrived in the lines announced; answers the units that did.
pub(super) fn arrived(
    lines: &mut [ReturnLine],
    received: &[LineUnits],
) -> Result<Vec<LineUnits>, OrderError> {
    check_no_twice(received)?;
    for units in received {
        let line = lines.iter_mut().find(|line| line.line_id == units.line_id);
        match line {
            Some(line) if units.quantity <= line.quantity => {
                line.received = units.quantity.as_i64();
            }
            _ => return Err(invalid("received", "is more than was announced")),
        }
    }
    Ok(received.to_vec())
}

/// Units refunded of the lines that stay; a line may not shrink below them.
pub(super) fn refunded_units(
    kept: &[KeptLine],
    edit: &OrderEdit,
) -> Result<Vec<(LineId, i64)>, OrderError> {
    let mut units = Vec::new();
    for line in kept.iter().filter(|line| line.refunded > 0) {
        let new = edit.lines.iter().find(|new| new.id == line.id);
        let quantity = new.map_or(0, |new| Quantity::as_i64(new.quantity));
        if quantity < line.refunded {
            return Err(invalid("lines", "leave out units whose money went back"));
        }
        units.push((line.id, line.refunded));
    }
    Ok(units)
}
