//! Where pictures are decoded and encoded: few at once, so that neither memory nor the processors
//! are theirs alone, and never on a thread that serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stoa_pixels::PixelError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::MediaError;

/// Large pictures take all of it, others half: one picture of 50 megapixels holds 200 MB.
const ROOM: u32 = 2;
const LARGE_PIXELS_MIN: u64 = 16_000_000;
/// Waiting for room; more are told to come back.
const WAITING_MAX: usize = 64;
/// In the queue and at work together.
const TIME_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Studio {
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Studio {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ROOM as usize)),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Studio {
    /// Work that has begun ends by itself, also when nobody waits for it any more, and keeps its
    /// room until then.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        pixels: u64,
        work: impl FnOnce() -> Result<T, PixelError> + Send + 'static,
    ) -> Result<T, MediaError> {
        let busy = MediaError::Busy { what: "pictures" };
        let _place = Place::take(&self.waiting).ok_or(busy.clone())?;
        let share = if pixels >= LARGE_PIXELS_MIN { ROOM } else { 1 };
        let working = async {
            let room = self.room.clone().acquire_many_owned(share).await;
            let room = room.map_err(|_| busy.clone())?;
            let done = tokio::task::spawn_blocking(move || {
                let done = work();
                drop(room);
                done
            });
            // A decoder that panics has met a file that is broken in a new way.
            let done = done.await.map_err(|error| PixelError::Broken {
                reason: error.to_string(),
            })?;
            Ok::<_, MediaError>(done?)
        };
        timeout(TIME_MAX, working).await.map_err(|_| busy.clone())?
    }
}

/// One of those who wait or work.
struct Place<'s>(&'s AtomicUsize);

impl<'s> Place<'s> {
    fn take(waiting: &'s AtomicUsize) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
