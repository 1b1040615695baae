//! The books: balances, entries, and the audit that adds everything up again. Read-only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_contracts::ledger::AccountKind;
use stoa_kernel::{Currency, EntryId, GiftCardId, OrderId, Timestamp};
use stoa_rest::{
    Access, Json, Limit, Method, Operation, Page, Permission, Problem, Query, Routes, State,
    Tenant, code,
};

use super::{Api, failure};
use crate::application::{AccountSum, AuditAt, Mismatch};
use crate::domain::{Account, Line, WalletKind, Written};

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::PaymentsRead);
    routes
        .route(
            Method::GET,
            "/api/v1/admin/ledger/accounts",
            read,
            Operation::new("listLedgerAccounts", "List the balances of all accounts")
                .description(
                    "Summed from the lines at each call. The balances of one currency add up to 0.",
                )
                .returns::<Page<AccountView>>(200),
            accounts,
        )
        .route(
            Method::GET,
            "/api/v1/admin/ledger/entries",
            read,
            Operation::new("listLedgerEntries", "List what moved money")
                .description("Newest first.")
                .query::<EntryQuery>()
                .returns::<Page<EntryView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            entries,
        )
        .route(
            Method::GET,
            "/api/v1/admin/ledger/audit",
            read,
            Operation::new("auditLedger", "Check that the books add up")
                .description(
                    "Sums every entry to 0 and every card's and credit's balance to its lines. \
                     Large books take several calls: go on with `cursor` until there is none.",
                )
                .query::<AuditQuery>()
                .returns::<AuditView>(200)
                .returns_problem(&code::INVALID_CURSOR),
            audit,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct EntryQuery {
    /// Only entries of this order.
    #[serde(default)]
    order_id: Option<OrderId>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AuditQuery {
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AccountView {
    account: AccountKind,
    /// Of a `provider_clearing` account.
    provider: Option<String>,
    currency: Currency,
    /// Minor units, as all sums here.
    debits: i64,
    credits: i64,
    /// `debits - credits`: what is owed to us is positive, what we owe negative.
    balance: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EntryView {
    id: EntryId,
    /// `captured`, `refunded`, `dispute_lost`, `spent`, `given_back`, `credited`, `issued`,
    /// `topped_up` or `adjusted`.
    kind: String,
    order_id: Option<OrderId>,
    /// The payment attempt or refund behind it.
    source: Option<String>,
    currency: Currency,
    reason: Option<String>,
    at: Timestamp,
    lines: Vec<LineView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LineView {
    account: AccountKind,
    provider: Option<String>,
    gift_card_id: Option<GiftCardId>,
    /// Minor units: a debit is positive, a credit negative.
    amount: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AuditView {
    /// Entries added up by this call.
    entries: u64,
    /// Cards and credits added up by this call.
    wallets: u64,
    /// Whether nothing is left to add up.
    complete: bool,
    /// Where to go on, unless all was added up.
    cursor: Option<String>,
    mismatches: Vec<MismatchView>,
}

/// What does not add up.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum MismatchView {
    /// Fewer than two lines, or lines that do not add up to 0.
    EntryUnbalanced {
        entry_id: EntryId,
        sum: i64,
        lines: i64,
    },
    /// Lines of an entry that is not there.
    EntryMissing {
        entry_id: EntryId,
        sum: i64,
        lines: i64,
    },
    /// A card or credit whose balance is not its lines' sum, or that holds what no order holds.
    WalletOff {
        /// The gift card's, or the credit's own.
        wallet_id: String,
        balance: i64,
        lines_sum: i64,
        held: i64,
        holds_sum: i64,
    },
}

async fn accounts(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<Page<AccountView>>, Problem> {
    let sums = api.books.accounts(tenant.id).await.map_err(failure)?;
    let accounts = sums.into_iter().map(AccountView::from).collect();
    Ok(Json(Page::whole(accounts)))
}

async fn entries(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<EntryQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let scope = match query.order_id {
        None => format!("{} ledger entries", tenant.id),
        Some(order) => format!("{} ledger entries {order}", tenant.id),
    };
    let before = match &query.cursor {
        None => EntryId::from_u128(u128::MAX),
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let limit = query.limit;
    let entries = api
        .books
        .entries(tenant.id, query.order_id, before, limit.plus_one());
    let page = Page::of(entries.await.map_err(failure)?, limit, |last| {
        api.cursors.encode(&scope, &last.id)
    });
    Ok(Json(page.map(EntryView::from)))
}

async fn audit(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditView>, Problem> {
    let scope = format!("{} ledger audit", tenant.id);
    let at = match &query.cursor {
        None => AuditAt::START,
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let audit = api.books.audit(tenant.id, at).await.map_err(failure)?;
    let next = audit.next;
    Ok(Json(AuditView {
        entries: audit.entries,
        wallets: audit.wallets,
        complete: next.is_none(),
        cursor: next.map(|next| api.cursors.encode(&scope, &next)),
        mismatches: audit
            .mismatches
            .into_iter()
            .map(MismatchView::from)
            .collect(),
    }))
}

impl From<AccountSum> for AccountView {
    fn from(sum: AccountSum) -> Self {
        Self {
            account: sum.account,
            provider: sum.provider,
            currency: sum.currency,
            debits: sum.debits,
            credits: sum.credits,
            balance: sum.debits - sum.credits,
        }
    }
}

impl From<Written> for EntryView {
    fn from(entry: Written) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            order_id: entry.order,
            source: entry.source,
            currency: entry.currency,
            reason: entry.reason,
            at: entry.posted_at,
            lines: entry.lines.into_iter().map(LineView::from).collect(),
        }
    }
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        let provider = line.account.provider();
        let gift_card_id = match line.account {
            Account::Wallet(WalletKind::GiftCard, id) => Some(GiftCardId::from_u128(id.as_u128())),
            _ => None,
        };
        Self {
            account: line.account.kind(),
            provider: Some(provider.to_owned()).filter(|provider| !provider.is_empty()),
            gift_card_id,
            amount: line.amount,
        }
    }
}

impl From<Mismatch> for MismatchView {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Entry(sum) => Self::EntryUnbalanced {
                entry_id: sum.entry,
                sum: sum.sum,
                lines: sum.lines,
            },
            Mismatch::Orphans(sum) => Self::EntryMissing {
                entry_id: sum.entry,
                sum: sum.sum,
                lines: sum.lines,
            },
            Mismatch::Wallet(sum) => Self::WalletOff {
                wallet_id: sum.wallet.to_string(),
                balance: sum.balance,
                lines_sum: sum.lines,
                held: sum.held,
                holds_sum: sum.holds,
            },
        }
    }
}
