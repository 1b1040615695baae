//! Requests to addresses that somebody else gave us. Names are looked up here, every address is
//! judged, and the connection goes to the address that was judged: never through a proxy, and never
//! after a redirect that was not judged the same way.

mod address;
mod dialer;
mod fetch;
mod resolve;
mod target;

pub use address::Reach;
pub use dialer::{Connection, Dialer, Sender, innermost};
pub use fetch::{Fetch, FetchError, Fetched};
pub use resolve::{ResolveError, Resolver, SystemResolver};
pub use target::Target;
