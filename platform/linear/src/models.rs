//! What stock, versions and idempotency keys are meant to do, one operation at a time.

use crate::Model;

/// Units of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    pub on_hand: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockCall {
    Reserve(i64),
    /// Of units that were reserved before.
    Release(i64),
    /// How many units are reserved.
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StockReply {
    #[default]
    Done,
    Short,
    Reserved(i64),
}

impl Model for Stock {
    /// Units reserved.
    type State = i64;
    type Call = StockCall;
    type Reply = StockReply;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, &reserved: &i64, call: &StockCall, reply: Option<&StockReply>) -> Option<i64> {
        let (after, answer) = match *call {
            StockCall::Reserve(units) if reserved + units <= self.on_hand => {
                (reserved + units, StockReply::Done)
            }
            StockCall::Reserve(_) => (reserved, StockReply::Short),
            StockCall::Release(units) if units <= reserved => (reserved - units, StockReply::Done),
            StockCall::Release(_) => return None,
            StockCall::Read => (reserved, StockReply::Reserved(reserved)),
        };
        reply.is_none_or(|reply| *reply == answer).then_some(after)
    }
}

/// Something that is changed under `If-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub first: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionCall {
    /// Changes what is still at this version.
    Change {
        if_match: i64,
    },
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum VersionReply {
    /// The version read, or given by the change.
    At(i64),
    #[default]
    Stale,
}

impl Model for Version {
    type State = i64;
    type Call = VersionCall;
    type Reply = VersionReply;

    fn initial(&self) -> i64 {
        self.first
    }

    fn step(&self, &now: &i64, call: &VersionCall, reply: Option<&VersionReply>) -> Option<i64> {
        let (after, answer) = match *call {
            VersionCall::Change { if_match } if if_match == now => {
                (now + 1, VersionReply::At(now + 1))
            }
            VersionCall::Change { .. } => (now, VersionReply::Stale),
            VersionCall::Read => (now, VersionReply::At(now)),
        };
        reply.is_none_or(|reply| *reply == answer).then_some(after)
    }
}

/// One idempotency key: the first body decides, every later use gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyCall {
    pub body: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyReply {
    /// The result, such as an order's id.
    Made(String),
    /// The key was used with another body.
    Reused,
}

impl Model for Key {
    /// The body and, once somebody saw it, the result.
    type State = Option<(u64, Option<String>)>;
    type Call = KeyCall;
    type Reply = KeyReply;

    fn initial(&self) -> Self::State {
        None
    }

    fn step(
        &self,
        state: &Self::State,
        call: &KeyCall,
        reply: Option<&KeyReply>,
    ) -> Option<Self::State> {
        let Some((body, made)) = state else {
            return match reply {
                Some(KeyReply::Reused) => None,
                Some(KeyReply::Made(result)) => Some(Some((call.body, Some(result.clone())))),
                None => Some(Some((call.body, None))),
            };
        };
        match reply {
            None => Some(state.clone()),
            Some(KeyReply::Reused) => (*body != call.body).then(|| state.clone()),
            Some(KeyReply::Made(_)) if *body != call.body => None,
            Some(KeyReply::Made(result)) => match made {
                Some(known) => (known == result).then(|| state.clone()),
                None => Some(Some((*body, Some(result.clone())))),
            },
        }
    }
}
