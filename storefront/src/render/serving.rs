//! Puts pages into a shop's own theme, and serves what such themes bring: assets, preview links.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use stoa_rest::{
    Access, ETag, HeaderMap, HeaderName, HeaderValue, IfNoneMatch, Method, Operation, Path,
    Problem, Routes, State, StatusCode, Tenant, header,
};

use super::stage::{For, Made, Makeshift, Page};
use super::uploaded::{SETTINGS, settings_css};
use crate::answer::{Trouble, private_page, public_page, see_other, with_cookies};
use crate::assets::Assets;
use crate::cookies::{is_token, preference};
use crate::page_cache::{Fallback, Shown};
use crate::shop::Shop;
use crate::visit::Visit;

const COOKIE: &str = "stoa_theme_preview";
/// As long as a link is valid at most; the link itself says until when.
const COOKIE_SECONDS: u32 = 30 * 60;
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const NOINDEX: HeaderValue = HeaderValue::from_static("noindex");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A file of a theme opened by itself neither runs nor loads anything.
const ASSET_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

pub(crate) fn routes(routes: Routes<Shop>) -> Routes<Shop> {
    let asset =
        Operation::new("fileThemeAsset", "A file of a shop's own theme").returns_type(200, "*/*");
    let preview =
        Operation::new("pageThemePreview", "Shows this browser another theme").returns_empty(303);
    let end = Operation::new(
        "pageThemePreviewEnd",
        "Shows this browser what everybody sees",
    )
    .returns_empty(303);
    let (get, shopper) = (Method::GET, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/assets/themes/{digest}/{*path}",
            shopper,
            asset,
            serve_asset,
        )
        .route(get.clone(), "/theme-preview/end", shopper, end, end_preview)
        .route(
            get,
            "/theme-preview/{token}",
            shopper,
            preview,
            begin_preview,
        )
}

/// Whether a browser may be shown another theme than others: no cache answers it, and none keeps
/// what it gets.
pub(crate) fn may_preview(headers: &HeaderMap) -> bool {
    preview_token(headers).is_some()
}

fn preview_token(headers: &HeaderMap) -> Option<&str> {
    preference(headers, COOKIE).filter(|token| is_token(token))
}

/// Whether an address is one of those that open orders and take money: not even their error pages
/// hold a script of a theme, which could read the address.
pub(crate) fn at_the_till(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    matches!(first, Some("checkout" | "pay" | "orders" | "admin"))
}

impl Shop {
    /// A page that is the same for every shopper, unless this one is shown a preview.
    pub(crate) async fn public(&self, visit: &Visit, page: Page<'_>) -> Result<Response, Trouble> {
        let (made, previewed) = Box::pin(self.dressed(visit, page)).await?;
        Ok(match (previewed, made.makeshift) {
            (true, _) => unlisted(private_page(StatusCode::OK, made.html)),
            // The next one may get the page as it should be: nobody keeps this one.
            (false, Some(Makeshift::Moment)) => private_page(StatusCode::OK, made.html),
            (false, lasting) => {
                let mut response = public_page(visit, made.html);
                let parts = response.extensions_mut();
                if let Some(shown) = Shown::on(self, visit, page).await {
                    parts.insert(shown);
                }
                if lasting.is_some() {
                    parts.insert(Fallback);
                }
                response
            }
        })
    }

    pub(crate) async fn private(
        &self,
        visit: &Visit,
        status: StatusCode,
        page: Page<'_>,
    ) -> Result<Response, Trouble> {
        let (made, previewed) = Box::pin(self.dressed(visit, page)).await?;
        let response = private_page(status, made.html);
        Ok(match previewed {
            true => unlisted(response),
            false => response,
        })
    }

    /// The page, and whether it is a preview.
    async fn dressed(&self, visit: &Visit, page: Page<'_>) -> Result<(Made, bool), Trouble> {
        let tenant = visit.tenant_id();
        let preview = match preview_token(&visit.headers) {
            Some(token) => self.stage.previewed(tenant, token).await,
            None => None,
        };
        let previewed = preview.is_some();
        let theme = match preview {
            Some(theme) => Some(theme),
            None => self.stage.active(tenant).await,
        };
        let whose = For {
            tenant,
            language: visit.language,
        };
        let made = self.stage.make(whose, theme.as_ref(), &self.theme, page);
        Ok((made.await?, previewed))
    }
}

fn unlisted(mut response: Response) -> Response {
    response.headers_mut().insert(ROBOTS, NOINDEX);
    response
}

async fn begin_preview(
    State(shop): State<Shop>,
    visit: Visit,
    Path(token): Path<String>,
) -> Response {
    let known = match is_token(&token) {
        true => shop.stage.previewed(visit.tenant_id(), &token).await,
        false => None,
    };
    if known.is_none() {
        return shop.answer(&visit, async { Err(Trouble::NotFound) }).await;
    }
    let cookie = shop.cookies.set_hidden(COOKIE, &token, COOKIE_SECONDS);
    unlisted(with_cookies(see_other("/"), [cookie]))
}

async fn end_preview(State(shop): State<Shop>, _: Visit) -> Response {
    let cookie = shop.cookies.set_hidden(COOKIE, "", 0);
    unlisted(with_cookies(see_other("/"), [cookie]))
}

async fn serve_asset(
    State(shop): State<Shop>,
    Tenant(tenant): Tenant,
    known: IfNoneMatch,
    Path((digest, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("No such file.");
    let themes = shop.stage.themes().ok_or_else(missing)?;
    if path.starts_with(SETTINGS) {
        let theme = themes.kept(tenant.id, &digest).await;
        let theme = theme.map_err(Problem::internal)?.ok_or_else(missing)?;
        let (address, css) = settings_css(&theme);
        // A page from before settings were changed asks for what was: it gets what is.
        let cache = match address.ends_with(&path) {
            true => Assets::CACHE_CONTROL,
            false => "no-cache",
        };
        return Ok(file(
            &known,
            css.into_bytes(),
            "text/css; charset=utf-8",
            cache,
        ));
    }
    let found = themes.asset(tenant.id, &digest, &path).await;
    let found = found.map_err(Problem::internal)?.ok_or_else(missing)?;
    Ok(file(
        &known,
        found.bytes.to_vec(),
        found.content_type,
        Assets::CACHE_CONTROL,
    ))
}

fn file(known: &IfNoneMatch, bytes: Vec<u8>, kind: &'static str, cache: &'static str) -> Response {
    let tag = ETag::of_bytes(&bytes);
    let kind = HeaderValue::from_static(kind);
    let mut response = tag.respond(known, || {
        ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
    });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::CONTENT_SECURITY_POLICY, ASSET_POLICY);
    response
}
