//! The documentation as HTML, from the OpenAPI document alone: what the page says, the API says.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::ApiInfo;
use super::markdown::{escape, inline, to_html};
use crate::code::ErrorCode;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The whole reference: routes by module with their parameters and bodies, then the schemas.
pub(super) fn reference(info: &ApiInfo, document: &Value) -> String {
    let tags: Vec<&str> = list(&document["tags"])
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let (mut index, mut body) = (String::new(), String::new());
    for tag in tags {
        let _ = write!(index, "<h2>{}</h2>\n<ul>\n", escape(tag));
        let _ = writeln!(body, "<h2 id=\"tag-{0}\">{0}</h2>", escape(tag));
        for (path, method, operation) in operations(document, tag) {
            let id = escape(operation["operationId"].as_str().unwrap_or_default());
            let summary = escape(operation["summary"].as_str().unwrap_or_default());
            let _ = writeln!(
                index,
                "<li><a href=\"#{id}\"><span class=\"m {method}\">{method}</span>{summary}</a></li>"
            );
            push_operation(&mut body, (path, method), operation);
        }
        index.push_str("</ul>\n");
    }
    index.push_str("<h2>schemas</h2>\n<ul>\n");
    body.push_str("<h2 id=\"schemas\">schemas</h2>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let name = escape(name);
        let _ = writeln!(index, "<li><a href=\"#schema-{name}\">{name}</a></li>");
        let _ = writeln!(body, "<article id=\"schema-{name}\"><h3>{name}</h3>");
        push_schema(&mut body, schema);
        body.push_str("</article>\n");
    }
    index.push_str("</ul>\n");
    let (title, version) = (escape(&info.title), escape(&info.version));
    let about = inline(&info.description);
    frame(
        &info.title,
        &format!(
            "<nav aria-label=\"Contents\"><p class=\"title\"><a href=\"/docs\">{title}</a> \
             <small>{version}</small></p>\n<p><a href=\"/docs/errors\">Error codes</a> · \
             <a href=\"/api/v1/openapi.json\">OpenAPI</a></p>\n{index}</nav>\n\
             <main><h1>{title} <small>{version}</small></h1>\n<p>{about}</p>\n{body}</main>"
        ),
    )
}

/// The page of one error code.
pub(super) fn error(code: &ErrorCode, text: &str) -> String {
    frame(
        code.code,
        &format!(
            "<main class=\"alone\"><p><a href=\"/docs/errors\">Error codes</a></p>\n{}</main>",
            to_html(text)
        ),
    )
}

pub(super) fn error_index(pages: &[(ErrorCode, &'static str)]) -> String {
    let mut rows = String::new();
    for (code, _) in pages {
        let _ = writeln!(
            rows,
            "<tr><td>{status}</td><td><a href=\"/docs/errors/{name}\"><code>{name}</code></a></td><td>{title}</td></tr>",
            status = code.status,
            name = code.code,
            title = escape(code.title)
        );
    }
    frame(
        "Error codes",
        &format!(
            "<main class=\"alone\"><p><a href=\"/docs\">API reference</a></p>\n<h1>Error codes</h1>\n\
             <div class=\"scroll\"><table><thead><tr><th>Status</th><th>Code</th><th>Meaning</th></tr></thead>\
             <tbody>\n{rows}</tbody></table></div></main>"
        ),
    )
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n{body}\n</body>\n</html>\n",
        escape(title)
    )
}

fn operations<'d>(
    document: &'d Value,
    tag: &'d str,
) -> impl Iterator<Item = (&'d str, &'static str, &'d Value)> {
    entries(&document["paths"]).flat_map(move |(path, methods)| {
        METHODS.iter().filter_map(move |method| {
            let operation = methods
                .get(method)
                .filter(|operation| operation["tags"][0] == tag)?;
            Some((path.as_str(), *method, operation))
        })
    })
}

fn push_operation(html: &mut String, (path, method): (&str, &str), operation: &Value) {
    let id = escape(operation["operationId"].as_str().unwrap_or_default());
    let summary = escape(operation["summary"].as_str().unwrap_or_default());
    let _ = writeln!(
        html,
        "<article id=\"{id}\"><h3>{summary}</h3>\n<p class=\"route\"><span class=\"m {method}\">{method}</span> \
         <code>{}</code> {}</p>",
        escape(path),
        access(&operation["x-stoa-access"])
    );
    if let Some(text) = operation["description"].as_str() {
        let _ = writeln!(html, "<p>{}</p>", inline(text));
    }
    let mut rows = String::new();
    for parameter in list(&operation["parameters"]) {
        let place = parameter["in"].as_str().unwrap_or_default();
        let name = parameter["name"].as_str().unwrap_or_default();
        let required = parameter["required"] == true;
        let text = parameter["description"].as_str().unwrap_or_default();
        push_row(
            &mut rows,
            (name, required),
            &parameter["schema"],
            format!("In the {place}. {text}").trim_end(),
        );
    }
    push_table(html, "Parameters", &rows);
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        let _ = writeln!(html, "<h4>Body <small>{}</small></h4>", escape(kind));
        push_schema(html, &content["schema"]);
    }
    html.push_str("<h4>Answers</h4>\n<dl>\n");
    for (status, answer) in entries(&operation["responses"]) {
        let _ = write!(html, "<dt class=\"s{}\">{status}</dt><dd>", &status[..1]);
        let codes: Vec<&str> = list(&answer["x-stoa-codes"])
            .filter_map(Value::as_str)
            .collect();
        if codes.is_empty() {
            html.push_str(&escape(answer["description"].as_str().unwrap_or_default()));
        }
        for code in codes {
            let code = escape(code);
            let _ = write!(
                html,
                "<a href=\"/docs/errors/{code}\"><code>{code}</code></a> "
            );
        }
        for (kind, content) in entries(&answer["content"]) {
            if kind != "application/problem+json" {
                let _ = write!(
                    html,
                    " {} <small>{}</small>",
                    kind_of(&content["schema"]),
                    escape(kind)
                );
            }
        }
        html.push_str("</dd>\n");
    }
    html.push_str("</dl></article>\n");
}

fn access(access: &Value) -> String {
    let kind = escape(access["kind"].as_str().unwrap_or_default());
    let permission = access["permission"]
        .as_str()
        .map(|text| format!(" <code>{}</code>", escape(text)));
    format!(
        "<span class=\"access {kind}\">{kind}{}</span>",
        permission.unwrap_or_default()
    )
}

/// The properties of an object as a table; anything else in one line.
fn push_schema(html: &mut String, schema: &Value) {
    if let Some(text) = schema["description"].as_str() {
        let _ = writeln!(html, "<p>{}</p>", inline(text));
    }
    if schema["properties"].is_null() {
        let _ = writeln!(html, "<p>{}</p>", kind_of(schema));
        return;
    }
    let mut rows = String::new();
    for (name, property) in entries(&schema["properties"]) {
        let required = list(&schema["required"]).any(|each| each == name.as_str());
        let text = property["description"].as_str().unwrap_or_default();
        push_row(&mut rows, (name, required), property, text);
    }
    push_table(html, "", &rows);
}

fn push_row(rows: &mut String, (name, required): (&str, bool), schema: &Value, text: &str) {
    let mark = if required {
        " <span class=\"required\">required</span>"
    } else {
        ""
    };
    let _ = writeln!(
        rows,
        "<tr><td><code>{}</code>{mark}</td><td>{}</td><td>{}</td></tr>",
        escape(name),
        kind_of(schema),
        inline(text)
    );
}

fn push_table(html: &mut String, title: &str, rows: &str) {
    if rows.is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = writeln!(html, "<h4>{title}</h4>");
    }
    let _ = writeln!(
        html,
        "<div class=\"scroll\"><table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></div>"
    );
}

/// A schema in a few words: `array of Variant`, `integer 1..250`, `"draft" | "active"`.
fn kind_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        let name = escape(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for key in ["anyOf", "oneOf"] {
        if schema[key].is_array() {
            let kinds: Vec<String> = list(&schema[key]).map(kind_of).collect();
            return kinds.join(" | ");
        }
    }
    if schema["enum"].is_array() {
        let values: Vec<String> = list(&schema["enum"]).map(Value::to_string).collect();
        return escape(&values.join(" | "));
    }
    if !schema["const"].is_null() {
        return escape(&schema["const"].to_string());
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" | "),
        _ => "any".to_owned(),
    };
    if schema["items"].is_object() {
        return format!("{} of {}", escape(&name), kind_of(&schema["items"]));
    }
    let format = schema["format"]
        .as_str()
        .map(|format| format!(" ({format})"))
        .unwrap_or_default();
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(" {least}..{most}"),
        (Some(least), None) => format!(" from {least}"),
        (None, Some(most)) => format!(" up to {most}"),
        (None, None) => String::new(),
    };
    escape(&format!("{name}{format}{range}"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
