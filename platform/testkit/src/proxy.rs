//! A TCP proxy that misbehaves on purpose, one HTTP/1.1 exchange per connection. Knows nothing of
//! what it carries but where a request ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Far above what tests send.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The connection is cut before the server sees the request.
    CutBefore,
    /// The server does its work; its answer is lost.
    CutAfter,
    /// The server does its work; half of its answer arrives.
    CutWithin,
    /// The answer comes late.
    Delay(Duration),
    /// An error of the proxy's own; the server sees nothing.
    Error,
    /// The server does its work; the answer is an error of the proxy's own.
    ErrorAfter,
    /// The server gets the request twice; the second answer counts.
    Twice,
}

/// An exchange as it went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// `POST /v1/refunds`.
    pub request: String,
    pub fault: Fault,
}

/// Decides what happens to the `number`th exchange, from 0, by its method and path.
type Plan = dyn Fn(usize, &str) -> Fault + Send + Sync;

/// Stops with its last clone.
#[derive(Clone)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _running: Arc<Running>,
}

struct Shared {
    upstream: SocketAddr,
    plan: Mutex<Arc<Plan>>,
    seen: Mutex<Vec<Exchange>>,
}

struct Running(tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FaultProxy {
    /// Listens on a free port of loopback in front of `upstream`; nothing misbehaves yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            upstream,
            plan: Mutex::new(Arc::new(|_, _| Fault::None)),
            seen: Mutex::new(Vec::new()),
        });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = serving.clone();
                // A broken exchange is the point of this proxy, not an error of it.
                tokio::spawn(async move { drop(shared.carry(client).await) });
            }
        });
        Self {
            address,
            shared,
            _running: Arc::new(Running(task)),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From the next exchange on; numbers go on counting.
    pub fn misbehave(&self, plan: impl Fn(usize, &str) -> Fault + Send + Sync + 'static) {
        *self.shared.plan.lock() = Arc::new(plan);
    }

    /// Every exchange so far, in the order in which requests were complete.
    pub fn seen(&self) -> Vec<Exchange> {
        self.shared.seen.lock().clone()
    }
}

impl Shared {
    async fn carry(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = read_request(&mut client).await?;
        let name = first_line(&request);
        let fault = {
            let plan = self.plan.lock().clone();
            let mut seen = self.seen.lock();
            let fault = plan(seen.len(), &name);
            seen.push(Exchange {
                request: name,
                fault,
            });
            fault
        };
        const BROKEN: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\
                                Connection: close\r\n\r\n";
        let answer = match fault {
            Fault::CutBefore => return Ok(()),
            Fault::Error => BROKEN.to_vec(),
            Fault::Twice => {
                self.exchange(&request).await?;
                self.exchange(&request).await?
            }
            _ => self.exchange(&request).await?,
        };
        match fault {
            Fault::CutAfter => return Ok(()),
            Fault::CutWithin => return client.write_all(&answer[..answer.len() / 2]).await,
            Fault::ErrorAfter => client.write_all(BROKEN).await?,
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                client.write_all(&answer).await?;
            }
            _ => client.write_all(&answer).await?,
        }
        client.shutdown().await
    }

    /// One connection per exchange: the server's end of it is the end of the answer.
    async fn exchange(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.upstream).await?;
        server.write_all(request).await?;
        let mut answer = Vec::new();
        server
            .take(MESSAGE_BYTES_MAX as u64)
            .read_to_end(&mut answer)
            .await?;
        Ok(answer)
    }
}

/// The whole request, told to close its connection when it is done.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(client, &mut bytes).await?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let header = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |value| value.parse().unwrap_or(0));
    while bytes.len() < head + length {
        more(client, &mut bytes).await?;
    }
    let mut request = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if !line.to_ascii_lowercase().starts_with("connection:") {
            request.push_str(line);
            request.push_str("\r\n");
        }
    }
    request.push_str("Connection: close\r\n\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(&bytes[head..]);
    Ok(request)
}

async fn more(client: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let read = client.read_buf(bytes).await?;
    if read == 0 || bytes.len() > MESSAGE_BYTES_MAX {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn first_line(request: &[u8]) -> String {
    let line = request.split(|&byte| byte == b'\r').next().unwrap_or(&[]);
    let line = String::from_utf8_lossy(line);
    line.rsplit_once(' ')
        .map_or(line.to_string(), |(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers every request with how many it has had.
    async fn counting_server() -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let Ok(_) = read_request(&mut client).await else {
                    continue;
                };
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
                let _ = client.write_all(answer.as_bytes()).await;
            }
        });
        (address, count)
    }

    async fn ask(proxy: &FaultProxy, path: &str) -> String {
        let mut client = TcpStream::connect(proxy.address)
            .await
            .expect("a connection");
        let request = format!("POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
        client.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn each_fault_does_what_it_says_to_the_server_and_to_the_client() {
        let (upstream, count) = counting_server().await;
        let proxy = FaultProxy::start(upstream).await;
        let faults = [
            Fault::None,
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::Error,
            Fault::ErrorAfter,
            Fault::Twice,
        ];
        proxy.misbehave(move |number, _| faults[number]);
        let mut answers = Vec::new();
        for _ in faults {
            let answer = ask(&proxy, "/v1/x").await;
            let status = answer.split(' ').nth(1).unwrap_or("cut").to_owned();
            answers.push((status, count.load(Ordering::SeqCst)));
        }
        let expected = [
            ("200", 1),
            ("cut", 1),
            ("cut", 2),
            ("500", 2),
            ("500", 3),
            ("200", 5),
        ];
        assert_eq!(
            answers,
            expected.map(|(status, count)| (status.to_owned(), count))
        );
        assert_eq!(proxy.seen()[5].request, "POST /v1/x");
    }

    #[tokio::test]
    async fn half_an_answer_is_no_answer() {
        let (upstream, _) = counting_server().await;
        let proxy = FaultProxy::start(upstream).await;
        proxy.misbehave(|_, _| Fault::CutWithin);
        let answer = ask(&proxy, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.ends_with('1'), "{answer}");
    }
}
