//! What templates are given. Every field is always there, so that a name that is not is an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use stoa_contracts::Address;
use stoa_contracts::cart::CartView;
use stoa_contracts::orders::{
    FulfilmentView, OrderLineView, OrderStatus, OrderView, PaymentStatus,
};
use stoa_kernel::Money;

use super::language::Language;

/// What a variant is called where a product has only one; not worth printing.
const ONLY_VARIANT: &str = "Default";

pub(crate) type Words = Arc<BTreeMap<String, String>>;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct View {
    pub(crate) shop: Shop,
    /// The reader's.
    pub(crate) name: Option<String>,
    #[serde(serialize_with = "shared")]
    pub(crate) words: Words,
    pub(crate) order: Option<Order>,
    pub(crate) instructions: Option<Payable>,
    pub(crate) shipment: Option<Shipment>,
    pub(crate) refund: Option<Refund>,
    pub(crate) cart: Option<Cart>,
    pub(crate) returned: Option<Returned>,
    pub(crate) stuck: Option<Stuck>,
    pub(crate) dispute: Option<DisputeLine>,
    pub(crate) low_stock: Vec<LowStockLine>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Shop {
    pub(crate) name: String,
    /// Without a slash at the end; empty where nobody said what it is.
    pub(crate) url: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) number: i64,
    pub(crate) url: String,
    pub(crate) test: bool,
    /// For a canceled order: whether money had come for it.
    pub(crate) paid: bool,
    pub(crate) lines: Vec<Line>,
    pub(crate) sums: Vec<Sum>,
    pub(crate) total: String,
    pub(crate) address: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) quantity: u32,
    pub(crate) title: String,
    pub(crate) variant: Option<String>,
    pub(crate) amount: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sum {
    pub(crate) label: String,
    pub(crate) amount: String,
}

/// How to pay what was promised.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Payable {
    pub(crate) title: String,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shipment {
    pub(crate) lines: Vec<Line>,
    pub(crate) carrier: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) url: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refund {
    pub(crate) amount: String,
    /// Over all refunds of the order.
    pub(crate) total: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cart {
    pub(crate) url: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) total: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Returned {
    pub(crate) amount: String,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stuck {
    pub(crate) saga: String,
    pub(crate) step: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct DisputeLine {
    pub(crate) amount: String,
    pub(crate) status: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct LowStockLine {
    pub(crate) title: String,
    pub(crate) variant: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) available: i64,
    pub(crate) threshold: i64,
}

fn shared<S: Serializer>(words: &Words, serializer: S) -> Result<S::Ok, S::Error> {
    words.as_ref().serialize(serializer)
}

impl View {
    pub(crate) fn new(shop: Shop, words: Words) -> Self {
        Self {
            shop,
            name: None,
            words,
            order: None,
            instructions: None,
            shipment: None,
            refund: None,
            cart: None,
            returned: None,
            stuck: None,
            dispute: None,
            low_stock: Vec::new(),
        }
    }

    pub(crate) fn word(&self, key: &str) -> String {
        self.words.get(key).cloned().unwrap_or_default()
    }
}

impl LowStockLine {
    pub(crate) fn variant(title: &str) -> Option<String> {
        variant(title)
    }
}

/// Tells of an order; `url` opens it to whoever reads the mail.
pub(crate) fn order_view(view: &mut View, order: &OrderView, url: String, language: Language) {
    let address = order.shipping_address.as_ref();
    let reader = address.or(order.billing_address.as_ref());
    view.name = reader
        .map(|address| address.name.clone())
        .filter(|name| !name.is_empty());
    view.order = Some(Order {
        number: order.number,
        url,
        test: order.test,
        paid: is_paid(order),
        lines: lines(order, language),
        sums: sums(view, order, language),
        total: language.money(order.totals.total),
        address: address.map(address_lines).unwrap_or_default(),
    });
}

fn is_paid(order: &OrderView) -> bool {
    match order.payment_status {
        PaymentStatus::Paid | PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded => true,
        _ => order.status == OrderStatus::Canceled && order.paid.amount > 0,
    }
}

/// Tells of goods that left.
pub(crate) fn shipment_view(view: &mut View, order: &OrderView, fulfilment: &FulfilmentView) {
    let line = |id| order.lines.iter().find(|line| line.id == id);
    let lines = fulfilment.lines.iter().filter_map(|units| {
        let line: &OrderLineView = line(units.line_id)?;
        Some(Line {
            quantity: units.quantity.get(),
            title: line.title.clone(),
            variant: variant(&line.variant_title),
            amount: String::new(),
        })
    });
    let tracking = fulfilment.tracking.clone();
    let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    view.shipment = Some(Shipment {
        lines: lines.collect(),
        carrier: tracking.as_ref().and_then(|it| it.carrier.clone()),
        url: tracking.as_ref().and_then(|it| it.url.clone()).filter(web),
        number: tracking
            .map(|it| it.number)
            .filter(|number| !number.is_empty()),
    });
}

/// Tells of a cart; `url` opens it to whoever reads the mail.
pub(crate) fn cart_view(view: &mut View, cart: &CartView, url: String, language: Language) {
    let address = cart.shipping_address.as_ref();
    let reader = address.or(cart.billing_address.as_ref());
    view.name = reader
        .map(|address| address.name.clone())
        .filter(|name| !name.is_empty());
    let lines = cart.lines.iter().map(|line| Line {
        quantity: line.quantity.get(),
        title: line.title.clone(),
        variant: variant(&line.variant_title),
        amount: language.money(shown(cart.tax_inclusive, line.total, line.subtotal)),
    });
    view.cart = Some(Cart {
        url,
        lines: lines.collect(),
        total: language.money(cart.totals.total),
    });
}

fn lines(order: &OrderView, language: Language) -> Vec<Line> {
    let lines = order.lines.iter().map(|line| Line {
        quantity: line.quantity.get(),
        title: line.title.clone(),
        variant: variant(&line.variant_title),
        amount: language.money(shown(order.tax_inclusive, line.total, line.subtotal)),
    });
    lines.collect()
}

/// Amounts as the shop shows prices: with tax where its prices include it.
fn shown(tax_inclusive: bool, with_tax: Money, net: Money) -> Money {
    if tax_inclusive { with_tax } else { net }
}

fn sums(view: &View, order: &OrderView, language: Language) -> Vec<Sum> {
    let totals = &order.totals;
    let [subtotal, shipping] = match order.tax_inclusive {
        true => ["subtotal_net", "shipping_net"],
        false => ["subtotal", "shipping"],
    };
    let discount = Money::new(-totals.discount.amount, totals.discount.currency);
    let all = [
        (subtotal, totals.subtotal, true),
        ("discount", discount, discount.amount != 0),
        (shipping, totals.shipping, order.shipping_option.is_some()),
        ("tax", totals.tax, true),
    ];
    let shown = all.into_iter().filter(|(.., shown)| *shown);
    shown
        .map(|(word, amount, _)| Sum {
            label: view.word(word),
            amount: language.money(amount),
        })
        .collect()
}

fn variant(title: &str) -> Option<String> {
    Some(title.to_owned()).filter(|title| title != ONLY_VARIANT && !title.is_empty())
}

fn address_lines(address: &Address) -> Vec<String> {
    let parts = [
        Some(&address.name),
        Some(&address.line1),
        address.line2.as_ref(),
        Some(&address.postal_code),
        Some(&address.city),
        address.region.as_ref(),
        Some(&address.country),
    ];
    let filled = parts.into_iter().flatten().filter(|part| !part.is_empty());
    filled.cloned().collect()
}
