//! Prepares what pages print: prices, stock words, dates, facts for search engines. Never decides any of them.

use serde_json::{Value, json};
use stoa_kernel::{Money, Timestamp};

use crate::views::{Availability, Link, ProductView};
use crate::words::{count, say, spoken, tell};

/// `€1,234.50`, or as the language of the page writes it.
pub fn money(amount: Money) -> String {
    spoken().money(amount)
}

/// The old price, where it is one: the same currency and more than the price of today.
pub fn compare_at(price: Money, was: Option<Money>) -> Option<String> {
    was.filter(|was| was.currency == price.currency && was.amount > price.amount)
        .map(money)
}

/// `Save €9.00 (18%)`, where there is something to save.
pub fn saving(price: Money, was: Option<Money>) -> Option<String> {
    let was = was.filter(|was| was.currency == price.currency && was.amount > price.amount)?;
    let saved = was.amount.checked_sub(price.amount)?;
    let percent = i128::from(saved) * 100 / i128::from(was.amount);
    let saved = money(Money::new(saved, price.currency));
    Some(if percent > 0 {
        let percent = percent.to_string();
        tell(
            "Save {amount} ({percent}%)",
            &[("amount", &saved), ("percent", &percent)],
        )
    } else {
        tell("Save {amount}", &[("amount", &saved)])
    })
}

/// The lowest of `prices` and whether they differ; `None` for no prices or a mix of currencies.
pub fn price_range(prices: &[Money]) -> Option<(Money, bool)> {
    let first = *prices.first()?;
    if prices.iter().any(|price| price.currency != first.currency) {
        return None;
    }
    let lowest = prices.iter().map(|price| price.amount).min()?;
    let varies = prices.iter().any(|price| price.amount != lowest);
    Some((Money::new(lowest, first.currency), varies))
}

/// `left` is the hint of a shop that shows low stock; without it only the word is known.
pub fn availability(sellable: bool, left: Option<u32>) -> (Availability, String) {
    match (sellable, left) {
        (false, _) | (true, Some(0)) => (Availability::SoldOut, say("Sold out")),
        (true, Some(1)) => (Availability::Low, say("Low stock: the last one")),
        (true, Some(left)) => {
            let left = left.to_string();
            let text = tell("Low stock: {count} left", &[("count", &left)]);
            (Availability::Low, text)
        }
        (true, None) => (Availability::InStock, say("In stock")),
    }
}

/// `1 product`, `12 products`, `First 24 products` where more follow.
pub fn count_label(shown: usize, more: bool) -> String {
    match (shown, more) {
        (0, _) => say("No products"),
        (_, false) => count("{count} product", "{count} products", shown as u64),
        (_, true) => tell("First {count} products", &[("count", &shown.to_string())]),
    }
}

/// `21 November 2026`, in UTC.
pub fn day(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = at.to_string();
    let mut parts = text.split('T').next().unwrap_or_default().split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let month = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|m| MONTHS.get(m.wrapping_sub(1)));
    match (year, month, day) {
        (Some(year), Some(month), Some(day)) => {
            let day = day.trim_start_matches('0');
            let month = say(month);
            tell(
                "{day} {month} {year}",
                &[("day", day), ("month", &month), ("year", year)],
            )
        }
        _ => text,
    }
}

/// schema.org `Product` for search engines; addresses must be absolute. `range` is the lowest and
/// the highest price of several variants, in decimals.
pub fn product_json_ld(
    view: &ProductView,
    url: &str,
    images: &[String],
    summary: &str,
    range: Option<(&str, &str, usize)>,
) -> Value {
    let availability = match view.selected.availability {
        _ if view.all_sold_out => "https://schema.org/OutOfStock",
        Availability::Low => "https://schema.org/LimitedAvailability",
        Availability::SoldOut | Availability::InStock => "https://schema.org/InStock",
    };
    let mut product = json!({
        "@context": "https://schema.org",
        "@type": "Product",
        "name": view.title,
        "description": summary,
        "url": url,
        "image": images,
    });
    if let Some(vendor) = &view.vendor {
        product["brand"] = json!({ "@type": "Brand", "name": vendor });
    }
    // What has no price cannot be offered.
    if !view.price_amount.is_empty() {
        let currency = &view.frame.currency;
        product["offers"] = match range {
            Some((low, high, count)) if low != high => json!({
                "@type": "AggregateOffer",
                "url": url,
                "lowPrice": low,
                "highPrice": high,
                "offerCount": count,
                "priceCurrency": currency,
                "availability": availability,
            }),
            _ => json!({
                "@type": "Offer",
                "url": url,
                "price": view.price_amount,
                "priceCurrency": currency,
                "availability": availability,
            }),
        };
    }
    product
}

/// schema.org `Organization` and `WebSite` with its search, for the first page of a shop.
pub fn shop_facts(origin: &str, name: &str, tagline: Option<&str>) -> Vec<Value> {
    let home = format!("{origin}/");
    let mut organization = json!({
        "@context": "https://schema.org",
        "@type": "Organization",
        "name": name,
        "url": home,
        "logo": format!("{origin}/favicon.svg"),
    });
    if let Some(tagline) = tagline {
        organization["slogan"] = json!(tagline);
    }
    let site = json!({
        "@context": "https://schema.org",
        "@type": "WebSite",
        "name": name,
        "url": home,
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": format!("{origin}/search?q={{search_term_string}}"),
            },
            "query-input": "required name=search_term_string",
        },
    });
    vec![organization, site]
}

/// schema.org `BreadcrumbList`; `origin` is `https://shop.example` without a slash at the end.
pub fn breadcrumb_json_ld(origin: &str, links: &[Link]) -> Value {
    let items: Vec<Value> = links
        .iter()
        .enumerate()
        .map(|(at, link)| {
            json!({
                "@type": "ListItem",
                "position": at + 1,
                "name": link.title,
                "item": format!("{origin}{}", link.url),
            })
        })
        .collect();
    json!({ "@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": items })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().expect("a currency code"))
    }

    #[test]
    fn prices_carry_sign_groups_and_the_currency_s_decimals() {
        assert_eq!(money(amount(1999, "EUR")), "€19.99");
        assert_eq!(money(amount(123_456_789, "USD")), "$1,234,567.89");
        assert_eq!(money(amount(100_000, "GBP")), "£1,000.00");
        assert_eq!(money(amount(500, "JPY")), "¥500");
        assert_eq!(money(amount(-500, "EUR")), "−€5.00");
        assert_eq!(money(amount(1234, "CHF")), "CHF\u{a0}12.34");
        assert_eq!(money(amount(1500, "KWD")), "KWD\u{a0}1.500");
    }

    #[test]
    fn an_old_price_counts_only_where_it_was_higher() {
        let price = amount(3900, "EUR");
        assert_eq!(
            compare_at(price, Some(amount(4800, "EUR"))),
            Some("€48.00".to_owned())
        );
        assert_eq!(
            saving(price, Some(amount(4800, "EUR"))),
            Some("Save €9.00 (18%)".to_owned())
        );
        assert_eq!(compare_at(price, Some(price)), None);
        assert_eq!(compare_at(price, Some(amount(4800, "USD"))), None);
        assert_eq!(saving(price, None), None);
    }

    #[test]
    fn a_range_starts_at_the_lowest_price() {
        let (low, high) = (amount(1000, "EUR"), amount(2000, "EUR"));
        assert_eq!(price_range(&[high, low]), Some((low, true)));
        assert_eq!(price_range(&[low, low]), Some((low, false)));
        assert_eq!(price_range(&[]), None);
        assert_eq!(price_range(&[low, amount(1, "USD")]), None);
    }

    #[test]
    fn stock_words_follow_what_may_be_sold() {
        assert_eq!(
            availability(true, None),
            (Availability::InStock, "In stock".to_owned())
        );
        assert_eq!(availability(true, Some(1)).1, "Low stock: the last one");
        assert_eq!(availability(true, Some(3)).1, "Low stock: 3 left");
        assert_eq!(availability(true, Some(0)).0, Availability::SoldOut);
        assert_eq!(availability(false, Some(9)).0, Availability::SoldOut);
    }

    #[test]
    fn a_day_is_written_out() {
        assert_eq!(
            day(Timestamp::from_micros(1_767_225_600_000_000)),
            "1 January 2026"
        );
        assert_eq!(day(Timestamp::from_micros(0)), "1 January 1970");
    }
}
