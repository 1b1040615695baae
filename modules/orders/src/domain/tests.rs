//! The whole transition table, spelled out, and the sums.

use stoa_contracts::Totals;
use stoa_contracts::orders::NewOrderLine;
use stoa_kernel::{CartId, Currency, LineId, Money, OrderId, ProductId, Quantity, VariantId};

use super::*;

/// The attempt that paid where an order is paid, and one that comes too late.
const FIRST: AttemptId = AttemptId::from_u128(1);
const SECOND: AttemptId = AttemptId::from_u128(2);

/// Every status under every payment status, not fulfilled, under every step. `.` is "already so",
/// `-` is "refused", anything else is where the order stands then.
const TABLE: &str = "
status          payment            | needs_action                   | action_taken           | paid by first | paid by second | declined               | canceled
draft           pending            | -                              | -                      | -             | -              | -                      | -
draft           authorized         | -                              | -                      | -             | -              | -                      | -
draft           partially_paid     | -                              | -                      | -             | -              | -                      | -
draft           paid               | -                              | .                      | .             | -              | -                      | -
draft           partially_refunded | -                              | .                      | .             | -              | -                      | -
draft           refunded           | -                              | .                      | .             | -              | -                      | -
draft           voided             | -                              | -                      | -             | -              | -                      | -
draft           expired            | -                              | -                      | -             | -              | -                      | -
pending         pending            | requires_action/pending        | .                      | pending/paid  | pending/paid   | pending/pending        | canceled/voided
pending         authorized         | requires_action/authorized     | .                      | pending/paid  | pending/paid   | pending/authorized     | canceled/voided
pending         partially_paid     | requires_action/partially_paid | .                      | pending/paid  | pending/paid   | pending/partially_paid | -
pending         paid               | -                              | .                      | .             | -              | -                      | -
pending         partially_refunded | -                              | .                      | .             | -              | -                      | -
pending         refunded           | -                              | .                      | .             | -              | -                      | -
pending         voided             | -                              | -                      | -             | -              | -                      | -
pending         expired            | -                              | -                      | -             | -              | -                      | -
completed       pending            | -                              | -                      | -             | -              | -                      | -
completed       authorized         | -                              | -                      | -             | -              | -                      | -
completed       partially_paid     | -                              | -                      | -             | -              | -                      | -
completed       paid               | -                              | .                      | .             | -              | -                      | -
completed       partially_refunded | -                              | .                      | .             | -              | -                      | -
completed       refunded           | -                              | .                      | .             | -              | -                      | -
completed       voided             | -                              | -                      | -             | -              | -                      | -
completed       expired            | -                              | -                      | -             | -              | -                      | -
archived        pending            | -                              | -                      | -             | -              | -                      | -
archived        authorized         | -                              | -                      | -             | -              | -                      | -
archived        partially_paid     | -                              | -                      | -             | -              | -                      | -
archived        paid               | -                              | .                      | .             | -              | -                      | -
archived        partially_refunded | -                              | .                      | .             | -              | -                      | -
archived        refunded           | -                              | .                      | .             | -              | -                      | -
archived        voided             | -                              | -                      | -             | -              | -                      | -
archived        expired            | -                              | -                      | -             | -              | -                      | -
canceled        pending            | -                              | -                      | -             | -              | -                      | .
canceled        authorized         | -                              | -                      | -             | -              | -                      | .
canceled        partially_paid     | -                              | -                      | -             | -              | -                      | .
canceled        paid               | -                              | .                      | .             | -              | -                      | .
canceled        partially_refunded | -                              | .                      | .             | -              | -                      | .
canceled        refunded           | -                              | .                      | .             | -              | -                      | .
canceled        voided             | -                              | -                      | -             | -              | -                      | .
canceled        expired            | -                              | -                      | -             | -              | -                      | .
requires_action pending            | .                              | pending/pending        | pending/paid  | pending/paid   | pending/pending        | canceled/voided
requires_action authorized         | .                              | pending/authorized     | pending/paid  | pending/paid   | pending/authorized     | canceled/voided
requires_action partially_paid     | .                              | pending/partially_paid | pending/paid  | pending/paid   | pending/partially_paid | -
requires_action paid               | -                              | .                      | .             | -              | -                      | -
requires_action partially_refunded | -                              | .                      | .             | -              | -                      | -
requires_action refunded           | -                              | .                      | .             | -              | -                      | -
requires_action voided             | -                              | -                      | -             | -              | -                      | -
requires_action expired            | -                              | -                      | -             | -              | -                      | -
";

fn steps() -> [PaymentStep; 6] {
    [
        PaymentStep::NeedsAction,
        PaymentStep::ActionTaken,
        PaymentStep::Paid { attempt: FIRST },
        PaymentStep::Paid { attempt: SECOND },
        PaymentStep::Declined {
            reason: "no funds".to_owned(),
        },
        PaymentStep::Canceled {
            reason: "too late".to_owned(),
        },
    ]
}

fn standing(status: OrderStatus, payment: PaymentStatus) -> Standing<'static> {
    let paid_by = was_paid(payment).then_some(FIRST);
    let fulfilment = FulfilmentStatus::NotFulfilled;
    Standing {
        status,
        payment,
        fulfilment,
        reason: None,
        paid_by,
    }
}

fn pending() -> Standing<'static> {
    standing(OrderStatus::Pending, PaymentStatus::Pending)
}

#[test]
fn every_step_from_every_standing_is_as_the_table_says() {
    let mut rows = TABLE.lines().skip(2);
    for (status, status_text) in OrderStatus::ALL.iter().copied() {
        for (payment, payment_text) in PaymentStatus::ALL.iter().copied() {
            let row: Vec<&str> = rows
                .next()
                .expect("a row per standing")
                .split('|')
                .map(str::trim)
                .collect();
            let head: Vec<&str> = row[0].split_whitespace().collect();
            assert_eq!(head, [status_text, payment_text]);
            for (one, expected) in steps().iter().zip(&row[1..]) {
                let told = match step(standing(status, payment), one) {
                    Err(refused) => {
                        assert_eq!((refused.status, refused.payment), (status, payment));
                        "-".to_owned()
                    }
                    Ok(None) => ".".to_owned(),
                    Ok(Some(next)) => format!("{}/{}", next.status.text(), next.payment.text()),
                };
                assert_eq!(told, *expected, "{status_text} {payment_text} {one:?}");
            }
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn a_step_taken_again_is_already_so() {
    for (status, _) in OrderStatus::ALL {
        for (payment, _) in PaymentStatus::ALL {
            for one in steps() {
                if let Ok(Some(next)) = step(standing(*status, *payment), &one) {
                    assert_eq!(step(next, &one), Ok(None), "{status:?} {payment:?} {one:?}");
                }
            }
        }
    }
}

#[test]
fn fulfilment_matters_to_cancelling_only() {
    for (fulfilment, _) in FulfilmentStatus::ALL.iter().copied() {
        for one in steps() {
            let next = step(
                Standing {
                    fulfilment,
                    ..pending()
                },
                &one,
            );
            match (&one, fulfilment) {
                (PaymentStep::Canceled { .. }, FulfilmentStatus::NotFulfilled) => {
                    let next = next.expect("it fits").expect("it is new");
                    assert_eq!(next.fulfilment, FulfilmentStatus::Canceled);
                }
                (PaymentStep::Canceled { .. }, _) => {
                    assert_eq!(next.expect_err("goods left").step, "canceled");
                }
                _ => {
                    let unfulfilled = step(pending(), &one).expect("it fits");
                    let expected = unfulfilled.map(|next| Standing { fulfilment, ..next });
                    assert_eq!(next, Ok(expected));
                }
            }
        }
    }
}

#[test]
fn reasons_and_the_paying_attempt_are_kept() {
    let declined = PaymentStep::Declined {
        reason: "no funds".to_owned(),
    };
    let waiting = step(pending(), &declined)
        .expect("it fits")
        .expect("a reason is new");
    assert_eq!(
        waiting,
        Standing {
            reason: Some("no funds"),
            ..pending()
        }
    );

    let paid = step(waiting, &PaymentStep::Paid { attempt: SECOND });
    let expected = Standing {
        payment: PaymentStatus::Paid,
        reason: None,
        paid_by: Some(SECOND),
        ..pending()
    };
    assert_eq!(paid, Ok(Some(expected)));
    let third = PaymentStep::Paid { attempt: FIRST };
    assert_eq!(
        step(expected, &third).expect_err("paid by another").step,
        "paid"
    );

    let other = PaymentStep::Canceled {
        reason: "again".to_owned(),
    };
    let canceled = Standing {
        reason: Some("first"),
        status: OrderStatus::Canceled,
        ..pending()
    };
    assert_eq!(step(canceled, &other), Ok(None));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let long = PaymentStep::Declined {
        reason: "ä".repeat(REASON_BYTES_MAX),
    };
    let next = step(pending(), &long).expect("it fits").expect("it is new");
    assert_eq!(next.reason, Some("ä".repeat(REASON_BYTES_MAX / 2).as_str()));
    assert_eq!(step(next, &long), Ok(None));
}

#[test]
fn only_an_order_that_waits_can_be_revised() {
    for (status, _) in OrderStatus::ALL.iter().copied() {
        for (payment, _) in PaymentStatus::ALL.iter().copied() {
            let may = (status, payment) == (OrderStatus::Pending, PaymentStatus::Pending);
            assert_eq!(check_revisable(standing(status, payment)).is_ok(), may);
        }
    }
}

#[test]
fn every_text_reads_back() {
    fn check<S: StatusText + PartialEq + std::fmt::Debug>() {
        for (status, text) in S::ALL {
            assert_eq!((status.text(), S::read(text)), (*text, Some(*status)));
        }
        assert_eq!(S::read("paid "), None);
    }
    check::<OrderStatus>();
    check::<PaymentStatus>();
    check::<FulfilmentStatus>();
}

fn order() -> NewOrder {
    let eur = |amount: i64| Money::new(amount, Currency::EUR);
    let line = NewOrderLine {
        id: LineId::from_u128(1),
        variant: VariantId::from_u128(1),
        product: ProductId::from_u128(1),
        title: "Tea".to_owned(),
        variant_title: "Default".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::ONE,
        unit_price: eur(1_000),
        subtotal: eur(1_000),
        tax: eur(190),
        total: eur(1_190),
    };
    NewOrder {
        id: OrderId::from_u128(1),
        cart: CartId::from_u128(1),
        email: "ada@example.com".to_owned(),
        shipping_address: None,
        billing_address: None,
        shipping_option: None,
        lines: vec![line],
        totals: Totals {
            subtotal: eur(1_000),
            discount: eur(0),
            shipping: eur(500),
            tax: eur(285),
            total: eur(1_785),
        },
        tax_inclusive: false,
        test: true,
    }
}

#[test]
fn an_order_has_lines_in_one_currency_that_add_up() {
    assert_eq!(check_amounts(&order()), Ok(()));
    let message = |change: fn(&mut NewOrder)| {
        let mut changed = order();
        change(&mut changed);
        check_amounts(&changed)
            .expect_err("a broken order")
            .replace(&changed.id.to_string(), "it")
    };
    assert_eq!(message(|order| order.lines.clear()), "it has 0 lines");
    assert_eq!(
        message(|order| order.lines = vec![order.lines[0].clone(); LINES_PER_ORDER_MAX + 1]),
        "it has 501 lines"
    );
    assert_eq!(
        message(|order| order.lines[0].tax.currency = Currency::USD),
        "it is in more than one currency"
    );
    assert_eq!(
        message(|order| order.lines[0].subtotal.amount -= 1),
        "the lines of it do not add up to its total"
    );
}
