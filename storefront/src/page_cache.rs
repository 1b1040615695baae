//! Pages that are the same for every shopper, kept as they were sent. A hit runs no handler and no
//! SQL. Never keeps what a handler does not call public, nor what a preview may show.

mod kept_page;
mod request_key;
mod shown;

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::Either;
use stoa_cache::{Cache, Fill, Peek, Space, SpaceConfig, Tag};
use stoa_contracts::catalog::{CollectionChanged, ProductChanged};
use stoa_contracts::search::OnSearchChange;
use stoa_contracts::themes::ThemePublished;
use stoa_kernel::TenantId;
use stoa_rest::{Method, PlainRead, RequestContext, StatusCode, header};
use tokio::time::Instant;

use self::kept_page::KeptPage;
use self::request_key::Asked;
pub(crate) use self::request_key::Kind;
pub(crate) use self::shown::Shown;
use crate::assets::Assets;
use crate::shop::Shop;

const PAGE_BYTES_MAX: usize = 512 * 1024;
/// Pages tell the time in no other way than by prices and products that come and go on schedule.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);
/// Where search says nothing of its changes, or a list is the catalog's own because search could
/// not answer.
const MAKESHIFT_TIME_TO_LIVE: Duration = Duration::from_secs(1);

/// A page in the built-in look because the shop's own theme failed at it.
const FALLBACK_TIME_TO_LIVE: Duration = Duration::from_secs(2);

/// Marks the response with such a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fallback;

/// The pages of all shops of this process.
pub(crate) struct Pages {
    cache: Cache,
    plain: Space<KeptPage>,
    /// Out of the search index. Each process has one of its own, and another's may be behind.
    searched: Space<KeptPage>,
    /// Whether search tells of its changes, once it was asked to.
    told: OnceLock<bool>,
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
            shared: false,
            stale_for: Duration::ZERO,
            ..plain.clone()
        };
        Self {
            plain: cache.space(plain),
            searched: cache.space(searched),
            cache: cache.clone(),
            told: OnceLock::new(),
        }
    }

    /// Whether lists out of the index are outdated when it changes.
    fn follow_search(&self, shop: &Shop) -> bool {
        *self.told.get_or_init(|| {
            let cache = self.cache.clone();
            let outdate: OnSearchChange =
                Arc::new(move |tenant| cache.invalidate_here(&[Tag::found(tenant)]));
            let search = shop.search.as_ref();
            search.is_some_and(|search| search.on_change(outdate))
        })
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
            Look::Pass => return Either::Right(Box::pin(self.passed(request, shop))),
            Look::Absent(space, asked) => (space, asked, None),
            Look::Stale(space, asked, response) => (space, asked, Some(response)),
        };
        let tenant = asked.tenant;
        let again = asked.plain_request(&request);
        let kind = self.kind;
        let make = move || make(self.handler, again, shop, tenant, kind);
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

impl<H> Kept<H> {
    /// What is not kept; or only was not looked for, as nobody knew what the shop is shown in.
    async fn passed<T>(self, request: Request, shop: Shop) -> Response
    where
        H: Handler<T, Shop>,
        T: 'static,
    {
        let context = request.extensions().get::<Arc<RequestContext>>();
        let tenant = context.and_then(|context| context.tenant.clone());
        if let (Some(_), Some(tenant)) = (&shop.pages, tenant)
            && shop.markets.known(&tenant, Instant::now()).is_none()
        {
            shop.markets.of(&tenant).await;
            if shop.markets.known(&tenant, Instant::now()).is_some() {
                return self.call(request, shop).await;
            }
        }
        self.handler.call(request, shop).await
    }
}

enum Look {
    /// Nothing to be kept, or nowhere to keep it.
    Pass,
    Kept(Response),
    Stale(Space<KeptPage>, Asked, Response),
    Absent(Space<KeptPage>, Asked),
}

/// The page, where it is kept and fresh.
pub(crate) fn ready_page(kind: Kind, shop: &Shop, read: &PlainRead<'_>) -> Option<Response> {
    let pages = shop.pages.as_ref()?;
    let asked = Asked::of(shop, kind, read)?;
    // Before anything is read from it.
    pages.follow_search(shop);
    let hit = pages
        .space(kind, shop)
        .fresh(asked.tenant, &asked.key, read.now)?;
    let page = hit.as_ref()?;
    Some(page.respond(read.headers))
}

/// What decides the page, whoever asks for it.
fn asked(shop: &Shop, kind: Kind, request: &Request) -> Option<Asked> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let context = request.extensions().get::<Arc<RequestContext>>()?;
    let read = PlainRead {
        tenant: context.tenant.as_ref()?,
        uri: request.uri(),
        headers: request.headers(),
        now: Instant::now(),
    };
    reads.then(|| Asked::of(shop, kind, &read))?
}

fn look(shop: &Shop, kind: Kind, request: &Request) -> Look {
    let Some(pages) = &shop.pages else {
        return Look::Pass;
    };
    let Some(asked) = asked(shop, kind, request) else {
        return Look::Pass;
    };
    // Before anything is read from it.
    pages.follow_search(shop);
    let space = pages.space(kind, shop);
    let answer = |page: &Option<KeptPage>| {
        let page = page.as_ref();
        page.map(|page| page.respond(request.headers()))
    };
    match space.peek(asked.tenant, &asked.key) {
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
    kind: Kind,
) -> Result<Fill<KeptPage>, Box<Response>>
where
    H: Handler<T, Shop>,
    T: 'static,
{
    let response = stoa_cache::listen(handler.call(request, shop.clone())).await;
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
    let (mut parts, body) = response.into_parts();
    let tags = Tags::of(&shop, tenant, kind, parts.extensions.remove::<Shown>());
    let is_fallback = parts.extensions.remove::<Fallback>().is_some();
    let body = match to_bytes(body, PAGE_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "a page of ours broke off");
            return Err(Box::new(StatusCode::INTERNAL_SERVER_ERROR.into_response()));
        }
    };
    let told: Vec<&str> = tags.told.iter().map(Tag::text).collect();
    let page = KeptPage::new(parts.headers, body, &told);
    let mut fill = Fill::found(page, tags.kept);
    if tags.makeshift {
        fill = fill.at_most(MAKESHIFT_TIME_TO_LIVE);
    }
    if is_fallback {
        fill = fill.at_most(FALLBACK_TIME_TO_LIVE);
    }
    Ok(fill)
}

/// What outdates a page.
struct Tags {
    /// Here.
    kept: Vec<Tag>,
    /// At CDNs, which are told of changes of products, not of indexes: when the index has followed.
    told: Vec<Tag>,
    makeshift: bool,
}

impl Tags {
    fn of(shop: &Shop, tenant: TenantId, kind: Kind, shown: Option<Shown>) -> Self {
        let lists = matches!(kind, Kind::Collection | Kind::Search);
        let searched = lists && shop.search.is_some();
        let follows = shop
            .pages
            .as_ref()
            .is_some_and(|pages| pages.follow_search(shop));
        let exact = shown.filter(|_| !searched || follows);
        // Any product may be on the page, now or soon.
        let any = vec![Tag::catalog(tenant)];
        let makeshift = searched && exact.is_none();
        let shown = exact.map_or_else(|| any.clone(), |shown| shown.tags);
        // Every page links collections, and wears the theme.
        let looks = [Tag::collections(tenant), theme_tag(tenant)];
        let with_looks = |tags: Vec<Tag>| tags.into_iter().chain(looks.clone()).collect();
        Self {
            told: with_looks(if lists { any } else { shown.clone() }),
            kept: with_looks(shown),
            makeshift,
        }
    }
}
