//! Made-up facts for previews, and to try a template before it is kept. Nobody's data.

use super::kind::Kind;
use super::language::Language;
use super::view::{
    Cart, DisputeLine, Line, LowStockLine, Order, Payable, Refund, Returned, Shipment, Shop, Stuck,
    Sum, View, Words,
};
use stoa_kernel::{Currency, Money};

/// One with everything that may be there, and one with only what always is.
pub(crate) fn samples(kind: Kind, language: Language, words: &Words) -> [View; 2] {
    [
        sample(kind, language, words, true),
        sample(kind, language, words, false),
    ]
}

fn sample(kind: Kind, language: Language, words: &Words, full: bool) -> View {
    let shop = Shop {
        name: "Tea & More".to_owned(),
        url: "https://shop.example".to_owned(),
    };
    let mut view = View::new(shop, words.clone());
    let eur = |amount| language.money(Money::new(amount, Currency::EUR));
    view.name = full.then(|| "Ada Lovelace".to_owned());
    if kind == Kind::AbandonedCart {
        view.cart = Some(Cart {
            url: "https://shop.example/cart/recover?cart=cart_1&token=t".to_owned(),
            lines: lines(language, full),
            total: eur(4_760),
        });
    } else if kind != Kind::StaffLowStock {
        view.order = Some(order(&view, language, full));
    }
    match kind {
        Kind::OrderConfirmation => {
            view.instructions = full.then(|| Payable {
                title: "Bank transfer".to_owned(),
                text: "IBAN DE00 0000 0000\nReference: 1001".to_owned(),
            });
        }
        Kind::OrderShipped => {
            view.shipment = Some(Shipment {
                lines: lines(language, full),
                carrier: full.then(|| "Post".to_owned()),
                number: full.then(|| "TRACK-1".to_owned()),
                url: full.then(|| "https://post.example/TRACK-1".to_owned()),
            });
        }
        Kind::OrderRefunded => {
            view.refund = Some(Refund {
                amount: eur(1_000),
                total: eur(if full { 2_500 } else { 1_000 }),
            });
        }
        Kind::PaymentReturned | Kind::StaffPaymentReturned => {
            let why = if full {
                "why_out_of_stock"
            } else {
                "why_other"
            };
            view.returned = Some(Returned {
                amount: eur(5_831),
                why: view.word(why),
            });
        }
        Kind::StaffSagaStuck => {
            view.stuck = Some(Stuck {
                saga: "refund".to_owned(),
                step: "refund.send".to_owned(),
            });
        }
        Kind::StaffDispute => {
            view.dispute = Some(DisputeLine {
                amount: eur(5_831),
                status: "needs_response".to_owned(),
            });
        }
        Kind::StaffLowStock => view.low_stock = low_stock(full),
        Kind::OrderCanceled | Kind::AbandonedCart => {}
    }
    view
}

fn order(view: &View, language: Language, full: bool) -> Order {
    let eur = |amount| language.money(Money::new(amount, Currency::EUR));
    let sum = |word: &str, amount| Sum {
        label: view.word(word),
        amount: eur(amount),
    };
    let address = [
        "Ada Lovelace",
        "St James's Square 12",
        "SW1Y 4JH",
        "London",
        "GB",
    ];
    Order {
        number: 1_001,
        url: "https://shop.example/orders/order_1?token=t".to_owned(),
        test: full,
        paid: !full,
        lines: lines(language, full),
        sums: vec![sum("subtotal", 4_500), sum("tax", 855)],
        total: eur(5_355),
        address: match full {
            true => address.map(str::to_owned).to_vec(),
            false => Vec::new(),
        },
    }
}

fn lines(language: Language, full: bool) -> Vec<Line> {
    let line = |title: &str, variant: Option<&str>, amount| Line {
        quantity: 2,
        title: title.to_owned(),
        variant: variant.map(str::to_owned),
        amount: language.money(Money::new(amount, Currency::EUR)),
    };
    let mut lines = vec![line("Teapot", None, 4_000)];
    if full {
        lines.push(line("Cup & saucer", Some("Blue / 200 ml"), 500));
    }
    lines
}

fn low_stock(full: bool) -> Vec<LowStockLine> {
    let line = |title: &str, rest: Option<&str>| LowStockLine {
        title: title.to_owned(),
        variant: rest.map(|_| "Blue / 1 l".to_owned()),
        sku: rest.map(str::to_owned),
        available: 2,
        threshold: 5,
    };
    let mut lines = vec![line("Teapot", None)];
    if full {
        lines.push(line("Cup", Some("CUP-1")));
    }
    lines
}
