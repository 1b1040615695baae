//! The contract that other modules hold, carried out by [`CartDesk`]. Decides nothing itself.

use async_trait::async_trait;
use stoa_contracts::cart::{
    CartError, CartKey, CartStatus, CartUpdate, CartView, Carts, CheckoutCart,
};
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::{CartId, Currency, LineId, OrderId, Quantity, TenantId, VariantId};
use stoa_storage::{Error, Tx};

use super::CartDesk;
use crate::infrastructure as store;

#[async_trait]
impl Carts for CartDesk {
    async fn create(&self, tenant: TenantId, currency: Currency) -> Result<CartKey, CartError> {
        self.create_cart(tenant, currency).await
    }

    async fn view(&self, tenant: TenantId, key: &CartKey) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        self.view_cart(tenant, id).await
    }

    async fn add_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        variant: VariantId,
        quantity: Quantity,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        self.add(tenant, id, variant, quantity).await?;
        self.view_cart(tenant, id).await
    }

    async fn set_quantity(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
        quantity: Quantity,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        self.set_line(tenant, id, line, quantity).await?;
        self.view_cart(tenant, id).await
    }

    async fn remove_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        self.remove(tenant, id, line).await?;
        self.view_cart(tenant, id).await
    }

    async fn update(
        &self,
        tenant: TenantId,
        key: &CartKey,
        update: CartUpdate,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        self.change(tenant, id, update).await?;
        self.view_cart(tenant, id).await
    }

    async fn shipping_options(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Vec<ShippingOption>, CartError> {
        let id = self.admitted(tenant, key)?;
        self.list_shipping_options(tenant, id).await
    }

    fn opens(&self, tenant: TenantId, key: &CartKey) -> bool {
        self.admitted(tenant, key).is_ok()
    }

    async fn lock(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<Option<CheckoutCart>, Error> {
        let found = store::lock(tx, cart).await?;
        Ok(found.map(|cart| CheckoutCart {
            id: cart.id,
            status: cart.status,
            currency: cart.currency,
            email: cart.email,
            shipping_address: cart.shipping_address,
            billing_address: cart.billing_address,
            shipping_option_id: cart.shipping_option_id,
            lines: cart
                .lines
                .iter()
                .map(|line| (line.id, line.variant, line.quantity))
                .collect(),
            order: cart.order,
        }))
    }

    async fn freeze(&self, tx: &mut Tx<'_>, cart: CartId, order: OrderId) -> Result<(), Error> {
        store::set_status(tx, cart, CartStatus::Frozen, Some(order), self.deps.now()).await
    }

    async fn thaw(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), Error> {
        store::set_status(tx, cart, CartStatus::Open, None, self.deps.now()).await
    }

    async fn complete(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), Error> {
        store::set_status(tx, cart, CartStatus::Completed, None, self.deps.now()).await
    }
}
