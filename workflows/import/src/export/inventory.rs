//! Stock levels as lines of a file. Asks nobody.

use std::collections::HashMap;

use stoa_contracts::catalog::ProductRecord;
use stoa_contracts::inventory::StockLevel;
use stoa_kernel::VariantId;

use super::sheet::Line;
use crate::inventory::{BACKORDER, LOCATION, ON_HAND, SKU, VARIANT_ID};

/// The first five are read again; the others are for people.
const COLUMNS: [&str; 8] = [
    SKU, LOCATION, ON_HAND, BACKORDER, VARIANT_ID, "Reserved", "Handle", "Variant",
];

pub(super) fn header() -> String {
    COLUMNS.join(",") + "\n"
}

pub(super) fn page(records: &[ProductRecord], levels: Vec<StockLevel>) -> String {
    let mut of: HashMap<VariantId, Vec<StockLevel>> = HashMap::new();
    for level in levels {
        of.entry(level.variant).or_default().push(level);
    }
    let mut out = String::new();
    for record in records {
        for (id, variant) in record.variants.iter().zip(&record.input.variants) {
            for level in of.remove(id).unwrap_or_default() {
                let mut line = Line::of_width(COLUMNS.len());
                line.text(0, variant.sku.as_deref().unwrap_or_default());
                line.text(1, &level.location_name);
                line.word(2, level.on_hand.max(0).to_string());
                line.word(3, if level.backorder { "TRUE" } else { "FALSE" });
                line.word(4, id.to_string());
                line.word(5, level.reserved.to_string());
                line.text(6, &record.input.handle);
                line.text(7, &variant.option_values.join(" / "));
                line.end(&mut out);
            }
        }
    }
    out
}
