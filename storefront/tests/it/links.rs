//! Payment links: what staff put together is shown, and paid once.

use crate::browser::{Browser, with};
use crate::goods::Goods;
use crate::market::Market;
use crate::paying::{FORM, HOST};

async fn drafted() -> (Market, String, String) {
    let market = Market::open().await;
    let goods = Goods {
        handle: "print",
        title: "Tide",
        cents: 4800,
        units: 3,
        sizes: &[],
    };
    let variants = market.put(market.shop, &goods).await;
    let (order, link) = market.draft(variants[0], 4500).await;
    (market, order.to_string(), link)
}

#[tokio::test]
async fn a_draft_is_paid_by_its_link_and_only_by_it() {
    let (market, order, link) = drafted().await;
    let mut stranger = Browser::new(&market.router, HOST);
    for path in [
        format!("/pay/{order}"),
        format!("{link}x"),
        "/pay/x".to_owned(),
    ] {
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let mut browser = Browser::new(&market.router, HOST);
    let page = format!("/pay/{order}");
    assert_eq!(
        browser.get(&link).await.location(),
        page,
        "the key leaves the address"
    );
    let shown = browser.get(&page).await;
    for told in ["Pay order ", "Tide", "<span data-label>Pay €45.00</span>"] {
        assert!(shown.body.contains(told), "{told}: {}", shown.body);
    }
    // The order's own page has nothing to tell yet.
    assert_eq!(
        browser.get(&format!("/orders/{order}")).await.location(),
        page
    );
    let declined = with(
        shown.form(FORM),
        &[("payment", "test:tok_decline"), ("intent", "pay")],
    );
    let status = browser.post(&page, &declined).await.location();
    assert_eq!(status, format!("/orders/{order}"));
    market.settle_soon().await;
    let told = browser.get(&status).await;
    let retry = format!("<a class=\"button\" href=\"{page}\">Try again");
    assert!(told.body.contains(&retry), "{}", told.body);
    let again = browser.get(&page).await;
    assert!(again.body.contains("You can try again."));
    let paid = with(again.form(FORM), &[("intent", "pay")]);
    for _ in 0..2 {
        assert_eq!(
            browser.post(&page, &paid).await.location(),
            status,
            "a double click"
        );
    }
    market.settle_soon().await;
    assert!(
        browser
            .get(&status)
            .await
            .body
            .contains("data-state=\"paid\"")
    );
    assert_eq!(
        browser.get(&page).await.location(),
        status,
        "nothing is left to pay"
    );
    assert_eq!(market.charges().await, 1);
}

#[tokio::test]
async fn another_total_than_the_one_shown_is_not_paid() {
    let (market, order, link) = drafted().await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get(&link).await.location();
    let form = browser.get(&page).await.form(FORM);
    let old = with(
        form,
        &[
            ("expected_total", "4000 EUR"),
            ("expected_due", ""),
            ("intent", "pay"),
        ],
    );
    let asked = browser.post(&page, &old).await;
    assert_eq!(asked.status, 409);
    let told = "It was <s>€40.00</s> and is now <strong>€45.00</strong>";
    assert!(asked.body.contains(told), "{order}: {}", asked.body);
    assert_eq!(market.charges().await, 0);
}

#[tokio::test]
async fn a_gift_card_pays_a_draft_whole() {
    let (market, order, link) = drafted().await;
    let card = market.gift_card(10_000).await;
    let mut browser = Browser::new(&market.router, HOST);
    let page = browser.get(&link).await.location();
    let form = browser.get(&page).await.form(FORM);
    let typed = with(form, &[("gift_card", &card), ("intent", "gift")]);
    let shown = browser.post(&page, &typed).await;
    assert!(
        shown.body.contains("Nothing is left to pay."),
        "{}",
        shown.body
    );
    assert!(shown.body.contains("<span data-label>Place order</span>"));
    let form = with(shown.form(FORM), &[("intent", "pay")]);
    browser.post(&page, &form).await.location();
    market.settle_soon().await;
    let told = browser.get(&format!("/orders/{order}")).await;
    assert!(told.body.contains("data-state=\"paid\""), "{}", told.body);
    assert!(told.body.contains("<dt>Gift cards</dt><dd>−€45.00</dd>"));
    assert_eq!(market.charges().await, 0);
}
