//! Sample views of the sale: cart, checkout, order, mail and errors. The figures add up.

use stoa_kernel::{Money, Timestamp};
use stoa_storefront::{
    CartLine, CartView, CheckoutErrors, CheckoutInput, CheckoutView, ErrorView, FormError, Frame,
    Link, MailRow, MailView, MailboxView, Meta, Notice, NoticeTone, OrderState, OrderView,
    PaymentStep, ShippingChoice, ShippingStep, SummaryLine, Sums, Totals, checkout_fields,
    countries, day, money, test_payments, totals,
};

use crate::samples::{eur, frame, picture};

const PLACED_AT: Timestamp = Timestamp::from_micros(1_779_000_000_000_000);

fn sums(shipping: Option<Money>, total: Money) -> Totals {
    totals(&Sums {
        subtotal: eur(21200),
        discount: None,
        shipping,
        tax: eur(3385),
        total,
        tax_included: true,
    })
}

fn lines() -> Vec<SummaryLine> {
    let line =
        |handle: &str, title: &str, variant: Option<&str>, quantity, unit, total| SummaryLine {
            title: title.to_owned(),
            variant: variant.map(str::to_owned),
            image: Some(picture(handle, "")),
            quantity,
            unit_price: money(eur(unit)),
            total: money(eur(total)),
        };
    vec![
        line(
            "harbour-mug",
            "Harbour Mug",
            Some("Oat / Small"),
            2,
            2400,
            4800,
        ),
        line(
            "enamel-casserole",
            "Enamel Casserole, 4 L",
            Some("Forest"),
            1,
            16400,
            16400,
        ),
    ]
}

/// With `problem`, one line stops the checkout.
pub(crate) fn cart(problem: bool) -> CartView {
    let cart_lines = lines()
        .into_iter()
        .zip(["harbour-mug", "enamel-casserole"])
        .zip(1..)
        .map(|((line, handle), number)| CartLine {
            url: format!("/products/{handle}"),
            quantity_max: 10,
            action: format!("/cart/lines/line_{number}"),
            remove_action: format!("/cart/lines/line_{number}/remove"),
            problem: (problem && number == 2)
                .then(|| "Only 1 left, and somebody else is looking at it.".to_owned()),
            title: line.title,
            variant: line.variant,
            image: line.image,
            unit_price: line.unit_price,
            quantity: line.quantity,
            total: line.total,
        })
        .collect();
    CartView {
        frame: Frame {
            notice: Some(Notice {
                tone: NoticeTone::Good,
                text: "Harbour Mug is in your cart.".to_owned(),
            }),
            ..frame("")
        },
        meta: Meta::private("Cart · Marram"),
        lines: cart_lines,
        totals: sums(None, eur(21200)),
        can_checkout: !problem,
        continue_url: "/".to_owned(),
    }
}

pub(crate) fn cart_empty() -> CartView {
    CartView {
        frame: Frame {
            cart_count: 0,
            ..frame("")
        },
        lines: Vec::new(),
        can_checkout: false,
        ..cart(false)
    }
}

pub(crate) fn checkout(errors: Vec<FormError>) -> CheckoutView {
    let errors = CheckoutErrors(errors);
    let input = CheckoutInput {
        email: if errors.0.is_empty() {
            "ida@example.com"
        } else {
            "ida.example.com"
        }
        .to_owned(),
        name: "Ida Lindqvist".to_owned(),
        line1: "Storgatan 12".to_owned(),
        city: "Malmö".to_owned(),
        country: "SE".to_owned(),
        ..CheckoutInput::default()
    };
    let [email, name, line1, line2, city, region, postal_code] = checkout_fields(&input, &errors);
    let option = |id: &str, title: &str, detail: &str, fee: i64, selected| ShippingChoice {
        id: id.to_owned(),
        title: title.to_owned(),
        detail: Some(detail.to_owned()),
        selected,
        price: if fee == 0 {
            "Free".to_owned()
        } else {
            money(eur(fee))
        },
    };
    CheckoutView {
        frame: frame(""),
        meta: Meta::private("Checkout · Marram"),
        action: "/checkout".to_owned(),
        idempotency_key: "key-7f3a".to_owned(),
        expected_total: "21690 EUR".to_owned(),
        errors_title: errors.title(),
        country: countries(&input.country, errors.on("country")),
        email,
        name,
        line1,
        line2,
        city,
        region,
        postal_code,
        shipping: ShippingStep {
            options: vec![
                option("standard", "Standard", "3 to 5 working days", 490, true),
                option("express", "Express", "The next working day", 1290, false),
                option(
                    "pickup",
                    "Collect from the workshop",
                    "Tuesdays to Saturdays",
                    0,
                    false,
                ),
            ],
            error: errors.on("shipping_option_id"),
        },
        payment: PaymentStep {
            provider: "test".to_owned(),
            test: true,
            choices: test_payments(""),
            error: errors.on("payment_token"),
        },
        lines: lines(),
        totals: sums(Some(eur(490)), eur(21690)),
        errors: errors.0,
    }
}

pub(crate) fn checkout_with_errors() -> CheckoutView {
    let error = |field: &str, message: &str| FormError {
        field: Some(field.to_owned()),
        message: message.to_owned(),
    };
    checkout(vec![
        error("email", "Enter an e-mail address such as name@example.com"),
        error("postal_code", "Enter a postal code"),
    ])
}

pub(crate) fn order(state: OrderState) -> OrderView {
    let (headline, text, action) = match state {
        OrderState::Processing => (
            "Your payment is on its way",
            "This takes a few seconds. The page follows by itself; please do not pay again.",
            None,
        ),
        OrderState::Paid => (
            "Thank you, Ida",
            "Your order is paid. A confirmation is on its way to your mailbox.",
            None,
        ),
        OrderState::Declined => (
            "The bank said no",
            "Nothing was charged and your things are still set aside for you.",
            Some(Link::new("Try again", "/checkout")),
        ),
        OrderState::RequiresAction => (
            "Your bank has a question",
            "Confirm the payment on your bank’s page, then you come back here.",
            Some(Link::new("Continue to your bank", "/bank")),
        ),
        OrderState::Canceled => (
            "This order was canceled",
            "Nothing was charged. Your cart is as you left it.",
            Some(Link::new("Back to the cart", "/cart")),
        ),
    };
    OrderView {
        frame: Frame {
            cart_count: 0,
            ..frame("")
        },
        meta: Meta::private("Order 1042 · Marram"),
        state,
        headline: headline.to_owned(),
        text: text.to_owned(),
        action,
        number: "1042".to_owned(),
        placed_on: Some(day(PLACED_AT)),
        test: true,
        lines: lines(),
        totals: sums(Some(eur(490)), eur(21690)),
        address: ["Ida Lindqvist", "Storgatan 12", "211 42 Malmö", "Sweden"]
            .map(str::to_owned)
            .to_vec(),
        email: Some("ida@example.com".to_owned()),
        watch_url: Some("/api/v1/checkouts/status?sig=abc".to_owned()),
        refresh_seconds: 3,
    }
}

pub(crate) fn error(status: u16) -> ErrorView {
    let (headline, text) = match status {
        404 => (
            "This page is not here",
            "The address may be mistyped, or the thing has been sold and taken down.",
        ),
        _ => (
            "Something broke on our side",
            "It is not your fault, and we have been told. Please try again in a minute.",
        ),
    };
    ErrorView {
        frame: frame(""),
        meta: Meta::private(format!("{headline} · Marram")),
        status,
        headline: headline.to_owned(),
        text: text.to_owned(),
        request_id: Some("01HF7YAT00000000000000001A".to_owned()),
    }
}

pub(crate) fn mailbox() -> MailboxView {
    let row = |number: u32, subject: &str| MailRow {
        url: format!("/mailbox/{number}"),
        subject: subject.to_owned(),
        to: "ida@example.com".to_owned(),
        at: PLACED_AT.to_string(),
        at_label: day(PLACED_AT),
    };
    MailboxView {
        frame: frame(""),
        meta: Meta::private("Mailbox · Marram"),
        mails: vec![
            row(2, "Your order 1042 is paid"),
            row(1, "Your order 1041 is paid"),
        ],
    }
}

pub(crate) fn mail() -> MailView {
    MailView {
        frame: frame(""),
        meta: Meta::private("Your order 1042 is paid · Marram"),
        breadcrumbs: vec![
            Link::new("Mailbox", "/mailbox"),
            Link::new("Your order 1042 is paid", "/mailbox/2"),
        ],
        subject: "Your order 1042 is paid".to_owned(),
        from: "Marram <shop@marram.example>".to_owned(),
        to: "ida@example.com".to_owned(),
        at: PLACED_AT.to_string(),
        at_label: day(PLACED_AT),
        body_url: Some("/mailbox/2/body".to_owned()),
        text: Some("Thank you, Ida.\n\n2 x Harbour Mug  48.00".to_owned()),
    }
}
