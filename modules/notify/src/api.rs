//! The mailbox for staff. Mail is personal data: no other route shows it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_contracts::notify::{Mail, Mailbox as _};
use stoa_rest::{
    Access, CursorKey, ErrorCode, ErrorPage, HeaderValue, Json, Limit, Method, Operation, Page,
    Path, Permission, Problem, Query, Routes, State, Tenant, code, header,
};
use stoa_storage::Error;

use crate::application::{LocalMailbox, MailPosition, MailSummary};

pub const MAIL_NOT_FOUND: ErrorCode =
    ErrorCode::new("mail_not_found", 404, "There is no such mail");

const PAGES: [ErrorPage; 1] = [ErrorPage {
    code: &MAIL_NOT_FOUND,
    markdown: include_str!("../../../docs/errors/mail_not_found.md"),
}];

const STAFF: Access = Access::Staff(Permission::OrdersRead);

pub(crate) fn routes(mailbox: Arc<LocalMailbox>, cursors: CursorKey) -> Routes {
    let list = Operation::new("listMail", "Mail sent to shoppers, newest first")
        .description("Mails are kept for 30 days.")
        .query::<ListQuery>()
        .returns::<Page<MailSummary>>(200)
        .returns_problem(&code::INVALID_CURSOR);
    let one = Operation::new("getMail", "A mail with its text")
        .returns::<Mail>(200)
        .returns_problem(&MAIL_NOT_FOUND);
    Routes::new("notify")
        .route(Method::GET, "/api/v1/admin/mailbox", STAFF, list, list_mail)
        .route(
            Method::GET,
            "/api/v1/admin/mailbox/{mail_id}",
            STAFF,
            one,
            get_mail,
        )
        .error_pages(&PAGES)
        .with_state(Arc::new(Api { mailbox, cursors }))
}

struct Api {
    mailbox: Arc<LocalMailbox>,
    cursors: CursorKey,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// From the page before.
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

async fn list_mail(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<MailSummary>>, Problem> {
    let scope = format!("{} mailbox", tenant.id);
    let after = query.cursor.as_deref();
    let after = after
        .map(|cursor| api.cursors.decode::<MailPosition>(&scope, cursor))
        .transpose()?;
    let found = api
        .mailbox
        .summaries(tenant.id, after, query.limit.plus_one())
        .await;
    let page = Page::of(found.map_err(problem)?, query.limit, |last| {
        let position: MailPosition = (last.sent_at.micros(), last.id);
        api.cursors.encode(&scope, &position)
    });
    Ok(Json(page))
}

async fn get_mail(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(mail): Path<String>,
) -> Result<Json<Mail>, Problem> {
    let missing = || Problem::new(&MAIL_NOT_FOUND);
    let id = mail.parse().map_err(|_| missing())?;
    let found = api.mailbox.read(tenant.id, id).await.map_err(problem)?;
    found.map(Json).ok_or_else(missing)
}

fn problem(error: Error) -> Problem {
    match error.is_transient() {
        true => Problem::new(&code::TOO_BUSY)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        false => Problem::internal(error),
    }
}
