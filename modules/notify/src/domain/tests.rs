//! Letters, word by word.

use stoa_contracts::Totals;
use stoa_contracts::orders::{FulfilmentStatus, OrderLineView, OrderStatus, PaymentStatus};
use stoa_kernel::{CartId, Currency, LineId, OrderId, ProductId, Quantity, Timestamp, VariantId};

use super::*;

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn line(title: &str, variant: &str, quantity: u32, subtotal: i64, tax: i64) -> OrderLineView {
    OrderLineView {
        id: LineId::from_u128(1),
        variant_id: VariantId::from_u128(1),
        product_id: ProductId::from_u128(1),
        title: title.to_owned(),
        variant_title: variant.to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::new(quantity).expect("at least one"),
        unit_price: eur(subtotal / i64::from(quantity)),
        subtotal: eur(subtotal),
        tax: eur(tax),
        total: eur(subtotal + tax),
        requires_shipping: true,
        grams: 0,
        discount: eur(0),
        adjustments: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
    }
}

fn order() -> OrderView {
    let address = Address {
        name: "Ada <Lovelace>".to_owned(),
        line1: "St James's Square 12".to_owned(),
        line2: Some(String::new()),
        city: "London".to_owned(),
        region: None,
        postal_code: "SW1Y 4JH".to_owned(),
        country: "GB".to_owned(),
    };
    OrderView {
        id: OrderId::from_u128(1),
        number: 1_001,
        status: OrderStatus::Pending,
        payment_status: PaymentStatus::Paid,
        fulfilment_status: FulfilmentStatus::NotFulfilled,
        email: "ada@example.com".to_owned(),
        shipping_address: Some(address),
        billing_address: None,
        shipping_option: Some("standard".to_owned()),
        currency: Currency::EUR,
        lines: vec![
            line("Teapot & <script>", "Blue / 1 l", 2, 4_000, 760),
            line("Cup", "Default", 1, 500, 95),
        ],
        totals: Totals {
            subtotal: eur(4_500),
            discount: eur(0),
            shipping: eur(400),
            tax: eur(931),
            total: eur(5_831),
        },
        tax_inclusive: false,
        test: false,
        placed_at: Timestamp::from_micros(0),
        paid_at: Some(Timestamp::from_micros(1)),
        canceled_at: None,
        reason: None,
        cart_id: Some(CartId::from_u128(1)),
        customer_id: None,
        note: None,
        promotions: Vec::new(),
        taxes: Vec::new(),
        gift_card: eur(0),
        paid: eur(5_831),
        refunded: eur(0),
        cancel_requested_at: None,
        fulfilments: Vec::new(),
        returns: Vec::new(),
        version: 2,
    }
}

fn letter(shop: &str, order: &OrderView) -> Letter {
    Letters::new()
        .order_confirmation(shop, order, "tok-en_1")
        .expect("a letter")
}

#[test]
fn the_text_says_what_was_bought_and_what_it_cost() {
    let letter = letter("Acme", &order());
    assert_eq!(
        letter.text,
        "\
Thank you, Ada <Lovelace>!

Your order 1001 at Acme is paid.

2 x Teapot & <script> (Blue / 1 l): 40.00 EUR
1 x Cup: 5.00 EUR

Subtotal: 45.00 EUR
Shipping: 4.00 EUR
Tax: 9.31 EUR
Total: 58.31 EUR

Goes to:
  Ada <Lovelace>
  St James's Square 12
  SW1Y 4JH
  London
  GB

Your order: /orders/order_00000000000000000000000001?token=tok-en_1"
    );
    assert_eq!(letter.to, "ada@example.com");
    assert_eq!(letter.subject, "Your order 1001 at Acme");
}

#[test]
fn a_test_order_with_taxed_prices_and_a_discount_says_so() {
    let mut taxed = order();
    taxed.tax_inclusive = true;
    taxed.test = true;
    taxed.shipping_address = None;
    taxed.shipping_option = None;
    taxed.totals.discount = eur(250);
    taxed.totals.shipping = eur(0);
    assert_eq!(
        letter("Acme", &taxed).text,
        "\
Thank you, dear customer!

Your order 1001 at Acme is paid.
This is a test order: no money was taken and nothing will be sent.

2 x Teapot & <script> (Blue / 1 l): 47.60 EUR
1 x Cup: 5.95 EUR

Subtotal without tax: 45.00 EUR
Discount: -2.50 EUR
Tax: 9.31 EUR
Total: 58.31 EUR

Your order: /orders/order_00000000000000000000000001?token=tok-en_1"
    );
}

#[test]
fn what_people_wrote_is_text_in_html() {
    let html = letter("Tea & <b>Co</b>", &order()).html;
    for shown in [
        "<title>Your order 1001 at Tea &amp; &lt;b&gt;Co&lt;&#x2f;b&gt;</title>",
        "Thank you, Ada &lt;Lovelace&gt;!</h1>",
        "2 × Teapot &amp; &lt;script&gt;<br>",
        ">40.00 EUR</td></tr>",
        ">58.31 EUR</td></tr>",
        "Ada &lt;Lovelace&gt;<br>St James&#x27;s Square 12<br>SW1Y 4JH<br>London<br>GB</address>",
        "token=tok-en_1\"",
    ] {
        assert!(html.contains(shown), "{shown} in {html}");
    }
    assert!(
        !html.contains("<script>") && !html.contains("<b>"),
        "{html}"
    );
    assert_eq!(html.matches("<tr>").count(), 1 + 2 + 3 + 1);
}

#[test]
fn a_header_stays_one_line() {
    let mut odd = order();
    odd.email = "ada@example.com\r\nBcc: all@example.com".to_owned();
    let letter = letter("Acme\r\nBcc: x@example.com", &odd);
    assert_eq!(
        letter.subject,
        "Your order 1001 at Acme  Bcc: x@example.com"
    );
    assert_eq!(letter.to, "ada@example.com  Bcc: all@example.com");
}
