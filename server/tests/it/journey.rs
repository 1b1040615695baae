//! From a product to a paid order over HTTP, in one process and split by role.

use serde_json::json;

use crate::audit::Books;
use crate::support::{
    Backend, Merchant, Placed, Provider, Shopper, Stoa, backends, buses, eventually,
};

/// Buys one mug-like thing and follows it to the end.
async fn buy_one(shop: &Stoa, merchant: &Merchant) -> Placed {
    let shopper = Shopper::new(&shop.url(), "demo");
    let (_, list) = shopper.get("/api/v1/products?limit=5").await;
    let listed = list["data"].as_array().expect("products");
    assert_eq!(listed.len(), 5);
    let variant = wait_for_availability(&shopper, true).await;
    let (on_hand, reserved) = merchant.level(&variant).await;
    let placed = shopper.place(&variant, 1, "tok_success").await;
    let status = shopper.settled(&placed).await;
    assert_eq!(status["order"]["payment_status"], "paid", "{status}");
    let order = shopper.order(&placed).await;
    assert_eq!(order["payment_status"], "paid");
    assert_eq!(order["fulfilment_status"], "not_fulfilled");
    assert_eq!(order["test"], true);
    assert_eq!(order["lines"][0]["quantity"], 1);
    // One unit fewer can be had.
    assert_eq!(merchant.level(&variant).await, (on_hand, reserved + 1));
    let stock = [(variant, on_hand)].into();
    let books = Books::read(merchant, std::slice::from_ref(&placed), &stock).await;
    assert_eq!(books.faults(), Vec::<String>::new());
    wait_for_availability(&shopper, false).await;
    placed
}

/// Of this product the sample shop has exactly one. Returns its variant once the catalog, which
/// follows stock by events, says that it can or cannot be had.
async fn wait_for_availability(shopper: &Shopper, available: bool) -> String {
    eventually("the catalog to follow the stock", async || {
        let variant = shopper.product("two-person-tent").await["variants"][0].clone();
        (variant["available"] == available)
            .then(|| variant["id"].as_str().expect("an id").to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_buys_and_the_merchant_sees_it_paid() {
    for backend in backends().await {
        let shop = Stoa::all(&backend).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let placed = buy_one(&shop, &merchant).await;
        let mails = eventually("the confirmation mail", async || {
            let mails = merchant.get("/api/v1/admin/mailbox").await;
            let found = mails["data"]
                .as_array()
                .is_some_and(|mails| !mails.is_empty());
            found.then_some(mails)
        })
        .await;
        assert_eq!(mails["data"].as_array().map(Vec::len), Some(1), "{mails}");
        assert_eq!(mails["data"][0]["to"], "ada@example.com");
        let orders = merchant.list("/api/v1/admin/orders").await;
        assert_eq!(orders.len(), 1);
        assert_eq!(orders[0]["id"], placed.order.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_journey_runs_split_into_api_worker_and_payments() {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    for bus in buses() {
        let backend = Backend::Postgres(stoa_testkit::fresh_database(&server).await);
        let provider = Provider::start();
        let mut environment = provider.environment().to_vec();
        environment.extend(bus.environment());
        let with_demo = [environment.as_slice(), &[("STOA_DEMO", "true")]].concat();
        let api = Stoa::start(&backend, &["--target", "api"], &with_demo).await;
        let _worker = Stoa::start(&backend, &["--target", "worker"], &environment).await;
        let _payments = Stoa::start(&backend, &["--target", "payments"], &environment).await;
        let merchant = Merchant::new(&api.url(), "demo", &api.key("sk_"));
        buy_one(&api, &merchant).await;
    }
}

/// A process that only pays serves shops nothing, and the providers' calls are its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_pays_serves_no_shop() {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let backend = Backend::Postgres(stoa_testkit::fresh_database(&server).await);
    let with_demo = [("STOA_DEMO", "true")];
    let payments = Stoa::start(&backend, &["--target", "payments"], &with_demo).await;
    let shopper = Shopper::new(&payments.url(), "demo");
    let (status, _) = shopper.get("/api/v1/products").await;
    assert_eq!(status, 404);
    let merchant = Merchant::new(&payments.url(), "demo", &payments.key("sk_"));
    let charges = merchant.list("/api/v1/admin/payments/test/charges").await;
    assert_eq!(charges, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_gives_the_stock_back_and_a_second_try_pays_the_same_order() {
    for backend in backends().await {
        let shop = Stoa::all(&backend).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let shopper = Shopper::new(&shop.url(), "demo");
        let variant = crate::race::any_variant(&shopper).await;
        merchant.set_stock(&variant, 5).await;
        let cart = shopper.fill_cart(&variant, 2).await.expect("a cart");
        let (_, first) = shopper
            .checkout(&cart, "tok_decline", "first")
            .await
            .expect("an answer");
        let first = Placed::read(&first);
        let status = shopper.settled(&first).await;
        assert_eq!(status["payment"]["state"], "declined", "{status}");
        assert_eq!(merchant.level(&variant).await, (5, 0));
        let (_, second) = shopper
            .checkout(&cart, "tok_success", "second")
            .await
            .expect("an answer");
        let second = Placed::read(&second);
        assert_eq!(second.order, first.order);
        let status = shopper.settled(&second).await;
        assert_eq!(status["order"]["payment_status"], "paid", "{status}");
        let stock = [(variant, 5)].into();
        let books = Books::read(&merchant, &[first, second], &stock).await;
        assert_eq!(books.faults(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_was_lost_is_found_and_not_repeated() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
    let shopper = Shopper::new(&shop.url(), "demo");
    let variant = crate::race::any_variant(&shopper).await;
    merchant.set_stock(&variant, 5).await;
    let placed = shopper.place(&variant, 1, "tok_timeout_after_charge").await;
    let status = shopper.settled(&placed).await;
    assert_eq!(status["order"]["payment_status"], "paid", "{status}");
    let books = Books::read(&merchant, &[placed], &[(variant, 5)].into()).await;
    assert_eq!(books.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_key_with_another_body_is_refused() {
    let shop = Stoa::all(&Backend::Sqlite).await;
    let shopper = Shopper::new(&shop.url(), "demo");
    let variant = crate::race::any_variant(&shopper).await;
    let cart = shopper.fill_cart(&variant, 1).await.expect("a cart");
    let (status, _) = shopper
        .checkout(&cart, "tok_success", "key")
        .await
        .expect("an answer");
    assert_eq!(status, 202);
    let (status, body) = shopper
        .checkout(&cart, "tok_decline", "key")
        .await
        .expect("an answer");
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("idempotency_key_reused"))
    );
}
