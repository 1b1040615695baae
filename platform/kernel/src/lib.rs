//! The words every crate shares: ids, money, time, quantity and the event envelope. Never does IO.

mod clock;
mod event;
mod id;
mod money;
mod quantity;
mod timestamp;

pub use clock::{Clock, IdSource, SeededIds};
pub use event::{Actor, Envelope, Fact};
pub use id::{
    ApiKeyId, AttemptId, CartId, CellId, CollectionId, CustomerId, DeliveryId, DisputeId,
    EndpointId, EntryId, EventId, FulfilmentId, GiftCardId, Id, IdError, IdKind, ImportId, JobId,
    LineId, LocationId, MovementId, NoteId, OrderId, PriceListId, ProductId, PromotionId, RefundId,
    ReservationId, ReturnId, TenantId, TransferId, VariantId, kind,
};
pub use money::{Currency, Money, MoneyError, allocate};
pub use quantity::{QUANTITY_MAX, Quantity, QuantityError};
pub use timestamp::{Timestamp, TimestampError};
