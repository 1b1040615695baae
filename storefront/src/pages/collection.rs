//! Lists of products: a collection, all of them, or what was searched for. Bounded pages by cursor.

use axum::response::Response;
use stoa_contracts::catalog::{CategoryView as Category, CollectionView as Collection};
use stoa_contracts::search::SearchError;
use stoa_rest::{Path, State};

use super::feeds::feed_url;
use super::listing::{self, Asked, NoList, Results};
use super::shown::{LARGE_WIDTH_MAX, THUMB_WIDTH_MAX, plain_text, summary};
use crate::answer::{Trouble, public_json, see_other};
use crate::present::breadcrumb_json_ld;
use crate::render::Page;
use crate::shelves::Shelves;
use crate::shop::Shop;
use crate::views::{CollectionView, Frame, Link, Listing, Meta, SearchView};
use crate::visit::{Visit, category_url, collection_url, encoded, product_url};
use crate::words::{say, tell};

/// The handle that lists every product, unless a collection carries it.
pub(crate) const ALL_PRODUCTS: &str = "all";

const QUERY_CHARS_MAX: usize = 200;
const SUGGESTIONS_MAX: usize = 8;
/// Products, and as many queries, that are suggested while somebody types.
const TYPED_MAX: u32 = 5;

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = collection(&shop, &visit, &handle);
    shop.answer(&visit, made).await
}

pub(crate) async fn category(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = branch(&shop, &visit, &handle);
    shop.answer(&visit, made).await
}

pub(crate) async fn search(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = results(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn suggest(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = suggestions(&shop, &visit);
    shop.answer(&visit, made).await
}

async fn collection(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let shelves = shop.shelves(visit).await?;
    let found = shelves.collection(handle);
    if found.is_none() && handle != ALL_PRODUCTS {
        return Err(Trouble::NotFound);
    }
    let url = collection_url(handle);
    let asked = Asked::collection(visit, url, found.map(|one| one.handle.as_str()));
    let results = match listing::find(shop, visit, &asked).await {
        Err(NoList::Stale) if !asked.is_first_page() => return Ok(see_other(&asked.first_url())),
        Err(NoList::Stale) => return Err(Trouble::NotFound),
        Err(NoList::Trouble(trouble)) => return Err(trouble),
        Ok(results) => results,
    };
    let view = collection_view(shop, visit, &shelves, found, &asked, &results);
    shop.public(visit, Page::Collection(&view)).await
}

async fn branch(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let shelves = shop.shelves(visit).await?;
    let category = shelves.category(handle).ok_or(Trouble::NotFound)?;
    let asked = Asked::category(visit, category_url(handle), handle);
    let results = match listing::find(shop, visit, &asked).await {
        Err(NoList::Stale) => return Ok(see_other(&asked.first_url())),
        Err(NoList::Trouble(trouble)) => return Err(trouble),
        Ok(results) => results,
    };
    let view = category_view(shop, visit, &shelves, category, &asked, &results);
    shop.public(visit, Page::Collection(&view)).await
}

fn category_view(
    shop: &Shop,
    visit: &Visit,
    shelves: &Shelves,
    category: &Category,
    asked: &Asked,
    results: &Results,
) -> CollectionView {
    let (name, title) = (&visit.tenant.name, &category.title);
    let url = category_url(&category.handle);
    let path = shelves.path(&category.handle);
    let path = path
        .iter()
        .map(|one| Link::new(&one.title, category_url(&one.handle)));
    let breadcrumbs: Vec<Link> = std::iter::once(Link::new(name, "/")).chain(path).collect();
    let list = listing::listing(shop, visit, shelves, asked, results);
    let about = tell("{title} at {shop}.", &[("title", title), ("shop", name)]);
    CollectionView {
        frame: shop.frame(visit, shelves, &url),
        meta: Meta {
            description: Some(about),
            ..list_meta(
                visit,
                asked,
                &list,
                &breadcrumbs,
                shop.public_meta(visit, format!("{title} · {name}"), &url),
            )
        },
        breadcrumbs,
        title: title.clone(),
        description: None,
        children: shelves.children(&category.handle),
        list,
    }
}

/// What a page of a list says of itself beside its own.
fn list_meta(
    visit: &Visit,
    asked: &Asked,
    list: &Listing,
    breadcrumbs: &[Link],
    own: Meta,
) -> Meta {
    let absolutely = |url: &Option<String>| url.as_ref().map(|url| absolute(&visit.origin, url));
    Meta {
        // Every mix of filters is the same goods once more.
        noindex: asked.is_narrowed(),
        previous: absolutely(&list.previous_url).or_else(|| absolutely(&list.first_url)),
        next: absolutely(&list.next_url),
        facts: vec![breadcrumb_json_ld(&visit.origin, breadcrumbs)],
        ..own
    }
}

fn collection_view(
    shop: &Shop,
    visit: &Visit,
    shelves: &Shelves,
    found: Option<&Collection>,
    asked: &Asked,
    results: &Results,
) -> CollectionView {
    let name = &visit.tenant.name;
    let (handle, title) = match found {
        Some(collection) => (collection.handle.as_str(), collection.title.clone()),
        None => (ALL_PRODUCTS, say("Everything")),
    };
    let description = found
        .map(|collection| plain_text(&collection.description_html))
        .filter(|text| !text.is_empty());
    let url = collection_url(handle);
    let list = listing::listing(shop, visit, shelves, asked, results);
    let breadcrumbs = vec![Link::new(name, "/"), Link::new(&title, &url)];
    let image = found.and_then(|collection| collection.image.as_ref());
    CollectionView {
        frame: shop.frame(visit, shelves, &url),
        meta: Meta {
            description: match &description {
                Some(text) => summary(text),
                None => Some(tell(
                    "{title} at {shop}.",
                    &[("title", &title), ("shop", name)],
                )),
            },
            image: image.map(|image| {
                let url = shop.lens(visit).address(&image.url, LARGE_WIDTH_MAX);
                absolute(&visit.origin, &url)
            }),
            feed: Some(Link::new(
                format!("{title} · {name}"),
                feed_url(found.map(|_| handle)),
            )),
            ..list_meta(
                visit,
                asked,
                &list,
                &breadcrumbs,
                shop.public_meta(visit, format!("{title} · {name}"), &url),
            )
        },
        breadcrumbs,
        title,
        description,
        children: Vec::new(),
        list,
    }
}

fn typed(visit: &Visit) -> String {
    let typed = visit.param("q").unwrap_or_default();
    typed.trim().chars().take(QUERY_CHARS_MAX).collect()
}

async fn results(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let shelves = shop.shelves(visit).await?;
    let words = typed(visit);
    let asked = Asked::search(visit, words.clone());
    let results = match words.is_empty() && !asked.is_narrowed() {
        true => Results::nothing(),
        false => match listing::find(shop, visit, &asked).await {
            Err(NoList::Stale) => return Ok(see_other(&asked.first_url())),
            Err(NoList::Trouble(trouble)) => return Err(trouble),
            Ok(results) => results,
        },
    };
    let title = if words.is_empty() {
        say("Search")
    } else {
        tell("“{query}”", &[("query", &words)])
    };
    let corrected = results.corrected.as_ref().map(|corrected| {
        let url = format!("/search?q={}", encoded(corrected));
        Link::new(corrected, url)
    });
    let view = SearchView {
        frame: Frame {
            query: words.clone(),
            ..shop.frame(visit, &shelves, "")
        },
        meta: Meta::private(format!("{title} · {}", visit.tenant.name)),
        list: listing::listing(shop, visit, &shelves, &asked, &results),
        suggestions: popular(&shelves),
        corrected,
        query: words,
    };
    shop.public(visit, Page::Search(&view)).await
}

/// Where somebody may go who found nothing.
pub(crate) fn popular(shelves: &Shelves) -> Vec<Link> {
    let collections = shelves.collections.iter();
    let roots = shelves.tree.iter().filter(|one| one.parent.is_none());
    collections
        .map(|one| Link::new(&one.title, collection_url(&one.handle)))
        .chain(roots.map(|one| Link::new(&one.title, category_url(&one.handle))))
        .take(SUGGESTIONS_MAX)
        .collect()
}

/// What the search box shows while somebody types.
#[derive(serde::Serialize)]
struct Typed {
    items: Vec<TypedItem>,
}

#[derive(serde::Serialize)]
struct TypedItem {
    title: String,
    url: String,
    /// Of a product.
    price: Option<String>,
    image: Option<String>,
}

async fn suggestions(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let words = typed(visit);
    let items = match words.is_empty() {
        true => Vec::new(),
        false => typed_items(shop, visit, &words).await?,
    };
    Ok(public_json(visit, &Typed { items }))
}

async fn typed_items(shop: &Shop, visit: &Visit, words: &str) -> Result<Vec<TypedItem>, Trouble> {
    let tenant = visit.tenant_id();
    let (locale, lens) = (visit.locale(), shop.lens(visit));
    let (queries, cards) = match &shop.search {
        Some(search) => match search.suggest(tenant, words, locale, TYPED_MAX).await {
            Ok(found) => {
                let ids = &found.products;
                let cards = shop.catalog.cards(tenant, ids, visit.currency, locale);
                let cards = if ids.is_empty() {
                    Vec::new()
                } else {
                    cards.await?
                };
                (found.queries, cards)
            }
            Err(SearchError::Storage(error)) => return Err(error.into()),
            // Nothing to suggest is no reason to fail: the search itself still works.
            Err(_) => (Vec::new(), Vec::new()),
        },
        None => (
            Vec::new(),
            listing::begun(shop, visit, words, TYPED_MAX).await?,
        ),
    };
    let queries = queries.into_iter().map(|query| TypedItem {
        url: format!("/search?q={}", encoded(&query)),
        title: query,
        price: None,
        image: None,
    });
    let cards = cards.iter().map(|product| {
        let card = lens.product_card(product);
        TypedItem {
            title: card.title,
            url: product_url(&product.handle),
            price: Some(card.price),
            image: product
                .image
                .as_ref()
                .map(|image| lens.address(&image.url, THUMB_WIDTH_MAX)),
        }
    });
    Ok(queries.chain(cards).collect())
}

/// For readers outside the page.
pub(crate) fn absolute(origin: &str, url: &str) -> String {
    if url.starts_with('/') {
        format!("{origin}{url}")
    } else {
        url.to_owned()
    }
}
