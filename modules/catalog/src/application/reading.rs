//! What shoppers read: a product from memory, a list from one statement.

use std::sync::Arc;

use stoa_contracts::catalog::{CatalogError, ProductPage, ProductQuery, ProductSort};
use stoa_kernel::{Currency, TenantId};
use stoa_rest::{LIMIT_MAX, Problem};
use stoa_storage::{Db, Result};
use tokio::time::Instant;

use super::{App, links, translate_cards};
use crate::cache::{CachedProduct, Found};
use crate::domain::{CollectionSort, Flaw, Locale, SearchWords, arranged, may_be_handle};
use crate::infrastructure::handles;
use crate::infrastructure::lists::{self, ListFilter, ListOrder, Place};
use crate::infrastructure::{answers, members, translations, views};

/// A list that was asked for, its words cut and bounded.
#[derive(Debug, Clone)]
pub(crate) struct ListRequest {
    pub(crate) filter: ListFilter,
    pub(crate) order: ListOrder,
    pub(crate) currency: Currency,
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
    /// Whose titles are shown.
    pub(crate) locale: Option<String>,
}

impl ListRequest {
    pub(crate) fn of(query: &ProductQuery) -> Result<Self, CatalogError> {
        let filter = match (&query.collection, &query.search) {
            (Some(_), Some(_)) => {
                return Err(Flaw::new("q", "cannot be combined with a collection").into());
            }
            (Some(handle), None) => ListFilter::Collection(handle.clone()),
            (None, words) => ListFilter::Words(SearchWords::of(words.as_deref())?),
        };
        if !(1..=LIMIT_MAX).contains(&query.limit) {
            return Err(Flaw::new("limit", format!("is 1 to {LIMIT_MAX}")).into());
        }
        Ok(Self {
            filter,
            order: order_of(query.sort, query.collection.is_some()),
            currency: query.currency,
            limit: query.limit,
            cursor: query.cursor.clone(),
            locale: None,
        })
    }

    /// Everything that decides which rows come in which order.
    fn scope(&self, tenant: TenantId) -> String {
        format!(
            "{tenant} products {:?} {:?} {}",
            self.filter, self.order, self.currency
        )
    }
}

pub(crate) const fn order_of(sort: ProductSort, in_collection: bool) -> ListOrder {
    match sort {
        ProductSort::Featured if in_collection => ListOrder::Own,
        ProductSort::Featured | ProductSort::Newest => ListOrder::Newest,
        ProductSort::Title => ListOrder::Title,
        ProductSort::PriceAscending => ListOrder::PriceAscending,
        ProductSort::PriceDescending => ListOrder::PriceDescending,
    }
}

/// A product as its rows say.
pub(crate) struct WorkedOut {
    pub(crate) product: CachedProduct,
    /// The tree's version that it speaks of, where it is in a category.
    pub(crate) tree: Option<i64>,
}

impl App {
    /// The published product of a handle, from memory where it is known there.
    pub(crate) async fn cached_product(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        locale: Option<&str>,
    ) -> Result<Found> {
        let locale = locale.and_then(Locale::of);
        // What can be no handle is not worth remembering.
        if !may_be_handle(handle) {
            return Ok(Found::Nothing);
        }
        let tag = locale.as_ref().map_or("", |locale| &locale.tag);
        let read = async || {
            let db = self.deps.storage.db(tenant).await?;
            if locale.is_none()
                && let Some(answer) = answers::find(&db, handle, currency).await?
            {
                return Ok(Some(CachedProduct::stored(answer)).into());
            }
            match self
                .worked_out(&db, handle, currency, locale.as_ref())
                .await?
            {
                Some(made) => Ok(Some(made.product).into()),
                None => Ok(handles::moved(&db, handle)
                    .await?
                    .map_or(Found::Nothing, |handle| Found::Moved(handle.into()))),
            }
        };
        let found: Result<Found> = self.cache.get(tenant, handle, currency, tag, read).await;
        let found = found?;
        // By this clock, whatever the clock of the job that published it said.
        Ok(match found {
            Found::Product(product) if !product.dates.is_open(self.deps.now()) => Found::Nothing,
            found => found,
        })
    }

    /// As [`App::cached_product`], of what is in memory as it was written.
    pub(crate) fn known_product(
        &self,
        tenant: TenantId,
        handle: &str,
        currency: Currency,
        now: Instant,
    ) -> Option<Arc<CachedProduct>> {
        let found = self.cache.known(tenant, handle, currency, now)?;
        let product = found.product()?;
        product.dates.is_open(self.deps.now()).then_some(product)
    }

    /// The published product of a handle, from its rows.
    pub(crate) async fn worked_out(
        &self,
        db: &Db,
        handle: &str,
        currency: Currency,
        locale: Option<&Locale>,
    ) -> Result<Option<WorkedOut>> {
        let Some(found) = views::product(db, handle, currency).await? else {
            return Ok(None);
        };
        let mut view = found.view;
        if let Some(locale) = locale {
            let words = translations::of(db, view.id.to_bytes(), locale).await?;
            words.lay_over(&mut view);
        }
        let mut of_tree = None;
        if found.category.is_some() {
            let tree = self.tree_at(db, found.tree).await?;
            let path = tree.path(found.category);
            view.attributes = arranged(view.attributes, &path);
            view.categories = links(db, &path, locale).await?;
            of_tree = Some(found.tree.unwrap_or_default());
        } else {
            view.attributes = arranged(view.attributes, &[]);
        }
        Ok(Some(WorkedOut {
            product: CachedProduct::new(view, found.standing.dates())?,
            tree: of_tree,
        }))
    }

    /// With the order that a collection has of its own, where that is asked for.
    async fn ordered(&self, db: &Db, request: &ListRequest) -> Result<ListRequest, CatalogError> {
        let mut request = request.clone();
        if request.order != ListOrder::Own {
            return Ok(request);
        }
        request.order = match &request.filter {
            ListFilter::Collection(handle) => {
                let word = members::sort_of(db, handle).await?;
                let word = word.ok_or_else(|| CatalogError::UnknownCollection {
                    handle: handle.clone(),
                })?;
                match CollectionSort::of(&word) {
                    Some(CollectionSort::Newest) => ListOrder::Newest,
                    Some(CollectionSort::Title) => ListOrder::Title,
                    Some(CollectionSort::PriceAscending) => ListOrder::PriceAscending,
                    Some(CollectionSort::PriceDescending) => ListOrder::PriceDescending,
                    Some(CollectionSort::Manual) | None => ListOrder::Position,
                }
            }
            ListFilter::Category(_) | ListFilter::Words(_) => ListOrder::Newest,
        };
        Ok(request)
    }

    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        request: &ListRequest,
    ) -> Result<ProductPage, CatalogError> {
        let db = self.deps.storage.db(tenant).await?;
        let request = &self.ordered(&db, request).await?;
        let scope = request.scope(tenant);
        let refused = |_: Problem| CatalogError::Cursor;
        let decode = |cursor: &String| self.cursors.decode::<Place>(&scope, cursor);
        let after = request
            .cursor
            .as_ref()
            .map(decode)
            .transpose()
            .map_err(refused)?;
        if after
            .as_ref()
            .is_some_and(|place| !request.order.owns(place))
        {
            return Err(CatalogError::Cursor);
        }
        let limit = request.limit as usize;
        let mut rows = lists::products(
            &db,
            &request.filter,
            request.order,
            request.currency,
            self.deps.now(),
            after.as_ref(),
            // One more than asked for says whether there are more.
            i64::from(request.limit) + 1,
        )
        .await?;
        if rows.is_empty()
            && let Some(handle) = lists::missing(&db, &request.filter).await?
        {
            return Err(CatalogError::UnknownCollection { handle });
        }
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|(_, place)| self.cursors.encode(&scope, place));
        let mut products: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        translate_cards(&db, &mut products, request.locale.as_deref()).await?;
        Ok(ProductPage {
            products,
            next_cursor,
        })
    }
}
