//! Promotions held against their rules, by example and for any cart.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use stoa_contracts::pricing::{CouponRefusal, QuotedLine};
use stoa_kernel::{Currency, Money, ProductId, PromotionId, Timestamp, VariantId};

use super::{PricedLine, TaxRule, Taxation, currency, line};
use crate::domain::{
    Basket, Calculation, Promotion, PromotionTerms, Promotions, Reduction, calculate,
    check_promotion, reduce,
};

fn promotions(all: &[Value]) -> Promotions {
    let each = |(number, terms): (usize, &Value)| {
        let terms: PromotionTerms = serde_json::from_value(terms.clone()).expect("terms");
        assert_eq!(check_promotion(&terms), Ok(()), "{terms:?}");
        Promotion {
            id: PromotionId::from_u128(number as u128 + 1),
            terms,
        }
    };
    Promotions::new(all.iter().enumerate().map(each).collect())
}

fn of_variant(number: u128, unit: i64, units: u32) -> PricedLine {
    let mut each = line(unit, units, true);
    each.line.variant = VariantId::from_u128(number);
    each.line.product = ProductId::from_u128(number);
    each
}

fn reduced(
    all: &[Value],
    lines: &[PricedLine],
    codes: &[&str],
    delivery: Option<i64>,
) -> Reduction {
    let codes: Vec<String> = codes.iter().map(|&code| code.to_owned()).collect();
    let collections = HashMap::from([(ProductId::from_u128(1), vec!["summer".to_owned()])]);
    let basket = Basket {
        currency: Currency::EUR,
        lines,
        collections: &collections,
        needs_shipping: true,
        delivery,
    };
    let promotions = promotions(all);
    let (candidates, refused) = promotions.candidates(&codes, Timestamp::from_micros(1_000));
    let mut reduction = reduce(&basket, &candidates).expect("a reduction");
    reduction.refused.extend(refused);
    reduction
}

/// What was taken off each line.
fn off(reduction: &Reduction) -> Vec<i64> {
    let sum = |each: &Vec<stoa_contracts::pricing::Adjustment>| {
        each.iter().map(|each| each.amount.amount).sum()
    };
    reduction.lines.iter().map(sum).collect()
}

fn reasons(reduction: &Reduction) -> Vec<(&str, CouponRefusal)> {
    let told = |each: &'_ stoa_contracts::pricing::RefusedCoupon| each.reason;
    let refused = reduction.refused.iter();
    refused
        .map(|each| (each.code.as_str(), told(each)))
        .collect()
}

fn percent(percent: i64) -> Value {
    json!({"kind": "percentage", "rate_ppm": percent * 10_000})
}

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

#[test]
fn a_percentage_is_rounded_once_and_spread_by_largest_remainder() {
    let off_ten = json!({"title": "Ten", "codes": ["TEN", "ten-too"], "benefit": percent(10)});
    let lines = [
        of_variant(1, 333, 1),
        of_variant(2, 333, 1),
        of_variant(3, 339, 1),
    ];
    let reduction = reduced(&[off_ten], &lines, &[" Ten "], None);
    // 10 % of 1005 is 100.5: 101, of which 34 go to the dearest.
    assert_eq!(off(&reduction), [34, 33, 34]);
    assert_eq!(reduction.applied[0].amount, Money::new(101, Currency::EUR));
    assert_eq!(reduction.applied[0].code.as_deref(), Some(" Ten "));
}

#[test]
fn fixed_amounts_stop_at_what_the_goods_cost() {
    let per_order =
        json!({"title": "Off", "benefit": {"kind": "fixed_per_order", "amount": euros(1_500)}});
    let lines = [of_variant(1, 400, 1), of_variant(2, 600, 1)];
    assert_eq!(off(&reduced(&[per_order], &lines, &[], None)), [400, 600]);
    let per_item = json!({"title": "Off", "benefit": {"kind": "fixed_per_item", "amount": euros(500)},
        "target": {"kind": "collections", "handles": ["summer"]}});
    let lines = [
        of_variant(1, 400, 3),
        of_variant(1, 900, 2),
        of_variant(2, 900, 1),
    ];
    assert_eq!(
        off(&reduced(&[per_item], &lines, &[], None)),
        [1_200, 1_000, 0]
    );
}

#[test]
fn the_cheapest_units_are_given_for_those_bought() {
    let two_plus_one =
        json!({"title": "3 for 2", "benefit": {"kind": "buy_get", "buy": 2, "get": 1}});
    let lines = [
        of_variant(1, 900, 4),
        of_variant(2, 500, 1),
        of_variant(3, 700, 2),
    ];
    // 7 units are two sets: the 500 and one of the 700.
    assert_eq!(
        off(&reduced(&[two_plus_one], &lines, &[], None)),
        [0, 500, 700]
    );
    let gift = json!({"title": "Half socks", "benefit": {"kind": "buy_get", "buy": 1, "get": 2,
        "rate_ppm": 500_000, "sets_max": 1, "get_target": {"kind": "products", "ids": [ProductId::from_u128(2)]}},
        "target": {"kind": "variants", "ids": [VariantId::from_u128(1)]}});
    let lines = [of_variant(1, 900, 4), of_variant(2, 301, 3)];
    // Two of three at half price: 602 / 2.
    assert_eq!(off(&reduced(&[gift], &lines, &[], None)), [0, 301]);
}

#[test]
fn free_shipping_waits_for_a_delivery_and_takes_all_of_it() {
    let free = json!({"title": "Free", "codes": ["FREE"], "benefit": {"kind": "free_shipping"},
        "conditions": {"min_subtotal": euros(1_000)}});
    let lines = [of_variant(1, 1_000, 1)];
    let chosen = reduced(std::slice::from_ref(&free), &lines, &["free"], Some(490));
    assert_eq!(
        (chosen.delivery, chosen.applied[0].amount.amount),
        (490, 490)
    );
    let waiting = reduced(std::slice::from_ref(&free), &lines, &["free"], None);
    assert_eq!((waiting.applied.len(), reasons(&waiting)), (1, Vec::new()));
    let poor = [of_variant(1, 999, 1)];
    let refused = reduced(&[free], &poor, &["free"], Some(490));
    assert_eq!(reasons(&refused), [("free", CouponRefusal::DoesNotApply)]);
}

#[test]
fn codes_that_change_nothing_say_why() {
    let terms = |code: &str, more: Value| {
        let mut terms = json!({"title": code, "codes": [code], "benefit": percent(10)});
        let more = more.as_object().expect("an object").clone();
        terms.as_object_mut().expect("an object").extend(more);
        terms
    };
    let moment = |micros: i64| Timestamp::from_micros(micros);
    let all = [
        terms("later", json!({"conditions": {"starts_at": moment(1_001)}})),
        terms("over", json!({"conditions": {"ends_at": moment(1_000)}})),
        terms("off", json!({"enabled": false})),
        terms("dollars", json!({"conditions": {"currency": "USD"}})),
        terms("many", json!({"conditions": {"min_quantity": 2}})),
        terms(
            "else",
            json!({"target": {"kind": "products", "ids": [ProductId::from_u128(9)]}}),
        ),
    ];
    let codes = [
        "later", "over", "off", "dollars", "many", "else", "what", "WHAT",
    ];
    let reduction = reduced(&all, &[of_variant(1, 1_000, 1)], &codes, None);
    let mut told = reasons(&reduction);
    told.sort_by_key(|(code, _)| codes.iter().position(|each| each == code));
    assert_eq!(
        told,
        [
            ("later", CouponRefusal::NotYetValid),
            ("over", CouponRefusal::Expired),
            ("off", CouponRefusal::Unknown),
            ("dollars", CouponRefusal::DoesNotApply),
            ("many", CouponRefusal::DoesNotApply),
            ("else", CouponRefusal::DoesNotApply),
            ("what", CouponRefusal::Unknown),
        ]
    );
    assert_eq!(off(&reduction), [0]);
}

#[test]
fn promotions_stand_beside_each_other_only_if_both_allow_it() {
    let of = |title: &str, priority: i64, target: Value, beside: Value| {
        json!({"title": title, "codes": [title], "benefit": percent(10), "priority": priority,
            "target": target, "combines_with": beside})
    };
    let shirts = json!({"kind": "variants", "ids": [VariantId::from_u128(1)]});
    let all = [
        of("order", 2, json!({"kind": "all"}), json!(["item"])),
        of("item", 1, shirts.clone(), json!(["order", "shipping"])),
        of("alone", 3, shirts, json!([])),
        json!({"title": "ship", "benefit": {"kind": "free_shipping"}, "priority": 4, "combines_with": ["item"]}),
    ];
    let lines = [of_variant(1, 1_000, 1), of_variant(2, 1_000, 1)];
    let reduction = reduced(&all, &lines, &["alone", "order", "item"], Some(500));
    let applied: Vec<&str> = reduction
        .applied
        .iter()
        .map(|each| each.title.as_str())
        .collect();
    // By priority; the order's ten per cent are of what the item's left: 1900.
    assert_eq!(applied, ["item", "order"]);
    assert_eq!(off(&reduction), [190, 100]);
    assert_eq!(
        reasons(&reduction),
        [("alone", CouponRefusal::NotCombinable)]
    );
    assert_eq!(reduction.delivery, 0);
}

#[test]
fn two_codes_of_one_promotion_count_once() {
    let both = json!({"title": "Both", "codes": ["A", "B"], "benefit": percent(10)});
    let reduction = reduced(&[both], &[of_variant(1, 100, 1)], &["b", "a", "B"], None);
    assert_eq!(off(&reduction), [10]);
    assert_eq!(reasons(&reduction), [("a", CouponRefusal::NotCombinable)]);
}

#[test]
fn a_price_that_staff_agreed_is_not_reduced() {
    let mut agreed = of_variant(1, 500, 1);
    agreed.line.unit_price = Some(Money::new(500, Currency::EUR));
    let lines = [agreed, of_variant(2, 500, 1)];
    let ten = json!({"title": "Ten", "benefit": percent(10)});
    assert_eq!(off(&reduced(&[ten], &lines, &[], None)), [0, 50]);
}

/// Any set of promotions that may meet.
fn any_promotions() -> impl Strategy<Value = Vec<Value>> {
    let target = prop_oneof![
        Just(json!({"kind": "all"})),
        Just(
            json!({"kind": "variants", "ids": [VariantId::from_u128(1), VariantId::from_u128(3)]})
        ),
        Just(json!({"kind": "collections", "handles": ["summer"]})),
    ];
    let benefit = prop_oneof![
        (0_i64..=1_000_000).prop_map(|ppm| json!({"kind": "percentage", "rate_ppm": ppm})),
        (0_i64..200_000).prop_map(|amount| json!({"kind": "fixed_per_order", "amount": amount})),
        (0_i64..5_000).prop_map(|amount| json!({"kind": "fixed_per_item", "amount": amount})),
        (1_u32..4, 1_u32..4, 0_i64..=1_000_000).prop_map(
            |(buy, get, ppm)| json!({"kind": "buy_get", "buy": buy, "get": get, "rate_ppm": ppm})
        ),
        Just(json!({"kind": "free_shipping"})),
    ];
    let one = (benefit, target, -2_i64..2).prop_map(|(benefit, target, priority)| {
        json!({"title": "P", "benefit": benefit, "target": target, "priority": priority,
            "combines_with": ["item", "order", "shipping"]})
    });
    prop::collection::vec(one, 0..5)
}

/// Gives the amounts of the promotions their currency.
fn in_currency(all: &[Value], code: &str) -> Vec<Value> {
    let mut all = all.to_vec();
    for each in &mut all {
        if let Some(amount) = each["benefit"].get("amount").cloned() {
            each["benefit"]["amount"] = json!({"amount": amount, "currency": code});
        }
    }
    all
}

fn worked_out(
    all: &[Value],
    code: &str,
    lines: &[PricedLine],
    delivery: Option<i64>,
    tax: TaxRule,
) -> (Calculation, Reduction) {
    let collections = HashMap::from([(ProductId::from_u128(2), vec!["summer".to_owned()])]);
    let basket = Basket {
        currency: currency(code),
        lines,
        collections: &collections,
        needs_shipping: true,
        delivery,
    };
    let promotions = promotions(&in_currency(all, code));
    let (candidates, _) = promotions.candidates(&[], Timestamp::from_micros(0));
    let reduction = reduce(&basket, &candidates).expect("a reduction");
    let taxation = Taxation::flat(tax);
    let sums = calculate(
        &taxation,
        currency(code),
        lines,
        delivery.unwrap_or(0),
        &reduction,
    );
    (sums.expect("sums"), reduction)
}

fn amounts() -> impl Strategy<Value = Vec<(u128, i64, u32, bool)>> {
    prop::collection::vec(
        (0_u128..5, 0_i64..1_000_000, 1_u32..50, any::<bool>()),
        0..12,
    )
}

fn lines_of(amounts: &[(u128, i64, u32, bool)]) -> Vec<PricedLine> {
    let each = |&(number, unit, units, taxable): &(u128, i64, u32, bool)| {
        let mut each = of_variant(number, unit, units);
        each.line.taxable = taxable;
        each
    };
    amounts.iter().map(each).collect()
}

proptest! {
    #[test]
    fn totals_hold_whatever_is_promoted(
        all in any_promotions(),
        code in prop::sample::select(vec!["EUR", "JPY", "KWD"]),
        amounts in amounts(),
        delivery in prop::option::of(0_i64..5_000),
        ppm in 0_i64..=1_000_000,
        inclusive in any::<bool>(),
    ) {
        let lines = lines_of(&amounts);
        let tax = TaxRule { ppm, inclusive };
        let (sums, reduction) = worked_out(&all, code, &lines, delivery, tax);
        let totals = &sums.totals;
        prop_assert_eq!(
            totals.subtotal.amount + totals.shipping.amount + totals.tax.amount - totals.discount.amount,
            totals.total.amount
        );
        prop_assert_eq!(sums.taxes.iter().map(|each| each.amount.amount).sum::<i64>(), totals.tax.amount);
        let mut by_promotion = HashMap::<PromotionId, i64>::new();
        for (priced, line) in lines.iter().zip(&sums.lines) {
            let QuotedLine { subtotal, discount, tax, total, adjustments, .. } = line;
            prop_assert!(subtotal.amount >= 0 && discount.amount >= 0 && tax.amount >= 0 && total.amount >= 0);
            prop_assert!(discount.amount <= subtotal.amount);
            prop_assert_eq!(subtotal.amount - discount.amount + tax.amount, total.amount);
            let off: i64 = adjustments.iter().map(|each| each.amount.amount).sum();
            prop_assert!(adjustments.iter().all(|each| each.amount.amount > 0));
            let listed = priced.unit * priced.line.quantity.as_i64();
            if inclusive {
                prop_assert_eq!(total.amount, listed - off);
            } else {
                prop_assert_eq!((subtotal.amount, discount.amount), (listed, off));
            }
            for each in adjustments {
                *by_promotion.entry(each.promotion_id).or_default() += each.amount.amount;
            }
        }
        // Adjustments explain every promotion; what no line explains is off the delivery.
        let applied: i64 = reduction.applied.iter().map(|each| each.amount.amount).sum();
        prop_assert_eq!(applied, by_promotion.values().sum::<i64>() + reduction.delivery);
        prop_assert!(reduction.delivery <= delivery.unwrap_or(0));
        let net: i64 = sums.lines.iter().map(|each| each.discount.amount).sum();
        prop_assert!(totals.discount.amount >= net);
    }

    #[test]
    fn the_order_of_lines_decides_nothing(
        all in any_promotions(),
        shuffled in amounts().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ppm in 0_i64..=1_000_000,
        inclusive in any::<bool>(),
    ) {
        let tax = TaxRule { ppm, inclusive };
        let told = |amounts: &[(u128, i64, u32, bool)]| {
            let lines = lines_of(amounts);
            let (sums, _) = worked_out(&all, "EUR", &lines, Some(490), tax);
            let mut each: Vec<_> = lines.iter().zip(&sums.lines).map(|(priced, line)| {
                let key = (priced.line.variant, priced.unit, line.quantity.get(), priced.line.taxable);
                (key, line.discount.amount, line.tax.amount, line.total.amount)
            }).collect();
            each.sort_unstable();
            (each, sums.totals, sums.taxes)
        };
        prop_assert_eq!(told(&shuffled.0), told(&shuffled.1));
    }
}
