CREATE TABLE pricing_group (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    handle {text} NOT NULL CHECK (length(handle) BETWEEN 1 AND 64),
    name {text} NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    version {int} NOT NULL CHECK (version >= 1),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE UNIQUE INDEX pricing_group_handle ON pricing_group (tenant_id, handle);

-- By customer first: a quote asks for the groups of one.
CREATE TABLE pricing_group_member (
    tenant_id {id} NOT NULL,
    customer_id {id} NOT NULL,
    group_id {id} NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, group_id)
) {strict};
CREATE INDEX pricing_group_member_of_group
    ON pricing_group_member (tenant_id, group_id, customer_id);
