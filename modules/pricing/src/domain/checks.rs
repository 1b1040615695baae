//! The bounds of what merchants say of lists, promotions, tax and zones: which field breaks which.

use std::collections::HashSet;

use stoa_kernel::{Currency, Money, Timestamp};

use super::Flaw;
use super::delivery::{Rate, Zone, ZoneOption};
use super::lists::{ListPrice, ListTerms};
use super::promotions::{Benefit, PromotionTerms, Target, code_key};
use super::settings::{PRICES_PER_CALL_MAX, SHIPPING_OPTIONS_MAX, check_id, check_name};
use super::tax::{Exemption, KeptRates, TaxRate, TaxTable};

const ZONES_MAX: usize = 100;
const PLACES_PER_ZONE_MAX: usize = 500;
const BANDS_MAX: usize = 50;
const TAX_REGIONS_MAX: usize = 1_000;
const TAX_RATES_MAX: usize = 10;
const TAX_CATEGORIES_MAX: usize = 100;
const PRODUCT_TYPES_MAX: usize = 500;
const EXEMPTIONS_MAX: usize = 1_000;
const URL_CHARS_MAX: usize = 1_024;
const CODES_MAX: usize = 100;
const GROUPS_PER_LIST_MAX: usize = 20;
const CODE_CHARS_MAX: usize = 64;
const TARGETS_MAX: usize = 500;
/// Units of a set, and everything counted in budgets, stay far from where sums could overflow.
const COUNT_MAX: u32 = 1_000_000;
const MILLION: i64 = 1_000_000;

type Checked = Result<(), Flaw>;

fn at_most(len: usize, most: usize, field: &str) -> Checked {
    match len <= most {
        true => Ok(()),
        false => Err(Flaw::new(field, format!("holds at most {most} entries"))),
    }
}

fn not_negative(money: Money, field: &str) -> Checked {
    match money.amount >= 0 {
        true => Ok(()),
        false => Err(Flaw::new(format!("{field}.amount"), "must not be negative")),
    }
}

fn share(ppm: i64, field: String) -> Checked {
    match (0..=MILLION).contains(&ppm) {
        true => Ok(()),
        false => Err(Flaw::new(field, "is 0 to 1000000 (parts per million)")),
    }
}

fn schedule(from: Option<Timestamp>, until: Option<Timestamp>, field: &str) -> Checked {
    match (from, until) {
        (Some(from), Some(until)) if until <= from => {
            Err(Flaw::new(field, "must be after `starts_at`"))
        }
        _ => Ok(()),
    }
}

fn count(units: u32, field: &str) -> Checked {
    match (1..=COUNT_MAX).contains(&units) {
        true => Ok(()),
        false => Err(Flaw::new(field, format!("is 1 to {COUNT_MAX}"))),
    }
}

pub(crate) fn check_list(terms: &ListTerms) -> Checked {
    check_name(&terms.name, || "name".to_owned())?;
    schedule(terms.starts_at, terms.ends_at, "ends_at")?;
    at_most(terms.groups.len(), GROUPS_PER_LIST_MAX, "groups")?;
    let mut seen = HashSet::new();
    match terms.groups.iter().position(|named| !seen.insert(named)) {
        None => Ok(()),
        Some(index) => Err(Flaw::new(
            format!("groups[{index}]"),
            "is in the list twice",
        )),
    }
}

pub(crate) fn check_list_prices(prices: &[(ListPrice, Currency)], currency: Currency) -> Checked {
    at_most(prices.len(), PRICES_PER_CALL_MAX, "prices")?;
    let mut seen = HashSet::new();
    for (index, (price, stated)) in prices.iter().enumerate() {
        let field = |name: &str| format!("prices[{index}].{name}");
        not_negative(Money::new(price.amount, *stated), &field("price"))?;
        if *stated != currency {
            let reason = format!("must be {currency}, the currency of the list");
            return Err(Flaw::new(field("price.currency"), reason));
        }
        if !(1..=i64::from(COUNT_MAX)).contains(&price.min_quantity) {
            let reason = format!("is 1 to {COUNT_MAX}");
            return Err(Flaw::new(field("min_quantity"), reason));
        }
        if !seen.insert((price.variant, price.min_quantity)) {
            let reason = "has a price for this quantity in the list already";
            return Err(Flaw::new(field("variant_id"), reason));
        }
    }
    Ok(())
}

pub(crate) fn check_promotion(terms: &PromotionTerms) -> Checked {
    check_name(&terms.title, || "title".to_owned())?;
    at_most(terms.codes.len(), CODES_MAX, "codes")?;
    let mut seen = HashSet::new();
    for (index, code) in terms.codes.iter().enumerate() {
        let key = code_key(code);
        let chars = key.chars().count();
        if !(1..=CODE_CHARS_MAX).contains(&chars) || key.chars().any(char::is_control) {
            let reason = format!("is 1 to {CODE_CHARS_MAX} characters");
            return Err(Flaw::new(format!("codes[{index}]"), reason));
        }
        if !seen.insert(key) {
            let reason = "is in the list twice; capitals do not tell codes apart";
            return Err(Flaw::new(format!("codes[{index}]"), reason));
        }
    }
    check_benefit(&terms.benefit)?;
    check_target(&terms.target, "target")?;
    at_most(terms.combines_with.len(), 3, "combines_with")?;
    let when = &terms.conditions;
    if let Some(least) = when.min_subtotal {
        not_negative(least, "conditions.min_subtotal")?;
    }
    if let Some(units) = when.min_quantity {
        count(units, "conditions.min_quantity")?;
    }
    schedule(when.starts_at, when.ends_at, "conditions.ends_at")?;
    if let Some(uses) = terms.budget.uses_max {
        count(uses, "budget.uses_max")?;
    }
    match terms.budget.per_customer_max {
        Some(uses) => count(uses, "budget.per_customer_max"),
        None => Ok(()),
    }
}

fn check_benefit(benefit: &Benefit) -> Checked {
    match benefit {
        Benefit::Percentage { rate_ppm } => share(*rate_ppm, "benefit.rate_ppm".to_owned()),
        Benefit::FixedPerOrder { amount } | Benefit::FixedPerItem { amount } => {
            not_negative(*amount, "benefit.amount")
        }
        Benefit::BuyGet {
            buy,
            get,
            rate_ppm,
            get_target,
            sets_max,
        } => {
            count(*buy, "benefit.buy")?;
            count(*get, "benefit.get")?;
            share(*rate_ppm, "benefit.rate_ppm".to_owned())?;
            if let Some(target) = get_target {
                check_target(target, "benefit.get_target")?;
            }
            match sets_max {
                Some(sets) => count(*sets, "benefit.sets_max"),
                None => Ok(()),
            }
        }
        Benefit::FreeShipping => Ok(()),
    }
}

fn check_target(target: &Target, field: &str) -> Checked {
    let entries = match target {
        Target::All => return Ok(()),
        Target::Products { ids } => ids.len(),
        Target::Variants { ids } => ids.len(),
        Target::Collections { handles } => {
            for (index, handle) in handles.iter().enumerate() {
                check_name(handle, || format!("{field}.handles[{index}]"))?;
            }
            handles.len()
        }
    };
    match (1..=TARGETS_MAX).contains(&entries) {
        true => Ok(()),
        false => {
            let reason = format!("names 1 to {TARGETS_MAX} of them");
            Err(Flaw::new(field, reason))
        }
    }
}

pub(crate) fn check_zones(zones: &[Zone]) -> Checked {
    at_most(zones.len(), ZONES_MAX, "zones")?;
    let mut seen = HashSet::new();
    for (index, zone) in zones.iter().enumerate() {
        let field = format!("zones[{index}]");
        check_name(&zone.name, || format!("{field}.name"))?;
        let places = format!("{field}.places");
        at_most(zone.places.len(), PLACES_PER_ZONE_MAX, &places)?;
        for (at, place) in zone.places.iter().enumerate() {
            let field = format!("{places}[{at}]");
            place.check(&field)?;
            if !seen.insert(place.key()) {
                return Err(Flaw::new(field, "is in a zone already"));
            }
        }
        let options = format!("{field}.options");
        at_most(zone.options.len(), SHIPPING_OPTIONS_MAX, &options)?;
        let mut ids = HashSet::new();
        for (at, option) in zone.options.iter().enumerate() {
            let field = format!("{options}[{at}]");
            let currency = check_option(option, &field)?;
            if !ids.insert((currency, option.id.as_str())) {
                let reason = "is in the zone twice for this currency";
                return Err(Flaw::new(format!("{field}.id"), reason));
            }
        }
    }
    Ok(())
}

fn check_option(option: &ZoneOption, field: &str) -> Result<Currency, Flaw> {
    check_id(&option.id, || format!("{field}.id"))?;
    check_name(&option.name, || format!("{field}.name"))?;
    let rate = format!("{field}.rate");
    let bands = match &option.rate {
        Rate::Flat { .. } | Rate::PerItem { .. } => 1,
        Rate::ByWeight { bands } => {
            let limits: HashSet<i64> = bands.iter().map(|band| band.up_to_grams).collect();
            if limits.len() < bands.len() || limits.iter().any(|grams| *grams < 0) {
                let reason = "has weights that differ and are not negative";
                return Err(Flaw::new(format!("{rate}.bands"), reason));
            }
            bands.len()
        }
        Rate::ByPrice { bands } => {
            let limits: HashSet<i64> = bands.iter().map(|band| band.from.amount).collect();
            if limits.len() < bands.len() {
                let reason = "has thresholds that differ";
                return Err(Flaw::new(format!("{rate}.bands"), reason));
            }
            bands.len()
        }
    };
    if !(1..=BANDS_MAX).contains(&bands) {
        let reason = format!("holds 1 to {BANDS_MAX} entries");
        return Err(Flaw::new(format!("{rate}.bands"), reason));
    }
    let amounts = option.rate.amounts();
    let first = amounts
        .first()
        .ok_or_else(|| Flaw::new(rate.as_str(), "has no amount"))?;
    for money in amounts.iter().chain(&option.free_from) {
        not_negative(*money, &rate)?;
        if money.currency != first.currency {
            return Err(Flaw::new(rate, "has all its amounts in one currency"));
        }
    }
    Ok(first.currency)
}

pub(crate) fn check_tax_table(table: &TaxTable) -> Checked {
    at_most(table.regions.len(), TAX_REGIONS_MAX, "regions")?;
    at_most(table.categories.len(), TAX_CATEGORIES_MAX, "categories")?;
    at_most(table.exemptions.len(), EXEMPTIONS_MAX, "exemptions")?;
    let mut categories = HashSet::new();
    let mut types = HashSet::new();
    for (index, category) in table.categories.iter().enumerate() {
        let field = |name: &str| format!("categories[{index}].{name}");
        check_name(&category.name, || field("name"))?;
        if !categories.insert(category.name.as_str()) {
            return Err(Flaw::new(field("name"), "is the name of two categories"));
        }
        at_most(
            category.product_types.len(),
            PRODUCT_TYPES_MAX,
            &field("product_types"),
        )?;
        for (at, name) in category.product_types.iter().enumerate() {
            let field = format!("{}[{at}]", field("product_types"));
            check_name(name, || field.clone())?;
            if !types.insert(name.trim().to_lowercase()) {
                return Err(Flaw::new(field, "is in a category already"));
            }
        }
    }
    let mut places = HashSet::new();
    for (index, region) in table.regions.iter().enumerate() {
        let field = format!("regions[{index}]");
        region.place.check(&format!("{field}.place"))?;
        if !places.insert(region.place.key()) {
            return Err(Flaw::new(format!("{field}.place"), "is in the list twice"));
        }
        check_rates(&region.rates, &format!("{field}.rates"))?;
        let unknown = |rate: &TaxRate| match &rate.category {
            Some(name) => !categories.contains(name.as_str()),
            None => false,
        };
        if let Some(at) = region.rates.iter().position(unknown) {
            let field = format!("{field}.rates[{at}].category");
            return Err(Flaw::new(field, "is the name of no category"));
        }
    }
    for (index, exemption) in table.exemptions.iter().enumerate() {
        if let Exemption::EmailSha256(hash) = exemption
            && (hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let field = format!("exemptions[{index}].email_sha256");
            return Err(Flaw::new(field, "is 64 hexadecimal digits"));
        }
    }
    match &table.provider {
        Some(provider) if provider.url.len() > URL_CHARS_MAX || provider.url.is_empty() => {
            let reason = format!("is 1 to {URL_CHARS_MAX} characters");
            Err(Flaw::new("provider.url", reason))
        }
        _ => Ok(()),
    }
}

/// Rates as a provider answered them: bounded like those of merchants.
pub(crate) fn check_kept_rates(kept: &KeptRates) -> Checked {
    check_rates(&kept.rates, "rates")
}

fn check_rates(rates: &[TaxRate], field: &str) -> Checked {
    at_most(rates.len(), TAX_RATES_MAX, field)?;
    for (index, rate) in rates.iter().enumerate() {
        let field = |name: &str| format!("{field}[{index}].{name}");
        check_name(&rate.name, || field("name"))?;
        share(rate.rate_ppm, field("rate_ppm"))?;
    }
    Ok(())
}
