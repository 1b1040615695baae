//! Lists of products: a collection, all of them, or what was searched for. Bounded pages by cursor.

use axum::response::Response;
use stoa_contracts::catalog::{
    CatalogError, CollectionView as Collection, ProductPage, ProductQuery, ProductSort,
};
use stoa_rest::{Path, State};

use super::shown::{plain_text, product_card, summary};
use crate::answer::{Trouble, public_page, see_other};
use crate::present::count_label;
use crate::shop::Shop;
use crate::views::{Choice, CollectionView, Frame, Link, Meta, SearchView};
use crate::visit::{Visit, collection_url, encoded};

/// The handle that lists every product, unless a collection carries it.
pub(crate) const ALL_PRODUCTS: &str = "all";

const PRODUCTS_PER_PAGE: u32 = 24;
const QUERY_CHARS_MAX: usize = 200;
const SUGGESTIONS_MAX: usize = 8;
const SORTS: [(ProductSort, &str, &str); 4] = [
    (ProductSort::Newest, "newest", "Newest"),
    (ProductSort::PriceAscending, "price", "Price, low to high"),
    (ProductSort::PriceDescending, "-price", "Price, high to low"),
    (ProductSort::Title, "title", "Name"),
];

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = collection(&shop, &visit, &handle).await;
    shop.answer(&visit, made).await
}

pub(crate) async fn search(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = results(&shop, &visit).await;
    shop.answer(&visit, made).await
}

async fn collection(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let tenant = &visit.tenant;
    let all = shop.catalog.collections(tenant.id).await?;
    let found = all.iter().find(|collection| collection.handle == handle);
    if found.is_none() && handle != ALL_PRODUCTS {
        return Err(Trouble::NotFound);
    }
    let (sort, sort_name) = asked_sort(visit);
    let query = ProductQuery {
        search: None,
        collection: found.map(|collection| collection.handle.clone()),
        sort,
        currency: tenant.currency,
        limit: PRODUCTS_PER_PAGE,
        cursor: visit.param("cursor"),
    };
    let url = collection_url(handle);
    let first = if sort == ProductSort::default() {
        url.clone()
    } else {
        format!("{url}?sort={}", encoded(sort_name))
    };
    let page = match shop.catalog.products(tenant.id, &query).await {
        // A link kept too long: the list begins again.
        Err(CatalogError::Cursor) if query.cursor.is_some() => return Ok(see_other(&first)),
        other => other?,
    };
    let view = collection_view(shop, visit, &all, found, &first, &page);
    Ok(public_page(
        visit,
        shop.theme.collection(&CollectionView {
            sort_action: url,
            sorts: sorts(sort),
            ..view
        })?,
    ))
}

fn collection_view(
    shop: &Shop,
    visit: &Visit,
    all: &[Collection],
    found: Option<&Collection>,
    first: &str,
    page: &ProductPage,
) -> CollectionView {
    let name = &visit.tenant.name;
    let (handle, title) = match found {
        Some(collection) => (collection.handle.as_str(), collection.title.as_str()),
        None => (ALL_PRODUCTS, "Everything"),
    };
    let description = found
        .map(|collection| plain_text(&collection.description_html))
        .filter(|text| !text.is_empty());
    let url = collection_url(handle);
    CollectionView {
        frame: shop.frame(visit, all, handle),
        meta: Meta {
            description: description.as_deref().and_then(summary),
            canonical: Some(format!("{}{url}", visit.origin)),
            image: found
                .and_then(|collection| collection.image.as_ref())
                .map(|image| absolute(&visit.origin, &image.url)),
            ..Meta::page(format!("{title} · {name}"))
        },
        breadcrumbs: vec![Link::new(name, "/"), Link::new(title, url)],
        title: title.to_owned(),
        description,
        sort_action: String::new(),
        sorts: Vec::new(),
        products: page.products.iter().map(product_card).collect(),
        first_url: visit.param("cursor").map(|_| first.to_owned()),
        next_url: next_url(first, page),
    }
}

async fn results(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let tenant = &visit.tenant;
    let all = shop.catalog.collections(tenant.id).await?;
    let typed = visit.param("q").unwrap_or_default();
    let words: String = typed.trim().chars().take(QUERY_CHARS_MAX).collect();
    let first = format!("/search?q={}", encoded(&words));
    let cursor = visit.param("cursor");
    let query = ProductQuery {
        search: Some(words.clone()),
        collection: None,
        sort: ProductSort::default(),
        currency: tenant.currency,
        limit: PRODUCTS_PER_PAGE,
        cursor: cursor.clone(),
    };
    let nothing = ProductPage {
        products: Vec::new(),
        next_cursor: None,
    };
    let page = if words.is_empty() {
        nothing
    } else {
        match shop.catalog.products(tenant.id, &query).await {
            Err(CatalogError::Cursor) if cursor.is_some() => return Ok(see_other(&first)),
            // Nothing but punctuation, or too many words: there is nothing to find.
            Err(CatalogError::Invalid { .. }) => nothing,
            other => other?,
        }
    };
    let title = if words.is_empty() {
        "Search".to_owned()
    } else {
        format!("“{words}”")
    };
    let suggestions = all
        .iter()
        .take(SUGGESTIONS_MAX)
        .map(|collection| Link::new(&collection.title, collection_url(&collection.handle)));
    let view = SearchView {
        frame: Frame {
            query: words.clone(),
            ..shop.frame(visit, &all, "")
        },
        meta: Meta::private(format!("{title} · {}", tenant.name)),
        count_label: count_label(page.products.len(), page.next_cursor.is_some()),
        products: page.products.iter().map(product_card).collect(),
        suggestions: suggestions.collect(),
        first_url: cursor.map(|_| first.clone()),
        next_url: next_url(&first, &page),
        query: words,
    };
    Ok(public_page(visit, shop.theme.search(&view)?))
}

fn next_url(first: &str, page: &ProductPage) -> Option<String> {
    let cursor = encoded(page.next_cursor.as_deref()?);
    let mark = if first.contains('?') { '&' } else { '?' };
    Some(format!("{first}{mark}cursor={cursor}"))
}

fn asked_sort(visit: &Visit) -> (ProductSort, &'static str) {
    let asked = visit.param("sort").unwrap_or_default();
    let known = SORTS
        .iter()
        .find(|(_, name, _)| *name == asked)
        .unwrap_or(&SORTS[0]);
    (known.0, known.1)
}

fn sorts(chosen: ProductSort) -> Vec<Choice> {
    SORTS
        .iter()
        .map(|&(sort, value, label)| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            selected: sort == chosen,
        })
        .collect()
}

/// For readers outside the page.
pub(crate) fn absolute(origin: &str, url: &str) -> String {
    if url.starts_with('/') {
        format!("{origin}{url}")
    } else {
        url.to_owned()
    }
}
