//! Every rule shown biting: a small sound tree with one planted violation, and its exact message.

mod layers;
mod length;
mod licences;
mod peers;
mod style;
mod tree;
