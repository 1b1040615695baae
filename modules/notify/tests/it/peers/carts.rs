//! Stands for carts: knows those that a test left behind.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use stoa_contracts::cart::{
    CartError, CartKey, CartUpdate, CartView, Carts, CheckoutCart, Recovery,
};
use stoa_contracts::pricing::ShippingOption;
use stoa_kernel::{CartId, Currency, CustomerId, LineId, OrderId, Quantity, TenantId, VariantId};
use stoa_storage::{Error, Tx};

#[derive(Default)]
pub(crate) struct FakeCarts {
    pub(crate) left: Mutex<HashMap<CartId, Recovery>>,
}

#[async_trait]
impl Carts for FakeCarts {
    async fn recovery(&self, _: TenantId, cart: CartId) -> Result<Option<Recovery>, CartError> {
        Ok(self.left.lock().get(&cart).cloned())
    }
    async fn create(&self, _: TenantId, _: Currency) -> Result<CartKey, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn view(&self, _: TenantId, _: &CartKey) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn add_line(
        &self,
        _: TenantId,
        _: &CartKey,
        _: VariantId,
        _: Quantity,
    ) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn set_quantity(
        &self,
        _: TenantId,
        _: &CartKey,
        _: LineId,
        _: Quantity,
    ) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn remove_line(
        &self,
        _: TenantId,
        _: &CartKey,
        _: LineId,
    ) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn update(&self, _: TenantId, _: &CartKey, _: CartUpdate) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn shipping_options(
        &self,
        _: TenantId,
        _: &CartKey,
    ) -> Result<Vec<ShippingOption>, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn assign(&self, _: TenantId, _: &CartKey, _: CustomerId) -> Result<CartView, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    async fn of_customer(&self, _: TenantId, _: CustomerId) -> Result<Option<CartKey>, CartError> {
        unreachable!("mail only asks who left a cart")
    }
    fn opens(&self, _: TenantId, _: &CartKey) -> bool {
        unreachable!("mail only asks who left a cart")
    }
    async fn lock(&self, _: &mut Tx<'_>, _: CartId) -> Result<Option<CheckoutCart>, Error> {
        unreachable!("mail only asks who left a cart")
    }
    async fn freeze(&self, _: &mut Tx<'_>, _: CartId, _: OrderId) -> Result<(), Error> {
        unreachable!("mail only asks who left a cart")
    }
    async fn thaw(&self, _: &mut Tx<'_>, _: CartId) -> Result<(), Error> {
        unreachable!("mail only asks who left a cart")
    }
    async fn complete(&self, _: &mut Tx<'_>, _: CartId) -> Result<(), Error> {
        unreachable!("mail only asks who left a cart")
    }
}
