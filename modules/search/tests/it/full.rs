//! A disk that is really full while indexes are written: a small one of the test's own. Needs root or
//! user namespaces to mount it, and fails where there are neither.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use stoa_contracts::search::SearchError;

use crate::shelf::{Shelf, product};
use crate::support::{Process, numbers, sqlite, tell, text_query, until};

/// Names the disk to the test that runs on it.
const DISK: &str = "STOA_TEST_SMALL_DISK";
const TEST: &str = "full::a_full_disk_leaves_the_old_state_answering_and_room_brings_the_new_one";

struct SmallDisk(PathBuf);

impl SmallDisk {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test asks whether it runs on the disk that it mounted"
    )]
    fn ours() -> Option<Self> {
        std::env::var_os(DISK).map(|place| Self(place.into()))
    }

    fn eater(&self) -> PathBuf {
        self.0.join("eater")
    }

    /// Leaves no byte.
    fn fill(&self) {
        let eater = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.eater());
        let mut eater = eater.expect("a file without bytes");
        for piece in [1 << 20, 4096, 1] {
            let zeros = vec![0; piece];
            while eater.write_all(&zeros).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.eater()).expect("it is there");
    }
}

/// Runs this very test again in a mount namespace of its own, where `place` is a small tmpfs.
fn run_on_small_disk(place: &Path) {
    let text = place.display().to_string();
    let itself = std::env::current_exe().expect("this program");
    let mount = "mount -t tmpfs -o size=12m,mode=0700 tmpfs \"$0\"";
    let may = |flags: &&str| {
        let tried = Command::new("unshare")
            .args([*flags, "sh", "-c", mount, &text])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    let flags = ["-m", "-rm"];
    let flags = flags
        .iter()
        .copied()
        .find(may)
        .expect("neither `unshare -m` nor `unshare -rm` may mount a tmpfs here");
    let ran = Command::new("unshare")
        .args([flags, "sh", "-c", &format!("{mount} && exec \"$@\""), &text])
        .arg(itself)
        .args([TEST, "--exact", "--nocapture"])
        .env(DISK, place)
        .status();
    assert!(ran.expect("unshare is there").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_the_old_state_answering_and_room_brings_the_new_one() {
    let Some(disk) = SmallDisk::ours() else {
        let folder = tempfile::tempdir().expect("a folder");
        return run_on_small_disk(folder.path());
    };
    let cells = sqlite().await;
    let shelf = Arc::new(Shelf::default());
    let process = Process::start(&cells, &shelf, &disk.0.join("search"));
    let (old, fresh) = (cells.tenant("old").await, cells.tenant("fresh").await);
    let put = async |tenant, number: u128| {
        let one = product(number, "Harbour lamp");
        let id = one.id;
        shelf.put(tenant, one);
        tell(&cells, tenant, vec![id]).await;
    };
    let found = async |tenant| {
        let page = process.search.find(tenant, &text_query("lamp")).await;
        page.map(|page| numbers(&page))
    };
    put(old, 1).await;
    until(async || matches!(found(old).await.as_deref(), Ok([1]))).await;
    for round in 2..=3_u128 {
        let failures = process.metric("stoa_search_failures_total ");
        disk.fill();
        put(old, round).await;
        // It was tried, more than once, and each answer meanwhile is the old state whole.
        until(async || {
            let seen = found(old).await.expect("the old state answers");
            assert_eq!(seen.len() as u128, round - 1, "{seen:?}");
            process.metric("stoa_search_failures_total ") >= failures + 2
        })
        .await;
        // An index that was not there cannot be made now: that is said, not nothing found.
        if round == 2 {
            put(fresh, 9).await;
            let said = found(fresh).await;
            assert!(matches!(said, Err(SearchError::Building)), "{said:?}");
            let (status, problem) = process
                .call("GET", fresh, "/api/v1/search?q=lamp", None)
                .await;
            assert_eq!((status, &problem["code"]), (503, &"search_building".into()));
        }
        disk.free();
        until(async || {
            found(old)
                .await
                .is_ok_and(|seen| seen.len() as u128 == round)
        })
        .await;
        until(async || matches!(found(fresh).await.as_deref(), Ok([9]))).await;
    }
    assert_eq!(process.rebuilds("torn"), 0, "nothing was torn by it");
    process.stop().await;
}
