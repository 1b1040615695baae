//! What lines of carts and orders take from the shelves: a bundle's line takes what the bundle is made
//! of, any other its own variant. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{QUANTITY_MAX, Quantity, VariantId};
use stoa_storage::{Error, Tx};

use crate::catalog::{Catalog, VariantSnapshot};
use crate::inventory::{Demand, Shortage};

/// A part of a bundle, kept with the line that sold it: what is held for the line, sent and taken back
/// stays the same, however the bundle is made up later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineComponent {
    pub variant_id: VariantId,
    /// Units in one unit of the bundle.
    pub quantity: u32,
    pub title: String,
    pub variant_title: String,
    pub sku: Option<String>,
}

/// So many units of a line.
#[derive(Debug, Clone, Copy)]
pub struct LineGoods<'l> {
    pub variant: VariantId,
    pub units: i64,
    /// Empty where the line's variant is no bundle.
    pub components: &'l [LineComponent],
}

impl LineGoods<'_> {
    /// What one unit of the line takes.
    fn each_takes(&self) -> impl Iterator<Item = (VariantId, i64)> {
        let own = self.components.is_empty().then_some((self.variant, 1));
        let parts = self.components.iter();
        own.into_iter()
            .chain(parts.map(|part| (part.variant_id, i64::from(part.quantity))))
    }
}

/// What those of these variants that are bundles take, by bundle; asks nothing where none of them is
/// one. A bundle of which a part is gone from the catalog is absent: it cannot be sold.
pub async fn components_of(
    catalog: &dyn Catalog,
    tx: &mut Tx<'_>,
    snapshots: impl IntoIterator<Item = &VariantSnapshot>,
) -> Result<BTreeMap<VariantId, Vec<LineComponent>>, Error> {
    let bundles = snapshots.into_iter().filter(|each| each.bundle);
    let bundles: Vec<VariantId> = bundles.map(|each| each.variant).collect();
    if bundles.is_empty() {
        return Ok(BTreeMap::new());
    }
    let components = catalog.components(tx, &bundles).await?;
    let parts: Vec<VariantId> = components.iter().map(|each| each.variant).collect();
    let parts = catalog.variants(tx, &parts).await?;
    let parts: BTreeMap<VariantId, VariantSnapshot> =
        parts.into_iter().map(|each| (each.variant, each)).collect();
    let mut made: BTreeMap<VariantId, Option<Vec<LineComponent>>> = BTreeMap::new();
    for component in components {
        let whole = made.entry(component.bundle);
        let whole = whole.or_insert_with(|| Some(Vec::new()));
        match (parts.get(&component.variant), whole.as_mut()) {
            (Some(part), Some(list)) => list.push(LineComponent {
                variant_id: component.variant,
                quantity: component.quantity,
                title: part.product_title.clone(),
                variant_title: part.variant_title.clone(),
                sku: part.sku.clone(),
            }),
            _ => *whole = None,
        }
    }
    let made = made.into_iter();
    Ok(made
        .filter_map(|(bundle, whole)| Some((bundle, whole?)))
        .collect())
}

/// Units per variant, over all lines.
pub fn units_taken(lines: &[LineGoods<'_>]) -> BTreeMap<VariantId, i64> {
    let mut taken = BTreeMap::new();
    for line in lines {
        for (variant, each) in line.each_takes() {
            *taken.entry(variant).or_insert(0) += each * line.units;
        }
    }
    taken
}

/// What the lines take, as stock is asked for it: in variant order.
pub fn demand_of(lines: &[LineGoods<'_>]) -> Vec<Demand> {
    demanded(&units_taken(lines))
}

/// Those of these units that are above zero; more than one quantity holds are asked for in parts.
pub fn demanded(units: &BTreeMap<VariantId, i64>) -> Vec<Demand> {
    let mut demand = Vec::with_capacity(units.len());
    for (&variant, &units) in units {
        let mut rest = units;
        while let Ok(quantity) = Quantity::from_i64(rest.min(i64::from(QUANTITY_MAX))) {
            demand.push(Demand { variant, quantity });
            rest -= quantity.as_i64();
        }
    }
    demand
}

/// How many units of a variant's lines can be had where `left` tells what is left of each stock (`None`
/// is no end of it), while the other lines keep what they take. `None` is no end.
pub fn left_beside(
    lines: &[LineGoods<'_>],
    variant: VariantId,
    left: impl Fn(VariantId) -> Option<i64>,
) -> Option<i64> {
    let others: Vec<LineGoods<'_>> = lines
        .iter()
        .filter(|line| line.variant != variant)
        .copied()
        .collect();
    let taken = units_taken(&others);
    let own = lines.iter().filter(|line| line.variant == variant);
    let of_part = own.flat_map(|line| {
        line.each_takes().filter_map(|(part, each)| {
            let left = left(part)? - taken.get(&part).copied().unwrap_or(0);
            Some(left.max(0) / each.max(1))
        })
    });
    of_part.min()
}

/// Shortages of stock in terms of the lines that need it: how many of each could be had beside the
/// others. In the order of the lines.
pub fn shortages_of_lines(lines: &[LineGoods<'_>], shortages: &[Shortage]) -> Vec<Shortage> {
    let left: BTreeMap<VariantId, i64> = shortages
        .iter()
        .map(|short| (short.variant, short.available))
        .collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for line in lines {
        if !told.insert(line.variant) {
            continue;
        }
        let available = left_beside(lines, line.variant, |part| left.get(&part).copied());
        if let Some(available) = available {
            let own = lines.iter().filter(|each| each.variant == line.variant);
            found.push(Shortage {
                variant: line.variant,
                asked: own.map(|line| line.units).sum(),
                available,
            });
        }
    }
    found
}

/// How many units of each line's variant, and of each part, are left for anybody at all, whatever else
/// they buy: who asks for more than that need not try. Of what is short.
pub fn left_for_anybody(lines: &[LineGoods<'_>], shortages: &[Shortage]) -> Vec<(VariantId, i64)> {
    let mut left: BTreeMap<VariantId, i64> = shortages
        .iter()
        .map(|short| (short.variant, short.available))
        .collect();
    let stock = left.clone();
    for line in lines.iter().filter(|line| !line.components.is_empty()) {
        let alone = [LineGoods { units: 1, ..*line }];
        if let Some(units) = left_beside(&alone, line.variant, |part| stock.get(&part).copied()) {
            left.insert(line.variant, units);
        }
    }
    left.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: VariantId = VariantId::from_u128(1);
    const POT: VariantId = VariantId::from_u128(2);
    const CUP: VariantId = VariantId::from_u128(3);

    fn part(variant: VariantId, quantity: u32) -> LineComponent {
        LineComponent {
            variant_id: variant,
            quantity,
            title: "Part".to_owned(),
            variant_title: "Default".to_owned(),
            sku: None,
        }
    }

    fn goods(variant: VariantId, units: i64, components: &[LineComponent]) -> LineGoods<'_> {
        LineGoods {
            variant,
            units,
            components,
        }
    }

    fn short(variant: VariantId, asked: i64, available: i64) -> Shortage {
        Shortage {
            variant,
            asked,
            available,
        }
    }

    #[test]
    fn a_bundle_takes_its_parts_and_what_is_bought_alone_is_added() {
        let parts = [part(POT, 1), part(CUP, 4)];
        let lines = [goods(SET, 2, &parts), goods(CUP, 3, &[])];
        assert_eq!(units_taken(&lines), BTreeMap::from([(POT, 2), (CUP, 11)]));
        let demand = demand_of(&lines);
        let demand: Vec<(VariantId, u32)> = demand
            .iter()
            .map(|each| (each.variant, each.quantity.get()))
            .collect();
        assert_eq!(demand, [(POT, 2), (CUP, 11)]);
    }

    #[test]
    fn more_than_a_quantity_holds_is_asked_for_in_parts() {
        let parts = [part(CUP, 1_000)];
        let lines = [goods(SET, 2_500, &parts)];
        let demand = demand_of(&lines);
        let units: Vec<u32> = demand.iter().map(|each| each.quantity.get()).collect();
        assert_eq!(units, [1_000_000, 1_000_000, 500_000]);
        assert_eq!(demanded(&BTreeMap::from([(CUP, 0), (POT, -3)])), []);
    }

    #[test]
    fn a_shortage_is_told_of_the_lines_that_need_the_part() {
        let parts = [part(POT, 1), part(CUP, 4)];
        let lines = [
            goods(SET, 3, &parts),
            goods(CUP, 2, &[]),
            goods(POT, 1, &[]),
        ];
        // 14 cups are wanted and 11 are there: two sets beside the two cups, none beside three sets.
        let told = shortages_of_lines(&lines, &[short(CUP, 14, 11)]);
        assert_eq!(told, [short(SET, 3, 2), short(CUP, 2, 0)]);
        let anybody = left_for_anybody(&lines, &[short(CUP, 14, 11)]);
        assert_eq!(anybody, [(SET, 2), (CUP, 11)]);
    }

    #[test]
    fn without_bundles_shortages_stay_what_they_are() {
        let lines = [goods(POT, 2, &[]), goods(CUP, 3, &[]), goods(POT, 4, &[])];
        let shortages = [short(POT, 6, 5)];
        assert_eq!(shortages_of_lines(&lines, &shortages), shortages);
        assert_eq!(left_for_anybody(&lines, &shortages), [(POT, 5)]);
    }

    #[test]
    fn the_scarcest_part_says_how_many_there_are_and_what_has_no_end_says_nothing() {
        let parts = [part(POT, 1), part(CUP, 4)];
        let lines = [goods(SET, 1, &parts)];
        let both = |variant| Some(if variant == POT { 3 } else { 7 });
        assert_eq!(left_beside(&lines, SET, both), Some(1));
        let pots = |variant| (variant == POT).then_some(3);
        assert_eq!(left_beside(&lines, SET, pots), Some(3));
        assert_eq!(left_beside(&lines, SET, |_| None), None);
        assert_eq!(left_beside(&lines, SET, |_| Some(-2)), Some(0));
    }
}
