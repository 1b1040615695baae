//! What search engines and feed readers fetch: robots.txt, sitemaps, news. All of it bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use stoa_contracts::catalog::{
    ADDRESSES_MAX, CatalogError, ProductQuery, ProductSort, ProductSummary,
};
use stoa_kernel::{ProductId, TenantId};
use stoa_rest::{HeaderValue, Path, State, header};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::collection::{ALL_PRODUCTS, absolute};
use super::shown::Lens;
use crate::answer::{Trouble, public_file};
use crate::shop::Shop;
use crate::visit::{Visit, category_url, collection_url, encoded, product_url};
use crate::words::say;

/// Products of one sitemap.
const PART: usize = ADDRESSES_MAX;
/// Sitemaps of one shop: ten million products.
const PARTS_MAX: usize = 1_000;
/// How long it is remembered where the parts of a shop begin.
const BOUNDS_KEPT: Duration = Duration::from_secs(15 * 60);
const SHOPS_KEPT: usize = 512;
/// Shops whose parts are being looked for at once.
const WALKS_MAX: usize = 2;
const FEED_PRODUCTS: u32 = 50;
const XML: &str = "application/xml; charset=utf-8";
const RSS: &str = "application/rss+xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SITEMAP_NAMESPACE: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";
const HIDDEN: [&str; 8] = [
    "/admin/",
    "/api/",
    "/cart",
    "/checkout",
    "/orders/",
    "/pay/",
    "/preferences",
    "/search",
];

/// Where the parts of a shop's map begin, and since when that is known.
type Bounds = (Instant, Arc<[ProductId]>);

/// Where the parts of each shop's sitemap end, as last looked for.
#[derive(Debug)]
pub(crate) struct Sitemaps {
    bounds: Mutex<HashMap<TenantId, Bounds>>,
    walks: Semaphore,
}

impl Default for Sitemaps {
    fn default() -> Self {
        Self {
            bounds: Mutex::default(),
            walks: Semaphore::new(WALKS_MAX),
        }
    }
}

impl Sitemaps {
    fn known(&self, tenant: TenantId) -> Option<Arc<[ProductId]>> {
        let bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = bounds.get(&tenant)?;
        (at.elapsed() < BOUNDS_KEPT).then(|| found.clone())
    }

    fn keep(&self, tenant: TenantId, found: Arc<[ProductId]>) {
        let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        if bounds.len() >= SHOPS_KEPT && !bounds.contains_key(&tenant) {
            bounds.retain(|_, (at, _)| at.elapsed() < BOUNDS_KEPT);
        }
        if bounds.len() >= SHOPS_KEPT {
            bounds.clear();
        }
        bounds.insert(tenant, (Instant::now(), found));
    }
}

pub(crate) async fn robots(visit: Visit) -> Response {
    let mut text = String::from("User-agent: *\n");
    for path in HIDDEN {
        text.push_str(&format!("Disallow: {path}\n"));
    }
    text.push_str(&format!("\nSitemap: {}/sitemap.xml\n", visit.origin));
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(TEXT))],
        Body::from(text),
    )
        .into_response()
}

pub(crate) async fn sitemap(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = index(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn sitemap_part(
    State(shop): State<Shop>,
    visit: Visit,
    Path(file): Path<String>,
) -> Response {
    let made = part(&shop, &visit, &file);
    shop.answer(&visit, made).await
}

pub(crate) async fn feed(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = news(&shop, &visit, None);
    shop.answer(&visit, made).await
}

pub(crate) async fn collection_feed(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = news(&shop, &visit, Some(handle));
    shop.answer(&visit, made).await
}

async fn index(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let parts = bounds(shop, visit.tenant_id()).await?.len();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sitemapindex xmlns=\"{SITEMAP_NAMESPACE}\">\n"
    );
    let names = (1..=parts).map(|number| format!("products-{number}"));
    for name in std::iter::once("pages".to_owned()).chain(names) {
        let url = escaped(&format!("{}/sitemaps/{name}.xml", visit.origin));
        xml.push_str(&format!("<sitemap><loc>{url}</loc></sitemap>\n"));
    }
    xml.push_str("</sitemapindex>\n");
    Ok(public_file(visit, xml, XML))
}

async fn part(shop: &Shop, visit: &Visit, file: &str) -> Result<Response, Trouble> {
    let name = file.strip_suffix(".xml").ok_or(Trouble::NotFound)?;
    if name == "pages" {
        return pages(shop, visit).await;
    }
    let number = name
        .strip_prefix("products-")
        .and_then(|number| number.parse::<usize>().ok())
        .filter(|number| (1..=PARTS_MAX).contains(number))
        .ok_or(Trouble::NotFound)?;
    let tenant = visit.tenant_id();
    let after = match number {
        1 => None,
        _ => {
            let bounds = bounds(shop, tenant).await?;
            let before = bounds.get(number - 2).filter(|_| number <= bounds.len());
            Some(*before.ok_or(Trouble::NotFound)?)
        }
    };
    let found = shop
        .catalog
        .addresses_after(tenant, after, PART as u32)
        .await?;
    if found.is_empty() {
        return Err(Trouble::NotFound);
    }
    let urls = found.iter().map(|one| product_url(&one.handle));
    Ok(public_file(visit, url_set(&visit.origin, urls), XML))
}

async fn pages(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let shelves = shop.shelves(visit).await?;
    let collections = shelves.collections.iter();
    let categories = shelves.tree.iter().take(PART);
    let urls = ["/".to_owned(), collection_url(ALL_PRODUCTS)]
        .into_iter()
        .chain(collections.map(|one| collection_url(&one.handle)))
        .chain(categories.map(|one| category_url(&one.handle)));
    Ok(public_file(visit, url_set(&visit.origin, urls), XML))
}

fn url_set(origin: &str, urls: impl Iterator<Item = String>) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"{SITEMAP_NAMESPACE}\">\n"
    );
    for url in urls {
        xml.push_str("<url><loc>");
        xml.push_str(&escaped(&format!("{origin}{url}")));
        xml.push_str("</loc></url>\n");
    }
    xml.push_str("</urlset>\n");
    xml
}

/// The last product of each part. A few shops are walked at once, each once.
async fn bounds(shop: &Shop, tenant: TenantId) -> Result<Arc<[ProductId]>, Trouble> {
    if let Some(known) = shop.sitemaps.known(tenant) {
        return Ok(known);
    }
    let _walk = shop
        .sitemaps
        .walks
        .acquire()
        .await
        .map_err(|_| Trouble::Busy)?;
    if let Some(known) = shop.sitemaps.known(tenant) {
        return Ok(known);
    }
    let mut ends = Vec::new();
    while ends.len() < PARTS_MAX {
        let after = ends.last().copied();
        let found = shop
            .catalog
            .addresses_after(tenant, after, PART as u32)
            .await?;
        ends.extend(found.last().map(|one| one.id));
        if found.len() < PART {
            break;
        }
    }
    let ends: Arc<[ProductId]> = ends.into();
    shop.sitemaps.keep(tenant, ends.clone());
    Ok(ends)
}

async fn news(shop: &Shop, visit: &Visit, handle: Option<String>) -> Result<Response, Trouble> {
    let tenant = &visit.tenant;
    let handle = handle.filter(|handle| handle != ALL_PRODUCTS);
    let collection = match &handle {
        None => None,
        Some(handle) => {
            let found = shop
                .catalog
                .collection_in(tenant.id, handle, visit.locale())
                .await?;
            Some(found.ok_or(Trouble::NotFound)?)
        }
    };
    let query = ProductQuery {
        search: None,
        collection: handle.clone(),
        sort: ProductSort::Newest,
        currency: visit.currency,
        limit: FEED_PRODUCTS,
        cursor: None,
    };
    let listed = shop.catalog.products_in(tenant.id, &query, visit.locale());
    let products = match listed.await {
        Err(CatalogError::UnknownCollection { .. }) => return Err(Trouble::NotFound),
        other => other?.products,
    };
    let (title, url) = match &collection {
        None => (tenant.name.clone(), "/".to_owned()),
        Some(one) => (
            format!("{} · {}", one.title, tenant.name),
            collection_url(&one.handle),
        ),
    };
    let feed = format!("{}{}", visit.origin, visit.path);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>\n\
         <title>{}</title><link>{}</link><description>{}</description><language>{}</language>\n\
         <atom:link href=\"{}\" rel=\"self\" type=\"application/rss+xml\"/>\n",
        escaped(&title),
        escaped(&format!("{}{url}", visit.origin)),
        escaped(&say("New products")),
        visit.language.as_str(),
        escaped(&feed),
    );
    for product in &products {
        xml.push_str(&item(visit, shop.lens(visit), product));
    }
    xml.push_str("</channel></rss>\n");
    Ok(public_file(visit, xml, RSS))
}

fn item(visit: &Visit, lens: Lens<'_>, product: &ProductSummary) -> String {
    let card = lens.product_card(product);
    let url = escaped(&format!("{}{}", visit.origin, card.url));
    let words: Vec<&str> = card
        .vendor
        .as_deref()
        .into_iter()
        .chain([card.price.as_str()])
        .collect();
    let picture = card.image.map(|image| {
        let source = absolute(&visit.origin, &image.url);
        format!(
            "<p><img src=\"{}\" alt=\"{}\"></p>",
            escaped(&source),
            escaped(&image.alt)
        )
    });
    let html = format!(
        "{}<p>{}</p>",
        picture.unwrap_or_default(),
        escaped(&words.join(" · "))
    );
    format!(
        "<item><title>{}</title><link>{url}</link><guid isPermaLink=\"false\">{}</guid>\
         <description>{}</description></item>\n",
        escaped(&card.title),
        product.id,
        escaped(&html),
    )
}

/// For text and quoted attributes of XML, without the characters that XML forbids.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '&' => made.push_str("&amp;"),
            '"' => made.push_str("&quot;"),
            '\'' => made.push_str("&#39;"),
            '\t' | '\n' | '\r' => made.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => made.push(c),
        }
    }
    made
}

/// Where the news of a collection, or of the shop, are read.
pub(crate) fn feed_url(handle: Option<&str>) -> String {
    match handle {
        None => "/feed.xml".to_owned(),
        Some(handle) => format!("/collections/{}/feed.xml", encoded(handle)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_holds_no_markup_and_nothing_forbidden() {
        assert_eq!(
            escaped("<a href='x'>\u{0}\u{b}&\"\n"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot; "
        );
    }

    #[test]
    fn what_was_looked_for_is_kept_for_so_many_shops() {
        let sitemaps = Sitemaps::default();
        for number in 0..=SHOPS_KEPT as u128 {
            sitemaps.keep(TenantId::from_u128(number), Arc::from([]));
        }
        let bounds = sitemaps.bounds.lock().expect("no other holds it");
        assert_eq!(bounds.len(), 1);
    }
}
