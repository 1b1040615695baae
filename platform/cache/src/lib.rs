//! What a process may keep of what it read: in memory, and in Redis for all processes. Never serves
//! what a commit of this process, or an event it followed, has outdated. Knows no module.

mod cache;
mod counters;
mod entry;
mod flight;
mod journal;
mod purge;
#[cfg(test)]
mod race;
mod shared;
mod space;
mod tag;
mod told;

pub use cache::{Cache, CacheConfig, CacheError, CellPosition, Rule};
pub use entry::{Blob, Fill, Hit, Stored};
pub use purge::{PurgeStyle, PurgeTarget};
pub use shared::RedisConfig;
pub use space::{Peek, Space, SpaceConfig};
pub use tag::Tag;
pub use told::{listen, tell, told};
