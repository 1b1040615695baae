//! What a cart costs now. Prices come from `pricing`, and a cart that cannot be priced whole is
//! priced without what is gone.

use stoa_contracts::cart::{CartError, CartLineView, CartView};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::inventory::Availability;
use stoa_contracts::pricing::{
    Quote, QuoteError, QuoteLine, QuoteRequest, QuotedLine, ShippingOption,
};
use stoa_kernel::{Money, VariantId};
use stoa_storage::Tx;

use super::Peers;
use crate::domain::{Cart, Line, Shown, invalid};

/// The cart with today's prices and stock.
///
/// A line that cannot be bought any more (unpublished, removed, or without a price) stays, with
/// what it showed and cost when it was last changed, `available: false` and a total of zero: it
/// counts nothing towards the totals.
pub(super) async fn view(
    tx: &mut Tx<'_>,
    peers: &Peers,
    cart: Cart,
) -> Result<CartView, CartError> {
    let variants: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    let priced = price(tx, peers, &cart).await?;
    let stock = peers.inventory.availability(tx, &variants).await?;
    let line = |line: &Line| line_view(&cart, line, &priced, &stock);
    Ok(CartView {
        id: cart.id,
        status: cart.status,
        currency: cart.currency,
        lines: cart.lines.iter().map(line).collect(),
        totals: priced.quote.totals,
        tax_inclusive: priced.quote.tax_inclusive,
        shipping_option_id: priced.request.shipping_option,
        email: cart.email,
        shipping_address: cart.shipping_address,
        billing_address: cart.billing_address,
        order_id: cart.order,
        version: cart.version,
    })
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

pub(super) fn too_large() -> CartError {
    invalid("quantity", "makes the total larger than any amount can be")
}

struct Priced {
    /// What could be priced: lines that are for sale, the option only if it still exists.
    request: QuoteRequest,
    quote: Quote,
    snapshots: Vec<VariantSnapshot>,
}

async fn price(tx: &mut Tx<'_>, peers: &Peers, cart: &Cart) -> Result<Priced, CartError> {
    let variants: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    let snapshots = match variants.is_empty() {
        true => Vec::new(),
        false => peers.catalog.variants(tx, &variants).await?,
    };
    let quotable = |line: &Line| {
        let snapshot = snapshots
            .iter()
            .find(|found| found.variant == line.variant && found.active);
        snapshot.map(|snapshot| QuoteLine {
            variant: line.variant,
            quantity: line.quantity,
            requires_shipping: snapshot.requires_shipping,
            taxable: snapshot.taxable,
        })
    };
    let mut request = QuoteRequest {
        currency: cart.currency,
        lines: cart.lines.iter().filter_map(quotable).collect(),
        country: cart
            .shipping_address
            .as_ref()
            .map(|address| address.country.clone()),
        shipping_option: cart.shipping_option_id.clone(),
    };
    // Each turn leaves out one line or the option, so this ends.
    loop {
        match peers.pricing.quote(tx, &request).await {
            Ok(quote) => {
                return Ok(Priced {
                    request,
                    quote,
                    snapshots,
                });
            }
            Err(QuoteError::NoPrice { variant, .. }) => {
                let before = request.lines.len();
                request.lines.retain(|line| line.variant != variant);
                if request.lines.len() == before {
                    return Err(CartError::NotForSale { variant });
                }
            }
            Err(QuoteError::UnknownShippingOption { id }) => {
                if request.shipping_option.take().is_none() {
                    return Err(invalid("shipping_option_id", format!("no option `{id}`")));
                }
            }
            Err(QuoteError::Overflow) => return Err(too_large()),
            Err(QuoteError::Storage(error)) => return Err(error.into()),
        }
    }
}

fn line_view(cart: &Cart, line: &Line, priced: &Priced, stock: &[Availability]) -> CartLineView {
    let quoted: Option<&QuotedLine> = priced
        .quote
        .lines
        .iter()
        .find(|quoted| quoted.variant == line.variant);
    let snapshot = priced
        .snapshots
        .iter()
        .find(|found| found.variant == line.variant);
    let unit_price = quoted.map_or(line.shown.unit_price, |quoted| quoted.unit_price.amount);
    let shown = match snapshot {
        Some(snapshot) => Shown::of(snapshot, unit_price),
        None => line.shown.clone(),
    };
    let has_stock = stock
        .iter()
        .find(|stock| stock.variant == line.variant)
        .is_some_and(|stock| {
            stock.available
                && stock
                    .units
                    .is_none_or(|units| units >= line.quantity.as_i64())
        });
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
        total: quoted.map_or(Money::zero(cart.currency), |quoted| quoted.total),
        available: quoted.is_some() && has_stock,
    }
}
