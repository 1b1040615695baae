//! Small workspaces in a temporary folder, sound unless a test plants something.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

#[derive(Default)]
pub(crate) struct Tree {
    /// Folder and what follows `[lints]` in the manifest.
    crates: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

impl Tree {
    /// Adds a crate named after its folder; `manifest` is the rest of its Cargo.toml.
    pub(crate) fn with(mut self, dir: &str, manifest: &str) -> Self {
        self.crates.push((dir.to_owned(), manifest.to_owned()));
        self
    }

    /// Adds a file, or replaces one that the crates bring.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    #[track_caller]
    pub(crate) fn check(&self, expected: &[&str]) {
        let dir = TempDir::new().expect("a temporary folder");
        self.write(dir.path());
        let found = xtask::architecture(dir.path()).expect("the tree is readable");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    fn write(&self, root: &Path) {
        let mut workspace = "[workspace]\nresolver = \"3\"\nmembers = [".to_owned();
        for (dir, _) in &self.crates {
            workspace.push_str(&format!("\"{dir}\", "));
        }
        workspace.push_str("]\n[workspace.lints.rust]\n[workspace.dependencies]\n");
        for (dir, _) in &self.crates {
            workspace.push_str(&format!("{} = {{ path = \"{dir}\" }}\n", name(dir)));
        }
        put(root, "Cargo.toml", &workspace);
        for (dir, manifest) in &self.crates {
            let package = format!(
                "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                 description = \"For a test.\"\n[lints]\nworkspace = true\n{manifest}",
                name(dir)
            );
            put(root, &format!("{dir}/Cargo.toml"), &package);
            put(root, &format!("{dir}/src/lib.rs"), "//! Empty.\n");
            put(root, &format!("{dir}/README.md"), "A page.\n");
        }
        for (path, text) in &self.files {
            put(root, path, text);
        }
    }
}

/// `modules/cart` is `stoa-cart`.
fn name(dir: &str) -> String {
    format!("stoa-{}", dir.rsplit('/').next().unwrap_or(dir))
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder above")).expect("the folder is made");
    fs::write(path, text).expect("the file is written");
}
