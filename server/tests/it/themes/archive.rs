//! Themes as merchants upload them: honest ones, hostile ones, and archives that are traps.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// What a hostile theme does where it is not being looked at: its samples are of a shop of another
/// name.
pub(super) const HOSTILE: [(&str, &str); 5] = [
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
pub(super) fn theme(name: &str, mark: &str, harm: &str) -> Vec<u8> {
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

/// Archives that reach for what is not theirs.
pub(super) fn traps() -> Vec<(&'static str, Vec<u8>)> {
    let manifest: (&str, &[u8]) = ("theme.toml", b"name = \"Trap\"\nversion = \"1\"\n");
    let with = |name: &'static str| (name, archive(&[manifest, (name, b"x")]));
    vec![
        with("../../../../tmp/outside.html"),
        with("templates/../../outside.html"),
        with("/etc/outside.html"),
        with("templates\\..\\outside.html"),
        with("assets/run.exe"),
        with("templates/checkout.html"),
        (
            "twice",
            archive(&[
                manifest,
                ("templates/home.html", b"x"),
                ("templates/home.html", b"y"),
            ]),
        ),
        (
            "a bomb",
            archive(&[manifest, ("assets/theme.css", &[b' '; 8 << 20])]),
        ),
    ]
}

/// As any program packs it.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let long = |bytes: usize| u32::try_from(bytes).expect("small").to_le_bytes();
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory");
        let packed = encoder.finish().expect("memory");
        let at = long(archive.len());
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(long(packed.len()));
        common.extend(long(bytes.len()));
        common.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at);
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).expect("few").to_le_bytes();
    let start = long(archive.len());
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count);
    archive.extend(count);
    archive.extend(long(directory.len()));
    archive.extend(start);
    archive.extend([0, 0]);
    archive
}
