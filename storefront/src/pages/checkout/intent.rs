//! Which button of the checkout was pressed. Does nothing itself.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Pay,
    /// Save what was typed and show the total.
    Update,
    Coupon,
    Gift,
    /// By their place on the page.
    DropCoupon(usize),
    DropGift(usize),
    /// The same things as a new order.
    Anew,
}

impl Intent {
    /// A client that presses no button wants to pay.
    pub(super) fn of(sent: &str) -> Self {
        let (word, at) = sent.split_once(':').unwrap_or((sent, ""));
        let at = at.parse::<usize>().ok();
        match (word, at) {
            ("update", _) => Self::Update,
            ("coupon", _) => Self::Coupon,
            ("gift", _) => Self::Gift,
            ("anew", _) => Self::Anew,
            ("drop-coupon", Some(at)) => Self::DropCoupon(at),
            ("drop-gift", Some(at)) => Self::DropGift(at),
            // Never pay by a button that is not known.
            ("drop-coupon" | "drop-gift", None) => Self::Update,
            ("" | "pay", _) => Self::Pay,
            _ => Self::Update,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pay_pays() {
        assert_eq!(Intent::of(""), Intent::Pay);
        assert_eq!(Intent::of("pay"), Intent::Pay);
        assert_eq!(Intent::of("drop-gift:1"), Intent::DropGift(1));
        assert_eq!(Intent::of("drop-coupon:0"), Intent::DropCoupon(0));
        for harmless in ["update", "buy", "drop-gift:x", "drop-coupon"] {
            assert_eq!(Intent::of(harmless), Intent::Update, "{harmless}");
        }
    }
}
