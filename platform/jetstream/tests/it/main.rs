//! One suite for both transports, and what only JetStream can show. JetStream is tested where
//! `STOA_TEST_NATS` names a server.

mod conformance;
mod processes;
mod support;
