//! Order numbers this process may give out: those of blocks whose claim was committed. Never
//! touches the database; what is lost with the process is a gap.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use stoa_kernel::TenantId;

/// The number of a shop's first order.
pub(crate) const FIRST_NUMBER: i64 = 1_001;
/// A small shop's restart leaves a small gap; a busy one soon takes bigger blocks.
const BLOCK_FIRST: i64 = 100;
const BLOCK_MAX: i64 = 1_600;
/// Tenants whose numbers are kept; beyond it all are dropped, which only makes gaps.
const TENANTS_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct NumberPool {
    tenants: Mutex<HashMap<TenantId, Arc<TenantNumbers>>>,
}

/// One tenant's numbers.
pub(crate) struct TenantNumbers {
    free: Mutex<Free>,
    /// Held while a block is claimed, so that many orders at once claim one block.
    pub(crate) refill: tokio::sync::Mutex<()>,
}

struct Free {
    blocks: VecDeque<Range<i64>>,
    block_next: i64,
}

impl NumberPool {
    pub(crate) fn of(&self, tenant: TenantId) -> Arc<TenantNumbers> {
        let mut tenants = self.tenants.lock();
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(&tenant) {
            tenants.clear();
        }
        tenants
            .entry(tenant)
            .or_insert_with(|| Arc::new(TenantNumbers::new()))
            .clone()
    }
}

impl TenantNumbers {
    fn new() -> Self {
        let free = Free {
            blocks: VecDeque::new(),
            block_next: BLOCK_FIRST,
        };
        Self {
            free: Mutex::new(free),
            refill: tokio::sync::Mutex::default(),
        }
    }

    /// A number nobody else gets; `None` where none is left.
    pub(crate) fn take(&self) -> Option<i64> {
        let mut free = self.free.lock();
        loop {
            let block = free.blocks.front_mut()?;
            match block.next() {
                Some(number) => return Some(number),
                None => free.blocks.pop_front(),
            };
        }
    }

    pub(crate) fn left(&self) -> i64 {
        self.free
            .lock()
            .blocks
            .iter()
            .map(|block| block.end - block.start)
            .sum()
    }

    /// Whether it is time to claim the next block; about half of the last one is left then.
    pub(crate) fn is_low(&self) -> bool {
        self.left() < self.block_size() / 4
    }

    /// How many numbers to claim next.
    pub(crate) fn block_size(&self) -> i64 {
        self.free.lock().block_next
    }

    /// Adds numbers whose claim is committed.
    pub(crate) fn add(&self, first: i64, count: i64) {
        let mut free = self.free.lock();
        free.blocks.push_back(first..first + count);
        free.block_next = (count * 2).min(BLOCK_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_and_end() {
        let numbers = TenantNumbers::new();
        assert_eq!(
            (numbers.take(), numbers.block_size(), numbers.is_low()),
            (None, 100, true)
        );
        numbers.add(1_001, 100);
        numbers.add(2_000, 1);
        let taken: Vec<i64> = std::iter::from_fn(|| numbers.take()).collect();
        assert_eq!(taken, (1_001..1_101).chain([2_000]).collect::<Vec<_>>());
        assert_eq!(numbers.left(), 0);
    }

    #[test]
    fn blocks_double_up_to_their_bound() {
        let numbers = TenantNumbers::new();
        let sizes: Vec<i64> = (0..6)
            .map(|_| {
                let size = numbers.block_size();
                numbers.add(1, size);
                size
            })
            .collect();
        assert_eq!(sizes, [100, 200, 400, 800, 1_600, 1_600]);
    }

    #[test]
    fn too_many_tenants_only_make_gaps() {
        let pool = NumberPool::default();
        pool.of(TenantId::from_u128(0)).add(1, 10);
        assert_eq!(pool.of(TenantId::from_u128(0)).take(), Some(1));
        for tenant in 1..=TENANTS_MAX as u128 {
            pool.of(TenantId::from_u128(tenant));
        }
        assert_eq!(pool.of(TenantId::from_u128(0)).take(), None);
        assert!(pool.tenants.lock().len() <= TENANTS_MAX);
    }
}
