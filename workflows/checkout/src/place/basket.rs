//! What an order is made of: a cart priced from what is true now, or an order read back. Writes
//! nothing.

use std::collections::BTreeMap;

use stoa_contracts::Destination;
use stoa_contracts::bundles::{LineComponent, components_of};
use stoa_contracts::cart::CheckoutCart;
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::checkout::{CheckoutError, PlaceOrder};
use stoa_contracts::orders::{NewOrder, NewOrderLine, OrderLineView, OrderView};
use stoa_contracts::pricing::{
    CouponRefusal, Quote, QuoteError, QuoteLine, QuoteRequest, QuotedLine, RefusedCoupon,
};
use stoa_kernel::{LineId, Money, OrderId, Quantity, VariantId};
use stoa_storage::Tx;

use super::incomplete;
use crate::Shared;

type CartLine = (LineId, VariantId, Quantity);
type Snapshots = BTreeMap<VariantId, VariantSnapshot>;
/// By bundle.
type Components = BTreeMap<VariantId, Vec<LineComponent>>;

impl Shared {
    /// The order as it would be written now.
    pub(super) async fn draft(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        cart: &CheckoutCart,
        id: OrderId,
    ) -> Result<NewOrder, CheckoutError> {
        if cart.lines.is_empty() {
            return Err(CheckoutError::CartEmpty);
        }
        let (variants, components) = self.variants(tx, cart).await?;
        let ships = variants.values().any(|variant| variant.requires_shipping);
        let email = check_complete(cart, ships)?;
        let shipping_option = cart.shipping_option_id.clone().filter(|_| ships);
        let quote = self
            .quote(tx, cart, &variants, shipping_option.clone())
            .await?;
        check_coupons(request.expected_total, &quote.refused_coupons)?;
        let priced = cart.lines.iter().zip(quote.lines);
        let lines = priced
            .map(|(line, priced)| self.line(line, priced, &variants, &components))
            .collect();
        Ok(NewOrder {
            id,
            cart: Some(cart.id),
            customer: cart.customer,
            note: cart.note.clone(),
            promotions: quote.promotions,
            taxes: quote.taxes,
            gift_card: Money::zero(quote.totals.total.currency),
            email,
            shipping_address: cart.shipping_address.clone(),
            billing_address: cart.billing_address.clone(),
            shipping_option,
            lines,
            totals: quote.totals,
            tax_inclusive: quote.tax_inclusive,
            test: request.test_mode,
        })
    }

    fn line(
        &self,
        &(_, variant, quantity): &CartLine,
        priced: QuotedLine,
        variants: &Snapshots,
        components: &Components,
    ) -> NewOrderLine {
        let snapshot = &variants[&variant];
        NewOrderLine {
            id: self.deps.ids.make(self.deps.now()),
            variant,
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
            adjustments: priced.adjustments,
            components: components.get(&variant).cloned().unwrap_or_default(),
        }
    }

    /// Every variant of the cart, and what bundles among them are made of; one that is not for sale
    /// ends the checkout.
    async fn variants(
        &self,
        tx: &mut Tx<'_>,
        cart: &CheckoutCart,
    ) -> Result<(Snapshots, Components), CheckoutError> {
        let mut ids: Vec<VariantId> = cart.lines.iter().map(|&(_, variant, _)| variant).collect();
        ids.sort_unstable();
        ids.dedup();
        let catalog = &self.peers.catalog;
        let found = catalog.variants(tx, &ids).await?;
        let active: Snapshots = found
            .into_iter()
            .filter(|variant| variant.active)
            .map(|variant| (variant.variant, variant))
            .collect();
        let components = components_of(&**catalog, tx, active.values()).await?;
        let is_whole = |variant: &VariantSnapshot| {
            !variant.bundle || components.contains_key(&variant.variant)
        };
        let gone: Vec<VariantId> = ids
            .into_iter()
            .filter(|variant| !active.get(variant).is_some_and(is_whole))
            .collect();
        match gone.is_empty() {
            true => Ok((active, components)),
            false => Err(CheckoutError::NotForSale { variants: gone }),
        }
    }

    async fn quote(
        &self,
        tx: &mut Tx<'_>,
        cart: &CheckoutCart,
        variants: &Snapshots,
        shipping_option: Option<String>,
    ) -> Result<Quote, CheckoutError> {
        let line = |&(_, variant, quantity): &CartLine| {
            let snapshot = &variants[&variant];
            QuoteLine {
                variant,
                product: snapshot.product,
                quantity,
                requires_shipping: snapshot.requires_shipping,
                taxable: snapshot.taxable,
                grams: snapshot.grams,
                product_type: snapshot.product_type.clone(),
                unit_price: None,
            }
        };
        let address = cart.shipping_address.as_ref();
        let request = QuoteRequest {
            currency: cart.currency,
            lines: cart.lines.iter().map(line).collect(),
            destination: address.map(Destination::from).unwrap_or_default(),
            shipping_option,
            coupons: cart.coupons.clone(),
            email: cart.email.clone(),
            customer: cart.customer,
        };
        let quoted = self.peers.pricing.quote(tx, &request).await;
        quoted.map_err(|error| match error {
            QuoteError::NoPrice { variant, .. } => CheckoutError::NotForSale {
                variants: vec![variant],
            },
            QuoteError::UnknownShippingOption { .. } => {
                incomplete("shipping_option_id", "is not offered for this cart")
            }
            QuoteError::Overflow => incomplete("lines", "come to more than can be paid"),
            QuoteError::Storage(error) => error.into(),
        })
    }
}

/// Whoever says what total they were shown pays that or nothing: a code that no longer applies shows
/// in it. Whoever does not is told of a code that may have applied when they looked.
fn check_coupons(expected: Option<Money>, refused: &[RefusedCoupon]) -> Result<(), CheckoutError> {
    let lapsed = refused.iter().find(|coupon| {
        matches!(
            coupon.reason,
            CouponRefusal::UsedUp | CouponRefusal::Expired
        )
    });
    match lapsed {
        Some(coupon) if expected.is_none() => Err(CheckoutError::Coupon {
            code: coupon.code.clone(),
            reason: coupon.reason,
        }),
        _ => Ok(()),
    }
}

/// Returns the e-mail address; everything that is missing is named at once.
fn check_complete(cart: &CheckoutCart, ships: bool) -> Result<String, CheckoutError> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    let email = cart.email.clone().filter(|email| !email.is_empty());
    if email.is_none() {
        fields.push(("email", "is required".to_owned()));
    }
    if ships && cart.shipping_address.is_none() {
        fields.push(("shipping_address", "is required".to_owned()));
    }
    if ships && cart.shipping_option_id.is_none() {
        fields.push(("shipping_option_id", "is required".to_owned()));
    }
    match email {
        Some(email) if fields.is_empty() => Ok(email),
        _ => Err(CheckoutError::Incomplete { fields }),
    }
}

pub(super) fn of_view(view: OrderView) -> NewOrder {
    NewOrder {
        id: view.id,
        cart: view.cart_id,
        customer: view.customer_id,
        note: view.note,
        promotions: view.promotions,
        taxes: view.taxes,
        gift_card: view.gift_card,
        email: view.email,
        shipping_address: view.shipping_address,
        billing_address: view.billing_address,
        shipping_option: view.shipping_option,
        lines: view.lines.into_iter().map(line_of_view).collect(),
        totals: view.totals,
        tax_inclusive: view.tax_inclusive,
        test: view.test,
    }
}

fn line_of_view(line: OrderLineView) -> NewOrderLine {
    NewOrderLine {
        id: line.id,
        variant: line.variant_id,
        product: line.product_id,
        title: line.title,
        variant_title: line.variant_title,
        sku: line.sku,
        image: line.image,
        quantity: line.quantity,
        requires_shipping: line.requires_shipping,
        grams: line.grams,
        unit_price: line.unit_price,
        subtotal: line.subtotal,
        discount: line.discount,
        tax: line.tax,
        total: line.total,
        adjustments: line.adjustments,
        // As it was agreed, however the bundle is made up by now.
        components: line.components,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_kernel::Currency;

    fn refused(reason: CouponRefusal) -> [RefusedCoupon; 1] {
        [RefusedCoupon {
            code: "TEA".to_owned(),
            reason,
        }]
    }

    #[test]
    fn a_code_that_lapsed_blocks_only_who_does_not_say_what_they_were_shown() {
        let shown = Some(Money::new(1, Currency::EUR));
        let used_up = refused(CouponRefusal::UsedUp);
        assert!(check_coupons(None, &used_up).is_err());
        assert!(check_coupons(shown, &used_up).is_ok());
        for harmless in [CouponRefusal::Unknown, CouponRefusal::DoesNotApply] {
            assert!(check_coupons(None, &refused(harmless)).is_ok());
        }
    }
}
