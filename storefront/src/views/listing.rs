//! A list of products and what narrows it down. Every state of it has an address of its own.

use serde::Serialize;

use super::{Choice, Link, ProductCard};

#[derive(Debug, Clone, Serialize)]
pub struct Listing {
    /// The path that the form asks.
    pub action: String,
    /// Sent along unseen: names as values, values as labels.
    pub kept: Vec<Choice>,
    pub sorts: Vec<Choice>,
    pub facets: Vec<Facet>,
    pub price: Option<PriceRange>,
    /// Filters in force, each with the address of the list without it.
    pub active: Vec<Link>,
    pub clear_url: String,
    pub count_label: String,
    pub products: Vec<ProductCard>,
    /// Set on every page but the first.
    pub first_url: Option<String>,
    /// Set where the page before this one is known.
    pub previous_url: Option<String>,
    pub next_url: Option<String>,
}

/// One property to choose values of.
#[derive(Debug, Clone, Serialize)]
pub struct Facet {
    pub title: String,
    /// The form field.
    pub field: String,
    pub values: Vec<FacetValue>,
    /// The counts of values that are not chosen are estimates.
    pub approximate: bool,
    pub open: bool,
    /// How many values are chosen, where any is.
    pub chosen: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct FacetValue {
    pub value: String,
    pub label: String,
    /// Products that have it, where they were counted.
    pub count: Option<u64>,
    pub selected: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct PriceRange {
    /// ISO 4217.
    pub currency: String,
    /// As typed.
    pub min: String,
    pub max: String,
    /// Of all that the list holds.
    pub lowest: Option<String>,
    pub highest: Option<String>,
    pub open: bool,
}
