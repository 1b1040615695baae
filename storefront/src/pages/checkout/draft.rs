//! A checkout as it was typed so far, on its page. Prices and checks nothing.

use axum::response::Response;
use stoa_contracts::cart::CartView as Cart;
use stoa_contracts::payments::PaymentMethod;
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::Money;
use stoa_rest::StatusCode;

use super::input::summary_error;
use super::{Trouble, private_page};
use crate::form::{CheckoutErrors, CheckoutInput, checkout_fields, countries};
use crate::pages::basket::units;
use crate::pages::coupons;
use crate::pages::gifts::{self, Gifts, pay_label};
use crate::pages::shown::{cart_totals, notice_words};
use crate::pages::till::{change, shown_total};
use crate::payment::{has_manual, payment_step};
use crate::present::money;
use crate::shop::Shop;
use crate::views::{
    CheckoutView, CouponBox, FormError, Frame, LineFix, Meta, Notice, ShippingChoice, ShippingStep,
};
use crate::visit::Visit;
use crate::words::say;

/// A checkout page to be.
pub(super) struct Draft {
    pub(super) input: CheckoutInput,
    pub(super) errors: Vec<FormError>,
    pub(super) fixes: Vec<LineFix>,
    /// What the shopper saw, where it is another total now.
    pub(super) changed: Option<(Money, Money)>,
    /// Payment was tried too often.
    pub(super) start_over: bool,
    pub(super) notice: Option<Notice>,
    /// The hidden idempotency key.
    pub(super) key: String,
    /// What gift cards pay, where they were asked already.
    pub(super) gifts: Option<Gifts>,
}

/// What a draft is printed for.
pub(super) struct Sheet<'a> {
    pub(super) shop: &'a Shop,
    pub(super) visit: &'a Visit,
    pub(super) cart: &'a Cart,
    pub(super) options: &'a [ShippingOption],
}

impl Draft {
    pub(super) fn new(input: CheckoutInput, key: String) -> Self {
        Self {
            input,
            errors: Vec::new(),
            fixes: Vec::new(),
            changed: None,
            start_over: false,
            notice: None,
            key,
            gifts: None,
        }
    }

    pub(super) async fn page(
        mut self,
        sheet: &Sheet<'_>,
        status: StatusCode,
    ) -> Result<Response, Trouble> {
        let Sheet {
            shop, visit, cart, ..
        } = *sheet;
        let frame = shop.plain_frame(visit).await?;
        let methods = shop.methods(visit).await?;
        let gifts = match self.gifts.take() {
            Some(gifts) => gifts,
            None => {
                let codes = gifts::codes_of(&self.input.gift_cards, "");
                gifts::look(shop, visit, &codes, cart.totals.total).await?
            }
        };
        let view = self.view(sheet, frame, &methods, &gifts);
        Ok(private_page(status, shop.theme.checkout(&view)?))
    }

    fn view(
        self,
        sheet: &Sheet<'_>,
        frame: Frame,
        methods: &[PaymentMethod],
        gifts: &Gifts,
    ) -> CheckoutView {
        let (cart, lens) = (sheet.cart, sheet.shop.lens(sheet.visit));
        let total = cart.totals.total;
        let due = Money::new(total.amount - gifts.pays.amount, total.currency);
        let mut errors = CheckoutErrors(self.errors);
        let paying = payment_step(methods, &self.input.payment, None, due.amount > 0);
        if paying.needed && paying.choices.is_empty() {
            let none = "This shop cannot take payments on this page.";
            errors.0.push(summary_error(none));
        }
        let [email, name, line1, line2, city, region, postal_code] =
            checkout_fields(&self.input, &errors);
        let part = (gifts.pays.amount > 0).then_some(due);
        let shipping_known = cart.shipping_option_id.is_some() || sheet.options.is_empty();
        let mut gift_box = gifts.shown.clone();
        gift_box.error = errors.on("gift_card").or(gift_box.error);
        CheckoutView {
            meta: Meta::private(format!("{} · {}", say("Checkout"), frame.shop_name)),
            frame: Frame {
                cart_count: units(cart),
                prices_include_tax: cart.tax_inclusive,
                notice: self.notice,
                ..frame
            },
            action: "/checkout".to_owned(),
            idempotency_key: self.key,
            expected_total: shown_total(total),
            expected_due: shown_total(due),
            errors_title: errors.title(),
            fixes: self.fixes,
            changed: self.changed.map(|(before, now)| change(before, now)),
            notices: notice_words(cart),
            start_over: self.start_over,
            country: countries(&self.input.country, errors.on("country")),
            email,
            name,
            line1,
            line2,
            city,
            region,
            postal_code,
            shipping: ShippingStep {
                options: shipping_choices(sheet),
                error: errors.on("shipping_option_id"),
            },
            payment: crate::views::PaymentStep {
                error: errors.on("payment"),
                ..paying
            },
            coupons: CouponBox {
                codes: coupons::tags(cart),
                typed: self.input.coupon,
                error: errors.on("coupon"),
            },
            gifts: gift_box,
            lines: cart.lines.iter().map(|line| lens.cart_line(line)).collect(),
            totals: cart_totals(cart, shipping_known).settle(&[("Gift cards", gifts.pays)], part),
            pay_label: pay_label(due, has_manual(methods)),
            errors: errors.0,
        }
    }
}

fn shipping_choices(sheet: &Sheet<'_>) -> Vec<ShippingChoice> {
    let chosen = sheet.cart.shipping_option_id.as_ref();
    let choice = |option: &ShippingOption| ShippingChoice {
        id: option.id.clone(),
        title: option.name.clone(),
        detail: None,
        selected: chosen == Some(&option.id),
        price: match option.price.amount {
            0 => say("Free"),
            _ => money(option.price),
        },
    };
    sheet.options.iter().map(choice).collect()
}
