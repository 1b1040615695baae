//! Index files torn at random, under a running process and before it starts.

use std::path::{Path, PathBuf};

use stoa_contracts::search::SearchQuery;
use stoa_kernel::Currency;

use crate::shelf::product;
use crate::support::{Shop, is_building, numbers, sqlite, text_query, until};

const SEEDS: u64 = 24;

/// Every file of the index that counts.
fn files(folder: &Path) -> Vec<PathBuf> {
    let name = std::fs::read_to_string(folder.join("current")).expect("the folder that counts");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(name))
        .expect("the index")
        .flatten()
        .map(|entry| entry.path())
        // Locks hold nothing.
        .filter(|path| path.extension().is_none_or(|kind| kind != "lock"))
        .collect();
    files.push(folder.join("current"));
    files.sort();
    files
}

/// Cuts a file short, flips a bit of it, fills a part with zeros, or removes it.
fn tear(path: &Path, random: &mut fastrand::Rng) -> &'static str {
    let mut bytes = std::fs::read(path).expect("a file");
    if bytes.is_empty() {
        return "nothing";
    }
    let at = random.usize(..bytes.len());
    match random.u8(..4) {
        0 => {
            bytes.truncate(at);
            std::fs::write(path, bytes).expect("a write");
            "cut short"
        }
        1 => {
            bytes[at] ^= 1 << random.u8(..8);
            std::fs::write(path, bytes).expect("a write");
            "a bit flipped"
        }
        2 => {
            if bytes[at..].iter().all(|byte| *byte == 0) {
                return "nothing";
            }
            bytes[at..].fill(0);
            std::fs::write(path, bytes).expect("a write");
            "zeroed"
        }
        _ => {
            std::fs::remove_file(path).expect("a removal");
            "removed"
        }
    }
}

/// Whether it is a file of a segment that is listed: others are not read.
fn is_of_a_segment(folder: &Path, path: &Path) -> bool {
    let name = std::fs::read_to_string(folder.join("current")).expect("the folder that counts");
    let list = std::fs::read_to_string(folder.join(name).join("meta.json")).expect("the list");
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let segment = file.split('.').next().unwrap_or_default();
    segment.len() == 32 && list.replace('-', "").contains(segment)
}

async fn is_right(shop: &Shop<'_>) -> bool {
    match shop
        .process
        .search
        .find(shop.tenant, &text_query("lamp"))
        .await
    {
        Ok(page) => {
            let mut found = numbers(&page);
            found.sort_unstable();
            assert_eq!(found, (1..=40).collect::<Vec<u128>>());
            let all = SearchQuery::all(Currency::EUR, 1);
            let all = shop.process.search.find(shop.tenant, &all).await;
            all.is_ok_and(|page| page.total == 41)
        }
        Err(error) => {
            assert!(is_building(&error), "{error}");
            false
        }
    }
}

async fn shop_of_lamps(cells: &stoa_testkit::TestCells) -> Shop<'_> {
    let lamps = (1..=40).map(|n| product(n, &format!("Lamp {n}"))).collect();
    let shop = Shop::with(cells, "torn", lamps).await;
    // A second segment, and a list of deleted documents.
    shop.put(vec![product(41, "Table"), product(3, "Lamp three")])
        .await;
    shop.settled().await;
    shop
}

#[tokio::test]
async fn files_torn_before_a_start_are_noticed_and_built_anew() {
    let cells = sqlite().await;
    let mut shop = shop_of_lamps(&cells).await;
    for seed in 0..SEEDS {
        shop.stop().await;
        let mut random = fastrand::Rng::with_seed(seed);
        let all = files(&shop.folder());
        let path = &all[random.usize(..all.len())];
        let how = tear(path, &mut random);
        shop.restart().await;
        until(async || is_right(&shop).await).await;
        shop.settled().await;
        assert!(
            is_right(&shop).await,
            "seed {seed}: {} {how}",
            path.display()
        );
    }
    shop.process.stop().await;
}

#[tokio::test]
async fn files_torn_under_a_running_process_are_noticed_and_built_anew() {
    let cells = sqlite().await;
    let shop = shop_of_lamps(&cells).await;
    let mut torn = 0;
    for seed in 0..SEEDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = shop.folder();
        let all: Vec<PathBuf> = files(&folder)
            .into_iter()
            // Read once, when an index is opened.
            .filter(|path| is_of_a_segment(&folder, path))
            .collect();
        let path = &all[random.usize(..all.len())];
        if tear(path, &mut random) == "nothing" {
            continue;
        }
        torn += 1;
        // It answers all the while: what it holds is in memory.
        while shop.process.rebuilds("torn") < torn {
            assert!(is_right(&shop).await, "seed {seed}: {}", path.display());
            tokio::task::yield_now().await;
        }
        shop.settled().await;
        assert!(is_right(&shop).await, "seed {seed}: {}", path.display());
    }
    assert!(torn > SEEDS / 2, "{torn} files were torn");
    shop.process.stop().await;
}
