//! The modules that mail asks, as far as it asks them.

mod carts;
mod catalog;
mod orders;
mod payments;

use stoa_contracts::Totals;
use stoa_contracts::cart::{CartKey, CartLineView, CartStatus, CartView, Recovery};
use stoa_contracts::orders::FulfilmentState;
use stoa_contracts::orders::{
    FulfilmentStatus, FulfilmentView, LineUnits, OrderLineView, OrderStatus, OrderView,
    PaymentStatus, Tracking,
};
use stoa_kernel::{
    CartId, Currency, FulfilmentId, LineId, Money, OrderId, ProductId, Quantity, Timestamp,
    VariantId,
};

pub(crate) use self::carts::FakeCarts;
pub(crate) use self::catalog::FakeCatalog;
pub(crate) use self::orders::FakeOrders;
pub(crate) use self::payments::FakePayments;

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

/// A paid order over one teapot, number 1000 and its id.
pub(crate) fn order(id: OrderId) -> OrderView {
    let line = OrderLineView {
        id: LineId::from_u128(1),
        variant_id: VariantId::from_u128(1),
        product_id: ProductId::from_u128(1),
        title: "Teapot".to_owned(),
        variant_title: "Default".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::ONE,
        unit_price: eur(1_000),
        subtotal: eur(1_000),
        tax: eur(190),
        total: eur(1_190),
        requires_shipping: true,
        grams: 0,
        discount: eur(0),
        adjustments: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
        components: Vec::new(),
    };
    OrderView {
        id,
        number: 1_000 + id.as_u128() as i64,
        status: OrderStatus::Pending,
        payment_status: PaymentStatus::Paid,
        fulfilment_status: FulfilmentStatus::NotFulfilled,
        email: "ada@example.com".to_owned(),
        shipping_address: None,
        billing_address: None,
        shipping_option: None,
        currency: Currency::EUR,
        lines: vec![line],
        totals: Totals {
            subtotal: eur(1_000),
            discount: eur(0),
            shipping: eur(0),
            tax: eur(190),
            total: eur(1_190),
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
        paid: eur(1_190),
        refunded: eur(0),
        cancel_requested_at: None,
        fulfilments: Vec::new(),
        returns: Vec::new(),
        version: 2,
    }
}

/// The teapot in a parcel.
pub(crate) fn parcel(id: FulfilmentId, state: FulfilmentState) -> FulfilmentView {
    FulfilmentView {
        id,
        state,
        location_id: None,
        lines: vec![LineUnits {
            line_id: LineId::from_u128(1),
            quantity: Quantity::ONE,
        }],
        tracking: Some(Tracking {
            carrier: Some("Post".to_owned()),
            number: "T-1".to_owned(),
            url: Some("https://post.example/T-1".to_owned()),
        }),
        created_at: Timestamp::from_micros(0),
        shipped_at: Some(Timestamp::from_micros(1)),
        delivered_at: None,
    }
}

/// A cart with a teapot that somebody left.
pub(crate) fn left(id: CartId) -> Recovery {
    let line = CartLineView {
        id: LineId::from_u128(1),
        variant_id: VariantId::from_u128(1),
        product_handle: "teapot".to_owned(),
        title: "Teapot".to_owned(),
        variant_title: "Blue".to_owned(),
        sku: None,
        image: None,
        quantity: Quantity::ONE,
        unit_price: eur(1_000),
        subtotal: eur(1_000),
        discount: eur(0),
        tax: eur(190),
        total: eur(1_190),
        adjustments: Vec::new(),
        available: true,
    };
    let view = CartView {
        id,
        status: CartStatus::Open,
        currency: Currency::EUR,
        lines: vec![line],
        email: Some("bob@example.com".to_owned()),
        shipping_address: None,
        billing_address: None,
        shipping_option_id: None,
        shipping: None,
        coupons: Vec::new(),
        refused_coupons: Vec::new(),
        promotions: Vec::new(),
        taxes: Vec::new(),
        note: None,
        customer_id: None,
        totals: Totals {
            subtotal: eur(1_000),
            discount: eur(0),
            shipping: eur(0),
            tax: eur(190),
            total: eur(1_190),
        },
        tax_inclusive: false,
        notices: Vec::new(),
        expires_at: Timestamp::from_micros(i64::MAX),
        order_id: None,
        version: 1,
    };
    Recovery {
        key: CartKey {
            id,
            token: "to+ken".to_owned(),
        },
        email: "bob@example.com".to_owned(),
        view,
    }
}
