//! The quote: gathers what it goes by in as few statements as it can, then calculates. Writes
//! nothing.

use std::collections::{HashMap, HashSet};

use stoa_contracts::pricing::{
    CouponRefusal, Quote, QuoteError, QuoteRequest, RefusedCoupon, ShippingOption,
};
use stoa_kernel::{ProductId, PromotionId, VariantId};
use stoa_storage::{Result, Tx};

use super::App;
use super::terms::Terms;
use crate::domain::{
    Basket, Candidate, ListPrices, Parcel, PriceList, PricedLine, Taxation, Whereabouts, buyer_key,
    calculate, code_key, needs_shipping, offers, price_lines, reduce,
};
use crate::infrastructure::{self as rows, budgets, groups, kept_rates, lists};

impl App {
    pub(crate) async fn quoted(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Quote, QuoteError> {
        let terms = self.terms(tx, request.currency).await?;
        let lines = self.priced(tx, &terms, request).await?;
        let to = Whereabouts::of(&request.destination);
        let shipping = match &request.shipping_option {
            Some(id) if needs_shipping(request.lines.iter()) => {
                Some(chosen(&terms, request, &to, &lines, id)?)
            }
            _ => None,
        };
        let (mut candidates, mut refused) = terms
            .promotions
            .candidates(&request.coupons, self.deps.now());
        refused.extend(drop_used_up(tx, request, &mut candidates).await?);
        let collections = self.collections(tx, request, &candidates).await?;
        let delivery = shipping.as_ref().map(|option| option.price.amount);
        let basket = Basket {
            currency: request.currency,
            lines: &lines,
            collections: &collections,
            needs_shipping: needs_shipping(request.lines.iter()),
            delivery,
        };
        let reduction = reduce(&basket, &candidates)?;
        let taxation = self.taxation(tx, &terms, request, &to).await?;
        let sums = calculate(
            &taxation,
            request.currency,
            &lines,
            delivery.unwrap_or(0),
            &reduction,
        )?;
        refused.extend(reduction.refused);
        in_order_typed(&mut refused, &request.coupons);
        Ok(Quote {
            lines: sums.lines,
            totals: sums.totals,
            shipping,
            tax_inclusive: taxation.inclusive,
            promotions: reduction.applied,
            refused_coupons: refused,
            taxes: sums.taxes,
        })
    }

    pub(crate) async fn offered(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
    ) -> Result<Vec<ShippingOption>, QuoteError> {
        if !needs_shipping(request.lines.iter()) {
            return Ok(Vec::new());
        }
        let terms = self.terms(tx, request.currency).await?;
        let lines = self.priced(tx, &terms, request).await?;
        let to = Whereabouts::of(&request.destination);
        offered_at(&terms, request, &to, &lines)
    }

    /// The lines with their prices, in the request's order. Lists are asked only where one holds.
    async fn priced(
        &self,
        tx: &mut Tx<'_>,
        terms: &Terms,
        request: &QuoteRequest,
    ) -> Result<Vec<PricedLine>, QuoteError> {
        let ours = request
            .lines
            .iter()
            .filter(|line| line.unit_price.is_none());
        let variants: Vec<VariantId> = ours.map(|line| line.variant).collect();
        let base: HashMap<VariantId, i64> = rows::prices(tx, &variants, request.currency)
            .await?
            .into_iter()
            .collect();
        let now = self.deps.now();
        let mut holding: Vec<&PriceList> = terms.lists.iter().collect();
        holding.retain(|list| list.holds(request.currency, now));
        if !holding.iter().all(|list| list.is_for_all()) {
            // Only by the id of a customer who signed in: anybody can type an address.
            let groups = match request.customer {
                Some(customer) => groups::of_customer(tx, customer).await?,
                None => Vec::new(),
            };
            holding.retain(|list| list.is_for(&groups));
        }
        let found = if holding.is_empty() {
            Vec::new()
        } else {
            lists::prices_of(tx, &variants).await?
        };
        let from_lists = ListPrices::of(&holding, &found);
        price_lines(&request.lines, request.currency, &base, &from_lists)
    }

    /// The collections of the request's products, where a promotion asks for them.
    async fn collections(
        &self,
        tx: &mut Tx<'_>,
        request: &QuoteRequest,
        candidates: &[Candidate<'_>],
    ) -> Result<HashMap<ProductId, Vec<String>>> {
        let mut found = HashMap::<ProductId, Vec<String>>::new();
        let asks = |each: &Candidate<'_>| each.promotion.asks_for_collections();
        if !candidates.iter().any(asks) {
            return Ok(found);
        }
        let products: Vec<ProductId> = request.lines.iter().map(|line| line.product).collect();
        for (product, handle) in self.catalog.collections_of(tx, &products).await? {
            found.entry(product).or_default().push(handle);
        }
        Ok(found)
    }

    async fn taxation(
        &self,
        tx: &mut Tx<'_>,
        terms: &Terms,
        request: &QuoteRequest,
        to: &Whereabouts,
    ) -> Result<Taxation> {
        let kept = match (&terms.tax.provider, to.key()) {
            (Some(_), Some(place)) => kept_rates::find(tx, &place, self.deps.now()).await?,
            _ => None,
        };
        let kept = kept.map(|row| row.rates);
        let taxation = Taxation::at(terms.settings.tax, &terms.tax, to, kept);
        let exempt = terms
            .tax
            .is_exempt(request.email.as_deref(), request.customer);
        Ok(if exempt { taxation.exempt() } else { taxation })
    }
}

/// Leaves out promotions that are used up; the codes that brought them are told so.
async fn drop_used_up(
    tx: &mut Tx<'_>,
    request: &QuoteRequest,
    candidates: &mut Vec<Candidate<'_>>,
) -> Result<Vec<RefusedCoupon>> {
    let limited: Vec<PromotionId> = candidates
        .iter()
        .filter(|each| each.promotion.terms.budget.is_limited())
        .map(|each| each.promotion.id)
        .collect();
    if limited.is_empty() {
        return Ok(Vec::new());
    }
    let buyer = buyer_key(request.email.as_deref(), request.customer);
    let spent: HashSet<PromotionId> = budgets::used_up(tx, &limited, buyer)
        .await?
        .into_iter()
        .collect();
    let mut refused = Vec::new();
    candidates.retain(|each| {
        let is_spent = spent.contains(&each.promotion.id);
        if let Some(code) = each.code.filter(|_| is_spent) {
            refused.push(RefusedCoupon {
                code: code.to_owned(),
                reason: CouponRefusal::UsedUp,
            });
        }
        !is_spent
    });
    Ok(refused)
}

fn offered_at(
    terms: &Terms,
    request: &QuoteRequest,
    to: &Whereabouts,
    lines: &[PricedLine],
) -> Result<Vec<ShippingOption>, QuoteError> {
    let parcel = Parcel::of(lines)?;
    offers(
        &terms.zones,
        &terms.everywhere,
        to,
        request.currency,
        &parcel,
    )
}

fn chosen(
    terms: &Terms,
    request: &QuoteRequest,
    to: &Whereabouts,
    lines: &[PricedLine],
    id: &str,
) -> Result<ShippingOption, QuoteError> {
    offered_at(terms, request, to, lines)?
        .into_iter()
        .find(|option| option.id == id)
        .ok_or_else(|| QuoteError::UnknownShippingOption { id: id.to_owned() })
}

fn in_order_typed(refused: &mut [RefusedCoupon], typed: &[String]) {
    let place = |code: &str| {
        typed
            .iter()
            .position(|each| code_key(each) == code_key(code))
    };
    refused.sort_by_cached_key(|each| place(&each.code));
}
