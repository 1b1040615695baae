//! Migrations: each once, none edited, none unknown, all or nothing.

use futures_util::future::join_all;
use stoa_storage::{Error, Isolation, Migrations, Plane, Tx, params};

use crate::support::{Place, SCHEMA, count, places, postgres_place, put, raw_client};

const fn module(steps: &'static [&'static str]) -> Migrations {
    Migrations {
        module: "extra",
        plane: Plane::Cell,
        steps,
    }
}

const ONE: &str = "CREATE TABLE extra_one (tenant_id {id} NOT NULL, id {int} NOT NULL, \
                   PRIMARY KEY (tenant_id, id)) {strict}";
const ONE_EDITED: &str = "CREATE TABLE extra_one (tenant_id {id} NOT NULL, id {int} NOT NULL, \
                          name {text}, PRIMARY KEY (tenant_id, id)) {strict}";
const TWO: &str = "ALTER TABLE extra_one ADD COLUMN note {text}";
const BROKEN: &str = "CREATE TABLE extra_two (tenant_id {id} NOT NULL) {strict}; \
                      ALTER TABLE extra_nowhere ADD COLUMN note {text}";

/// Opens the place and the tenant's cell, which migrates lazily where it is the tenant's own.
async fn open_cell(place: &Place, modules: &[Migrations]) -> Result<(), Error> {
    let storage = place.open_with(modules).await?;
    let tenant = match storage.tenant_by_slug("one").await? {
        Some(known) => known.id,
        None => place.tenant(&storage, "one").await,
    };
    storage.db(tenant).await.map(|_| ())
}

fn problem(outcome: Result<(), Error>, kind: &str) -> (String, i64, String) {
    match outcome {
        Err(Error::Migration {
            module,
            number,
            problem,
        }) => (module, number, problem),
        other => panic!("{kind}: {other:?}"),
    }
}

/// SQLite cannot change a CHECK, so a step makes the table anew.
const REBUILT: &str = "CREATE TABLE extra_one_new (tenant_id {id} NOT NULL, id {int} NOT NULL \
                       CHECK (id < 100), PRIMARY KEY (tenant_id, id)) {strict}; \
                       INSERT INTO extra_one_new SELECT tenant_id, id FROM extra_one; \
                       DROP TABLE extra_one; \
                       ALTER TABLE extra_one_new RENAME TO extra_one";

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_makes_a_table_anew_keeps_every_tenants_rows_and_their_guard() {
    for place in places().await {
        let before: &[Migrations] = &[SCHEMA, module(&[ONE])];
        open_cell(&place, before).await.expect(place.kind);
        let storage = place.open_with(before).await.expect(place.kind);
        let one = storage.tenant_by_slug("one").await.expect(place.kind);
        let one = one.expect("kept").id;
        let two = place.tenant(&storage, "two").await;
        for (tenant, id) in [(one, 1_i64), (one, 2), (two, 3)] {
            let db = storage.db(tenant).await.expect(place.kind);
            db.write(async move |tx: &mut Tx<'_>| {
                const SQL: &str = "INSERT INTO extra_one (tenant_id, id) VALUES (:tenant, $1)";
                tx.execute(SQL, params![id]).await
            })
            .await
            .expect(place.kind);
        }
        drop(storage);
        let after: &[Migrations] = &[SCHEMA, module(&[ONE, REBUILT])];
        let storage = place.open_with(after).await.expect(place.kind);
        for (tenant, ids) in [(one, vec![1_i64, 2]), (two, vec![3])] {
            const SQL: &str = "SELECT id FROM extra_one WHERE tenant_id = :tenant ORDER BY id";
            let db = storage.db(tenant).await.expect(place.kind);
            let found = db.fetch(SQL, &[], |row| row.get::<i64>(0)).await;
            assert_eq!(found.expect(place.kind), ids, "{}", place.kind);
        }
        drop(storage);
        // The tables' own mark, seen from outside. Tenants' own databases have a server of the same.
        if place.url.starts_with("postgres") && place.isolation != Isolation::Database {
            const FORCED: &str = "SELECT relforcerowsecurity FROM pg_class \
                 WHERE relname = 'extra_one'";
            let rows = raw_client(&place.url).await.query(FORCED, &[]).await;
            let rows = rows.expect(place.kind);
            let forced: Vec<bool> = rows.iter().map(|row| row.get(0)).collect();
            assert!(
                !forced.is_empty() && forced.iter().all(|forced| *forced),
                "{}",
                place.kind
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_changes_nothing_and_a_new_step_is_added() {
    for place in places().await {
        open_cell(&place, &[SCHEMA, module(&[ONE])])
            .await
            .expect(place.kind);
        let storage = place
            .open_with(&[SCHEMA, module(&[ONE])])
            .await
            .expect(place.kind);
        let tenant = storage
            .tenant_by_slug("one")
            .await
            .expect(place.kind)
            .expect("kept");
        put(&storage.db(tenant.id).await.expect(place.kind), 1, "mug", 1)
            .await
            .expect(place.kind);
        drop(storage);
        open_cell(&place, &[SCHEMA, module(&[ONE, TWO])])
            .await
            .expect(place.kind);
        let storage = place
            .open_with(&[SCHEMA, module(&[ONE, TWO])])
            .await
            .expect(place.kind);
        let db = storage.db(tenant.id).await.expect(place.kind);
        assert_eq!(count(&db).await, 1, "{}", place.kind);
        const NOTE: &str = "SELECT note FROM extra_one WHERE tenant_id = :tenant";
        let notes = db
            .fetch(NOTE, &[], |row| row.get::<Option<String>>(0))
            .await;
        assert_eq!(notes.expect(place.kind), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_or_unknown_step_is_refused_by_name() {
    for place in places().await {
        open_cell(&place, &[SCHEMA, module(&[ONE, TWO])])
            .await
            .expect(place.kind);
        let edited = open_cell(&place, &[SCHEMA, module(&[ONE_EDITED, TWO])]).await;
        let (name, number, text) = problem(edited, place.kind);
        assert_eq!((name.as_str(), number), ("extra", 1), "{}", place.kind);
        assert!(text.contains("edited"), "{text}");
        let older = open_cell(&place, &[SCHEMA, module(&[ONE])]).await;
        let (name, number, text) = problem(older, place.kind);
        assert_eq!((name.as_str(), number), ("extra", 2), "{}", place.kind);
        assert!(text.contains("not known"), "{text}");
        open_cell(&place, &[SCHEMA, module(&[ONE, TWO])])
            .await
            .expect(place.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_migration_leaves_nothing() {
    for place in places().await {
        open_cell(&place, &[SCHEMA]).await.expect(place.kind);
        let failed = open_cell(&place, &[SCHEMA, module(&[ONE, BROKEN])]).await;
        let (name, number, _) = problem(failed, place.kind);
        assert_eq!((name.as_str(), number), ("extra", 2), "{}", place.kind);
        // Neither the steps nor the note that they ran is there: another text may take the place.
        open_cell(&place, &[SCHEMA, module(&[ONE_EDITED])])
            .await
            .expect(place.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_programs_may_start_at_once_on_one_server() {
    for isolation in Isolation::ALL {
        let Some(place) = postgres_place("postgres", isolation).await else {
            return;
        };
        let modules = [SCHEMA, module(&[ONE, TWO])];
        let starts = (0..8).map(|_| place.open_with(&modules));
        let opened: Vec<_> = join_all(starts)
            .await
            .into_iter()
            .map(|storage| storage.expect("an opened storage"))
            .collect();
        let tenant = place.tenant(&opened[0], "one").await;
        for (id, storage) in opened.iter().enumerate() {
            let db = storage.db(tenant).await.expect("a cell");
            put(&db, id as i64, "mug", 1).await.expect("a commit");
        }
        let db = opened[7].db(tenant).await.expect("a cell");
        assert_eq!(count(&db).await, 8);
        assert_eq!(
            opened[3].cells().await.expect("cells"),
            opened[5].cells().await.expect("cells")
        );
        let secrets = join_all(opened.iter().map(|storage| storage.secret("cursor"))).await;
        let first = secrets[0].as_ref().expect("a secret");
        assert!(
            secrets
                .iter()
                .all(|secret| secret.as_ref().is_ok_and(|bytes| bytes == first))
        );
    }
}

/// A worker of another program may open a tenant's cell while it is being created.
#[tokio::test(flavor = "multi_thread")]
async fn a_cell_may_be_opened_by_many_while_it_is_created() {
    for isolation in [Isolation::Schema, Isolation::Database] {
        let Some(place) = postgres_place("postgres", isolation).await else {
            return;
        };
        let (creating, working) = (place.open().await, place.open().await);
        let watch = async {
            let mut opened = 0;
            while opened < 6 {
                for cell in working
                    .cells()
                    .await
                    .expect("cells")
                    .into_iter()
                    .skip(opened)
                {
                    working.event_log(cell).await.expect("an opened cell");
                    opened += 1;
                }
                tokio::task::yield_now().await;
            }
        };
        let create = async {
            for slug in ["a", "b", "c", "d", "e"] {
                place.tenant(&creating, slug).await;
            }
        };
        let both = async { tokio::join!(watch, create) };
        tokio::time::timeout(std::time::Duration::from_secs(60), both)
            .await
            .expect("both end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_tenant_is_guarded_by_the_server() {
    const UNGUARDED: &str = "SELECT count(*) FROM pg_class c JOIN pg_namespace n \
        ON n.oid = c.relnamespace WHERE n.nspname = 'stoa' AND c.relname ~ '^(sample|extra)_' \
        AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    const GUARDED: &str = "SELECT count(*) FROM pg_policies WHERE schemaname = 'stoa' \
                           AND tablename ~ '^(sample|extra)_'";
    let Some(place) = postgres_place("postgres shared", Isolation::Shared).await else {
        return;
    };
    drop(place.open().await);
    // A table that comes later is guarded as well.
    drop(
        place
            .open_with(&[SCHEMA, module(&[ONE])])
            .await
            .expect("storage"),
    );
    let client = raw_client(&place.url).await;
    let number = async |sql| {
        client
            .query_one(sql, &[])
            .await
            .expect("a count")
            .get::<_, i64>(0)
    };
    assert_eq!((number(UNGUARDED).await, number(GUARDED).await), (0, 3));
}
