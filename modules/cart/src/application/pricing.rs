//! What a cart costs now, line by line, and what its shopper should know. Prices come from
//! `pricing`; a cart that cannot be priced whole is priced without what is gone.

use std::collections::BTreeMap;

use stoa_contracts::Destination;
use stoa_contracts::bundles::{LineComponent, LineGoods, components_of, left_beside};
use stoa_contracts::cart::{CartError, CartLineView, CartNotice, CartView};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::inventory::Availability;
use stoa_contracts::pricing::{
    Quote, QuoteError, QuoteLine, QuoteRequest, QuotedLine, ShippingOption,
};
use stoa_kernel::{Money, VariantId};
use stoa_storage::Tx;

use super::Peers;
use crate::domain::{Cart, IdleRules, Line, Shown, invalid};

/// A cart's prices and stock of now.
pub(super) struct Priced {
    /// What could be priced: lines that are for sale, the option only if it is still offered.
    request: QuoteRequest,
    pub(super) quote: Quote,
    snapshots: Vec<VariantSnapshot>,
    /// How many of each line's variant can be had beside the other lines; absent is no end.
    left: BTreeMap<VariantId, i64>,
    /// The option chosen, where it is not offered any more.
    pub(super) shipping_gone: Option<String>,
}

/// Asks catalog and pricing once each, and inventory where `cart` has lines; the catalog again where
/// one of them is a bundle.
pub(super) async fn price(
    tx: &mut Tx<'_>,
    peers: &Peers,
    cart: &Cart,
) -> Result<Priced, CartError> {
    let variants: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    let (snapshots, left) = match variants.is_empty() {
        true => (Vec::new(), BTreeMap::new()),
        false => {
            let snapshots = peers.catalog.variants(tx, &variants).await?;
            let left = left(tx, peers, cart, &snapshots).await?;
            (snapshots, left)
        }
    };
    let mut request = request(cart, &snapshots);
    let mut shipping_gone = None;
    // Each turn leaves out one line or the option, so this ends.
    loop {
        match peers.pricing.quote(tx, &request).await {
            Ok(quote) => {
                return Ok(Priced {
                    request,
                    quote,
                    snapshots,
                    left,
                    shipping_gone,
                });
            }
            Err(QuoteError::NoPrice { variant, .. }) => {
                let before = request.lines.len();
                request.lines.retain(|line| line.variant != variant);
                if request.lines.len() == before {
                    return Err(CartError::NotForSale { variant });
                }
                if request.lines.is_empty() {
                    request.shipping_option = None;
                }
            }
            Err(QuoteError::UnknownShippingOption { id }) => {
                shipping_gone = request.shipping_option.take();
                if shipping_gone.is_none() {
                    return Err(invalid("shipping_option_id", format!("no option `{id}`")));
                }
            }
            Err(QuoteError::Overflow) => return Err(too_large()),
            Err(QuoteError::Storage(error)) => return Err(error.into()),
        }
    }
}

/// What the shelves leave for each line. A bundle has what its parts leave for it; one that is not
/// whole cannot be had.
async fn left(
    tx: &mut Tx<'_>,
    peers: &Peers,
    cart: &Cart,
    snapshots: &[VariantSnapshot],
) -> Result<BTreeMap<VariantId, i64>, CartError> {
    let components = components_of(&*peers.catalog, tx, snapshots).await?;
    let is_broken = |variant: VariantId| {
        let snapshot = snapshots.iter().find(|found| found.variant == variant);
        snapshot.is_some_and(|found| found.bundle) && !components.contains_key(&variant)
    };
    let lines: Vec<LineGoods<'_>> = cart
        .lines
        .iter()
        .map(|line| goods(line, &components))
        .collect();
    let mut wanted = Vec::with_capacity(lines.len());
    for line in &lines {
        match line.components {
            [] => wanted.push(line.variant),
            parts => wanted.extend(parts.iter().map(|part| part.variant_id)),
        }
    }
    if !components.is_empty() {
        wanted.sort_unstable();
        wanted.dedup();
    }
    let stock = peers.inventory.availability(tx, &wanted).await?;
    let stock: BTreeMap<VariantId, Option<i64>> = stock.iter().map(units).collect();
    // What stock knows nothing of is not there.
    let in_stock = |variant: VariantId| stock.get(&variant).copied().unwrap_or(Some(0));
    let left = lines.iter().filter_map(|line| {
        let units = match components.is_empty() {
            _ if is_broken(line.variant) => Some(0),
            true => in_stock(line.variant),
            false => left_beside(&lines, line.variant, in_stock),
        };
        Some((line.variant, units?))
    });
    Ok(left.collect())
}

fn goods<'l>(
    line: &Line,
    components: &'l BTreeMap<VariantId, Vec<LineComponent>>,
) -> LineGoods<'l> {
    LineGoods {
        variant: line.variant,
        units: line.quantity.as_i64(),
        components: components.get(&line.variant).map_or(&[], Vec::as_slice),
    }
}

fn units(stock: &Availability) -> (VariantId, Option<i64>) {
    let units = match stock.available {
        true => stock.units,
        false => Some(0),
    };
    (stock.variant, units)
}

fn request(cart: &Cart, snapshots: &[VariantSnapshot]) -> QuoteRequest {
    let quotable = |line: &Line| {
        let snapshot = snapshots
            .iter()
            .find(|found| found.variant == line.variant && found.active);
        snapshot.map(|snapshot| QuoteLine {
            variant: line.variant,
            product: snapshot.product,
            quantity: line.quantity,
            requires_shipping: snapshot.requires_shipping,
            taxable: snapshot.taxable,
            grams: snapshot.grams,
            product_type: snapshot.product_type.clone(),
            unit_price: None,
        })
    };
    let lines: Vec<QuoteLine> = cart.lines.iter().filter_map(quotable).collect();
    QuoteRequest {
        currency: cart.currency,
        // Nothing is sent of an empty cart: its option stays chosen and costs nothing yet.
        shipping_option: cart
            .shipping_option_id
            .clone()
            .filter(|_| !lines.is_empty()),
        lines,
        destination: destination(cart),
        coupons: cart.coupons.clone(),
        email: cart.email.clone(),
        customer: cart.customer,
    }
}

pub(super) fn destination(cart: &Cart) -> Destination {
    cart.shipping_address
        .as_ref()
        .map(Destination::from)
        .unwrap_or_default()
}

impl Priced {
    /// What `line` shows from now on; an error where its quantity cannot be bought now.
    pub(super) fn buyable(&self, line: &Line) -> Result<Shown, CartError> {
        let variant = line.variant;
        let shown = self.shown_now(line);
        let shown = shown.ok_or(CartError::NotForSale { variant })?;
        match self.short(line) {
            None => Ok(shown),
            Some(available) => Err(CartError::Short {
                variant,
                asked: line.quantity.as_i64(),
                available,
            }),
        }
    }

    /// `None` where the line is not for sale.
    pub(super) fn shown_now(&self, line: &Line) -> Option<Shown> {
        let quoted = self.quoted(line)?;
        let snapshot = self.snapshot(line)?;
        Some(Shown::of(snapshot, quoted.unit_price.amount))
    }

    fn quoted(&self, line: &Line) -> Option<&QuotedLine> {
        let lines = &self.quote.lines;
        lines.iter().find(|quoted| quoted.variant == line.variant)
    }

    fn snapshot(&self, line: &Line) -> Option<&VariantSnapshot> {
        let snapshots = &self.snapshots;
        snapshots.iter().find(|found| found.variant == line.variant)
    }

    /// How many can be had, where that is fewer than the line asks for.
    fn short(&self, line: &Line) -> Option<i64> {
        let units = *self.left.get(&line.variant)?;
        (units < line.quantity.as_i64()).then_some(units)
    }
}

/// The cart with the prices and stock of now.
///
/// A line that cannot be bought any more (unpublished, removed, or without a price) stays, with
/// what it showed and cost when it was last changed, `available: false` and a total of zero: it
/// counts nothing towards the totals. An option that is not offered any more is told of and not
/// used.
pub(super) fn view(cart: Cart, priced: Priced, rules: &IdleRules) -> CartView {
    let lines = cart.lines.iter();
    let lines = lines.map(|line| line_view(&cart, line, &priced)).collect();
    let notices = notices(&cart, &priced);
    let Quote {
        totals,
        shipping,
        tax_inclusive,
        promotions,
        refused_coupons,
        taxes,
        ..
    } = priced.quote;
    CartView {
        id: cart.id,
        status: cart.status,
        currency: cart.currency,
        lines,
        expires_at: rules.expiry(&cart),
        email: cart.email,
        shipping_address: cart.shipping_address,
        billing_address: cart.billing_address,
        shipping_option_id: match priced.shipping_gone {
            Some(_) => None,
            None => cart.shipping_option_id,
        },
        shipping,
        coupons: cart.coupons,
        refused_coupons,
        promotions,
        taxes,
        note: cart.note,
        customer_id: cart.customer,
        totals,
        tax_inclusive,
        notices,
        order_id: cart.order,
        version: cart.version,
    }
}

fn line_view(cart: &Cart, line: &Line, priced: &Priced) -> CartLineView {
    let quoted = priced.quoted(line);
    let unit_price = quoted.map_or(line.shown.unit_price, |quoted| quoted.unit_price.amount);
    let shown = match priced.snapshot(line) {
        Some(snapshot) => Shown::of(snapshot, unit_price),
        None => line.shown.clone(),
    };
    let of = |amount: fn(&QuotedLine) -> Money| quoted.map_or(Money::zero(cart.currency), amount);
    CartLineView {
        id: line.id,
        variant_id: line.variant,
        product_handle: shown.product_handle,
        title: shown.title,
        variant_title: shown.variant_title,
        sku: shown.sku,
        image: shown.image,
        quantity: line.quantity,
        unit_price: Money::new(shown.unit_price, cart.currency),
        subtotal: of(|quoted| quoted.subtotal),
        discount: of(|quoted| quoted.discount),
        tax: of(|quoted| quoted.tax),
        total: of(|quoted| quoted.total),
        adjustments: quoted.map_or_else(Vec::new, |quoted| quoted.adjustments.clone()),
        available: quoted.is_some() && priced.short(line).is_none(),
    }
}

/// By line, then what is not of one line. A cart that is being paid for, or has been, has none:
/// its own order holds the stock, and its prices are fixed.
fn notices(cart: &Cart, priced: &Priced) -> Vec<CartNotice> {
    let mut notices = Vec::new();
    if cart.require_open().is_err() {
        return notices;
    }
    for line in &cart.lines {
        let line_id = line.id;
        let Some(quoted) = priced.quoted(line) else {
            notices.push(CartNotice::NotForSale { line_id });
            continue;
        };
        let before = Money::new(line.shown.unit_price, cart.currency);
        if quoted.unit_price != before {
            notices.push(CartNotice::PriceChanged {
                line_id,
                before,
                now: quoted.unit_price,
            });
        }
        if let Some(available) = priced.short(line) {
            notices.push(CartNotice::StockShort { line_id, available });
        }
    }
    for out in &cart.left_out {
        notices.push(CartNotice::NotMerged {
            variant_id: out.variant,
            title: out.title.clone(),
            units: out.units,
        });
    }
    if let Some(id) = &priced.shipping_gone {
        notices.push(CartNotice::ShippingGone {
            shipping_option_id: id.clone(),
        });
    }
    notices
}

pub(super) async fn shipping_options(
    tx: &mut Tx<'_>,
    peers: &Peers,
    cart: &Cart,
) -> Result<Vec<ShippingOption>, CartError> {
    let priced = price(tx, peers, cart).await?;
    match peers.pricing.shipping_options(tx, &priced.request).await {
        Ok(options) => Ok(options),
        Err(QuoteError::Storage(error)) => Err(error.into()),
        Err(QuoteError::Overflow) => Err(too_large()),
        // These lines were just priced: whatever is gone since takes its options with it.
        Err(QuoteError::NoPrice { .. } | QuoteError::UnknownShippingOption { .. }) => {
            Ok(Vec::new())
        }
    }
}

fn too_large() -> CartError {
    invalid("quantity", "makes the total larger than any amount can be")
}
