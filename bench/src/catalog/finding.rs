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
/// Between the bounds, in minor units.
const PRICE_SPAN: u32 = 8_000;
const SORTS: [&str; 4] = ["price_ascending", "price_descending", "newest", "title"];

pub(super) fn lists(stall: &Stall, turns: &Turns) -> Result<()> {
    let mut chance = fastrand::Rng::with_seed(5);
    let filtered: Vec<Filtered> = (0..REQUESTS).map(|_| Filtered::any(&mut chance)).collect();
    let makers: Vec<String> = (0..REQUESTS)
        .map(|at| {
            let (maker, sort) = (escaped(&vendor(at % 40)), SORTS[at % SORTS.len()]);
            let least = 500 + at / 40;
            format!(
                "/api/v1/search?limit=48&filter.vendor={maker}&filter.price={least}..&sort={sort}"
            )
        })
        .collect();
    let json: Vec<String> = filtered.iter().map(Filtered::json).collect();
    let pages: Vec<String> = filtered.iter().map(Filtered::page).collect();
    let offered: Vec<String> = filtered.iter().map(|one| one.rounded().json()).collect();
    paced(
        stall,
        turns,
        LISTS_PER_SECOND,
        "Lists of 48 with prices and facets, filtered and sorted; no two are alike where not said otherwise",
        &[
            ("one maker's products, sorted, JSON", makers),
            ("two filters and a price range, sorted, JSON", json),
            ("the same, one of twenty price ranges", offered),
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
struct Filtered {
    facet: &'static str,
    value: String,
    colour: &'static str,
    min: u32,
    sort: &'static str,
}

impl Filtered {
    fn any(chance: &mut fastrand::Rng) -> Self {
        let (facet, value) = match chance.bool() {
            true => ("type", KINDS[chance.usize(..KINDS.len())].to_owned()),
            false => ("vendor", escaped(&vendor(chance.usize(..20)))),
        };
        Self {
            facet,
            value,
            colour: COLOURS[chance.usize(..4)],
            min: chance.u32(500..10_000),
            sort: SORTS[chance.usize(..SORTS.len())],
        }
    }

    /// Its price range is one that others ask for too.
    fn rounded(&self) -> Self {
        Self {
            min: self.min - self.min % 500,
            value: self.value.clone(),
            ..*self
        }
    }

    fn json(&self) -> String {
        let (min, max) = (self.min, self.min + PRICE_SPAN);
        format!(
            "/api/v1/search?limit=48&filter.{}={}&filter.option.Colour={}&filter.price={min}..{max}\
             &sort={}",
            self.facet, self.value, self.colour, self.sort
        )
    }

    /// As the storefront names them, and with a word.
    fn page(&self) -> String {
        let (min, max) = (self.min, self.min + PRICE_SPAN);
        let word = MADE_OF[self.min as usize % MADE_OF.len()];
        format!(
            "/search?q={word}&{}={}&option.Colour={}&min={}.{:02}&max={}.{:02}&sort={}",
            self.facet,
            self.value,
            self.colour,
            min / 100,
            min % 100,
            max / 100,
            max % 100,
            self.sort
        )
    }
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
