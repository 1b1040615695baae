//! Themes that mean ill, each held to its own page.

use std::time::{Duration, Instant};

use minijinja::value::Value;
use stoa_contracts::themes::{ThemeEngine as _, ThemeFailureKind, ThemeFault, ThemeSource};

use super::engine::PageMaker;
use super::uploaded::{Uploaded, settings_css};
use crate::assets::Assets;
use crate::words::Language;

fn source(templates: &[(&str, &str)]) -> ThemeSource {
    let all = templates
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    ThemeSource {
        digest: "d1".to_owned(),
        templates: all.collect(),
        assets: vec!["theme.css".to_owned(), "img/hero.webp".to_owned()],
        ..ThemeSource::default()
    }
}

fn faults(templates: &[(&str, &str)]) -> Vec<ThemeFault> {
    match Uploaded::compile(&source(templates), &Assets::new()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    }
}

/// What the page `home.html` is, with `query` as a shopper typed it.
fn rendered(templates: &[(&str, &str)]) -> Result<String, stoa_contracts::themes::ThemeFailure> {
    let theme = Uploaded::compile(&source(templates), &Assets::new())
        .unwrap_or_else(|faults| panic!("{faults:?}"));
    let view = Value::from_pairs([
        ("query", Value::from("<script>alert(1)</script>")),
        ("body_html", Value::from("<p>fine</p>")),
        ("list", Value::from(vec![1, 2, 3])),
    ]);
    theme.render("home.html", Language::English, view)
}

fn home(text: &str) -> Result<String, stoa_contracts::themes::ThemeFailure> {
    rendered(&[("home.html", text)])
}

/// Every limit ends a page long before its second is over, and says where.
#[track_caller]
fn stopped(templates: &[(&str, &str)]) -> stoa_contracts::themes::ThemeFailure {
    let began = Instant::now();
    let failure = rendered(templates).expect_err("it is stopped");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?} {failure:?}");
    assert_ne!(failure.kind, ThemeFailureKind::Error, "{failure:?}");
    failure
}

#[test]
fn a_loop_without_end_is_stopped() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let failure = stopped(&[("home.html", nested)]);
    assert_eq!(failure.kind, ThemeFailureKind::Limit);
    assert_eq!(
        (failure.file.as_str(), failure.line),
        ("home.html", Some(1))
    );
    let idle = "\n\n{% for a in range(9999) %}{% if a == 10000 %}x{% endif %}{% for b in list %}{% endfor %}{% endfor %}";
    assert_eq!(stopped(&[("home.html", idle)]).line, Some(3));
}

#[test]
fn a_range_without_end_is_refused_at_once() {
    for text in [
        "{% for a in range(1000000000) %}{% endfor %}",
        "{% for a in range(0, 9000000000000000000) %}{% endfor %}",
        "{{ range(-9000000000000000000, 9000000000000000000)|length }}",
        "{{ range(0, 5, 0)|length }}",
    ] {
        assert!(home(text).is_err(), "{text}");
    }
}

#[test]
fn a_text_cannot_double_itself() {
    // By syntax: what could double unseen does not compile.
    for text in [
        "{% set x = 'a' %}{% set x = x ~ x %}",
        "{% set x = 'a' %}{% set x = x + x %}",
        "{{ 'a' * 1000000000 }}",
        "{% set x = 'a' * 10 %}",
        "{{ 2 ** 100000 }}",
        "{% set x = [1] %}{% set x = [x, x] %}",
        "{% set x = {'a': list} %}",
        "{% macro m(x) %}{% endmacro %}{{ m(query ~ query) }}",
        "{% if query ~ query == '' %}{% endif %}",
        "{% set x %}{% endset %}{{ x[::2] }}",
        "{{ 'x' in query }}",
        "{% for a in list recursive %}{{ loop(list) }}{% endfor %}",
        "{{ query|pprint }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ list|batch(1000000000) }}",
        "{{ list|slice(1000000000) }}",
        "{{ query|indent(1000000000) }}",
        "{{ dict(a=list) }}{{ list|zip(list) }}",
        "{% do list.append(list) %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ m(*list) }}",
    ] {
        let found = faults(&[("home.html", text)]);
        assert!(!found.is_empty(), "{text}");
        assert_eq!(found[0].line, Some(1), "{text}");
    }
    // By charge: what is joined, captured or filtered is counted.
    let captured = format!(
        "{{% set x %}}aaaaaaaa{{% endset %}}{}",
        "{% set x %}{{ x }}{{ x }}{% endset %}".repeat(40)
    );
    stopped(&[("home.html", &captured)]);
    let macros = "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}";
    let nested = format!(
        "{macros}{{{{ {}'aaaaaaaa'{} }}}}",
        "d(".repeat(24),
        ")".repeat(24)
    );
    stopped(&[("home.html", &nested)]);
    let appended = format!(
        "{{% set x = 'aaaaaaaa' %}}{}",
        "{% set x = x|append(x) %}".repeat(40)
    );
    stopped(&[("home.html", &appended)]);
    let replaced = format!(
        "{{% set x = 'aaaaaaaa' %}}{}",
        "{% set x = x|replace('a', 'aaaa') %}".repeat(20)
    );
    stopped(&[("home.html", &replaced)]);
    let told = format!(
        "{{% set x = 'a{{x}}{{x}}' %}}{}",
        "{% set x = t(x, x=x) %}".repeat(40)
    );
    stopped(&[("home.html", &told)]);
}

#[test]
fn plain_text_costs_by_its_length_wherever_it_goes() {
    let text = "lorem ipsum dolor ".repeat(3_000);
    let captured =
        format!("{{% set x %}}{{% for a in range(9999) %}}{text}{{% endfor %}}{{% endset %}}");
    assert_eq!(
        stopped(&[("home.html", &captured)]).kind,
        ThemeFailureKind::Limit
    );
    let spaces = " ".repeat(50_000);
    let blank =
        format!("{{% set x %}}{{% for a in range(9999) %}}{spaces}{{% endfor %}}{{% endset %}}");
    assert_eq!(
        stopped(&[("home.html", &blank)]).kind,
        ThemeFailureKind::Limit
    );
    let raw = faults(&[("home.html", "{% raw %}aaaa{% endraw %}")]);
    assert_eq!(raw[0].reason, "`raw` cannot be used in a theme");
}

#[test]
fn a_page_larger_than_may_be_is_stopped() {
    let text = "lorem ipsum dolor ".repeat(1_000);
    let large = format!("{{% for a in range(200) %}}{text}{{% endfor %}}");
    let failure = stopped(&[("home.html", &large)]);
    assert_eq!(failure.reason, "writes more than 1048576 bytes");
}

#[test]
fn going_round_in_circles_ends() {
    let macros = "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}";
    stopped(&[("home.html", macros)]);
    stopped(&[("home.html", "{% include 'home.html' %}")]);
    stopped(&[
        ("home.html", "{% include 'a.html' %}"),
        ("a.html", "{% include 'home.html' %}"),
    ]);
    for circle in [
        [("home.html", "{% extends 'home.html' %}"), ("a.html", "")],
        [
            ("home.html", "{% extends 'a.html' %}"),
            ("a.html", "{% extends 'home.html' %}"),
        ],
        [
            ("home.html", "{% from 'a.html' import x %}"),
            ("a.html", "{% from 'home.html' import x %}"),
        ],
    ] {
        assert!(rendered(&circle).is_err(), "{circle:?}");
    }
}

#[test]
fn what_nests_too_deep_is_refused_before_it_is_parsed() {
    let filters = format!("{{{{ query{} }}}}", "|e".repeat(50_000));
    let dots = format!("{{{{ query{} }}}}", ".a".repeat(50_000));
    let joined = format!("{{{{ query{} }}}}", " ~ 'a'".repeat(100));
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
    let minus = format!("{{{{ {}1 }}}}", "not ".repeat(5_000));
    let ifs = "{% if list %}".repeat(5_000) + &"{% endif %}".repeat(5_000);
    let elifs = "{% if list %}".to_owned() + &"{% elif list %}".repeat(5_000) + "{% endif %}";
    for text in [filters, dots, joined, parens, minus, ifs, elifs] {
        assert!(
            !faults(&[("home.html", &text)]).is_empty(),
            "{}",
            &text[..40]
        );
    }
    let open = "{% for a in list %}".repeat(140) + &"{% endfor %}".repeat(140);
    // Deep, but parsed: it must not overflow either.
    let _ = faults(&[("home.html", &open)]);
}

#[test]
fn nothing_but_the_theme_and_the_built_in_templates_can_be_named() {
    for name in [
        "../home.html",
        "/etc/passwd",
        "..\\theme.toml",
        "file:///etc/passwd",
        "other-shop/home.html",
        "ten_00000000000000000000000001/home.html",
        "templates/home.html",
        "assets/theme.css",
    ] {
        for tag in ["include", "extends", "import"] {
            let alias = if tag == "import" { " as x" } else { "" };
            let text = format!("{{% {tag} {name:?}{alias} %}}");
            let failure = home(&text).expect_err("there is no such template");
            assert_eq!(failure.kind, ThemeFailureKind::Error, "{text}");
        }
    }
    for path in [
        "../theme.css",
        "/etc/passwd",
        "img/../theme.css",
        "other.css",
        "//evil.test/x.css",
    ] {
        assert!(
            home(&format!("{{{{ asset_url({path:?}) }}}}")).is_err(),
            "{path}"
        );
    }
    let known = home("{{ asset_url('img/hero.webp') }}").expect("its own asset");
    assert_eq!(known, "/assets/themes/d1/img/hero.webp");
    for text in [
        "{{ env }}",
        "{{ debug() }}",
        "{{ namespace() }}",
        "{{ lipsum() }}",
        "{{ self.__class__ }}",
    ] {
        assert!(home(text).is_err(), "{text}");
    }
}

#[test]
fn what_shoppers_type_never_becomes_markup() {
    assert_eq!(
        home("{{ query }}|{{ query|upper|lower }}|{{ query|replace('x', 'y') }}").expect("a page"),
        ["&lt;script&gt;alert(1)&lt;/script&gt;"; 3].join("|")
    );
    assert_eq!(
        home("{% set x %}{{ query }}{% endset %}{{ x }}").expect("a page"),
        "&lt;script&gt;alert(1)&lt;/script&gt;"
    );
    assert_eq!(home("{{ body_html|safe }}").expect("a page"), "<p>fine</p>");
    for text in [
        "{{ query|safe }}",
        "{% set x_html = query %}{{ x_html|safe }}",
        "{% macro m(x_html) %}{{ x_html|safe }}{% endmacro %}{{ m(query) }}",
        "{% for x_html in [query] %}{{ x_html|safe }}{% endfor %}",
        "{% with x_html = query %}{{ x_html|safe }}{% endwith %}",
        "{{ {'x_html': query}.x_html|safe }}",
        "{{ list['x_html']|safe }}",
        "{{ (query)|safe }}",
        "{% autoescape false %}{{ query }}{% endautoescape %}",
    ] {
        assert!(!faults(&[("home.html", text)]).is_empty(), "{text}");
    }
    let json =
        home("<script type=\"application/json\">{{ query|tojson }}</script>").expect("a page");
    assert_eq!(json.matches("</script>").count(), 1);
    assert!(home("{{ list }}").is_err(), "lists are not written");
}

#[test]
fn pages_that_take_money_stay_the_built_in_ones() {
    for name in [
        "checkout.html",
        "pay.html",
        "order.html",
        "waiting.html",
        "mail.html",
    ] {
        let found = faults(&[(name, "<script src=\"https://evil.test/x.js\"></script>")]);
        assert_eq!(
            found[0].reason, "is always the built-in one: leave it out",
            "{name}"
        );
    }
}

#[test]
fn settings_become_a_style_sheet_that_cannot_be_broken_out_of() {
    use stoa_contracts::themes::SettingValue;
    let mut theme = source(&[]);
    theme.colours = vec!["accent".to_owned()];
    theme.settings = [
        ("accent".to_owned(), SettingValue::Text("#a30".to_owned())),
        (
            "slogan".to_owned(),
            SettingValue::Text("}body{display:none".to_owned()),
        ),
        ("grid_columns".to_owned(), SettingValue::Number(4)),
    ]
    .into();
    let (address, css) = settings_css(&theme);
    assert_eq!(css, ":root{--accent:#a30;--grid-columns:4;}");
    assert!(address.starts_with("/assets/themes/d1/_settings/") && address.ends_with(".css"));
}

#[test]
fn the_built_in_theme_uploaded_again_is_accepted() {
    let maker = PageMaker::new();
    let mut again = source(&[]);
    for (path, bytes) in maker.built_in() {
        let text = String::from_utf8(bytes).expect("text");
        if let Some(name) = path.strip_prefix("templates/") {
            again.templates.insert(name.to_owned(), text);
        }
    }
    assert!(again.templates.len() > 5);
    assert_eq!(maker.check(&again), Vec::new());
    assert_eq!(
        maker.check(&source(&[])),
        Vec::new(),
        "nor does one without templates"
    );
}

#[test]
fn an_upload_is_told_every_fault_with_its_line() {
    let maker = PageMaker::new();
    let wrong = source(&[
        (
            "home.html",
            "{% extends \"base.html\" %}\n{% block main %}\n{{ nothing.here }}\n{% endblock %}",
        ),
        (
            "error.html",
            "<p>\n{% for a in range(99999999) %}{% endfor %}",
        ),
    ]);
    let told: Vec<_> = maker
        .check(&wrong)
        .into_iter()
        .map(|fault| (fault.file, fault.line))
        .collect();
    assert_eq!(
        told,
        [
            ("templates/home.html".to_owned(), Some(3)),
            ("templates/error.html".to_owned(), Some(2))
        ]
    );
    let broken = source(&[
        ("home.html", "<p>\n{% if %}"),
        ("search.html", "a\n\n{{ x|pprint }}"),
    ]);
    let told: Vec<_> = maker
        .check(&broken)
        .into_iter()
        .map(|fault| (fault.file, fault.line))
        .collect();
    assert_eq!(
        told,
        [
            ("templates/home.html".to_owned(), Some(2)),
            ("templates/search.html".to_owned(), Some(3))
        ]
    );
}
