//! The named points at which a process can be made to die, read from the sources themselves. Starts
//! nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Points that no scenario of the sweep reaches, each with its reason. One that is reached all the
/// same is no fault: some depend on who is faster.
pub(super) const OUT_OF_REACH: [(&str, &str); 10] = [
    ("payments.mark.before_call", "marking is a commit: no call"),
    ("payments.mark.after_call", "marking is a commit: no call"),
    ("notify.send.before_smtp", MAIL),
    ("notify.send.before_record", MAIL),
    ("aftersales.return.before_commit", RETURNS),
    ("aftersales.return.after_commit", RETURNS),
    ("aftersales.edit.before_commit", EDITS),
    ("aftersales.edit.after_commit", EDITS),
    ("aftersales.draft.before_commit", EDITS),
    ("aftersales.draft.after_commit", EDITS),
];
const MAIL: &str =
    "the demo shop has a mailbox and no SMTP server; no money or stock hangs on mail";
const RETURNS: &str = "goods that come back change what is on hand; the sweep holds that still";
const EDITS: &str = "another order than was placed; its money goes the ways of the sweep";

/// Modules of whose points no money, stock or order hangs; their own tests die there.
const OTHER_MATTERS: [&str; 4] = ["import.", "media.", "search.", "themes."];

/// Every point that modules and workflows name, as far as a sale goes.
pub(super) fn in_sources() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for layer in ["modules", "workflows"] {
        for crate_folder in children(&root.join(layer)) {
            collect(&crate_folder.join("src"), &mut files);
        }
    }
    let mut points = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        points.extend(named_in(&text));
    }
    points.retain(|point| !OTHER_MATTERS.iter().any(|other| point.starts_with(other)));
    points
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in children(folder) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Literals given to `hit`, literals that have the form of a point (they may be given on before
/// they are hit), and those that a macro `points!` makes of a step's name.
fn named_in(text: &str) -> BTreeSet<String> {
    let literals_after = |before: &'static str| {
        text.match_indices(before).filter_map(move |(at, _)| {
            let rest = &text[at + before.len()..];
            rest.find('"').map(|end| rest[..end].to_owned())
        })
    };
    let mut points: BTreeSet<String> = literals_after("hit(\"").collect();
    points.extend(
        text.split('"')
            .skip(1)
            .step_by(2)
            .filter(|word| is_point(word))
            .map(str::to_owned),
    );
    // `concat!("payments.", $step, ".before_call")`, once for each `points!("...")` of the file.
    for (at, _) in text.match_indices("concat!(") {
        let words: Vec<&str> = text[at..].split('"').skip(1).step_by(2).take(2).collect();
        let [before, after] = words[..] else {
            continue;
        };
        for step in literals_after("points!(\"") {
            let point = format!("{before}{step}{after}");
            points.extend(is_point(&point).then_some(point));
        }
    }
    points
}

fn is_point(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let (true, Some(last)) = (parts.len() >= 3, parts.last()) else {
        return false;
    };
    parts.iter().all(plain) && (last.starts_with("before_") || last.starts_with("after_"))
}

#[test]
fn points_are_found_however_they_are_written() {
    let text = r#"
        stoa_failpoint::hit("a.b.before_commit");
        macro_rules! points {
            ($step:literal) => {
                (concat!("payments.", $step, ".before_call"), concat!("payments.", $step, ".after_call"))
            };
        }
        Self::Capture => points!("capture"),
        desk.commit("c.d.after_commit", "not.a.point", ".before_call");
    "#;
    let expected = [
        "a.b.before_commit",
        "c.d.after_commit",
        "payments.capture.after_call",
        "payments.capture.before_call",
    ];
    let found: Vec<String> = named_in(text).into_iter().collect();
    assert_eq!(found, expected);
    let all = in_sources();
    for known in [
        "checkout.place.before_commit",
        "payments.confirm.after_call",
    ] {
        assert!(all.contains(known), "{known} is not in {all:?}");
    }
}
