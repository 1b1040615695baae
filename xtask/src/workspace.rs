//! The tree as the checks see it: crates, sources and migration files. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::place::Place;
use crate::source::Source;

/// Folders that hold nothing of ours.
const SKIPPED_DIRS: [&str; 3] = ["target", "stoa-data", "node_modules"];

pub struct Workspace {
    pub root: PathBuf,
    /// By folder.
    pub crates: Vec<Crate>,
    /// By path; only those inside a crate's folder.
    pub sources: Vec<Source>,
    /// Every file, relative to the root, sorted.
    pub files: Vec<String>,
}

pub struct Crate {
    pub name: String,
    /// Relative to the root; empty for a crate at the root itself.
    pub dir: String,
    /// `None` where the folder is no layer.
    pub place: Option<Place>,
    pub dependencies: Vec<Dependency>,
    pub manifest: toml::Table,
    pub manifest_path: String,
    pub manifest_text: String,
}

pub struct Dependency {
    pub name: String,
    pub kind: DependencyKind,
}

impl Workspace {
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("no folder at {}", root.display()))?;
        let metadata = MetadataCommand::new()
            .current_dir(&root)
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let mut crates = metadata
            .packages
            .iter()
            .map(|package| Crate::read(&root, package))
            .collect::<anyhow::Result<Vec<_>>>()?;
        crates.sort_by(|a, b| a.dir.cmp(&b.dir));

        let mut files = Vec::new();
        list(&root, &root, &mut files)?;
        files.sort();

        let mut sources = Vec::new();
        for path in files.iter().filter(|path| path.ends_with(".rs")) {
            if crates.iter().any(|c| c.holds(path)) {
                let text = fs::read_to_string(root.join(path))
                    .with_context(|| format!("cannot read {path}"))?;
                sources.push(Source::parse(path.clone(), text));
            }
        }
        Source::mark_test_files(&mut sources);
        Ok(Self {
            root,
            crates,
            sources,
            files,
        })
    }

    pub fn krate(&self, name: &str) -> Option<&Crate> {
        self.crates.iter().find(|c| c.name == name)
    }

    /// The crate whose folder holds `path`: the innermost one.
    pub fn crate_of(&self, path: &str) -> Option<&Crate> {
        self.crates
            .iter()
            .filter(|c| c.holds(path))
            .max_by_key(|c| c.dir.len())
    }

    /// What `krate` ships: the sources under its `src/` that are no tests.
    pub fn shipped_sources<'a>(&'a self, krate: &'a Crate) -> impl Iterator<Item = &'a Source> {
        let src = krate.path("src/");
        self.sources.iter().filter(move |source| {
            source.path.starts_with(&src)
                && !source.is_test
                && self
                    .crate_of(&source.path)
                    .is_some_and(|owner| owner.dir == krate.dir)
        })
    }
}

impl Crate {
    fn read(root: &Path, package: &cargo_metadata::Package) -> anyhow::Result<Self> {
        let manifest_path = relative(root, package.manifest_path.as_std_path())?;
        let manifest_text = fs::read_to_string(root.join(&manifest_path))
            .with_context(|| format!("cannot read {manifest_path}"))?;
        let manifest = manifest_text
            .parse::<toml::Table>()
            .with_context(|| format!("cannot parse {manifest_path}"))?;
        let dir = manifest_path
            .strip_suffix("Cargo.toml")
            .ok_or_else(|| anyhow!("{manifest_path} is not a Cargo.toml"))?
            .trim_end_matches('/')
            .to_owned();
        Ok(Self {
            name: package.name.to_string(),
            place: Place::of(&dir),
            dependencies: package
                .dependencies
                .iter()
                .map(|d| Dependency {
                    name: d.name.clone(),
                    kind: d.kind,
                })
                .collect(),
            dir,
            manifest,
            manifest_path,
            manifest_text,
        })
    }

    pub fn path(&self, inside: &str) -> String {
        if self.dir.is_empty() {
            inside.to_owned()
        } else {
            format!("{}/{inside}", self.dir)
        }
    }

    /// The line of the manifest that starts with `key`, or its first line.
    pub fn manifest_line(&self, key: &str) -> usize {
        let starts = |line: &str| {
            line.trim_start().strip_prefix(key).is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_')
            })
        };
        self.manifest_text
            .lines()
            .position(starts)
            .map_or(1, |index| index + 1)
    }

    fn holds(&self, path: &str) -> bool {
        self.dir.is_empty()
            || path
                .strip_prefix(&self.dir)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

fn list(root: &Path, dir: &Path, files: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED_DIRS.contains(&name.as_ref()) {
                list(root, &entry.path(), files)?;
            }
        } else {
            files.push(relative(root, &entry.path())?);
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> anyhow::Result<String> {
    let inside = path
        .strip_prefix(root)
        .with_context(|| format!("{} is outside {}", path.display(), root.display()))?;
    inside
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("{} is not UTF-8", path.display()))
}
