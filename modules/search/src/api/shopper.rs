//! What shoppers ask: a page of found products, and suggestions while they type.

use std::sync::Arc;

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::ProductSummary;
use stoa_contracts::search::{
    Facet, PriceRange, Search as _, SearchFilter, SearchQuery, SearchSort,
};
use stoa_kernel::Currency;
use stoa_rest::{
    IfNoneMatch, LIMIT_DEFAULT, LIMIT_MAX, Limit, Pagination, Problem, Query, State, Tenant,
};

use super::{Api, catalog_problem, problem, public_json};

/// Suggestions of each kind.
const SUGGESTIONS: u32 = 8;

/// The parameters that have fixed names; filters come beside them.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "read from pairs, since filters have names of their own"
)]
pub(crate) struct SearchParams {
    /// What is looked for; everything where it is left out.
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: SearchSort,
    /// The shop's own by default.
    #[serde(default)]
    currency: Option<Currency>,
    /// A BCP 47 tag; the shop's own language by default.
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SuggestParams {
    /// What was typed so far.
    #[serde(default)]
    q: String,
    #[serde(default)]
    currency: Option<Currency>,
    #[serde(default)]
    locale: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SearchAnswer {
    data: Vec<ProductSummary>,
    pagination: Pagination,
    /// Products on all pages.
    total: u64,
    facets: Vec<Facet>,
    /// What was looked for instead, where no product has a word of `q`.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SuggestAnswer {
    data: Vec<Suggestion>,
    /// Ends of what is being typed, the most promising first.
    queries: Vec<String>,
}

/// A product that may be looked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchSuggestion")]
pub(crate) struct Suggestion {
    handle: String,
    title: String,
}

pub(crate) async fn find(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(pairs): Query<Vec<(String, String)>>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let query = read(pairs, tenant.currency)?;
    let found = api.answers.find(tenant.id, &query).await.map_err(problem)?;
    let cards = api
        .catalog
        .cards(
            tenant.id,
            &found.products,
            query.currency,
            query.locale.as_deref(),
        )
        .await
        .map_err(catalog_problem)?;
    let answer = SearchAnswer {
        data: cards,
        pagination: Pagination {
            has_more: found.next_cursor.is_some(),
            cursor: found.next_cursor,
        },
        total: found.total,
        facets: found.facets,
        corrected: found.corrected,
    };
    public_json(&answer, &client)
}

pub(crate) async fn suggest(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(params): Query<SuggestParams>,
    client: IfNoneMatch,
) -> Result<Response, Problem> {
    let locale = params.locale.as_deref();
    let offered = api
        .answers
        .suggest(tenant.id, &params.q, locale, SUGGESTIONS)
        .await
        .map_err(problem)?;
    let currency = params.currency.unwrap_or(tenant.currency);
    let cards = api
        .catalog
        .cards(tenant.id, &offered.products, currency, locale)
        .await
        .map_err(catalog_problem)?;
    let data = cards
        .into_iter()
        .map(|card| Suggestion {
            handle: card.handle,
            title: card.title,
        })
        .collect();
    let answer = SuggestAnswer {
        data,
        queries: offered.queries,
    };
    public_json(&answer, &client)
}

fn read(pairs: Vec<(String, String)>, currency: Currency) -> Result<SearchQuery, Problem> {
    let mut query = SearchQuery::all(currency, LIMIT_DEFAULT);
    for (name, value) in pairs {
        match name.as_str() {
            "q" => query.text = value,
            "sort" => query.sort = sort(&value)?,
            "currency" => {
                query.currency = value
                    .parse()
                    .map_err(|_| Problem::invalid(name, "is not an ISO 4217 code"))?;
            }
            "locale" => query.locale = Some(value),
            "limit" => {
                query.limit = match value.parse() {
                    Ok(limit @ 1..=LIMIT_MAX) => limit,
                    _ => {
                        let reason = format!("must be a whole number from 1 to {LIMIT_MAX}");
                        return Err(Problem::invalid(name, reason));
                    }
                };
            }
            "cursor" => query.cursor = Some(value),
            "filter.price" => query.price = Some(range(&value)?),
            other => {
                let Some(facet) = other.strip_prefix("filter.") else {
                    continue;
                };
                let known = query.filters.iter_mut().find(|filter| filter.name == facet);
                match known {
                    Some(filter) => filter.values.push(value),
                    None => query.filters.push(SearchFilter {
                        name: facet.to_owned(),
                        values: vec![value],
                    }),
                }
            }
        }
    }
    Ok(query)
}

fn sort(text: &str) -> Result<SearchSort, Problem> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        let names = "relevance, newest, title, price_ascending, price_descending";
        Problem::invalid("sort", format!("must be one of {names}"))
    })
}

fn range(text: &str) -> Result<PriceRange, Problem> {
    let bad = || Problem::invalid("filter.price", "must be `MIN..MAX` in minor units");
    let (min, max) = text.split_once("..").ok_or_else(bad)?;
    let bound = |text: &str| match text.trim() {
        "" => Ok(None),
        number => number.parse::<i64>().map(Some).map_err(|_| bad()),
    };
    Ok(PriceRange {
        min: bound(min)?,
        max: bound(max)?,
    })
}
