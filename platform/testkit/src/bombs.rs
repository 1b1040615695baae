//! Messages that cost more than they weigh: heads, bodies, archives and pictures; and how each of them
//! is refused.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::files::{archive, gif_of_frames, hollow_png};

const MIB: usize = 1 << 20;
/// Of a body without end; whoever takes more takes whatever comes.
const POURED_MAX: usize = 64 * MIB;
const PIECE_BYTES: usize = 64 * 1024;
/// How long nothing may come back.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What is sent, and what comes back.
pub struct Bomb {
    name: &'static str,
    message: Message,
    status: u16,
    code: &'static str,
}

enum Message {
    /// As it goes over the wire; it is read whole, and always answered.
    Whole(Vec<u8>),
    /// The connection may be cut while it is sent, and the answer be lost.
    Cut(Vec<u8>),
    /// A body follows that never ends.
    Endless(Vec<u8>),
}

/// One of each kind, for the demo shop with this secret key.
pub fn bombs(secret_key: &str) -> Vec<Bomb> {
    let mut all = heads();
    all.extend(bodies());
    all.extend(files(secret_key));
    all
}

const fn bomb(name: &'static str, message: Message, status: u16, code: &'static str) -> Bomb {
    Bomb {
        name,
        message,
        status,
        code,
    }
}

fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n{headers}\r\n")
        .into_bytes()
}

fn posted(path: &str, headers: &str, body: &[u8]) -> Message {
    let length = body.len();
    let headers = format!("{headers}Content-Length: {length}\r\n");
    let mut message = head(&format!("POST {path}"), &headers);
    message.extend(body);
    Message::Whole(message)
}

fn heads() -> Vec<Bomb> {
    const PRODUCTS: &str = "GET /api/v1/products";
    let many: String = (0..10_000)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let long = format!("x: {}\r\n", "y".repeat(4 * MIB));
    let address = format!("GET /{}", "y".repeat(60_000));
    let cut = Message::Cut;
    vec![
        bomb("many headers", cut(head(PRODUCTS, &many)), 431, ""),
        bomb("a long header", cut(head(PRODUCTS, &long)), 431, ""),
        bomb(
            "a long address",
            cut(head(&address, "")),
            414,
            "uri_too_long",
        ),
    ]
}

fn bodies() -> Vec<Bomb> {
    const BALANCE: &str = "/api/v1/gift-cards/balance";
    const JSON: &str = "Content-Type: application/json\r\n";
    let line = format!("POST {BALANCE}");
    let declared = head(&line, &format!("{JSON}Content-Length: 10000000000\r\n"));
    let endless = head(&line, &format!("{JSON}Transfer-Encoding: chunked\r\n"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b' '; 8 * MIB]).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let packed = posted(BALANCE, &format!("{JSON}Content-Encoding: gzip\r\n"), &gzip);
    let too_large = "payload_too_large";
    vec![
        bomb(
            "a body said to be huge",
            Message::Cut(declared),
            413,
            too_large,
        ),
        bomb("an endless body", Message::Endless(endless), 413, too_large),
        // Nothing is ever unpacked.
        bomb("a packed body", packed, 400, "malformed_json"),
    ]
}

fn files(secret_key: &str) -> Vec<Bomb> {
    let upload = |path, kind: &str, body: &[u8]| {
        let key = format!("Authorization: Bearer {secret_key}\r\n");
        posted(path, &format!("{key}Content-Type: {kind}\r\n"), body)
    };
    let (themes, media) = ("/api/v1/admin/themes", "/api/v1/admin/media");
    let zip = archive(&[
        ("theme.toml", b"name = \"Bomb\"\nversion = \"1\"\n"),
        ("assets/zeros.txt", &vec![0; 32 * MIB]),
    ]);
    let zip = upload(themes, "application/zip", &zip);
    let wide = upload(media, "image/png", &hollow_png(60_000, 60_000));
    let long = upload(media, "image/gif", &gif_of_frames(100_000));
    let too_many = "media_too_many_pixels";
    vec![
        bomb("an archive", zip, 422, "theme_refused"),
        bomb("a picture", wide, 422, too_many),
        bomb("a moving picture", long, 422, too_many),
    ]
}

impl Bomb {
    /// Over a connection of its own.
    ///
    /// # Panics
    /// Where it is not refused as bombs of its kind are.
    pub async fn throw(&self, address: SocketAddr) {
        let Some(answer) = self.answer(address).await else {
            // Whoever goes on sending may not read why.
            let name = self.name;
            assert!(!self.is_always_answered(), "no answer to {name}");
            return;
        };
        let (name, status) = (self.name, format!("HTTP/1.1 {} ", self.status));
        assert!(answer.starts_with(&status), "{name}: {answer}");
        assert!(answer.contains(self.code), "{name}: {answer}");
    }

    const fn is_always_answered(&self) -> bool {
        matches!(self.message, Message::Whole(_))
    }

    /// Nothing where the connection was cut before.
    async fn answer(&self, address: SocketAddr) -> Option<String> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        match &self.message {
            Message::Whole(bytes) | Message::Cut(bytes) => {
                let _ = stream.write_all(bytes).await;
            }
            Message::Endless(head) => {
                stream.write_all(head).await.ok()?;
                pour(&mut stream).await;
            }
        }
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        // What was said stays readable up to where the connection was cut.
        loop {
            let read = tokio::time::timeout(SILENCE_MAX, stream.read(&mut piece)).await;
            match read.unwrap_or_else(|_| panic!("{}: it is silent", self.name)) {
                Ok(read @ 1..) => answer.extend_from_slice(&piece[..read]),
                _ => break,
            }
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (!answer.is_empty()).then_some(answer)
    }
}

async fn pour(stream: &mut TcpStream) {
    let mut piece = format!("{PIECE_BYTES:x}\r\n").into_bytes();
    piece.extend([b' '; PIECE_BYTES]);
    piece.extend(b"\r\n");
    let mut poured = 0;
    while stream.write_all(&piece).await.is_ok() {
        poured += piece.len();
        assert!(poured < POURED_MAX, "it takes whatever comes");
    }
}
