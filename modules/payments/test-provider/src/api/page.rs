//! The provider's own page, where a shopper approves or rejects a payment. Shows no shop's data
//! beyond amount and order id, and needs no script.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use stoa_kernel::Money;
use url::Url;

use crate::ledger::{Intent, Refusal, Status};
use crate::provider::TestProvider;
use crate::request::parse_intent_id;

const STYLE: &str = include_str!("page.css");

#[derive(Deserialize)]
pub(super) struct Decision {
    decision: String,
}

/// `GET /3ds/{id}`: the question, or how it was answered.
pub(super) async fn show(State(provider): State<TestProvider>, Path(id): Path<String>) -> Response {
    let page = async {
        let id = parse_intent_id(&id)?;
        provider
            .read(|ledger, now| {
                let intent = ledger.intent(id, None)?;
                Ok(render(intent, intent.status(now)))
            })
            .await
    };
    page.await
        .unwrap_or_else(|refusal| render_refusal(&refusal))
}

/// `POST /3ds/{id}`: takes the first answer and sends the shopper back to the shop.
pub(super) async fn decide(
    State(provider): State<TestProvider>,
    Path(id): Path<String>,
    form: Result<Form<Decision>, FormRejection>,
) -> Response {
    let answer = async {
        let id = parse_intent_id(&id)?;
        let Form(form) = form.map_err(|error| Refusal::Body {
            reason: error.body_text(),
        })?;
        let approved = match form.decision.as_str() {
            "approve" => true,
            "reject" => false,
            _ => {
                let reason = "approve or reject".to_owned();
                return Err(Refusal::Field {
                    name: "decision",
                    reason,
                });
            }
        };
        provider
            .decide_action(id, approved, |intent, now| {
                match &intent.request.return_url {
                    Some(url) => redirect(url),
                    None => render(intent, intent.status(now)),
                }
            })
            .await
    };
    answer
        .await
        .unwrap_or_else(|refusal| render_refusal(&refusal))
}

fn redirect(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn render(intent: &Intent, status: Status) -> Response {
    let request = &intent.request;
    let amount = Money::new(request.amount, request.currency).to_decimal();
    let order = request.metadata.get("order_id").map_or("", String::as_str);
    let back = request.return_url.as_deref();
    let action = if status == Status::RequiresAction {
        "<p class=\"lead\">Your bank asks you to confirm this payment.</p>\
         <form method=\"post\"><button class=\"approve\" name=\"decision\" value=\"approve\">\
         Approve payment</button><button class=\"reject\" name=\"decision\" value=\"reject\">\
         Reject</button></form>"
            .to_owned()
    } else {
        let words = match status {
            Status::Succeeded | Status::RequiresCapture => "You approved this payment.",
            Status::Declined => "This payment was rejected. Nothing was charged.",
            Status::Voided => "The shop withdrew this payment. Nothing was charged.",
            _ => "There is nothing to confirm for this payment.",
        };
        let link = back.map_or_else(String::new, |url| {
            format!("<p><a href=\"{}\">Back to the shop</a></p>", escape(url))
        });
        format!("<p class=\"lead\" role=\"status\">{words}</p>{link}")
    };
    let main = format!(
        "<p class=\"amount\">{amount} <span>{currency}</span></p>\
         <p class=\"order\">Order {order}</p>{action}",
        currency = request.currency,
        order = escape(order),
    );
    page(StatusCode::OK, "Confirm your payment", &main, back)
}

fn render_refusal(refusal: &Refusal) -> Response {
    let (status, words) = match refusal {
        Refusal::UnknownIntent => (StatusCode::NOT_FOUND, "There is no such payment."),
        Refusal::Field { .. } | Refusal::Body { .. } => {
            (StatusCode::BAD_REQUEST, "Choose to approve or to reject.")
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The payment page is not available. Try again.",
        ),
    };
    page(
        status,
        "Payment",
        &format!("<p class=\"lead\" role=\"alert\">{words}</p>"),
        None,
    )
}

fn page(status: StatusCode, title: &str, main: &str, back: Option<&str>) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><header><h1>{title}</h1>\
         <p class=\"badge\">Test payment: no money moves</p></header>{main}</main></body></html>"
    );
    // Browsers hold the redirect after a form to `form-action` too, so the shop's origin is named.
    let shop = back
        .and_then(|url| Url::parse(url).ok())
        .map_or_else(String::new, |url| {
            format!(" {}", url.origin().ascii_serialization())
        });
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{shop}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
