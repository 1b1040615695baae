//! Takes down who called what when, and which answer came when. Judges nothing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use stoa_linear::Operation;

use crate::support::answer;

/// One clock of all clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("tests end within centuries")
    }
}

/// How long a client waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    Whole,
    /// Often too short: the request is cut off and its fate unknown.
    Short(Duration),
}

impl Patience {
    /// One in eight has little.
    pub(super) fn of(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..8) {
            0 => Self::Short(Duration::from_micros(random.u64(200..6_000))),
            _ => Self::Whole,
        }
    }
}

/// The history of one key.
pub(super) struct Recorder<C, R> {
    clock: Clock,
    operations: Arc<Mutex<Vec<Operation<C, R>>>>,
}

impl<C, R> Clone for Recorder<C, R> {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock,
            operations: self.operations.clone(),
        }
    }
}

/// An operation that was called and not yet taken down. Dropped, it never was.
pub(super) struct Called<C, R> {
    recorder: Recorder<C, R>,
    at: u64,
    call: C,
}

impl<C: Clone, R: Clone> Recorder<C, R> {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            operations: Arc::default(),
        }
    }

    pub(super) fn call(&self, call: C) -> Called<C, R> {
        Called {
            recorder: self.clone(),
            at: self.clock.now(),
            call,
        }
    }

    pub(super) fn history(&self) -> Vec<Operation<C, R>> {
        self.operations.lock().expect("a history").clone()
    }
}

impl<C, R> Called<C, R> {
    /// `None` where no answer came, or not in time.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        patience: Patience,
    ) -> Option<(StatusCode, Value)> {
        let request = match patience {
            Patience::Whole => request,
            Patience::Short(time) => request.timeout(time),
        };
        answer(request).await.ok()
    }

    pub(super) fn answered(self, reply: Option<R>) {
        let answered = reply.map(|reply| (self.recorder.clock.now(), reply));
        let operation = Operation {
            called: self.at,
            call: self.call,
            answered,
        };
        let mut operations = self.recorder.operations.lock().expect("a history");
        operations.push(operation);
    }
}
