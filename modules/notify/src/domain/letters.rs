//! The built-in letters, written once per language in a small notation and made into subject, text
//! and HTML. Reads no files: everything is compiled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::Source;
use super::kind::Kind;
use super::language::Language;
use super::view::Words;

const LAYOUT: &str = include_str!("../../templates/layout.html");
const PARTS: [(&str, &str, &str); 4] = [
    (
        "order",
        include_str!("../../templates/parts/order.txt"),
        include_str!("../../templates/parts/order.html"),
    ),
    (
        "shipment",
        include_str!("../../templates/parts/shipment.txt"),
        include_str!("../../templates/parts/shipment.html"),
    ),
    (
        "cart",
        include_str!("../../templates/parts/cart.txt"),
        include_str!("../../templates/parts/cart.html"),
    ),
    (
        "low_stock",
        include_str!("../../templates/parts/low_stock.txt"),
        include_str!("../../templates/parts/low_stock.html"),
    ),
];

/// Every built-in letter in every language, and the words its tables use.
pub(crate) struct Letters {
    books: Vec<Book>,
}

struct Book {
    language: Language,
    words: Words,
    letters: BTreeMap<&'static str, Source>,
}

impl Letters {
    pub(crate) fn new() -> Self {
        let books = Language::ALL.into_iter().map(|language| {
            let text = match language {
                Language::English => include_str!("../../templates/en.letters"),
                Language::German => include_str!("../../templates/de.letters"),
                Language::French => include_str!("../../templates/fr.letters"),
            };
            book(language, text)
        });
        Self {
            books: books.collect(),
        }
    }

    pub(crate) fn words(&self, language: Language) -> Words {
        self.book(language).words.clone()
    }

    pub(crate) fn source(&self, kind: Kind, language: Language) -> &Source {
        let letters = &self.book(language).letters;
        letters
            .get(kind.as_str())
            .expect("each language has each letter, as the tests of this module show")
    }

    fn book(&self, language: Language) -> &Book {
        let found = self.books.iter().find(|book| book.language == language);
        found.expect("each language has a book: they are made from the list of languages")
    }
}

/// Sections open with `== name`: one of words, the others a letter each.
fn book(language: Language, text: &'static str) -> Book {
    let mut words = BTreeMap::new();
    let mut letters = BTreeMap::new();
    for section in text.split("\n== ") {
        let section = section.strip_prefix("== ").unwrap_or(section);
        let (name, body) = section.split_once('\n').unwrap_or((section, ""));
        if name == "words" {
            let pairs = body.lines().filter_map(|line| line.split_once(": "));
            words.extend(pairs.map(|(key, word)| (key.to_owned(), word.to_owned())));
        } else {
            letters.insert(name, letter(language, body));
        }
    }
    Book {
        language,
        words: Arc::new(words),
        letters,
    }
}

/// `subject:`, `# heading`, `@note`, `@button URL | label`, `@part`, template tags, or a paragraph.
fn letter(language: Language, body: &str) -> Source {
    let (mut subject, mut text, mut html) = (String::new(), String::new(), String::new());
    let mut say = |plain: String, marked: String| {
        text.push_str(&plain);
        html.push_str(&marked);
    };
    for line in body.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("subject: ") {
            rest.clone_into(&mut subject);
        } else if line.starts_with("{%") {
            say(format!("{line}\n"), format!("{line}\n"));
        } else if let Some(rest) = line.strip_prefix("# ") {
            say(format!("{rest}\n\n"), element("h1", HEADING, rest));
        } else if let Some(rest) = line.strip_prefix("@note ") {
            say(format!("{rest}\n\n"), element("p", NOTE, rest));
        } else if let Some(rest) = line.strip_prefix("@button ") {
            let (url, label) = rest.split_once(" | ").unwrap_or((rest, rest));
            say(format!("{label}: {url}\n\n"), button(url, label));
        } else if let Some(name) = line.strip_prefix('@') {
            let part = PARTS.iter().find(|(known, ..)| *known == name);
            let (_, plain, marked) = part.expect("a letter names parts that there are");
            say((*plain).to_owned(), (*marked).to_owned());
        } else {
            say(format!("{line}\n\n"), element("p", PARAGRAPH, line));
        }
    }
    let html = LAYOUT
        .replace("[[lang]]", language.as_str())
        .replace("[[content]]\n", &html);
    Source {
        subject,
        text,
        html,
    }
}

const HEADING: &str =
    r#"class="ink" style="margin:0 0 16px;color:#22201d;font-size:24px;line-height:1.25""#;
const PARAGRAPH: &str = r#"class="ink" style="margin:0 0 20px;color:#22201d""#;
const NOTE: &str = r#"class="note" style="margin:0 0 20px;padding:10px 14px;background:#fdf3d7;color:#22201d;border-radius:8px;white-space:pre-line""#;

fn element(tag: &str, style: &str, inside: &str) -> String {
    format!("<{tag} {style}>{inside}</{tag}>\n")
}

fn button(url: &str, label: &str) -> String {
    let style = "display:inline-block;padding:11px 20px;background:#22201d;color:#ffffff;\
                 border-radius:8px;text-decoration:none";
    format!(
        "<p style=\"margin:24px 0 0\"><a class=\"button\" href=\"{url}\" style=\"{style}\">{label}</a></p>\n"
    )
}
