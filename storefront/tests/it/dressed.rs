//! Shops in themes of their own: what their shoppers see, and what those of others do not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use stoa_contracts::themes::{
    ThemeFailure, ThemeFailureKind, ThemeFile, ThemeId, ThemeSource, Themes,
};
use stoa_kernel::TenantId;
use stoa_storage::Error;

use crate::browser::Browser;
use crate::market::Market;

/// What themes would answer.
#[derive(Default)]
struct Wardrobe {
    active: Mutex<HashMap<TenantId, Arc<ThemeSource>>>,
    preview: Mutex<Option<(TenantId, Arc<ThemeSource>)>>,
    failures: Mutex<Vec<(TenantId, ThemeFailure)>>,
}

#[async_trait]
impl Themes for Wardrobe {
    async fn active(&self, tenant: TenantId) -> Result<Option<Arc<ThemeSource>>, Error> {
        Ok(self
            .active
            .lock()
            .expect("unpoisoned")
            .get(&tenant)
            .cloned())
    }
    async fn previewed(
        &self,
        tenant: TenantId,
        token: &str,
    ) -> Result<Option<Arc<ThemeSource>>, Error> {
        let preview = self.preview.lock().expect("unpoisoned").clone();
        let own = preview.filter(|(whose, _)| *whose == tenant && token == "genuine");
        Ok(own.map(|(_, theme)| theme))
    }
    async fn asset(
        &self,
        tenant: TenantId,
        digest: &str,
        path: &str,
    ) -> Result<Option<ThemeFile>, Error> {
        let theme = self.kept(tenant, digest).await?;
        let held = theme.is_some_and(|theme| theme.assets.iter().any(|own| own == path));
        Ok(held.then(|| ThemeFile {
            content_type: "image/svg+xml",
            bytes: b"<svg onload=\"alert(1)\"/>"[..].into(),
        }))
    }
    async fn kept(
        &self,
        tenant: TenantId,
        digest: &str,
    ) -> Result<Option<Arc<ThemeSource>>, Error> {
        let active = self.active(tenant).await?;
        Ok(active.filter(|theme| theme.digest == digest))
    }
    fn failed(&self, tenant: TenantId, _: ThemeId, failure: ThemeFailure) {
        self.failures
            .lock()
            .expect("unpoisoned")
            .push((tenant, failure));
    }
}

fn theme(templates: &[(&str, &str)]) -> Arc<ThemeSource> {
    let all = templates
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Arc::new(ThemeSource {
        id: Some(ThemeId::from_u128(1)),
        digest: "d1".to_owned(),
        templates: all.collect(),
        assets: vec!["icon.svg".to_owned()],
        ..ThemeSource::default()
    })
}

async fn dressed(templates: &[(&str, &str)]) -> (Market, Arc<Wardrobe>) {
    let wardrobe = Arc::new(Wardrobe::default());
    let market = Market::wearing(wardrobe.clone()).await;
    market.stock_up().await;
    wardrobe.wear(market.shop, theme(templates));
    (market, wardrobe)
}

impl Wardrobe {
    fn wear(&self, tenant: TenantId, theme: Arc<ThemeSource>) {
        self.active
            .lock()
            .expect("unpoisoned")
            .insert(tenant, theme);
    }
    fn failures(&self) -> Vec<ThemeFailure> {
        let all = self.failures.lock().expect("unpoisoned").clone();
        all.into_iter().map(|(_, failure)| failure).collect()
    }
}

#[tokio::test]
async fn a_shop_shows_its_theme_and_others_do_not() {
    let own = [(
        "home.html",
        "{% extends \"base.html\" %}{% block main %}<h1>Dusk</h1>{% endblock %}",
    )];
    let (market, wardrobe) = dressed(&own).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let page = browser.get("/").await;
    assert!(page.body.contains("<h1>Dusk</h1>"), "{}", page.body);
    assert!(
        page.body.contains("href=\"/assets/themes/d1/icon.svg\""),
        "its own icon"
    );
    assert!(page.header("cache-control").starts_with("public"));
    let built_in = browser.get("/search?q=mug").await;
    assert_eq!(
        built_in.status, 200,
        "pages it does not make are the built-in ones"
    );
    let mut other = Browser::new(&market.router, "other.localhost");
    let page = other.get("/").await;
    assert!(!page.body.contains("Dusk") && !page.body.contains("/assets/themes/"));
    wardrobe.wear(market.shop, theme(&[("home.html", "<h1>Dawn</h1>")]));
    assert!(
        browser.get("/").await.body.contains("Dawn"),
        "a switch is seen at once"
    );
    assert!(wardrobe.failures().is_empty());
}

#[tokio::test]
async fn a_hostile_theme_costs_its_own_page_only() {
    let endless = "\n{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let (market, wardrobe) = dressed(&[("home.html", endless)]).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    for _ in 0..3 {
        let page = browser.get("/").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<main id=\"main\""), "the built-in page");
    }
    let failure = wardrobe.failures().remove(0);
    assert_eq!(
        (failure.page, failure.file.as_str()),
        ("home.html", "home.html")
    );
    assert_eq!(
        (failure.line, failure.kind),
        (Some(2), ThemeFailureKind::Limit)
    );
    // By now it rests: further pages cost nothing, and other pages of the shop were never touched.
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(browser.get("/").await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(
        wardrobe.failures().len(),
        23,
        "each is counted all the same"
    );
    assert_eq!(browser.get("/collections/all").await.status, 200);
    assert_eq!(wardrobe.failures().len(), 23);
}

#[tokio::test]
async fn a_theme_that_does_not_compile_any_more_shows_the_built_in_pages() {
    let (market, wardrobe) = dressed(&[("base.html", "{% if %}")]).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    for path in ["/", "/collections/all", "/search?q=x", "/cart", "/nothing"] {
        let page = browser.get(path).await;
        assert!(page.body.contains("<main id=\"main\""), "{path}");
    }
    let failure = wardrobe.failures().remove(0);
    assert_eq!(
        (failure.page, failure.file.as_str()),
        ("home.html", "templates/base.html")
    );
}

#[tokio::test]
async fn a_preview_is_seen_by_one_browser_and_kept_by_nobody() {
    let (market, wardrobe) = dressed(&[]).await;
    let preview = theme(&[("home.html", "<h1>Secret plans</h1>")]);
    *wardrobe.preview.lock().expect("unpoisoned") = Some((market.shop, preview));
    let mut staff = Browser::new(&market.router, "shop.localhost");
    assert_eq!(staff.get("/theme-preview/forged").await.status, 404);
    let begun = staff.get("/theme-preview/genuine").await;
    assert_eq!(begun.location(), "/");
    assert!(
        begun.cookies()[0].contains("HttpOnly; SameSite=Lax")
            || begun.cookies()[0].contains("HttpOnly")
    );
    let page = staff.get("/").await;
    assert!(page.body.contains("Secret plans"));
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert_eq!(page.header("x-robots-tag"), "noindex");
    assert_eq!(page.header("etag"), "");
    let mut shopper = Browser::new(&market.router, "shop.localhost");
    assert!(!shopper.get("/").await.body.contains("Secret plans"));
    let mut other = Browser::new(&market.router, "other.localhost");
    assert_eq!(other.get("/theme-preview/genuine").await.status, 404);
    staff.get("/theme-preview/end").await;
    assert!(!staff.get("/").await.body.contains("Secret plans"));
}

#[tokio::test]
async fn assets_of_a_theme_are_its_shop_s_and_run_nothing() {
    let (market, _) = dressed(&[]).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    let icon = browser.get("/assets/themes/d1/icon.svg").await;
    assert_eq!(icon.status, 200);
    assert_eq!(
        icon.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(icon.header("x-content-type-options"), "nosniff");
    assert!(icon.header("content-security-policy").contains("sandbox"));
    let css = browser
        .get("/assets/themes/d1/_settings/000000000000.css")
        .await;
    assert_eq!((css.status, css.header("cache-control")), (200, "no-cache"));
    for path in [
        "/assets/themes/d1/other.svg",
        "/assets/themes/d1/../icon.svg",
        "/assets/themes/d1/%2e%2e/theme.toml",
        "/assets/themes/d2/icon.svg",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let mut other = Browser::new(&market.router, "other.localhost");
    assert_eq!(other.get("/assets/themes/d1/icon.svg").await.status, 404);
}

#[tokio::test]
async fn the_till_never_wears_a_theme() {
    let script = "<html><script src=\"/assets/themes/d1/steal.js\"></script>{% block main %}{% endblock %}</html>";
    let (market, _) = dressed(&[("base.html", script), ("parts.html", "")]).await;
    let mut browser = Browser::new(&market.router, "shop.localhost");
    assert!(
        browser.get("/nothing").await.body.contains("steal.js"),
        "it has the other pages"
    );
    for path in [
        "/checkout",
        "/pay/order_00000000000000000000000001",
        "/orders/order_00000000000000000000000001",
    ] {
        let page = browser.get(path).await;
        assert!(!page.body.contains("steal.js"), "{path}");
    }
}
