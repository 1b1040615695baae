//! Prepares what pages print: prices, stock words, dates, facts for search engines. Never decides any of them.

use serde_json::{Value, json};
use stoa_kernel::{Currency, Money, Timestamp};

use crate::views::{Availability, Link, ProductView};

const DIGITS_PER_GROUP: usize = 3;

/// `€1,234.50`, `¥500`, `−€5.00`; a currency without a sign of its own prints its code.
pub fn money(amount: Money) -> String {
    let decimal = amount.to_decimal();
    let (minus, digits) = decimal
        .strip_prefix('-')
        .map_or(("", decimal.as_str()), |rest| ("−", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::with_capacity(whole.len() + whole.len() / DIGITS_PER_GROUP);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(DIGITS_PER_GROUP) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{minus}{}{grouped}{point}{fraction}", sign(amount.currency))
}

fn sign(currency: Currency) -> String {
    let sign = match currency.as_str() {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        "JPY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "ILS" => "₪",
        "VND" => "₫",
        "UAH" => "₴",
        // A no-break space keeps code and figure on one line.
        code => return format!("{code}\u{a0}"),
    };
    sign.to_owned()
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
        format!("Save {saved} ({percent}%)")
    } else {
        format!("Save {saved}")
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
        (false, _) | (true, Some(0)) => (Availability::SoldOut, "Sold out".to_owned()),
        (true, Some(1)) => (Availability::Low, "Low stock: the last one".to_owned()),
        (true, Some(left)) => (Availability::Low, format!("Low stock: {left} left")),
        (true, None) => (Availability::InStock, "In stock".to_owned()),
    }
}

/// `1 product`, `12 products`, `First 24 products` where more follow.
pub fn count_label(shown: usize, more: bool) -> String {
    match (shown, more) {
        (0, _) => "No products".to_owned(),
        (1, false) => "1 product".to_owned(),
        (_, false) => format!("{shown} products"),
        (_, true) => format!("First {shown} products"),
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
            format!("{} {month} {year}", day.trim_start_matches('0'))
        }
        _ => text,
    }
}

/// schema.org `Product` for search engines; addresses must be absolute.
pub fn product_json_ld(view: &ProductView, url: &str, images: &[String], summary: &str) -> Value {
    let availability = match view.selected.availability {
        Availability::SoldOut => "https://schema.org/OutOfStock",
        Availability::Low => "https://schema.org/LimitedAvailability",
        Availability::InStock => "https://schema.org/InStock",
    };
    let mut product = json!({
        "@context": "https://schema.org",
        "@type": "Product",
        "name": view.title,
        "description": summary,
        "url": url,
        "image": images,
        "offers": {
            "@type": "Offer",
            "url": url,
            "price": view.price_amount,
            "priceCurrency": view.frame.currency,
            "availability": availability,
        },
    });
    if let Some(vendor) = &view.vendor {
        product["brand"] = json!({ "@type": "Brand", "name": vendor });
    }
    product
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
