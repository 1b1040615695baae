//! The judge is judged: by hand, by `stateright`, and by bugs planted for it.

mod against_stateright;
mod by_hand;
