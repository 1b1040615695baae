//! The line before the till: a place is shown, kept, and goes on by itself with one key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use stoa_contracts::checkout::{
    Checkout, CheckoutError, CheckoutStatus, JournalEntry, PlaceOrder, Placed,
};
use stoa_kernel::{OrderId, TenantId};

use crate::browser::{Browser, with};
use crate::market::Market;
use crate::paying::{FORM, HOST, IDA, with_print};

/// Refuses some placements before the real checkout sees them.
struct Crowded {
    inner: Arc<dyn Checkout>,
    refusals: AtomicU32,
    refusal: fn(u32) -> CheckoutError,
}

#[async_trait]
impl Checkout for Crowded {
    async fn place(&self, request: PlaceOrder) -> Result<Placed, CheckoutError> {
        let left = self.refusals.load(Ordering::SeqCst);
        if left == 0 {
            return self.inner.place(request).await;
        }
        self.refusals.store(left - 1, Ordering::SeqCst);
        Err((self.refusal)(left))
    }
    async fn status(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<CheckoutStatus, CheckoutError> {
        self.inner.status(tenant, order).await
    }
    async fn journal(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<JournalEntry>, CheckoutError> {
        self.inner.journal(tenant, order).await
    }
}

async fn crowded(times: u32, refusal: fn(u32) -> CheckoutError) -> Market {
    let way = |inner| -> Arc<dyn Checkout> {
        Arc::new(Crowded {
            inner,
            refusals: AtomicU32::new(times),
            refusal,
        })
    };
    Market::through(way).await
}

#[tokio::test]
async fn a_shopper_in_line_sees_their_place_and_goes_on_without_pressing_anything() {
    let market = crowded(2, |left| CheckoutError::InLine {
        position: left * 7,
        retry_after_seconds: 2,
    })
    .await;
    let mut browser = with_print(&market).await;
    let form = with(browser.get("/checkout").await.form(FORM), &IDA);
    let line = browser.post("/checkout", &form).await;
    assert_eq!(line.status, 200);
    assert!(line.body.contains("<strong data-position>14</strong>"));
    let refresh =
        "<noscript><meta http-equiv=\"refresh\" content=\"2;url=/checkout/wait\"></noscript>";
    assert!(line.body.contains(refresh), "{}", line.body);
    let cookie = line.cookies()[0].to_owned();
    assert!(cookie.starts_with("stoa_wish=key="), "{cookie}");
    assert!(cookie.contains("; Path=/checkout/wait; ") && cookie.contains("SameSite=Strict"));
    let again = browser.get("/checkout/wait").await;
    assert!(again.body.contains("<strong data-position>7</strong>"));
    let order = browser.get("/checkout/wait").await.location();
    assert!(order.starts_with("/orders/order_"), "{order}");
    assert_eq!(browser.cookie("stoa_wish"), None);
    // The key of the form that began it: sent again, it answers with the same order.
    assert_eq!(browser.post("/checkout", &form).await.location(), order);
    assert_eq!(browser.get("/checkout/wait").await.location(), "/checkout");
    market.settle().await;
    assert_eq!(market.charges().await, 1);
}

#[tokio::test]
async fn nobody_waits_without_having_pressed_pay() {
    let market = Market::stocked().await;
    let mut browser = with_print(&market).await;
    assert_eq!(browser.get("/checkout/wait").await.location(), "/checkout");
    let mut stranger = Browser::new(&market.router, HOST);
    assert_eq!(stranger.get("/checkout/wait").await.location(), "/checkout");
}

#[tokio::test]
async fn after_too_many_attempts_a_new_order_is_offered() {
    let market = crowded(1, |_| CheckoutError::TooManyAttempts { max: 10 }).await;
    let mut browser = with_print(&market).await;
    let old = browser.cookie("stoa_cart").expect("a cart").to_owned();
    let form = with(browser.get("/checkout").await.form(FORM), &IDA);
    let over = browser.post("/checkout", &form).await;
    assert_eq!(over.status, 409);
    assert!(over.body.contains("was tried 10 times"));
    let anew = with(over.form(FORM), &[("intent", "anew")]);
    let next = browser.post("/checkout", &anew).await.location();
    assert_eq!(next, "/checkout?renewed=1");
    assert_ne!(browser.cookie("stoa_cart"), Some(old.as_str()));
    assert!(browser.get(&next).await.body.contains("Tide"));
}

#[tokio::test]
async fn a_code_that_ran_out_in_the_last_moment_is_named() {
    let market = crowded(1, |_| CheckoutError::Coupon {
        code: "TENTH".to_owned(),
        reason: stoa_contracts::pricing::CouponRefusal::UsedUp,
    })
    .await;
    let mut browser = with_print(&market).await;
    let form = with(browser.get("/checkout").await.form(FORM), &IDA);
    let refused = browser.post("/checkout", &form).await;
    assert_eq!(refused.status, 409);
    let told = "<a href=\"#coupon\">TENTH: This code has been used as often as it may be.";
    assert!(refused.body.contains(told), "{}", refused.body);
}
