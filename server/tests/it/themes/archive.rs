//! Archives that are traps.

use stoa_testkit::archive;

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
