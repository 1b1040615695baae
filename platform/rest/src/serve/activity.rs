//! When a connection last did something. Decides nothing: the accept loop closes what is overdue.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2";

/// Plain stores on the hot path; the times are microseconds since the connection opened, plus one.
pub(super) struct Activity {
    opened: Instant,
    /// When the connection was last polled: bytes come and go within polls.
    polled: AtomicU64,
    in_flight: AtomicU32,
    /// When the head now being read began; 0 while none is.
    head_since: AtomicU64,
    last: AtomicU64,
    /// When it was last given something it had asked for.
    given: AtomicU64,
    /// What `last` was when a timer was last asked.
    asked: AtomicU64,
    /// Over HTTP/2 bytes are frames, and most of them begin no request.
    multiplexed: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            polled: AtomicU64::new(1),
            in_flight: AtomicU32::new(0),
            // The first head is due from the start: a client connects in order to ask.
            head_since: AtomicU64::new(1),
            last: AtomicU64::new(1),
            given: AtomicU64::new(1),
            asked: AtomicU64::new(1),
            multiplexed: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX - 1) + 1
    }

    /// One look at the clock for all that follows.
    pub(super) fn poll_begins(&self) {
        self.polled.store(self.now(), Ordering::Release);
    }

    pub(super) fn polled_at(&self) -> Instant {
        self.opened + Duration::from_micros(self.polled.load(Ordering::Acquire) - 1)
    }

    pub(super) fn request_begins(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.head_since.store(0, Ordering::Release);
    }

    /// The answer is there already; that it was sent is told by the stream.
    pub(super) fn request_is_answered(&self) {
        self.head_since.store(0, Ordering::Release);
    }

    pub(super) fn request_ends(&self) {
        let now = self.now();
        self.last.store(now, Ordering::Release);
        self.given.store(now, Ordering::Release);
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    fn received(&self, bytes: &[u8]) {
        let now = self.polled.load(Ordering::Acquire);
        if self.last.swap(now, Ordering::AcqRel) == 1 && bytes.starts_with(HTTP2_PREFACE) {
            self.multiplexed.store(true, Ordering::Release);
            self.head_since.store(0, Ordering::Release);
        }
        let between = self.in_flight.load(Ordering::Acquire) == 0;
        if between
            && !self.multiplexed.load(Ordering::Acquire)
            && self.head_since.load(Ordering::Acquire) == 0
        {
            self.head_since.store(now, Ordering::Release);
        }
    }

    fn sent(&self) {
        let now = self.polled.load(Ordering::Acquire);
        self.last.store(now, Ordering::Release);
        // A head pipelined behind a long answer is not slow: it waits for us.
        self.head_since.store(0, Ordering::Release);
        // Over HTTP/2 this may be the answer to a ping, for which nobody is kept.
        if !self.multiplexed.load(Ordering::Acquire) {
            self.given.store(now, Ordering::Release);
        }
    }

    /// Whether a timer that ends at `deadline` is worth asking. Not so where bytes came or went since
    /// it was, and before its end: it was they that woke the task, and the timer still holds its waker.
    pub(super) fn may_be_due(&self, deadline: Instant) -> bool {
        let last = self.last.load(Ordering::Acquire);
        let idle = self.asked.swap(last, Ordering::AcqRel) == last;
        idle || self.opened + Duration::from_micros(last) >= deadline
    }

    /// How long until a head takes too long, or nothing at all has happened for too long: zero once
    /// it is overdue. `None` while a request is in flight.
    pub(super) fn time_left(&self, header_time: Duration, idle_time: Duration) -> Option<Duration> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return None;
        }
        let (since, time) = match self.head_since.load(Ordering::Acquire) {
            0 => (self.last.load(Ordering::Acquire), idle_time),
            since => (since, header_time),
        };
        Some(time.saturating_sub(self.passed(since)))
    }

    /// For how long it was given nothing, and asks for nothing that is whole.
    pub(super) fn useless_for(&self) -> Option<Duration> {
        let answering = self.in_flight.load(Ordering::Acquire) > 0;
        (!answering).then(|| self.passed(self.given.load(Ordering::Acquire)))
    }

    fn passed(&self, since: u64) -> Duration {
        Duration::from_micros(self.now().saturating_sub(since))
    }
}

/// A stream that tells its [`Activity`] of every byte.
pub(super) struct WatchedStream<I> {
    inner: I,
    activity: Arc<Activity>,
}

impl<I> WatchedStream<I> {
    pub(super) fn new(inner: I, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for WatchedStream<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            this.activity.received(read);
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for WatchedStream<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, bytes);
        if polled.is_ready() {
            this.activity.sent();
        }
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        if polled.is_ready() {
            this.activity.sent();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
