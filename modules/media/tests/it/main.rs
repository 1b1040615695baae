//! Pictures over real cells of both databases and a folder of blobs.

mod api;
mod collect;
mod faults;
mod importing;
mod remote;
mod serving;
mod support;
