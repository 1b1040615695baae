//! The table that storage's own tests work on.

use stoa_storage::{Migrations, Plane};
use stoa_testkit::TestCells;

pub(crate) const SCHEMA: Migrations = Migrations {
    module: "sample",
    plane: Plane::Cell,
    steps: &[
        "CREATE TABLE sample_item (tenant_id {id} NOT NULL, id {int} NOT NULL, \
              name {text} NOT NULL, units {int} NOT NULL CHECK (units >= 0), note {text}, \
              PRIMARY KEY (tenant_id, id)) {strict}",
    ],
};

pub(crate) async fn everywhere() -> Vec<TestCells> {
    stoa_testkit::everywhere(&[SCHEMA]).await
}
