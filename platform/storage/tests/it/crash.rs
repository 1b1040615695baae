//! Killed at any moment, a program keeps every write that it acknowledged.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use stoa_storage::{Storage, params};

use crate::support::{Place, SCHEMA, open_at, places, put};

const URL: &str = "STOA_TEST_CRASH_URL";
const FIRST: &str = "STOA_TEST_CRASH_FIRST";
const CHILD: &str = "crash::crash_child_writes_until_it_is_killed";
/// Writers of the child, so that commits hold several.
const AT_ONCE: i64 = 8;
const KILLS: i64 = 6;

#[expect(
    clippy::disallowed_methods,
    reason = "the child of this test is told where to write"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn acknowledge(storage: &Storage, first: i64) {
    let tenant = storage
        .tenant_by_slug("one")
        .await
        .expect("a read")
        .expect("the tenant");
    let db = storage.db(tenant.id).await.expect("a cell");
    let writers = (0..AT_ONCE).map(|writer| {
        let db = db.clone();
        async move {
            for step in 0..100_000 {
                let id = first + step * AT_ONCE + writer;
                put(&db, id, "mug", 1).await.expect("a commit");
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nacknowledged {id}").expect("a pipe");
                out.flush().expect("a pipe");
            }
        }
    });
    join_all(writers).await;
}

/// Does nothing unless the test below runs it.
#[tokio::test(flavor = "multi_thread")]
async fn crash_child_writes_until_it_is_killed() {
    let (Some(url), Some(first)) = (told(URL), told(FIRST)) else {
        return;
    };
    let storage = open_at(&url, 8, &[SCHEMA]).await.expect("storage");
    acknowledge(&storage, first.parse().expect("a number")).await;
}

/// Runs the child, kills it after `acknowledgements`, returns every number it acknowledged.
fn run_and_kill(place: &Place, first: i64, acknowledgements: usize) -> BTreeSet<i64> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([CHILD, "--exact", "--nocapture", "--test-threads=1"])
        .env(URL, &place.url)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut acknowledged = BTreeSet::new();
    let mut next = || {
        lines.by_ref().find_map(|line| {
            let line = line.ok()?;
            line.strip_prefix("acknowledged ")?.parse::<i64>().ok()
        })
    };
    while acknowledged.len() < acknowledgements {
        acknowledged.insert(next().expect("the child goes on until it is killed"));
    }
    child.kill().expect("SIGKILL");
    // What it had said before it died counts as well.
    while let Some(id) = next() {
        acknowledged.insert(id);
    }
    child.wait().expect("its end");
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_keeps_every_acknowledged_write() {
    const IDS: &str = "SELECT id FROM sample_item WHERE tenant_id = :tenant";
    let mut random = fastrand::Rng::with_seed(0x5704);
    for place in places().await {
        let storage = place.open().await;
        let tenant = place.tenant(&storage, "one").await;
        drop(storage);
        let mut expected = BTreeSet::new();
        for kill in 0..KILLS {
            let moment = random.usize(1..400);
            expected.extend(run_and_kill(&place, kill * 1_000_000, moment));
            let storage = place.open().await;
            let db = storage.db(tenant).await.expect(place.kind);
            let ids = db.fetch(IDS, params![], |row| row.get::<i64>(0)).await;
            let kept: BTreeSet<i64> = ids.expect(place.kind).into_iter().collect();
            let lost: Vec<_> = expected.difference(&kept).collect();
            assert!(
                lost.is_empty(),
                "{} after kill {kill} lost {lost:?}",
                place.kind
            );
            // What was written but not acknowledged is at most what was under way.
            let extra = kept.len() - expected.len();
            assert!(
                extra as i64 <= AT_ONCE * (kill + 1),
                "{}: {extra} extra",
                place.kind
            );
        }
    }
}
