//! How many mails may be under way, so that a slow mail server never takes every worker there is.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stoa_kernel::TenantId;

/// In this process: fewer than the connections that are kept open.
const SENDS_MAX: usize = 12;
/// Of one shop, however many mails it has.
const SENDS_PER_TENANT_MAX: usize = 4;

#[derive(Default)]
pub(crate) struct Bulkhead {
    under_way: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// Room for one send; gives it back when dropped.
pub(crate) struct Room {
    under_way: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Bulkhead {
    pub(crate) fn enter(&self, tenant: TenantId) -> Option<Room> {
        let mut under_way = self.under_way.lock();
        let total: usize = under_way.values().sum();
        let own = under_way.get(&tenant).copied().unwrap_or(0);
        if total >= SENDS_MAX || own >= SENDS_PER_TENANT_MAX {
            return None;
        }
        under_way.insert(tenant, own + 1);
        Some(Room {
            under_way: self.under_way.clone(),
            tenant,
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        let left = under_way.get(&self.tenant).map_or(0, |own| own - 1);
        match left {
            0 => drop(under_way.remove(&self.tenant)),
            left => drop(under_way.insert(self.tenant, left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shop_leaves_room_for_others_and_all_leave_room_for_other_work() {
        let bulkhead = Bulkhead::default();
        let mut rooms = Vec::new();
        for tenant in 1..=3 {
            let tenant = TenantId::from_u128(tenant);
            for _ in 0..SENDS_PER_TENANT_MAX {
                rooms.push(bulkhead.enter(tenant).expect("room"));
            }
            assert!(bulkhead.enter(tenant).is_none(), "a shop has its share");
        }
        let late = TenantId::from_u128(4);
        assert!(bulkhead.enter(late).is_none(), "the process has its share");
        rooms.pop();
        let room = bulkhead.enter(late).expect("what was given back");
        drop((room, rooms));
        assert!(bulkhead.under_way.lock().is_empty());
    }
}
