//! What tests share: real cells of every kind, a clock they set, a network that misbehaves, and those
//! who come to wear a shop down. No mocks of our own code.

mod bombs;
mod cells;
mod clock;
mod crowd;
mod files;
mod link;
mod proxy;
mod themes;

pub use bombs::{Bomb, bombs};
pub use cells::{
    TestCells, everywhere, fresh_database, nats_server, postgres_server, redis_server, s3_server,
    sqlite, stripe_server,
};
pub use clock::{ManualClock, SystemClock};
pub use crowd::{Crowd, allow_files};
pub use files::{archive, gif_of_frames, hollow_png, noise_png};
pub use link::{FaultyLink, LinkFault};
pub use proxy::{Exchange, Fault, FaultProxy};
pub use themes::{HOSTILE_THEMES, theme};
