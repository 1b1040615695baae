//! Gift cards for staff, and the one question that shoppers may ask about theirs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{GiftCardId, Money, Timestamp};
use stoa_rest::{
    Access, Caller, HeaderName, HeaderValue, IdempotentJson, Json, Limit, Method, Operation, Page,
    Path, Permission, Problem, Query, Routes, State, StatusCode, Tenant, TraceContext, code,
    header,
};

use super::{
    AmountBody, Api, GIFT_CARD_ENDED, GIFT_CARD_NOT_FOUND, WalletLineView, cause, failure,
    kept_text, refusal, stored_key,
};
use crate::application::{Answer, IssueCard, StaffChange};
use crate::domain::Wallet;

const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

type Unstored = [(HeaderName, HeaderValue); 1];

pub(super) fn add(routes: Routes<Api>) -> Routes<Api> {
    let read = Access::Staff(Permission::PaymentsRead);
    let write = Access::Staff(Permission::PaymentsWrite);
    routes
        .route(
            Method::POST,
            "/api/v1/admin/gift-cards",
            write,
            issue_operation(),
            issue,
        )
        .route(
            Method::GET,
            "/api/v1/admin/gift-cards",
            read,
            Operation::new("listGiftCards", "List gift cards")
                .description("Newest first.")
                .query::<ListQuery>()
                .returns::<Page<GiftCardView>>(200)
                .returns_problem(&code::INVALID_CURSOR),
            list,
        )
        .route(
            Method::GET,
            "/api/v1/admin/gift-cards/{gift_card_id}",
            read,
            Operation::new("getGiftCard", "Read a gift card and what changed it")
                .returns::<GiftCardDetail>(200)
                .returns_problem(&GIFT_CARD_NOT_FOUND),
            get,
        )
        .route(
            Method::POST,
            "/api/v1/admin/gift-cards/{gift_card_id}/top-ups",
            write,
            Operation::new("topUpGiftCard", "Put more on a gift card")
                .body::<TopUpBody>()
                .returns::<GiftCardView>(200)
                .requires_idempotency_key()
                .returns_problem(&GIFT_CARD_NOT_FOUND)
                .returns_problem(&GIFT_CARD_ENDED),
            top_up,
        )
        .route(
            Method::POST,
            "/api/v1/admin/gift-cards/{gift_card_id}/disable",
            write,
            Operation::new("disableGiftCard", "End a gift card")
                .description(
                    "No new order can use it. What open orders hold of it they may still spend; \
                     the rest stays on the books.",
                )
                .body::<DisableBody>()
                .returns::<GiftCardView>(200)
                .requires_idempotency_key()
                .returns_problem(&GIFT_CARD_NOT_FOUND),
            disable,
        )
        .route(
            Method::POST,
            "/api/v1/gift-cards/balance",
            Access::Shopper,
            balance_operation(),
            balance,
        )
}

fn issue_operation() -> Operation {
    Operation::new("issueGiftCard", "Give away a gift card")
        .description(
            "Answers the code, which is stored nowhere: no other route shows it. A \
                     repetition with the same Idempotency-Key answers it again. With `replaces` \
                     the amount comes from a card that has ended, such as one that a refund went \
                     back onto.",
        )
        .body::<IssueBody>()
        .returns::<IssuedView>(201)
        .returns_problem(&GIFT_CARD_NOT_FOUND)
        .requires_idempotency_key()
}

fn balance_operation() -> Operation {
    Operation::new("getGiftCardBalance", "Read what is left on a gift card")
        .description(
            "The code travels in the body, so that it stands in no log of addresses. An \
                     unknown code, a mistyped one and one of a card that has ended look alike.",
        )
        .body::<BalanceBody>()
        .returns::<BalanceView>(200)
        .returns_problem(&GIFT_CARD_NOT_FOUND)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    amount: AmountBody,
    /// From then on no order can use it; left out, it never ends.
    #[serde(default)]
    expires_at: Option<Timestamp>,
    /// For whom or what; at most 255 characters. Staff see it, nobody else.
    #[serde(default)]
    note: Option<String>,
    /// A card that has ended and has at least `amount` on it: it is moved instead of given.
    #[serde(default)]
    replaces: Option<GiftCardId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TopUpBody {
    /// In the card's own currency.
    amount: AmountBody,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DisableBody {}

/// Not `Debug`: it holds a code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BalanceBody {
    code: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListQuery {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct GiftCardView {
    id: GiftCardId,
    /// The end of its code.
    last4: String,
    balance: Money,
    /// Set aside for orders that are not paid yet.
    held: Money,
    /// What a new order can use: `balance - held`.
    available: Money,
    disabled: bool,
    expires_at: Option<Timestamp>,
    note: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Not `Debug`: it holds a code.
#[derive(Serialize, JsonSchema)]
struct IssuedView {
    /// Shown this once.
    code: String,
    #[serde(flatten)]
    card: GiftCardView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GiftCardDetail {
    #[serde(flatten)]
    card: GiftCardView,
    /// What changed it, newest first; at most 100.
    lines: Vec<WalletLineView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BalanceView {
    /// What a new order can use.
    balance: Money,
    expires_at: Option<Timestamp>,
}

async fn issue(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<IssueBody>,
) -> Result<(StatusCode, Unstored, Json<IssuedView>), Problem> {
    let asked = body.value;
    let amount = asked.amount.positive()?;
    if asked.expires_at.is_some_and(|end| end <= api.books.now()) {
        return Err(Problem::invalid("expires_at", "must be in the future"));
    }
    let note = asked.note.map(|note| kept_text("note", note)).transpose()?;
    let change = StaffChange::Issue(IssueCard {
        amount,
        expires_at: asked.expires_at,
        note,
        replaces: asked.replaces,
    });
    let key = stored_key(body.scope);
    let cause = cause(&api, &caller, &trace);
    let books = api.books.clone();
    let answer = books.change(tenant.id, change, key.clone(), cause, render);
    let card = answered(answer.await.map_err(refusal)?)?;
    let code = api.books.code_issued(tenant.id, card.id, &key).reveal();
    Ok((
        StatusCode::CREATED,
        NO_STORE,
        Json(IssuedView { code, card }),
    ))
}

async fn list(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<GiftCardView>>, Problem> {
    let scope = format!("{} gift cards", tenant.id);
    let before = match &query.cursor {
        None => GiftCardId::from_u128(u128::MAX),
        Some(cursor) => api.cursors.decode(&scope, cursor)?,
    };
    let cards = api
        .books
        .gift_cards(tenant.id, before, query.limit.plus_one());
    let page = Page::of(cards.await.map_err(failure)?, query.limit, |last| {
        api.cursors.encode(&scope, &last.gift_card())
    });
    Ok(Json(page.map(|card| GiftCardView::of(&card))))
}

async fn get(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(card): Path<String>,
) -> Result<Json<GiftCardDetail>, Problem> {
    let found = api.books.gift_card(tenant.id, card_id(&card)?);
    let (card, lines) = found
        .await
        .map_err(failure)?
        .ok_or_else(|| Problem::new(&GIFT_CARD_NOT_FOUND))?;
    Ok(Json(GiftCardDetail {
        card: GiftCardView::of(&card),
        lines: lines.into_iter().map(WalletLineView::from).collect(),
    }))
}

async fn top_up(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(card): Path<String>,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<TopUpBody>,
) -> Result<Json<GiftCardView>, Problem> {
    let reason = body.value.reason;
    let change = StaffChange::TopUp {
        card: card_id(&card)?,
        amount: body.value.amount.positive()?,
        reason: reason.map(|text| kept_text("reason", text)).transpose()?,
    };
    let cause = cause(&api, &caller, &trace);
    let answer = api
        .books
        .change(tenant.id, change, stored_key(body.scope), cause, render);
    answered(answer.await.map_err(refusal)?).map(Json)
}

async fn disable(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(card): Path<String>,
    caller: Caller,
    trace: TraceContext,
    body: IdempotentJson<DisableBody>,
) -> Result<Json<GiftCardView>, Problem> {
    let change = StaffChange::Disable {
        card: card_id(&card)?,
    };
    let cause = cause(&api, &caller, &trace);
    let answer = api
        .books
        .change(tenant.id, change, stored_key(body.scope), cause, render);
    answered(answer.await.map_err(refusal)?).map(Json)
}

async fn balance(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Json(body): Json<BalanceBody>,
) -> Result<(Unstored, Json<BalanceView>), Problem> {
    let card = api.books.card_of(tenant.id, &body.code);
    let card = card.await.map_err(failure)?;
    let now = api.books.now();
    // One answer for all that is wrong: nobody learns which codes there ever were.
    let usable = card.and_then(|card| {
        let usable = card.usable(card.currency, now).ok()?;
        Some((Money::new(usable, card.currency), card.expires_at))
    });
    let (balance, expires_at) = usable.ok_or_else(|| Problem::new(&GIFT_CARD_NOT_FOUND))?;
    let view = BalanceView {
        balance,
        expires_at,
    };
    Ok((NO_STORE, Json(view)))
}

fn card_id(text: &str) -> Result<GiftCardId, Problem> {
    text.parse().map_err(|_| Problem::new(&GIFT_CARD_NOT_FOUND))
}

fn answered(answer: Answer) -> Result<GiftCardView, Problem> {
    match answer {
        Answer::Now(card) => Ok(GiftCardView::of(&card)),
        Answer::Before(text) => serde_json::from_str(&text).map_err(Problem::internal),
    }
}

fn render(card: &Wallet) -> String {
    serde_json::to_string(&GiftCardView::of(card)).expect("ids and numbers always serialise")
}

impl GiftCardView {
    fn of(card: &Wallet) -> Self {
        let money = |amount| Money::new(amount, card.currency);
        Self {
            id: GiftCardId::from_u128(card.id.as_u128()),
            last4: card.last4.clone().unwrap_or_default(),
            balance: money(card.balance),
            held: money(card.held),
            available: money(card.available()),
            disabled: card.disabled,
            expires_at: card.expires_at,
            note: card.note.clone(),
            created_at: card.created_at,
            updated_at: card.updated_at,
        }
    }
}
