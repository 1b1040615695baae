//! What the rendering on this thread may still take. Every text that is written, joined or copied is
//! charged for here: the engine's fuel counts steps, which says nothing of their size.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use minijinja::{Error, ErrorKind};
use stoa_contracts::themes::ThemeFailureKind;

use crate::words::Language;

/// Of everything a page puts together, macros and captured blocks included.
const WORK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A page takes milliseconds.
pub(super) const TIME_MAX: Duration = Duration::from_secs(1);

struct Meter {
    left: usize,
    until: Instant,
    language: Language,
    over: Option<ThemeFailureKind>,
}

thread_local! {
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Puts the thread's meter back however the rendering ends.
struct Reset(Option<Meter>);

impl Drop for Reset {
    fn drop(&mut self) {
        METER.set(self.0.take());
    }
}

/// Runs `body` with a fresh meter; also says which limit it met, if one.
pub(super) fn metered<T>(
    language: Language,
    body: impl FnOnce() -> T,
) -> (T, Option<ThemeFailureKind>) {
    let meter = Meter {
        left: WORK_BYTES_MAX,
        until: Instant::now() + TIME_MAX,
        language,
        over: None,
    };
    let _reset = Reset(METER.replace(Some(meter)));
    let made = body();
    let over = METER.with_borrow(|meter| meter.as_ref().and_then(|meter| meter.over));
    (made, over)
}

/// Takes `bytes` of what is left; an error once there is nothing left, or no time.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    METER.with_borrow_mut(|meter| {
        let Some(meter) = meter else { return Ok(()) };
        if Instant::now() > meter.until {
            meter.over = Some(ThemeFailureKind::Time);
            return Err(Error::new(ErrorKind::InvalidOperation, "takes too long"));
        }
        match meter.left.checked_sub(bytes) {
            Some(left) => meter.left = left,
            None => {
                meter.over = Some(ThemeFailureKind::Limit);
                let reason = "puts together more text than a page may";
                return Err(Error::new(ErrorKind::InvalidOperation, reason));
            }
        }
        Ok(())
    })
}

/// The language of the page that is made.
pub(super) fn language() -> Language {
    METER.with_borrow(|meter| {
        meter
            .as_ref()
            .map_or(Language::English, |meter| meter.language)
    })
}
