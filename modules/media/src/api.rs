//! The routes of pictures: staff take them in, shoppers see them. An upload is never served as it came.

mod bodies;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use stoa_blobs::BlobError;
use stoa_contracts::media::MediaId;
use stoa_pixels::PixelError;
use stoa_rest::{
    Access, ClientBody, CursorKey, ErrorCode, ErrorPage, HeaderValue, Json, Method, Operation,
    Page, Path, Permission, Problem, Query, Routes, State, StatusCode, Tenant, code, header,
};

use self::bodies::{
    ChangeMedia, ImageImportView, ImportsQuery, ListQuery, MediaAsset, UploadQuery,
};
use crate::application::{Desk, Gallery, MediaError, Shared};
use crate::domain::{FILE_BYTES_MAX, ImageImportId};
use crate::infrastructure::{self, AssetPage, ImportPage};

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $name: ErrorCode = ErrorCode::new($code, $status, $title);)*

        const PAGES: &[ErrorPage] = &[$(ErrorPage {
            code: &$name,
            markdown: include_str!(concat!("../../../docs/errors/", $code, ".md")),
        }),*];
    };
}

codes! {
    MEDIA_NOT_FOUND "media_not_found" 404 "There is no such picture";
    MEDIA_IN_USE "media_in_use" 409 "Somebody shows the picture";
    MEDIA_UNKNOWN_TYPE "media_unknown_type" 415 "The file is no picture that is taken";
    MEDIA_TOO_MANY_PIXELS "media_too_many_pixels" 422 "The picture is too large to be shown";
    MEDIA_BROKEN "media_broken" 422 "The picture is broken or cut off";
    MEDIA_SVG_REFUSED "media_svg_refused" 422 "The drawing cannot be made harmless";
    MEDIA_STORAGE_FULL "media_storage_full" 507 "There is no room for pictures";
    MEDIA_STORAGE_UNREACHABLE "media_storage_unreachable" 503 "The pictures' store does not answer";
}

const READ: Access = Access::Staff(Permission::MediaRead);
const WRITE: Access = Access::Staff(Permission::MediaWrite);

const ALL: &str = "/api/v1/admin/media";
const ONE: &str = "/api/v1/admin/media/{media_id}";
const IMPORTS: &str = "/api/v1/admin/media/imports";
const RETRY: &str = "/api/v1/admin/media/imports/{import_id}/retry";
const FILE: &str = "/media/{key}/{file}";
/// Of an upload: a large file over a slow line.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(180);

struct Api {
    shared: Arc<Shared>,
    desk: Desk,
    gallery: Gallery,
    cursors: CursorKey,
}

type ApiState = State<Arc<Api>>;

pub(crate) fn routes(shared: Arc<Shared>, cursors: CursorKey) -> Routes {
    let api = Arc::new(Api {
        desk: Desk::new(shared.clone()),
        gallery: Gallery::new(shared.clone()),
        shared,
        cursors,
    });
    let routes = asset_routes(Routes::new("media"));
    let show = Operation::new("getMediaFile", "A picture, or a version of it")
        .description(
            "Addresses come from other answers and never change what they lead to. Versions exist \
             in the widths 160, 320, 480, 640, 960, 1280, 1920 and the picture's own, as `webp`, \
             `avif` (to 960), `jpg` and `png`.",
        )
        .returns_type(200, "image/*")
        .returns_type(206, "image/*")
        .returns_empty(304)
        .returns_empty(416)
        .returns_problem(&MEDIA_NOT_FOUND)
        .returns_problem(&MEDIA_STORAGE_UNREACHABLE);
    routes
        .route(Method::GET, FILE, Access::Shopper, show, serve::show)
        .error_pages(PAGES)
        .with_state(api)
}

fn asset_routes(routes: Routes<Arc<Api>>) -> Routes<Arc<Api>> {
    let bytes_max = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let upload = Operation::new("uploadMedia", "Takes in a picture")
        .description(
            "The body is the file itself: JPEG, PNG, GIF, WebP or SVG, known by its content. It is \
             turned upright, and what cameras write beside the picture is left out. 200 where the \
             shop has the very same picture already.",
        )
        .query::<UploadQuery>()
        .body_of_type("image/*")
        .body_limit(bytes_max)
        .time_limit(UPLOAD_TIME_MAX)
        .returns::<MediaAsset>(201)
        .returns::<MediaAsset>(200)
        .returns_problem(&MEDIA_UNKNOWN_TYPE)
        .returns_problem(&MEDIA_TOO_MANY_PIXELS)
        .returns_problem(&MEDIA_BROKEN)
        .returns_problem(&MEDIA_SVG_REFUSED)
        .returns_problem(&MEDIA_STORAGE_FULL)
        .returns_problem(&MEDIA_STORAGE_UNREACHABLE);
    let list = Operation::new("listMedia", "The shop's pictures, newest first")
        .query::<ListQuery>()
        .returns::<Page<MediaAsset>>(200);
    let one = Operation::new("getMedia", "A picture")
        .returns::<MediaAsset>(200)
        .returns_problem(&MEDIA_NOT_FOUND);
    let change = Operation::new("changeMedia", "Says what a picture shows")
        .body::<ChangeMedia>()
        .returns::<MediaAsset>(200)
        .returns_problem(&MEDIA_NOT_FOUND);
    let delete = Operation::new("deleteMedia", "Removes a picture that nothing shows")
        .returns_empty(204)
        .returns_problem(&MEDIA_NOT_FOUND)
        .returns_problem(&MEDIA_IN_USE);
    let imports = Operation::new(
        "listMediaImports",
        "Pictures fetched from elsewhere, newest first, with what became of each",
    )
    .query::<ImportsQuery>()
    .returns::<Page<ImageImportView>>(200);
    let retry = Operation::new("retryMediaImport", "Fetches a failed picture once more")
        .description(
            "Its attempts are counted from the start. One that is under way, or here, stays as it \
             is.",
        )
        .returns::<ImageImportView>(202)
        .returns_problem(&code::NOT_FOUND);
    routes
        .route(Method::POST, ALL, WRITE, upload, upload_media)
        .route(Method::GET, ALL, READ, list, list_media)
        .route(Method::GET, IMPORTS, READ, imports, list_imports)
        .route(Method::POST, RETRY, WRITE, retry, retry_import)
        .route(Method::GET, ONE, READ, one, get_media)
        .route(Method::PATCH, ONE, WRITE, change, change_media)
        .route(Method::DELETE, ONE, WRITE, delete, delete_media)
}

async fn upload_media(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Query(query): Query<UploadQuery>,
    mut body: ClientBody,
) -> Result<(StatusCode, Json<MediaAsset>), Problem> {
    let mut arrival = api.desk.receive(tenant.id).map_err(problem)?;
    while let Some(piece) = body.next().await {
        arrival.write(piece?).await.map_err(problem)?;
    }
    let (name, alt) = (
        query.name.unwrap_or_default(),
        query.alt.unwrap_or_default(),
    );
    let kept = api.desk.keep(tenant.id, arrival, &name, &alt).await;
    let (asset, new) = kept.map_err(problem)?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(asset.into())))
}

async fn list_media(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<MediaAsset>>, Problem> {
    let scope = format!("{} media", tenant.id);
    let before = query.cursor.as_deref();
    let before = before
        .map(|cursor| api.cursors.decode::<MediaId>(&scope, cursor))
        .transpose()?;
    let page = AssetPage {
        before: before.unwrap_or(MediaId::from_u128(u128::MAX)),
        limit: query.limit.plus_one(),
    };
    let found = api.desk.list(tenant.id, page).await.map_err(problem)?;
    let page = Page::of(found, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    });
    Ok(Json(page.map(MediaAsset::from)))
}

async fn list_imports(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Query(query): Query<ImportsQuery>,
) -> Result<Json<Page<ImageImportView>>, Problem> {
    let scope = format!("{} media imports {:?}", tenant.id, query.state);
    let before = query.cursor.as_deref();
    let before = before
        .map(|cursor| api.cursors.decode::<ImageImportId>(&scope, cursor))
        .transpose()?;
    let page = ImportPage {
        state: query.state,
        before: before.unwrap_or(ImageImportId::from_u128(u128::MAX)),
        limit: query.limit.plus_one(),
    };
    let failed = |error| problem(MediaError::Storage(error));
    let db = api
        .shared
        .deps
        .storage
        .db(tenant.id)
        .await
        .map_err(failed)?;
    let found = infrastructure::imports(&db, &page).await.map_err(failed)?;
    let page = Page::of(found, query.limit, |last| {
        api.cursors.encode(&scope, &last.id)
    });
    Ok(Json(page.map(ImageImportView::from)))
}

async fn retry_import(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(import): Path<String>,
) -> Result<(StatusCode, Json<ImageImportView>), Problem> {
    let import: Result<ImageImportId, _> = import.parse();
    let import = import.map_err(|_| problem(MediaError::NoImport))?;
    let retried = api.shared.retry(tenant.id, import).await;
    Ok((StatusCode::ACCEPTED, Json(retried.map_err(problem)?.into())))
}

async fn get_media(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(media): Path<String>,
) -> Result<Json<MediaAsset>, Problem> {
    let found = api.desk.one(tenant.id, media_id(&media)?).await;
    Ok(Json(found.map_err(problem)?.into()))
}

async fn change_media(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(media): Path<String>,
    Json(body): Json<ChangeMedia>,
) -> Result<Json<MediaAsset>, Problem> {
    let changed = api.desk.describe(tenant.id, media_id(&media)?, &body.alt);
    Ok(Json(changed.await.map_err(problem)?.into()))
}

async fn delete_media(
    State(api): ApiState,
    Tenant(tenant): Tenant,
    Path(media): Path<String>,
) -> Result<StatusCode, Problem> {
    let gone = api.desk.discard(tenant.id, media_id(&media)?).await;
    gone.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn media_id(text: &str) -> Result<MediaId, Problem> {
    text.parse().map_err(|_| Problem::new(&MEDIA_NOT_FOUND))
}

fn problem(error: MediaError) -> Problem {
    let soon = |code: &'static ErrorCode, seconds: &'static str| {
        Problem::new(code).with_header(header::RETRY_AFTER, HeaderValue::from_static(seconds))
    };
    match error {
        MediaError::NotFound | MediaError::Blob(BlobError::NotFound) => {
            Problem::new(&MEDIA_NOT_FOUND)
        }
        MediaError::NoImport => Problem::not_found("There is no such import."),
        MediaError::InUse => Problem::new(&MEDIA_IN_USE),
        MediaError::Busy { what } => {
            soon(&code::TOO_BUSY, "5").with_detail(format!("Too many {what} at once."))
        }
        MediaError::Invalid { field, reason } => Problem::invalid(field, reason),
        MediaError::Pixels(error) => {
            let detail = error.to_string();
            let code = match error {
                PixelError::UnknownKind => &MEDIA_UNKNOWN_TYPE,
                PixelError::TooManyPixels { .. } | PixelError::TooManyFrames { .. } => {
                    &MEDIA_TOO_MANY_PIXELS
                }
                PixelError::Broken { .. } => &MEDIA_BROKEN,
                PixelError::Svg { .. } => &MEDIA_SVG_REFUSED,
                PixelError::Encoding { .. } => return Problem::internal(detail),
            };
            Problem::new(code).with_detail(detail)
        }
        MediaError::Blob(BlobError::Full { message }) => {
            tracing::error!(message, "there is no room for pictures");
            soon(&MEDIA_STORAGE_FULL, "60")
        }
        MediaError::Blob(BlobError::Unreachable { message }) => {
            tracing::error!(message, "the pictures' store does not answer");
            soon(&MEDIA_STORAGE_UNREACHABLE, "5")
        }
        MediaError::Blob(BlobError::TooLarge { bytes_max }) => {
            Problem::new(&code::PAYLOAD_TOO_LARGE)
                .with_detail(format!("A picture has at most {bytes_max} bytes."))
        }
        MediaError::Blob(error) => Problem::internal(error),
        MediaError::Storage(stoa_storage::Error::DiskFull) => soon(&MEDIA_STORAGE_FULL, "60"),
        MediaError::Storage(error) if error.is_transient() => soon(&code::TOO_BUSY, "1"),
        MediaError::Storage(error) => Problem::internal(error),
    }
}
