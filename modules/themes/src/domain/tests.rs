//! Archives as strangers make them.

use super::archive::{ArchiveError, unpack};
use super::pack::pack;
use super::package::Package;

const TOML: &str = "name = \"Dusk\"\nversion = \"1\"\n";

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    pack(&files).expect("an archive")
}

/// Every place where `from` stands becomes `to`, of the same length.
fn patched(mut archive: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    let mut times = 0;
    while at + from.len() <= archive.len() {
        if archive[at..at + from.len()] == *from {
            archive[at..at + from.len()].copy_from_slice(to);
            times += 1;
        }
        at += 1;
    }
    assert!(times > 0, "nothing to patch");
    archive
}

fn faults(archive: &[u8]) -> Vec<String> {
    let faults = Package::open(archive).expect_err("it is refused");
    let line = |fault: &stoa_contracts::themes::ThemeFault| {
        let at = fault
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        format!("{}{at} {}", fault.file, fault.reason)
    };
    faults.iter().map(line).collect()
}

#[test]
fn what_is_packed_comes_out_again() {
    let files: [(&str, &[u8]); 2] = [("theme.toml", TOML.as_bytes()), ("assets/a.css", b"a{}")];
    let found = unpack(&archive(&files)).expect("files");
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[1].name.as_str(), found[1].bytes.as_slice()),
        files[1]
    );
    let package = Package::open(&archive(&files)).expect("a theme");
    assert_eq!(package.manifest.name, "Dusk");
    assert_eq!(package.bytes(), TOML.len() + 3);
    let turned = Package::open(&archive(&[files[1], files[0]])).expect("a theme");
    assert_eq!(turned.digest, package.digest, "whatever order they came in");
}

#[test]
fn a_folder_around_the_theme_is_taken_off_and_desktop_files_are_passed_over() {
    let wrapped = archive(&[
        ("dusk/theme.toml", TOML.as_bytes()),
        ("dusk/assets/a.css", b"a{}"),
        ("__MACOSX/dusk/._theme.toml", b"x"),
        ("dusk/.DS_Store", b"x"),
        ("dusk/README.md", b"x"),
    ]);
    let package = Package::open(&wrapped).expect("a theme");
    let paths: Vec<_> = package
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["assets/a.css", "theme.toml"]);
}

#[test]
fn an_archive_that_inflates_endlessly_is_stopped_while_it_does() {
    let zeros = vec![0_u8; 1024 * 1024];
    let bomb = archive(&[("assets/a.ttf", &zeros)]);
    assert!(bomb.len() < 2_000);
    assert_eq!(
        faults(&bomb)[0],
        "assets/a.ttf inflates more than a hundredfold"
    );
    // Nor does it help to lie about the size.
    let size = u32::try_from(zeros.len()).expect("a size").to_le_bytes();
    let liar = patched(bomb, &size, &10_u32.to_le_bytes());
    assert_eq!(
        faults(&liar)[0],
        "assets/a.ttf inflates more than a hundredfold"
    );
    let noise = |seed: u32| {
        let mut state = seed.max(1);
        let each = (0..1_900_000).map(move |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        });
        each.collect::<Vec<u8>>()
    };
    let big = [noise(1), noise(2)].concat();
    assert_eq!(
        faults(&archive(&[("assets/a.ttf", &big)]))[0],
        "assets/a.ttf is larger than 2 MiB"
    );
    let files: Vec<_> = (0..14)
        .map(|at| (format!("assets/{at}.ttf"), noise(at + 1)))
        .collect();
    let many = pack(&files).expect("an archive");
    assert!(faults(&many)[0].ends_with("inflates to more than 25165824 bytes in all"));
}

#[test]
fn damaged_and_lying_archives_are_refused() {
    let good = archive(&[("theme.toml", TOML.as_bytes()), ("assets/a.css", b"a{}")]);
    assert_eq!(faults(b""), ["the archive is not a zip archive"]);
    assert_eq!(
        faults(&good[..good.len() - 1]),
        ["the archive is not a zip archive"]
    );
    let mut twisted = good.clone();
    twisted[40] ^= 0xff;
    assert!(Package::open(&twisted).is_err(), "its checksum is another");
    for cut in 0..good.len() - 22 {
        let mut torn = good[..cut].to_vec();
        torn.extend(&good[good.len() - 22..]);
        assert!(Package::open(&torn).is_err(), "cut at {cut}");
    }
    for at in 0..good.len() {
        let mut wrong = good.clone();
        wrong[at] ^= 0x55;
        // Refused or not: it never panics and never reads beyond its bytes.
        let _ = Package::open(&wrong);
    }
}

#[test]
fn files_over_each_other_are_refused() {
    let two = archive(&[("assets/a.css", b"a{}"), ("assets/b.css", b"a{}")]);
    // The second entry of the directory is pointed at the first one's place, under its name.
    let same = patched(two, b"assets/b.css", b"assets/a.css");
    let end = same.len() - 22;
    let start = u32::from_le_bytes(same[end + 16..end + 20].try_into().expect("four bytes"));
    let second = start as usize + (end - start as usize) / 2;
    let mut over = same;
    over[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(
        faults(&over),
        ["the archive holds files that lie over each other"]
    );
}

#[test]
fn links_encrypted_files_and_foreign_names_are_refused() {
    let good = archive(&[("theme.toml", TOML.as_bytes())]);
    let mode = (0o100_644_u32 << 16).to_le_bytes();
    let link = patched(good.clone(), &mode, &(0o120_777_u32 << 16).to_le_bytes());
    assert_eq!(
        faults(&link),
        ["theme.toml is not a plain file: links and devices are refused"]
    );
    let directory = good
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .expect("a directory");
    let mut locked = good.clone();
    locked[directory + 8] |= 1;
    assert_eq!(faults(&locked), ["theme.toml is encrypted"]);
    let mut renamed = good;
    renamed[directory + 46] = b'x';
    assert!(faults(&renamed)[0].starts_with("xheme.toml is named otherwise"));
    let many: Vec<_> = (0..601)
        .map(|at| (format!("assets/{at}.css"), Vec::new()))
        .collect();
    let error = unpack(&pack(&many).expect("an archive")).expect_err("too many");
    assert_eq!(error.error, ArchiveError::TooMany { found: 601 });
}

#[test]
fn every_fault_is_told_at_once_with_file_and_line() {
    let wrong = archive(&[
        ("theme.toml", b"name = \"x\"\nversion = 1\n"),
        ("assets/A.css", b"a{}"),
        ("assets/a.css", b"a{}"),
        ("../evil.html", b"x"),
        ("templates/home.html", b"<p>\n\xff"),
        ("locales/de.toml", b"a = \"b\"\nc =\n"),
        ("run.sh", b"x"),
    ]);
    let told = faults(&wrong);
    assert!(told.contains(&"assets/a.css is there twice: also as `assets/A.css`".to_owned()));
    assert!(told.contains(&"templates/home.html:2 is not UTF-8".to_owned()));
    for start in [
        "../evil.html ",
        "run.sh ",
        "theme.toml:2 ",
        "locales/de.toml:2 ",
    ] {
        assert!(
            told.iter().any(|one| one.starts_with(start)),
            "{start} {told:?}"
        );
    }
    let none = archive(&[("assets/a.css", b"a{}")]);
    assert_eq!(faults(&none), ["theme.toml is not in the archive"]);
}
