//! What the catalog's listings show, against what a cart is charged.

use std::time::Duration;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value as Json, json};
use stoa_bus::JobOutcome;
use stoa_contracts::pricing::{NewPrice, QuoteError};
use stoa_kernel::{Currency, Money};
use stoa_testkit::TestCells;

use crate::support::{Shop, euros, everywhere, line, request, variant};

const ALL: &str = "/api/v1/admin/price-lists";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const EUR: Currency = Currency::EUR;

/// Makes a list; its path.
pub(crate) async fn made(shop: &Shop, key: &str, terms: &Json) -> String {
    let key = [("idempotency-key", key)];
    let made = shop.send("POST", ALL, &key, Some(terms.clone())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    format!("{ALL}/{}", made.json["id"].as_str().expect("an id"))
}

/// Sets prices of single units.
pub(crate) async fn put(shop: &Shop, path: &str, key: &str, prices: &[(u128, Option<i64>)]) {
    let price = |(number, amount): &(u128, Option<i64>)| {
        let price = amount.map(|amount| json!({"amount": amount, "currency": "EUR"}));
        json!({"variant_id": variant(*number), "price": price})
    };
    let body = json!({"prices": prices.iter().map(price).collect::<Vec<Json>>()});
    let key = [("idempotency-key", key)];
    let path = format!("{path}/prices");
    let set = shop.send("PUT", &path, &key, Some(body)).await;
    assert_eq!(set.status, 200, "{}", set.json);
}

fn dearer(number: u128, cents: i64, former: i64) -> NewPrice {
    NewPrice {
        compare_at: Some(Money::new(former, EUR)),
        ..euros(number, cents)
    }
}

#[tokio::test]
async fn a_sale_is_listed_from_its_start_to_its_end() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "sale").await;
        shop.set(&[dearer(1, 1_000, 1_200)]).await.expect("a price");
        let (start, end) = (shop.now.plus(MINUTE), shop.now.plus(MINUTE * 3));
        let terms = json!({"name": "Sale", "currency": "EUR", "starts_at": start, "ends_at": end});
        let path = made(&shop, "a", &terms).await;
        put(&shop, &path, "b", &[(1, Some(800)), (2, Some(700))]).await;
        let listed = || (shop.listed(1, EUR), shop.listed(2, EUR));
        let before = (Some((1_000, Some(1_200))), None);
        assert_eq!(listed(), before, "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [], "{}", cells.kind);
        cells.clock.advance(MINUTE);
        assert_eq!(listed(), before, "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        let during = (Some((800, Some(1_000))), Some((700, None)));
        assert_eq!(listed(), during, "{}", cells.kind);
        // The base price falls below the sale: it is what is charged, and shown.
        shop.set(&[euros(1, 750)]).await.expect("a price");
        assert_eq!(listed().0, Some((750, None)), "{}", cells.kind);
        shop.set(&[euros(1, 900), euros(2, 600)])
            .await
            .expect("prices");
        let during = (Some((800, Some(900))), Some((600, None)));
        assert_eq!(listed(), during, "{}", cells.kind);
        cells.clock.advance(MINUTE * 2);
        let elsewhere = shop.elsewhere(&cells);
        assert_eq!(
            elsewhere.run_jobs().await,
            [JobOutcome::Done],
            "{}",
            cells.kind
        );
        let after = (Some((900, None)), Some((600, None)));
        assert_eq!(listed(), after, "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn listings_follow_every_change_of_a_list_at_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "changes").await;
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        let mut club = json!({"name": "Club", "currency": "EUR", "kind": "override"});
        let path = made(&shop, "a", &club).await;
        put(&shop, &path, "b", &[(1, Some(1_500)), (2, Some(400))]).await;
        let listed = || (shop.listed(1, EUR), shop.listed(2, EUR));
        let dear = (Some((1_500, None)), Some((400, None)));
        assert_eq!(listed(), dear, "{}", cells.kind);
        // Of equals the older list wins; then the lower number does.
        cells.clock.advance(MINUTE);
        let mut rival = json!({"name": "Rival", "currency": "EUR"});
        let other = made(&shop, "c", &rival).await;
        put(&shop, &other, "d", &[(1, Some(600)), (2, Some(300))]).await;
        assert_eq!(listed(), dear, "{}", cells.kind);
        rival["priority"] = json!(-1);
        shop.send("PUT", &other, &[], Some(rival)).await;
        let cheap = (Some((600, Some(1_000))), Some((300, None)));
        assert_eq!(listed(), cheap, "{}", cells.kind);
        put(&shop, &other, "e", &[(1, None), (2, None)]).await;
        assert_eq!(listed(), dear, "{}", cells.kind);
        club["enabled"] = json!(false);
        shop.send("PUT", &path, &[], Some(club.clone())).await;
        assert_eq!(listed(), (Some((1_000, None)), None), "{}", cells.kind);
        club["enabled"] = json!(true);
        shop.send("PUT", &path, &[], Some(club)).await;
        assert_eq!(listed(), dear, "{}", cells.kind);
        let gone = shop.send("DELETE", &path, &[], None).await;
        assert_eq!(gone.status, 204, "{}", cells.kind);
        assert_eq!(listed(), (Some((1_000, None)), None), "{}", cells.kind);
        // All of it fitted into the changes themselves.
        assert_eq!(shop.run_jobs().await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_long_list_goes_on_where_it_was_torn() {
    const MANY: u128 = 250;
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "torn").await;
        let base: Vec<NewPrice> = (1..=MANY).map(|number| euros(number, 1_000)).collect();
        shop.set(&base).await.expect("prices");
        let start = shop.now.plus(MINUTE);
        let terms = json!({"name": "Long", "currency": "EUR", "starts_at": start});
        let path = made(&shop, "a", &terms).await;
        let prices: Vec<(u128, Option<i64>)> = (1..=MANY).map(|number| (number, Some(5))).collect();
        put(&shop, &path, "b", &prices).await;
        cells.clock.advance(MINUTE);
        shop.told();
        *shop.catalog.puts_left.lock() = Some(2);
        let failed = shop.run_jobs().await;
        assert!(matches!(failed[..], [JobOutcome::Failed(_)]), "{failed:?}");
        let sale = Some((5, Some(1_000)));
        let on_sale = || (1..=MANY).filter(|number| shop.listed(*number, EUR) == sale);
        assert_eq!(on_sale().count(), 200, "{}", cells.kind);
        *shop.catalog.puts_left.lock() = None;
        let elsewhere = shop.elsewhere(&cells);
        assert_eq!(
            elsewhere.run_jobs().await,
            [JobOutcome::Done],
            "{}",
            cells.kind
        );
        assert_eq!(on_sale().count(), MANY as usize, "{}", cells.kind);
        assert_eq!(shop.told().len(), MANY as usize, "{}", cells.kind);
        // A removed list's prices go slice by slice, the first at once.
        shop.send("DELETE", &path, &[], None).await;
        assert_eq!(on_sale().count(), 150, "{}", cells.kind);
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        assert_eq!(on_sale().count(), 0, "{}", cells.kind);
        let db = shop.db.clone();
        let count = "SELECT count(*) FROM pricing_list_price WHERE tenant_id = :tenant";
        let left = db.fetch(count, &[], |row| row.get::<i64>(0)).await;
        assert_eq!(left.expect("a count"), [0], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_schedule_that_no_job_saw_is_mended_by_the_next_price() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "mended").await;
        shop.set(&[euros(1, 1_000), euros(2, 1_000)])
            .await
            .expect("prices");
        let terms = json!({"name": "Kept", "currency": "EUR"});
        let path = made(&shop, "a", &terms).await;
        put(&shop, &path, "b", &[(1, Some(800)), (2, Some(800))]).await;
        // As lists were before listings followed them.
        let db = shop.db.clone();
        db.write(async |tx: &mut stoa_storage::Tx<'_>| {
            let sql = "DELETE FROM pricing_list_feed WHERE tenant_id = :tenant";
            tx.execute(sql, &[]).await
        })
        .await
        .expect("rows gone");
        shop.set(&[euros(1, 900)]).await.expect("a price");
        assert_eq!(shop.run_jobs().await, [JobOutcome::Done], "{}", cells.kind);
        let listed = (shop.listed(1, EUR), shop.listed(2, EUR));
        let sale = (Some((800, Some(900))), Some((800, Some(1_000))));
        assert_eq!(listed, sale, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_sale_that_went_before_any_job_ran_leaves_nothing_in_listings() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "unseen").await;
        let (start, end) = (shop.now.plus(MINUTE), shop.now.plus(MINUTE * 3));
        let terms = json!({"name": "Sale", "currency": "EUR", "starts_at": start, "ends_at": end});
        let path = made(&shop, "a", &terms).await;
        put(&shop, &path, "b", &[(1, Some(800))]).await;
        cells.clock.advance(MINUTE * 2);
        shop.set(&[euros(1, 1_000)]).await.expect("a price");
        cells.clock.advance(MINUTE * 2);
        while !shop.run_jobs().await.is_empty() {}
        let listed = shop.listed(1, EUR);
        assert_eq!(listed, Some((1_000, None)), "{}", cells.kind);
    }
}

/// All at once: a price of each variant, its price in the list, and where told the list's being on.
async fn race(shop: &Shop, path: &str, turn: i64, toggled: Option<bool>) {
    let (base, lists, toggles) = (shop.clone(), shop.clone(), shop.clone());
    let (filled, switched) = (path.to_owned(), path.to_owned());
    let setting = tokio::spawn(async move {
        let prices = [1, 2, 3].map(|number| euros(number, 100 + turn));
        base.set(&prices).await.expect("prices");
    });
    let filling = tokio::spawn(async move {
        let prices = [3, 2, 1].map(|number| (number, Some(50 + turn)));
        put(&lists, &filled, &format!("fill-{turn}"), &prices).await;
    });
    let toggling = tokio::spawn(async move {
        if let Some(enabled) = toggled {
            let sale = json!({"name": "Sale", "currency": "EUR", "enabled": enabled});
            let set = toggles.send("PUT", &switched, &[], Some(sale)).await;
            assert_eq!(set.status, 200, "{}", set.json);
        }
    });
    for task in [setting, filling, toggling] {
        task.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn races_of_prices_and_lists_end_in_what_a_cart_is_charged() {
    // What one race leaves wrong the next one may mend: each is looked at.
    const TURNS: i64 = 48;
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "races").await;
        let sale = json!({"name": "Sale", "currency": "EUR"});
        let path = made(&shop, "a", &sale).await;
        for turn in 1..=TURNS {
            let is_on = turn % 4 != 0;
            let toggled = matches!(turn % 4, 0 | 1).then_some(is_on);
            race(&shop, &path, turn, toggled).await;
            while !shop.run_jobs().await.is_empty() {}
            let (price, former) = match is_on {
                true => (50 + turn, Some(100 + turn)),
                false => (100 + turn, None),
            };
            for number in 1..=3 {
                let quote = shop.quote(request(vec![line(number, 1)], None)).await;
                let charged = quote.expect("a quote").lines[0].unit_price.amount;
                assert_eq!(charged, price, "{}: turn {turn}", cells.kind);
                let listed = shop.listed(number, EUR);
                assert_eq!(listed, Some((price, former)), "{}: turn {turn}", cells.kind);
            }
        }
    }
}

/// Something that happens to a shop; lists are told by their turn.
#[derive(Debug, Clone)]
enum Step {
    Base(u128, bool, i64, Option<i64>),
    Make(Terms),
    Replace(usize, Terms),
    Delete(usize),
    /// Variant, least quantity, amount.
    Put(usize, Vec<(u128, i64, Option<i64>)>),
    Advance(u64),
    Jobs,
}

#[derive(Debug, Clone)]
struct Terms {
    is_sale: bool,
    enabled: bool,
    in_dollars: bool,
    priority: i8,
    /// Seconds from now.
    starts: Option<i64>,
    lasts: Option<u64>,
}

const VARIANTS: u128 = 2;

/// Most things happen in one currency, so that they meet.
fn dollars() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn terms() -> impl Strategy<Value = Terms> {
    let flags = (any::<bool>(), prop::bool::weighted(0.8), dollars());
    let starts = prop::option::weighted(0.8, -20_i64..40);
    let lasts = prop::option::of(1_u64..40);
    (flags, -1_i8..2, starts, lasts).prop_map(|(flags, priority, starts, lasts)| Terms {
        is_sale: flags.0,
        enabled: flags.1,
        in_dollars: flags.2,
        priority,
        starts,
        lasts,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let price = (
        1..=VARIANTS,
        1_i64..3,
        prop::option::weighted(0.8, 1_i64..20),
    );
    let former = prop::option::of(1_i64..30);
    prop_oneof![
        3 => (1..=VARIANTS, dollars(), 1_i64..20, former)
            .prop_map(|(which, dollars, amount, former)| Step::Base(which, dollars, amount, former)),
        2 => terms().prop_map(Step::Make),
        2 => (0_usize..2, terms()).prop_map(|(at, terms)| Step::Replace(at, terms)),
        1 => (0_usize..4).prop_map(Step::Delete),
        5 => (0_usize..2, prop::collection::vec(price, 1..5))
            .prop_map(|(at, prices)| Step::Put(at, prices)),
        4 => (1_u64..30).prop_map(Step::Advance),
        2 => Just(Step::Jobs),
    ]
}

/// The shop of one case, and its lists' paths and currencies.
struct Case<'c> {
    cells: &'c TestCells,
    shop: Shop,
    lists: Vec<(String, bool)>,
    keys: u32,
}

fn currency(in_dollars: bool) -> Currency {
    if in_dollars { Currency::USD } else { EUR }
}

impl Case<'_> {
    fn body(&self, terms: &Terms) -> Json {
        let now = self.cells.deps.now();
        let starts = terms.starts.map(|seconds| {
            let by = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 {
                now.minus(by)
            } else {
                now.plus(by)
            }
        });
        let from = starts.unwrap_or(now);
        let ends = terms
            .lasts
            .map(|seconds| from.plus(Duration::from_secs(seconds)));
        json!({"name": "List", "currency": currency(terms.in_dollars), "enabled": terms.enabled,
            "kind": if terms.is_sale { "sale" } else { "override" }, "priority": terms.priority,
            "starts_at": starts, "ends_at": ends})
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Base(which, dollars, amount, former) => {
                let money = |amount: i64| Money::new(amount, currency(*dollars));
                let price = NewPrice {
                    variant: variant(*which),
                    price: money(*amount),
                    compare_at: former.map(money),
                };
                self.shop.set(&[price]).await.expect("a price");
            }
            Step::Make(terms) => {
                let (key, body) = (self.key(), self.body(terms));
                let path = made(&self.shop, &key, &body).await;
                self.lists.push((path, terms.in_dollars));
            }
            Step::Replace(at, terms) => {
                if let Some((path, in_dollars)) = self.lists.get(*at) {
                    let in_dollars = *in_dollars;
                    let body = self.body(&Terms {
                        in_dollars,
                        ..terms.clone()
                    });
                    let set = self.shop.send("PUT", path, &[], Some(body)).await;
                    assert_eq!(set.status, 200, "{}", set.json);
                }
            }
            Step::Delete(at) => {
                if *at < self.lists.len() {
                    let (path, _) = self.lists.remove(*at);
                    self.shop.send("DELETE", &path, &[], None).await;
                }
            }
            Step::Put(at, prices) => self.fill(*at, prices).await,
            Step::Advance(seconds) => self.cells.clock.advance(Duration::from_secs(*seconds)),
            Step::Jobs => self.settle().await,
        }
    }

    async fn fill(&mut self, at: usize, prices: &[(u128, i64, Option<i64>)]) {
        let key = self.key();
        let Some((path, in_dollars)) = self.lists.get(at) else {
            return;
        };
        let mut seen = std::collections::BTreeSet::new();
        let mut bodies = Vec::new();
        for (which, least, amount) in prices {
            if seen.insert((*which, *least)) {
                let money = amount.map(|amount| Money::new(amount, currency(*in_dollars)));
                bodies.push(json!({"variant_id": variant(*which), "min_quantity": least,
                    "price": money}));
            }
        }
        let path = format!("{path}/prices");
        let headers = [("idempotency-key", key.as_str())];
        let body = json!({ "prices": bodies });
        let set = self.shop.send("PUT", &path, &headers, Some(body)).await;
        assert_eq!(set.status, 200, "{}", set.json);
    }

    async fn settle(&self) {
        while !self.shop.run_jobs().await.is_empty() {}
    }

    /// Every variant is listed for what one unit of it costs, or not at all.
    async fn check(&self) -> Result<(), TestCaseError> {
        for (which, dollars) in (1..=VARIANTS).flat_map(|each| [(each, false), (each, true)]) {
            let mut asked = request(vec![line(which, 1)], None);
            asked.currency = currency(dollars);
            let charged = match self.shop.quote(asked).await {
                Ok(quote) => Some(quote.lines[0].unit_price.amount),
                Err(QuoteError::NoPrice { .. }) => None,
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            };
            let listed = self.shop.listed(which, currency(dollars));
            let shown = listed.map(|(amount, _)| amount);
            proptest::prop_assert_eq!(shown, charged, "variant {} {}", which, dollars);
            let is_above =
                listed.is_none_or(|(amount, former)| former.is_none_or(|is| is > amount));
            proptest::prop_assert!(is_above, "{:?}", listed);
        }
        Ok(())
    }
}

async fn run(cells: &TestCells, number: u32, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut case = Case {
        shop: Shop::open(cells, &format!("case-{number}")).await,
        cells,
        lists: Vec::new(),
        keys: 0,
    };
    for step in steps {
        case.take(step).await;
        if matches!(step, Step::Jobs) {
            case.check().await?;
        }
    }
    case.settle().await;
    case.check().await
}

#[test]
fn every_listing_is_what_one_unit_costs() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for cells in runtime.block_on(everywhere()) {
        let cases = if cells.kind.starts_with("sqlite") {
            60
        } else {
            15
        };
        let config = ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let number = std::cell::Cell::new(0);
        let ran = TestRunner::new(config).run(&prop::collection::vec(step(), 1..40), |steps| {
            number.set(number.get() + 1);
            runtime.block_on(run(&cells, number.get(), &steps))
        });
        ran.unwrap_or_else(|error| panic!("{}: {error}", cells.kind));
    }
}
