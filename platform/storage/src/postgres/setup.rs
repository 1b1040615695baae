//! Brings a PostgreSQL schema up: roles, migrations under a lock, row-level security on all of it.

use deadpool_postgres::Pool;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::{PgLocation, connection, map_error, without_password};
use crate::migrate::{self, Applied};
use crate::sql::render_migration;
use crate::{Dialect, Error, Migrations, Plane, Result};

/// The role tenants' transactions act as: owns nothing, so row-level security binds it.
pub(crate) const TENANT_ROLE: &str = "stoa_tenant";
/// One migration at a time per database ("stoa" in ASCII).
const MIGRATION_LOCK: i64 = 0x7374_6f61;

/// Creates what is missing and verifies what is there. Safe to run from many processes at once.
pub(crate) async fn prepare_schema(
    system: &Pool,
    location: &PgLocation,
    migrations: &[Migrations],
) -> Result<()> {
    let mut owner = connection(system).await?;
    let opened = owner
        .transaction()
        .await
        .map_err(|error| map_error("BEGIN", &error))?;
    let transaction = &opened;
    run(
        transaction,
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0".to_owned(),
    )
    .await?;
    run(
        transaction,
        format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"),
    )
    .await?;
    run(
        transaction,
        format!("CREATE SCHEMA IF NOT EXISTS {}", location.schema),
    )
    .await?;
    run(transaction, role_sql()).await?;
    run(
        transaction,
        render_migration(migrate::BOOTSTRAP, Dialect::Postgres),
    )
    .await?;
    let pending = migrate::pending(migrations, &applied(transaction).await?)?;
    if !pending.is_empty() {
        // Forced row-level security binds the owner too: a step that copies or changes rows would
        // find none. It is forced again below, in this same transaction.
        run(transaction, unforce_sql(&location.schema)).await?;
    }
    for step in pending {
        run(transaction, render_migration(step.sql, Dialect::Postgres))
            .await
            .map_err(|error| Error::Migration {
                module: step.module.to_owned(),
                number: step.number,
                problem: error.to_string(),
            })?;
        transaction
            .execute(
                "INSERT INTO stoa_migration (module, number, checksum) VALUES ($1, $2, $3)",
                &[&step.module, &step.number, &step.checksum],
            )
            .await
            .map_err(|error| map_error("stoa_migration", &error))?;
    }
    // The control plane belongs to no tenant: the tenants' role has no way in at all.
    if migrations.iter().any(|module| module.plane == Plane::Cell) {
        run(transaction, guard_sql(&location.schema)).await?;
    }
    opened
        .commit()
        .await
        .map_err(|error| map_error("COMMIT", &error))
}

async fn applied(transaction: &deadpool_postgres::Transaction<'_>) -> Result<Vec<Applied>> {
    let rows = transaction
        .query("SELECT module, number, checksum FROM stoa_migration", &[])
        .await
        .map_err(|error| map_error("stoa_migration", &error))?;
    let step = |row: &tokio_postgres::Row| Applied {
        module: row.get(0),
        number: row.get(1),
        checksum: row.get(2),
    };
    Ok(rows.iter().map(step).collect())
}

async fn run(transaction: &deadpool_postgres::Transaction<'_>, sql: String) -> Result<()> {
    transaction
        .batch_execute(&sql)
        .await
        .map_err(|error| map_error(&sql, &error))
}

/// Roles are shared by the whole server, so another process may be creating the same one and giving
/// the same right (which PostgreSQL reports as an internal error).
///
/// From version 16 on a creator is a member who may not yet `SET ROLE`.
fn role_sql() -> String {
    format!(
        "DO $$ DECLARE may_be text := 'MEMBER'; BEGIN \
           IF current_setting('server_version_num')::int >= 160000 THEN may_be := 'SET'; END IF; \
           BEGIN CREATE ROLE {TENANT_ROLE} NOLOGIN NOINHERIT; \
           EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END; \
           IF NOT pg_has_role(current_user, '{TENANT_ROLE}', may_be) THEN \
             BEGIN EXECUTE format('GRANT {TENANT_ROLE} TO %I', current_user); \
             EXCEPTION WHEN unique_violation OR internal_error THEN NULL; END; \
           END IF; \
         END $$"
    )
}

/// Lets the owner see all rows of its tables.
fn unforce_sql(schema: &str) -> String {
    format!(
        "DO $$ DECLARE t record; BEGIN \
           FOR t IN SELECT relname AS name FROM pg_class \
                    WHERE relnamespace = '{schema}'::regnamespace AND relforcerowsecurity LOOP \
             EXECUTE format('ALTER TABLE {schema}.%I NO FORCE ROW LEVEL SECURITY', t.name); \
           END LOOP; \
         END $$"
    )
}

/// Forced row-level security and rights for every table that carries a `tenant_id`.
fn guard_sql(schema: &str) -> String {
    format!(
        "GRANT USAGE ON SCHEMA {schema} TO {TENANT_ROLE}; \
         DO $$ DECLARE t record; BEGIN \
           FOR t IN SELECT c.table_name AS name FROM information_schema.columns c \
                    JOIN information_schema.tables b USING (table_schema, table_name) \
                    WHERE c.table_schema = '{schema}' AND c.column_name = 'tenant_id' \
                      AND b.table_type = 'BASE TABLE' \
                      AND c.table_name NOT IN ('stoa_event', 'stoa_job') LOOP \
             EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.%I TO {TENANT_ROLE}', t.name); \
             IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE schemaname = '{schema}' \
                            AND tablename = t.name AND policyname = 'tenant_isolation') THEN \
               EXECUTE format('ALTER TABLE {schema}.%I ENABLE ROW LEVEL SECURITY', t.name); \
               EXECUTE format('CREATE POLICY tenant_isolation ON {schema}.%I TO {TENANT_ROLE} \
                 USING (tenant_id = NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid) \
                 WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid)', t.name); \
             END IF; \
             IF t.name NOT LIKE 'stoa\\_%' AND NOT (SELECT relforcerowsecurity FROM pg_class \
                WHERE oid = format('{schema}.%I', t.name)::regclass) THEN \
               EXECUTE format('ALTER TABLE {schema}.%I FORCE ROW LEVEL SECURITY', t.name); \
             END IF; \
           END LOOP; \
           IF to_regclass('{schema}.stoa_event') IS NOT NULL THEN \
             GRANT INSERT ON {schema}.stoa_event, {schema}.stoa_job TO {TENANT_ROLE}; \
             GRANT UPDATE (run_at), \
               SELECT (tenant_id, kind, unique_key, dead_at, lease, run_at) \
               ON {schema}.stoa_job TO {TENANT_ROLE}; \
           END IF; \
         END $$"
    )
}

/// Creates a database beside the one of `url`, unless it exists; returns its URL.
pub(crate) async fn create_database(url: &str, name: &str) -> Result<String> {
    let fail = |error: tokio_postgres::Error| map_error("CREATE DATABASE", &error);
    let (client, task) =
        tokio_postgres::connect(url, NoTls)
            .await
            .map_err(|error| Error::Unavailable {
                message: error.to_string(),
            })?;
    let task = tokio::spawn(task);
    let known = client
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await
        .map_err(fail)?;
    if known.is_none() {
        let sql = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        // Another process may be creating the same one.
        match client.batch_execute(&sql).await {
            Err(error)
                if matches!(
                    error.code(),
                    Some(&(SqlState::DUPLICATE_DATABASE | SqlState::UNIQUE_VIOLATION))
                ) => {}
            other => other.map_err(fail)?,
        }
    }
    drop(client);
    drop(task.await);
    let mut parsed = url::Url::parse(url).map_err(|error| {
        Error::io(
            format!("reading the PostgreSQL URL `{}`", without_password(url)),
            &error,
        )
    })?;
    parsed.set_path(name);
    Ok(parsed.to_string())
}
