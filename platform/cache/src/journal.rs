//! What was outdated, in order: tells a fill whether it raced an invalidation, and an entry whether
//! it still stands. Never looks an entry up when something changes.
//!
//! An entry carries the stamps of its tags and is good while they stand. A fill does not know its
//! tags before it has read, so it holds a mark from before its read; when it ends, the journal
//! tells whether any of its tags was outdated since. Where the journal does not reach back that
//! far, the answer is yes. Stamps and journal move together under one lock, which invalidations
//! and ends of fills take; hits take none.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::tag::PLACES;

/// How far back a fill can be judged: a transaction of an import outdates thousands of tags at once,
/// and fills that are under way must not all be lost to it.
const LINES_MAX: usize = 32_768;
/// Stamps that come into being together, when the first of them moves.
const CHUNK: usize = 4_096;

/// Where the journal stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// What is asked of the lines since a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// Whether a source read since the mark may have been old.
    Outdated,
    /// As well, whether Redis read since the mark may have been behind this process.
    OutdatedOrTold,
}

/// An entry's stamps.
#[derive(Debug)]
pub(crate) struct Seal {
    places: Box<[u32]>,
    stamps: Box<[u32]>,
    flushes: u64,
    /// Where the journal stood when the stamps were last found standing.
    checked: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    place: u32,
    told: bool,
}

#[derive(Default)]
struct Lines {
    /// The last of them, oldest first; the newest has the number `head`.
    lines: VecDeque<Line>,
}

/// One stamp a place. A quiet process holds none of them.
struct Stamps(Box<[OnceLock<Box<[AtomicU32]>>]>);

impl Stamps {
    fn new() -> Self {
        Self((0..PLACES / CHUNK).map(|_| OnceLock::new()).collect())
    }

    fn of(&self, place: u32) -> u32 {
        let place = place as usize;
        let chunk = self.0[place / CHUNK].get();
        chunk.map_or(0, |chunk| chunk[place % CHUNK].load(Ordering::SeqCst))
    }

    /// A stamp comes back to where it was after four thousand million changes of it, which no
    /// entry outlives.
    fn advance(&self, place: u32) {
        let place = place as usize;
        let fresh = || (0..CHUNK).map(|_| AtomicU32::new(0)).collect();
        let chunk = self.0[place / CHUNK].get_or_init(fresh);
        chunk[place % CHUNK].fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Journal {
    stamps: Stamps,
    flushes: AtomicU64,
    /// How many lines were ever written.
    head: AtomicU64,
    lines: Mutex<Lines>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            stamps: Stamps::new(),
            flushes: AtomicU64::new(0),
            head: AtomicU64::new(0),
            lines: Mutex::default(),
        }
    }

    /// To be taken before the read that is judged by it.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.head.load(Ordering::SeqCst))
    }

    /// Nothing read before now of what is at these places is good.
    pub(crate) fn outdate(&self, places: &[u32]) {
        let mut lines = self.lines.lock();
        for &place in places {
            self.stamps.advance(place);
            lines.push(Line { place, told: false });
        }
        // After the stamps: who sees the new head finds them moved.
        self.head.fetch_add(places.len() as u64, Ordering::SeqCst);
    }

    /// Redis knows now what was outdated at these places; an answer it began before may not.
    pub(crate) fn told(&self, places: &[u32]) {
        let mut lines = self.lines.lock();
        for &place in places {
            lines.push(Line { place, told: true });
        }
        self.head.fetch_add(places.len() as u64, Ordering::SeqCst);
    }

    /// As [`Journal::told`], of everything.
    pub(crate) fn told_all(&self) {
        let mut lines = self.lines.lock();
        // A head without its line: no mark from before can be judged.
        lines.lines.clear();
        self.head.fetch_add(1, Ordering::SeqCst);
    }

    /// Nothing read before now is good.
    pub(crate) fn flush(&self) {
        let mut lines = self.lines.lock();
        self.flushes.fetch_add(1, Ordering::SeqCst);
        lines.lines.clear();
        self.head.fetch_add(1, Ordering::SeqCst);
    }

    /// The stamps for what was read since `mark`; `None` where it may be old.
    pub(crate) fn seal(&self, mark: Mark, places: Box<[u32]>, against: Against) -> Option<Seal> {
        let lines = self.lines.lock();
        let head = self.head.load(Ordering::SeqCst);
        let since = usize::try_from(head - mark.0).ok()?;
        let known = lines.lines.len();
        if since > known {
            return None;
        }
        let counts = |line: &Line| !line.told || against == Against::OutdatedOrTold;
        let mut since = lines.lines.range(known - since..);
        if since.any(|line| counts(line) && places.contains(&line.place)) {
            return None;
        }
        Some(self.seal_now(places, head))
    }

    /// Without asking what happened since the read: what a seeded test must catch.
    #[cfg(test)]
    pub(crate) fn seal_blindly(&self, places: Box<[u32]>) -> Seal {
        let _lines = self.lines.lock();
        let head = self.head.load(Ordering::SeqCst);
        self.seal_now(places, head)
    }

    fn seal_now(&self, places: Box<[u32]>, head: u64) -> Seal {
        let stamp = |&place: &u32| self.stamps.of(place);
        Seal {
            stamps: places.iter().map(stamp).collect(),
            places,
            flushes: self.flushes.load(Ordering::SeqCst),
            checked: AtomicU64::new(head),
        }
    }

    /// Whether nothing under the seal was outdated since. One load where nothing at all was.
    pub(crate) fn stands(&self, seal: &Seal) -> bool {
        let head = self.head.load(Ordering::SeqCst);
        if seal.checked.load(Ordering::Relaxed) == head {
            return true;
        }
        let mut both = seal.places.iter().zip(&seal.stamps);
        let stands = self.flushes.load(Ordering::SeqCst) == seal.flushes
            && both.all(|(&place, &stamp)| self.stamps.of(place) == stamp);
        if stands {
            seal.checked.store(head, Ordering::Relaxed);
        }
        stands
    }
}

impl Lines {
    fn push(&mut self, line: Line) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(places: &[u32]) -> Box<[u32]> {
        places.into()
    }

    #[test]
    fn a_fill_is_refused_for_its_own_tags_only() {
        let journal = Journal::new();
        let mark = journal.mark();
        journal.outdate(&[7]);
        assert!(
            journal
                .seal(mark, boxed(&[7, 9]), Against::Outdated)
                .is_none()
        );
        let other = journal.seal(mark, boxed(&[8, 9]), Against::Outdated);
        let other = other.expect("nothing of it was outdated");
        assert!(journal.stands(&other));
        journal.outdate(&[10]);
        assert!(journal.stands(&other));
        journal.outdate(&[9]);
        assert!(!journal.stands(&other));
    }

    #[test]
    fn what_redis_was_told_counts_against_redis_alone() {
        let journal = Journal::new();
        let mark = journal.mark();
        journal.told(&[7]);
        assert!(journal.seal(mark, boxed(&[7]), Against::Outdated).is_some());
        assert!(
            journal
                .seal(mark, boxed(&[7]), Against::OutdatedOrTold)
                .is_none()
        );
        let later = journal.mark();
        assert!(
            journal
                .seal(later, boxed(&[7]), Against::OutdatedOrTold)
                .is_some()
        );
    }

    #[test]
    fn a_mark_older_than_the_journal_or_a_flush_is_refused() {
        let journal = Journal::new();
        let mark = journal.mark();
        for _ in 0..=LINES_MAX {
            journal.outdate(&[1]);
        }
        assert!(journal.seal(mark, boxed(&[2]), Against::Outdated).is_none());
        let mark = journal.mark();
        let kept = journal.seal(mark, boxed(&[2]), Against::Outdated);
        let kept = kept.expect("nothing happened since");
        journal.flush();
        assert!(!journal.stands(&kept));
        assert!(journal.seal(mark, boxed(&[2]), Against::Outdated).is_none());
        let after = journal.mark();
        assert!(
            journal
                .seal(after, boxed(&[2]), Against::Outdated)
                .is_some()
        );
    }
}
