//! Every step from every standing, not fulfilled. `.` is "already so", `-` is "refused", `ok` is
//! "fits", anything else is where the order stands then.

use super::*;

const PAYMENT: &str = "
status          payment            | needs_action                   | action_taken           | authorized first   | authorized second      | paid first   | paid second  | part second            | declined               | canceled
draft           pending            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/voided
draft           authorized         | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/voided
draft           partially_paid     | -                              | -                      | .                  | -                      | .            | -            | -                      | -                      | -
draft           paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
draft           partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
draft           refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | canceled/refunded
draft           voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/voided
draft           expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/expired
pending         pending            | requires_action/pending        | .                      | pending/authorized | pending/authorized     | pending/paid | pending/paid | pending/partially_paid | pending/pending        | canceled/voided
pending         authorized         | requires_action/authorized     | .                      | .                  | -                      | pending/paid | pending/paid | pending/partially_paid | pending/pending        | canceled/voided
pending         partially_paid     | requires_action/partially_paid | .                      | .                  | pending/partially_paid | .            | pending/paid | pending/partially_paid | pending/partially_paid | -
pending         paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
pending         partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
pending         refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | canceled/refunded
pending         voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/voided
pending         expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/expired
completed       pending            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
completed       authorized         | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
completed       partially_paid     | -                              | -                      | .                  | -                      | .            | -            | -                      | -                      | -
completed       paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
completed       partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
completed       refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
completed       voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
completed       expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
archived        pending            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
archived        authorized         | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
archived        partially_paid     | -                              | -                      | .                  | -                      | .            | -            | -                      | -                      | -
archived        paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
archived        partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
archived        refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
archived        voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
archived        expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | -
canceled        pending            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | .
canceled        authorized         | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | .
canceled        partially_paid     | -                              | -                      | .                  | -                      | .            | -            | -                      | -                      | .
canceled        paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | .
canceled        partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | .
canceled        refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | .
canceled        voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | .
canceled        expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | .
requires_action pending            | .                              | pending/pending        | pending/authorized | pending/authorized     | pending/paid | pending/paid | pending/partially_paid | pending/pending        | canceled/voided
requires_action authorized         | .                              | pending/authorized     | pending/authorized | -                      | pending/paid | pending/paid | pending/partially_paid | pending/pending        | canceled/voided
requires_action partially_paid     | .                              | pending/partially_paid | .                  | pending/partially_paid | .            | pending/paid | pending/partially_paid | pending/partially_paid | -
requires_action paid               | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
requires_action partially_refunded | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | -
requires_action refunded           | -                              | .                      | .                  | -                      | .            | -            | -                      | -                      | canceled/refunded
requires_action voided             | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/voided
requires_action expired            | -                              | -                      | -                  | -                      | -            | -            | -                      | -                      | canceled/expired
";

const CARE: &str = "
status          payment            | ask to cancel                      | refund 10                          | refund 100               | edit to 120                | edit to 60                 | archive                     | unarchive                  | revise | place draft | fulfil | return | invoice
draft           pending            | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           authorized         | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           partially_paid     | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           paid               | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           partially_refunded | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           refunded           | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           voided             | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
draft           expired            | -                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | ok          | -      | -      | -
pending         pending            | pending/pending                    | -                                  | -                        | pending/pending            | pending/pending            | -                           | -                          | ok     | -           | -      | ok     | ok
pending         authorized         | pending/authorized                 | -                                  | -                        | pending/authorized         | pending/authorized         | -                           | -                          | -      | -           | ok     | ok     | ok
pending         partially_paid     | pending/partially_paid             | pending/partially_refunded         | -                        | pending/partially_paid     | pending/partially_paid     | -                           | -                          | -      | -           | -      | ok     | ok
pending         paid               | pending/paid                       | pending/partially_refunded         | pending/refunded         | pending/partially_paid     | pending/paid               | -                           | -                          | -      | -           | ok     | ok     | ok
pending         partially_refunded | pending/partially_refunded         | pending/partially_refunded         | -                        | pending/partially_refunded | pending/partially_refunded | -                           | -                          | -      | -           | ok     | ok     | ok
pending         refunded           | pending/refunded                   | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | ok     | ok
pending         voided             | pending/voided                     | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | ok     | ok
pending         expired            | pending/expired                    | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | ok     | ok
completed       pending            | -                                  | -                                  | -                        | -                          | -                          | archived/pending            | .                          | -      | -           | -      | ok     | ok
completed       authorized         | -                                  | -                                  | -                        | -                          | -                          | archived/authorized         | .                          | -      | -           | -      | ok     | ok
completed       partially_paid     | -                                  | pending/partially_refunded         | -                        | -                          | -                          | archived/partially_paid     | .                          | -      | -           | -      | ok     | ok
completed       paid               | -                                  | pending/partially_refunded         | pending/refunded         | -                          | -                          | archived/paid               | .                          | -      | -           | -      | ok     | ok
completed       partially_refunded | -                                  | pending/partially_refunded         | -                        | -                          | -                          | archived/partially_refunded | .                          | -      | -           | -      | ok     | ok
completed       refunded           | -                                  | -                                  | -                        | -                          | -                          | archived/refunded           | .                          | -      | -           | -      | ok     | ok
completed       voided             | -                                  | -                                  | -                        | -                          | -                          | archived/voided             | .                          | -      | -           | -      | ok     | ok
completed       expired            | -                                  | -                                  | -                        | -                          | -                          | archived/expired            | .                          | -      | -           | -      | ok     | ok
archived        pending            | -                                  | -                                  | -                        | -                          | -                          | .                           | pending/pending            | -      | -           | -      | ok     | ok
archived        authorized         | -                                  | -                                  | -                        | -                          | -                          | .                           | pending/authorized         | -      | -           | -      | ok     | ok
archived        partially_paid     | -                                  | archived/partially_refunded        | -                        | -                          | -                          | .                           | pending/partially_paid     | -      | -           | -      | ok     | ok
archived        paid               | -                                  | archived/partially_refunded        | archived/refunded        | -                          | -                          | .                           | pending/paid               | -      | -           | -      | ok     | ok
archived        partially_refunded | -                                  | archived/partially_refunded        | -                        | -                          | -                          | .                           | pending/partially_refunded | -      | -           | -      | ok     | ok
archived        refunded           | -                                  | -                                  | -                        | -                          | -                          | .                           | pending/refunded           | -      | -           | -      | ok     | ok
archived        voided             | -                                  | -                                  | -                        | -                          | -                          | .                           | pending/voided             | -      | -           | -      | ok     | ok
archived        expired            | -                                  | -                                  | -                        | -                          | -                          | .                           | pending/expired            | -      | -           | -      | ok     | ok
canceled        pending            | .                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        authorized         | .                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        partially_paid     | .                                  | canceled/partially_refunded        | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        paid               | .                                  | canceled/partially_refunded        | canceled/refunded        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        partially_refunded | .                                  | canceled/partially_refunded        | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        refunded           | .                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        voided             | .                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
canceled        expired            | .                                  | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | -
requires_action pending            | requires_action/pending            | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action authorized         | requires_action/authorized         | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action partially_paid     | requires_action/partially_paid     | requires_action/partially_refunded | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action paid               | requires_action/paid               | requires_action/partially_refunded | requires_action/refunded | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action partially_refunded | requires_action/partially_refunded | requires_action/partially_refunded | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action refunded           | requires_action/refunded           | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action voided             | requires_action/voided             | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
requires_action expired            | requires_action/expired            | -                                  | -                        | -                          | -                          | -                           | -                          | -      | -           | -      | -      | ok
";

#[test]
fn every_payment_step_from_every_standing_is_as_the_table_says() {
    let steps = [
        PaymentStep::NeedsAction,
        PaymentStep::ActionTaken,
        PaymentStep::Authorized { attempt: FIRST },
        PaymentStep::Authorized { attempt: SECOND },
        paid_step(FIRST, 100),
        paid_step(SECOND, 100),
        paid_step(SECOND, 10),
        declined_step(),
        canceled_step(),
    ];
    let rows = standings().map(|now| {
        let cells = steps.iter().map(|one| told(&now, step(&now, one)));
        row(&now, cells)
    });
    same(PAYMENT, rows);
}

#[test]
fn every_other_step_from_every_standing_is_as_the_table_says() {
    let rows = standings().map(|now| {
        let cells = [
            told(&now, request_cancel(&now, "why")),
            told(&now, refund(&now, 10).map(Some)),
            told(&now, refund(&now, 100).map(Some)),
            told(&now, edited(&now, 120).map(Some)),
            told(&now, edited(&now, 60).map(Some)),
            told(&now, archive(&now, true)),
            told(&now, archive(&now, false)),
            fits(&now, check_revisable(&now)),
            fits(&now, check_draft(&now, "placed")),
            fits(&now, check_fulfillable(&now, Leave::Secured)),
            fits(&now, check_returnable(&now)),
            fits(&now, check_invoiceable(&now)),
        ];
        row(&now, cells)
    });
    same(CARE, rows);
}

fn told(now: &Standing<'_>, next: Result<Option<Standing<'_>>, Refused>) -> String {
    match next {
        Err(refused) => {
            assert_eq!((refused.status, refused.payment), (now.status, now.payment));
            "-".to_owned()
        }
        Ok(None) => ".".to_owned(),
        Ok(Some(next)) => format!("{}/{}", next.status.text(), next.payment.text()),
    }
}

fn fits(now: &Standing<'_>, checked: Result<(), Refused>) -> String {
    match checked {
        Ok(()) => "ok".to_owned(),
        Err(refused) => told(now, Err(refused)),
    }
}

fn row(now: &Standing<'_>, cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    let (status, payment) = (now.status.text(), now.payment.text());
    format!("{status} {payment} | {}", cells.join(" | "))
}

fn same(table: &str, rows: impl Iterator<Item = String>) {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected: Vec<String> = table.lines().skip(2).map(squeeze).collect();
    let found: Vec<String> = rows.collect();
    assert_eq!(found, expected, "\n{}", found.join("\n"));
}
