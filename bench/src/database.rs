//! Databases of the bench's own, beside one that is named; and connections that see them as the
//! shop's do.

use anyhow::{Context as _, Result};
use stoa_kernel::TenantId;
use tokio_postgres::{Client, NoTls};

use crate::checkout::uuid;

/// As platform/storage has them.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";
const SCHEMA: &str = "stoa";
const TENANT_ROLE: &str = "stoa_tenant";

/// A database of the bench's own.
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    beside: String,
}

impl Database {
    pub(crate) async fn create(beside: &str, of: &str) -> Result<Self> {
        let name = format!("stoa_bench_{of}_{}", std::process::id());
        let admin = connect(beside, "").await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .context("the bench makes a database of its own")?;
        Self::named(beside, name)
    }

    /// The same content once more; nobody may be connected.
    pub(crate) async fn copy(&self, of: &str) -> Result<Self> {
        let name = format!("stoa_bench_{of}_{}", std::process::id());
        let admin = connect(&self.beside, "").await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", self.name))
            .await?;
        Self::named(&self.beside, name)
    }

    fn named(beside: &str, name: String) -> Result<Self> {
        let mut url = url::Url::parse(beside).context("--postgres")?;
        url.set_path(&name);
        Ok(Self {
            url: url.to_string(),
            name,
            beside: beside.to_owned(),
        })
    }

    /// Ends every connection, so that it can be copied.
    pub(crate) async fn disconnect_all(&self) -> Result<()> {
        let admin = connect(&self.beside, "").await?;
        let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        admin.query(sql, &[&self.name]).await?;
        Ok(())
    }

    pub(crate) async fn drop(self) -> Result<()> {
        let admin = connect(&self.beside, "").await?;
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        Ok(admin.batch_execute(&sql).await?)
    }

    /// The shop that is in it; there must be no other.
    pub(crate) async fn only_tenant(&self) -> Result<TenantId> {
        let sql = "SELECT DISTINCT tenant_id::text FROM stoa_control.tenancy_key WHERE tenant_id IS NOT NULL";
        let row = self.owner().await?.query_one(sql, &[]).await?;
        let text: String = row.get(0);
        let bits = u128::from_str_radix(&text.replace('-', ""), 16).context("a tenant's id")?;
        Ok(TenantId::from_u128(bits))
    }

    pub(crate) async fn vacuum(&self) -> Result<()> {
        Ok(self.owner().await?.batch_execute("VACUUM ANALYZE").await?)
    }

    pub(crate) async fn owner(&self) -> Result<Client> {
        connect(&self.url, &format!("-c search_path={SCHEMA}")).await
    }

    pub(crate) async fn as_tenant(&self, tenant: TenantId) -> Result<Client> {
        connect(&self.url, &tenant_options(tenant)).await
    }
}

async fn connect(url: &str, options: &str) -> Result<Client> {
    let mut config: tokio_postgres::Config = url.parse().context("--postgres")?;
    config.options(options);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("a connection ended: {error}");
        }
    });
    Ok(client)
}

/// The rights, the row-level security and the schema that the shop's own statements run under.
pub(crate) fn tenant_options(tenant: TenantId) -> String {
    format!(
        "-c role={TENANT_ROLE} -c search_path={SCHEMA} -c app.tenant_id={} {PLANNING}",
        uuid(tenant.as_u128())
    )
}
