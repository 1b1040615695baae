//! Themes as merchants upload them: honest ones, and such as wear a shop down.

use crate::files::archive;

/// What each is called, and what it does where it is not being looked at: its samples are of a shop of
/// another name.
pub const HOSTILE_THEMES: [(&str, &str); 5] = [
    (
        "an endless loop",
        "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}\
         {{ c|plus(b)|times(a) }}{% endfor %}{% endfor %}{% endfor %}",
    ),
    (
        "huge output",
        "{% for a in range(10000) %}<p>XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\
         XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\
         XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX</p>\
         {% endfor %}",
    ),
    (
        "deep recursion",
        "{% macro deep(n) %}{{ deep(n|plus(1)) }}{% endmacro %}{{ deep(0) }}",
    ),
    (
        "filters over filters",
        "{% set a = \"aaaaaaaaaaaaaaaa\" %}{% for i in range(10000) %}\
         {% set b = a|replace(\"a\", \"aaaaaaaaaaaaaaaa\")|replace(\"a\", \"aaaaaaaaaaaaaaaa\")\
         |replace(\"a\", \"aaaaaaaaaaaaaaaa\")|replace(\"aaaa\", \"b\")|split(\"b\")|join(\"a\") %}\
         {{ b|length }}{% endfor %}",
    ),
    ("itself, included", "{% include \"again.html\" %}"),
];

/// A theme whose pages hold `mark`, and do `harm` to every shop but that of the samples.
pub fn theme(name: &str, mark: &str, harm: &str) -> Vec<u8> {
    let toml = format!("name = \"{name}\"\nversion = \"1\"\n");
    let page = |extra: &str| {
        format!(
            "{{% extends \"base.html\" %}}{{% block main %}}<p>{mark}</p>{extra}{{% endblock %}}"
        )
    };
    let harmed = page(&format!(
        "{{% if frame.shop_name != \"Marram\" %}}{harm}{{% endif %}}"
    ));
    archive(&[
        ("theme.toml", toml.as_bytes()),
        ("templates/home.html", harmed.as_bytes()),
        ("templates/search.html", harmed.as_bytes()),
        ("templates/collection.html", harmed.as_bytes()),
        ("templates/again.html", b"{% include \"again.html\" %}"),
    ])
}
