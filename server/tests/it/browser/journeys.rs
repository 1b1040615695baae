//! What goes wrong on the way to an order, in a real browser: each ends with one order, paid once.

use fantoccini::Locator;
use reqwest::Method;
use serde_json::{Value, json};

use super::window::Browser;
use crate::support::{Backend, Merchant, Shopper, Stoa, eventually};

/// A shop, somebody in front of a browser, and who runs the shop.
struct Visit {
    browser: Browser,
    merchant: Merchant,
    home: String,
    variant: String,
    _shop: Stoa,
}

impl Visit {
    /// At the checkout with one thing in the cart; `None` where no browser is installed.
    async fn at_checkout(scripts: bool) -> Option<Self> {
        let visit = Self::at_cart(scripts).await?;
        visit
            .browser
            .goto(&format!("{}/checkout", visit.home))
            .await;
        visit.browser.fill_in().await;
        Some(visit)
    }

    async fn at_cart(scripts: bool) -> Option<Self> {
        let browser = Browser::open(scripts).await?;
        let shop = Stoa::all(&Backend::Sqlite).await;
        let home = format!("http://localhost:{}", shop.port());
        let shopper = Shopper::new(&shop.url(), "demo");
        let (_, list) = shopper.get("/api/v1/products?limit=50").await;
        let rows = list["data"].as_array().expect("products");
        let sold = |product: &&Value| {
            let variants = product["variants"].as_array().expect("variants");
            variants.len() == 1 && variants[0]["available"] == true
        };
        let mut found = None;
        for row in rows {
            let product = shopper
                .product(row["handle"].as_str().expect("a handle"))
                .await;
            if sold(&&product) {
                found = Some(product);
                break;
            }
        }
        let product = found.expect("something of one variant is in stock");
        let variant = product["variants"][0]["id"].as_str().expect("an id");
        let handle = product["handle"].as_str().expect("a handle");
        browser.goto(&format!("{home}/products/{handle}")).await;
        browser.click("#add").await;
        // Without scripts the form itself leads to the cart; to go elsewhere might overtake it.
        if scripts {
            browser.find("dialog.drawer[open] .drawer-lines li").await;
            browser.goto(&format!("{home}/cart")).await;
        }
        browser.find("main a[href='/checkout']").await;
        Some(Self {
            merchant: Merchant::new(&shop.url(), "demo", &shop.key("sk_")),
            variant: variant.to_owned(),
            browser,
            home,
            _shop: shop,
        })
    }

    async fn pay(&self, payment: &str) {
        self.browser.choose(payment).await;
        self.browser.click("#pay").await;
    }

    async fn is(&self, state: &str) {
        self.browser
            .find(&format!("#order[data-state={state}]"))
            .await;
    }

    /// The one order, as staff see it; it was charged once.
    async fn only_order(&self) -> Value {
        let orders = self.merchant.list("/api/v1/admin/orders").await;
        assert_eq!(orders.len(), 1, "{orders:?}");
        let charges = self
            .merchant
            .list("/api/v1/admin/payments/test/charges")
            .await;
        assert_eq!(charges.len(), 1, "{charges:?}");
        let id = orders[0]["id"].as_str().expect("an id");
        let order = self
            .merchant
            .get(&format!("/api/v1/admin/orders/{id}"))
            .await;
        assert_eq!(order["payment_status"], "paid");
        order
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_pays_after_a_decline() {
    let Some(visit) = Visit::at_checkout(true).await else {
        return;
    };
    visit.pay("test:tok_decline").await;
    visit.is("declined").await;
    visit.browser.click(".order-state a.button").await;
    // Nothing is typed twice.
    let city = visit.browser.find("[name=city]").await;
    let city = city.prop("value").await.expect("an answer");
    assert_eq!(city.as_deref(), Some("London"));
    visit.pay("test:tok_success").await;
    visit.is("paid").await;
    visit.only_order().await;
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_is_asked_by_the_bank_and_comes_back_to_a_paid_order() {
    let Some(visit) = Visit::at_checkout(true).await else {
        return;
    };
    visit.pay("test:tok_3ds").await;
    visit.is("requires_action").await;
    visit.browser.click(".order-state a.button").await;
    visit.browser.click("button[value=approve]").await;
    visit.is("paid").await;
    visit.only_order().await;
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_is_told_of_a_wrong_code_and_pays_less_with_a_right_one() {
    let Some(visit) = Visit::at_cart(true).await else {
        return;
    };
    let terms = json!({
        "title": "A tenth off",
        "codes": ["TENTH"],
        "benefit": { "kind": "percentage", "rate_ppm": 100_000 },
    });
    let made = visit
        .merchant
        .request(Method::POST, "/api/v1/admin/promotions")
        .header("idempotency-key", "tenth")
        .json(&terms)
        .send()
        .await
        .expect("an answer");
    assert_eq!(made.status(), 201);
    let browser = &visit.browser;
    browser.click(".code-more summary").await;
    browser.fill("coupon", "NOSUCH").await;
    browser.click(".code-row button").await;
    let told = browser.find("#coupon-error").await;
    let told = told.text().await.expect("text");
    assert_eq!(
        told,
        "We do not know this code. Please check how it is spelled."
    );
    browser.fill("coupon", "tenth").await;
    browser.click(".code-row button").await;
    browser.find(".code-tag .code-good").await;
    browser.click("main a[href='/checkout']").await;
    browser.fill_in().await;
    visit.pay("test:tok_success").await;
    visit.is("paid").await;
    let order = visit.only_order().await;
    let off = order["totals"]["discount"]["amount"].as_i64();
    assert!(off.expect("an amount") > 0, "{order}");
    assert_eq!(order["promotions"][0]["title"], "A tenth off");
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_takes_what_is_left_when_others_were_faster() {
    let Some(visit) = Visit::at_cart(true).await else {
        return;
    };
    visit.merchant.set_stock(&visit.variant, 2).await;
    let browser = &visit.browser;
    let quantity = browser.find("#qty-1").await;
    quantity.clear().await.expect("a field");
    quantity.send_keys("2").await.expect("a field");
    browser.click(".cart-line-actions button").await;
    eventually("two in the cart", async || {
        let count = browser
            .client
            .find(Locator::Css(".cart-count"))
            .await
            .ok()?;
        count.text().await.ok()?.starts_with('2').then_some(())
    })
    .await;
    browser.goto(&format!("{}/checkout", visit.home)).await;
    browser.fill_in().await;
    visit.merchant.set_stock(&visit.variant, 1).await;
    visit.pay("test:tok_success").await;
    let offer = browser.find("#fixes button[name=quantity]").await;
    assert_eq!(
        offer.attr("value").await.expect("an answer").as_deref(),
        Some("1")
    );
    let told = browser.find("#error-summary li").await;
    let told = told.text().await.expect("text");
    assert!(told.starts_with("Only 1 of "), "{told}");
    browser.click("#fixes button[name=quantity]").await;
    eventually("one in the cart", async || {
        let count = browser
            .client
            .find(Locator::Css(".cart-count"))
            .await
            .ok()?;
        count.text().await.ok()?.starts_with('1').then_some(())
    })
    .await;
    visit.pay("test:tok_success").await;
    visit.is("paid").await;
    let order = visit.only_order().await;
    assert_eq!(order["lines"][0]["quantity"], 1);
    assert_eq!(visit.merchant.level(&visit.variant).await, (1, 1));
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_pays_once_however_often_pay_is_pressed() {
    let Some(visit) = Visit::at_checkout(true).await else {
        return;
    };
    visit.browser.choose("test:tok_delay").await;
    let twice = "const pay = document.getElementById('pay'); pay.click(); pay.click();";
    visit
        .browser
        .client
        .execute(twice, Vec::new())
        .await
        .expect("two presses");
    visit.is("paid").await;
    visit.only_order().await;
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_goes_back_after_paying_and_is_not_asked_to_pay_again() {
    let Some(visit) = Visit::at_checkout(true).await else {
        return;
    };
    visit.pay("test:tok_success").await;
    visit.is("paid").await;
    visit.browser.client.back().await.expect("back");
    visit.browser.find(".empty-title").await;
    let pay = visit.browser.client.find(Locator::Css("#pay")).await;
    assert!(pay.is_err(), "there is nothing to pay");
    visit.only_order().await;
    visit.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_without_scripts_pays_after_a_decline() {
    let Some(visit) = Visit::at_checkout(false).await else {
        return;
    };
    visit.pay("test:tok_decline").await;
    visit.without_scripts_until("declined").await;
    visit.browser.click(".order-state a.button").await;
    visit.pay("test:tok_success").await;
    visit.without_scripts_until("paid").await;
    visit.only_order().await;
    visit.browser.close().await;
}

impl Visit {
    /// The page reloads by itself; a person would not wait for that either.
    async fn without_scripts_until(&self, state: &str) {
        let css = format!("#order[data-state={state}]");
        eventually(state, async || {
            if let Ok(found) = self.browser.client.find(Locator::Css(&css)).await {
                return Some(found);
            }
            self.browser.client.refresh().await.ok()?;
            None
        })
        .await;
    }
}
