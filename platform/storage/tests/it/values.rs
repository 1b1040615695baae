//! Values, constraints and order are the same on both databases.

use stoa_kernel::ProductId;
use stoa_storage::{ConstraintKind, Db, Error, Tx, Value, params};

use crate::support::{INSERT, SCHEMA, create_tenant, everywhere, open_at, put, raw_client};

const PART: &str = "INSERT INTO sample_part (tenant_id, id, item, label, raw, reference, number) \
                    VALUES (:tenant, $1, $2, $3, $4, $5, $6)";
const PARTS: &str = "SELECT label, raw, reference, number FROM sample_part \
                     WHERE tenant_id = :tenant ORDER BY id";
const LABELS: &str = "SELECT label FROM sample_part WHERE tenant_id = :tenant ORDER BY label";

async fn refusal(db: &Db, sql: &'static str, id: i64, value: Option<i64>) -> ConstraintKind {
    let outcome = db
        .write(async move |tx: &mut Tx<'_>| tx.execute(sql, params![id, value]).await)
        .await;
    match outcome {
        Err(Error::Constraint { kind, message }) => {
            assert!(!message.is_empty());
            kind
        }
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_are_told_apart_alike() {
    const ITEM: &str =
        "INSERT INTO sample_item (tenant_id, id, name, units) VALUES (:tenant, $1, 'mug', $2)";
    const OF_NO_ITEM: &str =
        "INSERT INTO sample_part (tenant_id, id, item) VALUES (:tenant, $1, $2)";
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        put(&db, 1, "mug", 1).await.expect(cells.kind);
        let kinds = [
            refusal(&db, ITEM, 1, Some(1)).await,
            refusal(&db, ITEM, 2, Some(-1)).await,
            refusal(&db, ITEM, 2, None).await,
            refusal(&db, OF_NO_ITEM, 1, Some(99)).await,
        ];
        let expected = [
            ConstraintKind::Unique,
            ConstraintKind::Check,
            ConstraintKind::NotNull,
            ConstraintKind::ForeignKey,
        ];
        assert_eq!(kinds, expected, "{}", cells.kind);
    }
}

type Part = (
    Option<String>,
    Option<Vec<u8>>,
    Option<ProductId>,
    Option<i64>,
);

#[tokio::test(flavor = "multi_thread")]
async fn every_value_comes_back_as_it_went_in() {
    let million = "€uro".repeat(1 << 18);
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let parts: Vec<Part> = vec![
        (None, None, None, None),
        (
            Some(String::new()),
            Some(Vec::new()),
            Some(ProductId::from_u128(0)),
            Some(0),
        ),
        (
            Some("Größe 漢字 🏺 \u{202e} 'quoted' \"twice\" \\ \t\r\n $1 :tenant".to_owned()),
            Some(bytes.clone()),
            Some(ProductId::from_u128(u128::MAX)),
            Some(i64::MIN),
        ),
        (
            Some(million),
            Some(bytes.repeat(1 << 12)),
            Some(ProductId::from_parts(1_700_000_000_000, 42)),
            Some(i64::MAX),
        ),
    ];
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let input = parts.clone();
        db.write(async move |tx: &mut Tx<'_>| {
            for (id, (label, raw, reference, number)) in input.iter().enumerate() {
                let raw = raw.as_deref().map_or(Value::Null, Value::Bytes);
                let values = params![id as i64, None::<i64>, label, raw, *reference, *number];
                tx.execute(PART, values).await?;
            }
            Ok::<_, Error>(())
        })
        .await
        .expect(cells.kind);
        let back = db
            .fetch(PARTS, params![], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .await
            .expect(cells.kind);
        assert!(back == parts, "{}: a value changed on the way", cells.kind);
    }
}

const WORDS: [&str; 14] = [
    "Zebra", "apple", "Ärger", "äpfel", "", "_x", "a b", "ab", "10", "9", "~", "😀", "\u{ffff}",
    "é",
];

async fn sorted_labels(db: &Db) -> (Vec<String>, Vec<String>) {
    const BELOW: &str = "SELECT label FROM sample_part \
                         WHERE tenant_id = :tenant AND label < $1 ORDER BY label";
    db.write(async |tx: &mut Tx<'_>| {
        for (id, word) in WORDS.iter().enumerate() {
            let values = params![id as i64, None::<i64>, *word, Value::Null, Value::Null, 0];
            tx.execute(PART, values).await?;
        }
        Ok::<_, Error>(())
    })
    .await
    .expect("inserts");
    let all = db.fetch(LABELS, params![], |row| row.get(0)).await;
    let below = db.fetch(BELOW, params!["a"], |row| row.get(0)).await;
    (all.expect("labels"), below.expect("labels"))
}

fn bytewise() -> (Vec<String>, Vec<String>) {
    let mut all: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    all.sort_unstable();
    let below = all
        .iter()
        .filter(|word| word.as_str() < "a")
        .cloned()
        .collect();
    (all, below)
}

#[tokio::test(flavor = "multi_thread")]
async fn text_sorts_and_compares_bytewise() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        assert_eq!(sorted_labels(&db).await, bytewise(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_sorts_bytewise_in_a_database_that_sorts_by_language() {
    let Some(server) = stoa_testkit::postgres_server() else {
        return;
    };
    let plain = stoa_testkit::fresh_database(&server).await;
    let mut url = url::Url::parse(&plain).expect("a URL");
    let name = format!("{}_icu", url.path().trim_matches('/'));
    let sql = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu \
         ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    raw_client(&plain)
        .await
        .batch_execute(&sql)
        .await
        .expect("a database");
    url.set_path(&name);
    let client = raw_client(url.as_str()).await;
    let by_language = client.query_one("SELECT 'apple' < 'Zebra'", &[]).await;
    assert!(by_language.expect("an answer").get::<_, bool>(0));
    for isolation in stoa_storage::Isolation::ALL {
        let storage = open_at(url.as_str(), 4, &[SCHEMA]).await.expect("storage");
        let tenant = create_tenant(&storage, isolation.as_str(), isolation).await;
        let db = storage.db(tenant).await.expect("its cell");
        assert_eq!(sorted_labels(&db).await, bytewise(), "{isolation:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_with_a_zero_byte_is_refused() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        let outcome = put(&db, 1, "mug\0cup", 1).await;
        assert!(
            matches!(outcome, Err(Error::Statement { .. })),
            "{}: {outcome:?}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_takes_exactly_its_parameters() {
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        for values in [
            &[Value::Int(1), Value::Text("mug")] as &'static [Value<'static>],
            &[
                Value::Int(1),
                Value::Text("mug"),
                Value::Int(1),
                Value::Int(1),
            ],
        ] {
            let outcome = db
                .write(async move |tx: &mut Tx<'_>| tx.execute(INSERT, values).await)
                .await;
            assert!(
                matches!(outcome, Err(Error::Statement { .. })),
                "{}: {outcome:?}",
                cells.kind
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_another_type_is_named() {
    const SQL: &str = "SELECT name, note FROM sample_item WHERE tenant_id = :tenant";
    for cells in everywhere().await {
        let db = cells.db(cells.tenant("one").await).await;
        put(&db, 1, "mug", 1).await.expect(cells.kind);
        let text = db.fetch(SQL, params![], |row| row.get::<i64>(0)).await;
        assert!(
            matches!(&text, Err(Error::Column { index: 0, wanted: "i64", found }) if found == "Text(\"mug\")"),
            "{}: {text:?}",
            cells.kind
        );
        let null = db.fetch(SQL, params![], |row| row.get::<String>(1)).await;
        assert!(
            matches!(&null, Err(Error::Column { index: 1, found, .. }) if found == "Null"),
            "{}: {null:?}",
            cells.kind
        );
        let beyond = db.fetch(SQL, params![], |row| row.get::<i64>(2)).await;
        assert!(
            matches!(beyond, Err(Error::Column { index: 2, .. })),
            "{}: {beyond:?}",
            cells.kind
        );
    }
}
