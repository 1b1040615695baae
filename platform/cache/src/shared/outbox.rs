//! What Redis is yet to be told, in order and bounded. While a tag waits here, nothing that Redis
//! holds under it is believed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use stoa_kernel::{CellId, Envelope, TenantId};
use tokio::sync::Notify;

use crate::counters::{Counters, RedisCounters};
use crate::journal::Journal;
use crate::tag::{Tag, places};

/// Beyond it, everything is outdated instead.
const ORDERS_MAX: usize = 8_192;
/// Two places that share one here only have Redis disbelieved a moment longer.
const PLACES_HERE: usize = 65_536;
/// Events that one order tells of.
const EVENTS_PER_ORDER_MAX: i64 = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Outdate,
    /// Events `first` to `last` of a cell were followed.
    Follow {
        cell: CellId,
        epoch: i64,
        first: i64,
        last: i64,
    },
    MoveAll,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) slots: Vec<(TenantId, u16)>,
    places: Vec<u32>,
}

pub(crate) struct Outbox {
    orders: Mutex<VecDeque<Order>>,
    /// How many orders, here or on their way, hold each place.
    untold: Box<[AtomicU32]>,
    /// As `untold`, of everything.
    untold_all: AtomicU32,
    pub(super) filled: Notify,
    journal: Arc<Journal>,
    counters: Arc<RedisCounters>,
}

impl Outbox {
    pub(super) fn new(journal: Arc<Journal>, counters: &Counters) -> Self {
        Self {
            orders: Mutex::default(),
            untold: (0..PLACES_HERE).map(|_| AtomicU32::new(0)).collect(),
            untold_all: AtomicU32::new(0),
            filled: Notify::new(),
            journal,
            counters: Arc::clone(&counters.redis),
        }
    }

    /// To be called before the journal is: a reader that finds the journal moved finds this too.
    pub(crate) fn outdate(&self, tags: &[Tag]) {
        if !tags.is_empty() {
            self.add(self.order(What::Outdate, tags));
        }
    }

    /// As [`Outbox::outdate`], by an event; each event is to be told, also one without tags.
    pub(crate) fn follow(&self, event: &Envelope, tags: &[Tag]) {
        let mut order = self.order(
            What::Follow {
                cell: event.cell,
                epoch: event.epoch,
                first: event.seq,
                last: event.seq,
            },
            tags,
        );
        let mut orders = self.orders.lock();
        let taken = orders
            .back_mut()
            .is_some_and(|before| before.take_in(event, &mut order));
        drop(orders);
        match taken {
            true => self.filled.notify_one(),
            false => self.add(order),
        }
    }

    pub(crate) fn move_all(&self) {
        self.add(self.order(What::MoveAll, &[]));
    }

    pub(crate) fn waiting(&self) -> usize {
        let all = self.untold_all.load(Ordering::SeqCst) as usize;
        self.orders.lock().len() + all
    }

    pub(super) fn is_told_of(&self, places: &[u32]) -> bool {
        let told = |&place: &u32| self.untold(place).load(Ordering::SeqCst) == 0;
        self.untold_all.load(Ordering::SeqCst) == 0 && places.iter().all(told)
    }

    /// The first orders, which stay until [`Outbox::told`].
    pub(super) fn first(&self, most: usize) -> Vec<Order> {
        let mut orders = self.orders.lock();
        let count = most.min(orders.len());
        orders.drain(..count).collect()
    }

    /// Orders that did not reach Redis come first again.
    pub(super) fn put_back(&self, back: Vec<Order>) {
        let mut orders = self.orders.lock();
        for order in back.into_iter().rev() {
            orders.push_front(order);
        }
    }

    pub(super) fn told(&self, done: Vec<Order>) {
        for order in done {
            if order.what == What::MoveAll {
                self.journal.told_all();
                self.untold_all.fetch_sub(1, Ordering::SeqCst);
            } else {
                self.journal.told(&order.places);
                self.forget(&order);
            }
        }
        self.show();
    }

    fn order(&self, what: What, tags: &[Tag]) -> Order {
        let places = places(tags).into_vec();
        for &place in &places {
            self.untold(place).fetch_add(1, Ordering::SeqCst);
        }
        if what == What::MoveAll {
            self.untold_all.fetch_add(1, Ordering::SeqCst);
        }
        Order {
            what,
            slots: tags
                .iter()
                .map(|tag| (tag.tenant_id(), tag.slot()))
                .collect(),
            places,
        }
    }

    fn add(&self, order: Order) {
        let mut orders = self.orders.lock();
        orders.push_back(order);
        if orders.len() > ORDERS_MAX {
            tracing::warn!(
                orders = orders.len(),
                "redis is far behind: all it holds is given up"
            );
            // Before the old orders are forgotten, so that there is no moment between.
            let all = self.order(What::MoveAll, &[]);
            for old in orders.drain(..) {
                if old.what == What::MoveAll {
                    self.untold_all.fetch_sub(1, Ordering::SeqCst);
                }
                self.forget(&old);
            }
            orders.push_back(all);
        }
        drop(orders);
        self.show();
        self.filled.notify_one();
    }

    fn untold(&self, place: u32) -> &AtomicU32 {
        &self.untold[place as usize % PLACES_HERE]
    }

    fn forget(&self, order: &Order) {
        for &place in &order.places {
            self.untold(place).fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn show(&self) {
        let waiting = self.orders.lock().len();
        self.counters
            .untold
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}

impl Order {
    /// Tells of `event` as well, where it comes right after.
    fn take_in(&mut self, event: &Envelope, order: &mut Self) -> bool {
        let What::Follow {
            cell,
            epoch,
            first,
            last,
        } = &mut self.what
        else {
            return false;
        };
        let next = *cell == event.cell && *epoch == event.epoch && *last + 1 == event.seq;
        if !next || event.seq - *first >= EVENTS_PER_ORDER_MAX {
            return false;
        }
        *last = event.seq;
        self.slots.append(&mut order.slots);
        self.places.append(&mut order.places);
        true
    }
}
