//! One change of a level, kept forever. Changes nothing itself.

use stoa_kernel::{LocationId, OrderId, Timestamp, TransferId, VariantId};

use super::Delta;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MovementKind {
    /// The level was set, by a person or an import.
    Set,
    Reserve,
    Release,
    /// So many more or fewer, for a reason.
    Adjust,
    /// The shelf was counted.
    Count,
    Ship,
    Unship,
    Restock,
    /// Left for another place.
    TransferOut,
    /// On its way here.
    TransferDue,
    /// Arrived.
    TransferIn,
    /// Came back, for the transfer was canceled.
    TransferBack,
    /// No longer on its way here.
    TransferVoid,
    /// Nothing moved: the place began or ceased to count.
    Place,
}

impl MovementKind {
    const ALL: [Self; 14] = [
        Self::Set,
        Self::Reserve,
        Self::Release,
        Self::Adjust,
        Self::Count,
        Self::Ship,
        Self::Unship,
        Self::Restock,
        Self::TransferOut,
        Self::TransferDue,
        Self::TransferIn,
        Self::TransferBack,
        Self::TransferVoid,
        Self::Place,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Adjust => "adjust",
            Self::Count => "count",
            Self::Ship => "ship",
            Self::Unship => "unship",
            Self::Restock => "restock",
            Self::TransferOut => "transfer_out",
            Self::TransferDue => "transfer_due",
            Self::TransferIn => "transfer_in",
            Self::TransferBack => "transfer_back",
            Self::TransferVoid => "transfer_void",
            Self::Place => "place",
        }
    }

    /// The first three kinds, in which the others are kept.
    pub(crate) const fn coarse(self) -> &'static str {
        match self {
            Self::Reserve | Self::Unship => "reserve",
            Self::Release | Self::Ship => "release",
            _ => "set",
        }
    }

    /// What is kept beside [`Self::coarse`].
    pub(crate) const fn fine(self) -> Option<&'static str> {
        match self {
            Self::Set | Self::Reserve | Self::Release => None,
            other => Some(other.as_str()),
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) variant: VariantId,
    pub(crate) location: LocationId,
    /// The version this change gave the level.
    pub(crate) level_version: i64,
    pub(crate) kind: MovementKind,
    pub(crate) delta: Delta,
    pub(crate) order: Option<OrderId>,
    pub(crate) transfer: Option<TransferId>,
    pub(crate) reason: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_what_is_stored_of_it() {
        for kind in MovementKind::ALL {
            let stored = kind.fine().unwrap_or(kind.coarse());
            assert_eq!(MovementKind::named(stored), Some(kind));
        }
        assert_eq!(MovementKind::named("sold"), None);
    }
}
