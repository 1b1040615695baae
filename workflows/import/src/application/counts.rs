//! Rows of stock levels landed in one transaction: all of a batch with a few statements.

use std::collections::{HashMap, HashSet};

use stoa_contracts::inventory::{CountOutcome, CountedLevel};
use stoa_kernel::VariantId;
use stoa_storage::{Cause, Tx};

use super::Peers;
use super::batch::{LandError, Landed, Work, some_refused};
use crate::inventory::{CountRow, LOCATION, ON_HAND, SKU, issue};

/// Which variants the rows of a batch may be of.
struct Variants {
    known: HashSet<VariantId>,
    by_sku: HashMap<String, Vec<VariantId>>,
}

impl Variants {
    async fn of(tx: &mut Tx<'_>, peers: &Peers, rows: &[&CountRow]) -> Result<Self, LandError> {
        let named: Vec<VariantId> = rows.iter().filter_map(|row| row.variant).collect();
        let known: HashSet<VariantId> = match named.is_empty() {
            true => HashSet::new(),
            false => {
                let found = peers.catalog.variants(tx, &named).await?;
                found.into_iter().map(|found| found.variant).collect()
            }
        };
        let unnamed = rows
            .iter()
            .filter(|row| row.variant.is_none_or(|id| !known.contains(&id)));
        let skus = unnamed.filter(|row| !row.sku.is_empty());
        let mut skus: Vec<String> = skus.map(|row| row.sku.clone()).collect();
        skus.sort_unstable();
        skus.dedup();
        let mut by_sku: HashMap<String, Vec<VariantId>> = HashMap::new();
        if !skus.is_empty() {
            for (sku, variant) in peers.catalog.variants_of_skus(tx, &skus).await? {
                by_sku.entry(sku).or_default().push(variant);
            }
        }
        Ok(Self { known, by_sku })
    }

    fn find(&self, row: &CountRow) -> Result<VariantId, String> {
        if let Some(id) = row.variant.filter(|id| self.known.contains(id)) {
            return Ok(id);
        }
        match self.by_sku.get(&row.sku).map(Vec::as_slice) {
            Some(&[one]) => Ok(one),
            Some(several) if !several.is_empty() => {
                let count = several.len();
                Err(format!(
                    "{count} variants have this SKU; name one by its id"
                ))
            }
            _ => Err("no variant of the shop".to_owned()),
        }
    }
}

impl Landed<'_> {
    /// Sets the levels of all rows of the batch; what is refused is told by its line.
    pub(super) async fn counts(
        &mut self,
        tx: &mut Tx<'_>,
        peers: &Peers,
        cause: &Cause,
    ) -> Result<(), LandError> {
        let rows = self.batch.items.iter().filter_map(|item| match &item.work {
            Work::Count(row) => Some((item.line, &**row)),
            _ => None,
        });
        let rows: Vec<(u64, &CountRow)> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        let asked: Vec<&CountRow> = rows.iter().map(|(_, row)| *row).collect();
        let variants = Variants::of(tx, peers, &asked).await?;
        let (mut levels, mut told) = (Vec::new(), Vec::new());
        for (line, row) in rows {
            match variants.find(row) {
                Ok(variant) => {
                    levels.push(CountedLevel {
                        variant,
                        location: row.location.clone(),
                        on_hand: row.on_hand,
                        backorder: row.backorder,
                    });
                    told.push((line, row));
                }
                Err(reason) => self.refuse(line, SKU, &row.sku, reason),
            }
        }
        let outcomes = peers.inventory.count(tx, &levels, cause).await;
        for (outcome, (line, row)) in outcomes.map_err(some_refused)?.into_iter().zip(told) {
            match outcome {
                CountOutcome::Set => self.gain.products.updated += 1,
                CountOutcome::Unchanged => self.gain.products.unchanged += 1,
                CountOutcome::UnknownLocation => {
                    let name = row.location.as_deref().unwrap_or_default();
                    self.refuse(line, LOCATION, name, "no location of the shop".to_owned());
                }
                CountOutcome::BelowReserved { reserved } => {
                    let reason = format!("{reserved} are promised to orders");
                    self.refuse(line, ON_HAND, &row.on_hand.to_string(), reason);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, column: &str, value: &str, reason: String) {
        self.gain.products.rejected += 1;
        let column = Some(column.to_owned());
        self.issues.push(issue(line, column, value, reason));
    }
}
