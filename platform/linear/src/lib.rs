//! Judges histories: could these operations have happened one at a time, each between its call and
//! its answer? Knows nothing of shops, clocks or networks.
//!
//! The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with the cache
//! of Lowe ("Testing for linearizability", 2017): a set of operations that was once seen to lead
//! nowhere from a state is not tried again.

mod models;

use std::collections::HashSet;
use std::hash::Hash;

pub use models::{
    Key, KeyCall, KeyReply, Stock, StockCall, StockReply, Version, VersionCall, VersionReply,
};

/// What the operations are meant to do, one at a time.
pub trait Model {
    type State: Clone + Eq + Hash;
    type Call: Eq;
    type Reply: Eq;

    fn initial(&self) -> Self::State;

    /// The state after `call` was answered with `reply`; `None` where it cannot be answered so.
    /// Without a reply: the state after the call happened, whatever it answered.
    fn step(
        &self,
        state: &Self::State,
        call: &Self::Call,
        reply: Option<&Self::Reply>,
    ) -> Option<Self::State>;
}

/// One operation as its caller saw it. Times are of one clock that never goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<C, R> {
    pub called: u64,
    pub call: C,
    /// When the answer came, and which; `None` where none came: it may have happened, or not.
    pub answered: Option<(u64, R)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The operations in an order in which they could have happened, as indices.
    Linearizable(Vec<usize>),
    /// No order explains the answers. The longest explained beginning, and the operations of which
    /// none could come next.
    Impossible {
        explained: Vec<usize>,
        stuck: Vec<usize>,
    },
    /// More states than the bound: no verdict.
    TooLong,
}

/// States looked at before the search gives up.
pub const STATES_MAX: usize = 5_000_000;

/// Judges one key's history.
pub fn judge<M: Model>(model: &M, history: &[Operation<M::Call, M::Reply>]) -> Verdict {
    let mut search = Search {
        model,
        history,
        done: BitSet::new(history.len()),
        order: Vec::new(),
        best: Vec::new(),
        stuck: Vec::new(),
        dead_ends: HashSet::new(),
    };
    match search.run() {
        Some(true) => Verdict::Linearizable(search.order),
        Some(false) => Verdict::Impossible {
            explained: search.best,
            stuck: search.stuck,
        },
        None => Verdict::TooLong,
    }
}

struct Search<'h, M: Model> {
    model: &'h M,
    history: &'h [Operation<M::Call, M::Reply>],
    done: BitSet,
    order: Vec<usize>,
    best: Vec<usize>,
    stuck: Vec<usize>,
    dead_ends: HashSet<(BitSet, M::State)>,
}

/// One level of the search: the state it starts from and what is left to try.
struct Level<S> {
    state: S,
    candidates: Vec<usize>,
}

impl<M: Model> Search<'_, M> {
    /// `None` where the bound was reached. A loop and not a recursion: histories are long.
    fn run(&mut self) -> Option<bool> {
        let state = self.model.initial();
        let mut levels = vec![Level {
            candidates: self.candidates(),
            state,
        }];
        loop {
            if self.all_answered() {
                return Some(true);
            }
            if self.dead_ends.len() > STATES_MAX {
                return None;
            }
            let Some(level) = levels.last_mut() else {
                return Some(false);
            };
            let Some(next) = level.candidates.pop() else {
                levels.pop();
                if let Some(undone) = self.order.pop() {
                    self.done.remove(undone);
                }
                continue;
            };
            let operation = &self.history[next];
            let reply = operation.answered.as_ref().map(|(_, reply)| reply);
            let Some(after) = self.model.step(&level.state, &operation.call, reply) else {
                continue;
            };
            self.done.insert(next);
            if !self.dead_ends.insert((self.done.clone(), after.clone())) {
                self.done.remove(next);
                continue;
            }
            self.order.push(next);
            let candidates = self.candidates();
            if self.order.len() > self.best.len() {
                self.best.clone_from(&self.order);
                self.stuck.clone_from(&candidates);
            }
            levels.push(Level {
                state: after,
                candidates,
            });
        }
    }

    /// Operations that may come next: called before any other that is left was answered. Those
    /// answered first are tried first (the last of the list). Of several that ask the same and got
    /// the same, only the one answered first: swapped with another, it would explain no more.
    fn candidates(&self) -> Vec<usize> {
        let left = || (0..self.history.len()).filter(|&index| !self.done.contains(index));
        let answered = |index: usize| self.history[index].answered.as_ref().map(|(at, _)| *at);
        let first_answer = left().filter_map(answered).min().unwrap_or(u64::MAX);
        let mut callable: Vec<usize> = left()
            .filter(|&index| self.history[index].called <= first_answer)
            .collect();
        callable.sort_by_key(|&index| answered(index).unwrap_or(u64::MAX));
        let mut next: Vec<usize> = Vec::new();
        for index in callable {
            if !next.iter().any(|&earlier| self.alike(earlier, index)) {
                next.push(index);
            }
        }
        next.reverse();
        next
    }

    fn alike(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.history[one], &self.history[other]);
        let replies_alike = match (&one.answered, &other.answered) {
            (Some((_, one)), Some((_, other))) => one == other,
            (None, None) => true,
            _ => false,
        };
        one.call == other.call && replies_alike
    }

    fn all_answered(&self) -> bool {
        (0..self.history.len())
            .all(|index| self.done.contains(index) || self.history[index].answered.is_none())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn new(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }
    fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }
    fn remove(&mut self, index: usize) {
        self.0[index / 64] &= !(1 << (index % 64));
    }
    fn contains(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }
}
