//! The outer side of webhooks: SQL, sealing, name look-ups and HTTP. Decides nothing.

mod deliveries;
mod endpoints;
mod purge;
mod replays;
mod seal;
mod wire;

pub(crate) use self::deliveries::{
    NewDelivery, Page, append, attempts, body_of, head, list, lock_pending, oldest_pending, one,
    record, settle,
};
pub(crate) use self::endpoints::{
    Keys, NewEndpoint, all, close_lane, delete, due, endpoint, insert, keys, lock, open_lane, put,
    rotate, set_health, subscriptions, take_places,
};
pub(crate) use self::purge::{Stale, owners, purge};
pub(crate) use self::replays::{Range, copy, hasten_head, in_range};
pub(crate) use self::seal::{Seal, SealError, random_key};
pub(crate) use self::wire::{Parcel, Wire};
