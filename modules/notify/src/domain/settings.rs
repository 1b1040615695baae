//! How a shop wants its mail to be. Decides what of it is sound.

use lettre::Address;
use url::Url;

use super::language::is_locale;

const NAME_CHARS_MAX: usize = 100;
const ADDRESS_BYTES_MAX: usize = 254;
const URL_BYTES_MAX: usize = 300;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) from_name: Option<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) staff_email: Option<String>,
    pub(crate) locale: String,
    pub(crate) abandoned_cart: bool,
    pub(crate) public_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            from_name: None,
            reply_to: None,
            staff_email: None,
            locale: "en".to_owned(),
            abandoned_cart: false,
            public_url: None,
        }
    }
}

/// A field that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) field: &'static str,
    pub(crate) reason: String,
}

impl Settings {
    /// With empty fields taken as absent and the URL without its last slash.
    pub(crate) fn checked(mut self) -> Result<Self, Invalid> {
        for field in [
            &mut self.from_name,
            &mut self.reply_to,
            &mut self.staff_email,
            &mut self.public_url,
        ] {
            *field = field.take().filter(|text| !text.is_empty());
        }
        if let Some(name) = &self.from_name
            && (name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control))
        {
            let reason = format!("is one line of at most {NAME_CHARS_MAX} characters");
            return Err(invalid("from_name", reason));
        }
        for (field, address) in [
            ("reply_to", &self.reply_to),
            ("staff_email", &self.staff_email),
        ] {
            if address.as_deref().is_some_and(|text| !is_address(text)) {
                return Err(invalid(field, "is not an e-mail address".to_owned()));
            }
        }
        if !is_locale(&self.locale) {
            let reason = "is a language such as `de`, or one with a region such as `de-AT`";
            return Err(invalid("locale", reason.to_owned()));
        }
        if let Some(url) = &mut self.public_url {
            if !is_base(url) {
                let reason =
                    "is not an http or https URL of a shop, such as `https://shop.example`";
                return Err(invalid("public_url", reason.to_owned()));
            }
            url.truncate(url.trim_end_matches('/').len());
        }
        Ok(self)
    }
}

pub(crate) fn is_address(text: &str) -> bool {
    text.len() <= ADDRESS_BYTES_MAX && text.parse::<Address>().is_ok()
}

/// A scheme and a host, perhaps a path, nothing after it.
fn is_base(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    text.len() <= URL_BYTES_MAX
        && matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn invalid(field: &'static str, reason: String) -> Invalid {
    Invalid { field, reason }
}
