//! Addresses that lead nowhere: a page for people, a problem document for programs.

use axum::response::{IntoResponse as _, Response};
use stoa_rest::{Access, Method, Operation, Problem, Routes, State, code};

use crate::answer::Trouble;
use crate::shop::Shop;
use crate::visit::Visit;

const EVERYWHERE_ELSE: &str = "/{*path}";

/// Takes every method, or an unknown address would answer 405 to all but GET.
pub(crate) fn catch_all(routes: Routes<Shop>) -> Routes<Shop> {
    let methods = [
        (Method::GET, "missingGet"),
        (Method::POST, "missingPost"),
        (Method::PUT, "missingPut"),
        (Method::PATCH, "missingPatch"),
        (Method::DELETE, "missingDelete"),
        (Method::OPTIONS, "missingOptions"),
    ];
    methods.into_iter().fold(routes, |routes, (method, id)| {
        let operation = Operation::new(id, "Anything else").returns_problem(&code::NOT_FOUND);
        routes.route(method, EVERYWHERE_ELSE, Access::Shopper, operation, missing)
    })
}

async fn missing(State(shop): State<Shop>, visit: Visit) -> Response {
    let for_programs = ["/api", "/v1", "/oauth", "/.well-known"]
        .iter()
        .any(|start| {
            visit
                .path
                .strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    if for_programs || !visit.accepts("text/html") {
        return Problem::new(&code::NOT_FOUND).into_response();
    }
    shop.answer(&visit, async { Err(Trouble::NotFound) }).await
}
