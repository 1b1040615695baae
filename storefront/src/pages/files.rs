//! Files that are the same for everybody: the theme's, bundled pictures, the icon.

use axum::response::Response;
use stoa_rest::{HeaderValue, IfNoneMatch, Path, Problem, State, header};

use crate::answer::file;
use crate::assets::Assets;
use crate::shop::Shop;

/// Their names carry no hash: after a day they are asked for again by their tag.
const MEDIA_CACHE: &str = "public, max-age=86400";
/// An SVG opened by itself must not run or load anything.
const MEDIA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
const MEDIA_KINDS: [(&str, &str); 5] = [
    (".svg", "image/svg+xml"),
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".webp", "image/webp"),
    (".avif", "image/avif"),
];
pub(crate) async fn asset(
    State(shop): State<Shop>,
    known: IfNoneMatch,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let assets = shop.theme.assets();
    let asset = assets
        .find(&name)
        .ok_or_else(|| Problem::not_found("No such file."))?;
    Ok(file(
        &known,
        asset.body,
        asset.content_type,
        Assets::CACHE_CONTROL,
    ))
}

pub(crate) async fn sample_media(
    State(shop): State<Shop>,
    known: IfNoneMatch,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let kind = MEDIA_KINDS
        .iter()
        .find(|(ending, _)| name.ends_with(ending));
    let (Some((_, kind)), Some(bytes)) = (kind, (shop.samples)(&name)) else {
        return Err(Problem::not_found("No such picture."));
    };
    let mut response = file(&known, bytes, kind, MEDIA_CACHE);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, MEDIA_POLICY);
    Ok(response)
}

pub(crate) async fn icon(
    State(shop): State<Shop>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let mut assets = shop.theme.assets().iter();
    let icon = assets.find(|asset| asset.name.ends_with(".svg"));
    let icon = icon.ok_or_else(|| Problem::not_found("No icon."))?;
    let mut response = file(&known, icon.body, icon.content_type, MEDIA_CACHE);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, MEDIA_POLICY);
    Ok(response)
}
