//! Product descriptions made safe: an allow-list of tags and attributes. Never adds content.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];
/// These go with all that is inside them; other tags that are not allowed leave their text.
const TAGS_WITH_CONTENT: &[&str] = &[
    "script", "style", "iframe", "object", "embed", "noscript", "template", "title", "textarea",
    "select", "svg", "math", "audio", "video",
];
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "title"]),
    ("abbr", &["title"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("img", &["src", "alt", "width", "height"]),
    ("ol", &["start", "type", "reversed"]),
    ("td", &["colspan", "rowspan", "headers"]),
    ("th", &["colspan", "rowspan", "headers", "scope", "abbr"]),
];
const SCHEMES: &[&str] = &["http", "https", "mailto", "tel"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let attributes: HashMap<_, HashSet<_>> = ATTRIBUTES
        .iter()
        .map(|(tag, names)| (*tag, names.iter().copied().collect()))
        .collect();
    let mut builder = Builder::default();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(TAGS_WITH_CONTENT.iter().copied().collect())
        .tag_attributes(attributes)
        .generic_attributes(HashSet::from(["dir", "lang"]))
        .url_schemes(SCHEMES.iter().copied().collect())
        // A shop's own `/pages/...` links stay; schemes that are not allowed never get here.
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener nofollow"))
        .attribute_filter(|tag, name, value| match (tag, name) {
            ("img", "src") => https_only(value),
            _ => Some(Cow::Borrowed(value)),
        });
    builder
});

/// The description with only what a shop window may show.
pub fn description(html: &str) -> String {
    // Text without markup means the same before and after, and is the common case in exports.
    if !html.contains(['<', '>', '&']) {
        return html.to_owned();
    }
    CLEANER.clean(html).to_string()
}

/// Pictures over plain http would be blocked in the shop; `//host/...` takes the shop's scheme.
fn https_only(url: &str) -> Option<Cow<'_, str>> {
    let url = url.trim();
    if url.starts_with("//") {
        return Some(Cow::Owned(format!("https:{url}")));
    }
    let scheme = url.get(..8)?;
    scheme
        .eq_ignore_ascii_case("https://")
        .then_some(Cow::Borrowed(url))
}

#[cfg(test)]
mod tests {
    use super::description;

    #[test]
    fn what_can_run_is_gone() {
        let cases = [
            (
                "<p onclick=\"x()\">a</p><script>alert(1)</script>",
                "<p>a</p>",
            ),
            (
                "<style>p{}</style><p style=\"color:red\" class=\"c\" id=\"i\">a</p>",
                "<p>a</p>",
            ),
            ("<iframe src=\"https://x\">in</iframe>b", "b"),
            (
                "<a href=\"javascript:alert(1)\">c</a>",
                "<a rel=\"noopener nofollow\">c</a>",
            ),
            (
                "<a href=\" JaVaScRiPt:alert(1)\">c</a>",
                "<a rel=\"noopener nofollow\">c</a>",
            ),
            ("<img src=x onerror=alert(1)>", "<img>"),
            ("<svg><a href=\"javascript:1\">x</a></svg>d", "d"),
            ("<img src=\"data:image/svg+xml,<svg>\">", "<img>"),
            ("<form action=\"/x\"><input name=y>e</form>", "e"),
            ("<!-- c -->f", "f"),
        ];
        for (given, expected) in cases {
            assert_eq!(description(given), expected, "{given}");
        }
    }

    #[test]
    fn what_describes_a_product_stays() {
        let kept = [
            "<h2>Size</h2><ul><li><strong>M</strong></li></ul>",
            "<table><thead><tr><th scope=\"col\">cm</th></tr></thead>\
             <tbody><tr><td colspan=\"2\">1</td></tr></tbody></table>",
            "<a href=\"https://example.com/a\" rel=\"noopener nofollow\">care</a>",
            "<a href=\"/pages/size-guide\" rel=\"noopener nofollow\">sizes</a>",
            "<img src=\"https://cdn.example.com/a.jpg\" alt=\"A\">",
            "plain text, 100% cotton",
            "5 &lt; 6 &amp; 7",
        ];
        for html in kept {
            assert_eq!(description(html), html);
        }
        assert_eq!(description("<h1>Big</h1><center>c</center>"), "Bigc");
        assert_eq!(
            description(
                "<img src=\"//cdn.example.com/a.jpg\"><img src=\"http://x.example/a.jpg\">"
            ),
            "<img src=\"https://cdn.example.com/a.jpg\"><img>"
        );
    }

    #[test]
    fn cleaning_twice_changes_nothing_more() {
        let once = description("<div><p>a & b<br><a href='https://x.example'>l</a>");
        assert_eq!(description(&once), once);
    }
}
