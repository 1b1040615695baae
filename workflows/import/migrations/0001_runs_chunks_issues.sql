-- One import of one file. `position` is the ordinal of the next product to land.
CREATE TABLE import_run (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    state {text} NOT NULL
        CHECK (state IN ('receiving', 'queued', 'running', 'done', 'failed', 'abandoned')),
    format {text} NOT NULL CHECK (format IN ('shopify_classic', 'shopify_new')),
    set_stock {int} NOT NULL CHECK (set_stock IN (0, 1)),
    currency {text} NOT NULL,
    actor {text} NOT NULL,
    ignored_columns {text} NOT NULL,
    bytes {int} NOT NULL CHECK (bytes >= 0),
    content_hash {bytes},
    rows_total {int},
    rows_read {int} NOT NULL CHECK (rows_read >= 0),
    products_created {int} NOT NULL CHECK (products_created >= 0),
    products_updated {int} NOT NULL CHECK (products_updated >= 0),
    products_unchanged {int} NOT NULL CHECK (products_unchanged >= 0),
    products_rejected {int} NOT NULL CHECK (products_rejected >= 0),
    issues_kept {int} NOT NULL CHECK (issues_kept >= 0),
    issues_dropped {int} NOT NULL CHECK (issues_dropped >= 0),
    position {int} NOT NULL CHECK (position >= 1),
    error {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    finished_at {int},
    PRIMARY KEY (tenant_id, id)
) {strict};

-- The file itself, until it is imported: what lets a killed import go on.
CREATE TABLE import_chunk (
    tenant_id {id} NOT NULL,
    import_id {id} NOT NULL,
    number {int} NOT NULL CHECK (number >= 0),
    bytes {bytes} NOT NULL,
    PRIMARY KEY (tenant_id, import_id, number)
) {strict};

-- Rows of a product whose handle comes back later in the file: it lands whole, with its last rows.
CREATE TABLE import_part (
    tenant_id {id} NOT NULL,
    import_id {id} NOT NULL,
    handle {text} NOT NULL,
    ordinal {int} NOT NULL,
    draft {text} NOT NULL,
    PRIMARY KEY (tenant_id, import_id, handle, ordinal)
) {strict};

CREATE TABLE import_issue (
    tenant_id {id} NOT NULL,
    import_id {id} NOT NULL,
    ord {int} NOT NULL CHECK (ord >= 1),
    line {int} NOT NULL,
    column_name {text},
    value_excerpt {text} NOT NULL,
    reason {text} NOT NULL,
    severity {text} NOT NULL CHECK (severity IN ('error', 'warning')),
    PRIMARY KEY (tenant_id, import_id, ord)
) {strict};
