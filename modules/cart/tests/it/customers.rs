//! Carts of customers: what sign-in makes of a guest's cart.

use serde_json::json;
use stoa_contracts::cart::{CartError, CartNotice, CartStatus};
use stoa_kernel::{CustomerId, OrderId};
use stoa_storage::{Error, Tx};

use crate::support::{CUP, MUG, Shop, Shopper, everywhere};

const JO: CustomerId = CustomerId::from_u128(50);
const ANA: CustomerId = CustomerId::from_u128(51);

/// Variants and quantities, in order.
fn held(cart: &stoa_contracts::cart::CartView) -> Vec<(stoa_kernel::VariantId, u32)> {
    let lines = cart.lines.iter();
    lines
        .map(|line| (line.variant_id, line.quantity.get()))
        .collect()
}

async fn freeze(shop: &Shop, shopper: &Shopper) {
    let (carts, id) = (shop.carts.clone(), shopper.cart_id());
    let frozen = shop.db.write(async move |tx: &mut Tx<'_>| {
        carts.lock(tx, id).await?;
        carts.freeze(tx, id, OrderId::from_u128(7)).await?;
        Ok::<_, Error>(())
    });
    frozen.await.expect("a transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sign_in_makes_the_guests_cart_the_customers() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let shopper = shop.cart().await;
        shopper.add(MUG, 2).await;
        assert_eq!(
            shop.carts.of_customer(shop.tenant, JO).await.expect("none"),
            None
        );
        let cart = shop.sign_in(&shopper, JO).await;
        assert_eq!((cart.id, cart.customer_id), (shopper.cart_id(), Some(JO)));
        assert_eq!(cart.version, 3, "{}", cells.kind);
        let again = shop.sign_in(&shopper, JO).await;
        assert_eq!(again, cart, "{}: it is theirs already", cells.kind);
        let key = shop
            .carts
            .of_customer(shop.tenant, JO)
            .await
            .expect("a read");
        assert_eq!(key, Some(shopper.key()), "{}", cells.kind);
        assert_eq!(shop.shelf.asked().customer, Some(JO), "{}", cells.kind);
        let refused = shop.carts.assign(shop.tenant, &shopper.key(), ANA).await;
        assert!(
            matches!(refused, Err(CartError::Invalid { ref field, .. }) if field == "customer_id"),
            "{}: a cart goes from nobody but a guest",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_cart_joins_the_one_the_customer_has() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let own = shop.cart().await;
        own.add(MUG, 2).await;
        own.update(&json!({ "email": "jo@example.com" })).await;
        shop.sign_in(&own, JO).await;
        let guest = shop.cart().await;
        guest.add(CUP, 1).await;
        guest.add(MUG, 3).await;
        guest
            .update(&json!({
                "email": "other@example.com", "coupons": ["LATER"], "shipping_option_id": "express",
                "shipping_address": {
                    "name": "Jo Doe", "line1": "1 Agora", "city": "Athens",
                    "postal_code": "105 55", "country": "DE",
                },
            }))
            .await;
        let cart = shop.sign_in(&guest, JO).await;
        assert_eq!(cart.id, own.cart_id(), "{}", cells.kind);
        assert_eq!(held(&cart), [(MUG, 5), (CUP, 1)], "{}", cells.kind);
        assert_eq!(cart.email.as_deref(), Some("jo@example.com"));
        assert_eq!(cart.coupons, ["LATER"], "{}", cells.kind);
        assert_eq!(cart.shipping_option_id.as_deref(), Some("express"));
        assert_eq!(cart.version, 5, "{}: it rose by one", cells.kind);
        let stored = shop.carts.view(shop.tenant, &own.key()).await;
        assert_eq!(stored.expect("the cart"), cart, "{}", cells.kind);
        let gone = guest.send("GET", "", None).await;
        assert_eq!(gone.refusal(), (404, "cart_not_found"), "{}", cells.kind);
        // The same sign-in once more finds it done.
        assert_eq!(shop.sign_in(&guest, JO).await, cart, "{}", cells.kind);
        let stranger = shop.carts.assign(shop.tenant, &guest.key(), ANA).await;
        assert!(
            matches!(stranger, Err(CartError::NotFound)),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_accepts_no_price_promises_no_stock_and_tells_what_found_no_room() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 1_000_000).await;
        let (own, guest) = (shop.cart().await, shop.cart().await);
        own.add(MUG, 999_999).await;
        guest.add(MUG, 3).await;
        guest.add(CUP, 1).await;
        shop.sign_in(&own, JO).await;
        shop.shelf.price(MUG, Some(1300));
        shop.stock(&cells, CUP, 0).await;
        let cart = shop.sign_in(&guest, JO).await;
        assert_eq!(held(&cart), [(MUG, 1_000_000), (CUP, 1)], "{}", cells.kind);
        let notices = &cart.notices;
        assert_eq!(notices.len(), 3, "{}: {notices:?}", cells.kind);
        assert!(
            matches!(notices[0], CartNotice::PriceChanged { line_id, .. }
            if line_id == cart.lines[0].id)
        );
        let short = CartNotice::StockShort {
            line_id: cart.lines[1].id,
            available: 0,
        };
        assert_eq!(notices[1], short, "{}", cells.kind);
        let left_out = CartNotice::NotMerged {
            variant_id: MUG,
            title: "Mug 1".to_owned(),
            units: 2,
        };
        assert_eq!(notices[2], left_out, "{}", cells.kind);
        let seen = own.see_notices().await.json;
        let kinds: Vec<_> = seen["notices"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|notice| notice["kind"].clone())
            .collect();
        assert_eq!(kinds, ["stock_short"], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_is_being_paid_for_neither_gives_nor_takes_lines() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        let (own, guest) = (shop.cart().await, shop.cart().await);
        own.add(MUG, 1).await;
        shop.sign_in(&own, JO).await;
        freeze(&shop, &own).await;
        assert_eq!(
            shop.carts.of_customer(shop.tenant, JO).await.expect("none"),
            None
        );
        guest.add(CUP, 1).await;
        let cart = shop.sign_in(&guest, JO).await;
        assert_eq!(cart.id, guest.cart_id(), "{}: a cart beside it", cells.kind);
        assert_eq!(held(&cart), [(CUP, 1)], "{}", cells.kind);
        let paying = shop.cart().await;
        paying.add(MUG, 1).await;
        freeze(&shop, &paying).await;
        let refused = shop.carts.assign(shop.tenant, &paying.key(), ANA).await;
        assert!(matches!(refused, Err(CartError::NotOpen)), "{}", cells.kind);
        let view = paying.view().await;
        assert_eq!(view["status"], json!(CartStatus::Frozen), "{}", cells.kind);
        assert_eq!(view["customer_id"], json!(null), "{}", cells.kind);
    }
}

/// Eight guests with two mugs each sign in at once as `customer`.
async fn sign_in_at_once(shop: &Shop, customer: CustomerId, kind: &str) {
    let mut guests = Vec::new();
    for _ in 0..8 {
        let guest = shop.cart().await;
        guest.add(MUG, 2).await;
        guests.push(guest);
    }
    let sign_in = |guest: Shopper| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.sign_in(&guest, customer).await.id })
    };
    let signing: Vec<_> = guests.into_iter().map(sign_in).collect();
    let mut ids = Vec::new();
    for sign_in in signing {
        ids.push(sign_in.await.expect("no panic"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{kind}: all ended in one cart");
    let key = shop.carts.of_customer(shop.tenant, customer).await;
    let key = key.expect("a read").expect("a cart");
    let cart = shop.carts.view(shop.tenant, &key).await;
    assert_eq!(held(&cart.expect("it")), [(MUG, 16)], "{kind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_once_lose_no_line() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "one").await;
        shop.stock(&cells, MUG, 100).await;
        sign_in_at_once(&shop, JO, cells.kind).await;
        // The cart that this customer has takes no lines: which one replaces it is decided once.
        let paying = shop.cart().await;
        paying.add(CUP, 1).await;
        shop.sign_in(&paying, ANA).await;
        freeze(&shop, &paying).await;
        sign_in_at_once(&shop, ANA, cells.kind).await;
    }
}
