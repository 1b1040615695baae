//! Many buyers, few units.

use std::collections::HashMap;

use crate::audit::Books;
use crate::support::{Merchant, Placed, Shopper, Stoa, backends};

const BUYERS: usize = 1_000;
const UNITS: i64 = 10;

/// Some variant of the demo shop that is for sale.
pub(crate) async fn any_variant(shopper: &Shopper) -> String {
    let (_, list) = shopper.get("/api/v1/products?limit=1").await;
    let handle = list["data"][0]["handle"]
        .as_str()
        .expect("a handle")
        .to_owned();
    shopper.product(&handle).await["variants"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn race_of_a_thousand_buyers_for_ten_units_sells_exactly_ten() {
    for backend in backends().await {
        let shop = Stoa::all(&backend).await;
        let merchant = Merchant::new(&shop.url(), "demo", &shop.key("sk_"));
        let shopper = Shopper::new(&shop.url(), "demo");
        let variant = any_variant(&shopper).await;
        // Carts are filled while there is plenty, so that all of them race for the last units.
        merchant.set_stock(&variant, 1_000_000).await;
        let mut carts = Vec::new();
        let filling: Vec<_> = (0..BUYERS)
            .map(|_| {
                let (shopper, variant) = (shopper.clone(), variant.clone());
                tokio::spawn(async move { shopper.fill_cart(&variant, 1).await.expect("a cart") })
            })
            .collect();
        for one in filling {
            carts.push(one.await.expect("no panic"));
        }
        merchant.set_stock(&variant, UNITS).await;

        let buying: Vec<_> = carts
            .into_iter()
            .map(|cart| {
                let shopper = shopper.clone();
                tokio::spawn(async move {
                    shopper
                        .checkout(&cart, "tok_success", &cart.id)
                        .await
                        .expect("an answer")
                })
            })
            .collect();
        let mut placed = Vec::new();
        let mut refused: HashMap<String, usize> = HashMap::new();
        for one in buying {
            let (status, body) = one.await.expect("no panic");
            match status.as_u16() {
                202 => placed.push(Placed::read(&body)),
                _ => *refused.entry(body["code"].to_string()).or_default() += 1,
            }
        }
        assert_eq!(placed.len() as i64, UNITS, "{backend:?}: {refused:?}");
        assert_eq!(
            refused,
            [("\"out_of_stock\"".to_owned(), BUYERS - UNITS as usize)].into()
        );
        for one in &placed {
            let status = shopper.settled(one).await;
            assert_eq!(status["order"]["payment_status"], "paid", "{status}");
        }
        assert_eq!(merchant.level(&variant).await, (UNITS, UNITS));
        let books = Books::read(&merchant, &placed, &[(variant, UNITS)].into()).await;
        assert_eq!(books.faults(), Vec::<String>::new(), "{backend:?}");
        assert_eq!(books.charges.len() as i64, UNITS);
    }
}
