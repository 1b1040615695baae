//! A cart as its page and its drawer print it. Decides nothing.

use stoa_contracts::cart::{CartLineView, CartNotice, CartStatus, CartView as Cart};
use stoa_kernel::{LineId, Money};

use super::Said;
use crate::pages::basket::units;
use crate::pages::collection::ALL_PRODUCTS;
use crate::pages::coupons;
use crate::pages::product::UNITS_PER_LINE_MAX;
use crate::pages::shown::{Lens, cart_totals, notice_words};
use crate::present::money;
use crate::sums::{Sums, totals};
use crate::views::{CartLine, CartView, CouponBox, Frame, Meta, NoteBox};
use crate::visit::{Visit, collection_url, product_url};
use crate::words::say;

const NOTE_LENGTH_MAX: usize = 1_000;

pub(super) fn cart_view(frame: Frame, lens: Lens<'_>, cart: &Cart, said: &Said) -> CartView {
    let lines = cart.lines.iter();
    let lines: Vec<CartLine> = lines
        .map(|line| line_view(lens, cart, line, said))
        .collect();
    let (coupon_typed, coupon_error) = typed(said.coupon.as_ref());
    let (note_typed, note_error) = typed(said.note.as_ref());
    let changed = |notice: &CartNotice| matches!(notice, CartNotice::PriceChanged { .. });
    CartView {
        meta: Meta::private(format!("{} · {}", say("Cart"), frame.shop_name)),
        frame: Frame {
            cart_count: units(cart),
            prices_include_tax: cart.tax_inclusive,
            notice: said.notice.clone(),
            ..frame
        },
        can_checkout: cart.lines.iter().all(|line| line.available),
        lines,
        totals: cart_totals(cart, cart.shipping_option_id.is_some()),
        coupons: CouponBox {
            codes: coupons::tags(cart),
            typed: coupon_typed,
            error: coupon_error,
        },
        note: NoteBox {
            text: match &note_error {
                Some(_) => note_typed,
                None => cart.note.clone().unwrap_or_default(),
            },
            length_max: NOTE_LENGTH_MAX,
            error: note_error,
        },
        notices: notice_words(cart),
        accept: cart.notices.iter().any(changed),
        frozen: cart.status == CartStatus::Frozen,
        continue_url: collection_url(ALL_PRODUCTS),
    }
}

fn typed(said: Option<&(String, String)>) -> (String, Option<String>) {
    said.map_or((String::new(), None), |(typed, error)| {
        (typed.clone(), Some(error.clone()))
    })
}

fn line_view(lens: Lens<'_>, cart: &Cart, line: &CartLineView, said: &Said) -> CartLine {
    let shown = lens.cart_line(line);
    let problem = said.problem.as_ref();
    let problem = problem.filter(|problem| problem.line == line.id);
    let action = format!("/cart/lines/{}", line.id);
    let available = short(cart, line.id);
    CartLine {
        title: shown.title,
        variant: shown.variant,
        url: product_url(&line.product_handle),
        image: shown.image,
        unit_price: shown.unit_price,
        price_was: before(cart, line.id).map(money),
        quantity: problem
            .and_then(|problem| problem.typed)
            .unwrap_or(shown.quantity),
        quantity_max: UNITS_PER_LINE_MAX,
        total: shown.total,
        discounts: shown.discounts,
        remove_action: format!("{action}/remove"),
        action,
        problem: match problem {
            Some(problem) => Some(problem.message.clone()),
            None => (!line.available).then(|| say(why_not(available))),
        },
        offer: available.and_then(|left| u32::try_from(left).ok().filter(|left| *left > 0)),
    }
}

fn why_not(available: Option<i64>) -> &'static str {
    match available {
        Some(..=0) => "This is sold out. Remove it to go on.",
        Some(_) => "There is not enough of this left.",
        None => "This is not sold any more. Remove it to go on.",
    }
}

fn short(cart: &Cart, line: LineId) -> Option<i64> {
    let mut notices = cart.notices.iter();
    notices.find_map(|notice| match notice {
        CartNotice::StockShort { line_id, available } if *line_id == line => Some(*available),
        _ => None,
    })
}

fn before(cart: &Cart, line: LineId) -> Option<Money> {
    let mut notices = cart.notices.iter();
    notices.find_map(|notice| match notice {
        CartNotice::PriceChanged {
            line_id, before, ..
        } if *line_id == line => Some(*before),
        _ => None,
    })
}

pub(super) fn empty_view(frame: Frame, visit: &Visit, said: &Said) -> CartView {
    let zero = Money::zero(visit.currency);
    CartView {
        meta: Meta::private(format!("{} · {}", say("Cart"), frame.shop_name)),
        frame: Frame {
            notice: said.notice.clone(),
            ..frame
        },
        lines: Vec::new(),
        totals: totals(&Sums {
            subtotal: zero,
            discounts: Vec::new(),
            shipping: None,
            taxes: Vec::new(),
            total: zero,
            tax_included: false,
        }),
        coupons: CouponBox::default(),
        note: NoteBox::default(),
        notices: Vec::new(),
        accept: false,
        can_checkout: false,
        frozen: false,
        continue_url: collection_url(ALL_PRODUCTS),
    }
}
