//! A shop with pictures, and files made here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use serde_json::Value;
use stoa_blobs::{Blobs, BlobsConfig};
use stoa_bus::JobOutcome;
use stoa_kernel::{ApiKeyId, Clock as _, Currency, TenantId, Timestamp};
use stoa_media::{MediaConfig, Module};
use stoa_rest::{
    Caller, Credential, CursorKey, Gate, Permission, PermissionSet, Problem, RequestTenant,
    RouterConfig, Routes, TenantInfo,
};
use stoa_storage::{ClaimedJob, Db, JobQueue};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const ALL: &str = "/api/v1/admin/media";
pub(crate) const IMPORTS: &str = "/api/v1/admin/media/imports";
const MANY: i64 = 10_000;
const LEASE: Duration = Duration::from_secs(60);

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_media::MIGRATIONS]).await
}

pub(crate) fn config() -> MediaConfig {
    let mut config = MediaConfig::new(CursorKey::new([8; 32]));
    config.allow_loopback = true;
    config.collect_unused_after = Some(Duration::from_secs(30 * 24 * 3_600));
    config
}

/// Blobs of all shops of a test.
pub(crate) struct Store {
    pub(crate) blobs: Blobs,
    _folder: TempDir,
}

impl Store {
    pub(crate) fn new(cells: &TestCells) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file:{}", folder.path().join("blobs").display());
        let config = BlobsConfig::new(folder.path(), cells.clock.clone());
        Self {
            blobs: Blobs::open(&url, config).expect("a folder of blobs"),
            _folder: folder,
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
    pub(crate) fn code(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status, code)
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
    pub(crate) module: Module,
    router: Router,
}

impl<'c> Shop<'c> {
    pub(crate) async fn open(cells: &'c TestCells, slug: &str, blobs: &Blobs) -> Self {
        Self::with(cells, slug, blobs, config()).await
    }

    pub(crate) async fn with(
        cells: &'c TestCells,
        slug: &str,
        blobs: &Blobs,
        config: MediaConfig,
    ) -> Self {
        let tenant = match cells.storage().tenant_by_slug(slug).await {
            Ok(Some(known)) => known.id,
            _ => cells.tenant(slug).await,
        };
        let mut module = stoa_media::start(cells.deps.clone(), config, blobs.clone());
        let routes = std::mem::replace(&mut module.routes, Routes::new("none"));
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let config = RouterConfig::new(metrics, cells.deps.ids.clone());
        Self {
            cells,
            tenant,
            db: cells.db(tenant).await,
            module,
            router: routes.into_router(Arc::new(OneShop(tenant)), config),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cells.clock.now()
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer media:write+media:read");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let response = self.router.clone().oneshot(request).await;
        let (parts, body) = response.expect("an answer").into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec());
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.expect("a whole body"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Vec::new()).await
    }

    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Answer {
        let path = format!("{ALL}?name={name}&alt=A%20shirt");
        self.call(Method::POST, &path, &[], bytes.to_vec()).await
    }

    /// A new picture's JSON.
    pub(crate) async fn uploaded(&self, name: &str, bytes: &[u8]) -> Value {
        let answer = self.upload(name, bytes).await;
        assert_eq!(answer.status, 201, "{} {}", self.cells.kind, answer.json());
        answer.json()
    }

    async fn queue(&self) -> JobQueue {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        storage.job_queue(cell).await.expect("the queue")
    }

    pub(crate) async fn claim(&self) -> Vec<ClaimedJob> {
        let queue = self.queue().await;
        let claimed = queue.claim("test".to_owned(), self.now(), LEASE, MANY);
        claimed.await.expect(self.cells.kind)
    }

    /// Runs everything that is due now, once.
    pub(crate) async fn work(&self) -> Vec<JobOutcome> {
        let mut outcomes = Vec::new();
        for job in self.claim().await {
            let outcome = self.module.jobs[0].run(&job).await;
            let queue = self.queue().await;
            let recorded = match outcome.clone() {
                JobOutcome::Done => queue.finish(&job).await,
                JobOutcome::Wait(at) => queue.retry(&job, at, None, false).await,
                JobOutcome::Failed(error) | JobOutcome::Dead(error) => {
                    queue.bury(&job, error, self.now()).await
                }
            };
            recorded.expect(self.cells.kind);
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(crate) async fn recurring(&self, name: &str) {
        let storage = self.cells.storage();
        let cell = storage.tenant(self.tenant).await.expect("the tenant").cell;
        let found = self.module.recurring.iter().find(|one| one.name() == name);
        let run = found.expect(name).run(cell, self.now());
        run.await.expect(self.cells.kind);
    }
}

pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().expect(field)
}

/// A version's address, from an original's.
pub(crate) fn version(url: &str, end: &str) -> String {
    let (stem, _) = url.rsplit_once('.').expect("an extension");
    format!("{stem}-{end}")
}

/// A photo whose content is its seed's.
pub(crate) fn jpeg(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|at| u8::try_from(at / 64 % 200).expect("small") ^ seed)
        .collect();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
        .expect("a JPEG");
    bytes
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![90; (width * height * 4) as usize];
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
        .expect("a PNG");
    bytes
}

/// One shop on every host; the key names the permissions it has.
struct OneShop(TenantId);

#[async_trait]
impl Gate for OneShop {
    async fn tenant(&self, _: &str, _: Option<&str>) -> Result<Option<RequestTenant>, Problem> {
        Ok(Some(RequestTenant::new(TenantInfo {
            id: self.0,
            slug: "acme".to_owned(),
            name: "acme".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
        })))
    }

    async fn caller(
        &self,
        _: Option<&RequestTenant>,
        credential: Option<&Credential>,
    ) -> Result<Caller, Problem> {
        let secret = credential.map(Credential::secret).unwrap_or_default();
        let permissions = secret
            .split('+')
            .filter_map(|text| text.parse::<Permission>().ok())
            .collect::<PermissionSet>();
        Ok(Caller::Staff {
            key: ApiKeyId::from_u128(1),
            permissions,
        })
    }
}
