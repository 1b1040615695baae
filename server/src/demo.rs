//! The demo shop of the first start: made once, finished if a start was cut short.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use stoa_contracts::catalog::{
    CatalogError, CategoryInput, CollectionInput, MediaLink, ProductInput, RECORDS_MAX,
};
use stoa_kernel::Currency;
use stoa_rest::PermissionSet;
use stoa_storage::{Cause, Isolation, NewTenant, Storage, Tenant, Tx};
use stoa_tenancy::{KeyKind, NewKey, Tenancy};

use crate::compose::App;
use crate::sample;

const NAME: &str = "Marram";

/// The keys of a new installation; shown once.
pub(crate) struct FirstKeys {
    secret: String,
    publishable: String,
    operator: String,
}

/// Makes the demo shop, except for its keys, unless it is whole. The secret key is made last:
/// while there is none, an earlier start was cut short, and everything before it is repeated,
/// which changes nothing.
pub(crate) async fn ensure(app: &App) -> Result<Option<Tenant>> {
    let tenant = match app.storage.tenant_by_slug(sample::DEMO_SLUG).await? {
        Some(tenant) if app.tenancy.has_secret_key(tenant.id).await? => return Ok(None),
        Some(tenant) => tenant,
        None => {
            let new = NewTenant {
                slug: sample::DEMO_SLUG.to_owned(),
                name: NAME.to_owned(),
                currency: Currency::EUR,
                test_mode: true,
                isolation: Isolation::Shared,
            };
            app.tenancy.create_tenant(new).await?
        }
    };
    fill(app, &tenant).await?;
    Ok(Some(tenant))
}

/// Makes the keys of a shop that [`ensure`] made. To be shown at once: nobody can read them again.
pub(crate) async fn first_keys(tenancy: &Tenancy, tenant: &Tenant) -> Result<FirstKeys> {
    let operator = match tenancy.has_operator_key().await? {
        true => String::new(),
        false => create_key(tenancy, None, KeyKind::Operator).await?,
    };
    let publishable = create_key(tenancy, Some(tenant), KeyKind::Publishable).await?;
    let secret = create_key(tenancy, Some(tenant), KeyKind::Secret).await?;
    Ok(FirstKeys {
        secret,
        publishable,
        operator,
    })
}

/// Waits until the worker has told everyone of the new catalog: until then its stock is not shown.
pub(crate) async fn wait_until_delivered(storage: &Storage) -> Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    const PATIENCE: Duration = Duration::from_secs(10);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let mut waiting = 0;
        for cell in storage.cells().await? {
            let (unsequenced, behind) = storage.event_log(cell).await?.lag().await?;
            waiting += unsequenced + behind;
        }
        if waiting == 0 {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn create_key(tenancy: &Tenancy, tenant: Option<&Tenant>, kind: KeyKind) -> Result<String> {
    let new = NewKey {
        tenant: tenant.map(|tenant| tenant.id),
        kind,
        name: "made at the first start".to_owned(),
        permissions: PermissionSet::all(),
    };
    Ok(tenancy.create_key(new).await?.1)
}

/// The sample catalog, through the same import that merchants use.
async fn fill(app: &App, tenant: &Tenant) -> Result<()> {
    let report = app.import_sample(tenant).await?;
    tracing::info!(?report, "sample catalog imported");
    sort(app, tenant).await?;
    let inputs: Vec<CollectionInput> = sample::collections()
        .context("the bundled collections")?
        .into_iter()
        .map(|collection| CollectionInput {
            image: Some(MediaLink {
                url: collection.image,
                alt: collection.title.clone(),
            }),
            handle: collection.handle,
            title: collection.title,
            description_html: collection.description,
            products: collection.products,
        })
        .collect();
    let catalog = app.catalog.clone();
    let cause = Cause::system(app.deps.now());
    let db = app.storage.db(tenant.id).await?;
    db.write(async move |tx: &mut Tx<'_>| {
        for input in &inputs {
            catalog.upsert_collection(tx, input, &cause).await?;
        }
        Ok::<(), CatalogError>(())
    })
    .await?;
    Ok(())
}

/// The tree of categories, and every product in its place.
async fn sort(app: &App, tenant: &Tenant) -> Result<()> {
    let sample = sample::categories().context("the bundled categories")?;
    let branches: Vec<CategoryInput> = sample
        .tree
        .into_iter()
        .map(|one| CategoryInput {
            handle: one.handle,
            title: one.title,
            parent: one.parent,
        })
        .collect();
    let records = app
        .catalog
        .records_after(tenant.id, None, RECORDS_MAX as u32)
        .await?;
    let inputs: Vec<ProductInput> = records
        .into_iter()
        .filter_map(|record| {
            let place = sample.products.get(&record.input.handle)?;
            let mut extras = record.input.extras.unwrap_or_default();
            extras.category = Some(place.category.clone());
            extras.attributes.clone_from(&place.attributes);
            Some(ProductInput {
                extras: Some(extras),
                ..record.input
            })
        })
        .collect();
    let catalog = app.catalog.clone();
    let cause = Cause::system(app.deps.now());
    let db = app.storage.db(tenant.id).await?;
    db.write(async move |tx: &mut Tx<'_>| {
        for branch in &branches {
            catalog.ensure_category(tx, branch, &cause).await?;
        }
        Ok::<(), CatalogError>(())
    })
    .await?;
    let (catalog, cause) = (app.catalog.clone(), Cause::system(app.deps.now()));
    db.write(async move |tx: &mut Tx<'_>| {
        for input in &inputs {
            catalog.upsert_product(tx, input, &cause).await?;
        }
        Ok::<(), CatalogError>(())
    })
    .await?;
    Ok(())
}

impl FirstKeys {
    /// What a first start says, once.
    pub(crate) fn welcome(&self, address: SocketAddr) -> String {
        let shop = match address.ip().is_loopback() {
            true => format!("http://localhost:{}", address.port()),
            false => format!("http://{address}"),
        };
        let mut text = format!(
            "\nWelcome to Stoa. The demo shop is ready.\n\n\
             \x20 Shop             {shop}/\n\
             \x20 Mailbox          {shop}/admin/mailbox   (sign in as admin, with the secret key)\n\
             \x20 API reference    {shop}/docs\n\n\
             Shown once, so keep them:\n\n\
             \x20 Secret key       {}\n\
             \x20 Publishable key  {}\n",
            self.secret, self.publishable
        );
        if !self.operator.is_empty() {
            text += &format!("  Operator key     {}\n", self.operator);
        }
        text
    }
}
