//! Pages that are the same for every shopper, kept as they were sent. A hit runs no handler and no
//! SQL. Never keeps what a handler does not call public, nor what a preview may show.

mod kept_page;
mod request_key;

use std::future::{Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::Either;
use stoa_cache::{Cache, Fill, Peek, Space, SpaceConfig, Tag};
use stoa_contracts::catalog::{CollectionChanged, ProductChanged};
use stoa_contracts::themes::ThemePublished;
use stoa_kernel::TenantId;
use stoa_rest::{StatusCode, header};

use self::kept_page::KeptPage;
use self::request_key::Asked;
pub(crate) use self::request_key::Kind;
use crate::assets::Assets;
use crate::shop::Shop;

const PAGE_BYTES_MAX: usize = 512 * 1024;
/// Pages tell the time in no other way than by prices and products that come and go on schedule.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);
/// A list out of the search index may be made before the index has followed the very change that
/// outdated the list before it.
const SEARCHED_TIME_TO_LIVE: Duration = Duration::from_secs(1);

/// The pages of all shops of this process.
pub(crate) struct Pages {
    plain: Space<KeptPage>,
    /// Out of the search index.
    searched: Space<KeptPage>,
}

impl Pages {
    pub(crate) fn new(cache: &Cache, assets: &Assets) -> Self {
        // Processes that would make other pages share none: the names of assets hash their files.
        let edition = format!(
            "{}{}{}",
            env!("CARGO_PKG_VERSION"),
            assets.path_of(".css"),
            assets.path_of(".js")
        );
        cache.outdate_by::<ProductChanged>(|tenant, key| match key.parse() {
            Ok(product) => vec![Tag::product(tenant, product), Tag::catalog(tenant)],
            Err(_) => vec![Tag::tenant(tenant)],
        });
        cache.outdate_by::<CollectionChanged>(|tenant, _| vec![Tag::collections(tenant)]);
        cache.outdate_by::<ThemePublished>(|tenant, _| vec![theme_tag(tenant)]);
        let plain = SpaceConfig {
            time_to_live: TIME_TO_LIVE,
            // What changes by the clock changes in Redis no later than in memory.
            shared_time_to_live: TIME_TO_LIVE,
            entry_bytes_max: 3 * PAGE_BYTES_MAX,
            ..SpaceConfig::new("pages", edition)
        };
        let searched = SpaceConfig {
            name: "searched_pages",
            time_to_live: SEARCHED_TIME_TO_LIVE,
            shared_time_to_live: SEARCHED_TIME_TO_LIVE,
            stale_for: Duration::ZERO,
            ..plain.clone()
        };
        Self {
            plain: cache.space(plain),
            searched: cache.space(searched),
        }
    }

    fn space(&self, kind: Kind, shop: &Shop) -> &Space<KeptPage> {
        let lists = matches!(kind, Kind::Collection | Kind::Search);
        match lists && shop.search.is_some() {
            true => &self.searched,
            false => &self.plain,
        }
    }
}

/// `theme-<tenant>`: how all pages of a shop look.
fn theme_tag(tenant: TenantId) -> Tag {
    Tag::new(tenant, &format!("theme-{tenant}"))
}

/// The handler of a page, asked only for what is not kept.
pub(crate) fn kept<H>(kind: Kind, handler: H) -> Kept<H> {
    Kept { handler, kind }
}

#[derive(Clone)]
pub(crate) struct Kept<H> {
    handler: H,
    kind: Kind,
}

impl<H, T> Handler<T, Shop> for Kept<H>
where
    H: Handler<T, Shop>,
    T: 'static,
{
    type Future = Either<Ready<Response>, Pin<Box<dyn Future<Output = Response> + Send>>>;

    fn call(self, request: Request, shop: Shop) -> Self::Future {
        let (space, asked, stale) = match look(&shop, self.kind, &request) {
            Look::Kept(response) => return Either::Left(ready(response)),
            Look::Pass => return Either::Right(Box::pin(self.handler.call(request, shop))),
            Look::Absent(space, asked) => (space, asked, None),
            Look::Stale(space, asked, response) => (space, asked, Some(response)),
        };
        let tenant = asked.tenant.id;
        let again = asked.plain_request(&request);
        let make = move || make(self.handler, again, shop, tenant);
        if let Some(response) = stale {
            space.refresh(tenant, &asked.key, make);
            return Either::Left(ready(response));
        }
        Either::Right(Box::pin(async move {
            let headers = request.headers().clone();
            drop(request);
            match space.get(tenant, &asked.key, make).await {
                Ok(hit) => match &*hit {
                    Some(page) => page.respond(&headers),
                    // Pages that are not there are made for each who asks.
                    None => StatusCode::NOT_FOUND.into_response(),
                },
                Err(response) => *response,
            }
        }))
    }
}

enum Look {
    /// Nothing to be kept, or nowhere to keep it.
    Pass,
    Kept(Response),
    Stale(Space<KeptPage>, Asked, Response),
    Absent(Space<KeptPage>, Asked),
}

fn look(shop: &Shop, kind: Kind, request: &Request) -> Look {
    let Some(pages) = &shop.pages else {
        return Look::Pass;
    };
    let Some(asked) = Asked::of(shop, kind, request) else {
        return Look::Pass;
    };
    let space = pages.space(kind, shop);
    let answer = |page: &Option<KeptPage>| {
        let page = page.as_ref();
        page.map(|page| page.respond(request.headers()))
    };
    match space.peek(asked.tenant.id, &asked.key) {
        Peek::Fresh(hit) => answer(&hit).map_or(Look::Pass, Look::Kept),
        Peek::Stale(hit) => match answer(&hit) {
            Some(response) => Look::Stale(space.clone(), asked, response),
            None => Look::Pass,
        },
        Peek::Absent => Look::Absent(space.clone(), asked),
    }
}

/// The page as its handler makes it; what is not public is given back to whoever asked, alone.
async fn make<H, T>(
    handler: H,
    request: Request,
    shop: Shop,
    tenant: TenantId,
) -> Result<Fill<KeptPage>, Box<Response>>
where
    H: Handler<T, Shop>,
    T: 'static,
{
    let response = handler.call(request, shop).await;
    let public = response
        .headers()
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.as_bytes().starts_with(b"public"));
    let short = |bytes: u64| bytes <= PAGE_BYTES_MAX as u64;
    if response.status() != StatusCode::OK
        || !public
        || response.headers().contains_key(header::SET_COOKIE)
        || !response.body().size_hint().upper().is_some_and(short)
    {
        return Err(Box::new(response));
    }
    // Every page shows products of its shop, be it beside its own; links collections; wears the
    // theme.
    let tags = vec![
        Tag::catalog(tenant),
        Tag::collections(tenant),
        theme_tag(tenant),
    ];
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, PAGE_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "a page of ours broke off");
            return Err(Box::new(StatusCode::INTERNAL_SERVER_ERROR.into_response()));
        }
    };
    let tags_shown: Vec<&str> = tags.iter().map(Tag::text).collect();
    let page = KeptPage::new(parts.headers, body, &tags_shown);
    Ok(Fill::found(page, tags))
}
