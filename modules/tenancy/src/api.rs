//! Routes over tenants (operator) and keys (staff, operator).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{ApiKeyId, Currency, TenantId, Timestamp};
use stoa_rest::{
    Access, Caller, ErrorCode, ErrorPage, Json, Method, Operation, Page, Path, Permission,
    PermissionSet, Problem, Routes, State, StatusCode, Tenant as ShopTenant, code,
};
use stoa_storage::{Error as StorageError, Isolation, NewTenant, Tenant};

use crate::application::{NewKey, Tenancy, TenancyError};
use crate::domain::KeyKind;
use crate::infrastructure::KeyRow;

pub const SLUG_TAKEN: ErrorCode = ErrorCode::new("slug_taken", 409, "A tenant has this slug");
pub const TENANT_NOT_FOUND: ErrorCode =
    ErrorCode::new("tenant_not_found", 404, "There is no such tenant");
pub const KEY_NOT_FOUND: ErrorCode = ErrorCode::new("key_not_found", 404, "There is no such key");

const PAGES: [ErrorPage; 3] = [
    ErrorPage {
        code: &SLUG_TAKEN,
        markdown: include_str!("../../../docs/errors/slug_taken.md"),
    },
    ErrorPage {
        code: &TENANT_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/tenant_not_found.md"),
    },
    ErrorPage {
        code: &KEY_NOT_FOUND,
        markdown: include_str!("../../../docs/errors/key_not_found.md"),
    },
];

pub(crate) fn routes(tenancy: Tenancy) -> Routes {
    let write_keys = Access::Staff(Permission::KeysWrite);
    Routes::<Tenancy>::new("tenancy")
        .route(
            Method::GET,
            "/api/v1/platform/tenants",
            Access::Operator,
            Operation::new("listTenants", "List all tenants").returns::<Page<TenantView>>(200),
            list_tenants,
        )
        .route(
            Method::POST,
            "/api/v1/platform/tenants",
            Access::Operator,
            Operation::new("createTenant", "Create a tenant")
                .body::<TenantInput>()
                .returns::<TenantView>(201)
                .returns_problem(&SLUG_TAKEN),
            create_tenant,
        )
        .route(
            Method::POST,
            "/api/v1/platform/tenants/{slug}/keys",
            Access::Operator,
            Operation::new(
                "createTenantKey",
                "Create a key of a tenant; it is shown once",
            )
            .body::<KeyInput>()
            .returns::<CreatedKey>(201)
            .returns_problem(&TENANT_NOT_FOUND),
            create_tenant_key,
        )
        .route(
            Method::GET,
            "/api/v1/admin/api-keys",
            Access::Staff(Permission::KeysRead),
            Operation::new("listKeys", "List this shop's keys").returns::<Page<KeyView>>(200),
            list_keys,
        )
        .route(
            Method::POST,
            "/api/v1/admin/api-keys",
            write_keys,
            Operation::new("createKey", "Create a key of this shop; it is shown once")
                .description("Only permissions that the caller has can be given.")
                .body::<KeyInput>()
                .returns::<CreatedKey>(201),
            create_key,
        )
        .route(
            Method::DELETE,
            "/api/v1/admin/api-keys/{id}",
            write_keys,
            Operation::new("revokeKey", "Revoke a key")
                .returns_empty(204)
                .returns_problem(&KEY_NOT_FOUND),
            revoke_key,
        )
        .error_pages(&PAGES)
        .with_state(tenancy)
}

#[derive(Debug, Serialize, JsonSchema)]
struct TenantView {
    id: TenantId,
    slug: String,
    name: String,
    currency: Currency,
    test_mode: bool,
    created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum IsolationInput {
    #[default]
    Shared,
    Schema,
    Database,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TenantInput {
    slug: String,
    /// The slug, where none is given.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    currency: Option<Currency>,
    /// Admits the test payment provider.
    #[serde(default)]
    test_mode: bool,
    #[serde(default)]
    isolation: IsolationInput,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyInput {
    kind: KeyKind,
    #[serde(default)]
    name: Option<String>,
    /// What a secret key may do; everything that its maker may, where none is given.
    #[serde(default)]
    permissions: Option<Vec<Permission>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeyView {
    id: ApiKeyId,
    kind: KeyKind,
    name: String,
    permissions: Vec<Permission>,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

/// The only answer that ever holds the key itself.
#[derive(Debug, Serialize, JsonSchema)]
struct CreatedKey {
    id: ApiKeyId,
    kind: KeyKind,
    key: String,
}

type Created<T> = (StatusCode, Json<T>);

async fn list_tenants(State(tenancy): State<Tenancy>) -> Result<Json<Page<TenantView>>, Problem> {
    let data = tenancy
        .tenants()
        .await?
        .into_iter()
        .map(tenant_view)
        .collect();
    Ok(Json(Page::whole(data)))
}

async fn create_tenant(
    State(tenancy): State<Tenancy>,
    Json(input): Json<TenantInput>,
) -> Result<Created<TenantView>, Problem> {
    let new = NewTenant {
        name: input.name.unwrap_or_else(|| input.slug.clone()),
        slug: input.slug,
        currency: input.currency.unwrap_or(Currency::EUR),
        test_mode: input.test_mode,
        isolation: match input.isolation {
            IsolationInput::Shared => Isolation::Shared,
            IsolationInput::Schema => Isolation::Schema,
            IsolationInput::Database => Isolation::Database,
        },
    };
    let tenant = tenancy.create_tenant(new).await?;
    Ok((StatusCode::CREATED, Json(tenant_view(tenant))))
}

async fn create_tenant_key(
    State(tenancy): State<Tenancy>,
    Path(slug): Path<String>,
    Json(input): Json<KeyInput>,
) -> Result<Created<CreatedKey>, Problem> {
    let tenant = tenancy.tenant(&slug).await?;
    make_key(&tenancy, tenant.id, input, PermissionSet::all()).await
}

async fn list_keys(
    State(tenancy): State<Tenancy>,
    ShopTenant(tenant): ShopTenant,
) -> Result<Json<Page<KeyView>>, Problem> {
    let data = tenancy
        .keys(tenant.id)
        .await?
        .into_iter()
        .map(key_view)
        .collect();
    Ok(Json(Page::whole(data)))
}

async fn create_key(
    State(tenancy): State<Tenancy>,
    ShopTenant(tenant): ShopTenant,
    caller: Caller,
    Json(input): Json<KeyInput>,
) -> Result<Created<CreatedKey>, Problem> {
    let own = match caller {
        Caller::Staff { permissions, .. } => permissions,
        Caller::Operator => PermissionSet::all(),
        Caller::Anonymous | Caller::Publishable { .. } => PermissionSet::EMPTY,
    };
    make_key(&tenancy, tenant.id, input, own).await
}

async fn revoke_key(
    State(tenancy): State<Tenancy>,
    ShopTenant(tenant): ShopTenant,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    tenancy.revoke(tenant.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `own` is what its maker may do: nobody makes a key that is stronger than their own.
async fn make_key(
    tenancy: &Tenancy,
    tenant: TenantId,
    input: KeyInput,
    own: PermissionSet,
) -> Result<Created<CreatedKey>, Problem> {
    let kind = input.kind;
    let permissions: PermissionSet = match input.permissions {
        Some(listed) => listed.into_iter().collect(),
        None => own,
    };
    if let Some(lacking) = permissions.iter().find(|asked| !own.contains(*asked)) {
        return Err(Problem::new(&code::FORBIDDEN).with_detail(format!(
            "A key without the permission `{lacking}` cannot give it to another."
        )));
    }
    let new = NewKey {
        tenant: Some(tenant),
        kind,
        name: input.name.unwrap_or_else(|| kind.to_string()),
        permissions,
    };
    let (id, key) = tenancy.create_key(new).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { id, kind, key })))
}

fn tenant_view(tenant: Tenant) -> TenantView {
    TenantView {
        id: tenant.id,
        slug: tenant.slug,
        name: tenant.name,
        currency: tenant.currency,
        test_mode: tenant.test_mode,
        created_at: tenant.created_at,
    }
}

fn key_view(key: KeyRow) -> KeyView {
    KeyView {
        id: key.id,
        kind: key.kind,
        name: key.name,
        permissions: key.permissions.iter().collect(),
        created_at: key.created_at,
        revoked_at: key.revoked_at,
    }
}

impl From<TenancyError> for Problem {
    fn from(error: TenancyError) -> Self {
        let text = error.to_string();
        match error {
            TenancyError::Slug(_) => Self::invalid("slug", text),
            TenancyError::Invalid { field, reason } => Self::invalid(field, reason),
            TenancyError::TenantNotFound { .. } => Self::new(&TENANT_NOT_FOUND).with_detail(text),
            TenancyError::KeyNotFound => Self::new(&KEY_NOT_FOUND),
            TenancyError::Storage(StorageError::SlugTaken { .. }) => {
                Self::new(&SLUG_TAKEN).with_field("slug", text)
            }
            TenancyError::Storage(StorageError::Isolation { .. }) => {
                Self::invalid("isolation", text)
            }
            TenancyError::Storage(error) if error.is_transient() => Self::new(&code::TOO_BUSY),
            TenancyError::Storage(error) => Self::internal(error),
        }
    }
}
