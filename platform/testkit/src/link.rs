//! A TCP link that can be lost, slow or silent, whatever runs over it. Knows no protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK_BYTES: usize = 16 * 1024;

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    None,
    /// Open connections are cut, and new ones are cut at once.
    Cut,
    /// Connections stay, and carry nothing until the link is well again.
    Silent,
    /// What comes back comes so much later.
    Slow(Duration),
}

/// Stops with its last clone.
#[derive(Clone)]
pub struct FaultyLink {
    address: SocketAddr,
    fault: Arc<watch::Sender<LinkFault>>,
    _running: Arc<Running>,
}

struct Running(tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FaultyLink {
    /// Listens on a free port of loopback in front of `upstream`; nothing is wrong yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket");
        let (fault, seen) = watch::channel(LinkFault::None);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, upstream, seen.clone()));
            }
        });
        Self {
            address,
            fault: Arc::new(fault),
            _running: Arc::new(Running(task)),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, also for connections that are open.
    pub fn set(&self, fault: LinkFault) {
        self.fault.send_replace(fault);
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, fault: watch::Receiver<LinkFault>) {
    if *fault.borrow() == LinkFault::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = fault.clone();
    // The first of them to end ends the connection.
    tokio::select! {
        () = pump(from_client, to_server, fault.clone(), false) => {}
        () = pump(from_server, to_client, fault, true) => {}
        _ = cut.wait_for(|fault| *fault == LinkFault::Cut) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut fault: watch::Receiver<LinkFault>,
    may_be_slow: bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if fault
            .wait_for(|fault| *fault != LinkFault::Silent)
            .await
            .is_err()
        {
            return;
        }
        let slow = match *fault.borrow() {
            LinkFault::Slow(time) if may_be_slow => Some(time),
            _ => None,
        };
        if let Some(time) = slow {
            tokio::time::sleep(time).await;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_link_is_silent_then_well_then_cut() {
        let link = FaultyLink::start(echo_server().await).await;
        let mut stream = TcpStream::connect(link.address())
            .await
            .expect("a connection");
        assert_eq!(ask(&mut stream).await.expect("an echo"), b'x');
        link.set(LinkFault::Silent);
        let silent = tokio::time::timeout(Duration::from_millis(50), ask(&mut stream)).await;
        assert!(silent.is_err());
        link.set(LinkFault::None);
        assert_eq!(stream.read_u8().await.expect("what was held back"), b'x');
        link.set(LinkFault::Cut);
        assert!(ask(&mut stream).await.is_err());
        let mut late = TcpStream::connect(link.address())
            .await
            .expect("the listener");
        assert!(ask(&mut late).await.is_err());
    }
}
