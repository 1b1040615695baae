//! What this process has written of attempts that still wait, so that a poll which learns nothing
//! new writes nothing. Forgetting is harmless: then the same is written once more.

use std::collections::HashMap;

use parking_lot::Mutex;
use stoa_contracts::payments::AttemptState;
use stoa_kernel::AttemptId;

/// Past this all is forgotten.
const REMEMBERED_MAX: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    ForTheShopper,
    ForTheProvider,
}

impl Waits {
    /// `None` where the attempt does not wait.
    pub(crate) const fn of(state: &AttemptState) -> Option<Self> {
        match state {
            AttemptState::RequiresAction { .. } => Some(Self::ForTheShopper),
            AttemptState::Created
            | AttemptState::Prepared
            | AttemptState::Confirming
            | AttemptState::Processing => Some(Self::ForTheProvider),
            AttemptState::Authorized
            | AttemptState::Succeeded
            | AttemptState::Declined { .. }
            | AttemptState::Voided => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Told(Mutex<HashMap<AttemptId, Waits>>);

impl Told {
    pub(crate) fn knows(&self, attempt: AttemptId, waits: Waits) -> bool {
        self.0.lock().get(&attempt) == Some(&waits)
    }

    pub(crate) fn remember(&self, attempt: AttemptId, waits: Waits) {
        let mut told = self.0.lock();
        if told.len() >= REMEMBERED_MAX {
            told.clear();
        }
        told.insert(attempt, waits);
    }

    pub(crate) fn forget(&self, attempt: AttemptId) {
        self.0.lock().remove(&attempt);
    }
}
