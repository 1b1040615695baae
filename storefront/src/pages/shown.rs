//! From what the contracts tell to what pages print: cards, pictures, sums. Adds up, prices nothing.

use stoa_contracts::Address;
use stoa_contracts::cart::{CartLineView, CartNotice, CartView};
use stoa_contracts::catalog::{CollectionView, MediaLink, ProductSummary};
use stoa_contracts::media::Media;
use stoa_contracts::orders::{OrderLineView, OrderView};
use stoa_contracts::pricing::{Adjustment, AppliedPromotion, CouponRefusal, TaxLine};
use stoa_kernel::{Currency, Money, Quantity};

use crate::form::country_name;
use crate::present::{compare_at, money};
use crate::shop::Shop;
use crate::sums::{Sums, minus, rate_label, totals};
use crate::views::{
    Badge, BadgeTone, CollectionCard, Picture, PictureSource, ProductCard, SummaryLine, TotalRow,
    Totals,
};
use crate::visit::{Visit, collection_url, product_url};
use crate::words::{say, tell};

/// The theme shows every picture in this shape; it only reserves the space.
const PICTURE_WIDTH: u32 = 800;
const PICTURE_HEIGHT: u32 = 1000;
/// Shown in a quarter of a wide page, half of a narrow one; thumbnails; the gallery's stage; whole.
pub(crate) const CARD_WIDTH_MAX: u32 = 720;
pub(crate) const THUMB_WIDTH_MAX: u32 = 224;
pub(crate) const STAGE_WIDTH_MAX: u32 = 1_440;
pub(crate) const LARGE_WIDTH_MAX: u32 = 2_400;
/// What the catalog calls the variant of a product without options.
const ONLY_VARIANT: &str = "Default";
const DESCRIPTION_CHARS_MAX: usize = 160;

/// How a page of a visit shows goods: their pictures, and what has no price.
#[derive(Clone, Copy)]
pub(crate) struct Lens<'v> {
    media: Option<&'v dyn Media>,
    /// Set where the shop sells in others as well.
    currency: Option<Currency>,
}

impl Shop {
    pub(crate) fn lens(&self, visit: &Visit) -> Lens<'_> {
        Lens {
            media: self.media.as_deref(),
            currency: (visit.markets.currencies.len() > 1).then_some(visit.currency),
        }
    }
}

impl Lens<'_> {
    /// `width_max` is the widest that the page shows it, in pixels of a good screen.
    pub(crate) fn picture(&self, url: &str, alt: &str, width_max: u32) -> Picture {
        let plain = || Picture::plain(url, alt, PICTURE_WIDTH, PICTURE_HEIGHT);
        let Some(ours) = self.media.and_then(|media| media.picture(url, width_max)) else {
            return plain();
        };
        let mut sources = ours.sources;
        // The last is for the `<img>` itself.
        let own = sources.pop();
        Picture {
            url: ours.src,
            srcset: own.map(|source| source.srcset),
            sources: sources
                .into_iter()
                .map(|source| PictureSource {
                    mime: source.mime,
                    srcset: source.srcset,
                })
                .collect(),
            alt: alt.to_owned(),
            width: ours.width,
            height: ours.height,
        }
    }

    /// The address alone, for where there is one size only.
    pub(crate) fn address(&self, url: &str, width_max: u32) -> String {
        let ours = self.media.and_then(|media| media.picture(url, width_max));
        ours.map_or_else(|| url.to_owned(), |ours| ours.src)
    }

    /// A shop of one currency sells it to nobody; of several, not in this one.
    pub(crate) fn no_price(&self) -> String {
        match self.currency {
            Some(currency) => tell("Not sold in {currency}", &[("currency", currency.as_str())]),
            None => say("Not for sale"),
        }
    }

    pub(crate) fn product_card(&self, product: &ProductSummary) -> ProductCard {
        let was = product
            .price
            .and_then(|price| compare_at(price, product.compare_at_price));
        let badge = |label: &str, tone| {
            Some(Badge {
                label: say(label),
                tone,
            })
        };
        let sold_elsewhere = product.price.is_none() && self.currency.is_some();
        ProductCard {
            title: product.title.clone(),
            url: product_url(&product.handle),
            vendor: product.vendor.clone(),
            image: product
                .image
                .as_ref()
                .map(|image| self.media_picture(image, &product.title)),
            price: product.price.map_or_else(|| self.no_price(), money),
            price_varies: product
                .price_max
                .is_some_and(|most| Some(most) != product.price),
            badge: match (product.available && product.price.is_some(), &was) {
                // The price says it.
                (false, _) if sold_elsewhere => None,
                (false, _) => badge("Sold out", BadgeTone::Out),
                (true, Some(_)) => badge("Sale", BadgeTone::Sale),
                (true, None) => None,
            },
            compare_at: was,
        }
    }

    fn media_picture(&self, media: &MediaLink, title: &str) -> Picture {
        let alt = if media.alt.is_empty() {
            title
        } else {
            &media.alt
        };
        self.picture(&media.url, alt, CARD_WIDTH_MAX)
    }

    pub(crate) fn collection_card(&self, collection: &CollectionView) -> CollectionCard {
        CollectionCard {
            title: collection.title.clone(),
            url: collection_url(&collection.handle),
            // The title stands right below; a reader should not hear it twice.
            image: collection
                .image
                .as_ref()
                .map(|image| self.picture(&image.url, "", CARD_WIDTH_MAX)),
        }
    }

    pub(crate) fn cart_line(&self, line: &CartLineView) -> SummaryLine {
        let total = if counts(line) {
            line_total(line.unit_price, line.quantity)
        } else {
            line.total
        };
        SummaryLine {
            title: line.title.clone(),
            variant: variant_title(&line.variant_title),
            image: self.thumb(line.image.as_deref()),
            quantity: line.quantity.get(),
            unit_price: money(line.unit_price),
            total: money(total),
            discounts: taken_off(&line.adjustments),
        }
    }

    pub(crate) fn order_line(&self, line: &OrderLineView) -> SummaryLine {
        SummaryLine {
            title: line.title.clone(),
            variant: variant_title(&line.variant_title),
            image: self.thumb(line.image.as_deref()),
            quantity: line.quantity.get(),
            unit_price: money(line.unit_price),
            total: money(line_total(line.unit_price, line.quantity)),
            discounts: taken_off(&line.adjustments),
        }
    }

    /// The title stands beside it.
    fn thumb(&self, url: Option<&str>) -> Option<Picture> {
        url.map(|url| self.picture(url, "", THUMB_WIDTH_MAX))
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

fn taken_off(adjustments: &[Adjustment]) -> Vec<TotalRow> {
    let some = adjustments.iter().filter(|one| one.amount.amount != 0);
    some.map(|one| minus(&one.title, one.amount)).collect()
}

pub(crate) fn cart_totals(cart: &CartView, shipping_known: bool) -> Totals {
    let counted = cart.lines.iter().filter(|line| counts(line));
    let listed = counted.map(|line| (line.unit_price, line.quantity));
    let parts = Parts {
        sums: &cart.totals,
        promotions: &cart.promotions,
        taxes: &cart.taxes,
        tax_included: cart.tax_inclusive,
        shipping_known,
    };
    shown_totals(listed, &parts)
}

pub(crate) fn order_totals(order: &OrderView) -> Totals {
    let lines = order.lines.iter();
    let listed = lines.map(|line| (line.unit_price, line.quantity));
    let parts = Parts {
        sums: &order.totals,
        promotions: &order.promotions,
        taxes: &order.taxes,
        tax_included: order.tax_inclusive,
        shipping_known: true,
    };
    shown_totals(listed, &parts)
}

pub(crate) fn address_rows(address: &Address) -> Vec<String> {
    let city = format!("{} {}", address.postal_code, address.city);
    let rows = [
        Some(address.name.clone()),
        Some(address.line1.clone()),
        address.line2.clone(),
        Some(city.trim().to_owned()),
        address.region.clone(),
        Some(country_name(&address.country).to_owned()),
    ];
    rows.into_iter()
        .flatten()
        .filter(|row| !row.is_empty())
        .collect()
}

/// Why a promotion code does nothing, and what to do about it.
pub(crate) fn refusal_words(reason: CouponRefusal) -> String {
    say(match reason {
        CouponRefusal::Unknown => "We do not know this code. Please check how it is spelled.",
        CouponRefusal::NotYetValid => "This code does not work yet. Keep it for later.",
        CouponRefusal::Expired => "This code has ended.",
        CouponRefusal::UsedUp => "This code has been used as often as it may be.",
        CouponRefusal::DoesNotApply => {
            "This code is not for what is in your cart. It waits here in case that changes."
        }
        CouponRefusal::NotCombinable => {
            "This code does not work together with another offer in your cart."
        }
    })
}

/// What changed in a cart since its shopper last looked, beside what is told at its lines.
pub(crate) fn notice_words(cart: &CartView) -> Vec<String> {
    let title = |id| {
        let line = cart.lines.iter().find(|line| line.id == id);
        line.map_or("Something in your cart", |line| line.title.as_str())
    };
    let words = cart.notices.iter().filter_map(|notice| match notice {
        CartNotice::PriceChanged {
            line_id,
            before,
            now,
        } => Some(tell(
            "{title} now costs {now}. It was {before} when you put it in your cart.",
            &[
                ("title", title(*line_id)),
                ("now", &money(*now)),
                ("before", &money(*before)),
            ],
        )),
        CartNotice::ShippingGone { .. } => Some(say(
            "The delivery you chose is not offered any more. Please choose another at checkout.",
        )),
        CartNotice::NotMerged { title, units, .. } => Some(tell(
            "{count} × {title} did not fit into your cart and was left out.",
            &[("count", &units.to_string()), ("title", title)],
        )),
        // Told beside their lines.
        CartNotice::StockShort { .. } | CartNotice::NotForSale { .. } => None,
    });
    words.collect()
}

/// What a sum is explained from.
pub(crate) struct Parts<'a> {
    pub(crate) sums: &'a stoa_contracts::Totals,
    pub(crate) promotions: &'a [AppliedPromotion],
    pub(crate) taxes: &'a [TaxLine],
    pub(crate) tax_included: bool,
    pub(crate) shipping_known: bool,
}

/// Amounts as the shop lists them. Contracts keep lines and shipping net; where prices include
/// tax, shoppers see both gross, so that the column adds up to the total without the tax row.
pub(crate) fn shown_totals(
    lines: impl Iterator<Item = (Money, Quantity)>,
    parts: &Parts<'_>,
) -> Totals {
    let sums = parts.sums;
    let discounts = discounts(parts);
    let (mut subtotal, mut shipping) = (sums.subtotal, sums.shipping);
    if parts.tax_included {
        let listed: i64 = lines
            .map(|(unit, quantity)| line_total(unit, quantity).amount)
            .sum();
        subtotal = Money::new(listed, sums.total.currency);
        let off: i64 = discounts.iter().map(|(_, off)| off.amount).sum();
        let rest = sums.total.amount - listed + off;
        shipping = Money::new(rest.max(0), sums.total.currency);
    }
    let mut taxes: Vec<(String, Money)> = parts
        .taxes
        .iter()
        .map(|tax| (rate_label(&tax.name, tax.rate_ppm), tax.amount))
        .collect();
    if taxes.is_empty() && (sums.tax.amount != 0 || !parts.tax_included) {
        taxes.push((say("Tax"), sums.tax));
    }
    totals(&Sums {
        subtotal,
        discounts,
        shipping: parts.shipping_known.then_some(shipping),
        taxes,
        total: sums.total,
        tax_included: parts.tax_included,
    })
}

/// One row a promotion; a single row where their sum is not what the total was made with.
fn discounts(parts: &Parts<'_>) -> Vec<(String, Money)> {
    let listed: i64 = parts.promotions.iter().map(|one| one.amount.amount).sum();
    let whole = parts.tax_included || listed == parts.sums.discount.amount;
    if parts.promotions.is_empty() || !whole {
        return vec![(say("Discount"), parts.sums.discount)];
    }
    let named = parts.promotions.iter().map(|one| {
        let label = match &one.code {
            Some(code) => format!("{} ({code})", one.title),
            None => one.title.clone(),
        };
        (label, one.amount)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(cents: i64) -> Money {
        Money::new(cents, Currency::EUR)
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
        let parts = |tax_included| Parts {
            sums: &sums,
            promotions: &[],
            taxes: &[],
            tax_included,
            shipping_known: true,
        };
        let gross = shown_totals(lines(), &parts(true));
        assert_eq!(
            (gross.subtotal.as_str(), gross.shipping.as_str()),
            ("€120.00", "€6.00")
        );
        assert_eq!(
            (gross.taxes[0].amount.as_str(), gross.total.as_str()),
            ("€21.00", "€126.00")
        );
        let net = shown_totals(lines(), &parts(false));
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
