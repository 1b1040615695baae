//! Whole journeys over HTTP: a cart, a line, an address, a way to ship, the checkout, the payment,
//! until the order is paid. And a race for the last units, which must not be sold twice.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::shop::LINES_PER_ORDER;
use crate::child::Running;
use crate::figures::{self, Round, grouped, latencies, note};
use crate::wire::{self, Connection};

/// Far more than the bench sells.
const ON_HAND: u32 = 10_000_000;
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(10);
const PAYMENT_TIME_MAX: Duration = Duration::from_secs(60);
const LAST_UNITS: u32 = 10;
const BUYERS_OF_THE_LAST: usize = 200;
const JOURNEYS_PER_ROUND_MAX: usize = 1_000;
/// Of a journey that finds its order paid at the first look.
const REQUESTS: usize = 6 + LINES_PER_ORDER;

/// A running shop, and how to reach it.
#[derive(Clone)]
pub(super) struct Street {
    pub(super) address: SocketAddr,
    host: Arc<str>,
    secret_key: Arc<str>,
}

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Paid,
    SoldOut,
}

pub(crate) async fn run(
    clients: usize,
    rounds: usize,
    orders: usize,
    database: Option<&str>,
    folder: &Path,
) -> Result<()> {
    let mut stoa = Running::stoa(&folder.join("data"), database)?;
    let street = Street::of(&mut stoa)?;
    let on = match database {
        Some(_) => "PostgreSQL",
        None => "SQLite",
    };
    street
        .measure(clients, rounds, orders.min(JOURNEYS_PER_ROUND_MAX), on)
        .await?;
    street.race(clients).await?;
    stoa.stop()
}

impl Street {
    pub(super) fn of(stoa: &mut Running) -> Result<Self> {
        let address = stoa.address()?;
        Ok(Self {
            address,
            host: format!("localhost:{}", address.port()).into(),
            secret_key: stoa.word("sk_")?.into(),
        })
    }

    /// What is on sale, with more in stock than any bench sells.
    pub(super) async fn stocked(&self, http: &mut Connection) -> Result<Vec<String>> {
        let variants = self.variants(http).await?;
        ensure!(variants.len() > 1, "the demo shop has too little to buy");
        for variant in &variants {
            self.set_stock(http, variant, ON_HAND).await?;
        }
        Ok(variants)
    }

    async fn measure(&self, clients: usize, count: usize, orders: usize, on: &str) -> Result<()> {
        let mut http = Connection::open(self.address).await?;
        let variants: Arc<[String]> = self.stocked(&mut http).await?.into();
        self.round(clients, clients * 2, &variants).await?;
        let mut rounds = Vec::new();
        for _ in 0..count {
            rounds.push(self.round(clients, orders, &variants).await?);
        }
        let row = vec![
            grouped(figures::rate(&rounds)),
            format!("{:.0}", figures::millis(&rounds, 0.5)),
            format!("{:.0}", figures::millis(&rounds, 0.95)),
            format!("{:.0}", figures::millis(&rounds, 0.99)),
        ];
        figures::table(
            &format!(
                "Whole journeys over HTTP until paid, on {on}, {REQUESTS} or more requests each; \
                 {clients} shoppers at once, {count} rounds of {orders} orders of \
                 {LINES_PER_ORDER} lines."
            ),
            &["paid orders/s", "p50 ms", "p95 ms", "p99 ms"],
            &[row],
        );
        Ok(())
    }

    async fn round(
        &self,
        clients: usize,
        orders: usize,
        variants: &Arc<[String]>,
    ) -> Result<Round> {
        let (round, ends) = self.shop(clients, orders, variants).await?;
        ensure!(
            ends.iter().all(|end| *end == End::Paid),
            "an order was not paid"
        );
        Ok(round)
    }

    /// `orders` journeys, `clients` at a time.
    async fn shop(
        &self,
        clients: usize,
        orders: usize,
        variants: &Arc<[String]>,
    ) -> Result<(Round, Vec<End>)> {
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let shoppers: Vec<_> = (0..clients)
            .map(|_| {
                let (street, variants, next) = (self.clone(), variants.clone(), next.clone());
                tokio::spawn(async move {
                    let mut http = Connection::open(street.address).await?;
                    let mut taken = latencies();
                    let mut ends = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= orders {
                            return Ok::<_, anyhow::Error>((taken, ends));
                        }
                        // Three different things where there are as many, else the last units.
                        let lines = variants.len().min(LINES_PER_ORDER);
                        let wanted: Vec<&str> = (0..lines)
                            .map(|line| &*variants[(number + line) % variants.len()])
                            .collect();
                        let began = Instant::now();
                        ends.push(street.buy(&mut http, &wanted).await?);
                        note(&mut taken, began.elapsed());
                    }
                })
            })
            .collect();
        let mut round = Round {
            done: 0,
            took: Duration::ZERO,
            latencies: latencies(),
        };
        let mut ends = Vec::new();
        for shopper in shoppers {
            let (taken, its) = shopper.await??;
            round.latencies.add(&taken)?;
            ends.extend(its);
        }
        round.done = ends.len() as u64;
        round.took = began.elapsed();
        Ok((round, ends))
    }

    async fn buy(&self, http: &mut Connection, variants: &[&str]) -> Result<End> {
        let (status, cart) = self
            .send(http, "POST", "/api/v1/carts", &[], Some(json!({})))
            .await?;
        ensure!(status == 201, "{status} {cart}");
        let path = format!("/api/v1/carts/{}", text(&cart, "id")?);
        let token = [format!("stoa-cart-token: {}", text(&cart, "token")?)];
        let lines = format!("{path}/lines");
        for variant in variants {
            let line = json!({ "variant_id": variant, "quantity": 1 });
            let (status, body) = self.send(http, "POST", &lines, &token, Some(line)).await?;
            match status {
                200 | 201 => {}
                409 => return Ok(End::SoldOut),
                _ => bail!("{status} {body}"),
            }
        }
        let address = json!({
            "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
            "postal_code": "SW1Y 4JH", "country": "GB",
        });
        let details = json!({ "email": "ada@example.com", "shipping_address": address });
        self.expect_200(http, "PATCH", &path, &token, Some(details))
            .await?;
        let options = format!("{path}/shipping-options");
        let options = self.expect_200(http, "GET", &options, &token, None).await?;
        let option = json!({ "shipping_option_id": text(&options["data"][0], "id")? });
        self.expect_200(http, "PATCH", &path, &token, Some(option))
            .await?;
        let payment = json!({ "provider": "test", "token": "tok_success" });
        let order = json!({ "cart_id": text(&cart, "id")?, "payment": payment });
        let [token] = token;
        let headers = [token, format!("idempotency-key: {}", text(&cart, "id")?)];
        let (status, placed) = self
            .send(http, "POST", "/api/v1/checkouts", &headers, Some(order))
            .await?;
        match status {
            202 => {
                self.wait_until_paid(http, text(&placed, "status_url")?)
                    .await
            }
            409 => Ok(End::SoldOut),
            _ => bail!("{status} {placed}"),
        }
    }

    async fn wait_until_paid(&self, http: &mut Connection, status_url: &str) -> Result<End> {
        let began = Instant::now();
        loop {
            let seen = self.expect_200(http, "GET", status_url, &[], None).await?;
            if seen["settled"] == true {
                ensure!(
                    seen["order"]["payment_status"] == "paid",
                    "settled, not paid: {seen}"
                );
                return Ok(End::Paid);
            }
            ensure!(
                began.elapsed() < PAYMENT_TIME_MAX,
                "still not settled: {seen}"
            );
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }

    /// Many buyers, few units: exactly so many are paid, and as many held.
    async fn race(&self, clients: usize) -> Result<()> {
        let mut http = Connection::open(self.address).await?;
        let variants = self.variants(&mut http).await?;
        let wanted = variants.first().context("something to buy")?.clone();
        let (_, held) = self.level(&mut http, &wanted).await?;
        let on_hand = u32::try_from(held)? + LAST_UNITS;
        self.set_stock(&mut http, &wanted, on_hand).await?;
        let only: Arc<[String]> = vec![wanted.clone()].into();
        let (_, ends) = self.shop(clients, BUYERS_OF_THE_LAST, &only).await?;
        let paid = ends.iter().filter(|end| **end == End::Paid).count();
        let (on_hand, reserved) = self.level(&mut http, &wanted).await?;
        ensure!(
            paid == LAST_UNITS as usize
                && on_hand == reserved
                && reserved == held + i64::from(LAST_UNITS),
            "{paid} paid for {LAST_UNITS} units; {on_hand} on hand, {reserved} reserved"
        );
        println!(
            "\nOversell check: {BUYERS_OF_THE_LAST} buyers, {LAST_UNITS} units, {paid} paid, {} refused; \
             every unit on hand is reserved once.",
            ends.len() - paid
        );
        Ok(())
    }

    /// One variant each of the products on sale, without those that are sold without shipping.
    async fn variants(&self, http: &mut Connection) -> Result<Vec<String>> {
        let list = self
            .expect_200(http, "GET", "/api/v1/products?limit=20", &[], None)
            .await?;
        let mut variants = Vec::new();
        for product in list["data"].as_array().context("a list")? {
            let path = format!("/api/v1/products/{}", text(product, "handle")?);
            let product = self.expect_200(http, "GET", &path, &[], None).await?;
            variants.push(text(&product["variants"][0], "id")?.to_owned());
        }
        Ok(variants)
    }

    async fn set_stock(&self, http: &mut Connection, variant: &str, on_hand: u32) -> Result<()> {
        let headers = [
            self.bearer(),
            format!("idempotency-key: {variant}-{on_hand}"),
        ];
        let level = json!({ "variant_id": variant, "on_hand": on_hand });
        let path = "/api/v1/admin/inventory/levels";
        self.expect_200(http, "PUT", path, &headers, Some(level))
            .await
            .map(|_| ())
    }

    /// Units on hand, and those reserved.
    async fn level(&self, http: &mut Connection, variant: &str) -> Result<(i64, i64)> {
        let path = format!("/api/v1/admin/inventory/levels?variant_id={variant}");
        let levels = self
            .expect_200(http, "GET", &path, &[self.bearer()], None)
            .await?;
        let number = |name: &str| {
            levels["data"][0][name]
                .as_i64()
                .with_context(|| levels.to_string())
        };
        Ok((number("on_hand")?, number("reserved")?))
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.secret_key)
    }

    async fn expect_200(
        &self,
        http: &mut Connection,
        method: &str,
        path: &str,
        headers: &[String],
        body: Option<Value>,
    ) -> Result<Value> {
        let (status, body) = self.send(http, method, path, headers, body).await?;
        ensure!(status == 200, "{method} {path}: {status} {body}");
        Ok(body)
    }

    pub(super) async fn send(
        &self,
        http: &mut Connection,
        method: &str,
        path: &str,
        headers: &[String],
        body: Option<Value>,
    ) -> Result<(u16, Value)> {
        let request = wire::request(method, path, &self.host, headers, body.as_ref());
        let answer = http.ask(&request).await?;
        Ok((answer.status, answer.json()?))
    }
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("no `{name}` in {value}"))
}
