//! Just enough HTTP/1.1 for a load generator: keep-alive, bodies by content-length. No proxies, no
//! chunks, no TLS.

use std::io::{Read, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    read: BytesMut,
}

/// One kept-alive connection of a thread of its own.
pub(crate) struct BlockingConnection {
    stream: std::net::TcpStream,
    read: BytesMut,
}

/// Where the parts of an answer lie in what was read.
struct Parsed {
    status: u16,
    head: usize,
    body: usize,
}

/// An answer, taken whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} with no JSON: {}", self.status, text()))
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: BytesMut::with_capacity(64 * 1024),
        })
    }

    /// Sends prepared bytes and reads one answer through, keeping none of it: its status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        let parsed = self.round_trip(request).await?;
        self.read.advance(parsed.head + parsed.body);
        Ok(parsed.status)
    }

    /// As [`Self::exchange`], keeping the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        let parsed = self.round_trip(request).await?;
        take(&mut self.read, &parsed)
    }

    async fn round_trip(&mut self, request: &[u8]) -> Result<Parsed> {
        self.stream.write_all(request).await?;
        loop {
            if let Some(parsed) = parse(&self.read)?
                && self.read.len() >= parsed.head + parsed.body
            {
                return Ok(parsed);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }
}

impl BlockingConnection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: BytesMut::with_capacity(64 * 1024),
        })
    }

    /// As [`Connection::exchange`].
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.ask(request)?.status)
    }

    /// As [`Connection::ask`].
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request)?;
        self.answer()
    }

    /// Sends a body as it is read, after a head that tells its length.
    pub(crate) fn upload(&mut self, head: &[u8], mut body: impl Read) -> Result<Answer> {
        self.stream.write_all(head)?;
        std::io::copy(&mut body, &mut self.stream)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(parsed) = parse(&self.read)?
                && self.read.len() >= parsed.head + parsed.body
            {
                return take(&mut self.read, &parsed);
            }
            match self.stream.read(&mut piece)? {
                0 => bail!("the server closed the connection"),
                read => self.read.extend_from_slice(&piece[..read]),
            }
        }
    }
}

/// Takes a whole answer from what was read.
fn take(read: &mut BytesMut, parsed: &Parsed) -> Result<Answer> {
    let head = std::str::from_utf8(&read[..parsed.head])?;
    let headers = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = read[parsed.head..parsed.head + parsed.body].to_vec();
    read.advance(parsed.head + parsed.body);
    Ok(Answer {
        status: parsed.status,
        headers,
        body,
    })
}

/// `None` until the whole head is there.
fn parse(read: &[u8]) -> Result<Option<Parsed>> {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        if read.len() > HEAD_BYTES_MAX {
            bail!("an answer's head has no end");
        }
        return Ok(None);
    };
    let head = &read[..end + 2];
    let status = head
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    let status = status
        .and_then(|digits| digits.parse().ok())
        .context("no status line")?;
    let body = match content_length(head) {
        Some(length) => length,
        None if status == 204 || status == 304 => 0,
        None => bail!(
            "an answer without content-length: {}",
            String::from_utf8_lossy(head)
        ),
    };
    Ok(Some(Parsed {
        status,
        head: end + 4,
        body,
    }))
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    std::str::from_utf8(&line[NAME.len()..])
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// A request's bytes; `headers` are lines without their ends.
pub(crate) fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[String],
    body: Option<&serde_json::Value>,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for header in headers {
        text += header;
        text += "\r\n";
    }
    match body {
        Some(body) => {
            let body = body.to_string();
            text += &format!(
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        None => text += "\r\n",
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_once_its_head_and_length_are_there() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        let parsed = parse(whole).expect("well formed").expect("whole");
        assert_eq!(
            (parsed.status, parsed.head, parsed.body),
            (202, whole.len() - 3, 3)
        );
        assert!(parse(&whole[..30]).expect("well formed").is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
