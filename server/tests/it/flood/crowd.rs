//! A crowd that opens connections, sends heads byte by byte, and comes back when it is thrown out.
//! On a thread of its own, so that it takes no turn from the good client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::Instant;

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: demo.localhost\r\nX-Slow: ";
/// Connections opened at once.
const TOGETHER: usize = 100;
/// Each connection gets a byte once in so many turns.
const TURNS: usize = 10;
const TURN: Duration = Duration::from_millis(100);

pub(super) struct Crowd {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    open: AtomicUsize,
    thrown_out: AtomicUsize,
    stop: AtomicBool,
}

impl Crowd {
    pub(super) fn come(address: SocketAddr, people: usize) -> Self {
        let state: Arc<State> = Arc::default();
        let its = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(its.press(address, people));
        });
        Self {
            state,
            thread: Some(thread),
        }
    }

    /// Connections that are open as far as the crowd knows.
    pub(super) fn open(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }

    pub(super) fn thrown_out(&self) -> usize {
        self.state.thrown_out.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the crowd did not panic");
        }
    }
}

impl State {
    async fn press(&self, address: SocketAddr, people: usize) {
        let mut streams: Vec<TcpStream> = Vec::new();
        let mut turn = 0;
        let mut next_turn = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let missing = (people - streams.len()).min(TOGETHER);
            if missing > 0 {
                let opening = join_all((0..missing).map(|_| open(address)));
                streams.extend(opening.await.into_iter().flatten());
            }
            if streams.len() == people {
                tokio::time::sleep_until(next_turn).await;
            }
            if Instant::now() >= next_turn {
                self.drip(&mut streams, turn);
                next_turn += TURN;
                turn += 1;
            }
            self.open.store(streams.len(), Ordering::Relaxed);
        }
    }

    /// A byte for each whose turn it is; who is gone is counted.
    fn drip(&self, streams: &mut Vec<TcpStream>, turn: usize) {
        let mut number = 0;
        let before = streams.len();
        streams.retain(|stream| {
            number += 1;
            if number % TURNS != turn % TURNS {
                return true;
            }
            match stream.try_write(b"a") {
                Ok(_) => true,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            }
        });
        let gone = before - streams.len();
        self.thrown_out.fetch_add(gone, Ordering::Relaxed);
    }
}

async fn open(address: SocketAddr) -> Option<TcpStream> {
    let opened = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address));
    let stream = opened.await.ok()?.ok()?;
    stream.try_write(HEAD).ok()?;
    Some(stream)
}
