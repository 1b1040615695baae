//! How soon an edited price shows: in the product's JSON and page, and in search.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::stall::{Shop, Stall};
use super::{cold, figures};
use crate::child::pause;
use crate::wire::BlockingConnection;

const EDITS: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const WAIT_MAX: Duration = Duration::from_secs(30);

pub(super) fn run(stall: &Stall) -> Result<()> {
    let shop = stall.serve()?;
    let mut handles = cold::handles(&shop, stall.products)?;
    handles.truncate(EDITS);
    let mut http = BlockingConnection::open(shop.address)?;
    let (mut took, mut found) = (figures::latencies(), figures::latencies());
    for (number, handle) in handles.iter().enumerate() {
        let cents = other_price(number);
        // Kept pages must not outlive the edit.
        shop.page(&mut http, handle)?;
        let began = Instant::now();
        shop.set_price(&mut http, handle, cents)?;
        figures::note(&mut took, began.elapsed());
        let edited = Instant::now();
        let view = shop.send(&mut http, "GET", &cold::path(handle), None)?;
        ensure!(
            view["variants"][0]["price"]["amount"] == cents,
            "{handle} still costs what it did"
        );
        let shown = format!(
            "{},{:03}.{:02}",
            cents / 100_000,
            cents / 100 % 1_000,
            cents % 100
        );
        let page = shop.page(&mut http, handle)?;
        ensure!(
            page.contains(&shown),
            "the page of {handle} shows no {shown}"
        );
        shop.until_found(&mut http, cents, edited)?;
        figures::note(&mut found, edited.elapsed());
    }
    let row = |what: &str, seen: &hdrhistogram::Histogram<u64>| {
        let at = |quantile| format!("{:.1}", seen.value_at_quantile(quantile) as f64 / 1e3);
        vec![what.to_owned(), at(0.5), at(0.99), at(1.0)]
    };
    figures::table(
        &format!("{EDITS} edited prices; the very next product JSON and page showed each of them."),
        &["until", "p50 ms", "p99 ms", "most ms"],
        &[
            row("the edit was answered", &took),
            row(
                "search found it by its new price, from the answer on",
                &found,
            ),
        ],
    );
    shop.stoa.stop()
}

/// A price that no run before gave, on a catalog that is used again.
pub(super) fn other_price(number: usize) -> i64 {
    1_000_003 + i64::from(std::process::id() % 1_000) * 1_000 + number as i64 * 7
}

impl Shop {
    fn page(&self, http: &mut BlockingConnection, handle: &str) -> Result<String> {
        let answer = http.ask(&self.get(&format!("/products/{handle}")))?;
        ensure!(
            answer.status == 200,
            "{} for the page of {handle}",
            answer.status
        );
        Ok(String::from_utf8(answer.body)?)
    }

    /// Sets the price of all its variants.
    pub(super) fn set_price(
        &self,
        http: &mut BlockingConnection,
        handle: &str,
        cents: i64,
    ) -> Result<()> {
        let view = self.send(http, "GET", &cold::path(handle), None)?;
        let variants = view["variants"].as_array().context("variants")?;
        let currency = &view["variants"][0]["price"]["currency"];
        let prices: Vec<_> = variants
            .iter()
            .map(|variant| {
                json!({
                    "variant_id": variant["id"],
                    "price": { "amount": cents, "currency": currency },
                })
            })
            .collect();
        let path = "/api/v1/admin/price-lists/default/prices";
        self.send(http, "PUT", path, Some(&json!({ "prices": prices })))?;
        Ok(())
    }

    fn until_found(&self, http: &mut BlockingConnection, cents: i64, began: Instant) -> Result<()> {
        let path = format!("/api/v1/search?limit=1&filter.price={cents}..{cents}");
        loop {
            let page = self.send(http, "GET", &path, None)?;
            if page["total"] == 1 {
                return Ok(());
            }
            if began.elapsed() > WAIT_MAX {
                bail!("search never finds the price {cents}");
            }
            pause(LOOK_EVERY);
        }
    }
}
