//! What was done for an order, each step beside its undo. Pure: knows no database.

use stoa_contracts::checkout::JournalEntry;
use stoa_kernel::{AttemptId, OrderId, Timestamp};

/// Bit by bit what one transition did besides its own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    pub(crate) stock: bool,
    pub(crate) promotions: bool,
    pub(crate) gift_cards: bool,
}

impl Parts {
    pub(crate) const fn bits(self) -> u8 {
        (self.stock as u8) | ((self.promotions as u8) << 1) | ((self.gift_cards as u8) << 2)
    }

    pub(crate) const fn of_bits(bits: u8) -> Self {
        Self {
            stock: bits & 1 != 0,
            promotions: bits & 2 != 0,
            gift_cards: bits & 4 != 0,
        }
    }
}

/// A transition of an order's checkout: one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) order: OrderId,
    pub(crate) attempt: AttemptId,
    pub(crate) step: Step,
    pub(crate) parts: Parts,
    /// Whether something is still to follow from it.
    pub(crate) open: bool,
    pub(crate) detail: Option<String>,
    pub(crate) at: Timestamp,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident $text:literal)*) => {
        /// In the order in which they may follow each other.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Step {
            $($(#[$doc])* $step,)*
        }

        impl Step {
            /// As stored; a CHECK of the table lists the same words.
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $(Self::$step => $text,)*
                }
            }

            pub(crate) fn read(text: &str) -> Option<Self> {
                [$(Self::$step),*].into_iter().find(|step| step.text() == text)
            }
        }
    };
}

steps! {
    Placed "placed"
    Authorized "authorized"
    Paid "paid"
    Declined "declined"
    Canceled "canceled"
    /// Money that the order cannot take is on its way back.
    Returning "returning"
    Returned "returned"
    /// The provider refused to give it back.
    ReturnFailed "return_failed"
    Stuck "stuck"
}

impl Step {
    /// Whether the attempt's outcome has been written: nothing more is to be done about it.
    pub(crate) const fn is_outcome(self) -> bool {
        matches!(
            self,
            Self::Paid | Self::Declined | Self::Canceled | Self::Returning
        )
    }
}

const CHECKOUT: &str = "checkout";
const REFUND: &str = "refund";

/// The journal as people read it: every row taken apart into what it did.
pub(crate) fn told(mut notes: Vec<Note>) -> Vec<JournalEntry> {
    notes.sort_by_key(|note| (note.at, note.attempt, note.step));
    let has = |attempt: AttemptId, step: Step| {
        notes
            .iter()
            .any(|note| note.attempt == attempt && note.step == step)
    };
    let mut entries = Vec::new();
    for note in &notes {
        let undone = has(note.attempt, Step::Declined) || has(note.attempt, Step::Canceled);
        let returned = has(note.attempt, Step::Returned);
        let outcome = match note.step {
            Step::Placed | Step::Authorized if undone => "undone",
            Step::Returning if returned => "done",
            Step::Returning if has(note.attempt, Step::ReturnFailed) => "failed",
            Step::Returning => "waiting",
            Step::ReturnFailed | Step::Stuck => "failed",
            _ => "done",
        };
        for (step, undo) in parts_of(note) {
            entries.push(JournalEntry {
                saga: saga_of(note.step).to_owned(),
                step: step.to_owned(),
                undo: undo.map(str::to_owned),
                outcome: outcome.to_owned(),
                detail: note.detail.clone(),
                at: note.at,
            });
        }
    }
    entries
}

const fn saga_of(step: Step) -> &'static str {
    match step {
        Step::Returning | Step::Returned | Step::ReturnFailed => REFUND,
        _ => CHECKOUT,
    }
}

/// A step and what takes it back.
type Pair = (&'static str, Option<&'static str>);

fn parts_of(note: &Note) -> Vec<Pair> {
    let Parts {
        stock,
        promotions,
        gift_cards,
    } = note.parts;
    let all: &[(bool, Pair)] = match note.step {
        Step::Placed => &[
            (true, ("order written", Some("order canceled"))),
            (
                promotions,
                ("promotions used", Some("promotions given back")),
            ),
            (gift_cards, ("gift cards held", Some("gift cards released"))),
            (true, ("payment begun", Some("payment voided"))),
            (stock, ("stock reserved", Some("stock released"))),
        ],
        Step::Authorized => &[
            (true, ("payment authorized", Some("payment voided"))),
            (
                gift_cards,
                ("gift cards spent", Some("gift cards refunded")),
            ),
            (stock, ("stock confirmed", Some("stock released"))),
        ],
        Step::Paid => &[
            (true, ("payment received", Some("payment refunded"))),
            (
                gift_cards,
                ("gift cards spent", Some("gift cards refunded")),
            ),
            (stock, ("stock confirmed", Some("stock released"))),
        ],
        Step::Declined => &[
            (true, ("payment declined", None)),
            (promotions, ("promotions given back", None)),
            (gift_cards, ("gift cards released", None)),
            (stock, ("stock released", None)),
        ],
        Step::Canceled => &[
            (true, ("order canceled", None)),
            (promotions, ("promotions given back", None)),
            (gift_cards, ("gift cards released", None)),
            (stock, ("stock released", None)),
        ],
        Step::Returning => &[(true, ("money sent back", None))],
        Step::Returned => &[(true, ("money is back", None))],
        Step::ReturnFailed => &[(true, ("money could not be sent back", None))],
        Step::Stuck => &[(true, ("reported as stuck", None))],
    };
    all.iter()
        .filter(|(there, _)| *there)
        .map(|(_, pair)| *pair)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(attempt: u128, step: Step, at: i64) -> Note {
        Note {
            order: OrderId::from_u128(1),
            attempt: AttemptId::from_u128(attempt),
            step,
            parts: Parts {
                stock: true,
                ..Parts::default()
            },
            open: false,
            detail: None,
            at: Timestamp::from_micros(at),
        }
    }

    fn lines(notes: Vec<Note>) -> Vec<String> {
        let line = |entry: JournalEntry| {
            let undo = entry.undo.unwrap_or_else(|| "-".to_owned());
            format!("{} / {undo}: {}", entry.step, entry.outcome)
        };
        told(notes).into_iter().map(line).collect()
    }

    #[test]
    fn each_step_stands_beside_its_undo() {
        let notes = vec![note(2, Step::Paid, 9), note(2, Step::Placed, 5)];
        assert_eq!(
            lines(notes),
            [
                "order written / order canceled: done",
                "payment begun / payment voided: done",
                "stock reserved / stock released: done",
                "payment received / payment refunded: done",
                "stock confirmed / stock released: done",
            ]
        );
    }

    #[test]
    fn what_a_decline_took_back_is_undone_and_the_next_attempt_is_not() {
        let notes = vec![
            note(2, Step::Placed, 1),
            note(2, Step::Declined, 2),
            note(3, Step::Placed, 3),
        ];
        let lines = lines(notes);
        assert_eq!(lines[0], "order written / order canceled: undone");
        assert_eq!(lines[3], "payment declined / -: done");
        assert_eq!(lines[5], "order written / order canceled: done");
        assert_eq!(lines.len(), 8);
    }

    #[test]
    fn money_on_its_way_back_waits_until_it_is_there() {
        assert_eq!(
            lines(vec![note(2, Step::Returning, 1)]),
            ["money sent back / -: waiting"]
        );
        let both = vec![note(2, Step::Returning, 1), note(2, Step::Returned, 2)];
        assert_eq!(
            lines(both),
            ["money sent back / -: done", "money is back / -: done"]
        );
    }

    #[test]
    fn parts_survive_their_bits_and_steps_their_words() {
        for bits in 0..8 {
            assert_eq!(Parts::of_bits(bits).bits(), bits);
        }
        for step in [Step::Placed, Step::Returned, Step::Stuck] {
            assert_eq!(Step::read(step.text()), Some(step));
        }
        assert_eq!(Step::read("?"), None);
    }
}
