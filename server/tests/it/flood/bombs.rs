//! Messages that cost more than they weigh: heads, bodies, archives and pictures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Good;
use crate::support::{Backend, Merchant, Stoa, archive, gif_of_frames, hollow_png};

const MIB: usize = 1 << 20;
/// What all of it together may add to the process at its most.
const GROWTH_MAX: u64 = 192 * MIB as u64;
/// Bombs on their way at once.
const TOGETHER: usize = 4;

/// What is sent, and what comes back.
struct Bomb {
    name: &'static str,
    kind: Kind,
    status: u16,
    code: &'static str,
}

enum Kind {
    /// As it goes over the wire; the connection may be cut while it is sent.
    Raw(Vec<u8>),
    /// A body that never ends.
    Endless,
    Upload {
        path: &'static str,
        headers: Vec<(&'static str, &'static str)>,
        body: Vec<u8>,
    },
}

fn bombs() -> Vec<Bomb> {
    let mut all = heads();
    all.extend(bodies());
    all.extend(files());
    all
}

const fn bomb(name: &'static str, kind: Kind, status: u16, code: &'static str) -> Bomb {
    Bomb {
        name,
        kind,
        status,
        code,
    }
}

fn heads() -> Vec<Bomb> {
    let head = |extra: &str| {
        let line = "GET /api/v1/products HTTP/1.1\r\nHost: demo.localhost";
        Kind::Raw(format!("{line}\r\n{extra}\r\n").into_bytes())
    };
    let many: String = (0..10_000)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let long = format!("x: {}\r\n", "y".repeat(4 * MIB));
    let address = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(60_000));
    let address = Kind::Raw(address.into_bytes());
    vec![
        bomb("many headers", head(&many), 431, ""),
        bomb("a long header", head(&long), 431, ""),
        bomb("a long address", address, 414, "uri_too_long"),
    ]
}

fn bodies() -> Vec<Bomb> {
    let declared = "POST /api/v1/gift-cards/balance HTTP/1.1\r\nHost: demo.localhost\r\n\
                    Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n";
    let declared = Kind::Raw(declared.into());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b' '; 8 * MIB]).expect("memory");
    let gzip = Kind::Upload {
        path: "/api/v1/gift-cards/balance",
        headers: vec![
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        body: gzip.finish().expect("memory"),
    };
    let too_large = "payload_too_large";
    vec![
        bomb("a body said to be huge", declared, 413, too_large),
        bomb("an endless body", Kind::Endless, 413, too_large),
        // Nothing is ever unpacked.
        bomb("a packed body", gzip, 400, "malformed_json"),
    ]
}

fn files() -> Vec<Bomb> {
    let upload = |path, kind, body| Kind::Upload {
        path,
        headers: vec![("content-type", kind)],
        body,
    };
    let (themes, media) = ("/api/v1/admin/themes", "/api/v1/admin/media");
    let zip = archive(&[
        ("theme.toml", b"name = \"Bomb\"\nversion = \"1\"\n"),
        ("assets/zeros.txt", &vec![0; 32 * MIB]),
    ]);
    let zip = upload(themes, "application/zip", zip);
    let wide = upload(media, "image/png", hollow_png(60_000, 60_000));
    let long = upload(media, "image/gif", gif_of_frames(100_000));
    let too_many = "media_too_many_pixels";
    vec![
        bomb("an archive", zip, 422, "theme_refused"),
        bomb("a picture", wide, 422, too_many),
        bomb("a moving picture", long, 422, too_many),
    ]
}

struct Thrower {
    address: SocketAddr,
    merchant: Merchant,
}

impl Thrower {
    /// The status and the text that came back; nothing where the connection was cut before.
    async fn throw(&self, kind: &Kind) -> Option<(u16, String)> {
        match kind {
            Kind::Raw(bytes) => {
                let mut stream = TcpStream::connect(self.address).await.ok()?;
                let _ = stream.write_all(bytes).await;
                read(stream).await
            }
            Kind::Endless => self.pour().await,
            Kind::Upload {
                path,
                headers,
                body,
            } => {
                let mut request = self.merchant.request(Method::POST, path);
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response = request.body(body.clone()).send().await.ok()?;
                let status = response.status().as_u16();
                Some((status, response.text().await.unwrap_or_default()))
            }
        }
    }

    async fn pour(&self) -> Option<(u16, String)> {
        const POURED_MAX: usize = 64 * MIB;
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let head = "POST /api/v1/gift-cards/balance HTTP/1.1\r\nHost: demo.localhost\r\n\
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut chunk = format!("{:x}\r\n", 64 * 1024).into_bytes();
        chunk.extend(vec![b' '; 64 * 1024]);
        chunk.extend(b"\r\n");
        let mut poured = 0;
        while stream.write_all(&chunk).await.is_ok() {
            poured += chunk.len();
            assert!(poured < POURED_MAX, "it takes whatever comes");
        }
        read(stream).await
    }
}

async fn read(mut stream: TcpStream) -> Option<(u16, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    // What was said stays readable up to where the connection was cut.
    while let Ok(Ok(read @ 1..)) =
        tokio::time::timeout(super::LATE_MAX, stream.read(&mut piece)).await
    {
        bytes.extend_from_slice(&piece[..read]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text))
}

impl Bomb {
    /// Panics where it was answered otherwise than bombs of its kind are.
    fn is_refused(&self, answer: Option<(u16, String)>) {
        if answer.is_none() && matches!(self.kind, Kind::Raw(_) | Kind::Endless) {
            // Whoever goes on sending may not read why.
            return;
        }
        let (status, text) = answer.unwrap_or_else(|| panic!("no answer to {}", self.name));
        assert_eq!(status, self.status, "{}: {text}", self.name);
        assert!(text.contains(self.code), "{}: {text}", self.name);
    }
}

/// Throws one after the other until it is told to stop.
async fn throw_on(
    thrower: Arc<Thrower>,
    bombs: Arc<Vec<Bomb>>,
    first: usize,
    stop: Arc<AtomicBool>,
    thrown: Arc<AtomicUsize>,
) {
    let mut turns = bombs.iter().cycle().skip(first);
    while !stop.load(Ordering::Relaxed) {
        let bomb = turns.next().expect("they go round");
        bomb.is_refused(thrower.throw(&bomb.kind).await);
        thrown.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_and_keep_no_answer_from_the_good_client() {
    const ASKED: u32 = 300;
    /// So often each bomb is thrown while the good client asks; on a slow machine it asks longer.
    const TIMES_EACH: usize = 4;
    const ROUNDS_MAX: usize = 20;
    let stoa = Stoa::start(&Backend::Sqlite, &[], &[("STOA_LOG", "error")]).await;
    let thrower = Arc::new(Thrower {
        address: stoa.address.expect("it serves"),
        merchant: Merchant::new(&stoa.url(), "demo", &stoa.key("sk_")),
    });
    let bombs = Arc::new(bombs());
    let good = Arc::new(Good::of(&stoa).await);
    good.ask(100).await;
    let before = stoa.memory("VmHWM");
    for bomb in bombs.iter() {
        bomb.is_refused(thrower.throw(&bomb.kind).await);
    }
    let thrown = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let throwing: Vec<_> = (0..TOGETHER)
        .map(|number| {
            let (thrower, bombs) = (Arc::clone(&thrower), Arc::clone(&bombs));
            let (stop, thrown) = (Arc::clone(&stop), Arc::clone(&thrown));
            tokio::spawn(throw_on(thrower, bombs, number * 2, stop, thrown))
        })
        .collect();
    let wanted = bombs.len() * TIMES_EACH;
    for _ in 0..ROUNDS_MAX {
        good.ask(ASKED).await;
        if thrown.load(Ordering::Relaxed) >= wanted {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for one in throwing {
        one.await.expect("each bomb is refused");
    }
    let thrown = thrown.load(Ordering::Relaxed);
    assert!(thrown >= wanted, "only {thrown} were thrown");
    let growth = stoa.memory("VmHWM").saturating_sub(before);
    assert!(growth <= GROWTH_MAX, "{growth} bytes more");
}
