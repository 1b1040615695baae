//! Tenants of one cell never meet: neither by mistake in SQL nor through a pooled connection.

use stoa_kernel::TenantId;
use stoa_storage::{Db, Dialect, Error, Isolation, NewTenant, Tx, params};
use stoa_testkit::TestCells;

use crate::support::{
    COUNT, INSERT, SCHEMA, count, create_tenant, everywhere, on_purpose, open_at, postgres_place,
    put, units,
};

const NAMES: &str = "SELECT name FROM sample_item WHERE tenant_id = :tenant ORDER BY id";
const ALL_NAMES: &str = "SELECT name FROM sample_item ORDER BY id";
const RENAME: &str = "UPDATE sample_item SET name = 'taken' WHERE tenant_id = :tenant AND id = $1";
const RENAME_ANY: &str = "UPDATE sample_item SET name = 'taken' WHERE id = $1";
const DELETE: &str = "DELETE FROM sample_item WHERE tenant_id = :tenant AND id = $1";
const DELETE_ANY: &str = "DELETE FROM sample_item";
const JOINED: &str = "SELECT i.name FROM sample_item i JOIN sample_part p ON p.item = i.id \
                      WHERE i.tenant_id = :tenant";
const FOREIGN: &str =
    "INSERT INTO sample_item (tenant_id, id, name, units) VALUES ($1, $2, 'planted', 1)";

async fn names(db: &Db, sql: &'static str) -> Result<Vec<String>, Error> {
    db.fetch(sql, params![], |row| row.get(0)).await
}

async fn change(db: &Db, sql: &'static str, id: i64) -> Result<u64, Error> {
    db.write(async move |tx: &mut Tx<'_>| tx.execute(sql, params![id]).await)
        .await
}

/// Two tenants, in one cell where the kind allows, each with an item of id 1.
async fn neighbours(cells: &TestCells) -> (Db, Db) {
    let a = cells.db(cells.tenant("ada").await).await;
    let b = cells.db(cells.tenant("bob").await).await;
    put(&a, 1, "of ada", 1).await.expect(cells.kind);
    put(&b, 1, "of bob", 2).await.expect(cells.kind);
    put(&b, 2, "more of bob", 3).await.expect(cells.kind);
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_see_and_change_only_their_own_rows() {
    for cells in everywhere().await {
        let (a, b) = neighbours(&cells).await;
        assert_eq!(names(&a, NAMES).await.expect(cells.kind), ["of ada"]);
        assert_eq!(
            names(&b, NAMES).await.expect(cells.kind),
            ["of bob", "more of bob"],
            "{}",
            cells.kind
        );
        let in_read = a
            .read(async |tx: &mut Tx<'_>| tx.query(NAMES, params![], |row| row.get(0)).await)
            .await;
        let in_read: Vec<String> = in_read.expect(cells.kind);
        assert_eq!(in_read, ["of ada"], "{}", cells.kind);
        assert_eq!(change(&a, RENAME, 2).await.expect(cells.kind), 0);
        assert_eq!(change(&a, DELETE, 2).await.expect(cells.kind), 0);
        assert_eq!(change(&a, RENAME, 1).await.expect(cells.kind), 1);
        assert_eq!(
            names(&b, NAMES).await.expect(cells.kind),
            ["of bob", "more of bob"],
            "{}",
            cells.kind
        );
        assert_eq!((units(&a, 2).await, units(&b, 2).await), (None, Some(3)));
    }
}

fn is_unbound<T>(outcome: &Result<T, Error>, sql: &str, tables: &[&str], bound: usize) -> bool {
    match outcome {
        Err(Error::TenantUnbound {
            sql: named,
            tables: found,
            bound: times,
        }) => {
            let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
            found.sort_unstable();
            named == sql && found == tables && *times == bound
        }
        _ => false,
    }
}

async fn dialect(db: &Db) -> Dialect {
    db.read(async |tx: &mut Tx<'_>| Ok::<_, Error>(tx.dialect()))
        .await
        .expect("a transaction")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_forgets_the_tenant_reaches_no_other_tenant() {
    for cells in everywhere().await {
        let (a, b) = neighbours(&cells).await;
        let read = names(&a, ALL_NAMES).await;
        let updated = change(&a, RENAME_ANY, 2).await;
        let joined = names(&a, JOINED).await;
        let deleted = a
            .write(async |tx: &mut Tx<'_>| tx.execute(DELETE_ANY, params![]).await)
            .await;
        match dialect(&a).await {
            Dialect::Sqlite => {
                let one = ["sample_item"];
                assert!(is_unbound(&read, ALL_NAMES, &one, 0), "{read:?}");
                assert!(is_unbound(&updated, RENAME_ANY, &one, 0), "{updated:?}");
                assert!(is_unbound(&deleted, DELETE_ANY, &one, 0), "{deleted:?}");
                let both = ["sample_item", "sample_part"];
                assert!(is_unbound(&joined, JOINED, &both, 1), "{joined:?}");
                assert_eq!(count(&a).await, 1);
            }
            Dialect::Postgres => {
                assert_eq!(read.expect(cells.kind), ["of ada"]);
                assert_eq!(updated.expect(cells.kind), 0, "{}", cells.kind);
                assert_eq!(joined.expect(cells.kind), [] as [&str; 0]);
                assert_eq!(deleted.expect(cells.kind), 1, "{}", cells.kind);
            }
        }
        assert_eq!(
            names(&b, NAMES).await.expect(cells.kind),
            ["of bob", "more of bob"],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_tenant_cannot_be_planted() {
    for cells in everywhere().await {
        let (a, b) = neighbours(&cells).await;
        let other: TenantId = b.tenant();
        let planted = a
            .write(async move |tx: &mut Tx<'_>| tx.execute(FOREIGN, params![other, 9]).await)
            .await;
        match dialect(&a).await {
            Dialect::Sqlite => {
                assert!(is_unbound(&planted, FOREIGN, &["sample_item"], 0));
            }
            Dialect::Postgres => assert!(
                matches!(&planted, Err(Error::Statement { message, .. })
                    if message.contains("row-level security")),
                "{}: {planted:?}",
                cells.kind
            ),
        }
        assert_eq!(count(&b).await, 2, "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storages_own_tables_are_closed_to_modules() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        for (sql, table) in [
            ("SELECT count(*) FROM stoa_event", "stoa_event"),
            ("DELETE FROM stoa_job", "stoa_job"),
            (
                "SELECT key FROM stoa_idempotency WHERE tenant_id = :tenant",
                "stoa_idempotency",
            ),
            (
                "INSERT INTO stoa_event (event_id, tenant_id, subject, key, occurred_at, actor, \
                 payload) VALUES (:tenant, :tenant, '', '', 0, '', '')",
                "stoa_event",
            ),
        ] {
            let outcome = db
                .write(async move |tx: &mut Tx<'_>| tx.execute(sql, params![]).await)
                .await;
            assert!(
                matches!(&outcome, Err(Error::SystemTable { sql: named, table: found })
                    if named == sql && found == table),
                "{}: {outcome:?}",
                cells.kind
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_tenants_owns_nothing_and_obeys_row_level_security() {
    const WHO: &str = "SELECT current_user::text, \
        (SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user), \
        (SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb \
         FROM pg_roles WHERE rolname = current_user), \
        row_security_active('sample_item') AND row_security_active('sample_part')";
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        if dialect(&db).await == Dialect::Sqlite {
            continue;
        }
        let who = db.fetch(WHO, params![], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<i64>(1)?,
                row.get::<bool>(2)?,
                row.get::<bool>(3)?,
            ))
        });
        assert_eq!(
            who.await.expect(cells.kind),
            [("stoa_tenant".to_owned(), 0, false, true)],
            "{}",
            cells.kind
        );
    }
}

const SESSION: &str =
    "SELECT pg_backend_pid(), coalesce(current_setting('app.tenant_id', true), '')";

async fn session(db: &Db) -> (i64, String) {
    db.fetch(SESSION, params![], |row| Ok((row.get(0)?, row.get(1)?)))
        .await
        .expect("a session")
        .remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_user_of_a_connection_is_not_the_last_ones_tenant() {
    let Some(place) = postgres_place("postgres shared", Isolation::Shared).await else {
        return;
    };
    // One connection, so that everything below passes through it.
    let storage = open_at(&place.url, 1, &[SCHEMA]).await.expect("storage");
    let ada = create_tenant(&storage, "ada", Isolation::Shared).await;
    let bob = create_tenant(&storage, "bob", Isolation::Shared).await;
    let a = storage.db(ada).await.expect("a cell");
    let b = storage.db(bob).await.expect("a cell");
    let hex = |tenant: TenantId| format!("{:032x}", tenant.as_u128());
    put(&a, 1, "of ada", 1).await.expect("a commit");
    let (first, as_b) = session(&b).await;
    assert_eq!(as_b, hex(bob));
    assert_eq!(count(&b).await, 0);
    let failed = a
        .write(async |tx: &mut Tx<'_>| {
            tx.execute(INSERT, params![2, "more", 1]).await?;
            Err::<(), Error>(on_purpose())
        })
        .await;
    assert!(failed.is_err());
    let (second, as_b) = session(&b).await;
    assert_eq!(
        (second, as_b),
        (first, hex(bob)),
        "the same connection, another tenant"
    );
    // A storage transaction on a tenants' connection in between would see an empty setting: what
    // is set ends with its transaction.
    let nobody = b
        .write(async |tx: &mut Tx<'_>| {
            tx.execute("RESET app.tenant_id", params![]).await?;
            tx.query_one("SELECT count(*) FROM sample_item", params![], |row| {
                row.get::<i64>(0)
            })
            .await
        })
        .await;
    assert_eq!(
        nobody.expect("a count"),
        0,
        "without a tenant no row is seen"
    );
    assert_eq!(session(&a).await, (first, hex(ada)));
    assert_eq!(
        a.fetch(COUNT, params![], |row| row.get::<i64>(0))
            .await
            .expect("a count"),
        [1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_ones_own_is_refused_on_sqlite() {
    let cells = stoa_testkit::sqlite(&[SCHEMA], Isolation::Shared).await;
    let new = NewTenant {
        slug: "own".to_owned(),
        name: "Own".to_owned(),
        currency: stoa_kernel::Currency::EUR,
        test_mode: true,
        isolation: Isolation::Schema,
    };
    let refused = cells.storage().create_tenant(new).await;
    assert!(
        matches!(
            refused,
            Err(Error::Isolation {
                isolation: "schema",
                backend: "SQLite",
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(cells.storage().tenants().await.expect("tenants"), []);
    let unknown = open_at("mysql://root:secret@host/db", 1, &[]).await.err();
    assert!(
        matches!(&unknown, Some(Error::UnknownBackend { url }) if !url.contains("secret")),
        "{unknown:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_taken_once() {
    for cells in everywhere().await {
        let new = |slug: &str| NewTenant {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            currency: stoa_kernel::Currency::EUR,
            test_mode: true,
            isolation: cells.isolation,
        };
        cells.tenant("one").await;
        let again = cells.storage().create_tenant(new("one")).await;
        assert!(
            matches!(&again, Err(Error::SlugTaken { slug }) if slug == "one"),
            "{}: {again:?}",
            cells.kind
        );
        assert_eq!(cells.storage().tenants().await.expect(cells.kind).len(), 1);
    }
}
