//! A browser without script: keeps cookies by path, sends forms, follows nothing by itself.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use stoa_rest::Front;
use tower::ServiceExt as _;

use crate::html::{attribute, between, tags};

pub(crate) struct Browser {
    router: Front,
    host: &'static str,
    /// Name to value and path.
    cookies: BTreeMap<String, (String, String)>,
    /// Sent with every request.
    extra: Vec<(&'static str, String)>,
}

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location").to_owned()
    }
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let all = self.headers.get_all("set-cookie").iter();
        all.map(|value| value.to_str().expect("ASCII")).collect()
    }
    /// The fields of the form that `start` opens, as the browser would send them.
    pub(crate) fn form(&self, start: &str) -> Vec<(String, String)> {
        let form = between(&self.body, start, "</form>");
        let mut fields = Vec::new();
        for input in tags(form, "input") {
            let radio = attribute(input, "type") == Some("radio");
            if radio && !input.contains(" checked") {
                continue;
            }
            let value = attribute(input, "value").unwrap_or_default();
            let name = attribute(input, "name").expect("a name");
            fields.push((name.to_owned(), unescaped(value)));
        }
        fields
    }
}

pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// `fields` with other values for some.
pub(crate) fn with(
    mut fields: Vec<(String, String)>,
    changed: &[(&str, &str)],
) -> Vec<(String, String)> {
    for (name, value) in changed {
        match fields.iter_mut().find(|field| field.0 == *name) {
            Some(field) => field.1 = (*value).to_owned(),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    fields
}

impl Browser {
    pub(crate) fn new(router: &Front, host: &'static str) -> Self {
        Self {
            router: router.clone(),
            host,
            cookies: BTreeMap::new(),
            extra: Vec::new(),
        }
    }

    pub(crate) fn always(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies
            .insert(name.to_owned(), (value.to_owned(), "/".to_owned()));
    }
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(|(value, _)| value.as_str())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.get_with(path, &[("accept", "text/html,*/*;q=0.8")])
            .await
    }

    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Page {
        let mut request = self.request("GET", path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    /// Sends a form as one of our own pages does.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Page {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.post_with(path, fields, &headers).await
    }

    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        fields: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = self
            .request("POST", path)
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(request.body(Body::from(body)).expect("a request"))
            .await
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let path_only = path.split('?').next().unwrap_or(path);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|(_, (_, under))| path_only.starts_with(under.as_str()))
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.extra {
            request = request.header(*name, value);
        }
        request
    }

    async fn send(&mut self, request: Request<Body>) -> Page {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 22).await.expect("a body");
        for line in parts.headers.get_all("set-cookie") {
            self.keep(line.to_str().expect("ASCII"));
        }
        Page {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).expect("UTF-8"),
        }
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a pair");
        let path = parts
            .clone()
            .find_map(|part| part.strip_prefix("Path="))
            .expect("a path");
        if parts.any(|part| part == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies
                .insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
    }
}
