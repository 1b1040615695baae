//! The ways to pay, as choices of a form. Knows no provider but by its name, and no secret.

use stoa_contracts::payments::{PaymentMethod, PaymentMethodKind};

use crate::views::{PayTone, PaymentChoice, PaymentStep};
use crate::words::{say, tell};

/// Where nothing is left to pay nobody is asked.
pub(crate) const NOTHING_LEFT: &str = "gift_card";

/// The cards of the built-in test provider, in the words of a shopper.
const TEST_CARDS: [(&str, PayTone, &str, &str); 5] = [
    (
        "tok_success",
        PayTone::Good,
        "Pay successfully",
        "The bank agrees at once.",
    ),
    (
        "tok_decline",
        PayTone::Bad,
        "Declined",
        "The bank says no. Nothing is charged and you can try again.",
    ),
    (
        "tok_3ds",
        PayTone::Plain,
        "3-D Secure",
        "The bank asks you to confirm on a page of its own.",
    ),
    (
        "tok_delay",
        PayTone::Slow,
        "Slow bank",
        "The bank agrees after a few seconds.",
    ),
    (
        "tok_timeout_after_charge",
        PayTone::Slow,
        "Timeout after charge",
        "The bank charges, then the line drops. You are charged once all the same.",
    ),
];

/// Provider and token of what a form sends: `test:tok_success`, or a provider alone.
pub(crate) fn provider_and_token(sent: &str) -> (&str, &str) {
    sent.trim().split_once(':').unwrap_or((sent.trim(), ""))
}

/// `selected` is what the form sent before; the first choice where that is none.
pub fn payment_step(
    methods: &[PaymentMethod],
    selected: &str,
    error: Option<String>,
    needed: bool,
) -> PaymentStep {
    let mut choices = Vec::new();
    let mut elsewhere = Vec::new();
    for method in methods {
        match method.kind {
            PaymentMethodKind::Test => choices.extend(test_cards(&method.id)),
            PaymentMethodKind::Manual => choices.push(by_hand(method)),
            // Its card fields are a script of its own, which these pages do not load.
            PaymentMethodKind::Stripe => elsewhere.push(tell(
                "{method} is taken by this shop’s own apps; this page cannot take cards.",
                &[("method", &method.title)],
            )),
        }
    }
    let sent = choices.iter().position(|choice| choice.value == selected);
    if let Some(chosen) = choices.get_mut(sent.unwrap_or(0)) {
        chosen.selected = true;
    }
    PaymentStep {
        needed,
        fixed: (!needed).then(|| NOTHING_LEFT.to_owned()),
        test: methods
            .iter()
            .any(|method| method.kind == PaymentMethodKind::Test),
        choices: if needed { choices } else { Vec::new() },
        elsewhere: if needed { elsewhere } else { Vec::new() },
        error,
    }
}

/// Whether something is chosen here that is paid later, by hand.
pub(crate) fn has_manual(methods: &[PaymentMethod]) -> bool {
    let mut kinds = methods.iter().map(|method| method.kind);
    kinds.any(|kind| kind == PaymentMethodKind::Manual)
}

fn test_cards(provider: &str) -> impl Iterator<Item = PaymentChoice> {
    let cards = TEST_CARDS.into_iter();
    cards.map(move |(token, tone, title, text)| PaymentChoice {
        value: format!("{provider}:{token}"),
        title: say(title),
        text: say(text),
        tone,
        selected: false,
    })
}

fn by_hand(method: &PaymentMethod) -> PaymentChoice {
    let text = method.instructions.clone();
    PaymentChoice {
        value: method.id.clone(),
        title: method.title.clone(),
        text: text.unwrap_or_else(|| say("You pay later; the shop tells you how.")),
        tone: PayTone::Plain,
        selected: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(id: &str, kind: PaymentMethodKind) -> PaymentMethod {
        PaymentMethod {
            id: id.to_owned(),
            kind,
            title: format!("By {id}"),
            instructions: Some("Within 7 days.".to_owned()),
            public_key: None,
        }
    }

    fn selected(step: &PaymentStep) -> Vec<&str> {
        let chosen = step.choices.iter().filter(|choice| choice.selected);
        chosen.map(|choice| choice.value.as_str()).collect()
    }

    #[test]
    fn one_choice_is_selected_and_an_unknown_one_falls_back_to_the_first() {
        let methods = [
            method("test", PaymentMethodKind::Test),
            method("bank", PaymentMethodKind::Manual),
        ];
        for (sent, chosen) in [
            ("", "test:tok_success"),
            ("test:tok_3ds", "test:tok_3ds"),
            ("bank", "bank"),
            ("bank:x", "test:tok_success"),
        ] {
            assert_eq!(
                selected(&payment_step(&methods, sent, None, true)),
                [chosen],
                "{sent}"
            );
        }
        assert_eq!(provider_and_token("test:tok_3ds"), ("test", "tok_3ds"));
        assert_eq!(provider_and_token(" bank "), ("bank", ""));
    }

    #[test]
    fn a_card_provider_is_told_of_and_never_offered() {
        let step = payment_step(
            &[method("stripe", PaymentMethodKind::Stripe)],
            "",
            None,
            true,
        );
        assert!(step.choices.is_empty());
        assert_eq!(
            step.elsewhere,
            ["By stripe is taken by this shop’s own apps; this page cannot take cards."]
        );
    }

    #[test]
    fn where_nothing_is_left_to_pay_nothing_is_asked() {
        let step = payment_step(&[method("test", PaymentMethodKind::Test)], "", None, false);
        assert_eq!(step.fixed.as_deref(), Some("gift_card"));
        assert!(step.choices.is_empty());
    }
}
