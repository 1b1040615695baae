//! The local mailbox, for staff: mail that would have been sent. Never a shopper's page.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use stoa_contracts::notify::Mail;
use stoa_rest::{HeaderValue, Path, State, StatusCode, header};

use crate::answer::{Trouble, private_page};
use crate::present::day;
use crate::render::MAIL_BODY_POLICY;
use crate::shop::Shop;
use crate::views::{Link, MailRow, MailView, MailboxView, Meta};
use crate::visit::Visit;
use crate::words::say;

const MAILS_MAX: u32 = 100;
const LIST: &str = "/admin/mailbox";

pub(crate) async fn list(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = mail_list(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Response {
    let made = mail_page(&shop, &visit, &id);
    shop.answer(&visit, made).await
}

/// The HTML alone, for the sandboxed frame of its page.
pub(crate) async fn body(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Response {
    let made = find(&shop, &visit, &id).await.map(|mail| {
        // Links leave the frame: the shop's own pages refuse to be framed.
        let html = format!("<base target=\"_blank\">{}", mail.html);
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(MAIL_BODY_POLICY),
            ),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-store"),
            ),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ];
        (headers, Body::from(html)).into_response()
    });
    shop.answer(&visit, async { made }).await
}

async fn find(shop: &Shop, visit: &Visit, id: &str) -> Result<Mail, Trouble> {
    let id = id.parse().map_err(|_| Trouble::NotFound)?;
    let mail = shop.mailbox.read(visit.tenant_id(), id).await?;
    mail.ok_or(Trouble::NotFound)
}

async fn mail_list(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let frame = shop.plain_frame(visit).await?;
    let mails = shop.mailbox.list(visit.tenant_id(), MAILS_MAX).await?;
    let rows = mails.into_iter().map(|mail| MailRow {
        url: format!("{LIST}/{}", mail.id),
        subject: mail.subject,
        to: mail.to,
        at: mail.sent_at.to_string(),
        at_label: day(mail.sent_at),
    });
    let view = MailboxView {
        meta: Meta::private(format!("{} · {}", say("Mailbox"), frame.shop_name)),
        frame,
        mails: rows.collect(),
    };
    Ok(private_page(StatusCode::OK, shop.theme.mailbox(&view)?))
}

async fn mail_page(shop: &Shop, visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let mail = find(shop, visit, id).await?;
    let frame = shop.plain_frame(visit).await?;
    let url = format!("{LIST}/{}", mail.id);
    let view = MailView {
        meta: Meta::private(format!("{} · {}", mail.subject, frame.shop_name)),
        breadcrumbs: vec![
            Link::new(say("Mailbox"), LIST),
            Link::new(&mail.subject, &url),
        ],
        subject: mail.subject,
        from: frame.shop_name.clone(),
        to: mail.to,
        at: mail.sent_at.to_string(),
        at_label: day(mail.sent_at),
        body_url: (!mail.html.is_empty()).then(|| format!("{url}/body")),
        text: (!mail.text.is_empty()).then_some(mail.text),
        frame,
    };
    Ok(private_page(StatusCode::OK, shop.theme.mail(&view)?))
}
