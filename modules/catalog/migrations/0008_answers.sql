-- The JSON of a product, ready to send: in the shop's own currency and in no language. Whatever
-- changes a product empties its row in the same transaction; a job fills it again.
CREATE TABLE catalog_answer (
    tenant_id {id} NOT NULL,
    product_id {id} NOT NULL,
    -- How often it was emptied: who fills it names the stamp it had before the product was read.
    stamp {int} NOT NULL CHECK (stamp >= 1),
    -- 1 where it is to be filled. Neither due nor filled: there is nothing to show.
    due {int} CHECK (due = 1),
    currency {text},
    -- The tree's version that its categories are of; NULL where it names none.
    tree {int},
    publish_at {int},
    unpublish_at {int},
    handle {text},
    -- Of the body, without its quotes.
    tag {text},
    body {bytes},
    PRIMARY KEY (tenant_id, product_id),
    CHECK ((handle IS NULL) = (body IS NULL)),
    CHECK ((currency IS NULL) = (body IS NULL)),
    CHECK ((tag IS NULL) = (body IS NULL)),
    CHECK (due IS NULL OR body IS NULL),
    CHECK (tree IS NULL OR body IS NOT NULL)
) {strict};
CREATE INDEX catalog_answer_by_handle ON catalog_answer (tenant_id, handle)
    WHERE handle IS NOT NULL;
CREATE INDEX catalog_answer_due ON catalog_answer (tenant_id, due, product_id)
    WHERE due IS NOT NULL;
CREATE INDEX catalog_answer_of_tree ON catalog_answer (tenant_id, tree) WHERE tree IS NOT NULL;

-- Up to which product, by id, all have a row.
CREATE TABLE catalog_answer_known (
    tenant_id {id} NOT NULL,
    product_id {id} NOT NULL,
    PRIMARY KEY (tenant_id)
) {strict};
