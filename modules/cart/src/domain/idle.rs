//! What becomes of a cart that nobody touches. Knows no clock.

use std::time::Duration;

use stoa_contracts::cart::CartStatus;
use stoa_kernel::Timestamp;

use super::Cart;
use crate::CartConfig;

/// How long carts are kept, and when one counts as left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdleRules {
    pub(crate) expires_after: Duration,
    pub(crate) completed_kept: Duration,
    pub(crate) abandoned_after: Duration,
    pub(crate) abandoned_within: Duration,
}

impl IdleRules {
    pub(crate) fn of(config: &CartConfig) -> Self {
        Self {
            expires_after: config.expires_after,
            completed_kept: config.completed_kept,
            abandoned_after: config.abandoned_after,
            abandoned_within: config.abandoned_within,
        }
    }

    /// When the sweep must look at a cart that was changed just `now`, if sooner than it would.
    pub(crate) fn sooner(&self, cart: &Cart, now: Timestamp) -> Option<Timestamp> {
        let soon = now.plus(self.abandoned_after);
        let may_be_told = cart.email.is_some() && cart.abandoned_at.is_none();
        let later = cart.look_at.is_none_or(|at| at > soon);
        (may_be_told && later).then_some(soon)
    }

    /// When the cart is removed if nobody touches it.
    pub(crate) fn expiry(&self, cart: &Cart) -> Timestamp {
        cart.updated_at.plus(match cart.status {
            CartStatus::Open | CartStatus::Frozen => self.expires_after,
            CartStatus::Completed => self.completed_kept,
        })
    }

    /// What the sweep does with a cart that it looks at.
    pub(crate) fn step(&self, cart: &Cart, now: Timestamp) -> Step {
        if cart.status == CartStatus::Frozen {
            // Whatever ends the payment sets the next look.
            return Step::Look(None);
        }
        let expiry = self.expiry(cart);
        if expiry <= now {
            return Step::Remove;
        }
        let told_by_nobody = cart.abandoned_at.is_none() && cart.status == CartStatus::Open;
        if cart.email.is_none() || cart.lines.is_empty() || !told_by_nobody {
            return Step::Look(Some(expiry));
        }
        let left_at = cart.updated_at.plus(self.abandoned_after);
        if left_at > now {
            return Step::Look(Some(left_at));
        }
        match now <= cart.updated_at.plus(self.abandoned_within) {
            true => Step::Tell { next: expiry },
            false => Step::Look(Some(expiry)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Remove,
    /// Tells that it was left behind, and looks again then.
    Tell {
        next: Timestamp,
    },
    /// Looks again then, or when something sets the time.
    Look(Option<Timestamp>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::cart;

    const RULES: IdleRules = IdleRules {
        expires_after: Duration::from_secs(1_000),
        completed_kept: Duration::from_secs(2_000),
        abandoned_after: Duration::from_secs(10),
        abandoned_within: Duration::from_secs(100),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }
    /// With a line and an e-mail address, touched at 0.
    fn left() -> Cart {
        Cart {
            email: Some("jo@example.com".to_owned()),
            ..cart(1)
        }
    }

    #[test]
    fn a_cart_with_lines_and_an_address_is_told_of_once_and_not_too_late() {
        assert_eq!(RULES.step(&left(), at(9)), Step::Look(Some(at(10))));
        let told = Step::Tell { next: at(1_000) };
        assert_eq!(RULES.step(&left(), at(10)), told);
        assert_eq!(RULES.step(&left(), at(100)), told);
        let later = Step::Look(Some(at(1_000)));
        assert_eq!(RULES.step(&left(), at(101)), later);
        for nobody_to_tell in [
            cart(1),
            Cart {
                lines: Vec::new(),
                ..left()
            },
            Cart {
                abandoned_at: Some(at(10)),
                ..left()
            },
        ] {
            assert_eq!(RULES.step(&nobody_to_tell, at(50)), later);
        }
    }

    #[test]
    fn open_carts_expire_completed_ones_stay_longer_and_frozen_ones_wait_for_their_payment() {
        let with = |status| Cart { status, ..left() };
        assert_eq!(RULES.step(&left(), at(1_000)), Step::Remove);
        let completed = with(CartStatus::Completed);
        assert_eq!(
            RULES.step(&completed, at(1_999)),
            Step::Look(Some(at(2_000)))
        );
        assert_eq!(RULES.step(&completed, at(2_000)), Step::Remove);
        let frozen = with(CartStatus::Frozen);
        assert_eq!(RULES.step(&frozen, at(9_000)), Step::Look(None));
    }

    #[test]
    fn a_change_moves_the_look_only_to_be_sooner() {
        let looked = |look_at, cart: Cart| {
            let cart = Cart { look_at, ..cart };
            RULES.sooner(&cart, at(5))
        };
        assert_eq!(looked(Some(at(1_000)), left()), Some(at(15)));
        assert_eq!(looked(None, left()), Some(at(15)));
        assert_eq!(looked(Some(at(15)), left()), None);
        assert_eq!(looked(Some(at(3)), left()), None);
        assert_eq!(looked(Some(at(1_000)), cart(1)), None);
        let told = Cart {
            abandoned_at: Some(at(1)),
            ..left()
        };
        assert_eq!(looked(Some(at(1_000)), told), None);
    }
}
