//! A small disk of one process: a tmpfs in a mount namespace that only this process is in.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::support::{Backend, Stoa};

const SIZE: &str = "64m";
/// The file that eats what room there is.
const EATER: &str = "eater";

/// A `stoa` whose data directory is the disk.
pub(super) struct SmallDisk {
    pub(super) stoa: Stoa,
    /// The disk's top folder: it stays as long as this, also when its process has ended.
    top: File,
}

impl SmallDisk {
    pub(super) async fn start(environment: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let place = folder.path().display().to_string();
        let mount = format!("mount -t tmpfs -o size={SIZE},mode=0700 tmpfs \"$0\" && exec \"$@\"");
        let launcher = ["unshare", may_mount(&place), "sh", "-c", &mount, &place];
        let stoa = Stoa::start_in(&Backend::Sqlite, folder, &launcher, &[], environment).await;
        let seen = format!("/proc/{}/root{place}", stoa.pid());
        let top = File::open(seen).expect("the disk of a process of ours");
        Self { stoa, top }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.top.as_raw_fd()))
    }

    /// Leaves no byte.
    pub(super) fn fill(&self) {
        let mut eater = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path().join(EATER))
            .expect("a file without bytes");
        for piece in [1 << 20, 4096, 1] {
            let zeros = vec![0; piece];
            while eater.write_all(&zeros).is_ok() {}
        }
    }

    pub(super) fn free(&self) {
        std::fs::remove_file(self.path().join(EATER)).expect("it is there");
    }

    /// All that a process which has ended left, on a disk with room.
    pub(super) fn copy(&self) -> Arc<TempDir> {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(&self.path(), folder.path());
        Arc::new(folder)
    }
}

/// How this user gets a mount namespace in which a disk can be mounted.
fn may_mount(place: &str) -> &'static str {
    let can = |flags: &str| {
        let tried = Command::new("unshare")
            .args([
                flags,
                "sh",
                "-c",
                "mount -t tmpfs -o size=1m tmpfs \"$0\"",
                place,
            ])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    let found = ["-m", "-rm"].into_iter().find(|flags| can(flags));
    found.expect(
        "this test mounts a disk of its own, which takes root or user namespaces: neither \
         `unshare -m` nor `unshare -rm` may mount a tmpfs here",
    )
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (kind, to) = (
            entry.file_type().expect("a kind"),
            to.join(entry.file_name()),
        );
        if kind.is_dir() {
            copy_folder(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// Every SQLite file below a folder is whole; how many there are.
pub(super) fn check_databases(folder: &Path) -> usize {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            checked += check_databases(&path);
        } else if std::fs::read(&path)
            .expect("a file")
            .starts_with(b"SQLite format 3\0")
        {
            let database = rusqlite::Connection::open(&path).expect("a database");
            for (question, good) in [
                ("PRAGMA integrity_check", vec!["ok".to_owned()]),
                ("PRAGMA foreign_key_check", Vec::new()),
            ] {
                let mut asked = database.prepare(question).expect("a question");
                let said = asked.query_map([], |row| row.get::<_, String>(0));
                let said: Result<Vec<String>, _> = said.expect("rows").collect();
                assert_eq!(
                    said.expect("text"),
                    good,
                    "{question} of {}",
                    path.display()
                );
            }
            checked += 1;
        }
    }
    checked
}
