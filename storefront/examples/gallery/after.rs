//! Sample views after the sale: order, payment link, errors, mail. The figures add up.

use stoa_kernel::Timestamp;
use stoa_storefront::{
    ErrorView, FormError, Frame, GiftBox, Link, MailRow, MailView, MailboxView, Meta, Moment,
    OrderState, OrderView, Parcel, PayView, StatusWord, TotalRow, day,
};

use crate::sale::{lines, sums, test_payment};
use crate::samples::{eur, frame};

const PLACED_AT: Timestamp = Timestamp::from_micros(1_779_000_000_000_000);

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
        OrderState::Authorized => (
            "Thank you, Ida",
            "Your order is placed. It goes on as soon as your payment arrives.",
            None,
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
        instructions: match state {
            OrderState::Authorized => vec![
                "Send the total to NL91 ABNA 0417 1643 00.".to_owned(),
                "We pack as soon as it arrives.".to_owned(),
            ],
            _ => Vec::new(),
        },
        statuses: words("Placed", "Not paid yet", "Not packed yet"),
        moments: vec![moment("Order placed", None)],
        parcels: Vec::new(),
        note: None,
        version: 3,
        number: "1042".to_owned(),
        placed_on: Some(day(PLACED_AT)),
        test: true,
        lines: lines(),
        totals: sums(Some(eur(490)), eur(21690)),
        address: ["Ida Lindqvist", "Storgatan 12", "211 42 Malmö", "Sweden"]
            .map(str::to_owned)
            .to_vec(),
        email: Some("ida@example.com".to_owned()),
        watch_url: Some("/orders/order_1/state".to_owned()),
        refresh_seconds: 3,
    }
}

fn words(order: &str, payment: &str, delivery: &str) -> Vec<StatusWord> {
    let all = [
        ("Order", order),
        ("Payment", payment),
        ("Delivery", delivery),
    ];
    let word = |(label, text): (&'static str, &str)| StatusWord {
        label,
        text: text.to_owned(),
    };
    all.into_iter().map(word).collect()
}

fn moment(title: &str, text: Option<&str>) -> Moment {
    Moment {
        title: title.to_owned(),
        at: PLACED_AT.to_string(),
        at_label: day(PLACED_AT),
        text: text.map(str::to_owned),
        link: None,
    }
}

/// Long after: sent in two parcels, a part refunded, a rest to pay.
pub(crate) fn order_late() -> OrderView {
    let mut shipped = moment("Shipped", Some("DHL 00340434161094015902"));
    shipped.link = Some(Link::new("Follow the parcel", "https://dhl.example/00340"));
    let mut totals = sums(Some(eur(490)), eur(21690));
    let row = |label: &str, amount: &str| TotalRow {
        label: label.to_owned(),
        amount: amount.to_owned(),
    };
    totals.settled = vec![
        row("Gift cards", "−€50.00"),
        row("Paid", "−€147.00"),
        row("Refunded to you", "€24.00"),
    ];
    totals.due = Some("€19.90".to_owned());
    let parcel = |title: &str, state: &str, line: &str, url: Option<&str>| Parcel {
        title: title.to_owned(),
        state: state.to_owned(),
        lines: vec![line.to_owned()],
        tracking: Some("DHL 00340434161094015902".to_owned()),
        tracking_url: url.map(str::to_owned),
    };
    OrderView {
        headline: "€19.90 is still to be paid".to_owned(),
        text: "Your order was changed after you paid. It goes on once the rest is paid.".to_owned(),
        action: Some(Link::new("Pay the rest", "/pay/order_1")),
        statuses: words("Placed", "Refunded in part", "On its way in part"),
        moments: vec![
            moment("Order placed", None),
            moment("Paid", None),
            shipped,
            moment("Refunded", Some("€24.00 went back to you.")),
        ],
        parcels: vec![
            parcel(
                "Parcel 1",
                "Shipped on 17 May 2026",
                "2 × Harbour Mug",
                Some("https://dhl.example/00340"),
            ),
            parcel(
                "Parcel 2",
                "Packed, leaves soon",
                "1 × Enamel Casserole, 4 L",
                None,
            ),
        ],
        note: Some("Please ring twice.\nThe bell is shy.".to_owned()),
        totals,
        ..order(OrderState::Paid)
    }
}

/// A payment link.
pub(crate) fn pay(error: bool) -> PayView {
    let error = error.then(|| FormError {
        field: Some("payment".to_owned()),
        message: "Choose how to pay".to_owned(),
    });
    PayView {
        frame: Frame {
            cart_count: 0,
            ..frame("")
        },
        meta: Meta::private("Pay order 1042 · Marram"),
        action: "/pay/order_1".to_owned(),
        idempotency_key: "key-7f3a".to_owned(),
        expected_total: "21690 EUR".to_owned(),
        expected_due: "21690 EUR".to_owned(),
        errors_title: "Please look at one thing".to_owned(),
        payment: test_payment(error.as_ref().map(|error| error.message.clone())),
        errors: error.into_iter().collect(),
        changed: None,
        headline: "Pay order 1042".to_owned(),
        text: "The shop put this order together for you. It is placed once you pay.".to_owned(),
        lines: lines(),
        address: ["Ida Lindqvist", "Storgatan 12", "211 42 Malmö", "Sweden"]
            .map(str::to_owned)
            .to_vec(),
        email: Some("ida@example.com".to_owned()),
        totals: sums(Some(eur(490)), eur(21690)),
        gifts: GiftBox {
            offered: true,
            ..GiftBox::default()
        },
        pay_label: "Pay €216.90".to_owned(),
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
        search: status == 404,
        suggestions: match status {
            404 => vec![
                Link::new("Kitchen & Table", "/collections/kitchen"),
                Link::new("Home", "/collections/home"),
            ],
            _ => Vec::new(),
        },
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
