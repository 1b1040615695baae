//! Every word of the pages is there in every language, and no word is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Words = BTreeMap<String, String>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(folder: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(fs::read_to_string(&path).expect("a text"));
        }
    }
    found
}

/// The literals that follow `call(`, with line breaks inside them joined.
fn literals(source: &str, call: &str) -> Vec<String> {
    source
        .match_indices(call)
        .filter(|(at, _)| {
            let before = source[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
        })
        .filter_map(|(at, _)| {
            let rest = source[at + call.len()..].trim_start().strip_prefix('"')?;
            rest.split_once('"').map(|(text, _)| text.to_owned())
        })
        .collect()
}

fn used() -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for template in files(&folder("templates"), "html") {
        used.extend(literals(&template, "t("));
    }
    for source in files(&folder("src"), "rs") {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for call in ["say(", "tell("] {
            used.extend(literals(code, call));
        }
    }
    used
}

fn table(language: &str) -> Words {
    let path = folder("locales").join(format!("{language}.toml"));
    toml::from_str(&fs::read_to_string(path).expect("a table")).expect("a table")
}

fn names(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_word_is_there_in_every_language_with_the_same_values() {
    let (german, french) = (table("de"), table("fr"));
    let used = used();
    assert!(used.len() > 200, "{} texts were found", used.len());
    for (language, table) in [("de", &german), ("fr", &french)] {
        let missing: Vec<_> = used
            .iter()
            .filter(|text| !table.contains_key(*text))
            .collect();
        assert_eq!(missing, Vec::<&String>::new(), "{language}");
        for (english, other) in table {
            assert_eq!(names(english), names(other), "{language}: {english}");
            assert!(!other.is_empty(), "{language}: {english}");
        }
    }
    assert_eq!(
        german.keys().collect::<Vec<_>>(),
        french.keys().collect::<Vec<_>>()
    );
}

#[test]
fn no_word_is_left_over() {
    let all = files(&folder("templates"), "html")
        .into_iter()
        .chain(files(&folder("src"), "rs"))
        .collect::<Vec<_>>()
        .join("\n");
    let left: Vec<_> = table("de")
        .into_keys()
        .filter(|text| !all.contains(&format!("\"{text}\"")))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
