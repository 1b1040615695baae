//! Those who come to wear a shop down: crowds that hold connections open, and messages that cost more
//! than they weigh. A good client beside them gets every answer, right and in time; how fast it is
//! beside them says `bench hostile`.

mod bombs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use stoa_testkit::{Crowd, allow_files};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Backend, Shopper, Stoa, eventually};

/// How often a good client asks.
const EVERY: Duration = Duration::from_millis(10);
/// Each of so many has come just now: over a connection of its own.
const NEWCOMER_EACH: u32 = 10;
/// What any answer may take from when it was due. A slow and busy machine keeps to it; who is starved
/// does not: a place that a slow head holds is free after twice as long.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A client that asks for a product at a steady rate, whatever becomes of its earlier questions.
struct Good {
    client: reqwest::Client,
    url: String,
    /// The product as it was when nobody else was there.
    known: Vec<u8>,
}

impl Good {
    async fn of(stoa: &Stoa) -> Self {
        let shopper = Shopper::new(&stoa.url(), "demo");
        let (_, list) = shopper.get("/api/v1/products?limit=1").await;
        let handle = list["data"][0]["handle"].as_str().expect("a handle");
        let mut good = Self {
            client: reqwest::Client::new(),
            url: format!("{}/api/v1/products/{handle}", stoa.url()),
            known: Vec::new(),
        };
        // The demo shop's first events may still change it.
        good.known = eventually("the product to stay as it is", async || {
            const LOOKS: u32 = 50;
            let first = good.answer(&good.client).await;
            for _ in 1..LOOKS {
                tokio::time::sleep(EVERY).await;
                if good.answer(&good.client).await != first {
                    return None;
                }
            }
            Some(first)
        })
        .await;
        good
    }

    async fn answer(&self, client: &reqwest::Client) -> Vec<u8> {
        let request = client.get(&self.url).header("stoa-tenant", "demo");
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.expect("a whole answer").into()
    }

    /// Asks so many times; every single answer is right and in time.
    async fn ask(self: &Arc<Self>, times: u32) {
        let began = tokio::time::Instant::now();
        let asked: Vec<_> = (0..times)
            .map(|number| {
                let good = Arc::clone(self);
                let due = began + EVERY * number;
                tokio::spawn(async move {
                    tokio::time::sleep_until(due).await;
                    let client = match number % NEWCOMER_EACH {
                        0 => reqwest::Client::new(),
                        _ => good.client.clone(),
                    };
                    let answer = tokio::time::timeout_at(due + ANSWER_MAX, good.answer(&client));
                    let answer = answer.await;
                    let answer = answer.unwrap_or_else(|_| {
                        panic!("question {number} was not answered within {ANSWER_MAX:?}")
                    });
                    assert!(answer == good.known, "question {number}: another product");
                })
            })
            .collect();
        for one in asked {
            one.await.expect("every answer is right and in time");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_slow_heads_keep_no_answer_from_the_good_client() {
    const PEOPLE: usize = 5_000;
    const BYTES_EACH_MAX: u64 = 48 * 1024;
    /// Longer than a head's time: many of the crowd are cut and come again meanwhile.
    const ASKED: u32 = 1_200;
    const LOOK_EVERY: Duration = Duration::from_millis(500);
    allow_files(PEOPLE as u64 + 1_000);
    let stoa = Stoa::start(&Backend::Sqlite, &[], &[("STOA_LOG", "warn")]).await;
    let good = Arc::new(Good::of(&stoa).await);
    good.ask(100).await;
    let (before, own_files) = (stoa.memory("VmRSS"), open_files(&stoa));
    // Connections that wait at the door are not yet there.
    let inside = || open_files(&stoa).saturating_sub(own_files);
    let crowd = Crowd::come(stoa.address.expect("it serves"), PEOPLE);
    eventually("the crowd to be there", async || {
        (inside() >= PEOPLE - PEOPLE / 10).then_some(())
    })
    .await;
    let asks = Arc::clone(&good);
    let asking = tokio::spawn(async move { asks.ask(ASKED).await });
    let (mut there, mut most) = (Vec::new(), 0);
    while !asking.is_finished() {
        there.push(inside());
        most = most.max(stoa.memory("VmRSS"));
        tokio::time::sleep(LOOK_EVERY).await;
    }
    asking.await.expect("every answer is right and in time");
    assert!(crowd.thrown_out() > 0, "no head's time was over");
    // While many are cut at once, there may be fewer for a moment.
    there.sort_unstable();
    assert!(there[there.len() / 2] >= PEOPLE / 2, "{there:?} were there");
    let each = most.saturating_sub(before) / PEOPLE as u64;
    assert!(each <= BYTES_EACH_MAX, "{each} bytes for each connection");
}

fn open_files(stoa: &Stoa) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", stoa.pid()));
    files.expect("it runs").count()
}

/// The documented time of a head, `docs/settings.md`.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// What a busy machine may add.
const LATE_MAX: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_cut_when_its_time_is_over() {
    const PEOPLE: usize = 50;
    let stoa = Stoa::start(&Backend::Sqlite, &[], &[("STOA_LOG", "warn")]).await;
    let address = stoa.address.expect("it serves");
    let lives = (0..PEOPLE).map(|number| async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let began = Instant::now();
        let mut byte = [0];
        // Some say nothing at all.
        let mut head: &[u8] = match number % 2 {
            0 => {
                b"GET / HTTP/1.1\r\nHost: demo.localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            }
            _ => b"",
        };
        loop {
            let closed = tokio::time::timeout(HEAD_TIME / 20, stream.read(&mut byte)).await;
            if closed.is_ok() {
                return began.elapsed();
            }
            if let Some((first, rest)) = head.split_first() {
                head = rest;
                let _ = stream.write_all(&[*first]).await;
            }
            assert!(began.elapsed() < HEAD_TIME + LATE_MAX, "it is never cut");
        }
    });
    for life in futures_util::future::join_all(lives).await {
        assert!(life >= HEAD_TIME && life < HEAD_TIME + LATE_MAX, "{life:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_all_places_makes_room_for_who_asks() {
    const PEOPLE: usize = 900;
    const NEWCOMERS: usize = 20;
    /// For those before it in the line, and a machine that is slow.
    const WAIT_MAX: Duration = Duration::from_secs(6);
    allow_files(3_000);
    // As few files as leave room for a hundred and fifty connections.
    let launcher = ["sh", "-c", "ulimit -n 300 && exec \"$0\" \"$@\""];
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let environment = [("STOA_LOG", "warn")];
    let stoa = Stoa::start_in(&Backend::Sqlite, folder, &launcher, &[], &environment).await;
    assert!(stoa.said().contains("fewer connections"), "{}", stoa.said());
    let good = Good::of(&stoa).await;
    let crowd = Crowd::come(stoa.address.expect("it serves"), PEOPLE);
    eventually("the crowd to be thrown out", async || {
        (crowd.thrown_out() > PEOPLE).then_some(())
    })
    .await;
    let busy = processor_time(stoa.pid());
    let began = Instant::now();
    for _ in 0..NEWCOMERS {
        // A connection of its own, which must find a place.
        let newcomer = reqwest::Client::new();
        let answer = tokio::time::timeout(WAIT_MAX, good.answer(&newcomer)).await;
        assert!(answer.expect("a place for who asks") == good.known);
    }
    let (busy, passed) = (processor_time(stoa.pid()) - busy, began.elapsed());
    // Neither no file nor no place is a reason to run in circles.
    assert!(
        busy < passed * 3 / 4 + Duration::from_secs(1),
        "{busy:?} of {passed:?}"
    );
    assert!(open_files(&stoa) <= 300);
}

/// Of all threads of a process, in user and kernel.
fn processor_time(pid: u32) -> Duration {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(") ").expect("a name in brackets");
    let mut fields = rest.split(' ').skip(11);
    let mut ticks = || -> u64 { fields.next().expect("a field").parse().expect("a number") };
    let all = ticks() + ticks();
    Duration::from_millis(all * 1_000 / TICKS_PER_SECOND)
}
