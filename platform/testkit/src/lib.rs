//! What tests share: real cells of every kind, a clock they set, a network that misbehaves. No mocks
//! of our own code.

mod cells;
mod clock;
mod link;
mod proxy;

pub use cells::{
    TestCells, everywhere, fresh_database, nats_server, postgres_server, redis_server, s3_server,
    sqlite, stripe_server,
};
pub use clock::{ManualClock, SystemClock};
pub use link::{FaultyLink, LinkFault};
pub use proxy::{Exchange, Fault, FaultProxy};
