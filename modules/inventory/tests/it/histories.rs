//! Random histories over two places stay what a model of totals says, and re-sum to the levels.

use std::collections::BTreeMap;

use serde_json::json;
use stoa_contracts::inventory::{ReserveError, ShipError};
use stoa_kernel::{IdSource, LocationId, SeededIds};
use stoa_testkit::TestCells;

use crate::support::{Shop, everywhere, level, order, units, variant};

const STEPS: usize = 160;
const VARIANTS: u64 = 3;
const ORDERS: u64 = 5;

/// Units in all places together, and who holds how much of which.
#[derive(Default)]
struct Model {
    on_hand: BTreeMap<u64, i64>,
    holds: BTreeMap<(u64, u64), i64>,
    step: usize,
}

impl Model {
    fn held(&self, buyer: u64, at: u64) -> i64 {
        self.holds.get(&(buyer, at)).copied().unwrap_or(0)
    }
    fn left(&self, at: u64, without: Option<u64>) -> i64 {
        let others = self.holds.iter();
        let others = others.filter(|((buyer, of), _)| *of == at && Some(*buyer) != without);
        self.on_hand[&at] - others.map(|(_, units)| units).sum::<i64>()
    }
}

struct History<'c> {
    shop: Shop,
    cells: &'c TestCells,
    far: LocationId,
    source: SeededIds,
    model: Model,
}

impl History<'_> {
    fn below(&self, bound: u64) -> u64 {
        (self.source.next_u128() % u128::from(bound)) as u64
    }

    async fn reserve(&mut self, buyer: u64, more: bool) {
        let (first, second) = (1 + self.below(VARIANTS), 1 + self.below(VARIANTS));
        let mut wanted: BTreeMap<u64, i64> = BTreeMap::new();
        for at in [first, second] {
            *wanted.entry(at).or_insert(0) += 1 + self.below(3) as i64;
        }
        let demand: Vec<_> = wanted
            .iter()
            .map(|(&at, &count)| units(variant(at.into()), count as u32))
            .collect();
        let without = (!more).then_some(buyer);
        let fits = wanted
            .iter()
            .all(|(&at, &count)| self.model.left(at, without) >= count);
        let buyer_id = order(buyer.into());
        let outcome = match more {
            true => self.shop.reserve_more(buyer_id, &demand).await,
            false => self.shop.reserve(buyer_id, &demand).await,
        };
        let step = self.model.step;
        match outcome {
            Ok(()) => assert!(fits, "{}: step {step} oversold", self.cells.kind),
            Err(ReserveError::Short { .. }) => assert!(!fits, "{}: {step}", self.cells.kind),
            Err(error) => panic!("{error}"),
        }
        if !fits {
            return;
        }
        if !more {
            self.model.holds.retain(|(of, _), _| *of != buyer);
        }
        for (at, count) in wanted {
            *self.model.holds.entry((buyer, at)).or_insert(0) += count;
        }
    }

    async fn ship(&mut self, buyer: u64) {
        let (at, count) = (1 + self.below(VARIANTS), 1 + self.below(3));
        let goods = [units(variant(at.into()), count as u32)];
        let held = self.model.held(buyer, at);
        match self.shop.ship(order(buyer.into()), &goods, None).await {
            Ok(taken) => {
                assert!(held >= count as i64, "step {}", self.model.step);
                if self.below(3) == 0 {
                    self.shop.unship(order(buyer.into()), &taken).await;
                    return;
                }
                *self.model.on_hand.entry(at).or_insert(0) -= count as i64;
                *self.model.holds.entry((buyer, at)).or_insert(0) -= count as i64;
            }
            Err(ShipError::NotHeld { held: found, .. }) => assert_eq!(found, held),
            Err(error) => panic!("{error}"),
        }
    }

    async fn give_back(&mut self, buyer: u64) {
        if self.below(2) == 0 {
            self.shop.release(order(buyer.into())).await;
            self.model.holds.retain(|(of, _), _| *of != buyer);
            return;
        }
        let (at, count) = (1 + self.below(VARIANTS), 1 + self.below(3));
        let goods = [units(variant(at.into()), count as u32)];
        let back = self.shop.release_units(order(buyer.into()), &goods).await;
        assert_eq!(back, self.model.held(buyer, at).min(count as i64));
        *self.model.holds.entry((buyer, at)).or_insert(0) -= back;
    }

    async fn restock(&mut self, buyer: u64) {
        let (at, count) = (1 + self.below(VARIANTS), 1 + self.below(3));
        let place = (self.below(2) == 0).then_some(self.far);
        let goods = [units(variant(at.into()), count as u32)];
        let back = self.shop.restock(order(buyer.into()), &goods, place).await;
        back.expect("a place of the shop");
        *self.model.on_hand.entry(at).or_insert(0) += count as i64;
    }

    /// A transfer moves nothing in total, once it arrived or was canceled.
    async fn transfer(&mut self) {
        let list = "/api/v1/admin/inventory/transfers";
        let (at, count) = (1 + self.below(VARIANTS), 1 + self.below(3));
        let here = LocationId::from_u128(0);
        let ends = match self.below(2) {
            0 => (here, self.far),
            _ => (self.far, here),
        };
        let body = json!({
            "origin_id": ends.0, "destination_id": ends.1,
            "lines": [{ "variant_id": variant(at.into()), "units": count }],
        });
        let step = self.model.step;
        let drafted = self.shop.post(list, &format!("d{step}"), &body).await;
        let id = drafted.json["id"].as_str().expect("an id").to_owned();
        let end = if self.below(2) == 0 {
            "receive"
        } else {
            "cancel"
        };
        let act = async |act: &str| {
            let key = format!("{act}{step}");
            self.shop
                .post(&format!("{list}/{id}/{act}"), &key, &json!({}))
                .await
                .status
        };
        match act("send").await {
            200 => assert_eq!(act(end).await, 200, "step {step}"),
            status => assert_eq!(status, 409, "step {step}"),
        }
    }

    async fn go(&mut self) {
        for step in 0..STEPS {
            self.model.step = step;
            let buyer = 1 + self.below(ORDERS);
            match self.below(9) {
                0..=2 => self.reserve(buyer, false).await,
                3 => self.reserve(buyer, true).await,
                4 => self.give_back(buyer).await,
                5 | 6 => self.ship(buyer).await,
                7 => self.restock(buyer).await,
                _ => self.transfer().await,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_over_two_places_match_the_model_and_re_sum() {
    for (seed, cells) in everywhere().await.into_iter().enumerate() {
        let shop = Shop::open(&cells, "model").await;
        let far = shop
            .add_place(json!({ "name": "Far", "priority": 1 }))
            .await;
        let mut history = History {
            shop,
            cells: &cells,
            far,
            source: SeededIds::new(40 + seed as u64),
            model: Model::default(),
        };
        for at in 1..=VARIANTS {
            history.shop.stock(&[level(variant(at.into()), 9)]).await;
            history.shop.put_on(variant(at.into()), far, 6).await;
            history.model.on_hand.insert(at, 15);
        }
        history.go().await;
        for at in 1..=VARIANTS {
            let left = history.shop.left(&[variant(at.into())]).await;
            assert_eq!(left, [Some(history.model.left(at, None))], "{}", cells.kind);
        }
        assert!(history.shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}
