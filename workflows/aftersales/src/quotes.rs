//! Prices for lines that staff put into orders. Writes nothing.

use std::collections::BTreeMap;

use stoa_contracts::bundles::{LineComponent, components_of};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::orders::{NewOrderLine, OrderLineView, OrderView};
use stoa_contracts::pricing::{Quote, QuoteLine, QuoteRequest, QuotedLine};
use stoa_contracts::{Address, Destination};
use stoa_kernel::{Currency, Money, Quantity, VariantId};
use stoa_storage::Tx;

use crate::Shared;
use crate::errors::{CareError, invalid};
use crate::wish::WantedLine;

/// A variant, and what one unit of it is made of where it is a bundle.
pub(crate) struct Ware {
    pub(crate) snapshot: VariantSnapshot,
    components: Vec<LineComponent>,
}

pub(crate) type Wares = BTreeMap<VariantId, Ware>;

impl Shared {
    /// Every variant that is wanted; `field` is where one that cannot be had is named.
    pub(crate) async fn wares(
        &self,
        tx: &mut Tx<'_>,
        field: &str,
        wanted: &[WantedLine],
    ) -> Result<Wares, CareError> {
        let mut ids: Vec<VariantId> = wanted.iter().map(|line| line.variant_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Wares::new());
        }
        let catalog = &self.peers.catalog;
        let found = catalog.variants(tx, &ids).await?;
        let mut components = components_of(&**catalog, tx, &found).await?;
        let found = found.into_iter().map(|snapshot| {
            let components = components.remove(&snapshot.variant).unwrap_or_default();
            let ware = Ware {
                snapshot,
                components,
            };
            (ware.snapshot.variant, ware)
        });
        let found: Wares = found.collect();
        for (at, line) in wanted.iter().enumerate() {
            let reason = match found.get(&line.variant_id) {
                None => "is no variant of this shop",
                Some(ware) if ware.snapshot.bundle && ware.components.is_empty() => {
                    "is a bundle of which a part is gone"
                }
                Some(_) => continue,
            };
            return Err(invalid(format!("{field}[{at}].variant_id"), reason));
        }
        Ok(found)
    }

    /// Fills in the shop's price where staff agreed on none, so that no promotion touches it.
    pub(crate) async fn agree(
        &self,
        tx: &mut Tx<'_>,
        request: &mut QuoteRequest,
    ) -> Result<(), CareError> {
        let open = |line: &&QuoteLine| line.unit_price.is_none();
        let listed = QuoteRequest {
            lines: request.lines.iter().filter(open).cloned().collect(),
            shipping_option: None,
            coupons: Vec::new(),
            ..request.clone()
        };
        if listed.lines.is_empty() {
            return Ok(());
        }
        let quote = self.peers.pricing.quote(tx, &listed).await?;
        let unpriced = request
            .lines
            .iter_mut()
            .filter(|line| line.unit_price.is_none());
        for (line, priced) in unpriced.zip(quote.lines) {
            line.unit_price = Some(priced.unit_price);
        }
        Ok(())
    }

    pub(crate) async fn quote(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Quote, CareError> {
        Ok(self.peers.pricing.quote(tx, request).await?)
    }

    /// A line as it is written, with the prices of its quote.
    pub(crate) fn new_line(
        &self,
        ware: &Ware,
        quantity: Quantity,
        priced: &QuotedLine,
    ) -> NewOrderLine {
        let snapshot = &ware.snapshot;
        NewOrderLine {
            id: self.deps.ids.make(self.deps.now()),
            variant: snapshot.variant,
            product: snapshot.product,
            title: snapshot.product_title.clone(),
            variant_title: snapshot.variant_title.clone(),
            sku: snapshot.sku.clone(),
            image: snapshot.image.clone(),
            quantity,
            requires_shipping: snapshot.requires_shipping,
            grams: snapshot.grams,
            unit_price: priced.unit_price,
            subtotal: priced.subtotal,
            discount: priced.discount,
            tax: priced.tax,
            total: priced.total,
            adjustments: priced.adjustments.clone(),
            components: ware.components.clone(),
        }
    }
}

/// A request for goods alone, sent where the order goes.
pub(crate) fn request_of(view: &OrderView, lines: Vec<QuoteLine>) -> QuoteRequest {
    QuoteRequest {
        currency: view.currency,
        lines,
        destination: destination(view.shipping_address.as_ref()),
        shipping_option: None,
        coupons: Vec::new(),
        email: Some(view.email.clone()),
        customer: view.customer_id,
    }
}

pub(crate) fn destination(address: Option<&Address>) -> Destination {
    address.map(Destination::from).unwrap_or_default()
}

/// Staff's prices are in the order's currency and not below zero.
pub(crate) fn checked_prices(
    field: &str,
    wanted: &[WantedLine],
    currency: Currency,
) -> Result<(), CareError> {
    let odd = |price: Money| price.currency != currency || price.amount < 0;
    let wrong = wanted
        .iter()
        .position(|line| line.unit_price.is_some_and(odd));
    match wrong {
        Some(at) => Err(invalid(
            format!("{field}[{at}].unit_price"),
            format!("must be an amount in {currency}, not below zero"),
        )),
        None => Ok(()),
    }
}

pub(crate) fn wanted_line(ware: &Ware, wanted: &WantedLine) -> QuoteLine {
    let snapshot = &ware.snapshot;
    QuoteLine {
        variant: snapshot.variant,
        product: snapshot.product,
        quantity: wanted.quantity,
        requires_shipping: snapshot.requires_shipping,
        taxable: snapshot.taxable,
        grams: snapshot.grams,
        product_type: snapshot.product_type.clone(),
        unit_price: wanted.unit_price,
    }
}

/// A line of the order at its agreed price; its product may be gone from the catalog.
pub(crate) fn kept_line(
    line: &OrderLineView,
    quantity: Quantity,
    snapshot: Option<&VariantSnapshot>,
) -> QuoteLine {
    QuoteLine {
        variant: line.variant_id,
        product: line.product_id,
        quantity,
        requires_shipping: line.requires_shipping,
        taxable: snapshot.is_none_or(|snapshot| snapshot.taxable),
        grams: line.grams,
        product_type: snapshot.and_then(|snapshot| snapshot.product_type.clone()),
        unit_price: Some(line.unit_price),
    }
}
