//! The HTTP edge seen from outside: through the router, and over real sockets where it matters.

mod access;
mod bodies;
mod connections;
mod docs;
mod logs;
mod problems;
mod ready;
mod support;
mod wire;
