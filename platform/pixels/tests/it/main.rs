//! What is taken, what is refused and what comes out, over files made here.

mod bombs;
mod files;
mod served;
