//! The bus over real storage: facts reach consumers, jobs get done, whatever fails or stops.

mod deliveries;
mod failures;
mod jobs;
mod outcomes;
mod schedules;
mod support;
mod tails;
