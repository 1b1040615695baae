//! Random histories on a real database stay what a model of a few lines says.

use std::collections::BTreeMap;

use stoa_contracts::inventory::ReserveError;
use stoa_kernel::{IdSource, SeededIds};

use crate::support::{Shop, everywhere, level, order, units, variant};

const STEPS: usize = 200;
const VARIANTS: u64 = 3;
const ORDERS: u64 = 6;

/// What the stock must be: on hand per variant, and who holds how much of which.
#[derive(Default)]
struct Model {
    on_hand: BTreeMap<u64, i64>,
    holds: BTreeMap<u64, BTreeMap<u64, i64>>,
}

impl Model {
    fn left(&self, variant: u64, without: Option<u64>) -> i64 {
        let held = self
            .holds
            .iter()
            .filter(|(order, _)| Some(**order) != without);
        let held: i64 = held.filter_map(|(_, lines)| lines.get(&variant)).sum();
        self.on_hand[&variant] - held
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_match_the_model() {
    for (seed, cells) in everywhere().await.into_iter().enumerate() {
        let shop = Shop::open(&cells, "model").await;
        let source = SeededIds::new(seed as u64);
        let below = |bound: u64| (source.next_u128() % u128::from(bound)) as u64;
        let mut model = Model::default();
        for at in 1..=VARIANTS {
            shop.stock(&[level(variant(at.into()), 12)]).await;
            model.on_hand.insert(at, 12);
        }
        for step in 0..STEPS {
            let buyer = 1 + below(ORDERS);
            match below(4) {
                0 => {
                    shop.release(order(buyer.into())).await;
                    model.holds.remove(&buyer);
                }
                1 => {
                    let confirmed = shop.confirm(order(buyer.into())).await;
                    assert_eq!(confirmed, model.holds.contains_key(&buyer), "step {step}");
                }
                _ => {
                    let lines: Vec<(u64, u32)> = (0..1 + below(3))
                        .map(|_| (1 + below(VARIANTS), 1 + below(4) as u32))
                        .collect();
                    let demand: Vec<_> = lines
                        .iter()
                        .map(|&(at, count)| units(variant(at.into()), count))
                        .collect();
                    let mut wanted = BTreeMap::new();
                    for (at, count) in lines {
                        *wanted.entry(at).or_insert(0) += i64::from(count);
                    }
                    let fits = wanted
                        .iter()
                        .all(|(&at, &count)| model.left(at, Some(buyer)) >= count);
                    match shop.reserve(order(buyer.into()), &demand).await {
                        Ok(()) => assert!(fits, "step {step} of {} oversold", cells.kind),
                        Err(ReserveError::Short { .. }) => assert!(!fits, "step {step}"),
                        Err(error) => panic!("{error}"),
                    }
                    if fits {
                        model.holds.insert(buyer, wanted);
                    }
                }
            }
        }
        for at in 1..=VARIANTS {
            let left = shop.left(&[variant(at.into())]).await;
            assert_eq!(left, [Some(model.left(at, None))], "{}", cells.kind);
        }
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
