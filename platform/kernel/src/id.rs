//! Typed ids: a prefix and a ULID outside, 16 bytes inside. Knows nothing of what it names.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// What an id names; gives its text form a prefix such as `prod`.
pub trait IdKind: 'static {
    const PREFIX: &'static str;
}

/// A 128-bit id that sorts by creation time, written `prefix_01J...` (ULID, Crockford base 32).
pub struct Id<K> {
    bits: u128,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{text}` does not start with `{prefix}_`")]
    Prefix { text: String, prefix: &'static str },
    #[error("`{text}` is not a ULID of 26 characters after its prefix")]
    Ulid { text: String },
    #[error("an id holds 16 bytes, not {length}")]
    Length { length: usize },
}

impl<K: IdKind> Id<K> {
    /// `entropy` fills the 80 bits below the 48 bits of `unix_ms`.
    pub const fn from_parts(unix_ms: u64, entropy: u128) -> Self {
        Self::from_u128(((unix_ms as u128) << 80) | (entropy & ((1 << 80) - 1)))
    }

    pub const fn from_u128(bits: u128) -> Self {
        Self {
            bits,
            kind: PhantomData,
        }
    }

    pub const fn as_u128(self) -> u128 {
        self.bits
    }

    pub const fn to_bytes(self) -> [u8; 16] {
        self.bits.to_be_bytes()
    }

    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
        let bytes: [u8; 16] = bytes.try_into().map_err(|_| IdError::Length {
            length: bytes.len(),
        })?;
        Ok(Self::from_u128(u128::from_be_bytes(bytes)))
    }

    /// Milliseconds since 1970 at which the id was made.
    pub const fn unix_ms(self) -> u64 {
        (self.bits >> 80) as u64
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bits.cmp(&other.bits)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, Ulid(self.bits))
    }
}
impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let rest = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or_else(|| IdError::Prefix {
                text: text.to_owned(),
                prefix: K::PREFIX,
            })?;
        Ulid::from_string(rest)
            .map(|ulid| Self::from_u128(ulid.0))
            .map_err(|_| IdError::Ulid {
                text: text.to_owned(),
            })
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl<K: IdKind> schemars::JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Id_{}", K::PREFIX).into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = format!("^{}_[0-9A-HJKMNP-TV-Z]{{26}}$", K::PREFIX);
        schemars::json_schema!({ "type": "string", "pattern": pattern })
    }
}

macro_rules! kinds {
    ($($kind:ident $alias:ident $prefix:literal $doc:literal;)*) => {
        /// The markers that make ids of different things different types.
        pub mod kind {
            $(#[doc = $doc] pub enum $kind {})*
        }
        $(
            impl IdKind for kind::$kind {
                const PREFIX: &'static str = $prefix;
            }
            #[doc = $doc]
            pub type $alias = Id<kind::$kind>;
        )*
    };
}

kinds! {
    Tenant TenantId "ten" "A merchant: the unit of isolation.";
    Cell CellId "cell" "One transactional database.";
    Product ProductId "prod" "A product.";
    Variant VariantId "var" "A sellable variant of a product.";
    Collection CollectionId "col" "A collection of products.";
    Location LocationId "loc" "A place that holds stock.";
    Reservation ReservationId "res" "Stock held for an order.";
    Movement MovementId "mov" "One change of a stock level.";
    Cart CartId "cart" "A cart.";
    Line LineId "line" "A line of a cart or an order.";
    Order OrderId "order" "An order.";
    Attempt AttemptId "pay" "One attempt to pay an order.";
    Customer CustomerId "cus" "A customer.";
    Event EventId "evt" "A published fact.";
    Job JobId "job" "A unit of background work.";
    Import ImportId "imp" "One import of a file.";
    ApiKey ApiKeyId "key" "An API key (the id, never the secret).";
    Refund RefundId "ref" "One return of money.";
    Fulfilment FulfilmentId "ship" "Goods of an order packed together.";
    Return ReturnId "ret" "Goods that come back.";
    Promotion PromotionId "promo" "A promotion.";
    PriceList PriceListId "plist" "A list of prices.";
    Transfer TransferId "trf" "Stock on its way between locations.";
    GiftCard GiftCardId "gift" "A gift card (the id, never its code).";
    Entry EntryId "led" "One entry of the ledger.";
    Dispute DisputeId "dsp" "A charge that a cardholder disputes.";
    Endpoint EndpointId "whe" "Where webhooks are sent.";
    Delivery DeliveryId "dlv" "One webhook to one endpoint.";
    Note NoteId "note" "A note or a happening in an order's timeline.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_names_its_kind() {
        let id = ProductId::from_parts(1_700_000_000_000, 42);
        let text = id.to_string();
        assert_eq!(text, "prod_01HF7YAT00000000000000001A");
        assert_eq!(text.parse::<ProductId>(), Ok(id));
        assert_eq!(id.unix_ms(), 1_700_000_000_000);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let text = ProductId::from_u128(1).to_string();
        assert!(matches!(
            text.parse::<OrderId>(),
            Err(IdError::Prefix {
                prefix: "order",
                ..
            })
        ));
        assert!(matches!(
            "prod_x".parse::<ProductId>(),
            Err(IdError::Ulid { .. })
        ));
    }

    #[test]
    fn bytes_sort_as_ids_do() {
        let (a, b) = (OrderId::from_parts(1, u128::MAX), OrderId::from_parts(2, 0));
        assert!(a < b && a.to_bytes() < b.to_bytes());
        assert_eq!(OrderId::from_slice(&a.to_bytes()), Ok(a));
        assert_eq!(
            OrderId::from_slice(&[0; 3]),
            Err(IdError::Length { length: 3 })
        );
    }
}
