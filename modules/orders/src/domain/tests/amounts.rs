//! What no order may break.

use stoa_contracts::Totals;
use stoa_contracts::orders::{NewOrder, NewOrderLine, OrderEdit};
use stoa_kernel::{CartId, LineId, OrderId, ProductId, Quantity, VariantId};

use super::*;

fn order() -> NewOrder {
    let line = NewOrderLine {
        id: LineId::from_u128(1),
        variant: VariantId::from_u128(1),
        product: ProductId::from_u128(1),
        title: "Tea".to_owned(),
        variant_title: "Default".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::ONE,
        requires_shipping: true,
        grams: 100,
        unit_price: eur(1_000),
        subtotal: eur(1_000),
        discount: eur(100),
        tax: eur(171),
        total: eur(1_071),
        adjustments: Vec::new(),
        components: Vec::new(),
    };
    NewOrder {
        id: OrderId::from_u128(1),
        cart: Some(CartId::from_u128(1)),
        customer: None,
        note: None,
        promotions: Vec::new(),
        taxes: Vec::new(),
        gift_card: eur(0),
        email: "ada@example.com".to_owned(),
        shipping_address: None,
        billing_address: None,
        shipping_option: None,
        lines: vec![line],
        totals: Totals {
            subtotal: eur(1_000),
            discount: eur(100),
            shipping: eur(500),
            tax: eur(266),
            total: eur(1_666),
        },
        tax_inclusive: false,
        test: true,
    }
}

fn message(change: fn(&mut NewOrder)) -> String {
    let mut changed = order();
    change(&mut changed);
    check_amounts(&changed)
        .expect_err("a broken order")
        .replace(&changed.id.to_string(), "it")
}

#[test]
fn an_order_has_lines_in_one_currency_that_add_up() {
    assert_eq!(check_amounts(&order()), Ok(()));
    assert_eq!(message(|order| order.lines.clear()), "it has 0 lines");
    assert_eq!(
        message(|order| order.lines = vec![order.lines[0].clone(); LINES_PER_ORDER_MAX + 1]),
        "it has 501 lines"
    );
    let mixed = "it is in more than one currency";
    assert_eq!(
        message(|order| order.lines[0].tax.currency = Currency::USD),
        mixed
    );
    assert_eq!(
        message(|order| order.gift_card.currency = Currency::USD),
        mixed
    );
    assert_eq!(
        message(|order| order.totals.subtotal.amount -= 1),
        "it has lines that do not add up to its total"
    );
    let line = LineId::from_u128(1);
    for change in [
        |order: &mut NewOrder| order.lines[0].tax.amount += 1,
        |order: &mut NewOrder| order.lines[0].discount.amount -= 1,
        |order: &mut NewOrder| {
            order.lines[0].discount.amount = 1_001;
            order.lines[0].total.amount = 170;
        },
    ] {
        assert_eq!(
            message(change),
            format!("it has a line that does not add up: {line}")
        );
    }
    assert_eq!(
        message(|order| order.totals.discount.amount = 99),
        "it has lines with more discount than its total has"
    );
}

#[test]
fn gift_cards_pay_at_most_the_total() {
    let mut whole = order();
    whole.gift_card = whole.totals.total;
    assert_eq!(check_amounts(&whole), Ok(()));
    let expected = "gift cards pay more than the total of it";
    assert_eq!(message(|order| order.gift_card.amount = 1_667), expected);
    assert_eq!(message(|order| order.gift_card.amount = -1), expected);
}

#[test]
fn an_edit_obeys_the_same_sums() {
    let order = order();
    let mut edit = OrderEdit {
        order: order.id,
        lines: order.lines,
        totals: order.totals,
        promotions: Vec::new(),
        taxes: Vec::new(),
        shipping_address: None,
        summary: "nothing".to_owned(),
    };
    assert_eq!(check_edit(&edit), Ok(()));
    edit.lines[0].subtotal.amount += 1;
    assert!(check_edit(&edit).is_err());
}
