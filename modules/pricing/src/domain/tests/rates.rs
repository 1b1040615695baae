//! Tax by region, category and name; delivery by weight, value and number; lists by priority.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use stoa_contracts::Destination;
use stoa_contracts::pricing::TaxLine;
use stoa_kernel::{Currency, CustomerId, Money, PriceListId, Timestamp, VariantId};

use super::{PricedLine, Reduction, TaxRule, Taxation, line, totals};
use crate::domain::{
    ListPrice, ListPrices, ListTerms, Parcel, PriceList, TaxTable, Whereabouts, Zone, calculate,
    check_promotion, check_tax_table, check_zones, offers,
};

fn at(country: &str, region: Option<&str>) -> Whereabouts {
    Whereabouts::of(&Destination {
        country: Some(country.to_owned()),
        region: region.map(str::to_owned),
        postal_code: None,
    })
}

fn table() -> TaxTable {
    let table = json!({
        "regions": [
            {"place": {"country": "DE"}, "rates": [
                {"name": "MwSt.", "rate_ppm": 190_000},
                {"name": "MwSt. erm.", "rate_ppm": 70_000, "category": "books"}]},
            {"place": {"country": "CA", "region": "Quebec"}, "shipping_taxed": false, "rates": [
                {"name": "GST", "rate_ppm": 50_000},
                {"name": "QST", "rate_ppm": 95_000, "compound": true}]},
        ],
        "categories": [{"name": "books", "product_types": ["Book", "E-Book"]}],
        "exemptions": [],
        "provider": null,
    });
    serde_json::from_value(table).expect("a table")
}

const FLAT: TaxRule = TaxRule {
    ppm: 200_000,
    inclusive: false,
};

fn typed(unit: i64, units: u32, product_type: &str) -> PricedLine {
    let mut each = line(unit, units, true);
    each.line.product_type = Some(product_type.to_owned());
    each
}

fn named(name: &str, rate_ppm: i64, amount: i64) -> TaxLine {
    TaxLine {
        name: name.to_owned(),
        rate_ppm,
        amount: Money::new(amount, Currency::EUR),
    }
}

#[test]
fn categories_pay_their_own_rate_and_the_rest_the_common_one() {
    assert_eq!(check_tax_table(&table()), Ok(()));
    let taxation = Taxation::at(FLAT, &table(), &at("DE", None), None);
    let lines = [
        typed(1_000, 1, " book"),
        typed(1_000, 2, "shirt"),
        line(100, 1, false),
    ];
    let none = Reduction::default();
    let sums = calculate(&taxation, Currency::EUR, &lines, 500, &none).expect("sums");
    assert_eq!(
        sums.taxes,
        [
            named("MwSt.", 190_000, 380 + 95),
            named("MwSt. erm.", 70_000, 70)
        ]
    );
    assert_eq!(totals(&sums), (3_100, 500, 545, 4_145));
}

#[test]
fn a_compound_rate_is_taken_of_the_net_and_the_other_taxes() {
    let taxation = Taxation::at(FLAT, &table(), &at("ca", Some("quebec")), None);
    let lines = [line(10_000, 1, true)];
    let none = Reduction::default();
    let sums = calculate(&taxation, Currency::EUR, &lines, 900, &none).expect("sums");
    // 10000 * 5 % = 500; 10500 * 9.5 % = 997.5; together 1497.5, rounded once. Delivery pays none.
    assert_eq!(
        sums.taxes,
        [named("GST", 50_000, 500), named("QST", 95_000, 998)]
    );
    assert_eq!(totals(&sums), (10_000, 900, 1_498, 12_398));
}

#[test]
fn where_no_region_holds_the_one_rate_does() {
    for to in [
        at("FR", None),
        at("CA", Some("Ontario")),
        Whereabouts::default(),
    ] {
        let taxation = Taxation::at(FLAT, &table(), &to, None);
        assert_eq!(taxation, Taxation::flat(FLAT), "{to:?}");
    }
}

#[test]
fn the_exempt_pay_no_tax() {
    let mut exempting = table();
    let hash = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b";
    exempting.exemptions = serde_json::from_value(
        json!([{"email_sha256": hash}, {"customer_id": CustomerId::from_u128(7)}]),
    )
    .expect("exemptions");
    assert_eq!(check_tax_table(&exempting), Ok(()));
    assert!(exempting.is_exempt(Some(" Test@Example.com"), None));
    assert!(exempting.is_exempt(Some("other@example.com"), Some(CustomerId::from_u128(7))));
    assert!(!exempting.is_exempt(Some("other@example.com"), Some(CustomerId::from_u128(8))));
    assert!(!exempting.is_exempt(None, None));
    let taxation = Taxation::flat(FLAT).exempt();
    let none = Reduction::default();
    let sums = calculate(&taxation, Currency::EUR, &[line(100, 1, true)], 50, &none).expect("sums");
    assert_eq!((totals(&sums), sums.taxes), ((100, 50, 0, 150), Vec::new()));
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let flaw = |change: fn(&mut TaxTable)| {
        let mut table = table();
        change(&mut table);
        check_tax_table(&table).expect_err("a flaw").field
    };
    let twice = |table: &mut TaxTable| {
        let mut again = table.regions[0].clone();
        again.place.region = None;
        table.regions.push(again);
    };
    assert_eq!(flaw(twice), "regions[2].place");
    assert_eq!(
        flaw(|table| table.categories.clear()),
        "regions[0].rates[1].category"
    );
    assert_eq!(
        flaw(|table| table.categories[0].product_types[1] = "BOOK".to_owned()),
        "categories[0].product_types[1]"
    );
    assert_eq!(
        flaw(|table| table.regions[1].rates[1].rate_ppm = 1_000_001),
        "regions[1].rates[1].rate_ppm"
    );
    assert_eq!(
        flaw(|table| table.regions[0].place.country = "de".to_owned()),
        "regions[0].place.country"
    );
    let promotion =
        json!({"title": "x", "codes": ["A", " a "], "benefit": {"kind": "free_shipping"}});
    let terms = serde_json::from_value(promotion).expect("terms");
    assert_eq!(
        check_promotion(&terms).expect_err("a flaw").field,
        "codes[1]"
    );
}

fn zones() -> Vec<Zone> {
    let euros = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let zones = json!([
        {"name": "Home", "places": [{"country": "DE"}, {"country": "AT"}], "options": [
            {"id": "parcel", "name": "Parcel", "free_from": euros(10_000), "rate": {"kind": "by_weight",
             "bands": [{"up_to_grams": 30_000, "price": euros(1_500)}, {"up_to_grams": 2_000, "price": euros(500)}]}},
            {"id": "rider", "name": "Rider", "rate": {"kind": "per_item", "first": euros(300), "each_further": euros(100)}},
            {"id": "dollars", "name": "Dollars", "rate": {"kind": "flat", "price": {"amount": 1, "currency": "USD"}}},
        ]},
        {"name": "Islands", "places": [{"country": "DE", "postal_prefix": "25"}], "options": [
            {"id": "boat", "name": "Boat", "rate": {"kind": "by_price",
             "bands": [{"from": euros(1_000), "price": euros(900)}, {"from": euros(5_000), "price": euros(700)}]}}]},
    ]);
    serde_json::from_value(zones).expect("zones")
}

#[test]
fn a_zone_offers_what_its_bands_hold() {
    assert_eq!(check_zones(&zones()), Ok(()));
    let offered = |to: &Whereabouts, goods: i64, grams: i64, units: i64| {
        let parcel = Parcel {
            goods,
            grams,
            units,
        };
        let offered = offers(&zones(), &[], to, Currency::EUR, &parcel).expect("offers");
        let told =
            |option: stoa_contracts::pricing::ShippingOption| (option.id, option.price.amount);
        offered.into_iter().map(told).collect::<Vec<_>>()
    };
    let owned = |all: &[(&str, i64)]| -> Vec<(String, i64)> {
        all.iter()
            .map(|(id, amount)| ((*id).to_owned(), *amount))
            .collect()
    };
    let home = at("AT", None);
    assert_eq!(
        offered(&home, 500, 2_000, 1),
        owned(&[("parcel", 500), ("rider", 300)])
    );
    assert_eq!(
        offered(&home, 500, 2_001, 3),
        owned(&[("parcel", 1_500), ("rider", 500)])
    );
    assert_eq!(offered(&home, 10_000, 30_001, 1), owned(&[("rider", 300)]));
    assert_eq!(
        offered(&home, 10_000, 1, 1),
        owned(&[("parcel", 0), ("rider", 300)])
    );
    let island = Whereabouts {
        postal_code: Some("25980".to_owned()),
        ..at("DE", None)
    };
    assert_eq!(offered(&island, 999, 1, 1), owned(&[]));
    assert_eq!(offered(&island, 4_999, 1, 1), owned(&[("boat", 900)]));
    assert_eq!(offered(&island, 5_000, 1, 1), owned(&[("boat", 700)]));
    assert_eq!(offered(&at("FR", None), 1, 1, 1), owned(&[]));
}

fn list(number: u128, terms: serde_json::Value) -> PriceList {
    let terms: ListTerms = serde_json::from_value(terms).expect("a list");
    PriceList {
        id: PriceListId::from_u128(number),
        terms,
    }
}

#[test]
fn the_first_list_by_priority_with_a_price_wins() {
    let lists = [
        list(1, json!({"name": "Sale", "currency": "EUR", "priority": 5})),
        list(
            2,
            json!({"name": "Club", "currency": "EUR", "priority": 1, "kind": "override"}),
        ),
        list(
            3,
            json!({"name": "Later", "currency": "EUR", "priority": 5}),
        ),
    ];
    let shirt = VariantId::from_u128(1);
    let price = |list: u128, variant: u128, min_quantity: i64, amount: i64| ListPrice {
        variant: VariantId::from_u128(variant),
        list: PriceListId::from_u128(list),
        min_quantity,
        amount,
    };
    let prices = [
        price(1, 1, 1, 800),
        price(1, 1, 10, 700),
        price(3, 1, 1, 100),
        price(2, 1, 20, 900),
        price(2, 2, 1, 900),
    ];
    let known: Vec<&PriceList> = lists.iter().collect();
    let prices = ListPrices::of(&known, &prices);
    let unit = |units: i64| prices.unit(shirt, units, Some(750));
    // The sale's 800 is above the base price; the later sale has one below.
    assert_eq!(unit(1), Some(100));
    assert_eq!(unit(10), Some(700));
    assert_eq!(unit(20), Some(900));
    assert_eq!(prices.unit(shirt, 1, Some(1_000)), Some(800));
    assert_eq!(prices.unit(VariantId::from_u128(2), 1, None), Some(900));
    assert_eq!(prices.unit(VariantId::from_u128(3), 1, None), None);
}

#[test]
fn a_list_holds_from_its_start_until_its_end() {
    let start = Timestamp::from_micros(1_000_000);
    let until = start.plus(Duration::from_secs(1));
    let sale = list(
        1,
        json!({"name": "Sale", "currency": "EUR", "starts_at": start, "ends_at": until}),
    );
    let holds = |at: Timestamp| sale.holds(Currency::EUR, at);
    assert!(!holds(start.minus(Duration::from_micros(1))));
    assert!(holds(start) && holds(until.minus(Duration::from_micros(1))));
    assert!(!holds(until));
    assert!(!sale.holds(Currency::USD, start));
}

proptest! {
    #[test]
    fn the_tax_by_name_sums_to_the_tax(
        rates in prop::collection::vec((0_i64..=1_000_000, any::<bool>(), any::<bool>()), 0..6),
        amounts in prop::collection::vec((0_i64..1_000_000, 1_u32..50, any::<bool>(), any::<bool>()), 0..10),
        delivery in 0_i64..5_000,
        inclusive in any::<bool>(),
        shipping_taxed in any::<bool>(),
    ) {
        let rate = |(index, (ppm, compound, book)): (usize, &(i64, bool, bool))| {
            json!({"name": format!("T{index}"), "rate_ppm": ppm, "compound": compound,
                "category": book.then_some("books")})
        };
        let rates: Vec<serde_json::Value> = rates.iter().enumerate().map(rate).collect();
        let mut table = table();
        table.regions = serde_json::from_value(json!([
            {"place": {"country": "DE"}, "shipping_taxed": shipping_taxed, "rates": rates}
        ])).expect("regions");
        let rule = TaxRule { ppm: 0, inclusive };
        let taxation = Taxation::at(rule, &table, &at("DE", None), None);
        let line_of = |&(unit, units, taxable, book): &(i64, u32, bool, bool)| {
            let mut each = typed(unit, units, if book { "Book" } else { "Shirt" });
            each.line.taxable = taxable;
            each
        };
        let lines: Vec<PricedLine> = amounts.iter().map(line_of).collect();
        let none = Reduction::default();
        let sums = calculate(&taxation, Currency::EUR, &lines, delivery, &none).expect("sums");
        let (subtotal, shipping, tax, total) = totals(&sums);
        prop_assert_eq!(sums.taxes.iter().map(|each| each.amount.amount).sum::<i64>(), tax);
        prop_assert!(sums.taxes.iter().all(|each| each.amount.amount >= 0));
        prop_assert_eq!(subtotal + shipping + tax, total);
        let listed: i64 = lines.iter().map(|each| each.unit * each.line.quantity.as_i64()).sum();
        if inclusive {
            prop_assert_eq!(total, listed + delivery);
        } else {
            prop_assert_eq!((subtotal, shipping), (listed, delivery));
        }
    }
}
