//! Where goods go, and which rules of a shop hold there. Knows no rates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::Destination;

use super::Flaw;

const REGION_CHARS_MAX: usize = 64;
const POSTAL_CHARS_MAX: usize = 16;

/// A country, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// ISO 3166-1 alpha-2, upper case.
    pub(crate) country: String,
    /// A region as addresses name it, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The postal codes that start so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) postal_prefix: Option<String>,
}

/// How closely a place fits: postal codes before regions, longer before shorter.
type Closeness = (usize, bool);

impl Place {
    fn closeness(&self, to: &Whereabouts) -> Option<Closeness> {
        if to.country.as_deref() != Some(&self.country) {
            return None;
        }
        if let Some(region) = &self.region
            && to.region.as_deref() != Some(&in_capitals(region))
        {
            return None;
        }
        let Some(prefix) = self.postal_prefix.as_deref().map(bare) else {
            return Some((0, self.region.is_some()));
        };
        let known = to.postal_code.as_deref()?;
        known
            .starts_with(&prefix)
            .then_some((prefix.len(), self.region.is_some()))
    }

    /// The same place, however it is written.
    pub(crate) fn key(&self) -> (String, Option<String>, Option<String>) {
        let region = self.region.as_deref().map(in_capitals);
        let prefix = self.postal_prefix.as_deref().map(bare);
        (self.country.clone(), region, prefix)
    }

    pub(crate) fn check(&self, field: &str) -> Result<(), Flaw> {
        let letters = self.country.bytes().all(|byte| byte.is_ascii_uppercase());
        if self.country.len() != 2 || !letters {
            let reason = "is a country of two capital letters, such as DE";
            return Err(Flaw::new(format!("{field}.country"), reason));
        }
        let fits = |text: &str, max: usize| {
            (1..=max).contains(&text.chars().count()) && !text.contains('\0')
        };
        if let Some(region) = &self.region
            && (!fits(region, REGION_CHARS_MAX) || region.trim().is_empty())
        {
            let reason = format!("is 1 to {REGION_CHARS_MAX} characters");
            return Err(Flaw::new(format!("{field}.region"), reason));
        }
        if let Some(prefix) = &self.postal_prefix
            && (!fits(prefix, POSTAL_CHARS_MAX) || bare(prefix).is_empty())
        {
            let reason = format!("is 1 to {POSTAL_CHARS_MAX} letters and digits");
            return Err(Flaw::new(format!("{field}.postal_prefix"), reason));
        }
        Ok(())
    }
}

/// A destination as rules compare it: capitals, no blanks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Whereabouts {
    pub(crate) country: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: Option<String>,
}

impl Whereabouts {
    pub(crate) fn of(destination: &Destination) -> Self {
        let kept = |text: &Option<String>, form: fn(&str) -> String, chars: usize| {
            let text: String = form(text.as_deref()?).chars().take(chars).collect();
            (!text.is_empty()).then_some(text)
        };
        Self {
            country: kept(&destination.country, in_capitals, 2),
            region: kept(&destination.region, in_capitals, REGION_CHARS_MAX),
            postal_code: kept(&destination.postal_code, bare, POSTAL_CHARS_MAX),
        }
    }

    /// One line of text per destination; `None` while no country is known.
    pub(crate) fn key(&self) -> Option<String> {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let country = self.country.as_ref()?;
        Some(format!(
            "{country}|{}|{}",
            part(&self.region),
            part(&self.postal_code)
        ))
    }

    /// The rule whose places fit most closely; of equals the first.
    pub(crate) fn closest<'r, R>(
        &self,
        rules: &'r [R],
        places: impl Fn(&'r R) -> &'r [Place],
    ) -> Option<&'r R> {
        let mut best: Option<(Closeness, &R)> = None;
        for rule in rules {
            let fit = places(rule)
                .iter()
                .filter_map(|place| place.closeness(self))
                .max();
            if let Some(fit) = fit
                && best.is_none_or(|(so_far, _)| fit > so_far)
            {
                best = Some((fit, rule));
            }
        }
        best.map(|(_, rule)| rule)
    }
}

fn in_capitals(text: &str) -> String {
    text.trim().to_uppercase()
}

/// Postal codes are compared by their letters and digits.
fn bare(text: &str) -> String {
    text.to_uppercase()
        .chars()
        .filter(|char| char.is_alphanumeric())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, region: Option<&str>, prefix: Option<&str>) -> [Place; 1] {
        [Place {
            country: country.to_owned(),
            region: region.map(str::to_owned),
            postal_prefix: prefix.map(str::to_owned),
        }]
    }

    #[test]
    fn the_closest_place_wins() {
        let rules = [
            place("GB", None, None),
            place("GB", Some("Scotland"), None),
            place("GB", None, Some("EH")),
            place("GB", None, Some("eh1 1")),
        ];
        let at = |region: Option<&str>, postal: Option<&str>| {
            let to = Whereabouts::of(&Destination {
                country: Some("gb".to_owned()),
                region: region.map(str::to_owned),
                postal_code: postal.map(str::to_owned),
            });
            let found = to.closest(&rules, |rule| rule).expect("one fits");
            rules.iter().position(|rule| rule == found)
        };
        assert_eq!(at(None, None), Some(0));
        assert_eq!(at(Some(" scotland "), None), Some(1));
        assert_eq!(at(Some("scotland"), Some("EH2 4AA")), Some(2));
        assert_eq!(at(None, Some("Eh11aa")), Some(3));
        let nowhere = Whereabouts::default();
        assert_eq!(nowhere.closest(&rules, |rule| rule), None);
        assert_eq!(nowhere.key(), None);
    }
}
