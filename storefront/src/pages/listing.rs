//! Lists of products that can be narrowed down: from the address to the query, from what was found
//! to the page. Falls back to the catalog's own lists where search cannot answer.

mod sheet;

use stoa_cache::Tag;
use stoa_contracts::catalog::{
    CatalogError, ProductPage, ProductQuery, ProductSort, ProductSummary,
};
use stoa_contracts::search::{
    Facet as Found, PriceRange as Bounds, Search, SearchError, SearchFilter, SearchPage,
    SearchQuery, SearchSort,
};
use stoa_kernel::{Currency, Money};

pub(crate) use self::sheet::listing;
use crate::answer::Trouble;
use crate::shop::Shop;
use crate::visit::{CURRENCY_PARAM, LANG_PARAM, Visit, encoded};

const PRODUCTS_PER_PAGE: u32 = 24;
/// Filters and values of one that an address may carry.
const FILTERS_MAX: usize = 16;
const FILTER_CHARS_MAX: usize = 200;
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

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the merchant laid it out: only search filters, and does not know it.
    Own,
    By(SearchSort),
}

const SORTS: [(Order, &str, &str); 6] = [
    (Order::Own, "featured", "Featured"),
    (Order::By(SearchSort::Relevance), "best", "Best match"),
    (Order::By(SearchSort::Newest), "newest", "Newest"),
    (
        Order::By(SearchSort::PriceAscending),
        "price",
        "Price, low to high",
    ),
    (
        Order::By(SearchSort::PriceDescending),
        "-price",
        "Price, high to low",
    ),
    (Order::By(SearchSort::Title), "title", "Name"),
];

/// What holds all products of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Within {
    Shop,
    Collection(String),
    Category(String),
}

/// What an address asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// `/collections/kitchen`, `/categories/cups`, `/search`.
    path: String,
    /// The words of a search; `None` on other pages.
    words: Option<String>,
    within: Within,
    order: Order,
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
        let within = match handle {
            Some(handle) => Within::Collection(handle.to_owned()),
            None => Within::Shop,
        };
        Self::of(visit, path, None, within)
    }

    pub(crate) fn category(visit: &Visit, path: String, handle: &str) -> Self {
        Self::of(visit, path, None, Within::Category(handle.to_owned()))
    }

    pub(crate) fn search(visit: &Visit, words: String) -> Self {
        Self::of(visit, "/search".to_owned(), Some(words), Within::Shop)
    }

    fn of(visit: &Visit, path: String, words: Option<String>, within: Within) -> Self {
        let name = visit.param("sort").unwrap_or_default();
        let mut asked = Self {
            path,
            order: Order::Own,
            filters: filters(visit),
            min: amount_typed(visit, "min"),
            max: amount_typed(visit, "max"),
            cursor: visit.param("cursor"),
            before: visit.param("before"),
            within,
            words,
        };
        let known = asked.orders().find(|(_, known, _)| *known == name);
        asked.order = known.map_or(asked.default_order(), |(order, ..)| order);
        asked
    }

    const fn default_order(&self) -> Order {
        match (&self.words, &self.within) {
            (Some(_), _) => Order::By(SearchSort::Relevance),
            (None, Within::Collection(_)) => Order::Own,
            (None, _) => Order::By(SearchSort::Newest),
        }
    }

    /// Those that its page offers.
    fn orders(&self) -> impl Iterator<Item = (Order, &'static str, &'static str)> {
        let default = self.default_order();
        let rare = [Order::Own, Order::By(SearchSort::Relevance)];
        let offered = move |order: &Order| !rare.contains(order) || *order == default;
        SORTS.into_iter().filter(move |(order, ..)| offered(order))
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
        let sort = SORTS.iter().find(|(order, ..)| *order == self.order);
        let sort = sort.filter(|(order, ..)| *order != self.default_order());
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
    let Some(search) = &shop.search else {
        return listed(shop, visit, asked).await;
    };
    if asked.order == Order::Own && !asked.is_narrowed() {
        return laid_out(shop, visit, asked, search.as_ref()).await;
    }
    match search
        .find(visit.tenant_id(), &search_query(visit, asked))
        .await
    {
        Ok(page) => return Ok(carded(shop, visit, page).await?),
        Err(SearchError::Cursor) => return Err(NoList::Stale),
        Err(SearchError::Invalid { .. }) => return Ok(Results::nothing()),
        Err(SearchError::Catalog(error)) => return Err(error.into()),
        Err(SearchError::Storage(error)) => return Err(NoList::Trouble(error.into())),
        Err(error @ (SearchError::Building | SearchError::Busy | SearchError::Index { .. })) => {
            tracing::warn!(%error, "the catalog lists instead of search");
        }
    }
    if matches!(asked.within, Within::Category(_)) {
        // The catalog cannot list a category: in a moment search can again.
        return Err(NoList::Trouble(Trouble::Busy));
    }
    listed(shop, visit, asked).await
}

/// The merchant's own order, which the catalog knows, with what search counts.
async fn laid_out(
    shop: &Shop,
    visit: &Visit,
    asked: &Asked,
    search: &dyn Search,
) -> Result<Results, NoList> {
    let query = SearchQuery {
        limit: 1,
        cursor: None,
        ..search_query(visit, asked)
    };
    let (listed, counted) = tokio::join!(
        listed(shop, visit, asked),
        search.find(visit.tenant_id(), &query)
    );
    // The products are the catalog's, and any of them outdates the page: search told of its own.
    stoa_cache::tell([Tag::catalog(visit.tenant_id())]);
    let mut results = listed?;
    match counted {
        Ok(page) => {
            results.total = Some(page.total);
            results.facets = page.facets;
        }
        // The goods are there without it.
        Err(error) => tracing::warn!(%error, "a collection is shown without facets"),
    }
    Ok(results)
}

fn search_query(visit: &Visit, asked: &Asked) -> SearchQuery {
    let mut filters = asked.filters.clone();
    let within = match &asked.within {
        Within::Shop => None,
        Within::Collection(handle) => Some(("collection", handle)),
        Within::Category(handle) => Some(("category", handle)),
    };
    if let Some((facet, handle)) = within {
        filters.retain(|one| one.name != facet);
        filters.push(SearchFilter {
            name: facet.to_owned(),
            values: vec![handle.clone()],
        });
    }
    SearchQuery {
        text: asked.words.clone().unwrap_or_default(),
        locale: visit.locale().map(str::to_owned),
        filters,
        price: asked.bounds(visit.currency),
        sort: match asked.order {
            Order::Own => SearchSort::Relevance,
            Order::By(sort) => sort,
        },
        cursor: asked.cursor.clone(),
        ..SearchQuery::all(visit.currency, PRODUCTS_PER_PAGE)
    }
}

async fn carded(shop: &Shop, visit: &Visit, page: SearchPage) -> Result<Results, CatalogError> {
    let cards = shop.catalog.cards(
        visit.tenant_id(),
        &page.products,
        visit.currency,
        visit.locale(),
    );
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

/// The catalog's own list, which knows no filters and no categories.
async fn listed(shop: &Shop, visit: &Visit, asked: &Asked) -> Result<Results, NoList> {
    let collection = match &asked.within {
        Within::Category(_) => return Ok(Results::nothing()),
        Within::Collection(handle) => Some(handle.clone()),
        Within::Shop => None,
    };
    if asked.words.as_deref() == Some("") {
        return Ok(Results::nothing());
    }
    let query = ProductQuery {
        search: asked.words.clone(),
        collection,
        sort: match asked.order {
            Order::Own | Order::By(SearchSort::Relevance) => ProductSort::Featured,
            Order::By(SearchSort::Newest) => ProductSort::Newest,
            Order::By(SearchSort::Title) => ProductSort::Title,
            Order::By(SearchSort::PriceAscending) => ProductSort::PriceAscending,
            Order::By(SearchSort::PriceDescending) => ProductSort::PriceDescending,
        },
        currency: visit.currency,
        limit: PRODUCTS_PER_PAGE,
        cursor: asked.cursor.clone(),
    };
    let found = shop
        .catalog
        .products_in(visit.tenant_id(), &query, visit.locale());
    match found.await {
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
    let found = shop
        .catalog
        .products_in(visit.tenant_id(), &query, visit.locale());
    match found.await {
        Ok(page) => Ok(page.products),
        Err(CatalogError::Invalid { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
