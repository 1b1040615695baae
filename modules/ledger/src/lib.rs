//! Double-entry books, gift cards and store credit. Never talks to a payment provider, and never
//! keeps a gift card's code.

mod api;
mod application;
mod domain;
mod infrastructure;

use std::sync::Arc;

use stoa_contracts::Deps;
use stoa_contracts::ledger::Ledger;
use stoa_rest::{CursorKey, Routes};
use stoa_storage::{Migrations, Plane};

pub use api::{GIFT_CARD_ENDED, GIFT_CARD_NOT_FOUND, STORE_CREDIT_SHORT};

pub const MIGRATIONS: Migrations = Migrations {
    module: "ledger",
    plane: Plane::Cell,
    steps: &[
        include_str!("../migrations/0001_entries_wallets_tenders.sql"),
        include_str!("../migrations/0002_reversals.sql"),
    ],
};

/// What the server gets of this module.
pub struct Module {
    pub contract: Arc<dyn Ledger>,
    pub routes: Routes,
}

/// `code_secret` makes and recognises the codes of gift cards: it must stay the same for the life
/// of an installation. `cursors` signs the positions in this module's lists.
pub fn start(deps: Deps, code_secret: [u8; 32], cursors: CursorKey) -> Module {
    let books = Arc::new(application::Books::new(deps, code_secret));
    Module {
        routes: api::routes(Arc::clone(&books), cursors),
        contract: books,
    }
}
