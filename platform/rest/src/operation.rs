//! What a route says of itself beyond its path: the source of the OpenAPI document and its bounds.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::body::BODY_BYTES_DEFAULT;
use crate::code::ErrorCode;

pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Describes one route; everything but id and summary is optional.
#[derive(Debug, Clone)]
pub struct Operation {
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) body: Option<SchemaOf>,
    pub(crate) body_type: &'static str,
    pub(crate) returns: Vec<Returned>,
    pub(crate) problems: Vec<ErrorCode>,
    pub(crate) headers: Vec<RequestHeader>,
    pub(crate) body_bytes_max: usize,
    pub(crate) time_max: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct Returned {
    pub(crate) status: u16,
    /// Media type and schema; `None` for an answer without a body.
    pub(crate) content: Option<(&'static str, Option<SchemaOf>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) description: &'static str,
}

impl Operation {
    /// `id` is unique in the API and camelCase: clients generated from OpenAPI call it that.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            description: None,
            query: None,
            body: None,
            body_type: "application/json",
            returns: Vec::new(),
            problems: Vec::new(),
            headers: Vec::new(),
            body_bytes_max: BODY_BYTES_DEFAULT,
            time_max: None,
        }
    }

    #[must_use]
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Query parameters: the fields of `T`.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| T::json_schema(generator));
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// A body that is not JSON, such as `text/csv`.
    #[must_use]
    pub fn body_of_type(mut self, media_type: &'static str) -> Self {
        self.body = Some(|_| schemars::json_schema!({ "type": "string", "format": "binary" }));
        self.body_type = media_type;
        self
    }

    /// A JSON answer.
    #[must_use]
    pub fn returns<T: JsonSchema>(mut self, status: u16) -> Self {
        let schema: SchemaOf = |generator| generator.subschema_for::<T>();
        self.returns.push(Returned {
            status,
            content: Some(("application/json", Some(schema))),
        });
        self
    }

    #[must_use]
    pub fn returns_empty(mut self, status: u16) -> Self {
        self.returns.push(Returned {
            status,
            content: None,
        });
        self
    }

    /// An answer that is not JSON, such as `text/html`.
    #[must_use]
    pub fn returns_type(mut self, status: u16, media_type: &'static str) -> Self {
        self.returns.push(Returned {
            status,
            content: Some((media_type, None)),
        });
        self
    }

    /// A refusal beyond those that follow from access, body and query.
    #[must_use]
    pub fn returns_problem(mut self, code: &'static ErrorCode) -> Self {
        self.problems.push(*code);
        self
    }

    /// A request header of this route's own.
    #[must_use]
    pub fn header(mut self, name: &'static str, required: bool, description: &'static str) -> Self {
        self.headers.push(RequestHeader {
            name,
            required,
            description,
        });
        self
    }

    /// Documents what the handler extracts as [`crate::IdempotencyKey`].
    #[must_use]
    pub fn requires_idempotency_key(self) -> Self {
        self.header(
            "Idempotency-Key",
            true,
            "1 to 255 visible ASCII characters, new per operation.",
        )
        .returns_problem(&crate::code::IDEMPOTENCY_KEY_MISSING)
        .returns_problem(&crate::code::IDEMPOTENCY_KEY_REUSED)
        .returns_problem(&crate::code::IDEMPOTENCY_IN_PROGRESS)
    }

    /// Documents what the handler extracts as [`crate::IfMatch`].
    #[must_use]
    pub fn requires_if_match(self) -> Self {
        self.header("If-Match", true, "The ETag of what you read, or `*`.")
            .returns_problem(&crate::code::PRECONDITION_REQUIRED)
            .returns_problem(&crate::code::PRECONDITION_FAILED)
    }

    /// Instead of [`BODY_BYTES_DEFAULT`].
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Instead of the router's time for a handler.
    #[must_use]
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.time_max = Some(time);
        self
    }

    pub fn id(&self) -> &'static str {
        self.id
    }
    pub fn summary(&self) -> &'static str {
        self.summary
    }
}
