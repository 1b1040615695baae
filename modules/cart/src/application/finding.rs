//! Carts found by others than their shopper: staff's list, and whoever reminds of a cart.

use stoa_contracts::cart::{CartError, CartStatus, Recovery};
use stoa_kernel::{CartId, TenantId};
use stoa_storage::Tx;

use super::CartDesk;
use crate::domain::CartSummary;
use crate::infrastructure as store;

impl CartDesk {
    /// Newest first, those before `before`.
    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        before: Option<CartId>,
        limit: i64,
    ) -> Result<Vec<CartSummary>, CartError> {
        let db = self.deps.storage.db(tenant).await?;
        let before = before.unwrap_or(CartId::from_u128(u128::MAX));
        Ok(store::list(&db, before, limit).await?)
    }

    /// `None` also where nothing lies in the cart, or it is being paid for just now.
    pub(crate) async fn recover(
        &self,
        tenant: TenantId,
        id: CartId,
    ) -> Result<Option<Recovery>, CartError> {
        let desk = self.clone();
        let db = self.deps.storage.db(tenant).await?;
        let view = db.read(
            async move |tx: &mut Tx<'_>| match store::read(tx, id).await? {
                Some(cart) if cart.status == CartStatus::Open && !cart.lines.is_empty() => {
                    desk.shown(tx, cart).await.map(Some)
                }
                _ => Ok::<_, CartError>(None),
            },
        );
        let found = view.await?.and_then(|view| {
            let email = view.email.clone()?;
            Some(Recovery {
                key: self.key(tenant, id),
                email,
                view,
            })
        });
        Ok(found)
    }
}
