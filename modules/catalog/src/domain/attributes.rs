//! What a category's products should tell of themselves, and what they do tell. Never does IO.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::Attribute;

use super::rules::line;
use super::{Category, Flaw};

pub(crate) const ATTRIBUTE_RULES_MAX: usize = 100;
pub(crate) const ATTRIBUTE_VALUES_MAX: usize = 500;
/// Of one product.
pub(crate) const ATTRIBUTES_MAX: usize = 100;

/// What products of a category, and of those below it, should tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttributeRule {
    pub(crate) name: String,
    /// The only values there may be, at most 500; any where it is empty.
    #[serde(default)]
    pub(crate) values: Vec<String>,
}

pub(crate) fn check_attribute_rules(rules: &[AttributeRule]) -> Result<(), Flaw> {
    if rules.len() > ATTRIBUTE_RULES_MAX {
        let reason = format!("holds at most {ATTRIBUTE_RULES_MAX} entries");
        return Err(Flaw::new("attributes", reason));
    }
    let mut names = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("attributes[{index}]");
        line(format!("{field}.name"), &rule.name)?;
        if !names.insert(rule.name.to_lowercase()) {
            return Err(Flaw::new(format!("{field}.name"), "is named already"));
        }
        if rule.values.len() > ATTRIBUTE_VALUES_MAX {
            let reason = format!("holds at most {ATTRIBUTE_VALUES_MAX} entries");
            return Err(Flaw::new(format!("{field}.values"), reason));
        }
        let mut values = HashSet::new();
        for (place, value) in rule.values.iter().enumerate() {
            let field = format!("{field}.values[{place}]");
            line(field.clone(), value)?;
            if !values.insert(value) {
                return Err(Flaw::new(field, "is in the list twice"));
            }
        }
    }
    Ok(())
}

/// Bounds that hold in every category.
pub(crate) fn check_attributes(attributes: &[Attribute]) -> Result<(), Flaw> {
    if attributes.len() > ATTRIBUTES_MAX {
        let reason = format!("holds at most {ATTRIBUTES_MAX} entries");
        return Err(Flaw::new("attributes", reason));
    }
    let mut seen = HashSet::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let field = format!("attributes[{index}]");
        line(format!("{field}.name"), &attribute.name)?;
        line(format!("{field}.value"), &attribute.value)?;
        if !seen.insert((&attribute.name, &attribute.value)) {
            return Err(Flaw::new(field, "is in the list twice"));
        }
    }
    Ok(())
}

/// What the categories on the way to a product's allow. Names that none of them knows are free;
/// of two that know one name, the nearer one says which values it may have.
pub(crate) fn check_allowed(attributes: &[Attribute], path: &[&Category]) -> Result<(), Flaw> {
    for (index, attribute) in attributes.iter().enumerate() {
        let rules = path.iter().rev().flat_map(|category| &category.attributes);
        let rule = rules
            .into_iter()
            .find(|rule| same_name(&rule.name, &attribute.name));
        let forbids = |rule: &AttributeRule| {
            !rule.values.is_empty() && !rule.values.contains(&attribute.value)
        };
        if rule.is_some_and(forbids) {
            let field = format!("attributes[{index}].value");
            return Err(Flaw::new(field, "is not one that its category allows"));
        }
    }
    Ok(())
}

/// In the order of the categories, from the root on; then by name.
pub(crate) fn arranged(mut attributes: Vec<Attribute>, path: &[&Category]) -> Vec<Attribute> {
    let names: Vec<&str> = path
        .iter()
        .flat_map(|category| &category.attributes)
        .map(|rule| rule.name.as_str())
        .collect();
    let place = |attribute: &Attribute| {
        let known = names
            .iter()
            .position(|name| same_name(name, &attribute.name));
        match known {
            Some(place) => (place, String::new()),
            None => (usize::MAX, attribute.name.clone()),
        }
    };
    attributes.sort_by_cached_key(place);
    attributes
}

fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}
