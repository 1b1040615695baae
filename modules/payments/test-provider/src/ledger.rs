//! What happened to every payment: pure state and rules. Knows no file, no clock, no HTTP.

mod intent;
mod refusal;

use std::collections::{BTreeMap, HashMap};

use stoa_kernel::Timestamp;

pub(crate) use self::intent::{Intent, Refund, State, Status};
pub(crate) use self::refusal::{FoldError, Refusal};
use crate::entry::{ChargeId, Entry, IntentId, Metadata, Outcome, RefundId};
use crate::request::{CaptureMethod, IntentRequest, Step, Token};

/// Rows a list answers at most.
pub(crate) const LIST_LIMIT_MAX: usize = 250;
const INTENTS_MAX: usize = 500_000;
const REFUNDS_PER_INTENT_MAX: usize = 100;

/// What a request comes to: a new fact, or one that already stands.
pub(crate) enum Decision {
    Write(Entry),
    Stands(IntentId),
}

/// All payments, and the ways to find them.
#[derive(Default)]
pub(crate) struct Ledger {
    intents: HashMap<IntentId, Intent>,
    by_key: HashMap<(String, String), IntentId>,
    by_order: HashMap<(String, String), Vec<IntentId>>,
    /// By account, in the order in which the money was taken: a charge that is still to come is
    /// later than every charge seen, so a reader that follows the list misses none.
    charges: HashMap<String, BTreeMap<ChargePlace, (ChargeId, IntentId)>>,
    places: HashMap<ChargeId, ChargePlace>,
    latest: Timestamp,
}

/// When the money was taken, and how many charges were known before.
type ChargePlace = (Timestamp, usize);

/// A charge with the payment it belongs to.
pub(crate) struct Charge<'a> {
    pub(crate) id: ChargeId,
    pub(crate) due: Timestamp,
    pub(crate) intent: &'a Intent,
}

impl Ledger {
    /// An intent, where it exists and belongs to `account` (`None`: whoever asks may see all).
    pub(crate) fn intent(&self, id: IntentId, account: Option<&str>) -> Result<&Intent, Refusal> {
        self.intents
            .get(&id)
            .filter(|intent| account.is_none_or(|account| account == intent.request.account))
            .ok_or(Refusal::UnknownIntent)
    }

    /// The newest intents of an order, oldest first.
    pub(crate) fn of_order(&self, account: &str, order_id: &str) -> Vec<&Intent> {
        let key = (account.to_owned(), order_id.to_owned());
        let ids = self.by_order.get(&key).map_or(&[][..], Vec::as_slice);
        let newest = &ids[ids.len().saturating_sub(LIST_LIMIT_MAX)..];
        newest
            .iter()
            .filter_map(|id| self.intents.get(id))
            .collect()
    }

    /// Up to `limit` charges made by `now`, after the charge `after`; and whether there are more.
    pub(crate) fn charges(
        &self,
        account: &str,
        after: Option<ChargeId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Charge<'_>>, bool), Refusal> {
        let Some(made) = self.charges.get(account) else {
            return Ok((Vec::new(), false));
        };
        let start = match after {
            None => std::ops::Bound::Unbounded,
            Some(id) => {
                let place = self
                    .places
                    .get(&id)
                    .filter(|place| made.contains_key(place));
                std::ops::Bound::Excluded(*place.ok_or(Refusal::UnknownCharge)?)
            }
        };
        let mut visible = made
            .range((start, std::ops::Bound::Unbounded))
            .take_while(|((due, _), _)| *due <= now)
            .filter_map(|(&(due, _), &(id, intent))| {
                Some(Charge {
                    id,
                    due,
                    intent: self.intents.get(&intent)?,
                })
            });
        let page: Vec<_> = visible.by_ref().take(limit).collect();
        Ok((page, visible.next().is_some()))
    }

    pub(crate) fn create(
        &self,
        request: IntentRequest,
        intent: IntentId,
        at: Timestamp,
    ) -> Result<Decision, Refusal> {
        let key = (request.account.clone(), request.idempotency_key.clone());
        if let Some(&known) = self.by_key.get(&key) {
            let same = self
                .intents
                .get(&known)
                .is_some_and(|intent| intent.request == request);
            return if same {
                Ok(Decision::Stands(known))
            } else {
                Err(Refusal::KeyReused)
            };
        }
        if self.intents.len() >= INTENTS_MAX {
            return Err(Refusal::Full {
                intents_max: INTENTS_MAX,
            });
        }
        Ok(Decision::Write(Entry::IntentCreated {
            intent,
            at,
            request,
        }))
    }

    /// A confirmation acts once; afterwards it only tells how the payment stands.
    pub(crate) fn confirm(
        &self,
        intent: &Intent,
        key: String,
        charge: ChargeId,
        at: Timestamp,
        delayed_to: Timestamp,
    ) -> Result<Decision, Refusal> {
        match intent.state {
            State::Created => {}
            State::Voided { .. } => return Err(Refusal::Voided),
            _ => return Ok(Decision::Stands(intent.id)),
        }
        let outcome = match intent.request.token {
            Token::Delay => taken(intent, charge, delayed_to),
            Token::Decline => Outcome::Declined {
                code: "insufficient_funds".to_owned(),
            },
            Token::ThreeDs => Outcome::ActionRequired,
            _ => taken(intent, charge, at),
        };
        Ok(Decision::Write(Entry::Confirmed {
            intent: intent.id,
            at,
            key,
            outcome,
        }))
    }

    /// The shopper's answer on the provider's page; only the first one counts.
    pub(crate) fn decide_action(
        &self,
        intent: &Intent,
        approved: bool,
        charge: ChargeId,
        at: Timestamp,
    ) -> Result<Decision, Refusal> {
        if intent.state != State::ActionRequired {
            return Ok(Decision::Stands(intent.id));
        }
        let outcome = if approved {
            taken(intent, charge, at)
        } else {
            Outcome::Declined {
                code: "authentication_failed".to_owned(),
            }
        };
        Ok(Decision::Write(Entry::ActionDecided {
            intent: intent.id,
            at,
            outcome,
        }))
    }

    pub(crate) fn capture(
        &self,
        intent: &Intent,
        step: Step,
        charge: ChargeId,
        at: Timestamp,
    ) -> Result<Decision, Refusal> {
        let amount = step.amount.unwrap_or(intent.request.amount);
        if let State::Charged {
            capture: Some((key, metadata)),
            amount: taken,
            ..
        } = &intent.state
            && *key == step.key
        {
            let same = *taken == amount && *metadata == step.metadata;
            return if same {
                Ok(Decision::Stands(intent.id))
            } else {
                Err(Refusal::KeyReused)
            };
        }
        match intent.status(at) {
            Status::RequiresCapture => {}
            Status::Voided => return Err(Refusal::Voided),
            status => {
                return Err(Refusal::NotNow {
                    step: "capture",
                    status,
                });
            }
        }
        if amount > intent.request.amount {
            return Err(Refusal::TooMuch {
                asked: amount,
                left: intent.request.amount,
            });
        }
        let Step { key, metadata, .. } = step;
        Ok(Decision::Write(Entry::Captured {
            intent: intent.id,
            at,
            charge,
            amount,
            key,
            metadata,
        }))
    }

    /// Whatever was not taken is released for good. A voided payment stays voided.
    pub(crate) fn void(
        &self,
        intent: &Intent,
        step: &Step,
        at: Timestamp,
    ) -> Result<Decision, Refusal> {
        if step
            .amount
            .is_some_and(|amount| amount != intent.request.amount)
        {
            let reason = "a void releases the whole amount or names none".to_owned();
            return Err(Refusal::Field {
                name: "amount",
                reason,
            });
        }
        match intent.status(at) {
            Status::Voided => Ok(Decision::Stands(intent.id)),
            Status::RequiresConfirmation | Status::RequiresAction | Status::RequiresCapture => {
                Ok(Decision::Write(Entry::Voided {
                    intent: intent.id,
                    at,
                }))
            }
            status => Err(Refusal::NotNow {
                step: "void",
                status,
            }),
        }
    }

    /// `refund` is the id to use; the one of an earlier refund with the same key is answered.
    pub(crate) fn refund(
        &self,
        intent: &Intent,
        step: Step,
        refund: RefundId,
        at: Timestamp,
    ) -> Result<(Decision, RefundId), Refusal> {
        let (captured, refunded) = (intent.captured(at), intent.refunded());
        let left = captured - refunded;
        if let Some(known) = intent.refunds.iter().find(|refund| refund.key == step.key) {
            let same = step.amount.is_none_or(|amount| amount == known.amount)
                && step.metadata == known.metadata;
            let stands = (Decision::Stands(intent.id), known.id);
            return if same {
                Ok(stands)
            } else {
                Err(Refusal::KeyReused)
            };
        }
        if captured == 0 {
            return Err(Refusal::NotNow {
                step: "refund",
                status: intent.status(at),
            });
        }
        if intent.request.token == Token::RefundDecline {
            return Err(Refusal::RefundRefused);
        }
        let amount = step.amount.unwrap_or(left);
        if amount > left || amount == 0 {
            return Err(Refusal::TooMuch {
                asked: amount,
                left,
            });
        }
        if intent.refunds.len() >= REFUNDS_PER_INTENT_MAX {
            return Err(Refusal::TooManyRefunds {
                refunds_max: REFUNDS_PER_INTENT_MAX,
            });
        }
        let Step { key, metadata, .. } = step;
        let entry = Entry::Refunded {
            intent: intent.id,
            at,
            refund,
            amount,
            key,
            metadata,
        };
        Ok((Decision::Write(entry), refund))
    }

    /// The time of the newest fact; no later fact may be older.
    pub(crate) const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Takes a fact in; used alike for new facts and in replay.
    pub(crate) fn apply(&mut self, entry: Entry) -> Result<(), FoldError> {
        self.latest = self.latest.max(entry.at());
        match entry {
            Entry::Opened { .. } => return Err(FoldError::SecondHeader),
            Entry::IntentCreated {
                intent,
                at,
                request,
            } => self.insert(intent, at, request)?,
            Entry::Confirmed {
                intent, outcome, ..
            } => {
                self.settle(intent, &State::Created, outcome)?;
            }
            Entry::ActionDecided {
                intent, outcome, ..
            } => {
                self.settle(intent, &State::ActionRequired, outcome)?;
            }
            Entry::Captured {
                intent,
                at,
                charge,
                amount,
                key,
                metadata,
            } => {
                self.take(intent, at, charge, amount, (key, metadata))?;
            }
            Entry::Voided { intent, at } => {
                let known = self.known(intent)?;
                if matches!(known.state, State::Charged { .. } | State::Declined { .. }) {
                    return Err(FoldError::OutOfOrder { intent });
                }
                known.state = State::Voided { at };
            }
            Entry::Refunded {
                intent,
                at,
                refund,
                amount,
                key,
                metadata,
            } => {
                let known = self.known(intent)?;
                if amount < 1 || known.refunded().saturating_add(amount) > known.captured(at) {
                    return Err(FoldError::OutOfOrder { intent });
                }
                known.refunds.push(Refund {
                    id: refund,
                    at,
                    amount,
                    key,
                    metadata,
                });
            }
        }
        Ok(())
    }

    fn insert(
        &mut self,
        id: IntentId,
        at: Timestamp,
        request: IntentRequest,
    ) -> Result<(), FoldError> {
        let key = (request.account.clone(), request.idempotency_key.clone());
        if self.intents.contains_key(&id) || self.by_key.contains_key(&key) {
            return Err(FoldError::OutOfOrder { intent: id });
        }
        self.by_key.insert(key, id);
        if let Some(order) = request.metadata.get("order_id") {
            let key = (request.account.clone(), order.clone());
            self.by_order.entry(key).or_default().push(id);
        }
        let (state, refunds) = (State::Created, Vec::new());
        self.intents.insert(
            id,
            Intent {
                id,
                at,
                request,
                state,
                refunds,
            },
        );
        Ok(())
    }

    fn settle(
        &mut self,
        id: IntentId,
        expected: &State,
        outcome: Outcome,
    ) -> Result<(), FoldError> {
        let intent = self.known(id)?;
        if intent.state != *expected {
            return Err(FoldError::OutOfOrder { intent: id });
        }
        let amount = intent.request.amount;
        match outcome {
            Outcome::Charged { charge, due } => {
                intent.state = State::Charged {
                    charge,
                    due,
                    amount,
                    capture: None,
                };
                self.list_charge(id, charge, due)?;
            }
            Outcome::Authorised { due } => intent.state = State::Authorised { due },
            Outcome::Declined { code } => intent.state = State::Declined { code },
            Outcome::ActionRequired => intent.state = State::ActionRequired,
        }
        Ok(())
    }

    fn take(
        &mut self,
        id: IntentId,
        due: Timestamp,
        charge: ChargeId,
        amount: i64,
        capture: (String, Metadata),
    ) -> Result<(), FoldError> {
        let intent = self.known(id)?;
        let held = matches!(intent.state, State::Authorised { .. });
        if !held || !(1..=intent.request.amount).contains(&amount) {
            return Err(FoldError::OutOfOrder { intent: id });
        }
        intent.state = State::Charged {
            charge,
            due,
            amount,
            capture: Some(capture),
        };
        self.list_charge(id, charge, due)
    }

    fn list_charge(
        &mut self,
        id: IntentId,
        charge: ChargeId,
        due: Timestamp,
    ) -> Result<(), FoldError> {
        let account = self.known(id)?.request.account.clone();
        let place = (due, self.places.len());
        if self.places.insert(charge, place).is_some() {
            return Err(FoldError::OutOfOrder { intent: id });
        }
        self.charges
            .entry(account)
            .or_default()
            .insert(place, (charge, id));
        Ok(())
    }

    fn known(&mut self, id: IntentId) -> Result<&mut Intent, FoldError> {
        self.intents
            .get_mut(&id)
            .ok_or(FoldError::UnknownIntent { intent: id })
    }
}

fn taken(intent: &Intent, charge: ChargeId, due: Timestamp) -> Outcome {
    match intent.request.capture_method {
        _ if intent.request.token == Token::CaptureLater => Outcome::Authorised { due },
        CaptureMethod::Automatic => Outcome::Charged { charge, due },
        CaptureMethod::Manual => Outcome::Authorised { due },
    }
}
