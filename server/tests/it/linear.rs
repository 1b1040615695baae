//! Histories recorded over HTTP by several clients at once, and judged: they must read as if one
//! thing had happened after the other. What was cut off without an answer may have happened or not.

mod recorder;

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stoa_linear::{
    Key, KeyCall, KeyReply, Operation, Stock, StockCall, StockReply, Verdict, Version, VersionCall,
    VersionReply, judge,
};

use self::recorder::{Clock, Patience, Recorder};
use crate::support::{Merchant, Placed, Shopper, Stoa, backends};

const CLIENTS: usize = 5;
const UNITS: i64 = 5;
/// About as long as a start takes.
const RESTART_TIME: Duration = Duration::from_millis(200);

struct Shop {
    stoa: Stoa,
    merchant: Merchant,
    shopper: Shopper,
    variant: String,
}

impl Shop {
    async fn everywhere() -> Vec<Self> {
        let mut shops = Vec::new();
        for backend in backends().await {
            let stoa = Stoa::start(&backend, &[], &[("STOA_LOG", "warn")]).await;
            let merchant = Merchant::new(&stoa.url(), "demo", &stoa.key("sk_"));
            let shopper = Shopper::new(&stoa.url(), "demo");
            let variant = crate::race::any_variant(&shopper).await;
            shops.push(Self {
                stoa,
                merchant,
                shopper,
                variant,
            });
        }
        shops
    }
}

fn assert_linear<M: stoa_linear::Model>(
    model: &M,
    history: &[Operation<M::Call, M::Reply>],
    seed: u64,
) where
    M::Call: std::fmt::Debug,
    M::Reply: std::fmt::Debug,
{
    match judge(model, history) {
        Verdict::Linearizable(_) => {}
        Verdict::TooLong => panic!("seed {seed}: {} operations are too many", history.len()),
        Verdict::Impossible { explained, stuck } => {
            let stuck: Vec<_> = stuck.iter().map(|&index| &history[index]).collect();
            panic!(
                "seed {seed}: after {} operations none of {stuck:#?}",
                explained.len()
            );
        }
    }
}

fn assert_refused<M: stoa_linear::Model>(model: &M, history: &[Operation<M::Call, M::Reply>]) {
    assert!(
        matches!(judge(model, history), Verdict::Impossible { .. }),
        "a history that cannot be was believed"
    );
}

/// One client that buys what is scarce, again and again, and looks at what is held. Declined cards
/// give their units back.
async fn buy_and_look(
    shop: (Merchant, Shopper, String),
    carts: Vec<crate::support::CartKey>,
    seed: u64,
    recorder: Recorder<StockCall, StockReply>,
) {
    let (merchant, shopper, variant) = shop;
    let mut random = fastrand::Rng::with_seed(seed);
    for cart in carts {
        let levels = format!("/api/v1/admin/inventory/levels?variant_id={variant}");
        let look = recorder.call(StockCall::Read);
        let seen = look
            .send(merchant.request(Method::GET, &levels), Patience::Whole)
            .await;
        look.answered(seen.map(|(_, body)| {
            let held = body["data"][0]["reserved"].as_i64().expect("a number");
            StockReply::Reserved(held)
        }));
        let declines = random.u8(0..3) > 0;
        let token = if declines {
            "tok_decline"
        } else {
            "tok_success"
        };
        let payment = json!({ "provider": "test", "token": token });
        let reserve = recorder.call(StockCall::Reserve(1));
        let request = shopper.checkout_request(&cart, &payment, &cart.id);
        // Whoever is cut off does not know what became of it.
        let patience = Patience::of(&mut random);
        // Units come back after they were held, which is after they were asked for.
        let release = recorder.call(StockCall::Release(1));
        let Some((status, body)) = reserve.send(request, patience).await else {
            reserve.answered(None);
            if declines {
                release.answered(None);
            }
            continue;
        };
        if status != StatusCode::ACCEPTED {
            assert_eq!(body["code"], "out_of_stock", "{status} {body}");
            reserve.answered(Some(StockReply::Short));
            continue;
        }
        reserve.answered(Some(StockReply::Done));
        if declines {
            shopper.settled(&Placed::read(&body)).await;
            release.answered(Some(StockReply::Done));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linear_reserve_and_release() {
    const ROUNDS: usize = 6;
    for (number, shop) in Shop::everywhere().await.into_iter().enumerate() {
        let seed = 11 + number as u64;
        shop.merchant.set_stock(&shop.variant, 1_000).await;
        let mut carts = Vec::new();
        for _ in 0..CLIENTS * ROUNDS {
            let cart = shop.shopper.fill_cart(&shop.variant, 1).await;
            carts.push(cart.expect("a cart"));
        }
        shop.merchant.set_stock(&shop.variant, UNITS).await;
        let recorder = Recorder::new(Clock::start());
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let people = (
                    shop.merchant.clone(),
                    shop.shopper.clone(),
                    shop.variant.clone(),
                );
                let carts = carts.split_off(carts.len() - ROUNDS);
                let seed = seed * 100 + client as u64;
                buy_and_look(people, carts, seed, recorder.clone())
            })
            .collect();
        futures_util::future::join_all(clients).await;
        let mut history = recorder.history();
        let model = Stock { on_hand: UNITS };
        assert_linear(&model, &history, seed);
        // A planted bug: one unit more was sold than there are.
        let done = |operation: &&mut Operation<StockCall, StockReply>| {
            operation.call == StockCall::Read && operation.answered.is_some()
        };
        let read = history.iter_mut().find(done).expect("somebody looked");
        read.answered = Some((u64::MAX - 1, StockReply::Reserved(UNITS + 1)));
        assert_refused(&model, &history);
    }
}

/// One client that reads a cart and changes it under the version it read.
async fn change_under_version(
    shopper: Shopper,
    cart: crate::support::CartKey,
    client: u64,
    recorder: Recorder<VersionCall, VersionReply>,
) {
    const ROUNDS: usize = 12;
    let mut random = fastrand::Rng::with_seed(client);
    let path = format!("/api/v1/carts/{}", cart.id);
    let ask = |method: Method| {
        shopper
            .request(method, &path)
            .header("stoa-cart-token", &cart.token)
    };
    let version = |body: &Value| body["version"].as_i64().expect("a version");
    for round in 0..ROUNDS {
        let read = recorder.call(VersionCall::Read);
        let seen = read.send(ask(Method::GET), Patience::Whole).await;
        let (_, body) = seen.expect("an answer");
        let at = version(&body);
        read.answered(Some(VersionReply::At(at)));
        let change = recorder.call(VersionCall::Change { if_match: at });
        let note = json!({ "note": format!("{client}-{round}") });
        let patch = ask(Method::PATCH)
            .header("if-match", format!("\"{at}\""))
            .json(&note);
        let answer = change.send(patch, Patience::of(&mut random)).await;
        change.answered(answer.map(|(status, body)| match status {
            StatusCode::PRECONDITION_FAILED => VersionReply::Stale,
            _ => {
                assert_eq!(status, StatusCode::OK, "{body}");
                VersionReply::At(version(&body))
            }
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linear_changes_of_a_cart_under_its_version() {
    for (number, shop) in Shop::everywhere().await.into_iter().enumerate() {
        let cart = shop
            .shopper
            .fill_cart(&shop.variant, 1)
            .await
            .expect("a cart");
        let request = shop
            .shopper
            .request(Method::GET, &format!("/api/v1/carts/{}", cart.id));
        let request = request.header("stoa-cart-token", &cart.token);
        let (_, view) = crate::support::answer(request).await.expect("an answer");
        let first = view["version"].as_i64().expect("a version");
        let recorder = Recorder::new(Clock::start());
        let clients: Vec<_> = (0..CLIENTS as u64)
            .map(|client| {
                let (shopper, cart) = (shop.shopper.clone(), cart.clone());
                let seed = client + 1_000 * number as u64;
                tokio::spawn(change_under_version(shopper, cart, seed, recorder.clone()))
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
        let mut history = recorder.history();
        let model = Version { first };
        assert_linear(&model, &history, number as u64);
        // A planted bug: an update was lost, so two changes of one version both went through.
        let stale = history
            .iter_mut()
            .find(|operation| matches!(operation.answered, Some((_, VersionReply::Stale))));
        let stale = stale.expect("somebody was too late");
        let VersionCall::Change { if_match } = stale.call else {
            panic!("a read is never stale");
        };
        let (at, _) = stale.answered.expect("answered");
        stale.answered = Some((at, VersionReply::At(if_match + 1)));
        assert_refused(&model, &history);
    }
}

/// One client that uses the same few keys as everybody else, each with one of two bodies.
async fn adjust_with_keys(
    merchant: Merchant,
    variant: String,
    seed: u64,
    keys: Vec<Recorder<KeyCall, KeyReply>>,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    for (number, recorder) in keys.iter().enumerate() {
        for _ in 0..2 {
            let body = random.u64(1..=2);
            let call = recorder.call(KeyCall { body });
            let request = merchant
                .request(Method::POST, "/api/v1/admin/inventory/adjustments")
                .header("idempotency-key", format!("key-{number}"))
                .json(&json!({ "variant_id": variant, "delta": body, "reason": "found" }));
            let patience = Patience::of(&mut random);
            let answer = call.send(request, patience).await;
            if answer.is_none() && matches!(patience, Patience::Whole) {
                // Nobody is there: to go on at once would use up all keys before somebody is.
                tokio::time::sleep(RESTART_TIME).await;
            }
            let reply = answer.and_then(|(status, body)| match status {
                // It died, or is about to: no word on what became of it.
                status if status.is_server_error() => None,
                StatusCode::UNPROCESSABLE_ENTITY => {
                    assert_eq!(body["code"], "idempotency_key_reused", "{body}");
                    Some(KeyReply::Reused)
                }
                _ => {
                    assert_eq!(status, StatusCode::OK, "{body}");
                    Some(KeyReply::Made(body["version"].to_string()))
                }
            });
            call.answered(reply);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linear_idempotency_keys_through_a_kill() {
    const KEYS: usize = 16;
    for (number, mut shop) in Shop::everywhere().await.into_iter().enumerate() {
        shop.merchant.set_stock(&shop.variant, 0).await;
        let clock = Clock::start();
        let keys: Vec<_> = (0..KEYS).map(|_| Recorder::new(clock)).collect();
        let clients: Vec<_> = (0..CLIENTS as u64)
            .map(|client| {
                let (merchant, variant) = (shop.merchant.clone(), shop.variant.clone());
                let seed = client + 1_000 * number as u64;
                tokio::spawn(adjust_with_keys(merchant, variant, seed, keys.clone()))
            })
            .collect();
        // In the middle of it, wherever that is by then.
        let half = KEYS / 2;
        crate::support::eventually("half of the keys to be used", async || {
            (!keys[half].history().is_empty()).then_some(())
        })
        .await;
        shop.stoa.kill();
        shop.stoa.restart().await;
        for client in clients {
            client.await.expect("no panic");
        }
        let mut made = 0;
        for recorder in &keys {
            let history = recorder.history();
            assert_linear(&Key, &history, number as u64);
            made += usize::from(
                history
                    .iter()
                    .any(|one| matches!(one.answered, Some((_, KeyReply::Made(_))))),
            );
        }
        assert!(
            made > half,
            "the kill left nothing to judge: {made} of {KEYS}"
        );
        // A planted bug: the second use of a key did it once more.
        let worked = |one: &Operation<KeyCall, KeyReply>| {
            matches!(one.answered, Some((_, KeyReply::Made(_))))
        };
        let mut histories = keys.iter().map(Recorder::history);
        let history = histories.find(|history| history.iter().any(worked));
        let mut history = history.expect("a key that worked");
        let made = history.iter().rev().find(|one| worked(one));
        let made = made.expect("a use of it that worked");
        let again = Operation {
            answered: Some((u64::MAX - 1, KeyReply::Made("another".into()))),
            ..made.clone()
        };
        history.push(again);
        assert_refused(&Key, &history);
        let audit = shop.merchant.get("/api/v1/admin/inventory/audit").await;
        assert_eq!(audit["mismatches"], json!([]));
    }
}
