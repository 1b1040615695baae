//! From what the contracts tell to what pages print: cards, pictures, sums. Adds up, prices nothing.

use stoa_contracts::cart::{CartLineView, CartView};
use stoa_contracts::catalog::{CollectionView, MediaLink, ProductSummary};
use stoa_contracts::orders::OrderLineView;
use stoa_kernel::{Money, Quantity};

use crate::present::{Sums, compare_at, money, totals};
use crate::views::{Badge, BadgeTone, CollectionCard, Picture, ProductCard, SummaryLine, Totals};
use crate::visit::{collection_url, product_url};

/// The theme shows every picture in this shape; it only reserves the space.
const PICTURE_WIDTH: u32 = 800;
const PICTURE_HEIGHT: u32 = 1000;
/// What the catalog calls the variant of a product without options.
const ONLY_VARIANT: &str = "Default";
const DESCRIPTION_CHARS_MAX: usize = 160;

pub(crate) fn picture(url: &str, alt: &str) -> Picture {
    Picture {
        url: url.to_owned(),
        alt: alt.to_owned(),
        width: PICTURE_WIDTH,
        height: PICTURE_HEIGHT,
    }
}

fn media_picture(media: &MediaLink, title: &str) -> Picture {
    let alt = if media.alt.is_empty() {
        title
    } else {
        &media.alt
    };
    picture(&media.url, alt)
}

pub(crate) fn product_card(product: &ProductSummary) -> ProductCard {
    let was = product
        .price
        .and_then(|price| compare_at(price, product.compare_at_price));
    let badge = |label: &str, tone| {
        Some(Badge {
            label: label.to_owned(),
            tone,
        })
    };
    ProductCard {
        title: product.title.clone(),
        url: product_url(&product.handle),
        vendor: product.vendor.clone(),
        image: product
            .image
            .as_ref()
            .map(|image| media_picture(image, &product.title)),
        price: product
            .price
            .map_or_else(|| "Not for sale".to_owned(), money),
        price_varies: product
            .price_max
            .is_some_and(|most| Some(most) != product.price),
        badge: match (product.available && product.price.is_some(), &was) {
            (false, _) => badge("Sold out", BadgeTone::Out),
            (true, Some(_)) => badge("Sale", BadgeTone::Sale),
            (true, None) => None,
        },
        compare_at: was,
    }
}

pub(crate) fn collection_card(collection: &CollectionView) -> CollectionCard {
    CollectionCard {
        title: collection.title.clone(),
        url: collection_url(&collection.handle),
        // The title stands right below; a reader should not hear it twice.
        image: collection
            .image
            .as_ref()
            .map(|image| picture(&image.url, "")),
    }
}

/// The words of sanitised HTML, on one line, without its tags.
pub(crate) fn plain_text(html: &str) -> String {
    /// Tags that stand within a word or sentence.
    const INLINE: [&str; 12] = [
        "a", "b", "strong", "i", "em", "u", "s", "span", "sub", "sup", "small", "code",
    ];
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((words, tag_on)) = rest.split_once('<') {
        text.push_str(words);
        let (tag, after) = tag_on.split_once('>').unwrap_or((tag_on, ""));
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap_or_default();
        if !INLINE.contains(&name) {
            text.push(' ');
        }
        rest = after;
    }
    text.push_str(rest);
    let text = text
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As much of a text as search engines show, cut at a word.
pub(crate) fn summary(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let Some((end, _)) = text.char_indices().nth(DESCRIPTION_CHARS_MAX) else {
        return Some(text.to_owned());
    };
    let cut = text[..end].rfind(' ').unwrap_or(end);
    Some(format!("{}…", &text[..cut]))
}

pub(crate) fn variant_title(title: &str) -> Option<String> {
    (!title.is_empty() && title != ONLY_VARIANT).then(|| title.to_owned())
}

/// What a line shows: unit price times quantity, as listed.
pub(crate) fn line_total(unit: Money, quantity: Quantity) -> Money {
    unit.times(quantity.as_i64()).unwrap_or(unit)
}

/// A line that cannot be bought any more counts nothing, and says so by its total.
fn counts(line: &CartLineView) -> bool {
    line.available || line.total.amount != 0
}

pub(crate) fn cart_line(line: &CartLineView) -> SummaryLine {
    let total = if counts(line) {
        line_total(line.unit_price, line.quantity)
    } else {
        line.total
    };
    SummaryLine {
        title: line.title.clone(),
        variant: variant_title(&line.variant_title),
        image: line.image.as_deref().map(|url| picture(url, "")),
        quantity: line.quantity.get(),
        unit_price: money(line.unit_price),
        total: money(total),
    }
}

pub(crate) fn cart_totals(cart: &CartView, shipping_known: bool) -> Totals {
    let counted = cart.lines.iter().filter(|line| counts(line));
    let listed = counted.map(|line| (line.unit_price, line.quantity));
    shown_totals(listed, &cart.totals, cart.tax_inclusive, shipping_known)
}

pub(crate) fn order_line(line: &OrderLineView) -> SummaryLine {
    SummaryLine {
        title: line.title.clone(),
        variant: variant_title(&line.variant_title),
        image: line.image.as_deref().map(|url| picture(url, "")),
        quantity: line.quantity.get(),
        unit_price: money(line.unit_price),
        total: money(line_total(line.unit_price, line.quantity)),
    }
}

/// Amounts as the shop lists them. Contracts keep lines and shipping net; where prices include
/// tax, shoppers see both gross, so that the column adds up to the total without the tax row.
pub(crate) fn shown_totals(
    lines: impl Iterator<Item = (Money, Quantity)>,
    sums: &stoa_contracts::Totals,
    tax_included: bool,
    shipping_known: bool,
) -> Totals {
    let (mut subtotal, mut shipping) = (sums.subtotal, sums.shipping);
    if tax_included {
        let listed: i64 = lines
            .map(|(unit, quantity)| line_total(unit, quantity).amount)
            .sum();
        subtotal = Money::new(listed, sums.total.currency);
        let rest = sums.total.amount - listed + sums.discount.amount;
        shipping = Money::new(rest.max(0), sums.total.currency);
    }
    totals(&Sums {
        subtotal,
        discount: Some(sums.discount),
        shipping: shipping_known.then_some(shipping),
        tax: sums.tax,
        total: sums.total,
        tax_included,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(cents: i64) -> Money {
        Money::new(cents, stoa_kernel::Currency::EUR)
    }

    #[test]
    fn gross_columns_add_up_without_the_tax_row() {
        let sums = stoa_contracts::Totals {
            subtotal: eur(10_000),
            discount: eur(0),
            shipping: eur(500),
            tax: eur(2_100),
            total: eur(12_600),
        };
        let two = Quantity::new(2).expect("a quantity");
        let lines = || [(eur(6_000), two)].into_iter();
        let gross = shown_totals(lines(), &sums, true, true);
        assert_eq!(
            (gross.subtotal.as_str(), gross.shipping.as_str()),
            ("€120.00", "€6.00")
        );
        assert_eq!(
            (gross.tax.as_str(), gross.total.as_str()),
            ("€21.00", "€126.00")
        );
        let net = shown_totals(lines(), &sums, false, true);
        assert_eq!(
            (net.subtotal.as_str(), net.shipping.as_str()),
            ("€100.00", "€5.00")
        );
    }

    #[test]
    fn descriptions_lose_their_tags_and_end_at_a_word() {
        assert_eq!(
            plain_text("<p>Oak &amp; <b>ash</b>.</p><ul><li>Heavy</li></ul>"),
            "Oak & ash. Heavy"
        );
        let long = "word ".repeat(60);
        let cut = summary(long.trim()).expect("a text");
        assert!(cut.ends_with("word…") && cut.chars().count() <= DESCRIPTION_CHARS_MAX + 1);
        assert_eq!(summary(""), None);
    }
}
