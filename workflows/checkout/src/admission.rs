//! The line before the till: when many want the same variant, only so many placements of it run at
//! once and the others wait their turn, first come first served. In this process only; holds no
//! stock and decides no sale.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stoa_kernel::{TenantId, VariantId};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// Shoppers in line for one variant; one more is told to come back without a place.
const LINE_MAX: usize = 5_000;
/// Over all lines of this process.
const TICKETS_MAX: usize = 50_000;
/// How long the place of somebody who was sent away is kept.
const KEPT: Duration = Duration::from_secs(20);
const TIDIED_EVERY: Duration = Duration::from_secs(10);

const RETRY_SECONDS_MAX: u32 = 5;
/// Places in line per second of pause.
const PLACES_PER_SECOND: u32 = 200;

/// One variant of one shop.
pub(crate) type Item = (TenantId, VariantId);

/// A cart or an order: whoever comes back as the same has kept its place.
pub(crate) type Buyer = u128;

pub(crate) struct Admission {
    /// Placements of one variant that run at once.
    at_once_max: usize,
    wait_max: Duration,
    lines: Mutex<Lines>,
}

struct Lines {
    by_item: HashMap<Item, Line>,
    tickets: usize,
    tidied_at: Instant,
}

#[derive(Default)]
struct Line {
    running: usize,
    tickets: VecDeque<Ticket>,
}

struct Ticket {
    buyer: Buyer,
    asked: i64,
    kept_until: Instant,
    /// The request that waits; `None` while its shopper is away.
    caller: Option<oneshot::Sender<Call>>,
}

impl Ticket {
    fn is_present(&self) -> bool {
        self.caller
            .as_ref()
            .is_some_and(|caller| !caller.is_closed())
    }
}

enum Call {
    In(Slot),
    SoldOut { available: i64 },
}

/// The right to run one placement of one variant; dropped, it goes to the next in line.
pub(crate) struct Slot {
    admission: Arc<Admission>,
    item: Item,
    void: bool,
}

/// How waiting for a turn ended.
pub(crate) enum Turn {
    In(Slot),
    /// Fewer are left than were asked for.
    SoldOut {
        available: i64,
    },
    InLine(Place),
}

/// A place in line, kept for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) position: u32,
    pub(crate) retry_after_seconds: u32,
}

impl Place {
    fn at(index: usize) -> Self {
        let position = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        Self {
            position,
            retry_after_seconds: (1 + position / PLACES_PER_SECOND).min(RETRY_SECONDS_MAX),
        }
    }
}

enum Queued {
    In(Slot),
    Waits(oneshot::Receiver<Call>),
    Full(Place),
}

impl Admission {
    pub(crate) fn new(at_once_max: usize, wait_max: Duration) -> Arc<Self> {
        Arc::new(Self {
            at_once_max: at_once_max.max(1),
            wait_max,
            lines: Mutex::new(Lines {
                by_item: HashMap::new(),
                tickets: 0,
                tidied_at: Instant::now(),
            }),
        })
    }

    /// When whoever comes now is sent away with a place in line.
    pub(crate) fn patience(&self) -> Instant {
        Instant::now() + self.wait_max
    }

    /// A slot, where one is free: then nobody waits.
    pub(crate) fn try_in(self: &Arc<Self>, item: Item, buyer: Buyer) -> Option<Slot> {
        let mut lines = self.lines.lock();
        lines.tidy();
        let line = lines.by_item.entry(item).or_default();
        if line.running >= self.at_once_max {
            return None;
        }
        line.running += 1;
        let before = line.tickets.len();
        line.tickets.retain(|ticket| ticket.buyer != buyer);
        let gone = before - line.tickets.len();
        lines.tickets -= gone;
        Some(self.slot(item))
    }

    /// Waits in line until its turn, until nothing is left, or until `until`.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        item: Item,
        buyer: Buyer,
        asked: i64,
        until: Instant,
    ) -> Turn {
        let mut call = match self.queue(item, buyer, asked, until + KEPT) {
            Queued::In(slot) => return Turn::In(slot),
            Queued::Full(place) => return Turn::InLine(place),
            Queued::Waits(call) => call,
        };
        let called = match timeout_at(until, &mut call).await {
            Ok(answer) => answer.ok(),
            // It may have come at the very moment.
            Err(_) => call.try_recv().ok(),
        };
        match called {
            Some(Call::In(slot)) => Turn::In(slot),
            Some(Call::SoldOut { available }) => Turn::SoldOut { available },
            None => Turn::InLine(self.place(item, buyer)),
        }
    }

    /// Everybody in line who asks for more than is left is told so at once.
    pub(crate) fn sold_out(&self, item: Item, available: i64) {
        let mut told = Vec::new();
        let mut lines = self.lines.lock();
        let Some(line) = lines.by_item.get_mut(&item) else {
            return;
        };
        let before = line.tickets.len();
        line.tickets.retain_mut(|ticket| {
            let stays = ticket.asked <= available;
            if !stays {
                told.extend(ticket.caller.take());
            }
            stays
        });
        let gone = before - line.tickets.len();
        let idle = line.is_idle();
        lines.tickets -= gone;
        if idle {
            lines.by_item.remove(&item);
        }
        drop(lines);
        for caller in told {
            // Whoever left in the meantime need not hear it.
            let _ = caller.send(Call::SoldOut { available });
        }
    }

    fn slot(self: &Arc<Self>, item: Item) -> Slot {
        Slot {
            admission: self.clone(),
            item,
            void: false,
        }
    }

    fn queue(
        self: &Arc<Self>,
        item: Item,
        buyer: Buyer,
        asked: i64,
        kept_until: Instant,
    ) -> Queued {
        let mut lines = self.lines.lock();
        let full = lines.tickets >= TICKETS_MAX;
        let line = lines.by_item.entry(item).or_default();
        if line.running < self.at_once_max {
            line.running += 1;
            return Queued::In(self.slot(item));
        }
        let (caller, call) = oneshot::channel();
        let known = line.tickets.iter_mut().find(|ticket| ticket.buyer == buyer);
        if let Some(ticket) = known {
            // A request of the same buyer that still waits is told its place instead.
            ticket.caller = Some(caller);
            (ticket.asked, ticket.kept_until) = (asked, kept_until);
            return Queued::Waits(call);
        }
        if full || line.tickets.len() >= LINE_MAX {
            return Queued::Full(Place::at(line.tickets.len()));
        }
        line.tickets.push_back(Ticket {
            buyer,
            asked,
            kept_until,
            caller: Some(caller),
        });
        lines.tickets += 1;
        Queued::Waits(call)
    }

    fn place(&self, item: Item, buyer: Buyer) -> Place {
        let lines = self.lines.lock();
        let at = lines
            .by_item
            .get(&item)
            .and_then(|line| line.tickets.iter().position(|ticket| ticket.buyer == buyer));
        Place::at(at.unwrap_or(0))
    }

    /// Hands a slot to the next who is present, or frees it.
    fn leave(self: &Arc<Self>, item: Item) {
        let now = Instant::now();
        let mut lines = self.lines.lock();
        loop {
            let Some(line) = lines.by_item.get_mut(&item) else {
                return;
            };
            let dropped = line.forget_absent(now);
            let next = line.tickets.iter().position(Ticket::is_present);
            let Some(ticket) = next.and_then(|at| line.tickets.remove(at)) else {
                line.running -= 1;
                let idle = line.is_idle();
                lines.tickets -= dropped;
                if idle {
                    lines.by_item.remove(&item);
                }
                return;
            };
            lines.tickets -= dropped + 1;
            let Some(caller) = ticket.caller else {
                continue;
            };
            match caller.send(Call::In(self.slot(item))) {
                Ok(()) => return,
                // It left just now: its slot must not come back here while the lines are locked.
                Err(Call::In(mut slot)) => slot.void = true,
                Err(Call::SoldOut { .. }) => {}
            }
        }
    }
}

impl Line {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.tickets.is_empty()
    }

    /// Takes away places that nobody came back for; tells how many.
    fn forget_absent(&mut self, now: Instant) -> usize {
        let before = self.tickets.len();
        self.tickets
            .retain(|ticket| ticket.kept_until > now || ticket.is_present());
        before - self.tickets.len()
    }
}

impl Lines {
    /// Lines that nobody passes any more are not left lying about.
    fn tidy(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.tidied_at) < TIDIED_EVERY {
            return;
        }
        self.tidied_at = now;
        let mut dropped = 0;
        self.by_item.retain(|_, line| {
            dropped += line.forget_absent(now);
            !line.is_idle()
        });
        self.tickets -= dropped;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.void {
            self.admission.leave(self.item);
        }
    }
}

#[cfg(test)]
mod tests;
