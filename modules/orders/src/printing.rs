//! Invoices and packing slips as pages to print. Pure: knows no database and no clock; everything
//! a shopper or merchant wrote is escaped.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stoa_contracts::Address;
use stoa_contracts::orders::{FulfilmentView, OrderLineView, OrderView};
use stoa_kernel::{LineId, Money, Timestamp};

use crate::application::Invoiced;

const STYLE: &str = include_str!("../templates/print.css");
const INVOICE: &str = "invoice.html";
const PACKING_SLIP: &str = "packing_slip.html";
/// What a variant is called where a product has only one; not worth printing.
const ONLY_VARIANT: &str = "Default";
/// Where people print on Letter; everybody else has A4.
const LETTER_COUNTRIES: [&str; 9] = ["US", "CA", "MX", "PH", "CL", "CO", "GT", "PA", "VE"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Paper {
    A4,
    Letter,
}

/// A page, and the policy under which it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) html: String,
    pub(crate) policy: String,
}

pub(crate) struct Press {
    templates: Environment<'static>,
}

#[derive(Serialize)]
struct InvoicePage<'o> {
    style: &'o str,
    shop: &'o str,
    invoice: InvoiceHead,
    number: i64,
    placed: String,
    email: &'o str,
    test: bool,
    tax_inclusive: bool,
    currency: String,
    parties: Vec<Party>,
    lines: Vec<InvoiceLine<'o>>,
    sums: Vec<Sum>,
}

#[derive(Serialize)]
struct InvoiceHead {
    number: i64,
    date: String,
}

#[derive(Serialize)]
struct Party {
    title: &'static str,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct InvoiceLine<'o> {
    title: &'o str,
    variant: Option<&'o str>,
    sku: Option<&'o str>,
    quantity: u32,
    price: String,
    discount: String,
    net: String,
    tax: String,
    total: String,
}

#[derive(Serialize)]
struct Sum {
    label: String,
    amount: String,
    class: &'static str,
}

#[derive(Serialize)]
struct SlipPage<'o> {
    style: &'o str,
    shop: &'o str,
    number: i64,
    placed: String,
    test: bool,
    delivery: Option<&'o str>,
    tracking: Option<String>,
    parties: Vec<Party>,
    lines: Vec<SlipLine<'o>>,
    note: Option<&'o str>,
}

#[derive(Serialize)]
struct SlipLine<'o> {
    title: &'o str,
    variant: Option<&'o str>,
    sku: Option<&'o str>,
    quantity: u32,
    /// What a bundle's units are packed of.
    parts: Vec<SlipPart<'o>>,
}

#[derive(Serialize)]
struct SlipPart<'o> {
    title: &'o str,
    variant: Option<&'o str>,
    sku: Option<&'o str>,
    quantity: u64,
}

impl Press {
    pub(crate) fn new() -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = templates
            .syntax()
            .to_builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        templates.set_syntax(syntax.expect("whitespace settings break no syntax"));
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, source) in [
            (INVOICE, include_str!("../templates/invoice.html")),
            (PACKING_SLIP, include_str!("../templates/packing_slip.html")),
        ] {
            templates
                .add_template(name, source)
                .expect("the embedded templates parse, as the tests of this file show");
        }
        Self { templates }
    }

    pub(crate) fn invoice(
        &self,
        shop: &str,
        invoiced: &Invoiced,
        paper: Option<Paper>,
    ) -> Result<Printed, minijinja::Error> {
        let order = &invoiced.order;
        let style = styled(paper.unwrap_or_else(|| paper_of(order)));
        let exchanged = exchanged(order);
        let sold = order
            .lines
            .iter()
            .filter(|line| !exchanged.contains(&line.id));
        let page = InvoicePage {
            style: &style,
            shop,
            invoice: InvoiceHead {
                number: invoiced.number,
                date: date(invoiced.at),
            },
            number: order.number,
            placed: date(order.placed_at),
            email: &order.email,
            test: order.test,
            tax_inclusive: order.tax_inclusive,
            currency: order.currency.to_string(),
            parties: parties(order),
            lines: sold.map(invoice_line).collect(),
            sums: sums(order),
        };
        self.print(INVOICE, &style, &page)
    }

    /// What belongs in one parcel, or in all of them where none is named.
    pub(crate) fn packing_slip(
        &self,
        shop: &str,
        order: &OrderView,
        parcel: Option<&FulfilmentView>,
        paper: Option<Paper>,
    ) -> Result<Printed, minijinja::Error> {
        let style = styled(paper.unwrap_or_else(|| paper_of(order)));
        let units = |line: &OrderLineView| match parcel {
            None => Some(line.quantity.get()),
            Some(parcel) => {
                let packed = parcel.lines.iter().find(|packed| packed.line_id == line.id);
                packed.map(|packed| packed.quantity.get())
            }
        };
        let lines = order.lines.iter().filter_map(|line| {
            units(line).map(|quantity| SlipLine {
                title: &line.title,
                variant: variant(line),
                sku: line.sku.as_deref(),
                quantity,
                parts: slip_parts(line, quantity),
            })
        });
        let tracking = parcel.and_then(|parcel| parcel.tracking.as_ref());
        let page = SlipPage {
            style: &style,
            shop,
            number: order.number,
            placed: date(order.placed_at),
            test: order.test,
            delivery: order.shipping_option.as_deref(),
            tracking: tracking.map(|tracking| match &tracking.carrier {
                Some(carrier) => format!("{carrier} {}", tracking.number),
                None => tracking.number.clone(),
            }),
            parties: parties(order),
            lines: lines.collect(),
            note: order.note.as_deref().filter(|note| !note.is_empty()),
        };
        self.print(PACKING_SLIP, &style, &page)
    }

    fn print(
        &self,
        name: &str,
        style: &str,
        page: &impl Serialize,
    ) -> Result<Printed, minijinja::Error> {
        let html = self
            .templates
            .get_template(name)?
            .render(Value::from(Serde(page)))?;
        // No script, no picture, no other style than this one.
        let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'self'"
        );
        Ok(Printed { html, policy })
    }
}

fn styled(paper: Paper) -> String {
    let size = match paper {
        Paper::A4 => "A4",
        Paper::Letter => "letter",
    };
    format!("{STYLE}@page{{size:{size};margin:16mm}}\n")
}

fn paper_of(order: &OrderView) -> Paper {
    let address = order.billing_address.as_ref();
    let address = address.or(order.shipping_address.as_ref());
    match address {
        Some(address) if LETTER_COUNTRIES.contains(&address.country.as_str()) => Paper::Letter,
        _ => Paper::A4,
    }
}

/// Lines sent in exchange: no part of what was sold.
fn exchanged(order: &OrderView) -> HashSet<LineId> {
    let lines = order.returns.iter().flat_map(|back| &back.exchange);
    lines.map(|line| line.line_id).collect()
}

fn parties(order: &OrderView) -> Vec<Party> {
    let (billing, shipping) = (
        order.billing_address.as_ref(),
        order.shipping_address.as_ref(),
    );
    let all = [("Bill to", billing.or(shipping)), ("Ship to", shipping)];
    let known = all.into_iter().filter_map(|(title, address)| {
        address.map(|address| Party {
            title,
            lines: address_lines(address),
        })
    });
    known.collect()
}

fn address_lines(address: &Address) -> Vec<String> {
    let place = format!("{} {}", address.postal_code, address.city);
    let parts = [
        Some(address.name.as_str()),
        Some(address.line1.as_str()),
        address.line2.as_deref(),
        Some(place.trim()),
        address.region.as_deref(),
        Some(address.country.as_str()),
    ];
    let filled = parts.into_iter().flatten().filter(|part| !part.is_empty());
    filled.map(str::to_owned).collect()
}

fn invoice_line(line: &OrderLineView) -> InvoiceLine<'_> {
    let net = Money::new(
        line.subtotal.amount - line.discount.amount,
        line.subtotal.currency,
    );
    InvoiceLine {
        title: &line.title,
        variant: variant(line),
        sku: line.sku.as_deref(),
        quantity: line.quantity.get(),
        price: line.unit_price.to_decimal(),
        discount: line.discount.to_decimal(),
        net: net.to_decimal(),
        tax: line.tax.to_decimal(),
        total: line.total.to_decimal(),
    }
}

fn slip_parts(line: &OrderLineView, units: u32) -> Vec<SlipPart<'_>> {
    let parts = line.components.iter();
    parts
        .map(|part| SlipPart {
            title: &part.title,
            variant: named(&part.variant_title),
            sku: part.sku.as_deref(),
            quantity: u64::from(units) * u64::from(part.quantity),
        })
        .collect()
}

fn variant(line: &OrderLineView) -> Option<&str> {
    named(&line.variant_title)
}

fn named(title: &str) -> Option<&str> {
    Some(title).filter(|title| *title != ONLY_VARIANT && !title.is_empty())
}

fn sums(order: &OrderView) -> Vec<Sum> {
    let totals = &order.totals;
    let currency = order.currency;
    let sum = |label: &str, amount: i64, class: &'static str| Sum {
        label: label.to_owned(),
        amount: Money::new(amount, currency).to_decimal(),
        class,
    };
    let mut sums = vec![sum("Subtotal, net", totals.subtotal.amount, "")];
    if totals.discount.amount != 0 {
        sums.push(sum("Discount", -totals.discount.amount, ""));
    }
    if order.shipping_option.is_some() || totals.shipping.amount != 0 {
        sums.push(sum("Shipping, net", totals.shipping.amount, ""));
    }
    for tax in &order.taxes {
        let label = format!("{} {} %", tax.name, percent(tax.rate_ppm));
        sums.push(sum(&label, tax.amount.amount, ""));
    }
    if order.taxes.is_empty() {
        sums.push(sum("Tax", totals.tax.amount, ""));
    }
    sums.push(sum("Total", totals.total.amount, "total"));
    // A gift card counts once it was taken, with the first payment.
    let card = order.gift_card.amount.min(order.paid.amount);
    if card != 0 {
        sums.push(sum("Gift card", -card, ""));
    }
    let paid = order.paid.amount - card;
    if paid != 0 {
        sums.push(sum("Paid", -paid, ""));
    }
    if order.refunded.amount != 0 {
        sums.push(sum("Refunded", order.refunded.amount, ""));
    }
    // What was given back for good is not owed again.
    let due = (totals.total.amount - order.paid.amount).max(0);
    sums.push(sum("Amount due", due, "due"));
    sums
}

/// `190000` parts per million are `19`, `81250` are `8.125`.
fn percent(rate_ppm: i64) -> String {
    let text = format!("{}.{:04}", rate_ppm / 10_000, rate_ppm % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The day, in UTC.
fn date(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}
