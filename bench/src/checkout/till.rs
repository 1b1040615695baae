//! Where filled carts become orders: the shop's till, or the bare loop's. As fast as it answers, or
//! at a set pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::bare::BareLoop;
use super::carts::Filled;
use super::order::BareOrder;
use super::shop::Shop;
use super::statements;
use crate::figures::{Round, latencies, note};

/// How often a paced load looks what is due.
const TICK: Duration = Duration::from_millis(1);

/// One side, ready to place orders.
#[derive(Clone)]
pub(super) enum Till {
    Shop(Arc<Shop>),
    Bare {
        the_loop: Arc<BareLoop>,
        shop: Arc<Shop>,
        numbers: Arc<AtomicI64>,
    },
}

impl Till {
    /// Sells every cart, `clients` at a time.
    pub(super) async fn sell(&self, carts: &[Filled], clients: usize) -> Result<Round> {
        let carts: Arc<[Filled]> = carts.into();
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|_| tokio::spawn(self.clone().sell_some(carts.clone(), next.clone())))
            .collect();
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        for task in tasks {
            let part = task.await??;
            round.done += part.done;
            round.latencies.add(&part.latencies)?;
        }
        round.took = began.elapsed();
        Ok(round)
    }

    async fn sell_some(self, carts: Arc<[Filled]>, next: Arc<AtomicUsize>) -> Result<Round> {
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        while let Some(cart) = carts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let asked = Instant::now();
            self.sell_one(cart).await?;
            note(&mut round.latencies, asked.elapsed());
            round.done += 1;
        }
        Ok(round)
    }

    /// Sells every cart, `per_second` of them begun each second whether or not those before are
    /// done; an order's time runs from the moment it was due.
    pub(super) async fn sell_at(&self, carts: &[Filled], per_second: f64) -> Result<Round> {
        let began = Instant::now();
        let mut tasks = Vec::with_capacity(carts.len());
        let mut tick = tokio::time::interval(TICK);
        while tasks.len() < carts.len() {
            tick.tick().await;
            let due = (began.elapsed().as_secs_f64() * per_second) as usize;
            while tasks.len() < due.min(carts.len()) {
                let after = Duration::from_secs_f64(tasks.len() as f64 / per_second);
                let (till, cart) = (self.clone(), carts[tasks.len()].clone());
                tasks.push(tokio::spawn(async move {
                    till.sell_one(&cart).await?;
                    Ok::<_, anyhow::Error>((began + after).elapsed())
                }));
            }
        }
        let mut round = Round {
            done: carts.len() as u64,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        for task in tasks {
            note(&mut round.latencies, task.await??);
        }
        round.took = began.elapsed();
        Ok(round)
    }

    async fn sell_one(&self, cart: &Filled) -> Result<()> {
        match self {
            Self::Shop(shop) => {
                shop.checkout.place(shop.request(cart.key.clone())).await?;
            }
            Self::Bare {
                the_loop,
                shop,
                numbers,
            } => {
                let order = BareOrder::new(
                    &shop.deps.ids,
                    shop.deps.now(),
                    (shop.tenant.id, cart.key.id),
                    &cart.goods,
                    numbers.fetch_add(1, Ordering::Relaxed),
                );
                the_loop.place(order).await?;
            }
        }
        Ok(())
    }

    /// Durable commits, transactions in them, and statements so far.
    pub(super) fn counters(&self) -> (u64, u64, u64) {
        match self {
            Self::Shop(shop) => {
                let read = shop.deps.storage.stats().read();
                (read.batches, read.batched, read.statements)
            }
            Self::Bare { the_loop, .. } => {
                let (commits, orders) = the_loop.committed();
                (commits, orders, orders * statements::per_order())
            }
        }
    }
}
