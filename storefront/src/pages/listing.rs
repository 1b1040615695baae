//! Lists of products that can be narrowed down: from the address to the query, from what was found
//! to the page. Falls back to the catalog's own lists where search cannot answer.

use stoa_contracts::catalog::{
    CatalogError, ProductPage, ProductQuery, ProductSort, ProductSummary,
};
use stoa_contracts::search::{
    Facet as Found, FacetKind, PriceRange as Bounds, SearchError, SearchFilter, SearchPage,
    SearchQuery, SearchSort,
};
use stoa_kernel::{Currency, Money};

use super::shown::product_card;
use crate::answer::Trouble;
use crate::present::{count_label, money};
use crate::shop::Shop;
use crate::views::{Choice, Facet, FacetValue, Link, Listing, PriceRange};
use crate::visit::{CURRENCY_PARAM, LANG_PARAM, Visit, encoded};
use crate::words::{count, say, tell};

const PRODUCTS_PER_PAGE: u32 = 24;
/// Values of one facet that are shown.
const VALUES_MAX: usize = 24;
const FACETS_MAX: usize = 10;
/// Filters and values of one that an address may carry.
const FILTERS_MAX: usize = 16;
const FILTER_CHARS_MAX: usize = 200;
/// Facets that stand open from the start.
const OPEN_FACETS: usize = 2;
/// Of the address, beside filters.
const OWN_PARAMS: [&str; 9] = [
    "q",
    "sort",
    "cursor",
    "before",
    "min",
    "max",
    LANG_PARAM,
    CURRENCY_PARAM,
    "theme_preview",
];
const FACET_NAMES: [&str; 6] = [
    "vendor",
    "type",
    "tag",
    "collection",
    "category",
    "available",
];

const SORTS: [(SearchSort, &str, &str); 5] = [
    (SearchSort::Relevance, "best", "Best match"),
    (SearchSort::Newest, "newest", "Newest"),
    (SearchSort::PriceAscending, "price", "Price, low to high"),
    (SearchSort::PriceDescending, "-price", "Price, high to low"),
    (SearchSort::Title, "title", "Name"),
];

/// What an address asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// `/collections/kitchen`, `/search`.
    path: String,
    /// The words of a search; `None` on a collection's page.
    words: Option<String>,
    /// The collection that holds them all.
    within: Option<String>,
    sort: SearchSort,
    filters: Vec<SearchFilter>,
    min: String,
    max: String,
    cursor: Option<String>,
    before: Option<String>,
}

/// What was found, from search or from the catalog.
pub(crate) struct Results {
    products: Vec<ProductSummary>,
    /// Of all pages, where it was counted.
    total: Option<u64>,
    facets: Vec<Found>,
    next_cursor: Option<String>,
    pub(crate) corrected: Option<String>,
}

/// Why there is no list.
pub(crate) enum NoList {
    /// A link kept too long: the list begins again.
    Stale,
    Trouble(Trouble),
}

impl From<CatalogError> for NoList {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Cursor => Self::Stale,
            other => Self::Trouble(other.into()),
        }
    }
}

impl Asked {
    pub(crate) fn collection(visit: &Visit, path: String, handle: Option<&str>) -> Self {
        Self {
            within: handle.map(str::to_owned),
            ..Self::of(visit, path, None)
        }
    }

    pub(crate) fn search(visit: &Visit, words: String) -> Self {
        Self::of(visit, "/search".to_owned(), Some(words))
    }

    fn of(visit: &Visit, path: String, words: Option<String>) -> Self {
        let asked = visit.param("sort").unwrap_or_default();
        let default = match words {
            Some(_) => SearchSort::Relevance,
            None => SearchSort::Newest,
        };
        let known = SORTS.iter().find(|(_, name, _)| *name == asked);
        Self {
            path,
            sort: known.map_or(default, |(sort, ..)| *sort),
            filters: filters(visit),
            min: amount_typed(visit, "min"),
            max: amount_typed(visit, "max"),
            cursor: visit.param("cursor"),
            before: visit.param("before"),
            within: None,
            words,
        }
    }

    const fn default_sort(&self) -> SearchSort {
        match self.words {
            Some(_) => SearchSort::Relevance,
            None => SearchSort::Newest,
        }
    }

    /// Whether the list is narrower than its page says.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.filters.is_empty() || !self.min.is_empty() || !self.max.is_empty()
    }

    pub(crate) const fn is_first_page(&self) -> bool {
        self.cursor.is_none()
    }

    /// The address of the first page without the filter that `left_out` tells.
    fn address(&self, left_out: impl Fn(&str, &str) -> bool) -> String {
        let sort = SORTS.iter().find(|(sort, ..)| *sort == self.sort);
        let sort = sort.filter(|(sort, ..)| *sort != self.default_sort());
        let filters = self.filters.iter().flat_map(|one| {
            one.values
                .iter()
                .map(|value| (one.name.as_str(), value.as_str()))
        });
        let own = [
            ("q", self.words.as_deref().unwrap_or_default()),
            ("sort", sort.map_or("", |(_, name, _)| name)),
            ("min", &self.min),
            ("max", &self.max),
        ];
        let pairs = own
            .into_iter()
            .chain(filters)
            .filter(|(name, value)| !value.is_empty() && !left_out(name, value));
        let mut url = self.path.clone();
        for (at, (name, value)) in pairs.enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(&format!("{}={}", encoded(name), encoded(value)));
        }
        url
    }

    /// The first page of this very list.
    pub(crate) fn first_url(&self) -> String {
        self.address(|_, _| false)
    }

    fn clear_url(&self) -> String {
        self.address(|name, _| name != "q" && name != "sort")
    }

    fn page_url(&self, cursor: &str, before: Option<&str>) -> String {
        let mut url = self.first_url();
        let mark = if url.contains('?') { '&' } else { '?' };
        url.push_str(&format!("{mark}cursor={}", encoded(cursor)));
        if let Some(before) = before {
            url.push_str(&format!("&before={}", encoded(before)));
        }
        url
    }

    fn bounds(&self, currency: Currency) -> Option<Bounds> {
        let minor = |text: &str| {
            Money::parse_decimal(text, currency)
                .map(|money| money.amount)
                .ok()
        };
        let (min, max) = (minor(&self.min), minor(&self.max));
        (min.is_some() || max.is_some()).then_some(Bounds { min, max })
    }
}

/// Unknown parameters, such as those of campaigns, filter nothing.
fn filters(visit: &Visit) -> Vec<SearchFilter> {
    let mut found: Vec<SearchFilter> = Vec::new();
    for (name, value) in visit.params() {
        let known = FACET_NAMES.contains(&name.as_str())
            || name.starts_with("option.")
            || name.starts_with("attribute.");
        let fits = name.len() <= FILTER_CHARS_MAX && value.len() <= FILTER_CHARS_MAX;
        if !known || !fits || OWN_PARAMS.contains(&name.as_str()) {
            continue;
        }
        match found.iter().position(|one| one.name == name) {
            Some(at) => {
                let values = &mut found[at].values;
                if values.len() < FILTERS_MAX && !values.contains(&value) {
                    values.push(value);
                }
            }
            None if found.len() < FILTERS_MAX => found.push(SearchFilter {
                name,
                values: vec![value],
            }),
            None => {}
        }
    }
    found
}

/// What can be an amount; a decimal comma is a point.
fn amount_typed(visit: &Visit, name: &str) -> String {
    let typed = visit.param(name).unwrap_or_default().replace(',', ".");
    let digits = typed.bytes().filter(u8::is_ascii_digit).count();
    let fits = typed.len() <= 12 && digits > 0;
    let plain = typed
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if fits && plain { typed } else { String::new() }
}

pub(crate) async fn find(shop: &Shop, visit: &Visit, asked: &Asked) -> Result<Results, NoList> {
    if let Some(search) = &shop.search {
        let query = search_query(visit, asked);
        match search.find(visit.tenant_id(), &query).await {
            Ok(page) => return Ok(carded(shop, visit, page).await?),
            Err(SearchError::Cursor) => return Err(NoList::Stale),
            Err(SearchError::Invalid { .. }) => return Ok(Results::nothing()),
            Err(SearchError::Catalog(error)) => return Err(error.into()),
            Err(SearchError::Storage(error)) => return Err(NoList::Trouble(error.into())),
            Err(
                error @ (SearchError::Building | SearchError::Busy | SearchError::Index { .. }),
            ) => {
                tracing::warn!(%error, "the catalog lists instead of search");
            }
        }
    }
    listed(shop, visit, asked).await
}

fn search_query(visit: &Visit, asked: &Asked) -> SearchQuery {
    let mut filters = asked.filters.clone();
    if let Some(handle) = &asked.within {
        filters.retain(|one| one.name != "collection");
        filters.push(SearchFilter {
            name: "collection".to_owned(),
            values: vec![handle.clone()],
        });
    }
    SearchQuery {
        text: asked.words.clone().unwrap_or_default(),
        locale: Some(visit.language.as_str().to_owned()),
        filters,
        price: asked.bounds(visit.currency),
        sort: asked.sort,
        cursor: asked.cursor.clone(),
        ..SearchQuery::all(visit.currency, PRODUCTS_PER_PAGE)
    }
}

async fn carded(shop: &Shop, visit: &Visit, page: SearchPage) -> Result<Results, CatalogError> {
    let locale = Some(visit.language.as_str());
    let cards = shop
        .catalog
        .cards(visit.tenant_id(), &page.products, visit.currency, locale);
    Ok(Results {
        products: match page.products.is_empty() {
            true => Vec::new(),
            false => cards.await?,
        },
        total: Some(page.total),
        facets: page.facets,
        next_cursor: page.next_cursor,
        corrected: page.corrected,
    })
}

/// The catalog's own list, which knows no filters.
async fn listed(shop: &Shop, visit: &Visit, asked: &Asked) -> Result<Results, NoList> {
    if asked.words.as_deref() == Some("") {
        return Ok(Results::nothing());
    }
    let query = ProductQuery {
        search: asked.words.clone(),
        collection: asked.within.clone(),
        sort: match asked.sort {
            SearchSort::Relevance | SearchSort::Newest => ProductSort::Newest,
            SearchSort::Title => ProductSort::Title,
            SearchSort::PriceAscending => ProductSort::PriceAscending,
            SearchSort::PriceDescending => ProductSort::PriceDescending,
        },
        currency: visit.currency,
        limit: PRODUCTS_PER_PAGE,
        cursor: asked.cursor.clone(),
    };
    match shop.catalog.products(visit.tenant_id(), &query).await {
        Ok(ProductPage {
            products,
            next_cursor,
        }) => Ok(Results {
            products,
            next_cursor,
            ..Results::nothing()
        }),
        // Nothing but punctuation, or too many words: there is nothing to find.
        Err(CatalogError::Invalid { .. }) if asked.words.is_some() => Ok(Results::nothing()),
        Err(error) => Err(error.into()),
    }
}

impl Results {
    pub(crate) const fn nothing() -> Self {
        Self {
            products: Vec::new(),
            total: None,
            facets: Vec::new(),
            next_cursor: None,
            corrected: None,
        }
    }
}

pub(crate) fn listing(shop: &Shop, visit: &Visit, asked: &Asked, results: &Results) -> Listing {
    let shown = results.products.len();
    let count_label = match results.total {
        Some(0) | None => count_label(shown, results.next_cursor.is_some()),
        Some(total) => count("{count} product", "{count} products", total),
    };
    let cursor = asked.cursor.as_deref();
    let next = results.next_cursor.as_deref();
    Listing {
        action: asked.path.clone(),
        kept: kept(visit, asked),
        sorts: sorts(asked),
        facets: facets(asked, results),
        price: price(shop, visit, asked, results),
        active: active(visit, asked),
        clear_url: asked.clear_url(),
        count_label,
        products: results.products.iter().map(product_card).collect(),
        first_url: cursor.map(|_| asked.first_url()),
        previous_url: cursor
            .and(asked.before.as_deref())
            .map(|before| asked.page_url(before, None)),
        next_url: next.map(|next| asked.page_url(next, cursor)),
    }
}

/// What the address said besides the form's own fields.
fn kept(visit: &Visit, asked: &Asked) -> Vec<Choice> {
    let kept = |name: &str, value: String| Choice {
        value: name.to_owned(),
        label: value,
        selected: true,
    };
    let words = asked.words.clone().filter(|words| !words.is_empty());
    let chosen = [LANG_PARAM, CURRENCY_PARAM];
    words
        .map(|words| kept("q", words))
        .into_iter()
        .chain(
            chosen
                .into_iter()
                .filter_map(|name| visit.param(name).map(|value| kept(name, value))),
        )
        .collect()
}

fn sorts(asked: &Asked) -> Vec<Choice> {
    let offered = SORTS
        .iter()
        .filter(|(sort, ..)| asked.words.is_some() || *sort != SearchSort::Relevance);
    offered
        .map(|&(sort, value, label)| Choice {
            value: value.to_owned(),
            label: say(label),
            selected: sort == asked.sort,
        })
        .collect()
}

fn facet_title(name: &str) -> String {
    match name {
        "vendor" => say("Maker"),
        "type" => say("Kind"),
        "tag" => say("Topic"),
        "collection" => say("Collection"),
        "category" => say("Category"),
        "available" => say("Availability"),
        other => match other.split_once('.') {
            Some((_, own)) => own.to_owned(),
            None => other.to_owned(),
        },
    }
}

fn value_label(name: &str, value: &str) -> String {
    match (name, value) {
        ("available", "true" | "yes" | "1") => say("In stock"),
        ("available", "false" | "no" | "0") => say("Sold out"),
        _ => value.to_owned(),
    }
}

fn facets(asked: &Asked, results: &Results) -> Vec<Facet> {
    let shown = results.facets.iter().filter(|facet| {
        let chosen = asked.filters.iter().any(|one| one.name == facet.name);
        let own = facet.name == "collection" && asked.within.is_some();
        // One value that all have tells nothing apart.
        facet.kind == FacetKind::Values && !own && (chosen || facet.values.len() > 1)
    });
    shown
        .take(FACETS_MAX)
        .enumerate()
        .map(|(at, facet)| {
            let chosen = facet.values.iter().filter(|value| value.selected).count();
            let values = facet.values.iter().take(VALUES_MAX);
            Facet {
                title: facet_title(&facet.name),
                field: facet.name.clone(),
                values: values
                    .map(|value| FacetValue {
                        label: value_label(&facet.name, &value.value),
                        value: value.value.clone(),
                        count: Some(value.count),
                        selected: value.selected,
                    })
                    .collect(),
                open: at < OPEN_FACETS || chosen > 0,
                chosen,
            }
        })
        .collect()
}

/// Only search can narrow by price.
fn price(shop: &Shop, visit: &Visit, asked: &Asked, results: &Results) -> Option<PriceRange> {
    shop.search.as_ref()?;
    let ranges = results
        .facets
        .iter()
        .find(|facet| facet.kind == FacetKind::Prices);
    let chosen = !asked.min.is_empty() || !asked.max.is_empty();
    if ranges.is_none() && !chosen {
        return None;
    }
    let ends = |from: bool| {
        let values = &ranges?.values;
        let value = if from { values.first() } else { values.last() }?;
        let (low, high) = value.value.split_once("..")?;
        let minor: i64 = if from { low } else { high }.parse().ok()?;
        Some(Money::new(minor, visit.currency).to_decimal())
    };
    Some(PriceRange {
        currency: visit.currency.to_string(),
        min: asked.min.clone(),
        max: asked.max.clone(),
        lowest: ends(true),
        highest: ends(false),
        open: chosen,
    })
}

fn active(visit: &Visit, asked: &Asked) -> Vec<Link> {
    let mut all = Vec::new();
    for filter in &asked.filters {
        for value in &filter.values {
            let url = asked.address(|name, other| name == filter.name && other == value);
            let label = value_label(&filter.name, value);
            let title = format!("{}: {label}", facet_title(&filter.name));
            all.push(Link::new(title, url));
        }
    }
    for (typed, field, words) in [
        (&asked.min, "min", "from {amount}"),
        (&asked.max, "max", "up to {amount}"),
    ] {
        if let Ok(amount) = Money::parse_decimal(typed, visit.currency) {
            let title = tell(words, &[("amount", &money(amount))]);
            all.push(Link::new(title, asked.address(|name, _| name == field)));
        }
    }
    all
}

/// The first products of the catalog that hold these words.
pub(crate) async fn begun(
    shop: &Shop,
    visit: &Visit,
    words: &str,
    limit: u32,
) -> Result<Vec<ProductSummary>, Trouble> {
    let query = ProductQuery {
        search: Some(words.to_owned()),
        collection: None,
        sort: ProductSort::Newest,
        currency: visit.currency,
        limit,
        cursor: None,
    };
    match shop.catalog.products(visit.tenant_id(), &query).await {
        Ok(page) => Ok(page.products),
        Err(CatalogError::Invalid { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
