//! Goods put into carts over HTTP at a set pace, whether or not those before are answered.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use super::journey::{Street, text};
use crate::child::Running;
use crate::figures::{self, Round, grouped, latencies, note};
use crate::wire::Connection;

const CARTS: usize = 2_000;
const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(1);

/// A cart's lines, and its token as a header.
struct Cart {
    lines: String,
    token: [String; 1],
}

struct Load {
    street: Street,
    carts: Vec<Cart>,
    variants: Vec<String>,
    /// Connections that nobody asks on.
    free: Mutex<mpsc::Receiver<Connection>>,
    give_back: mpsc::Sender<Connection>,
}

pub(super) async fn run(
    per_second: u32,
    rounds: usize,
    database: Option<&str>,
    folder: &Path,
) -> Result<()> {
    ensure!(per_second > 0, "nothing to measure");
    let mut stoa = Running::stoa(&folder.join("data"), database)?;
    let load = Arc::new(Load::prepare(Street::of(&mut stoa)?).await?);
    load.round(0, per_second, WARM_UP).await?;
    let mut all = Vec::new();
    for number in 0..rounds {
        let round = load.round(number + 1, per_second, ROUND).await?;
        eprintln!("p99 {:.2} ms", round.millis_at(0.99));
        all.push(round);
    }
    let on = match database {
        Some(_) => "PostgreSQL",
        None => "SQLite",
    };
    figures::table(
        &format!(
            "Goods put into {CARTS} carts over HTTP, on {on}, {per_second} each second; {rounds} \
             rounds of {} s; each is due at its own moment, and its time runs from then.",
            ROUND.as_secs()
        ),
        &["adds/s", "p50 ms", "p95 ms", "p99 ms"],
        &[vec![
            grouped(figures::rate(&all)),
            format!("{:.2}", figures::millis(&all, 0.5)),
            format!("{:.2}", figures::millis(&all, 0.95)),
            format!("{:.2}", figures::millis(&all, 0.99)),
        ]],
    );
    stoa.stop()
}

impl Load {
    async fn prepare(street: Street) -> Result<Self> {
        let mut http = Connection::open(street.address).await?;
        let variants = street.stocked(&mut http).await?;
        let mut carts = Vec::with_capacity(CARTS);
        for _ in 0..CARTS {
            let (status, cart) = street
                .send(&mut http, "POST", "/api/v1/carts", &[], Some(json!({})))
                .await?;
            ensure!(status == 201, "{status} {cart}");
            carts.push(Cart {
                lines: format!("/api/v1/carts/{}/lines", text(&cart, "id")?),
                token: [format!("stoa-cart-token: {}", text(&cart, "token")?)],
            });
        }
        let (give_back, free) = mpsc::channel(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            give_back
                .send(Connection::open(street.address).await?)
                .await?;
        }
        Ok(Self {
            street,
            carts,
            variants,
            free: Mutex::new(free),
            give_back,
        })
    }

    async fn round(
        self: &Arc<Self>,
        number: usize,
        per_second: u32,
        lasts: Duration,
    ) -> Result<Round> {
        let count = (lasts.as_secs_f64() * f64::from(per_second)) as usize;
        let began = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        let mut tasks = Vec::with_capacity(count);
        while tasks.len() < count {
            tick.tick().await;
            let due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as usize;
            while tasks.len() < due.min(count) {
                let at = tasks.len();
                let was_due = began + Duration::from_secs_f64(at as f64 / f64::from(per_second));
                let load = self.clone();
                tasks.push(tokio::spawn(async move {
                    load.add(at % CARTS, number + at / CARTS).await?;
                    Ok::<_, anyhow::Error>(was_due.elapsed())
                }));
            }
        }
        let mut round = Round {
            done: count as u64,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        for task in tasks {
            note(&mut round.latencies, task.await??);
        }
        round.took = began.elapsed();
        Ok(round)
    }

    async fn add(&self, cart: usize, turn: usize) -> Result<()> {
        let cart = &self.carts[cart];
        let variant = &self.variants[turn % self.variants.len()];
        let mut http = self
            .free
            .lock()
            .await
            .recv()
            .await
            .context("connections come back")?;
        let line = json!({ "variant_id": variant, "quantity": 1 });
        let (status, body) = self
            .street
            .send(&mut http, "POST", &cart.lines, &cart.token, Some(line))
            .await?;
        ensure!(matches!(status, 200 | 201), "{status} {body}");
        self.give_back
            .send(http)
            .await
            .context("connections come back")
    }
}
