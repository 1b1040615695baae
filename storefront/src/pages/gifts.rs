//! Gift cards typed at checkout: what each pays of what is due. Holds nothing and spends nothing.

use stoa_contracts::ledger::GiftCardError;
use stoa_kernel::Money;

use crate::answer::Trouble;
use crate::present::money;
use crate::shop::Shop;
use crate::views::{GiftBox, GiftTag};
use crate::visit::Visit;
use crate::words::{say, tell};

/// As many as an order takes.
const CARDS_MAX: usize = 5;
const CODE_CHARS_MAX: usize = 64;
const CHARS_SHOWN: usize = 4;

/// The cards of a form and what they pay.
pub(crate) struct Gifts {
    pub(crate) codes: Vec<String>,
    pub(crate) pays: Money,
    /// What the page shows.
    pub(crate) shown: GiftBox,
}

/// The codes a page put into its form, and one that was typed.
pub(crate) fn codes_of(kept: &str, typed: &str) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    let typed: String = typed.split_whitespace().collect();
    let all = kept.split_whitespace().chain(Some(typed.as_str()));
    for code in all.filter(|code| !code.is_empty()) {
        let code: String = code.chars().take(CODE_CHARS_MAX).collect();
        if !codes.iter().any(|known| plain(known) == plain(&code)) {
            codes.push(code);
        }
    }
    codes.truncate(CARDS_MAX);
    codes
}

/// Asks what is on each card. A card that pays nothing is left out, and its reason told.
pub(crate) async fn look(
    shop: &Shop,
    visit: &Visit,
    codes: &[String],
    due: Money,
) -> Result<Gifts, Trouble> {
    let none = Money::zero(due.currency);
    let mut found = Gifts {
        codes: Vec::new(),
        pays: none,
        shown: GiftBox {
            offered: due.amount > 0,
            ..GiftBox::default()
        },
    };
    for code in codes {
        let left = due.amount - found.pays.amount;
        let asked = shop
            .ledger
            .gift_card_balance(visit.tenant_id(), code, due.currency)
            .await;
        let balance = match asked {
            Ok(balance) => balance,
            Err(GiftCardError::Refused { reason, .. }) => {
                found.refuse(
                    code,
                    tell(
                        "This gift card {reason}.",
                        &[("reason", &reason.to_string())],
                    ),
                );
                continue;
            }
            Err(GiftCardError::Storage(error)) => return Err(error.into()),
        };
        if left == 0 {
            found.refuse(code, say("Your other cards pay for everything."));
        } else if balance.amount == 0 {
            found.refuse(code, say("This gift card is empty."));
        } else {
            found.take(
                code,
                Money::new(balance.amount.min(left).max(0), due.currency),
            );
        }
    }
    found.shown.codes = found.codes.join(" ");
    Ok(found)
}

impl Gifts {
    fn take(&mut self, code: &str, pays: Money) {
        self.pays = Money::new(self.pays.amount + pays.amount, pays.currency);
        self.codes.push(code.to_owned());
        let symbols: Vec<char> = plain(code).chars().collect();
        let end: String = symbols[symbols.len().saturating_sub(CHARS_SHOWN)..]
            .iter()
            .collect();
        self.shown.cards.push(GiftTag {
            shown: format!("…{end}"),
            pays: money(pays),
        });
    }

    fn refuse(&mut self, code: &str, reason: String) {
        self.shown.typed = code.to_owned();
        self.shown.error = Some(reason);
    }
}

/// `Pay €52.90`; `Order for €52.90` where some pay later; `Place order` where nothing is left.
pub(crate) fn pay_label(due: Money, later: bool) -> String {
    match (due.amount, later) {
        (..=0, _) => say("Place order"),
        (_, true) => tell("Order for {amount}", &[("amount", &money(due))]),
        (_, false) => tell("Pay {amount}", &[("amount", &money(due))]),
    }
}

fn plain(code: &str) -> String {
    let symbols = code.chars().filter(char::is_ascii_alphanumeric);
    symbols.collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    #[test]
    fn a_card_typed_twice_is_one_card() {
        assert_eq!(
            codes_of("AB-CD", " ab cd "),
            ["AB-CD"],
            "as people copy codes from paper"
        );
        assert_eq!(codes_of("", "x1"), ["x1"]);
        assert_eq!(codes_of("", " "), [""; 0]);
        assert_eq!(codes_of("1 2 3 4 5 6", "7").len(), 5);
    }

    #[test]
    fn the_button_says_what_is_charged() {
        let eur = |cents| Money::new(cents, Currency::EUR);
        assert_eq!(pay_label(eur(5290), false), "Pay €52.90");
        assert_eq!(pay_label(eur(5290), true), "Order for €52.90");
        assert_eq!(pay_label(eur(0), true), "Place order");
    }
}
