//! The table of error codes any route may answer. A code never changes its meaning once released.

/// What a kind of refusal is called, on the wire and in `docs/errors/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// Stable, snake_case; clients match on it.
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
}

impl ErrorCode {
    pub const fn new(code: &'static str, status: u16, title: &'static str) -> Self {
        Self {
            code,
            status,
            title,
        }
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $name: ErrorCode = ErrorCode::new($code, $status, $title);)*

        /// Every code of this table, in its order.
        pub const ALL: &[ErrorCode] = &[$($name),*];

        /// The page of every code of this table.
        pub(crate) const PAGES: &[(ErrorCode, &str)] = &[$((
            $name,
            include_str!(concat!("../../../docs/errors/", $code, ".md")),
        )),*];
    };
}

codes! {
    INVALID_CURSOR "invalid_cursor" 400 "The cursor does not belong to this list";
    MALFORMED_JSON "malformed_json" 400 "The body is not JSON";
    MALFORMED_BODY "malformed_body" 400 "The body cannot be read";
    INVALID_HEADER "invalid_header" 400 "A header cannot be read";
    IDEMPOTENCY_KEY_MISSING "idempotency_key_missing" 400 "An Idempotency-Key is required";
    UNAUTHORIZED "unauthorized" 401 "A valid key is required";
    FORBIDDEN "forbidden" 403 "This key may not do that";
    WRONG_TENANT "wrong_tenant" 403 "The key belongs to another tenant";
    NOT_FOUND "not_found" 404 "There is nothing here";
    UNKNOWN_HOST "unknown_host" 404 "No shop answers to this host";
    METHOD_NOT_ALLOWED "method_not_allowed" 405 "The resource does not take this method";
    REQUEST_TIMEOUT "request_timeout" 408 "The request came too slowly";
    CONFLICT "conflict" 409 "The resource is in another state";
    IDEMPOTENCY_IN_PROGRESS "idempotency_in_progress" 409 "The first request with this key is still running";
    PRECONDITION_FAILED "precondition_failed" 412 "The resource changed in the meantime";
    PAYLOAD_TOO_LARGE "payload_too_large" 413 "The body is too large";
    URI_TOO_LONG "uri_too_long" 414 "The address is too long";
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" 415 "The body is of the wrong type";
    INVALID_REQUEST "invalid_request" 422 "A field is not valid";
    IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" 422 "The Idempotency-Key was used for another request";
    PRECONDITION_REQUIRED "precondition_required" 428 "An If-Match header is required";
    RATE_LIMITED "rate_limited" 429 "Too many requests";
    INTERNAL "internal" 500 "Something went wrong on our side";
    TOO_BUSY "too_busy" 503 "Too busy to answer now";
    NOT_READY "not_ready" 503 "Not ready to serve";
    HANDLER_TIMEOUT "handler_timeout" 504 "The answer took too long";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_their_pages_open_with_them() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, page) in PAGES {
            assert!(seen.insert(code.code), "{} is listed twice", code.code);
            assert!(
                page.starts_with(&format!("# {}\n", code.code)),
                "page of {}",
                code.code
            );
            assert!(
                page.contains(&format!("**{}**", code.status)),
                "status on {}",
                code.code
            );
            assert!(
                page.contains("\n## What to do\n"),
                "advice on {}",
                code.code
            );
        }
        assert_eq!(seen.len(), ALL.len());
    }
}
