//! Routes of what staff do to orders. Holds no rule.

mod doing;
mod drafting;
mod problems;

use std::sync::Arc;

use stoa_contracts::checkout::Placed;
use stoa_contracts::orders::{FulfilmentView, OrderView, ReturnView};
use stoa_rest::{Access, ErrorCode, Method, Operation, Page, Permission, Routes, code};

use crate::Shared;
use crate::answers::{EditAnswer, PaymentLink, ReceiveAnswer, RefundAnswer};
use crate::wish::{
    CancelWish, CompleteWish, DraftWish, EditWish, FulfilWish, NoWish, ReceiveWish, RefundWish,
    ReturnWish, ShipWish,
};

pub use problems::{
    FULFILMENT_NOT_FOUND, GOODS_NOT_HELD, PAYMENT_UNDER_WAY, REFUND_TOO_MUCH, RETURN_NOT_FOUND,
};
use problems::{LOCATION_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE_CONFLICT, OUT_OF_STOCK, PAGES};

const ORDERS: Access = Access::Staff(Permission::OrdersWrite);
const MONEY: Access = Access::Staff(Permission::PaymentsWrite);
/// As large as 500 lines get.
const BODY_BYTES_MAX: usize = 256 * 1024;

type Api = Arc<Shared>;

pub(crate) fn routes(shared: Arc<Shared>) -> Routes {
    let routes = Routes::new("aftersales");
    drafts(returns(money(goods(routes))))
        .error_pages(PAGES)
        .with_state(shared)
}

/// An operation on one order, once per key.
fn care(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .requires_idempotency_key()
        .body_limit(BODY_BYTES_MAX)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT)
}

fn refused(codes: &[&'static ErrorCode], operation: Operation) -> Operation {
    codes
        .iter()
        .fold(operation, |operation, code| operation.returns_problem(code))
}

fn goods(routes: Routes<Api>) -> Routes<Api> {
    let fulfil = care("fulfilOrder", "Pack goods of an order")
        .description(
            "Takes them from what the order holds. Without `lines` all that is left and must be \
             sent; `ship` says that they leave at once.",
        )
        .body::<FulfilWish>()
        .returns::<FulfilmentView>(201);
    let parcel = |id, summary| {
        refused(&[&FULFILMENT_NOT_FOUND], care(id, summary)).returns::<FulfilmentView>(200)
    };
    let ship = parcel("shipFulfilment", "A parcel left, or its tracking changed");
    let deliver = parcel("deliverFulfilment", "A parcel arrived");
    let unpack = parcel("cancelFulfilment", "Unpack a parcel that never left")
        .description("Its goods are held for the order again.");
    const FULFIL: &str = "/api/v1/admin/orders/{order_id}/fulfilments";
    const SHIP: &str = "/api/v1/admin/orders/{order_id}/fulfilments/{fulfilment_id}/ship";
    const DELIVER: &str = "/api/v1/admin/orders/{order_id}/fulfilments/{fulfilment_id}/deliver";
    const UNPACK: &str = "/api/v1/admin/orders/{order_id}/fulfilments/{fulfilment_id}/cancel";
    let fulfil = refused(&[&GOODS_NOT_HELD, &LOCATION_NOT_FOUND], fulfil);
    let (deliver, unpack) = (deliver.body::<NoWish>(), unpack.body::<NoWish>());
    routes
        .route(Method::POST, FULFIL, ORDERS, fulfil, doing::fulfil)
        .route(
            Method::POST,
            SHIP,
            ORDERS,
            ship.body::<ShipWish>(),
            doing::ship,
        )
        .route(Method::POST, DELIVER, ORDERS, deliver, doing::deliver)
        .route(Method::POST, UNPACK, ORDERS, unpack, doing::unpack)
}

fn money(routes: Routes<Api>) -> Routes<Api> {
    let cancel = care("cancelOrder", "Cancel an order of which nothing was packed")
        .description(
            "What was paid is refunded first; the order is canceled once it is back. A payment \
             under way is stopped, or sent back where it was faster.",
        )
        .body::<CancelWish>()
        .returns::<OrderView>(202)
        .returns_problem(&REFUND_TOO_MUCH);
    let refund = care("refundOrder", "Give money of an order back")
        .description(
            "An amount alone, or units of lines and the delivery, whose prices are shared out so \
             that all units sum exactly. Its outcome shows in the list of refunds and in the \
             order's timeline.",
        )
        .body::<RefundWish>()
        .returns::<RefundAnswer>(202)
        .returns_problem(&REFUND_TOO_MUCH);
    let list = Operation::new("listOrderRefunds", "Refunds of an order, oldest first")
        .returns::<Page<RefundAnswer>>(200)
        .returns_problem(&ORDER_NOT_FOUND);
    let edit = care(
        "editOrder",
        "Change the lines of an order of which nothing was packed",
    )
    .description(
        "Prices, discounts and the delivery stay as agreed; units that come have the price of \
             their line, new lines the shop's or the one agreed. Dearer, the rest is paid by \
             `payment_link`; cheaper, the difference is refunded.",
    )
    .body::<EditWish>()
    .returns::<EditAnswer>(200);
    let link = Operation::new("getPaymentLink", "Where an order or draft can be paid")
        .returns::<PaymentLink>(200)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    const CANCEL: &str = "/api/v1/admin/orders/{order_id}/cancel";
    const REFUNDS: &str = "/api/v1/admin/orders/{order_id}/refunds";
    const EDITS: &str = "/api/v1/admin/orders/{order_id}/edits";
    const LINK: &str = "/api/v1/admin/orders/{order_id}/payment-link";
    let edit = refused(&[&PAYMENT_UNDER_WAY, &OUT_OF_STOCK, &REFUND_TOO_MUCH], edit);
    let read = Access::Staff(Permission::PaymentsRead);
    routes
        .route(Method::POST, CANCEL, ORDERS, cancel, doing::cancel)
        .route(Method::POST, REFUNDS, MONEY, refund, doing::refund)
        .route(Method::GET, REFUNDS, read, list, doing::refunds)
        .route(Method::POST, EDITS, ORDERS, edit, doing::edit)
        .route(Method::POST, LINK, ORDERS, link, drafting::link_of_order)
}

fn returns(routes: Routes<Api>) -> Routes<Api> {
    let open = care("openReturn", "Announce that goods come back")
        .description(
            "`exchange` are sent in their place; they are held once the return is received.",
        )
        .body::<ReturnWish>()
        .returns::<ReturnView>(201);
    let receive = care("receiveReturn", "Goods of a return arrived")
        .body::<ReceiveWish>()
        .returns::<ReceiveAnswer>(200);
    let codes: [&'static ErrorCode; 4] = [
        &RETURN_NOT_FOUND,
        &LOCATION_NOT_FOUND,
        &OUT_OF_STOCK,
        &REFUND_TOO_MUCH,
    ];
    let ended = |id, summary| {
        refused(&[&RETURN_NOT_FOUND], care(id, summary))
            .body::<NoWish>()
            .returns::<ReturnView>(200)
    };
    let refuse = ended("refuseReturn", "Goods are not taken back");
    let call_off = ended("cancelReturn", "Nothing comes back after all");
    const OPEN: &str = "/api/v1/admin/orders/{order_id}/returns";
    const RECEIVE: &str = "/api/v1/admin/orders/{order_id}/returns/{return_id}/receive";
    const REFUSE: &str = "/api/v1/admin/orders/{order_id}/returns/{return_id}/refuse";
    const CANCEL: &str = "/api/v1/admin/orders/{order_id}/returns/{return_id}/cancel";
    let receive = refused(&codes, receive);
    routes
        .route(Method::POST, OPEN, ORDERS, open, doing::open_return)
        .route(Method::POST, RECEIVE, MONEY, receive, doing::receive)
        .route(Method::POST, REFUSE, ORDERS, refuse, doing::refuse_return)
        .route(Method::POST, CANCEL, ORDERS, call_off, doing::cancel_return)
}

fn drafts(routes: Routes<Api>) -> Routes<Api> {
    let draft = Operation::new("draftOrder", "Write an order for somebody")
        .description("It holds nothing and is not sold until its payment link is followed.")
        .requires_idempotency_key()
        .body_limit(BODY_BYTES_MAX)
        .body::<DraftWish>()
        .returns::<OrderView>(201);
    let redraft = care("replaceDraft", "Write a draft anew")
        .body::<DraftWish>()
        .returns::<OrderView>(200);
    let discard = Operation::new("discardDraft", "A draft will not be sold")
        .returns_empty(204)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    let link = Operation::new("getDraftPaymentLink", "Where a draft can be paid")
        .returns::<PaymentLink>(200)
        .returns_problem(&ORDER_NOT_FOUND)
        .returns_problem(&ORDER_STATE_CONFLICT);
    let complete = care("completeDraft", "Place a draft that is paid by hand")
        .description("Its stock is held at once; the money is recorded as a capture when it came.")
        .body::<CompleteWish>()
        .returns::<Placed>(202)
        .returns_problem(&OUT_OF_STOCK)
        .returns_problem(&code::CONFLICT);
    const ALL: &str = "/api/v1/admin/draft-orders";
    const ONE: &str = "/api/v1/admin/draft-orders/{order_id}";
    const LINK: &str = "/api/v1/admin/draft-orders/{order_id}/payment-link";
    const COMPLETE: &str = "/api/v1/admin/draft-orders/{order_id}/complete";
    routes
        .route(Method::POST, ALL, ORDERS, draft, drafting::draft)
        .route(Method::PUT, ONE, ORDERS, redraft, drafting::redraft)
        .route(Method::DELETE, ONE, ORDERS, discard, drafting::discard)
        .route(Method::POST, LINK, ORDERS, link, drafting::link)
        .route(Method::POST, COMPLETE, ORDERS, complete, drafting::complete)
}
