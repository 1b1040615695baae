//! All SQL of mail, and the way to a mail server. Decides nothing.

mod low_stock;
mod messages;
mod smtp;
mod wording;

pub(crate) use self::low_stock::{LowStock, note_low_stock, take_low_stock, waiting_low_stock};
pub(crate) use self::messages::{
    Claim, Fate, LogFilter, Logged, Message, NewMessage, State, Via, by_key, claim, insert, list,
    log, purge, read, settle, summaries,
};
pub(crate) use self::smtp::{Answer, Outgoing, Relay};
pub use self::smtp::{Smtp, SmtpError};
pub(crate) use self::wording::{
    Own, own_template, own_templates, put_settings, put_template, remove_template, settings,
};
