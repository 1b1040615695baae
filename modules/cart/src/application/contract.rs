//! The contract that other modules hold, carried out by [`CartDesk`]. Decides nothing itself.

use async_trait::async_trait;
use stoa_contracts::cart::{
    CartError, CartKey, CartUpdate, CartView, Carts, CheckoutCart, Recovery,
};
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::{CartId, Currency, CustomerId, LineId, OrderId, Quantity, TenantId, VariantId};
use stoa_storage::{Error, Tx};

use super::{CartDesk, ChangeError, Seen};
use crate::domain::{Cart, invalid};
use crate::infrastructure as store;

/// Callers of the contract name no version, so none of theirs is stale.
fn refused(error: ChangeError) -> CartError {
    match error {
        ChangeError::Refused(error) => error,
        ChangeError::Stale { version } => invalid("version", format!("is {version} now")),
    }
}

fn for_checkout(cart: Cart) -> CheckoutCart {
    let lines = cart.lines.iter();
    CheckoutCart {
        id: cart.id,
        status: cart.status,
        currency: cart.currency,
        lines: lines
            .map(|line| (line.id, line.variant, line.quantity))
            .collect(),
        email: cart.email,
        shipping_address: cart.shipping_address,
        billing_address: cart.billing_address,
        shipping_option_id: cart.shipping_option_id,
        coupons: cart.coupons,
        note: cart.note,
        customer: cart.customer,
        order: cart.order,
    }
}

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
        let added = self.add(tenant, id, variant, quantity, Seen::default());
        added.await.map_err(refused)
    }

    async fn set_quantity(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
        quantity: Quantity,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        let set = self.set_line(tenant, id, line, quantity, Seen::default());
        set.await.map_err(refused)
    }

    async fn remove_line(
        &self,
        tenant: TenantId,
        key: &CartKey,
        line: LineId,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        let removed = self.remove(tenant, id, line, Seen::default());
        removed.await.map_err(refused)
    }

    async fn update(
        &self,
        tenant: TenantId,
        key: &CartKey,
        update: CartUpdate,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        let changed = self.change(tenant, id, update, Seen::default());
        changed.await.map_err(refused)
    }

    async fn shipping_options(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Vec<ShippingOption>, CartError> {
        let id = self.admitted(tenant, key)?;
        self.list_shipping_options(tenant, id).await
    }

    async fn assign(
        &self,
        tenant: TenantId,
        key: &CartKey,
        customer: CustomerId,
    ) -> Result<CartView, CartError> {
        let id = self.admitted(tenant, key)?;
        let given = self.give(tenant, id, customer, Seen::default());
        given.await.map_err(refused)
    }

    async fn of_customer(
        &self,
        tenant: TenantId,
        customer: CustomerId,
    ) -> Result<Option<CartKey>, CartError> {
        self.open_cart_of(tenant, customer).await
    }

    async fn recovery(
        &self,
        tenant: TenantId,
        cart: CartId,
    ) -> Result<Option<Recovery>, CartError> {
        self.recover(tenant, cart).await
    }

    async fn look(
        &self,
        tenant: TenantId,
        key: &CartKey,
    ) -> Result<Option<CheckoutCart>, CartError> {
        let Ok(id) = self.admitted(tenant, key) else {
            return Ok(None);
        };
        let db = self.deps.storage.db(tenant).await?;
        let found = db.read(async move |tx: &mut Tx<'_>| store::read(tx, id).await);
        Ok(found.await?.map(for_checkout))
    }

    fn opens(&self, tenant: TenantId, key: &CartKey) -> bool {
        self.admitted(tenant, key).is_ok()
    }

    async fn lock(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<Option<CheckoutCart>, Error> {
        let found = store::lock(tx, cart).await?;
        Ok(found.map(for_checkout))
    }

    async fn freeze(&self, tx: &mut Tx<'_>, cart: CartId, order: OrderId) -> Result<(), Error> {
        store::freeze(tx, cart, order, self.deps.now()).await
    }

    async fn thaw(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), Error> {
        store::thaw(tx, cart, &self.rules, self.deps.now()).await
    }

    async fn complete(&self, tx: &mut Tx<'_>, cart: CartId) -> Result<(), Error> {
        let now = self.deps.now();
        let look_at = now.plus(self.rules.completed_kept);
        store::complete(tx, cart, look_at, now).await
    }
}
