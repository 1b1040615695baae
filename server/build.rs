//! Lists the sample shop's pictures as a table of `include_bytes!`, so that the binary holds them.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() {
    // Asked at run time: a target folder that outlives its clone keeps this program, and with
    // `env!` it would look where it was compiled.
    let folder = told("CARGO_MANIFEST_DIR").join("sample/media");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = std::fs::read_dir(&folder).expect("server/sample/media is part of the source");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("a readable folder")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".svg"))
        .collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let path = folder.join(&name);
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes all");
    }
    table.push(']');
    std::fs::write(told("OUT_DIR").join("sample_media.rs"), table).expect("a writable OUT_DIR");
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts by their environment"
)]
fn told(name: &str) -> PathBuf {
    PathBuf::from(std::env::var(name).expect("cargo sets it"))
}
