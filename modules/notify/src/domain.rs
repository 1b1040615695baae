//! What a confirmation says about an order. Pure: knows no database, no clock and no mail server.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use stoa_contracts::Address;
use stoa_contracts::orders::OrderView;
use stoa_kernel::Money;

const TEXT: &str = "order_confirmation.txt";
const HTML: &str = "order_confirmation.html";
/// What a variant is called where a product has only one; not worth printing.
const ONLY_VARIANT: &str = "Default";

/// A message as it is read, before it has a place in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The built-in letters.
pub(crate) struct Letters {
    templates: Environment<'static>,
}

#[derive(Serialize)]
struct Confirmation<'o> {
    subject: &'o str,
    shop: &'o str,
    name: &'o str,
    number: i64,
    test: bool,
    lines: Vec<Line<'o>>,
    sums: Vec<Sum>,
    total: String,
    address: Vec<&'o str>,
    path: String,
}

#[derive(Serialize)]
struct Line<'o> {
    quantity: u32,
    title: &'o str,
    variant: Option<&'o str>,
    amount: String,
}

#[derive(Serialize)]
struct Sum {
    label: &'static str,
    amount: String,
}

impl Letters {
    pub(crate) fn new() -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = templates
            .syntax()
            .to_builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        templates.set_syntax(syntax.expect("whitespace settings break no syntax"));
        templates.set_auto_escape_callback(|name| match name {
            HTML => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        for (name, source) in [
            (TEXT, include_str!("../templates/order_confirmation.txt")),
            (HTML, include_str!("../templates/order_confirmation.html")),
        ] {
            templates
                .add_template(name, source)
                .expect("the embedded templates parse, as the tests of this file show");
        }
        Self { templates }
    }

    /// The confirmation of a paid order. `token` opens the order to whoever reads the letter.
    pub(crate) fn order_confirmation(
        &self,
        shop: &str,
        order: &OrderView,
        token: &str,
    ) -> Result<Letter, minijinja::Error> {
        let shop = one_line(shop);
        let subject = format!("Your order {} at {shop}", order.number);
        let address = order.shipping_address.as_ref();
        let reader = address.or(order.billing_address.as_ref());
        let view = Confirmation {
            subject: &subject,
            shop: &shop,
            name: reader.map_or("dear customer", |address| address.name.as_str()),
            number: order.number,
            test: order.test,
            lines: lines(order),
            sums: sums(order),
            total: printed(order.totals.total),
            address: address.map(address_lines).unwrap_or_default(),
            path: format!("/orders/{}?token={token}", order.id),
        };
        let text = self.render(TEXT, &view)?;
        let html = self.render(HTML, &view)?;
        Ok(Letter {
            to: one_line(&order.email),
            subject,
            text,
            html,
        })
    }

    fn render(&self, name: &str, view: &Confirmation<'_>) -> Result<String, minijinja::Error> {
        self.templates
            .get_template(name)?
            .render(Value::from(Serde(view)))
    }
}

/// Amounts as the shop shows prices: with tax where its prices include it.
fn lines(order: &OrderView) -> Vec<Line<'_>> {
    let lines = order.lines.iter().map(|line| Line {
        quantity: line.quantity.get(),
        title: &line.title,
        variant: Some(line.variant_title.as_str()).filter(|title| *title != ONLY_VARIANT),
        amount: printed(if order.tax_inclusive {
            line.total
        } else {
            line.subtotal
        }),
    });
    lines.collect()
}

fn sums(order: &OrderView) -> Vec<Sum> {
    let totals = &order.totals;
    let [subtotal, shipping] = match order.tax_inclusive {
        true => ["Subtotal without tax", "Shipping without tax"],
        false => ["Subtotal", "Shipping"],
    };
    let discount = Money::new(-totals.discount.amount, totals.discount.currency);
    let all = [
        (subtotal, totals.subtotal, true),
        ("Discount", discount, discount.amount != 0),
        (shipping, totals.shipping, order.shipping_option.is_some()),
        ("Tax", totals.tax, true),
    ];
    let shown = all.into_iter().filter(|(.., shown)| *shown);
    shown
        .map(|(label, amount, _)| Sum {
            label,
            amount: printed(amount),
        })
        .collect()
}

fn address_lines(address: &Address) -> Vec<&str> {
    let parts = [
        Some(address.name.as_str()),
        Some(address.line1.as_str()),
        filled(&address.line2),
        Some(address.postal_code.as_str()),
        Some(address.city.as_str()),
        filled(&address.region),
        Some(address.country.as_str()),
    ];
    parts.into_iter().flatten().collect()
}

fn filled(part: &Option<String>) -> Option<&str> {
    part.as_deref().filter(|part| !part.is_empty())
}

/// `19.99 EUR`.
fn printed(amount: Money) -> String {
    format!("{} {}", amount.to_decimal(), amount.currency)
}

/// A header of a mail is one line, whatever a shop is called.
fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
