//! The whole way through a shop with nothing but a keyboard, in a real browser: at each step the
//! focus is where a person expects it.

use fantoccini::key::Key;

use super::window::Browser;
use crate::support::{Backend, Stoa, eventually};

/// Far more stops than any of our pages has between two things of interest.
const STOPS_MAX: usize = 150;

impl Browser {
    async fn press(&self, keys: &str) {
        eventually("something that takes keys", async || {
            let focused = self.client.active_element().await.ok()?;
            focused.send_keys(keys).await.ok()
        })
        .await;
    }

    async fn key(&self, key: Key) {
        self.press(&key).await;
    }

    /// What a script of one expression says of the page.
    async fn says(&self, expression: &str) -> bool {
        let script = format!("return Boolean({expression})");
        let said = self.client.execute(&script, Vec::new()).await;
        said.is_ok_and(|value| value == true)
    }

    async fn waits_for(&self, expression: &str) {
        eventually(expression, async || {
            self.says(expression).await.then_some(())
        })
        .await;
    }

    async fn is_at(&self, css: &str) -> bool {
        let matches = format!("document.activeElement.matches({})", serde_json::json!(css));
        self.says(&matches).await
    }

    async fn comes_to(&self, css: &str) {
        eventually(css, async || self.is_at(css).await.then_some(())).await;
    }

    /// Presses Tab until the focus is there; every stop on the way can be seen.
    async fn tab_to(&self, css: &str) {
        for _ in 0..STOPS_MAX {
            if self.is_at(css).await {
                return;
            }
            self.key(Key::Tab).await;
        }
        panic!("Tab never comes to `{css}`");
    }
}

async fn skip_link_and_menu(browser: &Browser, home: &str) {
    browser.goto(home).await;
    browser.key(Key::Tab).await;
    browser.comes_to("a.skip").await;
    assert!(
        browser
            .says("document.activeElement.getBoundingClientRect().top >= 0")
            .await,
        "the skip link is seen while it has the focus"
    );
    browser.key(Key::Enter).await;
    browser.comes_to("#main").await;
    browser.goto(home).await;
    browser.tab_to(".menu-wide summary").await;
    browser.key(Key::Enter).await;
    browser
        .waits_for("document.querySelector('.menu-wide details').open")
        .await;
    browser.key(Key::Tab).await;
    browser.comes_to(".menu-wide details[open] a").await;
    browser.key(Key::Escape).await;
    browser.comes_to(".menu-wide summary").await;
    assert!(
        !browser
            .says("document.querySelector('.menu-wide details').open")
            .await
    );
    // Whoever tabs on leaves no menu open behind.
    browser.key(Key::Enter).await;
    browser.tab_to("main a").await;
    browser
        .waits_for("!document.querySelector('.menu-wide details[open]')")
        .await;
}

async fn suggestions(browser: &Browser, home: &str) {
    const SHOWN: &str = "document.querySelector('#q-list:not([hidden]) [role=option]')";
    const MARKED: &str = "document.getElementById(document.getElementById('q')\
        .getAttribute('aria-activedescendant'))?.getAttribute('aria-selected') === 'true'";
    browser.goto(home).await;
    browser.tab_to("#q").await;
    browser.press("harbour").await;
    browser.waits_for(SHOWN).await;
    browser.key(Key::Down).await;
    browser.waits_for(MARKED).await;
    browser.comes_to("#q[aria-expanded=true]").await;
    browser.key(Key::Escape).await;
    browser.comes_to("#q[aria-expanded=false]").await;
    assert!(!browser.says(SHOWN).await, "Escape closes the list");
    browser.press(" mug").await;
    browser.waits_for(SHOWN).await;
    // The last one is a product.
    browser.key(Key::Down).await;
    browser.key(Key::Up).await;
    browser.waits_for(MARKED).await;
    browser.key(Key::Enter).await;
    browser
        .waits_for("location.pathname.startsWith('/products/')")
        .await;
}

async fn facets(browser: &Browser, home: &str) {
    browser.goto(&format!("{home}/collections/kitchen")).await;
    browser
        .waits_for("document.querySelector('.is-live')")
        .await;
    browser
        .tab_to(".facet:has(input[name=vendor]) > summary")
        .await;
    browser.key(Key::Enter).await;
    browser.tab_to(".facet[open] input[name=vendor]").await;
    browser.press(" ").await;
    browser
        .waits_for("location.search.includes('vendor=')")
        .await;
    browser.comes_to(".facet input[name=vendor]:checked").await;
    browser
        .waits_for("document.querySelector('.chip-active')")
        .await;
    browser.press(" ").await;
    browser
        .waits_for("!location.search.includes('vendor=')")
        .await;
    browser
        .comes_to(".facet input[name=vendor]:not(:checked)")
        .await;
}

async fn into_the_cart(browser: &Browser, home: &str) {
    const INSIDE: &str = "document.activeElement.closest('dialog.drawer[open]')";
    browser.goto(&format!("{home}/products/harbour-mug")).await;
    browser.tab_to("input[name=option1]:checked").await;
    browser.key(Key::Right).await;
    browser
        .comes_to("input[name=option1][value=Slate]:checked")
        .await;
    browser
        .waits_for("location.search.includes('variant=')")
        .await;
    browser.tab_to("#quantity").await;
    browser.tab_to("#add").await;
    browser.key(Key::Enter).await;
    browser.find("dialog.drawer[open] .drawer-lines li").await;
    browser.waits_for(INSIDE).await;
    // Round and round: never onto the page behind.
    for _ in 0..20 {
        browser.key(Key::Tab).await;
        let behind = "document.activeElement.closest('main, header.site-header, footer.site-footer') \
            && !document.activeElement.closest('dialog')";
        assert!(!browser.says(behind).await, "the focus left the drawer");
    }
    browser.waits_for(INSIDE).await;
    browser.key(Key::Escape).await;
    browser
        .waits_for("!document.querySelector('dialog.drawer[open]')")
        .await;
    browser.comes_to("#add").await;
}

async fn checkout(browser: &Browser, home: &str) {
    browser.goto(&format!("{home}/checkout")).await;
    browser.tab_to("#pay").await;
    browser.key(Key::Enter).await;
    // What is missing first, before anything is sent.
    browser.comes_to("#email").await;
    for (field, text) in [
        ("email", "ada@example.com"),
        ("name", "Ada Lovelace"),
        ("line1", "12 St James's Square"),
        ("postal_code", "SW1Y 4JH"),
        // Something for a browser, nothing for a shop.
        ("city", "   "),
        ("country", "United King"),
    ] {
        browser.tab_to(&format!("#{field}")).await;
        browser.press(text).await;
    }
    browser
        .waits_for("document.getElementById('country').value === 'GB'")
        .await;
    browser.tab_to("input[name=shipping_option_id]").await;
    browser.press(" ").await;
    browser.tab_to("input[name=payment]").await;
    browser.press(" ").await;
    browser.tab_to("#pay").await;
    browser.key(Key::Enter).await;
    browser.comes_to("#city[aria-invalid=true]").await;
    let told = "document.getElementById('city-error').textContent.length > 0";
    assert!(browser.says(told).await);
    browser.press("London").await;
    browser.tab_to("#pay").await;
    browser.key(Key::Enter).await;
    browser.find("#order[data-state=paid]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_buys_with_the_keyboard_alone() {
    let Some(browser) = Browser::open(true).await else {
        return;
    };
    let shop = Stoa::all(&Backend::Sqlite).await;
    let home = format!("http://localhost:{}", shop.port());
    skip_link_and_menu(&browser, &home).await;
    suggestions(&browser, &home).await;
    facets(&browser, &home).await;
    into_the_cart(&browser, &home).await;
    checkout(&browser, &home).await;
    browser.close().await;
}
