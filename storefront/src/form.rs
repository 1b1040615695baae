//! The checkout form: what was typed, what is wrong with it, what may be chosen. Never checks an order.

use serde::Deserialize;

use crate::countries::countries_in;
use crate::views::{Choice, Field, FormError, SelectField};
use crate::words::{Language, count, say, spoken};

/// What a shopper typed; kept as it is, so that a page with errors shows it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CheckoutInput {
    pub email: String,
    pub name: String,
    pub line1: String,
    pub line2: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub country: String,
    pub shipping_option_id: String,
    /// `test:tok_success`, or a provider alone.
    pub payment: String,
    /// A promotion code that is not applied yet.
    pub coupon: String,
    /// A gift card that is not taken yet.
    pub gift_card: String,
    /// Those that are, as the page put them in.
    pub gift_cards: String,
}

/// Field errors by the form's names (`email`, `postal_code`); anything else goes to the summary.
#[derive(Debug, Clone, Default)]
pub struct CheckoutErrors(pub Vec<FormError>);

impl CheckoutErrors {
    pub fn on(&self, field: &str) -> Option<String> {
        let found = self
            .0
            .iter()
            .find(|error| error.field.as_deref() == Some(field));
        found.map(|error| error.message.clone())
    }
    /// Whether `field` is the first with an error.
    fn begins_at(&self, field: &str) -> bool {
        let first = self.0.iter().find_map(|error| error.field.as_deref());
        first == Some(field)
    }
    pub fn title(&self) -> String {
        match self.0.len() {
            1 => say("Please look at one thing"),
            number => count(
                "Please look at {count} thing",
                "Please look at {count} things",
                number as u64,
            ),
        }
    }
}

/// The text fields in the order e-mail, name, line1, line2, city, region, postal code.
pub fn checkout_fields(input: &CheckoutInput, errors: &CheckoutErrors) -> [Field; 7] {
    const EMAIL_LENGTH_MAX: usize = 254;
    const LINE_LENGTH_MAX: usize = 200;
    const POSTAL_CODE_LENGTH_MAX: usize = 20;
    let field = |name, label, autocomplete, value: &String, length_max| Field {
        name,
        label,
        kind: "text",
        autocomplete,
        length_max,
        required: true,
        hint: None,
        value: value.clone(),
        error: errors.on(name),
        autofocus: errors.begins_at(name),
    };
    let line = LINE_LENGTH_MAX;
    [
        Field {
            kind: "email",
            hint: Some("For the confirmation, nothing else."),
            ..field("email", "E-mail", "email", &input.email, EMAIL_LENGTH_MAX)
        },
        field("name", "Full name", "name", &input.name, line),
        field(
            "line1",
            "Street and number",
            "address-line1",
            &input.line1,
            line,
        ),
        Field {
            required: false,
            ..field(
                "line2",
                "Flat, floor, company",
                "address-line2",
                &input.line2,
                line,
            )
        },
        field("city", "City", "address-level2", &input.city, line),
        Field {
            required: false,
            ..field(
                "region",
                "State or region",
                "address-level1",
                &input.region,
                line,
            )
        },
        field(
            "postal_code",
            "Postal code",
            "postal-code",
            &input.postal_code,
            POSTAL_CODE_LENGTH_MAX,
        ),
    ]
}

/// Every country, by name, with `selected` (ISO 3166 code) chosen; one empty choice comes first.
pub fn countries(selected: &str, error: Option<String>) -> SelectField {
    let empty = Choice {
        value: String::new(),
        label: say("Choose a country"),
        selected: selected.is_empty(),
    };
    let named = countries_in(spoken()).iter().map(|&(code, name)| Choice {
        value: code.to_owned(),
        label: name.to_owned(),
        selected: code == selected,
    });
    SelectField {
        choices: std::iter::once(empty).chain(named).collect(),
        error,
    }
}

pub(crate) fn is_country(code: &str) -> bool {
    countries_in(Language::English)
        .iter()
        .any(|(known, _)| *known == code)
}

/// The country's name in the page's language; the code itself where it is none.
pub(crate) fn country_name(code: &str) -> &str {
    countries_in(spoken())
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(code, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_249_in_order_with_one_chosen() {
        let field = countries("PT", None);
        assert_eq!(field.choices.len(), 250);
        let chosen: Vec<&str> = field
            .choices
            .iter()
            .filter(|c| c.selected)
            .map(|c| c.label.as_str())
            .collect();
        assert_eq!(chosen, ["Portugal"]);
        let codes = field.choices.iter().skip(1).map(|choice| &choice.value);
        assert!(
            codes
                .clone()
                .all(|code| code.len() == 2 && is_country(code))
        );
    }
}
