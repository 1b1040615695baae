//! One line per event, JSON or plain, every value masked. Never writes what `mask` has not seen.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;

use serde_json::Value;
use stoa_kernel::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::labels::{self, Labels};
use crate::mask::{MASKED, is_sensitive_name, mask_text};

/// Keys that every JSON line has; an event's own field of such a name gets the prefix `field.`.
const OWN_KEYS: &[&str] = &["timestamp", "level", "service", "target"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Plain,
}

#[derive(Clone)]
pub struct LogSettings {
    /// The `service` of every line, such as `stoa-api`.
    pub service: String,
    /// Directives such as `info,stoa_rest=debug`.
    pub filter: String,
    pub format: LogFormat,
    pub clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("`{filter}` is not a log filter such as `info,stoa_rest=debug`: {reason}")]
    Filter { filter: String, reason: String },
    #[error("logging was already set up in this process")]
    Twice,
}

/// Sends the process's events to standard error. Call it once, first of all.
pub fn init(settings: LogSettings) -> Result<(), LogError> {
    let filter = settings
        .filter
        .parse::<Targets>()
        .map_err(|error| LogError::Filter {
            filter: settings.filter.clone(),
            reason: error.to_string(),
        })?;
    let layer = LogLayer::new(settings, |line: &str| {
        // Nowhere is left to report to when standard error is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    });
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

/// The layer behind [`init`], over any sink; the sink gets whole lines with their line break.
pub struct LogLayer<W> {
    settings: LogSettings,
    sink: W,
}

impl<W: Fn(&str) + Send + Sync + 'static> LogLayer<W> {
    pub fn new(settings: LogSettings, sink: W) -> Self {
        Self { settings, sink }
    }

    fn json_line(&self, event: &Event<'_>, fields: &Fields) -> String {
        let mut line = String::with_capacity(256);
        let meta = event.metadata();
        let _ = write!(line, "{{\"timestamp\":\"{}\"", self.settings.clock.now());
        push_pair(&mut line, "level", &Value::from(meta.level().as_str()));
        push_pair(
            &mut line,
            "service",
            &Value::from(self.settings.service.as_str()),
        );
        for key in ["trace_id", "tenant", "message"] {
            push_pair(&mut line, key, fields.get(key).unwrap_or(&Value::Null));
        }
        push_pair(&mut line, "target", &Value::from(meta.target()));
        for (key, value) in fields.others() {
            match OWN_KEYS.contains(key) {
                true => push_pair(&mut line, &format!("field.{key}"), value),
                false => push_pair(&mut line, key, value),
            }
        }
        line.push_str("}\n");
        line
    }

    fn plain_line(&self, event: &Event<'_>, fields: &Fields) -> String {
        let mut line = String::with_capacity(160);
        let meta = event.metadata();
        let now = self.settings.clock.now();
        let message = fields
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let _ = write!(line, "{now} {:<5} {}: ", meta.level(), meta.target());
        line.push_str(&message.escape_debug().to_string());
        for (key, value) in fields.others() {
            let _ = write!(line, " {key}={value}");
        }
        for key in ["tenant", "trace_id"] {
            if let Some(value) = fields.get(key) {
                let _ = write!(line, " {key}={value}");
            }
        }
        line.push('\n');
        line
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber,
    W: Fn(&str) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        labels::look(|labels| fields.take_over(labels));
        event.record(&mut fields);
        let line = match self.settings.format {
            LogFormat::Json => self.json_line(event, &fields),
            LogFormat::Plain => self.plain_line(event, &fields),
        };
        (self.sink)(&line);
    }
}

/// Fields in the order they were first recorded, masked as they come in.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    fn others(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0
            .iter()
            .filter(|(key, _)| !matches!(*key, "trace_id" | "tenant" | "message"))
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn take_over(&mut self, labels: &dyn Labels) {
        // No trace id may be cut for digits that look like a card's: it is nobody's input.
        self.set("trace_id", Value::from(labels.trace_id()));
        let texts = [
            ("tenant", labels.tenant()),
            ("request_id", labels.request_id()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                self.set(name, Value::from(mask_text(text).into_owned()));
            }
        }
    }

    fn record_text(&mut self, field: &Field, text: &str) {
        let value = match field.name() {
            "tenant" | "message" | "request_id" => Value::from(mask_text(text).into_owned()),
            name if is_sensitive_name(name) => Value::from(MASKED),
            _ => Value::from(mask_text(text).into_owned()),
        };
        self.set(field.name(), value);
    }

    fn record_number(&mut self, field: &Field, number: serde_json::Number) {
        // A card number logged as an integer is still a card number.
        let digits = number.to_string();
        let value = match mask_text(&digits) {
            _ if is_sensitive_name(field.name()) => Value::from(MASKED),
            Cow::Borrowed(_) => Value::Number(number),
            Cow::Owned(masked) => Value::from(masked),
        };
        self.set(field.name(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_text(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_number(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_number(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        let value = match is_sensitive_name(field.name()) {
            true => Value::from(MASKED),
            false => Value::from(value),
        };
        self.set(field.name(), value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.record_number(field, number),
            None => self.set(field.name(), Value::Null),
        }
    }
    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.record_text(field, &text);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_text(field, &format!("{value:?}"));
    }
}

fn push_pair(line: &mut String, key: &str, value: &Value) {
    let _ = write!(line, ",{}:{value}", Value::from(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use stoa_kernel::Timestamp;

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_767_268_800_000_000)
        }
    }

    /// What the real layer writes while `events` runs.
    fn lines(format: LogFormat, events: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(String::new()));
        let settings = LogSettings {
            service: "stoa".into(),
            filter: "info".into(),
            format,
            clock: Arc::new(Noon),
        };
        let copy = Arc::clone(&written);
        let layer = LogLayer::new(settings, move |line: &str| copy.lock().push_str(line));
        let subscriber = tracing_subscriber::registry()
            .with(Targets::new().with_default(tracing::Level::INFO))
            .with(layer);
        tracing::subscriber::with_default(subscriber, events);
        Arc::into_inner(written)
            .expect("the layer is gone")
            .into_inner()
    }

    struct Request(Option<&'static str>);
    impl Labels for Request {
        fn trace_id(&self) -> String {
            "4bf92f3577b34da6a3ce929d0e0e4736".to_owned()
        }
        fn tenant(&self) -> Option<&str> {
            self.0
        }
        fn request_id(&self) -> Option<&str> {
            Some("jane@example.com")
        }
    }

    #[test]
    fn a_line_carries_the_labels_of_the_request_it_belongs_to() {
        let text = lines(LogFormat::Json, || {
            crate::in_labels(Arc::new(Request(Some("acme"))), || {
                tracing::warn!(target: "t", route = "/x", units = 3, "short of \"stock\"");
            });
            tracing::debug!("below the filter");
            tracing::info!(target: "t", "of no request");
        });
        assert_eq!(
            text,
            concat!(
                r#"{"timestamp":"2026-01-01T12:00:00Z","level":"WARN","service":"stoa","#,
                r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","tenant":"acme","#,
                r#""message":"short of \"stock\"","target":"t","request_id":"j***@***","#,
                r#""route":"/x","units":3}"#,
                "\n",
                r#"{"timestamp":"2026-01-01T12:00:00Z","level":"INFO","service":"stoa","#,
                r#""trace_id":null,"tenant":null,"message":"of no request","target":"t"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn labels_stay_with_their_future() {
        let text = lines(LogFormat::Plain, || {
            let line = |tenant: &'static str| {
                crate::labelled(Arc::new(Request(Some(tenant))), async move {
                    tokio::task::yield_now().await;
                    tracing::info!(target: "t", mine = tenant);
                })
            };
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.build().expect("a runtime");
            runtime.block_on(async { tokio::join!(line("one"), line("two")) });
        });
        let told = |tenant: &str| format!(" mine=\"{tenant}\" tenant=\"{tenant}\" trace_id=");
        assert!(
            text.contains(&told("one")) && text.contains(&told("two")),
            "{text}"
        );
    }

    #[test]
    fn nothing_personal_reaches_the_sink() {
        let text = lines(LogFormat::Json, || {
            tracing::info!(
                target: "t",
                email = "jane@example.com",
                card = 4_111_111_111_111_111_u64,
                note = ?Some("call jane@example.com"),
                level = "gold",
                shipping_address = %"1 Main St",
                "receipt for jane@example.com, 4111 1111 1111 1111"
            );
        });
        assert_eq!(
            text,
            concat!(
                r#"{"timestamp":"2026-01-01T12:00:00Z","level":"INFO","service":"stoa","#,
                r#""trace_id":null,"tenant":null,"message":"receipt for j***@***, ****1111","#,
                r#""target":"t","email":"[masked]","card":"****1111","#,
                r#""note":"Some(\"call j***@***\")","field.level":"gold","#,
                r#""shipping_address":"[masked]"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_plain_line_stays_one_line_and_masked() {
        let text = lines(LogFormat::Plain, || {
            tracing::info!(target: "t", token = "x", "two\nlines to jane@example.com");
        });
        assert_eq!(
            text,
            "2026-01-01T12:00:00Z INFO  t: two\\nlines to j***@*** token=\"[masked]\"\n"
        );
    }
}
