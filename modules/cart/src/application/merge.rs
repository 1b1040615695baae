//! How carts come to belong to customers: on sign-in a guest's cart becomes the customer's, or
//! joins the one they have.

use stoa_contracts::cart::{CartError, CartKey, CartStatus, CartView};
use stoa_kernel::{CartId, CustomerId, TenantId, Timestamp};
use stoa_storage::Tx;

use super::{CartDesk, ChangeError, Seen};
use crate::domain::{Cart, Merged, invalid, merged};
use crate::infrastructure as store;

impl CartDesk {
    /// Locks the customer's sign-ins, then the two carts in id order, so that two sign-ins at once
    /// neither lose lines nor wait for each other in a circle.
    pub(crate) async fn give(
        &self,
        tenant: TenantId,
        id: CartId,
        customer: CustomerId,
        seen: Seen,
    ) -> Result<CartView, ChangeError> {
        let desk = self.clone();
        let now = self.deps.now();
        let db = self.deps.storage.db(tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| {
            let last = store::last_cart(tx, customer, id).await?;
            let mut guest = None;
            let mut own = None;
            let mut asked = [id, last];
            asked.sort_unstable();
            // The same twice is one cart.
            let asked = if id == last { &asked[..1] } else { &asked[..] };
            for &cart in asked {
                let found = store::lock(tx, cart).await?;
                match cart == id {
                    true => guest = found,
                    false => own = found,
                }
            }
            let is_theirs =
                |own: &Cart| own.status == CartStatus::Open && own.customer == Some(customer);
            let own = own.filter(is_theirs);
            let Some(guest) = guest else {
                // It has joined already, or expired: the answer is what it would have become.
                let own = own.ok_or(CartError::NotFound)?;
                return Ok(desk.shown(tx, own).await?);
            };
            seen.check(guest.version)?;
            guest.require_open()?;
            if guest.customer.is_some_and(|owner| owner != customer) {
                let reason = "the cart belongs to another customer";
                return Err(invalid("customer_id", reason).into());
            }
            // Amounts of two currencies do not add up.
            let cart = match own.filter(|own| own.currency == guest.currency) {
                Some(own) => desk.join(tx, own, &guest, now).await?,
                None => desk.hand_over(tx, guest, customer, now).await?,
            };
            Ok(desk.shown(tx, cart).await?)
        })
        .await
    }

    /// The guest's cart becomes the customer's.
    async fn hand_over(
        &self,
        tx: &mut Tx<'_>,
        guest: Cart,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Cart, ChangeError> {
        store::set_last_cart(tx, customer, guest.id).await?;
        if guest.customer == Some(customer) {
            return Ok(guest);
        }
        let mut cart = Cart {
            customer: Some(customer),
            ..guest
        };
        self.counted(&mut cart, now);
        store::update(tx, &cart).await?;
        Ok(cart)
    }

    /// The guest's lines go into the customer's cart, and the guest's cart ends.
    async fn join(
        &self,
        tx: &mut Tx<'_>,
        own: Cart,
        guest: &Cart,
        now: Timestamp,
    ) -> Result<Cart, ChangeError> {
        let Merged { mut cart, changed } = merged(own, guest);
        self.counted(&mut cart, now);
        store::put_lines(tx, cart.id, &changed).await?;
        store::update(tx, &cart).await?;
        store::delete(tx, guest.id).await?;
        Ok(cart)
    }

    pub(crate) async fn open_cart_of(
        &self,
        tenant: TenantId,
        customer: CustomerId,
    ) -> Result<Option<CartKey>, CartError> {
        let db = self.deps.storage.db(tenant).await?;
        let found = store::open_cart_of(&db, customer).await?;
        Ok(found.map(|id| self.key(tenant, id)))
    }
}
