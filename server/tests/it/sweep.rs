//! The process dies at every named point of checkout, capture, refund and cancel, again and again,
//! under shoppers who do not give up. Nothing is lost, doubled, leaked or left untold.

mod fates;
mod people;
mod points;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::fates::{Death, Fates};
use self::people::{Habit, People};
use crate::audit::Books;
use crate::support::{
    Backend, Bus, Ear, Merchant, Provider, Shopper, Stoa, backends, buses, eventually, seeds,
};

/// Of each point; other numbers by `STOA_TEST_SWEEP_SEEDS`.
const SEEDS: u64 = 20;
/// On the other database, of the same code and the same points.
const SEEDS_ON_SERVER: u64 = 3;
const PLENTY: i64 = 1_000_000;
const SCARCE: i64 = 30;
/// Over JetStream every third point dies: what differs there is how events travel.
const JETSTREAM_STEP: usize = 3;
/// How long it takes at most until nothing is under way any more.
const SETTLE_MAX: Duration = Duration::from_secs(300);
/// How long the shop has to tell what is open.
const TELL_MAX: Duration = Duration::from_secs(30);
/// Worlds at once: while one waits for its restart, the other works.
const WORLDS: u64 = 3;

/// A shop, its provider and an observer, each a process or server of its own.
struct World {
    shop: Stoa,
    merchant: Merchant,
    people: People,
    ear: Ear,
    stock: BTreeMap<String, i64>,
    /// Whether staff can refund and cancel.
    cares: bool,
    _provider: Provider,
}

impl World {
    async fn start(backend: &Backend, bus: &Bus) -> Self {
        let provider = Provider::start();
        let mut environment = provider.environment().to_vec();
        environment.extend(bus.environment());
        environment.push(("STOA_ALLOW_LOOPBACK", "true"));
        // On a shared database the jobs of the dead are theirs until then.
        environment.push(("STOA_JOB_LEASE_SECONDS", "4"));
        environment.push(("STOA_LOG", "warn"));
        let shop = Stoa::start(backend, &[], &environment).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let shopper = Shopper::new(&shop.url(), "demo");
        let ear = Ear::start().await;
        ear.listen_to(&merchant).await;
        let mut stock = BTreeMap::new();
        let (_, list) = shopper.get("/api/v1/products?limit=4").await;
        for (number, product) in list["data"]
            .as_array()
            .expect("products")
            .iter()
            .enumerate()
        {
            let handle = product["handle"].as_str().expect("a handle");
            let product = shopper.product(handle).await;
            let variant = product["variants"][0]["id"].as_str().expect("an id");
            let units = if number == 0 { SCARCE } else { PLENTY };
            merchant.set_stock(variant, units).await;
            stock.insert(variant.to_owned(), units);
        }
        let (_, api) = shopper.get("/api/v1/openapi.json").await;
        let cares = !api["paths"]["/api/v1/admin/orders/{order_id}/refunds"].is_null();
        let of = |units: i64| {
            let wanted = stock.iter().filter(move |(_, has)| **has == units);
            wanted
                .map(|(variant, _)| variant.clone())
                .collect::<Vec<_>>()
        };
        let people = People {
            shopper,
            merchant: merchant.clone(),
            goods: of(PLENTY),
            scarce: of(SCARCE).remove(0),
            placed: Arc::default(),
            done: Arc::new(AtomicBool::new(false)),
        };
        Self {
            shop,
            merchant,
            people,
            ear,
            stock,
            cares,
            _provider: provider,
        }
    }

    fn populate(&self) -> Vec<tokio::task::JoinHandle<()>> {
        use Habit::{
            Canceled, CapturedLater, Declined, Delayed, Packed, Pays, Redirected, Refunded,
            Regrets, Unanswered,
        };
        let mut habits = vec![
            Pays,
            Pays,
            Declined,
            Redirected,
            Delayed,
            Unanswered,
            CapturedLater,
            CapturedLater,
        ];
        if self.cares {
            habits.extend([
                Refunded, Refunded, Canceled, Canceled, Regrets, Regrets, Packed,
            ]);
        }
        habits
            .into_iter()
            .enumerate()
            .map(|(number, habit)| tokio::spawn(self.people.clone().live(number, habit)))
            .collect()
    }

    /// Lets everybody finish, and holds all books against each other.
    async fn judge(mut self, living: Vec<tokio::task::JoinHandle<()>>, name: &str) {
        self.people.done.store(true, Ordering::Release);
        for (number, one) in living.into_iter().enumerate() {
            let Ok(lived) = tokio::time::timeout(SETTLE_MAX, one).await else {
                let open = tokio::time::timeout(TELL_MAX, self.people.open()).await;
                panic!("{name}: shopper {number} still waits for the shop, open are {open:#?}");
            };
            lived.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for quiet in [
            "stoa_events_waiting{stage=\"undelivered\"}",
            "stoa_events_waiting{stage=\"unsequenced\"}",
            "stoa_checkout_sagas_stuck",
        ] {
            eventually(&format!("{name}: {quiet} to be 0"), async || {
                (self.merchant.metric(quiet).await == Some(0)).then_some(())
            })
            .await;
        }
        let dead = self.merchant.metric("stoa_jobs{state=\"dead\"}").await;
        let buried = self.shop.buried();
        assert_eq!(dead, Some(0), "{name}: jobs given up: {buried:?}");
        let placed = self.people.placed.lock().expect("placed").clone();
        let before = self.stock.clone().into_iter().collect();
        let began = Instant::now();
        let faults = loop {
            let mut books = Books::read(&self.merchant, &placed, &before).await;
            books.heard = Some(self.ear.counts());
            let faults = books.faults();
            // Refunds and webhooks may still be on their way, or under the lease of a dead process;
            // what is wrong stays wrong.
            if faults.is_empty() || began.elapsed() > SETTLE_MAX {
                assert!(!books.orders.is_empty(), "{name}: nothing was bought");
                break faults;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        assert_eq!(faults, Vec::<String>::new(), "{name}");
        for audit in ["inventory", "ledger"] {
            let audit = self
                .merchant
                .get(&format!("/api/v1/admin/{audit}/audit"))
                .await;
            assert_eq!(
                audit["mismatches"],
                serde_json::json!([]),
                "{name}: {audit}"
            );
            assert_eq!(audit["complete"], true, "{name}: {audit}");
        }
        assert_eq!(self.shop.terminate(), Some(0), "{name}");
    }
}

/// What one run of normal life reaches.
async fn reached(backend: &Backend) -> BTreeSet<String> {
    let mut world = World::start(backend, &Bus::Embedded).await;
    let file = world.shop.data_dir.join("points");
    world.shop.kill();
    world
        .shop
        .restart_armed(&format!("*=trace:{}", file.display()));
    let living = world.populate();
    let expected: BTreeSet<String> = points::in_sources();
    let began = Instant::now();
    let mut seen = BTreeSet::new();
    while began.elapsed() < SETTLE_MAX / 3 {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        seen = text.lines().map(str::to_owned).collect();
        if missing(&expected, &seen, world.cares).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        missing(&expected, &seen, world.cares),
        BTreeSet::new(),
        "no scenario reaches these, and no reason is given"
    );
    world.judge(living, "the traced world").await;
    seen
}

/// Points that are named, not reached, and not excused.
fn missing(named: &BTreeSet<String>, seen: &BTreeSet<String>, cares: bool) -> BTreeSet<String> {
    // Without refunds and cancels there is nobody to reach these.
    const OF_CARE: [&str; 5] = [
        "aftersales.",
        "checkout.give_up.",
        "checkout.return.",
        "payments.refund.",
        "payments.void.",
    ];
    let excused = |point: &str| {
        points::OUT_OF_REACH
            .iter()
            .any(|(known, _)| *known == point)
            || !cares && OF_CARE.iter().any(|prefix| point.starts_with(prefix))
    };
    let unseen = named.difference(seen);
    unseen.filter(|point| !excused(point)).cloned().collect()
}

async fn die_often(backend: Backend, bus: Bus, deaths: Vec<Death>, name: String) {
    let began = Instant::now();
    let mut world = World::start(&backend, &bus).await;
    world.shop.kill();
    let living = world.populate();
    let mut fates = Fates::new(deaths, world.shop.data_dir.join("reached"));
    while let Some(plan) = fates.arm() {
        world.shop.restart_armed(&plan);
        match world.shop.dies_within(fates.patience()).await {
            true => fates.died(),
            false => {
                world.shop.kill();
                fates.missed(&name);
            }
        }
    }
    let (deaths, died) = (fates.count(), began.elapsed());
    world.shop.restart().await;
    world.judge(living, &name).await;
    report(&format!(
        "{name}: {deaths} deaths in {died:?}, judged after {:?}",
        began.elapsed()
    ));
}

#[expect(
    clippy::print_stdout,
    reason = "how much was swept belongs into the log of a run"
)]
fn report(text: &str) {
    println!("{text}");
}

/// Told by one job for the whole shop, which lies under its lease after each death of whatever
/// kind: such a point comes once in each world.
fn is_single(point: &str) -> bool {
    point.starts_with("webhooks.")
}

/// Each point dies `seeds` times, over `WORLDS` worlds at once.
async fn sweep(backend: impl AsyncFn() -> Backend, bus: &Bus, seeds: u64) {
    let points = reached(&backend().await).await;
    let mut worlds = Vec::new();
    for number in 0..WORLDS.min(seeds) {
        let backend = backend().await;
        let name = format!("world {number} on {backend:?} over {bus:?}");
        let deaths = points.iter().flat_map(|point| {
            let share = (0..seeds).filter(move |seed| seed % WORLDS == number);
            let share = share.take(if is_single(point) { 1 } else { usize::MAX });
            share.map(|seed| Death::new(point, seed))
        });
        worlds.push(die_often(backend, bus.clone(), deaths.collect(), name));
    }
    futures_util::future::join_all(worlds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_every_point_on_sqlite_and_the_books_agree() {
    sweep(async || Backend::Sqlite, &Bus::Embedded, seeds(SEEDS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_every_point_on_postgres_and_the_books_agree() {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let fresh = async || Backend::Postgres(stoa_testkit::fresh_database(&server).await);
    sweep(fresh, &Bus::Embedded, seeds(SEEDS_ON_SERVER)).await;
}

/// Such deaths where events travel over JetStream.
#[tokio::test(flavor = "multi_thread")]
async fn crash_at_every_point_over_jetstream_and_the_books_agree() {
    let nats = buses()
        .into_iter()
        .find(|bus| matches!(bus, Bus::Nats { .. }));
    let Some(nats) = nats else {
        return;
    };
    let backend = backends().await.pop().expect("a database");
    let deaths = reached(&Backend::Sqlite).await;
    let deaths = deaths
        .iter()
        .step_by(JETSTREAM_STEP)
        .map(|point| Death::new(point, 0))
        .collect();
    let name = format!("a world on {backend:?} over {nats:?}");
    die_often(backend, nats, deaths, name).await;
}
