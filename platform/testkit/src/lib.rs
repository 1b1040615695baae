//! What tests share: real cells of every kind and a clock they set. No mocks of our own code.

mod cells;
mod clock;

pub use cells::{TestCells, everywhere, fresh_database, postgres_server, sqlite};
pub use clock::{ManualClock, SystemClock};
