//! What orders tell.

use serde::{Deserialize, Serialize};
use stoa_kernel::{
    AttemptId, Fact, FulfilmentId, Money, OrderId, ProductId, Quantity, RefundId, ReturnId,
    VariantId,
};

use super::{FulfilmentState, ReturnState};

/// An order was placed; it is not paid yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order: OrderId,
    pub number: i64,
    pub total: Money,
    pub lines: Vec<OrderedLine>,
    pub test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedLine {
    pub product: ProductId,
    pub variant: VariantId,
    pub quantity: Quantity,
    pub total: Money,
}

impl Fact for OrderPlaced {
    const TYPE: &'static str = "orders.placed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// An order was paid in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaid {
    pub order: OrderId,
    pub number: i64,
    pub attempt: AttemptId,
    pub total: Money,
    pub test: bool,
}

impl Fact for OrderPaid {
    const TYPE: &'static str = "orders.paid";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// The rest of an order, which an edit had left to pay, was paid: all of it is again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRestPaid {
    pub order: OrderId,
    pub number: i64,
    pub attempt: AttemptId,
    pub total: Money,
}

impl Fact for OrderRestPaid {
    const TYPE: &'static str = "orders.rest_paid";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// An order will not be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCanceled {
    pub order: OrderId,
    pub number: i64,
    pub reason: String,
}

impl Fact for OrderCanceled {
    const TYPE: &'static str = "orders.canceled";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// Goods were packed, left, arrived or were unpacked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfilmentChanged {
    pub order: OrderId,
    pub number: i64,
    pub fulfilment: FulfilmentId,
    pub state: FulfilmentState,
}

impl Fact for FulfilmentChanged {
    const TYPE: &'static str = "orders.fulfilment_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// Money went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefunded {
    pub order: OrderId,
    pub number: i64,
    pub refund: RefundId,
    pub amount: Money,
    /// Over all refunds.
    pub refunded: Money,
    pub test: bool,
}

impl Fact for OrderRefunded {
    const TYPE: &'static str = "orders.refunded";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// An order's lines or sums were changed after it was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEdited {
    pub order: OrderId,
    pub number: i64,
    pub total: Money,
}

impl Fact for OrderEdited {
    const TYPE: &'static str = "orders.edited";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}

/// A return was announced or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnChanged {
    pub order: OrderId,
    pub number: i64,
    pub id: ReturnId,
    pub state: ReturnState,
}

impl Fact for ReturnChanged {
    const TYPE: &'static str = "orders.return_changed";
    const VERSION: u16 = 1;
    fn key(&self) -> String {
        self.order.to_string()
    }
}
