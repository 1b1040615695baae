//! What promotions take off a cart, line by line. Knows no tax; the order of lines decides nothing.

use std::collections::HashMap;

use stoa_contracts::pricing::{
    Adjustment, AppliedPromotion, CouponRefusal, QuoteError, RefusedCoupon,
};
use stoa_kernel::{Currency, Money, ProductId, allocate};

use super::promotions::{Benefit, Candidate, Promotion, Target};
use super::sums::{Sum, round_half_up};
use super::{PricedLine, listed_total};

/// A cart as promotions see it.
pub(crate) struct Basket<'q> {
    pub(crate) currency: Currency,
    pub(crate) lines: &'q [PricedLine],
    /// Handles of the collections that hold a product; filled where a candidate asks.
    pub(crate) collections: &'q HashMap<ProductId, Vec<String>>,
    pub(crate) needs_shipping: bool,
    /// The price of the delivery chosen, as shown.
    pub(crate) delivery: Option<i64>,
}

/// What was taken off, all as listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reduction {
    /// One entry per line of the basket.
    pub(crate) lines: Vec<Vec<Adjustment>>,
    pub(crate) delivery: i64,
    pub(crate) applied: Vec<AppliedPromotion>,
    pub(crate) refused: Vec<RefusedCoupon>,
}

/// What is left to take from, and of whom it is taken next.
struct Work<'q> {
    basket: &'q Basket<'q>,
    /// Lines in an order that follows from what they hold.
    order: Vec<usize>,
    listed: Vec<i64>,
    left: Vec<i64>,
    delivery_left: i64,
}

/// What one promotion takes.
#[derive(Default)]
struct Taken {
    lines: Vec<(usize, i64)>,
    delivery: i64,
    /// It holds, though nothing is there yet to take from.
    waits: bool,
}

impl Taken {
    fn total(&self) -> Result<i64, QuoteError> {
        let mut sum: Sum = self.lines.iter().map(|(_, amount)| *amount).collect();
        sum.add(self.delivery);
        sum.get()
    }
}

/// Applies the candidates in their order. One that takes nothing, or may not stand beside one
/// before it, is left out; if a code brought it, the code is told why.
pub(crate) fn reduce(
    basket: &Basket<'_>,
    candidates: &[Candidate<'_>],
) -> Result<Reduction, QuoteError> {
    let mut work = Work::new(basket)?;
    let mut reduction = Reduction {
        lines: vec![Vec::new(); basket.lines.len()],
        ..Reduction::default()
    };
    let mut applied: Vec<&Promotion> = Vec::new();
    for Candidate { promotion, code } in candidates {
        let taken = work.taken_by(promotion)?;
        let amount = taken.total()?;
        let refusal = if amount == 0 && !taken.waits {
            Some(CouponRefusal::DoesNotApply)
        } else if !applied.iter().all(|other| promotion.stands_beside(other)) {
            Some(CouponRefusal::NotCombinable)
        } else {
            None
        };
        if let Some(reason) = refusal {
            reduction.refused.extend(code.map(|code| RefusedCoupon {
                code: code.to_owned(),
                reason,
            }));
            continue;
        }
        applied.push(promotion);
        let money = |amount| Money::new(amount, basket.currency);
        for (line, amount) in taken.lines.iter().filter(|(_, amount)| *amount > 0) {
            work.left[*line] -= amount;
            reduction.lines[*line].push(Adjustment {
                promotion_id: promotion.id,
                title: promotion.terms.title.clone(),
                amount: money(*amount),
            });
        }
        work.delivery_left -= taken.delivery;
        reduction.delivery += taken.delivery;
        reduction.applied.push(AppliedPromotion {
            promotion_id: promotion.id,
            code: code.map(str::to_owned),
            title: promotion.terms.title.clone(),
            amount: money(amount),
        });
    }
    Ok(reduction)
}

impl<'q> Work<'q> {
    fn new(basket: &'q Basket<'q>) -> Result<Self, QuoteError> {
        let listed: Vec<i64> = basket
            .lines
            .iter()
            .map(listed_total)
            .collect::<Result<_, _>>()?;
        let mut order: Vec<usize> = (0..basket.lines.len()).collect();
        // Lines that are alike in all of this get alike parts, whichever comes first.
        order.sort_by_key(|&at| {
            let each = &basket.lines[at];
            let line = &each.line;
            (
                line.variant,
                each.unit,
                line.quantity.get(),
                line.taxable,
                line.product,
                &line.product_type,
            )
        });
        Ok(Self {
            basket,
            order,
            left: listed.clone(),
            listed,
            delivery_left: basket.delivery.unwrap_or(0),
        })
    }

    fn line(&self, at: usize) -> &'q PricedLine {
        &self.basket.lines[at]
    }

    /// Lines of the target whose price staff has not agreed.
    fn targeted(&self, target: &Target) -> Vec<usize> {
        let hits = |&at: &usize| {
            let line = &self.line(at).line;
            line.unit_price.is_none()
                && match target {
                    Target::All => true,
                    Target::Products { ids } => ids.contains(&line.product),
                    Target::Variants { ids } => ids.contains(&line.variant),
                    Target::Collections { handles } => self
                        .basket
                        .collections
                        .get(&line.product)
                        .is_some_and(|held| handles.iter().any(|each| held.contains(each))),
                }
        };
        self.order.iter().copied().filter(hits).collect()
    }

    fn units(&self, lines: &[usize]) -> i64 {
        let count = |&at: &usize| self.line(at).line.quantity.as_i64();
        lines.iter().map(count).sum()
    }

    fn taken_by(&self, promotion: &Promotion) -> Result<Taken, QuoteError> {
        let targeted = self.targeted(&promotion.terms.target);
        if !self.meets_conditions(promotion, &targeted)? {
            return Ok(Taken::default());
        }
        let lines = match &promotion.terms.benefit {
            Benefit::Percentage { rate_ppm } => {
                let sum = i128::from(self.left_in(&targeted)?);
                let off = round_half_up(sum * i128::from(*rate_ppm), 1_000_000);
                self.spread(
                    i64::try_from(off).map_err(|_| QuoteError::Overflow)?,
                    &targeted,
                )
            }
            Benefit::FixedPerOrder { amount } => {
                self.spread(self.left_in(&targeted)?.min(amount.amount), &targeted)
            }
            Benefit::FixedPerItem { amount } => {
                let off = |&at: &usize| {
                    let units = self.line(at).line.quantity.as_i64();
                    (at, amount.amount.saturating_mul(units).min(self.left[at]))
                };
                targeted.iter().map(off).collect()
            }
            Benefit::BuyGet { .. } => self.given(&promotion.terms.benefit, &targeted)?,
            Benefit::FreeShipping => {
                return Ok(Taken {
                    delivery: self.delivery_left,
                    waits: self.basket.needs_shipping && self.basket.delivery.is_none(),
                    ..Taken::default()
                });
            }
        };
        Ok(Taken {
            lines,
            ..Taken::default()
        })
    }

    fn meets_conditions(
        &self,
        promotion: &Promotion,
        targeted: &[usize],
    ) -> Result<bool, QuoteError> {
        let when = &promotion.terms.conditions;
        let ours = |currency: Currency| currency == self.basket.currency;
        let in_currency = match &promotion.terms.benefit {
            Benefit::FixedPerOrder { amount } | Benefit::FixedPerItem { amount } => {
                ours(amount.currency)
            }
            _ => true,
        };
        let value: Sum = targeted.iter().map(|&at| self.listed[at]).collect();
        let value = value.get()?;
        let worth = |least: Money| ours(least.currency) && value >= least.amount;
        let units = self.units(targeted);
        Ok(in_currency
            && when.currency.is_none_or(ours)
            && units >= i64::from(when.min_quantity.unwrap_or(1))
            && when.min_subtotal.is_none_or(worth))
    }

    fn left_in(&self, lines: &[usize]) -> Result<i64, QuoteError> {
        let sum: Sum = lines.iter().map(|&at| self.left[at]).collect();
        sum.get()
    }

    /// Over the lines by what is left of each; no part is more than that, since `off` is not more
    /// than all of it.
    fn spread(&self, off: i64, lines: &[usize]) -> Vec<(usize, i64)> {
        let weight = |&at: &usize| u64::try_from(self.left[at]).unwrap_or(0);
        let weights: Vec<u64> = lines.iter().map(weight).collect();
        lines.iter().copied().zip(allocate(off, &weights)).collect()
    }

    /// The cheapest units of the goods given, for as many sets as were bought.
    fn given(&self, benefit: &Benefit, bought: &[usize]) -> Result<Vec<(usize, i64)>, QuoteError> {
        let Benefit::BuyGet {
            buy,
            get,
            rate_ppm,
            get_target,
            sets_max,
        } = benefit
        else {
            return Ok(Vec::new());
        };
        let (buy, get) = (i64::from(*buy), i64::from(*get));
        let (mut lines, set) = match get_target {
            None => (bought.to_vec(), buy + get),
            Some(target) => {
                let mut others = self.targeted(target);
                others.retain(|at| !bought.contains(at));
                (others, buy)
            }
        };
        let sets = self.units(bought) / set;
        let sets = sets_max.map_or(sets, |most| sets.min(i64::from(most)));
        let mut units_left = sets.saturating_mul(get);
        // Stable: equals stay in the order that their contents gave them.
        lines.sort_by_key(|&at| self.line(at).unit);
        let mut taken = Vec::with_capacity(lines.len());
        for at in lines {
            let count = self.line(at).line.quantity.as_i64();
            let units = units_left.min(count);
            units_left -= units;
            let share = i128::from(self.left[at]) * i128::from(units) * i128::from(*rate_ppm);
            let off = round_half_up(share, i128::from(count) * 1_000_000);
            taken.push((at, i64::try_from(off).map_err(|_| QuoteError::Overflow)?));
        }
        Ok(taken)
    }
}
