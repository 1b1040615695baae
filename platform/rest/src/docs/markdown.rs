//! The little Markdown that our own pages use: headings, paragraphs, lists, fences, code, bold.
//! Not for text from anyone else, though everything is escaped all the same.

/// `text` as HTML.
pub(super) fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("# ") {
            html.push_str(&format!("<h1>{}</h1>\n", inline(heading)));
        } else if let Some(heading) = line.strip_prefix("## ") {
            html.push_str(&format!("<h2>{}</h2>\n", inline(heading)));
        } else if line.starts_with("```") {
            html.push_str("<pre>");
            for code in lines.by_ref().take_while(|code| !code.starts_with("```")) {
                html.push_str(&escape(code));
                html.push('\n');
            }
            html.push_str("</pre>\n");
        } else if line.starts_with("- ") {
            html.push_str("<ul>\n");
            let mut item = Some(line);
            while let Some(text) = item.and_then(|line| line.strip_prefix("- ")) {
                html.push_str(&format!("<li>{}</li>\n", inline(text)));
                item = lines.next_if(|next| next.starts_with("- "));
            }
            html.push_str("</ul>\n");
        } else if !line.trim().is_empty() {
            let mut paragraph = line.to_owned();
            while let Some(next) = lines.next_if(|next| continues(next)) {
                paragraph.push(' ');
                paragraph.push_str(next);
            }
            html.push_str(&format!("<p>{}</p>\n", inline(&paragraph)));
        }
    }
    html
}

fn continues(line: &str) -> bool {
    !line.trim().is_empty()
        && !["#", "- ", "```"]
            .iter()
            .any(|start| line.starts_with(start))
}

/// Code and bold; each mark opens and closes in turn.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str(&format!("<code>{}</code>", escape(part)));
            continue;
        }
        for (index, part) in part.split("**").enumerate() {
            match index % 2 {
                1 => html.push_str(&format!("<strong>{}</strong>", escape(part))),
                _ => html.push_str(&escape(part)),
            }
        }
    }
    html
}

pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_html() {
        let text =
            "# a_code\n\nStatus **404**, see `<x>`\nand on.\n\n- one\n- two\n\n```\na < b\n```\n";
        assert_eq!(
            to_html(text),
            concat!(
                "<h1>a_code</h1>\n",
                "<p>Status <strong>404</strong>, see <code>&lt;x&gt;</code> and on.</p>\n",
                "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n",
                "<pre>a &lt; b\n</pre>\n"
            )
        );
    }
}
