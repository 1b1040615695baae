-- One row per shop that ever had a collection or a category. Its numbers tell whether what a
-- process keeps in memory of the tree, and of the rules of collections, is still so. Whoever
-- changes one of the two holds this row's lock.
CREATE TABLE catalog_shape (
    tenant_id {id} NOT NULL,
    tree {int} NOT NULL CHECK (tree >= 0),
    rules {int} NOT NULL CHECK (rules >= 0),
    PRIMARY KEY (tenant_id)
) {strict};
INSERT INTO catalog_shape (tenant_id, tree, rules)
SELECT DISTINCT tenant_id, 0, 0 FROM catalog_collection;

CREATE TABLE catalog_category (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    handle {text} NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    title {text} NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    parent_id {id} CHECK (parent_id <> id),
    position {int} NOT NULL CHECK (position >= 0),
    attributes {text} NOT NULL,
    version {int} NOT NULL CHECK (version >= 1),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, handle)
) {strict};

-- Categories that are gone while products may still name them, and which one stands for them now.
CREATE TABLE catalog_category_gone (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    parent_id {id},
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE INDEX catalog_product_of_category ON catalog_product (tenant_id, category_id, id)
    WHERE category_id IS NOT NULL;

-- Which products a collection, or a category with all below it, holds. It repeats what lists are
-- sorted by, so that a page of a list is read off an index however many there are.
CREATE TABLE catalog_member (
    tenant_id {id} NOT NULL,
    -- Of a collection or a category, whose ids never meet.
    group_id {id} NOT NULL,
    product_id {id} NOT NULL,
    -- Put there by the merchant, and not worked out.
    by_hand {int} NOT NULL CHECK (by_hand IN (0, 1)),
    position {int} NOT NULL CHECK (position >= 0),
    created_at {int} NOT NULL,
    title_lower {text} NOT NULL,
    PRIMARY KEY (tenant_id, group_id, product_id)
) {strict};
INSERT INTO catalog_member (tenant_id, group_id, product_id, by_hand, position, created_at,
    title_lower)
SELECT m.tenant_id, m.collection_id, m.product_id, 1, m.position, p.created_at, p.title_lower
FROM catalog_collection_product m
JOIN catalog_product p ON p.tenant_id = m.tenant_id AND p.id = m.product_id;
DROP TABLE catalog_collection_product;
CREATE INDEX catalog_member_arranged ON catalog_member (tenant_id, group_id, position, product_id);
CREATE INDEX catalog_member_newest ON catalog_member (tenant_id, group_id, created_at, product_id);
CREATE INDEX catalog_member_by_title
    ON catalog_member (tenant_id, group_id, title_lower, product_id);
CREATE INDEX catalog_member_of_product ON catalog_member (tenant_id, product_id);

-- The lowest price of each member, as its card has it.
CREATE TABLE catalog_member_price (
    tenant_id {id} NOT NULL,
    product_id {id} NOT NULL,
    group_id {id} NOT NULL,
    currency {text} NOT NULL,
    price_min {int} NOT NULL CHECK (price_min >= 0),
    PRIMARY KEY (tenant_id, product_id, group_id, currency)
) {strict};
INSERT INTO catalog_member_price (tenant_id, product_id, group_id, currency, price_min)
SELECT m.tenant_id, m.product_id, m.group_id, c.currency, c.price_min
FROM catalog_member m
JOIN catalog_card c ON c.tenant_id = m.tenant_id AND c.product_id = m.product_id;
CREATE INDEX catalog_member_price_order
    ON catalog_member_price (tenant_id, group_id, currency, price_min, product_id);

ALTER TABLE catalog_collection ADD COLUMN sort {text} NOT NULL DEFAULT 'manual'
    CHECK (sort IN ('manual', 'newest', 'title', 'price_ascending', 'price_descending'));
-- NULL where it is filled by hand.
ALTER TABLE catalog_collection ADD COLUMN rule {text};

-- Groups whose members are to be worked out anew, and how far that is.
CREATE TABLE catalog_regroup (
    tenant_id {id} NOT NULL,
    owner_id {id} NOT NULL,
    reason {text} NOT NULL CHECK (reason IN ('category', 'rule', 'purge')),
    -- The second time looks at what was being written during the first.
    pass {int} NOT NULL CHECK (pass IN (1, 2)),
    after_id {id} NOT NULL,
    began_at {int} NOT NULL,
    due_at {int} NOT NULL,
    seen {int} NOT NULL CHECK (seen >= 0),
    changed {int} NOT NULL CHECK (changed >= 0),
    PRIMARY KEY (tenant_id, owner_id)
) {strict};
CREATE INDEX catalog_regroup_due ON catalog_regroup (tenant_id, due_at, owner_id);
