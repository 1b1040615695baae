//! What the routes of mail take and give.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::Timestamp;
use stoa_rest::Limit;

use crate::application::{Given, Template};
use crate::domain::{Kind, Letter, Settings, Source};
use crate::infrastructure::State;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// From the page before.
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) limit: Limit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    pub(super) state: Option<State>,
    pub(super) kind: Option<Kind>,
    /// From the page before.
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) limit: Limit,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NotificationSettings {
    /// Whom mail comes from; the shop's name where it is absent.
    #[serde(default)]
    from_name: Option<String>,
    /// Where answers go.
    #[serde(default)]
    reply_to: Option<String>,
    /// Who is told of payments that go back, stuck orders, disputes and low stock.
    #[serde(default)]
    staff_email: Option<String>,
    /// The language of mail, such as `de` or `de-AT`.
    #[serde(default = "english")]
    locale: String,
    /// Whether shoppers are reminded of a cart they left, once.
    #[serde(default)]
    abandoned_cart: bool,
    /// Where links lead, such as `https://shop.example`; the shop's own host where it is absent.
    #[serde(default)]
    public_url: Option<String>,
}

fn english() -> String {
    Settings::default().locale
}

impl From<NotificationSettings> for Settings {
    fn from(body: NotificationSettings) -> Self {
        Self {
            from_name: body.from_name,
            reply_to: body.reply_to,
            staff_email: body.staff_email,
            locale: body.locale,
            abandoned_cart: body.abandoned_cart,
            public_url: body.public_url,
        }
    }
}

impl From<Settings> for NotificationSettings {
    fn from(settings: Settings) -> Self {
        Self {
            from_name: settings.from_name,
            reply_to: settings.reply_to,
            staff_email: settings.staff_email,
            locale: settings.locale,
            abandoned_cart: settings.abandoned_cart,
            public_url: settings.public_url,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NotificationTemplate {
    kind: Kind,
    locale: String,
    subject: String,
    text: String,
    html: String,
    /// Whether the shop wrote it.
    own: bool,
    updated_at: Option<Timestamp>,
}

impl From<Template> for NotificationTemplate {
    fn from(template: Template) -> Self {
        Self {
            kind: template.kind,
            locale: template.locale,
            subject: template.source.subject,
            text: template.source.text,
            html: template.source.html,
            own: template.own_since.is_some(),
            updated_at: template.own_since,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateBody {
    subject: String,
    text: String,
    html: String,
}

impl From<TemplateBody> for Source {
    fn from(body: TemplateBody) -> Self {
        Self {
            subject: body.subject,
            text: body.text,
            html: body.html,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    html: Option<String>,
}

impl From<PreviewBody> for Given {
    fn from(body: PreviewBody) -> Self {
        Self {
            subject: body.subject,
            text: body.text,
            html: body.html,
        }
    }
}

/// A mail as it would be read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NotificationLetter {
    subject: String,
    text: String,
    html: String,
}

impl From<Letter> for NotificationLetter {
    fn from(letter: Letter) -> Self {
        Self {
            subject: letter.subject,
            text: letter.text,
            html: letter.html,
        }
    }
}
