//! Uses of promotions: taken with an order, given back with it. First come, first served.

use std::collections::BTreeSet;

use stoa_contracts::pricing::{AppliedPromotion, RedeemError, Redemption};
use stoa_kernel::{OrderId, PromotionId, Timestamp};
use stoa_storage::{Result, Tx};

use crate::domain::buyer_key;
use crate::infrastructure::budgets::{self, BudgetRow};

/// As budgets know a buyer.
type Buyer = [u8; 32];

/// An order's buyer, and when it asks.
struct Taker {
    order: OrderId,
    buyer: Option<Buyer>,
    now: Timestamp,
}

/// Takes what is new before it gives back what is no longer wanted, so that a refusal leaves
/// everything as it was. Budgets are locked in id order.
pub(crate) async fn redeem(
    tx: &mut Tx<'_>,
    redemption: Redemption<'_>,
    now: Timestamp,
) -> Result<(), RedeemError> {
    let held = budgets::held(tx, redemption.order).await?;
    let wanted: BTreeSet<PromotionId> = redemption
        .promotions
        .iter()
        .map(|each| each.promotion_id)
        .collect();
    if !held.is_empty() {
        let mut all = wanted.clone();
        all.extend(held.iter().map(|(promotion, _)| *promotion));
        budgets::lock(tx, &all.into_iter().collect::<Vec<_>>()).await?;
    }
    if !wanted.is_empty() {
        let taker = Taker {
            order: redemption.order,
            buyer: buyer_key(redemption.email, redemption.customer),
            now,
        };
        let wanted: Vec<PromotionId> = wanted.iter().copied().collect();
        let limited = budgets::limited(tx, &wanted).await?;
        if let Some(refused) = taker.take_all(tx, &limited, &held).await? {
            return Err(used_up(redemption.promotions, refused));
        }
    }
    for (promotion, buyer) in held {
        if !wanted.contains(&promotion) {
            budgets::give_back(tx, redemption.order, promotion, buyer).await?;
        }
    }
    Ok(())
}

/// Gives back all that the order holds.
pub(crate) async fn unredeem(tx: &mut Tx<'_>, order: OrderId) -> Result<()> {
    let held = budgets::held(tx, order).await?;
    if held.is_empty() {
        return Ok(());
    }
    let promotions: Vec<PromotionId> = held.iter().map(|(promotion, _)| *promotion).collect();
    budgets::lock(tx, &promotions).await?;
    for (promotion, buyer) in held {
        budgets::give_back(tx, order, promotion, buyer).await?;
    }
    Ok(())
}

impl Taker {
    /// All or none; the promotion that is used up, if one is. `held` are the uses that the order
    /// holds already, with their buyers: those of another buyer pass to this one.
    async fn take_all(
        &self,
        tx: &mut Tx<'_>,
        budgets: &[BudgetRow],
        held: &[(PromotionId, Option<Buyer>)],
    ) -> Result<Option<PromotionId>> {
        let mut taken = Vec::new();
        let mut passed = Vec::new();
        for budget in budgets {
            let counted = budget.per_customer_max.and(self.buyer.as_ref());
            if budgets::note(tx, self.order, budget.promotion, counted, self.now).await? {
                if self.take(tx, budget).await? {
                    taken.push((budget.promotion, counted.copied()));
                    continue;
                }
                budgets::forget(tx, self.order, budget.promotion).await?;
            } else {
                let owner = held.iter().find(|(id, _)| *id == budget.promotion);
                let before = owner.and_then(|(_, buyer)| *buyer);
                let (Some(buyer), Some(most)) = (counted, budget.per_customer_max) else {
                    continue;
                };
                if before == Some(*buyer) {
                    continue;
                }
                if budgets::take_for(tx, budget.promotion, buyer, most).await? {
                    passed.push((budget.promotion, before, *buyer));
                    continue;
                }
            }
            for (promotion, buyer) in taken {
                budgets::give_back(tx, self.order, promotion, buyer).await?;
            }
            for (promotion, _, buyer) in passed {
                budgets::return_for(tx, promotion, &buyer).await?;
            }
            return Ok(Some(budget.promotion));
        }
        for (promotion, before, buyer) in passed {
            budgets::pass_on(tx, self.order, promotion, &buyer).await?;
            if let Some(before) = before {
                budgets::return_for(tx, promotion, &before).await?;
            }
        }
        Ok(None)
    }

    async fn take(&self, tx: &mut Tx<'_>, budget: &BudgetRow) -> Result<bool> {
        if !budgets::take(tx, budget.promotion).await? {
            return Ok(false);
        }
        let Some(most) = budget.per_customer_max else {
            return Ok(true);
        };
        // Nobody in particular has no uses to count.
        let fits = match &self.buyer {
            Some(buyer) => budgets::take_for(tx, budget.promotion, buyer, most).await?,
            None => false,
        };
        if !fits {
            budgets::return_one(tx, budget.promotion).await?;
        }
        Ok(fits)
    }
}

fn used_up(promotions: &[AppliedPromotion], id: PromotionId) -> RedeemError {
    let found = promotions.iter().find(|each| each.promotion_id == id);
    RedeemError::UsedUp {
        title: found.map(|each| each.title.clone()).unwrap_or_default(),
        code: found.and_then(|each| each.code.clone()),
    }
}
