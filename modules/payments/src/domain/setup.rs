//! How a shop sets up a way to pay: what is required of which kind. Pure.

use stoa_contracts::payments::PaymentError;

use super::place::check_base_url;
use super::{Kind, TEST_PROVIDER, check_text, invalid};

const ID_LENGTH_MAX: usize = 40;
const TITLE_BYTES_MAX: usize = 120;
const INSTRUCTIONS_BYTES_MAX: usize = 4_000;
const KEY_BYTES_MAX: usize = 255;
const POSITION_MAX: i64 = 10_000;
const STRIPE_URL: &str = "https://api.stripe.com";

/// The kinds a shop can set up itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProviderKind {
    Stripe,
    /// Bank transfer, cash on delivery: staff say when the money came.
    Manual,
}

/// Whether a confirmation takes the money.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capture {
    #[default]
    Automatic,
    /// It is only held, and staff capture it.
    Manual,
}

impl ProviderKind {
    pub(crate) const fn of_attempt(self) -> Kind {
        match self {
            Self::Stripe => Kind::Stripe,
            Self::Manual => Kind::Manual,
        }
    }
}

/// A provider as a shop wants it, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderDraft {
    pub(crate) id: String,
    pub(crate) kind: ProviderKind,
    pub(crate) title: String,
    pub(crate) base_url: Option<String>,
    pub(crate) public_key: Option<String>,
    pub(crate) capture: Capture,
    pub(crate) instructions: Option<String>,
    pub(crate) position: i64,
    pub(crate) active: bool,
}

/// The draft as it is kept, or the field that is wrong.
pub(crate) fn check_draft(
    mut draft: ProviderDraft,
    allow_loopback: bool,
) -> Result<ProviderDraft, PaymentError> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    let fits = (1..=ID_LENGTH_MAX).contains(&draft.id.len()) && draft.id.bytes().all(plain);
    if !fits {
        return Err(invalid("id", "is 1 to 40 of a-z, 0-9, - and _"));
    }
    if draft.id == TEST_PROVIDER {
        return Err(invalid("id", "is the built-in test provider"));
    }
    draft.title = draft.title.trim().to_owned();
    if draft.title.is_empty() {
        return Err(invalid("title", "is empty"));
    }
    check_text("title", &draft.title, TITLE_BYTES_MAX)?;
    if let Some(text) = &draft.instructions {
        check_text("instructions", text, INSTRUCTIONS_BYTES_MAX)?;
    }
    if let Some(key) = &draft.public_key {
        check_key("public_key", key)?;
        // Pasted into the wrong field, it would be shown to every shopper.
        if key.starts_with("sk_") || key.starts_with("rk_") || key.starts_with("whsec_") {
            return Err(invalid("public_key", "is a secret key"));
        }
    }
    if !(0..=POSITION_MAX).contains(&draft.position) {
        return Err(invalid("position", "is 0 to 10000"));
    }
    draft.base_url = match draft.kind {
        ProviderKind::Manual if draft.base_url.is_some() => {
            return Err(invalid("base_url", "a manual method calls nobody"));
        }
        ProviderKind::Manual => None,
        ProviderKind::Stripe => {
            let url = draft.base_url.as_deref().unwrap_or(STRIPE_URL);
            let url = check_base_url(url, allow_loopback);
            Some(url.map_err(|reason| invalid("base_url", reason))?)
        }
    };
    Ok(draft)
}

/// A key or secret is one line of visible ASCII.
pub(crate) fn check_key(field: &str, key: &str) -> Result<(), PaymentError> {
    let fits =
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(()),
        false => Err(invalid(field, "is 1 to 255 visible ASCII characters")),
    }
}
