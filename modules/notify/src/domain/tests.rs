//! Letters word by word, what templates may do, and when a send is tried again.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{ExpectFile, expect_file};
use stoa_kernel::{Currency, Money};

use super::*;

fn rendered(kind: Kind, language: Language, full: bool) -> Letter {
    let letters = Letters::new();
    let [all, least] = samples(kind, language, &letters.words(language));
    let view = if full { all } else { least };
    let made = Engine::new().render(letters.source(kind, language), &view);
    made.expect("a letter")
}

fn check(language: Language, expected: &ExpectFile) {
    let mut text = String::new();
    for &kind in Kind::ALL {
        for (name, full) in [("full", true), ("least", false)] {
            let letter = rendered(kind, language, full);
            let head = format!("== {} ({name})", kind.as_str());
            writeln!(text, "{head}\n{}\n\n{}\n", letter.subject, letter.text).expect("a text");
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn every_letter_reads_well_in_english() {
    check(Language::English, &expect_file!["tests/en.txt"]);
}

#[test]
fn every_letter_reads_well_in_german() {
    check(Language::German, &expect_file!["tests/de.txt"]);
}

#[test]
fn every_letter_reads_well_in_french() {
    check(Language::French, &expect_file!["tests/fr.txt"]);
}

#[test]
fn a_confirmation_in_html_is_a_table_that_works_in_the_dark() {
    let letter = rendered(Kind::OrderConfirmation, Language::English, true);
    expect_file!["tests/order_confirmation.html"].assert_eq(&letter.html);
}

#[test]
fn html_says_what_the_text_says_and_escapes_it() {
    for language in Language::ALL {
        for &kind in Kind::ALL {
            let letter = rendered(kind, language, true);
            let html = &letter.html;
            let escaped = letter.subject.replace('&', "&amp;");
            assert!(
                html.contains(&format!("<title>{escaped}</title>")),
                "{html}"
            );
            assert!(html.contains("Tea &amp; More"), "{html}");
            assert!(
                !html.contains("Tea & More") && !html.contains("Cup & saucer"),
                "{html}"
            );
            for line in letter.text.lines().filter(|line| line.ends_with("EUR")) {
                let amount = line.rsplit(": ").next().expect("an amount");
                assert!(html.contains(&format!(">{amount}</td>")), "{amount} {html}");
            }
            assert_eq!(
                html.matches("<table").count(),
                html.matches("</table>").count()
            );
            assert_eq!(html.matches("<tr").count(), html.matches("</tr>").count());
            assert!(!html.contains("[[") && !html.contains("{{"), "{html}");
        }
    }
}

#[test]
fn every_built_in_letter_is_one_a_merchant_could_write() {
    let (letters, engine) = (Letters::new(), Engine::new());
    for language in Language::ALL {
        for &kind in Kind::ALL {
            let checked = engine.check(letters.source(kind, language));
            assert_eq!(checked, Ok(()), "{} {}", kind.as_str(), language.as_str());
        }
    }
}

fn refusal(text: &str) -> (Option<usize>, String) {
    let source = Source {
        subject: String::new(),
        text: text.to_owned(),
        html: String::new(),
    };
    let engine = Engine::new();
    let words = Letters::new().words(Language::English);
    let [view, _] = samples(Kind::OrderShipped, Language::English, &words);
    let refused = match engine.check(&source) {
        Ok(()) => engine.render(&source, &view).expect_err(text),
        Err(refused) => refused,
    };
    assert_eq!(refused.field, "text");
    (refused.line, refused.reason)
}

#[test]
fn a_template_cannot_do_more_than_say_something() {
    let forbidden = |what: &str| (Some(2), format!("{what} cannot be used in a mail"));
    for (text, what) in [
        ("\n{% set x = 1 %}", "`set`"),
        ("\n{% set x %}y{% endset %}", "`set`"),
        ("\n{% with x = 1 %}{% endwith %}", "`with`"),
        ("\n{% macro x() %}{% endmacro %}", "`macro`"),
        ("\n{% include 'secrets' %}", "`include`"),
        ("\n{% extends 'secrets' %}", "`extends`"),
        ("\n{% import 'secrets' as x %}", "`import`"),
        ("\n{% block x %}{% endblock %}", "`block`"),
        ("\n{% filter upper %}{% endfilter %}", "`filter`"),
        (
            "\n{% autoescape false %}{% endautoescape %}",
            "`autoescape`",
        ),
        ("\n{% do x() %}", "`do`"),
        ("\n{{ range(3) }}", "a call"),
        ("\n{{ name.upper() }}", "a call"),
        ("\n{{ 'x' * 1000000000 }}", "arithmetic"),
        ("\n{{ 2 ** 9 }}", "arithmetic"),
        ("\n{{ -order.number }}", "arithmetic"),
        (
            "\n{{ name|replace('a', 'aaaaaaaaaa') }}",
            "the filter `replace`",
        ),
        ("\n{{ name|safe }}", "the filter `safe`"),
        ("\n{{ '%999999999d'|format(1) }}", "the filter `format`"),
        ("\n{{ name|indent(999999999) }}", "the filter `indent`"),
        ("\n{{ name|join(name) }}", "the filter `join`"),
        ("\n{{ [name, name] }}", "a list"),
        ("\n{{ {'a': name} }}", "a map"),
        ("\n{{ name[1:] }}", "a slice"),
        (
            "\n{% for a, b in order.lines %}{% endfor %}",
            "a loop over more than one name",
        ),
        (
            "\n{% for a in order.lines recursive %}{% endfor %}",
            "a recursive loop",
        ),
        (
            "\n{{ 'y' if name is startingwith('x') }}",
            "the test `startingwith`",
        ),
        ("\n{{ name|default(range(3)) }}", "a call"),
    ] {
        assert_eq!(refusal(text), forbidden(what), "{text}");
    }
}

#[test]
fn a_template_has_an_end() {
    let word = "abcdefghijklmnopqrstuvwxyz".repeat(10);
    let looped = |inner: &str| {
        let head = format!("{{% for a in '{word}' %}}");
        let tail = "{% endfor %}";
        format!("{head}{head}{inner}{tail}{tail}")
    };
    let (_, reason) = refusal(&looped(&looped("")));
    assert_eq!(reason, "takes too long");
    let (_, reason) = refusal(&looped(&"long ".repeat(20)));
    assert_eq!(reason, "writes more than 262144 bytes");
    let (line, reason) = refusal("\n\n{{ nothing }}");
    assert_eq!((line, reason.as_str()), (Some(3), "undefined value"));
}

#[test]
fn an_amount_is_written_as_the_language_does_with_the_currencys_decimals() {
    let amount = |units, code: &str, language: Language| {
        let currency: Currency = code.parse().expect("a currency");
        language.money(Money::new(units, currency))
    };
    assert_eq!(
        amount(123_456_789, "EUR", Language::English),
        "1,234,567.89 EUR"
    );
    assert_eq!(amount(-123_456, "EUR", Language::German), "-1.234,56 EUR");
    assert_eq!(
        amount(123_456, "EUR", Language::French),
        "1\u{a0}234,56 EUR"
    );
    assert_eq!(amount(123_456, "JPY", Language::English), "123,456 JPY");
    assert_eq!(amount(1_234, "KWD", Language::German), "1,234 KWD");
    assert_eq!(amount(5, "EUR", Language::English), "0.05 EUR");
}

#[test]
fn a_locale_falls_back_to_its_language_and_then_to_english() {
    assert_eq!(Language::of("de-AT"), Language::German);
    assert_eq!(Language::of("es"), Language::English);
    assert_eq!(candidates("de-AT"), ["de-AT", "de"]);
    for (text, sound) in [
        ("de", true),
        ("gsw-CH", true),
        ("de-at", false),
        ("DE", false),
        ("d", false),
        ("de-AT-x", false),
        ("", false),
    ] {
        assert_eq!(is_locale(text), sound, "{text}");
    }
}

#[test]
fn a_send_is_tried_again_over_a_day_and_then_no_more() {
    let mut sum = Duration::ZERO;
    for tried in 1..TRIES_MAX {
        let pause = next_try(tried, 0).expect("another attempt");
        let jittered = next_try(tried, u128::MAX).expect("another attempt");
        assert!(jittered >= pause && jittered <= pause * 11 / 10, "{tried}");
        sum += pause;
    }
    assert_eq!(sum, Duration::from_secs(30 * 3_600 + 21 * 60));
    assert_eq!(next_try(TRIES_MAX, 0), None);
}

#[test]
fn a_header_stays_one_line() {
    assert_eq!(one_line("Acme\r\nBcc: x"), "Acme  Bcc: x");
}
