//! Messages that cost more than they weigh: heads, bodies, archives and pictures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use stoa_testkit::{Bomb, bombs};

use super::Good;
use crate::support::{Backend, Stoa};

/// What all of it together may add to the process at its most.
const GROWTH_MAX: u64 = 192 << 20;
/// Bombs on their way at once.
const TOGETHER: usize = 4;

/// Throws one after the other until it is told to stop.
async fn throw_on(
    address: SocketAddr,
    bombs: Arc<Vec<Bomb>>,
    first: usize,
    stop: Arc<AtomicBool>,
    thrown: Arc<AtomicUsize>,
) {
    let mut turns = bombs.iter().cycle().skip(first);
    while !stop.load(Ordering::Relaxed) {
        let bomb = turns.next().expect("they go round");
        bomb.throw(address).await;
        thrown.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_and_keep_no_answer_from_the_good_client() {
    const ASKED: u32 = 300;
    /// So often each bomb is thrown while the good client asks; on a slow machine it asks longer.
    const TIMES_EACH: usize = 4;
    const ROUNDS_MAX: usize = 20;
    let stoa = Stoa::start(&Backend::Sqlite, &[], &[("STOA_LOG", "error")]).await;
    let address = stoa.address.expect("it serves");
    let bombs = Arc::new(bombs(&stoa.key("sk_")));
    let good = Arc::new(Good::of(&stoa).await);
    good.ask(100).await;
    let before = stoa.memory("VmHWM");
    for bomb in bombs.iter() {
        bomb.throw(address).await;
    }
    let thrown = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let throwing: Vec<_> = (0..TOGETHER)
        .map(|number| {
            let (stop, thrown) = (Arc::clone(&stop), Arc::clone(&thrown));
            tokio::spawn(throw_on(
                address,
                Arc::clone(&bombs),
                number * 2,
                stop,
                thrown,
            ))
        })
        .collect();
    let wanted = bombs.len() * TIMES_EACH;
    for _ in 0..ROUNDS_MAX {
        good.ask(ASKED).await;
        if thrown.load(Ordering::Relaxed) >= wanted {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for one in throwing {
        one.await.expect("each bomb is refused");
    }
    let thrown = thrown.load(Ordering::Relaxed);
    assert!(thrown >= wanted, "only {thrown} were thrown");
    let growth = stoa.memory("VmHWM").saturating_sub(before);
    assert!(growth <= GROWTH_MAX, "{growth} bytes more");
}
