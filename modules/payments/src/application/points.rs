//! The steps of a payment, and the points at which a test may stop the process in each.

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Prepare,
    /// Marks that the confirmation may have been sent from now on.
    Mark,
    Confirm,
    Capture,
    Void,
    Refund,
    Query,
}

pub(super) struct Points {
    pub(super) name: &'static str,
    pub(super) before_call: &'static str,
    pub(super) after_call: &'static str,
    pub(super) before_commit: &'static str,
    pub(super) after_commit: &'static str,
}

macro_rules! points {
    ($step:literal) => {
        Points {
            name: $step,
            before_call: concat!("payments.", $step, ".before_call"),
            after_call: concat!("payments.", $step, ".after_call"),
            before_commit: concat!("payments.", $step, ".before_commit"),
            after_commit: concat!("payments.", $step, ".after_commit"),
        }
    };
}

impl Step {
    pub(super) const fn points(self) -> Points {
        match self {
            Self::Prepare => points!("prepare"),
            Self::Mark => points!("mark"),
            Self::Confirm => points!("confirm"),
            Self::Capture => points!("capture"),
            Self::Void => points!("void"),
            Self::Refund => points!("refund"),
            Self::Query => points!("query"),
        }
    }
}
