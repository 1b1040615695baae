//! Stock on its way between two places: its states, and what each step moves. Knows no database.

use std::collections::BTreeMap;

use stoa_kernel::{LocationId, Timestamp, TransferId, VariantId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferStatus {
    /// Written down; nothing has moved.
    Draft,
    InTransit,
    /// All of it arrived.
    Done,
    /// What had not arrived by then is back at the origin.
    Canceled,
}

impl TransferStatus {
    pub(crate) const ALL: [Self; 4] = [Self::Draft, Self::InTransit, Self::Done, Self::Canceled];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InTransit => "in_transit",
            Self::Done => "done",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransferLine {
    pub(crate) variant: VariantId,
    pub(crate) units: i64,
    pub(crate) received: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) id: TransferId,
    pub(crate) origin: LocationId,
    pub(crate) destination: LocationId,
    pub(crate) status: TransferStatus,
    pub(crate) note: Option<String>,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// In variant order, each variant once.
    pub(crate) lines: Vec<TransferLine>,
}

/// Units that arrive, in variant order.
pub(crate) type Receipt = BTreeMap<VariantId, i64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransferRefused {
    #[error("the transfer is {}", .status.as_str())]
    Status { status: TransferStatus },
    #[error("{asked} of {variant} are to arrive, {due} are on their way")]
    MoreThanDue {
        variant: VariantId,
        asked: i64,
        due: i64,
    },
}

impl Transfer {
    /// Units that have not arrived, where there are any.
    pub(crate) fn due(&self) -> Receipt {
        let due = self.lines.iter();
        due.map(|line| (line.variant, line.units - line.received))
            .filter(|&(_, units)| units > 0)
            .collect()
    }

    pub(crate) fn send(&mut self) -> Result<Receipt, TransferRefused> {
        self.must_be(&[TransferStatus::Draft])?;
        self.status = TransferStatus::InTransit;
        Ok(self.due())
    }

    /// `None` receives all that is due.
    pub(crate) fn receive(&mut self, asked: Option<Receipt>) -> Result<Receipt, TransferRefused> {
        self.must_be(&[TransferStatus::InTransit])?;
        let due = self.due();
        let arrives = asked.unwrap_or_else(|| due.clone());
        for (&variant, &asked) in &arrives {
            let due = due.get(&variant).copied().unwrap_or(0);
            if asked > due {
                return Err(TransferRefused::MoreThanDue {
                    variant,
                    asked,
                    due,
                });
            }
        }
        for line in &mut self.lines {
            line.received += arrives.get(&line.variant).copied().unwrap_or(0);
        }
        if self.due().is_empty() {
            self.status = TransferStatus::Done;
        }
        Ok(arrives)
    }

    /// What goes back to the origin.
    pub(crate) fn cancel(&mut self) -> Result<Receipt, TransferRefused> {
        self.must_be(&[TransferStatus::Draft, TransferStatus::InTransit])?;
        let was = std::mem::replace(&mut self.status, TransferStatus::Canceled);
        Ok(match was {
            TransferStatus::InTransit => self.due(),
            _ => Receipt::new(),
        })
    }

    fn must_be(&self, one_of: &[TransferStatus]) -> Result<(), TransferRefused> {
        match one_of.contains(&self.status) {
            true => Ok(()),
            false => Err(TransferRefused::Status {
                status: self.status,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: VariantId = VariantId::from_u128(1);
    const B: VariantId = VariantId::from_u128(2);

    fn transfer() -> Transfer {
        let line = |variant, units| TransferLine {
            variant,
            units,
            received: 0,
        };
        Transfer {
            id: TransferId::from_u128(1),
            origin: LocationId::from_u128(0),
            destination: LocationId::from_u128(1),
            status: TransferStatus::Draft,
            note: None,
            version: 1,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            lines: vec![line(A, 5), line(B, 2)],
        }
    }

    #[test]
    fn what_arrives_in_parts_is_done_with_the_last() {
        let mut on_way = transfer();
        assert_eq!(
            on_way.receive(None),
            Err(TransferRefused::Status {
                status: TransferStatus::Draft
            })
        );
        assert_eq!(on_way.send(), Ok(Receipt::from([(A, 5), (B, 2)])));
        let part = Receipt::from([(A, 4)]);
        assert_eq!(on_way.receive(Some(part.clone())), Ok(part));
        assert_eq!(on_way.status, TransferStatus::InTransit);
        assert_eq!(
            on_way.receive(Some(Receipt::from([(A, 2)]))),
            Err(TransferRefused::MoreThanDue {
                variant: A,
                asked: 2,
                due: 1
            })
        );
        assert_eq!(on_way.receive(None), Ok(Receipt::from([(A, 1), (B, 2)])));
        assert_eq!(on_way.status, TransferStatus::Done);
        assert!(on_way.cancel().is_err());
    }

    #[test]
    fn canceling_sends_back_only_what_is_on_its_way() {
        let mut draft = transfer();
        assert_eq!(draft.cancel(), Ok(Receipt::new()));
        let mut on_way = transfer();
        on_way.send().expect("a draft");
        let part = Receipt::from([(A, 4)]);
        on_way.receive(Some(part)).expect("within what is due");
        assert_eq!(on_way.cancel(), Ok(Receipt::from([(A, 1), (B, 2)])));
        assert_eq!(on_way.status, TransferStatus::Canceled);
    }
}
