//! Sample views of the sale: cart, drawer, checkout, line. The figures add up.

use stoa_contracts::payments::{PaymentMethod, PaymentMethodKind};
use stoa_kernel::Money;
use stoa_storefront::{
    CartLine, CartView, CheckoutErrors, CheckoutInput, CheckoutView, CouponBox, CouponTag,
    FormError, Frame, GiftBox, GiftTag, LineFix, Meta, NoteBox, Notice, NoticeTone, PaymentStep,
    ShippingChoice, ShippingStep, SummaryLine, Sums, TotalChange, TotalRow, Totals, WaitingView,
    checkout_fields, countries, money, payment_step, totals,
};

use crate::samples::{eur, frame, picture};

pub(crate) fn sums(shipping: Option<Money>, total: Money) -> Totals {
    totals(&Sums {
        subtotal: eur(21200),
        discounts: Vec::new(),
        shipping,
        taxes: vec![("VAT 19%".to_owned(), eur(3385))],
        total,
        tax_included: true,
    })
}

fn row(label: &str, amount: &str) -> TotalRow {
    TotalRow {
        label: label.to_owned(),
        amount: amount.to_owned(),
    }
}

/// With a promotion, and a gift card that pays a part.
fn discounted() -> Totals {
    let sums = Sums {
        subtotal: eur(21200),
        discounts: vec![("Tea week (TEA10)".to_owned(), eur(480))],
        shipping: Some(eur(490)),
        taxes: vec![
            ("VAT 19%".to_owned(), eur(2696)),
            ("VAT 7%".to_owned(), eur(283)),
        ],
        total: eur(21210),
        tax_included: true,
    };
    Totals {
        settled: vec![row("Gift cards", "−€50.00")],
        due: Some("€162.10".to_owned()),
        ..totals(&sums)
    }
}

fn coupons(error: bool) -> CouponBox {
    let tag = |code: &str, applied, text: &str| CouponTag {
        code: code.to_owned(),
        applied,
        text: text.to_owned(),
    };
    CouponBox {
        codes: vec![
            tag("TEA10", true, "Tea week: you save €4.80."),
            tag(
                "LAMP",
                false,
                "This code is not for what is in your cart. It waits here in case that changes.",
            ),
        ],
        typed: if error { "SPRING24" } else { "" }.to_owned(),
        error: error.then(|| "This code has ended.".to_owned()),
    }
}

pub(crate) fn methods() -> Vec<PaymentMethod> {
    let method = |id: &str, kind, title: &str, text: Option<&str>| PaymentMethod {
        id: id.to_owned(),
        kind,
        title: title.to_owned(),
        instructions: text.map(str::to_owned),
        public_key: None,
    };
    let bank = "Send the total to NL91 ABNA 0417 1643 00.\nWe pack as soon as it arrives.";
    vec![
        method("test", PaymentMethodKind::Test, "Test payment", None),
        method(
            "bank",
            PaymentMethodKind::Manual,
            "Bank transfer",
            Some(bank),
        ),
        method("stripe", PaymentMethodKind::Stripe, "Card by Stripe", None),
    ]
}

/// As shops in test mode offer it.
pub(crate) fn test_payment(error: Option<String>) -> PaymentStep {
    payment_step(&methods()[..1], "", error, true)
}

pub(crate) fn lines() -> Vec<SummaryLine> {
    let line =
        |handle: &str, title: &str, variant: Option<&str>, quantity, unit, total| SummaryLine {
            title: title.to_owned(),
            variant: variant.map(str::to_owned),
            image: Some(picture(handle, "")),
            quantity,
            unit_price: money(eur(unit)),
            total: money(eur(total)),
            discounts: Vec::new(),
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
            price_was: None,
            quantity: line.quantity,
            total: line.total,
            discounts: line.discounts,
            offer: (problem && number == 2).then_some(1),
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
        coupons: CouponBox::default(),
        note: NoteBox {
            length_max: 1_000,
            ..NoteBox::default()
        },
        notices: Vec::new(),
        accept: false,
        frozen: false,
        can_checkout: !problem,
        continue_url: "/".to_owned(),
    }
}

/// With codes, a note, and prices that changed.
pub(crate) fn cart_full() -> CartView {
    let mut view = CartView {
        frame: frame(""),
        totals: Totals {
            settled: Vec::new(),
            due: None,
            ..discounted()
        },
        coupons: coupons(true),
        note: NoteBox {
            text: "Please ring twice.\nThe bell is shy.".to_owned(),
            length_max: 1_000,
            error: None,
        },
        notices: vec![
            "Harbour Mug now costs €24.00. It was €22.00 when you put it in your cart.".to_owned(),
        ],
        accept: true,
        ..cart(false)
    };
    view.lines[0].price_was = Some("€22.00".to_owned());
    view.lines[0].discounts = vec![row("Tea week", "−€4.80")];
    view
}

/// It is being paid for in another window.
pub(crate) fn cart_frozen() -> CartView {
    CartView {
        frozen: true,
        frame: Frame {
            notice: Some(Notice {
                tone: NoticeTone::Warn,
                text: "This cart is being paid for, so nothing in it can change just now."
                    .to_owned(),
            }),
            ..frame("")
        },
        ..cart(false)
    }
}

pub(crate) fn waiting() -> WaitingView {
    WaitingView {
        frame: frame(""),
        meta: Meta::private("In line · Marram"),
        position: 214,
        url: "/checkout/wait".to_owned(),
        refresh_seconds: 2,
        leave_url: "/cart".to_owned(),
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

fn shipping(error: Option<String>) -> ShippingStep {
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
    ShippingStep {
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
        error,
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
    CheckoutView {
        frame: frame(""),
        meta: Meta::private("Checkout · Marram"),
        action: "/checkout".to_owned(),
        idempotency_key: "key-7f3a".to_owned(),
        expected_total: "21690 EUR".to_owned(),
        expected_due: "21690 EUR".to_owned(),
        fixes: Vec::new(),
        changed: None,
        notices: Vec::new(),
        start_over: false,
        errors_title: errors.title(),
        country: countries(&input.country, errors.on("country")),
        email,
        name,
        line1,
        line2,
        city,
        region,
        postal_code,
        shipping: shipping(errors.on("shipping_option_id")),
        payment: test_payment(errors.on("payment")),
        coupons: CouponBox::default(),
        gifts: GiftBox {
            offered: true,
            ..GiftBox::default()
        },
        pay_label: "Pay €216.90".to_owned(),
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

/// With codes, a gift card, and every kind of payment.
pub(crate) fn checkout_with_codes() -> CheckoutView {
    CheckoutView {
        payment: payment_step(&methods(), "bank", None, true),
        coupons: coupons(false),
        gifts: GiftBox {
            offered: true,
            codes: "AAAA-1234".to_owned(),
            cards: vec![GiftTag {
                shown: "…1234".to_owned(),
                pays: "€50.00".to_owned(),
            }],
            ..GiftBox::default()
        },
        totals: discounted(),
        pay_label: "Order for €162.10".to_owned(),
        ..checkout(Vec::new())
    }
}

/// Sold to others in the last moment.
pub(crate) fn checkout_short() -> CheckoutView {
    let fix = |title: &str, offer| LineFix {
        title: title.to_owned(),
        action: "/cart/lines/line_1".to_owned(),
        remove_action: "/cart/lines/line_1/remove".to_owned(),
        offer,
    };
    let error = |message: &str| FormError {
        field: Some("fixes".to_owned()),
        message: message.to_owned(),
    };
    let mut view = checkout(Vec::new());
    view.errors = vec![
        error("Only 1 of Harbour Mug can still be had."),
        error("Enamel Casserole, 4 L is sold out: somebody was faster."),
    ];
    view.errors_title = "Please look at 2 things".to_owned();
    view.fixes = vec![
        fix("Harbour Mug", Some(1)),
        fix("Enamel Casserole, 4 L", None),
    ];
    view
}

/// The total is another one than the page showed.
pub(crate) fn checkout_changed() -> CheckoutView {
    CheckoutView {
        changed: Some(TotalChange {
            before: "€216.90".to_owned(),
            now: "€224.90".to_owned(),
        }),
        pay_label: "Pay €224.90".to_owned(),
        totals: sums(Some(eur(1290)), eur(22490)),
        ..checkout(Vec::new())
    }
}

/// Payment was tried too often.
pub(crate) fn checkout_over() -> CheckoutView {
    let text =
        "Payment of this order was tried 10 times and can be tried no more. Nothing was charged.";
    CheckoutView {
        errors: vec![FormError {
            field: None,
            message: text.to_owned(),
        }],
        errors_title: "Please look at one thing".to_owned(),
        start_over: true,
        ..checkout(Vec::new())
    }
}
