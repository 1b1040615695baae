//! A shop that keeps themes, and an engine that finds fault with some words.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use stoa_contracts::themes::{ThemeEngine, ThemeFault, ThemeSource, Themes};
use stoa_kernel::{ApiKeyId, Currency, TenantId, Timestamp};
use stoa_rest::{
    Caller, Credential, Gate, Permission, PermissionSet, Problem, RequestTenant, RouterConfig,
    TenantInfo,
};
use stoa_telemetry::Metrics;
use stoa_testkit::TestCells;
pub(crate) use stoa_testkit::archive;
use stoa_themes::{Config, Listener};
use tower::ServiceExt as _;

pub(crate) const ALL: &str = "/api/v1/admin/themes";

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[stoa_themes::MIGRATIONS]).await
}

/// Finds fault with templates that say `broken`.
struct Engine;

impl ThemeEngine for Engine {
    fn check(&self, source: &ThemeSource) -> Vec<ThemeFault> {
        let wrong = source
            .templates
            .iter()
            .filter(|(_, text)| text.contains("broken"));
        wrong
            .map(|(name, _)| ThemeFault {
                file: format!("templates/{name}"),
                line: Some(1),
                reason: "is broken".to_owned(),
            })
            .collect()
    }

    fn built_in(&self) -> Vec<(String, Vec<u8>)> {
        vec![
            (
                "theme.toml".to_owned(),
                b"name = \"D\"\nversion = \"1\"\n".to_vec(),
            ),
            ("templates/home.html".to_owned(), b"<h1>home</h1>".to_vec()),
        ]
    }
}

pub(crate) struct Shop<'c> {
    pub(crate) cells: &'c TestCells,
    pub(crate) tenant: TenantId,
    pub(crate) themes: Arc<dyn Themes>,
    pub(crate) listener: Listener,
    router: Router,
}

impl<'c> Shop<'c> {
    /// A process that serves this shop; another call is another process.
    pub(crate) async fn open(cells: &'c TestCells, slug: &str) -> Self {
        let tenant = match cells.storage().tenant_by_slug(slug).await {
            Ok(Some(known)) => known.id,
            _ => cells.tenant(slug).await,
        };
        let metrics = Metrics::new(Timestamp::from_micros(0));
        let config = Config {
            preview_key: [5; 32],
        };
        let module = stoa_themes::start(cells.deps.clone(), Arc::new(Engine), config, &metrics);
        let config = RouterConfig::new(metrics, cells.deps.ids.clone());
        Self {
            cells,
            tenant,
            themes: module.contract,
            listener: module.listener,
            router: module.routes.into_router(Arc::new(OneShop(tenant)), config),
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> (u16, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer themes:read+themes:write")
            .header("content-type", kind)
            .body(Body::from(body))
            .expect("a request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body");
        (status, bytes.to_bytes().to_vec())
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let (status, bytes) = self
            .send(
                method,
                path,
                "application/json",
                body.to_string().into_bytes(),
            )
            .await;
        let json = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes).expect("JSON"),
        };
        (status, json)
    }

    pub(crate) async fn upload(&self, archive: Vec<u8>) -> (u16, Value) {
        let (status, bytes) = self
            .send(Method::POST, ALL, "application/zip", archive)
            .await;
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// Uploads a theme of this name with one home page; its id.
    pub(crate) async fn theme(&self, name: &str) -> String {
        let (status, made) = self.upload(theme(name)).await;
        assert_eq!(status, 201, "{} {made}", self.cells.kind);
        made["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn publish(&self, id: &str) -> Value {
        let path = format!("{ALL}/{id}/publish");
        let (status, state) = self.call(Method::POST, &path, Value::Null).await;
        assert_eq!(status, 200, "{} {state}", self.cells.kind);
        state
    }

    /// The name of the theme that shoppers see.
    pub(crate) async fn seen(&self) -> String {
        let active = self.themes.active(self.tenant).await.expect("an answer");
        active.map_or_else(|| "built-in".to_owned(), |theme| theme.name.clone())
    }
}

pub(crate) fn theme(name: &str) -> Vec<u8> {
    let toml = format!(
        "name = \"{name}\"\nversion = \"1\"\n[settings.accent]\ntype = \"colour\"\n\
         label = \"Accent\"\ndefault = \"#123456\"\n"
    );
    let home = format!("<h1>{name}</h1>");
    archive(&[
        ("theme.toml", toml.as_bytes()),
        ("templates/home.html", home.as_bytes()),
        ("assets/theme.css", b"body{color:red}"),
        ("locales/de.toml", b"hello = \"Hallo\"\n"),
    ])
}

/// Every request is for one shop; the bearer text names the permissions of its key.
struct OneShop(TenantId);

#[async_trait::async_trait]
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
