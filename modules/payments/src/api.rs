//! Payments over HTTP: the merchant's view and hand, and the providers' news. Holds no rule.

mod payments;
mod problems;
mod providers;
mod refunds;
mod webhooks;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::payments::{AttemptView, RefundView};
use stoa_rest::{Access, CursorKey, Method, Operation, Page, Permission, Routes, code};
use stoa_storage::Db;

pub use self::problems::{
    PAYMENT_CONFLICT, PAYMENT_NOT_FOUND, PAYMENT_SECRETS_ELSEWHERE, PROVIDER_IN_USE,
    PROVIDER_NOT_FOUND, PROVIDER_TAKEN, PROVIDER_UNREACHABLE, REFUND_NOT_FOUND,
    WEBHOOK_SIGNATURE_INVALID,
};
use crate::application::Desk;
use crate::infrastructure::news::Dispute;
use crate::provider::{Charge, TestProviderClient};

const READ: Access = Access::Staff(Permission::PaymentsRead);
const WRITE: Access = Access::Staff(Permission::PaymentsWrite);
/// A provider's event is a few KiB.
const WEBHOOK_BYTES_MAX: usize = 256 * 1024;

pub(crate) struct Api {
    pub(crate) deps: Deps,
    pub(crate) desk: Arc<Desk>,
    pub(crate) cursors: CursorKey,
    pub(crate) test: Option<Arc<TestProviderClient>>,
}

impl Api {
    async fn db(&self, tenant: stoa_kernel::TenantId) -> Result<Db, stoa_rest::Problem> {
        let db = self.deps.storage.db(tenant).await;
        db.map_err(problems::storage)
    }
}

pub(crate) fn routes(state: Arc<Api>) -> Routes {
    let routes = payment_routes(Routes::new("payments"));
    let routes = refund_routes(routes);
    provider_routes(routes)
        .error_pages(&problems::PAGES)
        .with_state(state)
}

type Declared = Routes<Arc<Api>>;

fn payment_routes(routes: Declared) -> Declared {
    let list = Operation::new("listPayments", "List payment attempts, newest first")
        .query::<payments::ListQuery>()
        .returns::<Page<AttemptView>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let one = Operation::new("getPayment", "A payment attempt")
        .returns::<AttemptView>(200)
        .returns_problem(&PAYMENT_NOT_FOUND);
    let capture = Operation::new(
        "capturePayment",
        "Take money that is held, or that came by hand",
    )
    .description(
        "Takes `amount`, or all that is left. Through a provider a payment is captured once and \
             what is not taken is released; money that comes by hand may come in parts.",
    )
    .body::<payments::CaptureBody>()
    .returns::<AttemptView>(200)
    .requires_idempotency_key()
    .returns_problem(&PAYMENT_NOT_FOUND)
    .returns_problem(&PAYMENT_CONFLICT)
    .returns_problem(&PROVIDER_UNREACHABLE);
    let abandon = Operation::new(
        "abandonPayment",
        "Let go of a payment that its provider does not know",
    )
    .description(
        "Asks the provider once more. Only where it still says that it knows no such payment, the \
         payment is declined, and the order goes on without it.",
    )
    .returns::<AttemptView>(200)
    .returns_problem(&PAYMENT_NOT_FOUND)
    .returns_problem(&PAYMENT_CONFLICT)
    .returns_problem(&PROVIDER_UNREACHABLE);
    let charges = Operation::new(
        "listTestCharges",
        "List what the test provider has charged, oldest first",
    )
    .description(
        "The provider's own account of the money it took, for shops in test mode: a witness that \
         knows nothing of the shop's database.",
    )
    .query::<payments::ChargesQuery>()
    .returns::<Page<Charge>>(200)
    .returns_problem(&code::NOT_FOUND)
    .returns_problem(&PROVIDER_UNREACHABLE);
    const ALL: &str = "/api/v1/admin/payments";
    const ONE: &str = "/api/v1/admin/payments/{attempt_id}";
    const CAPTURE: &str = "/api/v1/admin/payments/{attempt_id}/capture";
    const ABANDON: &str = "/api/v1/admin/payments/{attempt_id}/abandon";
    const CHARGES: &str = "/api/v1/admin/payments/test/charges";
    routes
        .route(Method::GET, ALL, READ, list, payments::list)
        .route(Method::GET, ONE, READ, one, payments::one)
        .route(Method::POST, CAPTURE, WRITE, capture, payments::capture)
        .route(Method::POST, ABANDON, WRITE, abandon, payments::abandon)
        .route(Method::GET, CHARGES, READ, charges, payments::charges)
}

fn refund_routes(routes: Declared) -> Declared {
    let list = Operation::new("listRefunds", "List refunds, newest first")
        .query::<payments::ListQuery>()
        .returns::<Page<RefundView>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let one = Operation::new("getRefund", "A refund")
        .returns::<RefundView>(200)
        .returns_problem(&REFUND_NOT_FOUND);
    let disputes = Operation::new("listDisputes", "List disputed payments, newest first")
        .query::<refunds::DisputesQuery>()
        .returns::<Page<Dispute>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    const ALL: &str = "/api/v1/admin/refunds";
    const ONE: &str = "/api/v1/admin/refunds/{refund_id}";
    const DISPUTES: &str = "/api/v1/admin/payments/disputes";
    routes
        .route(Method::GET, ALL, READ, list, refunds::list)
        .route(Method::GET, ONE, READ, one, refunds::one)
        .route(Method::GET, DISPUTES, READ, disputes, refunds::disputes)
}

fn provider_routes(routes: Declared) -> Declared {
    use providers::{ProviderBody, ProviderChange, ProviderView};
    let list = Operation::new(
        "listPaymentProviders",
        "The shop's own ways to pay, as shown",
    )
    .returns::<Page<ProviderView>>(200);
    let one = Operation::new("getPaymentProvider", "A way to pay")
        .returns::<ProviderView>(200)
        .returns_problem(&PROVIDER_NOT_FOUND);
    let add = Operation::new("addPaymentProvider", "Set up a way to pay")
        .description("Secrets go in and never come out again.")
        .body::<ProviderBody>()
        .returns::<ProviderView>(201)
        .returns_problem(&PROVIDER_TAKEN);
    let change = Operation::new("changePaymentProvider", "Set up a way to pay anew")
        .description("Secrets that are left out stay as they are.")
        .body::<ProviderChange>()
        .returns::<ProviderView>(200)
        .requires_if_match()
        .returns_problem(&PROVIDER_NOT_FOUND);
    let remove = Operation::new(
        "removePaymentProvider",
        "Remove a way to pay that was never used",
    )
    .returns_empty(204)
    .returns_problem(&PROVIDER_NOT_FOUND)
    .returns_problem(&PROVIDER_IN_USE);
    let news = Operation::new("receivePaymentWebhook", "News of a payment provider")
        .description(
            "For the provider, which signs its calls with the shop's webhook secret \
             (`Stripe-Signature`). What it says is only a hint to look.",
        )
        .header(
            "Stripe-Signature",
            true,
            "Time and HMAC-SHA256 of the body.",
        )
        .body_of_type("application/json")
        .body_limit(WEBHOOK_BYTES_MAX)
        .returns_empty(200)
        .returns_problem(&PROVIDER_NOT_FOUND)
        .returns_problem(&WEBHOOK_SIGNATURE_INVALID)
        .returns_problem(&PAYMENT_SECRETS_ELSEWHERE);
    const ALL: &str = "/api/v1/admin/payments/providers";
    const ONE: &str = "/api/v1/admin/payments/providers/{provider_id}";
    const NEWS: &str = "/api/v1/webhooks/payments/{provider_id}";
    routes
        .route(Method::GET, ALL, READ, list, providers::list)
        .route(Method::POST, ALL, WRITE, add, providers::add)
        .route(Method::GET, ONE, READ, one, providers::one)
        .route(Method::PUT, ONE, WRITE, change, providers::change)
        .route(Method::DELETE, ONE, WRITE, remove, providers::remove)
        .route(Method::POST, NEWS, Access::Shopper, news, webhooks::receive)
}
