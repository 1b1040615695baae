//! The way to a mail server. Builds mails so that nothing in them can become a header, and says
//! what the server answered. Never logs an address, a text or a password.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use stoa_kernel::Timestamp;
use url::Url;

use crate::domain::{Letter, one_line};

/// Connections kept open at most.
pub(crate) const CONNECTIONS_MAX: u32 = 16;
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(30);
const ANSWER_CHARS_MAX: usize = 300;

/// A mail server, as the installation names it.
#[derive(Clone)]
pub struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<(String, String)>,
    from: Address,
    roots: Vec<Vec<u8>>,
    /// For one mail, from connecting to the last answer.
    pub time_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte.
    Tls,
    /// After `STARTTLS`, or not at all.
    StartTls,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// Without the URL: it holds a password.
    #[error(
        "the SMTP URL is not `smtps://user:password@host:465` or `smtp://user:password@host:587?tls=starttls`: {reason}"
    )]
    Url { reason: String },
    #[error("`{text}` is not an e-mail address to send from")]
    From { text: String },
    #[error("the certificate of the SMTP server's authority cannot be read: {reason}")]
    Root { reason: String },
}

impl Smtp {
    /// `smtps://` speaks TLS at once; `smtp://` demands `STARTTLS`, unless it ends in `?tls=none`.
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpError> {
        let bad = |reason: &str| SmtpError::Url {
            reason: reason.to_owned(),
        };
        let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        let mut tls = None;
        for (key, value) in parsed.query_pairs() {
            match &*key {
                "tls" => tls = Some(value.into_owned()),
                _ => return Err(bad("only `tls` can be set after the `?`")),
            }
        }
        let (encryption, port) = match (parsed.scheme(), tls.as_deref()) {
            ("smtps", None) => (Encryption::Tls, 465),
            ("smtp", None | Some("starttls")) => (Encryption::StartTls, 587),
            ("smtp", Some("none")) => (Encryption::None, 25),
            ("smtp", Some(_)) => return Err(bad("`tls` is `starttls` or `none`")),
            ("smtps", Some(_)) => return Err(bad("`smtps` needs no `tls`")),
            _ => return Err(bad("the scheme is `smtp` or `smtps`")),
        };
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("a host is missing"))?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = match (parsed.username(), parsed.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some((plain(user), plain(password))),
            _ => return Err(bad("name user and password, or neither")),
        };
        let from = from.parse::<Address>().map_err(|_| SmtpError::From {
            text: from.to_owned(),
        })?;
        Ok(Self {
            // Brackets of an IPv6 address are the URL's, not the address's.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: parsed.port().unwrap_or(port),
            encryption,
            credentials,
            from,
            roots: Vec::new(),
            time_max: Duration::from_secs(30),
        })
    }

    /// Trusts an authority besides Mozilla's, by its certificate in DER.
    pub fn with_root(mut self, der: &[u8]) -> Result<Self, SmtpError> {
        let read = Certificate::from_der(der.to_vec());
        read.map_err(|error| SmtpError::Root {
            reason: error.to_string(),
        })?;
        self.roots.push(der.to_vec());
        Ok(self)
    }

    /// Of the addresses it sends from.
    pub(crate) fn domain(&self) -> &str {
        self.from.domain()
    }
}

// The password stays out of logs.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("encryption", &self.encryption)
            .finish_non_exhaustive()
    }
}

/// A mail to be sent.
pub(crate) struct Outgoing<'m> {
    pub(crate) from_name: &'m str,
    pub(crate) reply_to: Option<&'m str>,
    pub(crate) to: &'m str,
    pub(crate) letter: &'m Letter,
    pub(crate) message_id: &'m str,
    pub(crate) at: Timestamp,
}

/// What became of a send. The texts may name the recipient: they are for staff, not for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted(String),
    /// Trying again gives the same.
    Refused(String),
    /// Not now, or nobody knows: the answer may have been lost after the mail was taken.
    Later(String),
}

/// A pool of connections to one server, opened at the first mail.
pub(crate) struct Relay {
    smtp: Smtp,
    transport: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Relay {
    pub(crate) fn new(smtp: Smtp) -> Self {
        Self {
            smtp,
            transport: OnceLock::new(),
        }
    }

    pub(crate) fn smtp(&self) -> &Smtp {
        &self.smtp
    }

    pub(crate) async fn send(&self, mail: &Outgoing<'_>) -> Answer {
        let message = match self.message(mail) {
            Ok(message) => message,
            Err(reason) => return Answer::Refused(reason),
        };
        let transport = match self.transport.get() {
            Some(open) => open,
            None => match self.connector() {
                Ok(made) => self.transport.get_or_init(|| made),
                Err(reason) => return Answer::Later(reason),
            },
        };
        let sent = tokio::time::timeout(self.smtp.time_max, transport.send(message)).await;
        match sent {
            Ok(Ok(response)) => {
                let text: Vec<&str> = response.message().collect();
                Answer::Accepted(short(&format!("{} {}", response.code(), text.join(" "))))
            }
            Ok(Err(error)) => failed(&error),
            Err(_) => Answer::Later(format!("no answer within {:?}", self.smtp.time_max)),
        }
    }

    fn connector(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let smtp = &self.smtp;
        let parameters = || {
            let mut builder = TlsParameters::builder(smtp.host.clone());
            for der in &smtp.roots {
                let root = Certificate::from_der(der.clone()).map_err(|error| error.to_string())?;
                builder = builder.add_root_certificate(root);
            }
            builder.build_rustls().map_err(|error| error.to_string())
        };
        let tls = match smtp.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None => Tls::None,
        };
        let pool = PoolConfig::new()
            .max_size(CONNECTIONS_MAX)
            .idle_timeout(CONNECTION_IDLE_MAX);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .tls(tls)
            .hello_name(ClientId::Domain(smtp.domain().to_owned()))
            .timeout(Some(smtp.time_max))
            .pool_config(pool);
        if let Some((user, password)) = &smtp.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }

    fn message(&self, mail: &Outgoing<'_>) -> Result<Message, String> {
        let to = mail.to.parse::<Address>();
        let to = to.map_err(|_| "the recipient's address is not one".to_owned())?;
        let since_1970 = Duration::from_millis(mail.at.unix_ms());
        let name = one_line(mail.from_name);
        let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let mut builder = Message::builder()
            .from(Mailbox::new(name, self.smtp.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(one_line(&mail.letter.subject))
            .date(SystemTime::UNIX_EPOCH + since_1970)
            .message_id(Some(mail.message_id.to_owned()))
            // Keeps out-of-office replies away.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = mail.reply_to.and_then(|text| text.parse::<Address>().ok()) {
            builder = builder.reply_to(Mailbox::new(None, reply_to));
        }
        // The same bytes at every attempt: a boundary by chance would differ.
        let boundary: String = mail
            .message_id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(60)
            .collect();
        let parts = MultiPart::alternative()
            .boundary(boundary)
            .singlepart(SinglePart::plain(mail.letter.text.clone()))
            .singlepart(SinglePart::html(mail.letter.html.clone()));
        builder.multipart(parts).map_err(|error| error.to_string())
    }
}

fn failed(error: &lettre::transport::smtp::Error) -> Answer {
    // Its causes hold the server's words.
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    let text = short(&text);
    let code = error.status().map(|code| code.to_string());
    // A login that fails is the installation's fault, not the mail's: it is mended within hours.
    let login = code.is_some_and(|code| code.starts_with("53"));
    match error.is_permanent() && !login {
        true => Answer::Refused(text),
        false => Answer::Later(text),
    }
}

fn short(text: &str) -> String {
    one_line(text).chars().take(ANSWER_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
