//! How a guest's cart joins the cart a customer has already. Accepts no price for anybody.

use stoa_kernel::{QUANTITY_MAX, Quantity};

use super::wish::{COUPONS_PER_CART_MAX, holds_code};
use super::{Cart, LINES_PER_CART_MAX, LeftOut, Line};

/// What the customer's cart becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) cart: Cart,
    /// Its lines that are new or have grown.
    pub(crate) changed: Vec<Line>,
}

/// Quantities of one variant are summed, other lines go to the end, both up to the bounds of a
/// cart; what finds no room is told. A line keeps the price it showed, so that a change of price
/// is still told. What the customer's cart says of itself stays, what it lacks the guest's fills.
pub(crate) fn merged(own: Cart, guest: &Cart) -> Merged {
    let mut cart = own;
    let mut changed = Vec::new();
    for added in &guest.lines {
        match cart.grow(added.variant, added.quantity, added.id) {
            Ok(at) => {
                let line = &mut cart.lines[at];
                if line.id == added.id {
                    line.shown = added.shown.clone();
                }
                changed.push(line.clone());
            }
            Err(_) => {
                let room = filled(&mut cart, added, &mut changed);
                leave_out(&mut cart, added, added.quantity.as_i64() - room);
            }
        }
    }
    for code in &guest.coupons {
        if cart.coupons.len() < COUPONS_PER_CART_MAX && !holds_code(&cart.coupons, code) {
            cart.coupons.push(code.clone());
        }
    }
    cart.email = cart.email.or_else(|| guest.email.clone());
    if cart.shipping_address.is_none() {
        cart.shipping_address = guest.shipping_address.clone();
        // It was chosen for that address.
        cart.shipping_option_id = cart
            .shipping_option_id
            .or_else(|| guest.shipping_option_id.clone());
    }
    cart.billing_address = cart
        .billing_address
        .or_else(|| guest.billing_address.clone());
    cart.note = cart.note.or_else(|| guest.note.clone());
    Merged { cart, changed }
}

/// Fills the variant's line, if there is one, to the brim; returns how many units went in.
fn filled(cart: &mut Cart, added: &Line, changed: &mut Vec<Line>) -> i64 {
    let Some(line) = cart
        .lines
        .iter_mut()
        .find(|line| line.variant == added.variant)
    else {
        return 0;
    };
    let room = i64::from(QUANTITY_MAX) - line.quantity.as_i64();
    if room > 0 {
        line.quantity = brim();
        changed.push(line.clone());
    }
    room
}

fn brim() -> Quantity {
    Quantity::new(QUANTITY_MAX).expect("the bound itself is a quantity")
}

fn leave_out(cart: &mut Cart, line: &Line, units: i64) {
    // What was told before and never seen makes room for what is news.
    if cart.left_out.len() >= LINES_PER_CART_MAX {
        cart.left_out.remove(0);
    }
    cart.left_out.push(LeftOut {
        variant: line.variant,
        title: line.shown.title.clone(),
        units,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{address, cart};
    use stoa_kernel::{LineId, VariantId};

    fn line(id: u128, variant: u128, quantity: u32, price: i64) -> Line {
        let mut line = cart(1).lines.remove(0);
        line.id = LineId::from_u128(id);
        line.variant = VariantId::from_u128(variant);
        line.quantity = Quantity::new(quantity).expect("from 1 up");
        line.shown.unit_price = price;
        line
    }
    fn with(lines: Vec<Line>) -> Cart {
        Cart { lines, ..cart(0) }
    }

    #[test]
    fn quantities_sum_up_and_each_line_keeps_the_price_it_showed() {
        let own = with(vec![line(1, 1, 2, 100)]);
        let guest = with(vec![line(8, 1, 3, 90), line(9, 2, 1, 50)]);
        let merged = merged(own, &guest);
        let shown: Vec<_> = merged
            .cart
            .lines
            .iter()
            .map(|line| {
                (
                    line.id.as_u128(),
                    line.quantity.get(),
                    line.shown.unit_price,
                )
            })
            .collect();
        assert_eq!(shown, [(1, 5, 100), (9, 1, 50)]);
        assert_eq!(merged.changed, merged.cart.lines);
        assert_eq!(merged.cart.left_out, []);
        assert!(merged.cart.lines[0].place < merged.cart.lines[1].place);
    }

    #[test]
    fn what_finds_no_room_is_told() {
        let own = with(vec![line(1, 1, 999_999, 100)]);
        let merged_one = merged(own, &with(vec![line(8, 1, 3, 90)]));
        assert_eq!(merged_one.cart.lines[0].quantity, brim());
        let told = |cart: &Cart| -> Vec<(u128, i64)> {
            let told = cart.left_out.iter();
            told.map(|out| (out.variant.as_u128(), out.units)).collect()
        };
        assert_eq!(told(&merged_one.cart), [(1, 2)]);
        let full = merged(
            cart(LINES_PER_CART_MAX as u128),
            &with(vec![line(998, 999, 7, 90), line(997, 5, 2, 90)]),
        );
        assert_eq!(told(&full.cart), [(999, 7)]);
        assert_eq!(full.cart.lines.len(), LINES_PER_CART_MAX);
        assert_eq!(full.changed.len(), 1, "the fifth line grew");
    }

    #[test]
    fn the_guests_words_fill_only_what_the_customers_cart_lacks() {
        let codes = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
        let guest = Cart {
            email: Some("guest@example.com".to_owned()),
            coupons: codes(&["save10", "NEW"]),
            shipping_address: Some(address("DE")),
            shipping_option_id: Some("express".to_owned()),
            note: Some("Ring twice".to_owned()),
            ..cart(0)
        };
        let lacking = merged(cart(0), &guest).cart;
        assert_eq!(lacking.email, guest.email);
        assert_eq!(lacking.shipping_address, guest.shipping_address);
        assert_eq!(lacking.shipping_option_id, guest.shipping_option_id);
        assert_eq!(lacking.note, guest.note);
        let own = Cart {
            email: Some("own@example.com".to_owned()),
            coupons: codes(&["SAVE10"]),
            shipping_address: Some(address("GR")),
            note: Some("No bell".to_owned()),
            ..cart(0)
        };
        let kept = merged(own.clone(), &guest).cart;
        assert_eq!(
            kept,
            Cart {
                coupons: codes(&["SAVE10", "NEW"]),
                ..own
            }
        );
    }
}
