//! Orders that staff write: priced as the shop does, or as agreed; placed by their payment link.
//! Holds no stock and takes no money.

use stoa_contracts::Address;
use stoa_contracts::checkout::{CheckoutError, PlaceOrder, Placed, Purchase};
use stoa_contracts::orders::{NewOrder, OrderStatus, OrderView, PaymentStep};
use stoa_contracts::payments::PaymentMethodKind;
use stoa_contracts::pricing::{Quote, QuoteRequest};
use stoa_kernel::{Money, OrderId, TenantId};
use stoa_storage::{Cause, IdempotencyKey, Tx};

use crate::Shared;
use crate::desk::Drafting;
use crate::errors::{CareError, invalid, stands};
use crate::quotes::{Wares, checked_prices, destination, wanted_line};
use crate::wish::{COUPONS_MAX, DraftWish, LINES_MAX, check_count, kept_text, optional_text};

const EMAIL_BYTES_MAX: usize = 254;
const DISCARDED: &str = "discarded";

impl Shared {
    /// Has the taxes of the destination ready. Not inside a transaction.
    pub(crate) async fn prepare_draft(
        &self,
        tenant: TenantId,
        wish: &DraftWish,
    ) -> Result<(), CareError> {
        let to = destination(wish.shipping_address.as_ref());
        Ok(self.peers.pricing.prepare_tax(tenant, &to).await?)
    }

    /// A new draft, or the content of the one given anew.
    pub(crate) async fn write_draft(
        &self,
        tx: &mut Tx<'_>,
        existing: Option<OrderId>,
        draft: &Drafting,
        cause: &Cause,
    ) -> Result<OrderView, CareError> {
        let contact = Contact::checked(&draft.wish)?;
        if let Some(order) = existing {
            let state = self.lock(tx, order).await?;
            if state.status != OrderStatus::Draft {
                return Err(stands(&state, "drafted anew"));
            }
        }
        let id = match existing {
            Some(order) => order,
            None => self.deps.ids.make(cause.occurred_at),
        };
        let order = self.drafted(tx, id, draft, contact).await?;
        let orders = &self.peers.orders;
        match existing {
            Some(_) => orders.revise_draft(tx, &order, cause).await?,
            None => {
                orders.create_draft(tx, &order, cause).await?;
            }
        }
        Ok(orders.view_in(tx, id).await?)
    }

    async fn drafted(
        &self,
        tx: &mut Tx<'_>,
        id: OrderId,
        draft: &Drafting,
        contact: Contact,
    ) -> Result<NewOrder, CareError> {
        let wish = &draft.wish;
        check_count("lines", wish.lines.len(), LINES_MAX)?;
        if wish.lines.is_empty() {
            return Err(invalid("lines", "must not be empty"));
        }
        checked_prices("lines", &wish.lines, draft.currency)?;
        let wares = self.wares(tx, "lines", &wish.lines).await?;
        let (request, quote) = self.quoted(tx, draft, &wares).await?;
        let priced = wish.lines.iter().zip(&quote.lines);
        let lines = priced
            .map(|(line, priced)| self.new_line(&wares[&line.variant_id], line.quantity, priced))
            .collect();
        Ok(NewOrder {
            id,
            cart: None,
            customer: wish.customer_id,
            note: contact.note,
            promotions: quote.promotions,
            taxes: quote.taxes,
            gift_card: Money::zero(draft.currency),
            email: contact.email,
            shipping_address: contact.shipping,
            billing_address: contact.billing,
            shipping_option: request.shipping_option,
            lines,
            totals: quote.totals,
            tax_inclusive: quote.tax_inclusive,
            test: draft.test,
        })
    }

    async fn quoted(
        &self,
        tx: &mut Tx<'_>,
        draft: &Drafting,
        wares: &Wares,
    ) -> Result<(QuoteRequest, Quote), CareError> {
        let wish = &draft.wish;
        let ships = wares.values().any(|each| each.snapshot.requires_shipping);
        let lines = wish.lines.iter();
        let request = QuoteRequest {
            currency: draft.currency,
            lines: lines
                .map(|line| wanted_line(&wares[&line.variant_id], line))
                .collect(),
            destination: destination(wish.shipping_address.as_ref()),
            shipping_option: wish.shipping_option_id.clone().filter(|_| ships),
            coupons: wish.coupons.clone(),
            email: Some(wish.email.clone()),
            customer: wish.customer_id,
        };
        let quote = self.quote(tx, &request).await?;
        match quote.refused_coupons.first() {
            Some(refused) => Err(invalid(
                "coupons",
                format!("`{}` does not apply", refused.code),
            )),
            None => Ok((request, quote)),
        }
    }

    /// A draft that will not be sold. Run again, it changes nothing.
    pub(crate) async fn discard(
        &self,
        tenant: TenantId,
        order: OrderId,
        cause: Cause,
    ) -> Result<(), CareError> {
        let (orders, db) = (
            self.peers.orders.clone(),
            self.deps.storage.db(tenant).await?,
        );
        db.write(async move |tx: &mut Tx<'_>| {
            let state = orders.lock(tx, order).await?;
            let state = state.ok_or(CareError::OrderNotFound)?;
            match state.status {
                OrderStatus::Canceled => return Ok(()),
                OrderStatus::Draft => {}
                _ => return Err(stands(&state, "discarded")),
            }
            let step = PaymentStep::Canceled {
                reason: DISCARDED.to_owned(),
            };
            orders.step(tx, order, &step, &cause).await?;
            Ok(())
        })
        .await
    }

    /// Places a draft that is paid by hand, as its payment link would.
    pub(crate) async fn complete(&self, wish: Completing) -> Result<Placed, CareError> {
        let Completing {
            tenant, test_mode, ..
        } = wish;
        let methods = self.peers.payments.methods(tenant, test_mode).await?;
        let by_hand = methods
            .iter()
            .any(|method| method.id == wish.provider && method.kind == PaymentMethodKind::Manual);
        if !by_hand {
            return Err(invalid(
                "payment.provider",
                "is no way to pay by hand of this shop; send the payment link instead",
            ));
        }
        let request = PlaceOrder {
            tenant,
            test_mode,
            purchase: Purchase::Order {
                id: wish.order,
                token: self.peers.orders.token(tenant, wish.order),
            },
            expected_total: None,
            gift_cards: Vec::new(),
            provider: wish.provider,
            token: String::new(),
            return_url: None,
            idempotency: wish.key,
            actor: wish.cause.actor,
            trace: wish.cause.trace,
        };
        let placed = self.peers.checkout.place(request).await;
        placed.map_err(|error| match error {
            CheckoutError::CartNotFound => CareError::OrderNotFound,
            CheckoutError::KeyReused => CareError::KeyReused,
            CheckoutError::KeyUnfinished => CareError::KeyUnfinished,
            CheckoutError::Short { shortages } => CareError::Short { shortages },
            CheckoutError::Payment { field, reason } => CareError::Invalid { field, reason },
            CheckoutError::Storage(error) => CareError::Storage(error),
            other => CareError::Checkout(Box::new(other)),
        })
    }
}

/// A draft that is to be placed.
pub(crate) struct Completing {
    pub(crate) tenant: TenantId,
    pub(crate) test_mode: bool,
    pub(crate) order: OrderId,
    pub(crate) provider: String,
    pub(crate) key: IdempotencyKey,
    pub(crate) cause: Cause,
}

/// Who buys and where it goes, checked.
struct Contact {
    email: String,
    shipping: Option<Address>,
    billing: Option<Address>,
    note: Option<String>,
}

impl Contact {
    fn checked(wish: &DraftWish) -> Result<Self, CareError> {
        check_count("coupons", wish.coupons.len(), COUPONS_MAX)?;
        let email = kept_text("email", &wish.email)?.unwrap_or_default();
        let shape = email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
        if !shape || email.len() > EMAIL_BYTES_MAX || email.chars().any(char::is_whitespace) {
            return Err(invalid(
                "email",
                "must be an address such as jo@example.com",
            ));
        }
        let address = |field: &str, address: &Option<Address>| match address {
            Some(address) => checked_address(field, address).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            email,
            shipping: address("shipping_address", &wish.shipping_address)?,
            billing: address("billing_address", &wish.billing_address)?,
            note: optional_text("note", wish.note.as_ref())?,
        })
    }
}

pub(crate) fn checked_address(field: &str, address: &Address) -> Result<Address, CareError> {
    let required = |part: &str, text: &str| {
        let named = format!("{field}.{part}");
        let kept = kept_text(&named, text)?;
        kept.ok_or_else(|| invalid(named, "must not be empty"))
    };
    let optional = |part: &str, text: &Option<String>| {
        optional_text(&format!("{field}.{part}"), text.as_ref())
    };
    let country = &address.country;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid(
            format!("{field}.country"),
            "must be two upper-case letters of ISO 3166, such as DE",
        ));
    }
    Ok(Address {
        name: required("name", &address.name)?,
        line1: required("line1", &address.line1)?,
        line2: optional("line2", &address.line2)?,
        city: required("city", &address.city)?,
        region: optional("region", &address.region)?,
        postal_code: required("postal_code", &address.postal_code)?,
        country: country.clone(),
    })
}
