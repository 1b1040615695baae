//! Worker loop.
