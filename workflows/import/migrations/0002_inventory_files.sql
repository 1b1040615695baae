-- Files of stock levels beside files of products. A CHECK cannot be widened where it stands.
CREATE TABLE import_run_wider (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    state {text} NOT NULL
        CHECK (state IN ('receiving', 'queued', 'running', 'done', 'failed', 'abandoned')),
    format {text} NOT NULL
        CHECK (format IN ('shopify_classic', 'shopify_new', 'stoa_inventory')),
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
INSERT INTO import_run_wider (tenant_id, id, state, format, set_stock, currency, actor,
    ignored_columns, bytes, content_hash, rows_total, rows_read, products_created,
    products_updated, products_unchanged, products_rejected, issues_kept, issues_dropped, position,
    error, created_at, updated_at, finished_at)
SELECT tenant_id, id, state, format, set_stock, currency, actor,
    ignored_columns, bytes, content_hash, rows_total, rows_read, products_created,
    products_updated, products_unchanged, products_rejected, issues_kept, issues_dropped, position,
    error, created_at, updated_at, finished_at
FROM import_run;
DROP TABLE import_run;
ALTER TABLE import_run_wider RENAME TO import_run;
