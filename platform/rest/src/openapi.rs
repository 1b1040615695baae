//! The OpenAPI 3.1 document, generated from the declared routes. Nothing in it is written by hand.

use std::collections::BTreeMap;

use http::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::code::{self, ErrorCode};
use crate::docs::ApiInfo;
use crate::operation::{Operation, Returned};
use crate::problem::FieldError;
use crate::routes::RouteInfo;

const PROBLEM_SCHEMA: &str = "Problem";

/// Mirrors the wire form of [`crate::Problem`], for its schema only.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
struct ProblemDocument {
    /// The page that explains the code.
    r#type: String,
    title: String,
    status: u16,
    /// Stable; match on this.
    code: String,
    /// What went wrong with this request, for people.
    detail: Option<String>,
    /// The fields that were refused.
    errors: Option<Vec<FieldError>>,
    /// Quote it when you ask for help.
    request_id: Option<String>,
}

/// Paths, schemas and access of `routes`.
pub fn openapi(info: &ApiInfo, routes: &[RouteInfo]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    generator.subschema_for::<ProblemDocument>();

    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let operation = describe(route, &mut generator);
        let path = route.path.replace("{*", "{");
        paths
            .entry(path)
            .or_default()
            .insert(route.method.as_str().to_ascii_lowercase(), operation);
    }
    let mut tags: Vec<&str> = Vec::new();
    for route in routes {
        if !tags.contains(&route.tag) {
            tags.push(route.tag);
        }
    }
    let tags: Vec<Value> = tags.into_iter().map(|tag| json!({ "name": tag })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": info.title, "version": info.version, "description": info.description,
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "publishable_key": {
                    "type": "http", "scheme": "bearer",
                    "description": "A `pk_` key: opens what a shopper may see.",
                },
                "secret_key": {
                    "type": "http", "scheme": "bearer",
                    "description": "An `sk_` key: opens what its permissions name.",
                },
                "operator": {
                    "type": "http", "scheme": "bearer",
                    "description": "The operator of the installation, or its local socket.",
                },
            },
        },
    })
}

fn describe(route: &RouteInfo, generator: &mut SchemaGenerator) -> Value {
    let operation = &route.operation;
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [route.tag],
        "x-stoa-access": access(route.access),
        "security": security(route.access),
        "responses": responses(route, generator),
    });
    if let Some(text) = operation.description {
        described["description"] = json!(text);
    }
    let parameters = parameters(route, generator);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = operation.body {
        let schema = body(generator);
        described["requestBody"] = json!({
            "required": true,
            "content": { operation.body_type: { "schema": schema } },
        });
    }
    described
}

fn access(access: Access) -> Value {
    match access {
        Access::Public => json!({ "kind": "public" }),
        Access::Shopper => json!({ "kind": "shopper" }),
        Access::Staff(permission) => json!({ "kind": "staff", "permission": permission }),
        Access::Operator => json!({ "kind": "operator" }),
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Shopper => json!([{}, { "publishable_key": [] }]),
        Access::Staff(permission) => json!([{ "secret_key": [permission] }]),
        Access::Operator => json!([{ "operator": [] }]),
    }
}

fn parameters(route: &RouteInfo, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut found: Vec<Value> = path_parameters(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if let Some(query) = route.operation.query {
        let schema = query(generator).to_value();
        let required = |name: &str| {
            schema["required"]
                .as_array()
                .is_some_and(|all| all.iter().any(|each| each == name))
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let mut parameter = json!({
                "name": name, "in": "query", "required": required(name), "schema": property,
            });
            if let Some(text) = property.get("description") {
                parameter["description"] = text.clone();
            }
            found.push(parameter);
        }
    }
    for header in &route.operation.headers {
        found.push(json!({
            "name": header.name, "in": "header", "required": header.required,
            "description": header.description, "schema": { "type": "string" },
        }));
    }
    found
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.trim_start_matches('*'))
    })
}

fn responses(route: &RouteInfo, generator: &mut SchemaGenerator) -> Value {
    let mut all = Map::new();
    for returned in &route.operation.returns {
        all.insert(returned.status.to_string(), answer(returned, generator));
    }
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in problems(route) {
        let codes = by_status.entry(code.status).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    for (status, codes) in by_status {
        let lines: Vec<String> = codes
            .iter()
            .map(|code| format!("`{}`: {}", code.code, code.title))
            .collect();
        let names: Vec<&str> = codes.iter().map(|code| code.code).collect();
        let reference = format!("#/components/schemas/{PROBLEM_SCHEMA}");
        all.insert(
            status.to_string(),
            json!({
                "description": lines.join("\n"),
                "x-stoa-codes": names,
                "content": { "application/problem+json": { "schema": { "$ref": reference } } },
            }),
        );
    }
    Value::Object(all)
}

fn answer(returned: &Returned, generator: &mut SchemaGenerator) -> Value {
    let status = http::StatusCode::from_u16(returned.status).ok();
    let reason = status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Answer");
    let mut answer = json!({ "description": reason });
    if let Some((media_type, schema)) = returned.content {
        let content = match schema {
            Some(schema) => json!({ "schema": schema(generator) }),
            None => json!({}),
        };
        answer["content"] = json!({ media_type: content });
    }
    answer
}

/// What the operation names itself, and what follows from its access, body and parameters.
fn problems(route: &RouteInfo) -> Vec<ErrorCode> {
    let Operation {
        body,
        query,
        problems,
        ..
    } = &route.operation;
    let mut all = problems.clone();
    match route.access {
        Access::Public => {}
        Access::Shopper => all.push(code::UNKNOWN_HOST),
        Access::Staff(_) => {
            all.extend([
                code::UNAUTHORIZED,
                code::FORBIDDEN,
                code::WRONG_TENANT,
                code::UNKNOWN_HOST,
            ]);
        }
        Access::Operator => all.extend([code::UNAUTHORIZED, code::FORBIDDEN]),
    }
    if path_parameters(route.path).next().is_some() {
        all.push(code::NOT_FOUND);
    }
    if body.is_some() && route.method != Method::GET {
        all.push(code::PAYLOAD_TOO_LARGE);
        if route.operation.body_type == "application/json" {
            all.extend([
                code::MALFORMED_JSON,
                code::UNSUPPORTED_MEDIA_TYPE,
                code::INVALID_REQUEST,
            ]);
        }
    }
    if query.is_some() {
        all.push(code::INVALID_REQUEST);
    }
    all
}
