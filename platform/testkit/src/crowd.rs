//! A crowd that opens connections, sends heads byte by byte, and comes back when it is thrown out.
//! On a thread of its own, so that it takes no turn from the good client. Reads no answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: demo.localhost\r\nX-Slow: ";
/// Connections opened in one step: more at once overflow what the system keeps at the door, and those
/// turned away there try again after a second.
const TOGETHER: usize = 20;
const STEP: Duration = Duration::from_millis(10);
/// Each connection gets a byte once in so many steps: strangers to each other do not send together.
const TURNS: usize = 100;
const OPENING_TIME_MAX: Duration = Duration::from_secs(5);

/// Goes home when it is dropped.
pub struct Crowd {
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
    pub fn come(address: SocketAddr, people: usize) -> Self {
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
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }

    pub fn thrown_out(&self) -> usize {
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
        let mut opening = JoinSet::new();
        let mut step = 0;
        while !self.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(STEP).await;
            while let Some(opened) = opening.try_join_next() {
                streams.extend(opened.ok().flatten());
            }
            let missing = people - streams.len() - opening.len();
            for _ in 0..missing.min(TOGETHER) {
                opening.spawn(open(address));
            }
            step += 1;
            self.drip(&mut streams, step);
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
    let opened = tokio::time::timeout(OPENING_TIME_MAX, TcpStream::connect(address));
    let stream = opened.await.ok()?.ok()?;
    stream.try_write(HEAD).ok()?;
    Some(stream)
}

/// Each of a crowd is an open file of this process, too.
///
/// # Panics
/// Where the hard limit of open files is below `wanted`.
pub fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        allowed >= wanted,
        "{wanted} files are to be open at once; `ulimit -Hn` says {allowed}"
    );
    let raised = Rlimit {
        current: Some(wanted.max(limit.current.unwrap_or(0))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("below the hard limit");
}
