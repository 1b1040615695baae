//! The calculation held against its rules, by example and for any cart.

use proptest::prelude::*;
use stoa_kernel::{QUANTITY_MAX, Quantity, VariantId};

use super::{
    Calculation, PricedLine, QuoteError, QuoteLine, Reduction, Settings, ShippingRate, TaxRule,
    Taxation, goods_total, needs_shipping,
};
use stoa_kernel::Currency;

mod promoting;
mod rates;

/// A quote at the shop's one rate, without promotions.
struct Flat {
    sums: Calculation,
    shipping: Option<i64>,
}

fn calculate(
    tax: TaxRule,
    currency: Currency,
    lines: &[PricedLine],
    chosen: Option<&ShippingRate>,
) -> Result<Flat, QuoteError> {
    let ships = needs_shipping(lines.iter().map(|each| &each.line));
    let shipping = match chosen.filter(|_| ships) {
        Some(rate) => Some(rate.option(currency, goods_total(lines)?).price.amount),
        None => None,
    };
    let delivery = shipping.unwrap_or(0);
    let none = Reduction::default();
    let sums = super::calculate(&Taxation::flat(tax), currency, lines, delivery, &none)?;
    Ok(Flat { sums, shipping })
}

impl std::ops::Deref for Flat {
    type Target = Calculation;
    fn deref(&self) -> &Calculation {
        &self.sums
    }
}

fn currency(code: &str) -> Currency {
    code.parse().expect("a currency code")
}

fn line(unit: i64, units: u32, taxable: bool) -> PricedLine {
    let line = QuoteLine {
        variant: VariantId::from_u128(1),
        quantity: Quantity::new(units).expect("a quantity"),
        requires_shipping: true,
        taxable,
        product: stoa_kernel::ProductId::from_u128(1),
        grams: 0,
        product_type: None,
        unit_price: None,
    };
    PricedLine { line, unit }
}

fn standard(code: &str) -> ShippingRate {
    let [standard, _] = Settings::first_shipping(currency(code));
    standard
}

/// (subtotal, shipping, tax, total)
fn totals(calculation: &Calculation) -> (i64, i64, i64, i64) {
    let totals = &calculation.totals;
    let of = |money: stoa_kernel::Money| money.amount;
    (
        of(totals.subtotal),
        of(totals.shipping),
        of(totals.tax),
        of(totals.total),
    )
}

#[test]
fn inclusive_prices_hold_their_tax() {
    let tax = TaxRule {
        ppm: 190_000,
        inclusive: true,
    };
    let lines = [line(1_999, 2, true), line(500, 1, false)];
    let quote = calculate(tax, Currency::EUR, &lines, Some(&standard("EUR"))).expect("a quote");
    // 3998 * 0.19 / 1.19 = 638.34, 490 * 0.19 / 1.19 = 78.24
    let amounts = |at: usize| {
        let line = &quote.lines[at];
        (
            line.unit_price.amount,
            line.subtotal.amount,
            line.tax.amount,
            line.total.amount,
        )
    };
    assert_eq!(amounts(0), (1_999, 3_360, 638, 3_998));
    assert_eq!(amounts(1), (500, 500, 0, 500));
    assert_eq!(quote.shipping, Some(490));
    assert_eq!(totals(&quote), (3_860, 412, 716, 4_988));
}

#[test]
fn exclusive_tax_comes_on_top_once_per_line_half_up() {
    let tax = TaxRule {
        ppm: 75_000,
        inclusive: false,
    };
    // 7.5 % of 20 is 1.5: up. Of 3 * 7 = 21 it is 1.575, not three times 0.525.
    let quote = calculate(
        tax,
        Currency::USD,
        &[line(20, 1, true), line(7, 3, true)],
        None,
    )
    .expect("a quote");
    assert_eq!(quote.lines[0].tax.amount, 2);
    assert_eq!(quote.lines[1].tax.amount, 2);
    assert_eq!(totals(&quote), (41, 0, 4, 45));
}

#[test]
fn delivery_is_free_from_its_threshold_on() {
    let tax = TaxRule {
        ppm: 200_000,
        inclusive: true,
    };
    let shipping = |unit: i64| {
        let quote = calculate(
            tax,
            Currency::EUR,
            &[line(unit, 1, true)],
            Some(&standard("EUR")),
        );
        quote.expect("a quote").shipping
    };
    assert_eq!(shipping(5_999), Some(490));
    assert_eq!(shipping(6_000), Some(0));
}

#[test]
fn what_is_not_shipped_pays_no_delivery() {
    let tax = TaxRule {
        ppm: 200_000,
        inclusive: true,
    };
    let mut card = line(2_500, 1, false);
    card.line.requires_shipping = false;
    let quote = calculate(tax, Currency::EUR, &[card], Some(&standard("EUR"))).expect("a quote");
    assert_eq!(
        (quote.shipping.is_none(), totals(&quote)),
        (true, (2_500, 0, 0, 2_500))
    );
    let empty = calculate(tax, Currency::EUR, &[], Some(&standard("EUR"))).expect("a quote");
    assert_eq!(totals(&empty), (0, 0, 0, 0));
}

#[test]
fn first_shipping_follows_the_decimals_of_the_currency() {
    let amounts = |code: &str| {
        let [standard, express] = Settings::first_shipping(currency(code));
        (standard.amount, standard.free_from, express.amount)
    };
    assert_eq!(amounts("EUR"), (490, Some(6_000), 1_290));
    assert_eq!(amounts("JPY"), (5, Some(60), 13));
    assert_eq!(amounts("KWD"), (4_900, Some(60_000), 12_900));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let tax = TaxRule {
        ppm: 1_000_000,
        inclusive: false,
    };
    for lines in [
        vec![line(i64::MAX, 2, true)],
        vec![line(i64::MAX, 1, true)],
        vec![line(i64::MAX, 1, false), line(1, 1, false)],
    ] {
        let quote = calculate(tax, Currency::EUR, &lines, None);
        assert!(matches!(quote, Err(QuoteError::Overflow)), "{lines:?}");
    }
}

proptest! {
    #[test]
    fn lines_shipping_and_tax_sum_to_the_total(
        code in prop::sample::select(vec!["EUR", "JPY", "KWD"]),
        ppm in 0_i64..=1_000_000,
        inclusive in any::<bool>(),
        ship in any::<bool>(),
        amounts in prop::collection::vec((0_i64..100_000_000, 1_u32..500, any::<bool>()), 0..30),
    ) {
        let tax = TaxRule { ppm, inclusive };
        let lines: Vec<PricedLine> =
            amounts.iter().map(|&(unit, units, taxable)| line(unit, units, taxable)).collect();
        let rate = standard(code);
        let quote = calculate(tax, currency(code), &lines, ship.then_some(&rate)).expect("a quote");
        let (subtotal, shipping, taxes, total) = totals(&quote);
        prop_assert_eq!(quote.lines.iter().map(|line| line.subtotal.amount).sum::<i64>(), subtotal);
        prop_assert_eq!(subtotal + shipping + taxes - quote.totals.discount.amount, total);
        let listed: i64 = lines.iter().map(|each| each.unit * each.line.quantity.as_i64()).sum();
        let shown = listed + quote.shipping.unwrap_or(0);
        if inclusive {
            prop_assert_eq!(total, shown);
        } else {
            prop_assert_eq!(subtotal, listed);
        }
        for line in &quote.lines {
            prop_assert_eq!(line.subtotal.amount + line.tax.amount, line.total.amount);
            prop_assert!(line.subtotal.amount >= 0 && line.tax.amount >= 0);
            // Never more than half a minor unit from the exact tax.
            let base = if inclusive { 1_000_000 + i128::from(ppm) } else { 1_000_000 };
            let gross = i128::from(if inclusive { line.total.amount } else { line.subtotal.amount });
            let off = i128::from(line.tax.amount) * base - gross * i128::from(ppm);
            prop_assert!(line.tax.amount == 0 || (2 * off <= base && 2 * off > -base));
        }
    }

    #[test]
    fn any_amount_is_priced_or_refused(
        ppm in 0_i64..=1_000_000,
        inclusive in any::<bool>(),
        amounts in prop::collection::vec((0_i64..=i64::MAX, 1_u32..=QUANTITY_MAX), 1..4),
    ) {
        let lines: Vec<PricedLine> =
            amounts.iter().map(|&(unit, units)| line(unit, units, true)).collect();
        let quote = calculate(TaxRule { ppm, inclusive }, Currency::EUR, &lines, None);
        prop_assert!(matches!(quote, Ok(_) | Err(QuoteError::Overflow)));
    }
}
