//! A shelf with prices that tests rearrange: stands in for catalog and pricing, behind their
//! contracts. Stock is the real inventory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_contracts::catalog::{
    Catalog, CatalogError, CollectionInput, CollectionView, ListingPrice, ProductInput,
    ProductPage, ProductQuery, ProductView, UpsertOutcome, Upserted, VariantSnapshot,
};
use stoa_contracts::pricing::{
    Adjustment, AppliedPromotion, CouponRefusal, NewPrice, Pricing, Quote, QuoteError,
    QuoteRequest, QuotedLine, RedeemError, Redemption, RefusedCoupon, ShippingOption, TaxLine,
};
use stoa_contracts::{Destination, Totals};
use stoa_kernel::{Currency, Money, OrderId, ProductId, PromotionId, TenantId, VariantId};
use stoa_storage::{Cause, Error, Tx};

/// What stands on it: variants, and their prices in euro cents.
#[derive(Default)]
pub(crate) struct Shelf {
    variants: Mutex<BTreeMap<VariantId, VariantSnapshot>>,
    prices: Mutex<BTreeMap<VariantId, i64>>,
    /// Where tax was prepared for, in order.
    prepared: Mutex<Vec<Destination>>,
    /// What the last quote was asked for.
    asked: Mutex<Option<QuoteRequest>>,
}

/// Takes one euro off the first line; every other code is unknown.
pub(crate) const ONE_OFF: &str = "ONE-OFF";

impl Shelf {
    pub(crate) fn put(&self, variant: VariantId, price: i64) {
        let number = variant.as_u128();
        let snapshot = VariantSnapshot {
            variant,
            product: ProductId::from_u128(number),
            handle: format!("mug-{number}"),
            product_title: format!("Mug {number}"),
            variant_title: "Blue".to_owned(),
            sku: Some(format!("MUG-{number}")),
            image: None,
            active: true,
            requires_shipping: true,
            taxable: true,
            grams: 300,
            product_type: None,
            bundle: false,
        };
        self.variants.lock().insert(variant, snapshot);
        self.price(variant, Some(price));
    }

    pub(crate) fn price(&self, variant: VariantId, price: Option<i64>) {
        match price {
            Some(price) => self.prices.lock().insert(variant, price),
            None => self.prices.lock().remove(&variant),
        };
    }

    pub(crate) fn publish(&self, variant: VariantId, active: bool) {
        self.variants
            .lock()
            .get_mut(&variant)
            .expect("it was put there")
            .active = active;
    }

    pub(crate) fn remove(&self, variant: VariantId) {
        self.variants.lock().remove(&variant);
    }

    pub(crate) fn prepared(&self) -> Vec<Destination> {
        self.prepared.lock().clone()
    }

    pub(crate) fn asked(&self) -> QuoteRequest {
        self.asked.lock().clone().expect("a quote")
    }

    fn options(request: &QuoteRequest) -> Vec<ShippingOption> {
        let option = |id: &str, cents| ShippingOption {
            id: id.to_owned(),
            name: id.to_uppercase(),
            price: Money::new(cents, request.currency),
        };
        match (
            request.lines.is_empty(),
            request.destination.country.as_deref(),
        ) {
            (true, _) => Vec::new(),
            (false, Some("CH")) => vec![option("abroad", 1500)],
            (false, _) => vec![option("standard", 500), option("express", 900)],
        }
    }
}

/// Takes off the first line what [`ONE_OFF`] takes, and tells of every other code.
fn reduced(
    request: &QuoteRequest,
    lines: &mut [QuotedLine],
) -> (Vec<AppliedPromotion>, Vec<RefusedCoupon>, Money) {
    let currency = request.currency;
    let mut promotions = Vec::new();
    let mut refused_coupons = Vec::new();
    let mut discount = Money::zero(currency);
    for code in &request.coupons {
        match lines.first_mut().filter(|_| code == ONE_OFF) {
            None => refused_coupons.push(RefusedCoupon {
                code: code.clone(),
                reason: CouponRefusal::Unknown,
            }),
            Some(line) => {
                discount = Money::new(100, currency);
                line.discount = discount;
                line.total = Money::new(line.total.amount - 100, currency);
                let (promotion_id, title) = (PromotionId::from_u128(1), "One off".to_owned());
                line.adjustments.push(Adjustment {
                    promotion_id,
                    title: title.clone(),
                    amount: discount,
                });
                promotions.push(AppliedPromotion {
                    promotion_id,
                    code: Some(code.clone()),
                    title,
                    amount: discount,
                });
            }
        }
    }
    (promotions, refused_coupons, discount)
}

#[async_trait]
impl Pricing for Shelf {
    async fn quote(&self, _tx: &mut Tx<'_>, request: &QuoteRequest) -> Result<Quote, QuoteError> {
        let currency = request.currency;
        *self.asked.lock() = Some(request.clone());
        let zero = Money::zero(currency);
        let mut lines = Vec::new();
        let mut subtotal = zero;
        for line in &request.lines {
            let price = self.prices.lock().get(&line.variant).copied();
            let price = price.filter(|_| currency == Currency::EUR);
            let variant = line.variant;
            let unit_price = Money::new(
                price.ok_or(QuoteError::NoPrice { variant, currency })?,
                currency,
            );
            let total = unit_price
                .times(line.quantity.as_i64())
                .map_err(|_| QuoteError::Overflow)?;
            subtotal = subtotal.plus(total).map_err(|_| QuoteError::Overflow)?;
            lines.push(QuotedLine {
                variant,
                quantity: line.quantity,
                unit_price,
                subtotal: total,
                discount: zero,
                tax: zero,
                total,
                adjustments: Vec::new(),
            });
        }
        let (promotions, refused_coupons, discount) = reduced(request, &mut lines);
        let shipping = match &request.shipping_option {
            None => None,
            Some(id) => {
                let found = Self::options(request)
                    .into_iter()
                    .find(|option| option.id == *id);
                Some(found.ok_or_else(|| QuoteError::UnknownShippingOption { id: id.clone() })?)
            }
        };
        let sent = shipping.as_ref().map_or(zero, |option| option.price);
        let total = subtotal.plus(sent).map_err(|_| QuoteError::Overflow)?;
        Ok(Quote {
            lines,
            totals: Totals {
                subtotal,
                discount,
                shipping: sent,
                tax: zero,
                total: Money::new(total.amount - discount.amount, currency),
            },
            shipping,
            tax_inclusive: true,
            promotions,
            refused_coupons,
            taxes: vec![TaxLine {
                name: "VAT".to_owned(),
                rate_ppm: 0,
                amount: zero,
            }],
        })
    }

    async fn shipping_options(
        &self,
        _tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        Ok(Self::options(request))
    }

    async fn set_prices(&self, _: &mut Tx<'_>, _: &[NewPrice], _: &Cause) -> Result<(), Error> {
        Ok(())
    }

    async fn redeem(
        &self,
        _: &mut Tx<'_>,
        _: Redemption<'_>,
        _: &Cause,
    ) -> Result<(), RedeemError> {
        Ok(())
    }

    async fn unredeem(&self, _: &mut Tx<'_>, _: OrderId, _: &Cause) -> Result<(), Error> {
        Ok(())
    }

    async fn prepare_tax(&self, _: TenantId, destination: &Destination) -> Result<(), Error> {
        self.prepared.lock().push(destination.clone());
        Ok(())
    }

    async fn ensure_settings(&self, _: TenantId, _: Currency) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Catalog for Shelf {
    async fn variants(
        &self,
        _tx: &mut Tx<'_>,
        ids: &[VariantId],
    ) -> Result<Vec<VariantSnapshot>, Error> {
        let known = self.variants.lock();
        Ok(known
            .values()
            .filter(|found| ids.contains(&found.variant))
            .cloned()
            .collect())
    }

    async fn product(
        &self,
        _: TenantId,
        _: &str,
        _: Currency,
    ) -> Result<Option<ProductView>, CatalogError> {
        Ok(None)
    }
    async fn products(&self, _: TenantId, _: &ProductQuery) -> Result<ProductPage, CatalogError> {
        Ok(ProductPage {
            products: Vec::new(),
            next_cursor: None,
        })
    }
    async fn collections(&self, _: TenantId) -> Result<Vec<CollectionView>, CatalogError> {
        Ok(Vec::new())
    }
    async fn collection(
        &self,
        _: TenantId,
        _: &str,
    ) -> Result<Option<CollectionView>, CatalogError> {
        Ok(None)
    }
    async fn collections_of(
        &self,
        _: &mut Tx<'_>,
        _: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, Error> {
        Ok(Vec::new())
    }
    async fn upsert_product(
        &self,
        _: &mut Tx<'_>,
        _: &ProductInput,
        _: &Cause,
    ) -> Result<Upserted, CatalogError> {
        let product = ProductId::from_u128(0);
        Ok(Upserted {
            product,
            outcome: UpsertOutcome::Unchanged,
            variants: Vec::new(),
        })
    }
    async fn upsert_collection(
        &self,
        _: &mut Tx<'_>,
        _: &CollectionInput,
        _: &Cause,
    ) -> Result<(), CatalogError> {
        Ok(())
    }
    async fn put_listing_prices(
        &self,
        _: &mut Tx<'_>,
        _: &[ListingPrice],
        _: &Cause,
    ) -> Result<(), Error> {
        Ok(())
    }
}
