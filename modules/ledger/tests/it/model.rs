//! Random histories on a real database stay what a model of a few lines says, and every entry and
//! account stays the sum of its lines.

use std::collections::BTreeMap;

use serde_json::json;
use stoa_contracts::ledger::{GiftCardError, Posting};
use stoa_kernel::{AttemptId, IdSource, SeededIds};

use crate::support::{Card, Shop, customer, eur, everywhere, order, refund};

const STEPS: usize = 250;
const CARDS: usize = 3;
const ORDERS: u64 = 6;
/// How often the books are summed in between.
const STEPS_PER_AUDIT: usize = 50;
/// The customer's credit, in the model, comes after the cards.
const CREDIT: usize = CARDS;

/// What must be so: balances per card (the credit last), what orders hold and have spent.
#[derive(Default)]
struct Model {
    balance: BTreeMap<usize, i64>,
    holds: BTreeMap<u64, Vec<(usize, i64)>>,
    spends: BTreeMap<u64, Vec<(usize, i64)>>,
    clearing: i64,
    sales: i64,
    given_away: i64,
}

impl Model {
    fn held(&self, wallet: usize, without: Option<u64>) -> i64 {
        let others = self
            .holds
            .iter()
            .filter(|(buyer, _)| Some(**buyer) != without);
        let parts = others.flat_map(|(_, parts)| parts);
        parts
            .filter(|(at, _)| *at == wallet)
            .map(|(_, amount)| amount)
            .sum()
    }

    fn free(&self, wallet: usize, without: Option<u64>) -> i64 {
        self.balance[&wallet] - self.held(wallet, without)
    }

    /// `None` where a card is empty.
    fn hold(&self, buyer: u64, cards: &[usize], due: i64) -> Option<Vec<(usize, i64)>> {
        let (mut left, mut parts) = (due, Vec::new());
        for &card in cards {
            let free = self.free(card, Some(buyer));
            if free == 0 {
                return None;
            }
            parts.push((card, free.min(left)));
            left -= free.min(left);
        }
        parts.push((CREDIT, self.free(CREDIT, Some(buyer)).min(left)));
        parts.retain(|(_, amount)| *amount > 0);
        Some(parts)
    }

    fn spend(&mut self, buyer: u64) {
        for (wallet, amount) in self.holds.remove(&buyer).unwrap_or_default() {
            self.put(wallet, -amount);
            self.sales += amount;
            self.spends.entry(buyer).or_default().push((wallet, amount));
        }
    }

    fn give_back(&mut self, buyer: u64, amount: i64) -> i64 {
        let mut left = amount;
        let mut back = Vec::new();
        for (wallet, spent) in self.spends.entry(buyer).or_default().iter_mut().rev() {
            let part = left.min(*spent);
            *spent -= part;
            left -= part;
            back.push((*wallet, part));
        }
        for (wallet, part) in back {
            self.put(wallet, part);
            self.sales -= part;
        }
        amount - left
    }

    fn put(&mut self, wallet: usize, amount: i64) {
        *self.balance.entry(wallet).or_insert(0) += amount;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_match_the_model_and_always_add_up() {
    for (seed, cells) in everywhere().await.into_iter().enumerate() {
        let shop = Shop::open(&cells, "model").await;
        let source = SeededIds::new(100 + seed as u64);
        let below = |bound: u64| (source.next_u128() % u128::from(bound)) as u64;
        let mut model = Model::default();
        let mut cards: Vec<Card> = Vec::new();
        for at in 0..CARDS {
            cards.push(shop.card(200).await);
            model.put(at, 200);
        }
        model.given_away = 200 * CARDS as i64;
        model.put(CREDIT, 0);
        for step in 0..STEPS {
            let context = format!("seed {seed}, step {step} of {}", cells.kind);
            let buyer = 1 + below(ORDERS);
            let (id, amount) = (order(buyer.into()), 1 + below(120) as i64);
            match below(9) {
                0..=2 => {
                    let mut picked: Vec<usize> = (0..CARDS).filter(|_| below(2) == 0).collect();
                    let turn = below(3) as usize % picked.len().max(1);
                    picked.rotate_left(turn);
                    if model.spends.get(&buyer).map_or(0, Vec::len) > 5 {
                        continue;
                    }
                    hold(&shop, &mut model, &cards, buyer, &picked, amount, &context).await;
                }
                3 => {
                    model.spend(buyer);
                    shop.spend(id).await;
                }
                4 => {
                    model.holds.remove(&buyer);
                    shop.release(id).await;
                }
                5 => {
                    let back = shop.give_back(id, refund(step as u128), amount).await;
                    assert_eq!(back, model.give_back(buyer, amount), "{context}");
                }
                6 => {
                    shop.credit(customer(1), refund(step as u128), amount).await;
                    model.put(CREDIT, amount);
                    model.sales -= amount;
                }
                7 => {
                    let posting = captured(step as u128);
                    let posted = shop.post(1_000 + step as u128, id, posting, eur(amount));
                    posted.await.expect(&context);
                    model.clearing += amount;
                    model.sales += amount;
                }
                _ => {
                    let amount = amount - 60;
                    let fits = amount != 0 && model.free(CREDIT, None) + amount >= 0;
                    let answer = shop.adjust(customer(1), amount).await;
                    assert_eq!(answer.status == 200, fits, "{context}: {}", answer.json);
                    if fits {
                        model.put(CREDIT, amount);
                        model.given_away += amount;
                    }
                }
            }
            if step % STEPS_PER_AUDIT == 0 {
                agree(&shop, &model, &cards, &context).await;
            }
        }
        agree(&shop, &model, &cards, "at the end").await;
    }
}

fn captured(attempt: u128) -> Posting {
    Posting::Captured {
        provider: "test".to_owned(),
        attempt: AttemptId::from_u128(attempt),
    }
}

/// Asks both for the same, and expects the same answer.
async fn hold(
    shop: &Shop,
    model: &mut Model,
    cards: &[Card],
    buyer: u64,
    picked: &[usize],
    due: i64,
    context: &str,
) {
    let given: Vec<&Card> = picked.iter().map(|&at| &cards[at]).collect();
    let answer = shop.hold(order(buyer.into()), &given, Some(customer(1)), due);
    match (answer.await, model.hold(buyer, picked, due)) {
        (Ok(held), Some(parts)) => {
            let sum: i64 = parts.iter().map(|(_, part)| part).sum();
            assert_eq!(held, sum, "{context}");
            model.holds.insert(buyer, parts);
        }
        (Err(GiftCardError::Refused { .. }), None) => {}
        (answer, model) => panic!("{context}: {answer:?} against {model:?}"),
    }
}

async fn agree(shop: &Shop, model: &Model, cards: &[Card], context: &str) {
    let none: Vec<serde_json::Value> = Vec::new();
    assert_eq!(shop.mismatches().await, none, "{context}");
    for (at, card) in cards.iter().enumerate() {
        let expected = (model.balance[&at], model.held(at, None));
        assert_eq!(shop.on(card).await, expected, "{context}");
    }
    let expected = (model.balance[&CREDIT], model.held(CREDIT, None));
    assert_eq!(shop.credit_on(customer(1)).await, expected, "{context}");
    let on_cards: i64 = (0..CARDS).map(|at| model.balance[&at]).sum();
    let expected = BTreeMap::from([
        ("gift_cards", -on_cards),
        ("promotional", model.given_away),
        ("provider_clearing test", model.clearing),
        ("sales", -model.sales),
        ("store_credit", -model.balance[&CREDIT]),
    ]);
    let found = shop.accounts().await;
    assert_eq!(
        found.iter().map(|(_, balance)| balance).sum::<i64>(),
        0,
        "{context}"
    );
    for (name, balance) in &found {
        assert_eq!(
            Some(balance),
            expected.get(name.as_str()),
            "{context}: {name}"
        );
    }
    let unlisted = expected
        .iter()
        .filter(|(name, balance)| **balance != 0 && !found.iter().any(|(found, _)| found == *name));
    assert_eq!(json!(unlisted.count()), json!(0), "{context}");
}
