//! Lists, searches and suggestions at a set pace over the whole catalog. Every request differs, so
//! that none is answered by what was kept of another.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::stall::{Shop, Stall};
use super::{LATENCY_HEAD, latency_row};
use crate::figures::{self, Round, grouped};
use crate::paced::Paced;
use crate::product::Turns;
use crate::sample::{COLOURS, KINDS, MADE_OF, MANNERS, name, vendor};

/// Requests of a kind before they come again.
const REQUESTS: usize = 20_000;
const LISTS_PER_SECOND: f64 = 100.0;
const SEARCHES_PER_SECOND: f64 = 500.0;
const CONNECTIONS: usize = 32;
const LOOKED_AT: usize = 20;
const WARM_UP: Duration = Duration::from_secs(2);
const SORTS: [&str; 4] = ["price_ascending", "price_descending", "newest", "title"];

pub(super) fn lists(stall: &Stall, turns: &Turns) -> Result<()> {
    let mut chance = fastrand::Rng::with_seed(5);
    let filtered: Vec<String> = (0..REQUESTS).map(|_| filtered(&mut chance)).collect();
    let of_vendor = |at: usize| {
        let (maker, sort) = (at % 40, SORTS[at % SORTS.len()]);
        format!(
            "vendor={}&sort={sort}&limit=48&min={}",
            escaped(&vendor(maker)),
            at / 40
        )
    };
    let json: Vec<String> = filtered
        .iter()
        .map(|query| format!("/api/v1/search?limit=48&{query}"))
        .collect();
    let makers: Vec<String> = (0..REQUESTS)
        .map(|at| format!("/api/v1/search?{}", of_vendor(at)))
        .collect();
    let pages: Vec<String> = filtered
        .iter()
        .map(|query| format!("/search?q={}&{query}", MADE_OF[query.len() % MADE_OF.len()]))
        .collect();
    paced(
        stall,
        turns,
        LISTS_PER_SECOND,
        "Lists of 48 with prices and facets, filtered and sorted, no two alike",
        &[
            ("one maker's products, sorted, JSON", makers),
            ("two filters and a price range, sorted, JSON", json),
            ("a word and two filters, sorted, as a page of 24", pages),
        ],
    )
}

pub(super) fn searches(stall: &Stall, turns: &Turns) -> Result<()> {
    let mut chance = fastrand::Rng::with_seed(6);
    let searches: Vec<String> = (0..REQUESTS)
        .map(|_| format!("/api/v1/search?limit=24&q={}", escaped(&words(&mut chance))))
        .collect();
    let typed: Vec<String> = (0..REQUESTS)
        .map(|_| {
            let text = words(&mut chance);
            let end = chance.usize(1..=text.len());
            format!("/api/v1/search/suggest?q={}", escaped(&text[..end]))
        })
        .collect();
    paced(
        stall,
        turns,
        SEARCHES_PER_SECOND,
        "Searches: one to four words, one in five with a typo; suggestions while typing",
        &[
            ("search, 24 products and facets", searches),
            ("suggestions", typed),
        ],
    )
}

fn paced(
    stall: &Stall,
    turns: &Turns,
    per_second: f64,
    title: &str,
    kinds: &[(&str, Vec<String>)],
) -> Result<()> {
    let shop = stall.serve()?;
    let mut rows = Vec::new();
    for (name, paths) in kinds {
        check(&shop, name, paths)?;
        let rounds = rounds(&shop, turns, per_second, paths)?;
        rows.push(latency_row(name, figures::rate(&rounds), &rounds));
    }
    figures::table(
        &format!(
            "{title}; {} products, {per_second}/s, each request due at its own moment; {} rounds of \
             {} s.",
            grouped(stall.products as f64),
            turns.rounds,
            turns.seconds
        ),
        &LATENCY_HEAD,
        &rows,
    );
    shop.stoa.stop()
}

/// Lists of nothing are quickly made: most must find something.
fn check(shop: &Shop, name: &str, paths: &[String]) -> Result<()> {
    let mut found = 0;
    let asked = paths
        .iter()
        .rev()
        .filter(|path| path.starts_with("/api/"))
        .take(LOOKED_AT);
    let asked: Vec<&String> = asked.collect();
    for path in &asked {
        let page = shop.json("GET", path)?;
        found += usize::from(page["data"].as_array().is_some_and(|data| !data.is_empty()));
    }
    ensure!(
        found * 2 >= asked.len(),
        "{name}: only {found} of {} found anything",
        asked.len()
    );
    Ok(())
}

fn rounds(shop: &Shop, turns: &Turns, per_second: f64, paths: &[String]) -> Result<Vec<Round>> {
    let requests: Vec<Vec<u8>> = paths.iter().map(|path| shop.get(path)).collect();
    let each = requests.len() / (turns.rounds + 1);
    let mut parts = requests.chunks(each.max(1)).map(|part| Paced {
        address: shop.address,
        requests: Arc::new(part.to_vec()),
        connections: CONNECTIONS,
        per_second,
    });
    if let Some(first) = parts.next() {
        first.run(WARM_UP)?;
    }
    parts
        .take(turns.rounds)
        .map(|part| part.run(Duration::from_secs(turns.seconds)))
        .collect()
}

/// A type or a maker, a colour, a price range, and an order.
fn filtered(chance: &mut fastrand::Rng) -> String {
    let first = match chance.bool() {
        true => format!("type={}", KINDS[chance.usize(..KINDS.len())]),
        false => format!("vendor={}", escaped(&vendor(chance.usize(..100)))),
    };
    let colour = COLOURS[chance.usize(..COLOURS.len())];
    let min = chance.u32(500..10_000);
    let sort = SORTS[chance.usize(..SORTS.len())];
    format!(
        "{first}&option.Colour={colour}&min={min}&max={}&sort={sort}",
        min + 8_000
    )
}

/// What a shopper types.
fn words(chance: &mut fastrand::Rng) -> String {
    let manner = MANNERS[chance.usize(..MANNERS.len())].to_lowercase();
    let made_of = MADE_OF[chance.usize(..MADE_OF.len())];
    let kind = KINDS[chance.usize(..KINDS.len())].to_lowercase();
    let text = match chance.u32(..6) {
        0 => kind,
        1 => format!("{made_of} {kind}"),
        2 => format!("{manner} {made_of} {kind}"),
        3 => format!("{kind} {}", name(chance.usize(..8_000)).to_lowercase()),
        4 => name(chance.usize(..8_000)).to_lowercase(),
        _ => format!("{manner} {kind} of {made_of}"),
    };
    match chance.u32(..5) {
        0 => mistyped(&text, chance),
        _ => text,
    }
}

/// One letter is another.
fn mistyped(text: &str, chance: &mut fastrand::Rng) -> String {
    let at = chance.usize(1..text.len());
    let letter = chance.lowercase();
    let letters = text.chars().enumerate();
    letters
        .map(|(place, before)| if place == at { letter } else { before })
        .collect()
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
