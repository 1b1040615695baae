CREATE TABLE stoa_cell (
    id {id} PRIMARY KEY,
    isolation {text} NOT NULL,
    locator {text} NOT NULL,
    epoch {int} NOT NULL,
    created_at {int} NOT NULL
) {strict};

CREATE TABLE stoa_tenant (
    id {id} PRIMARY KEY,
    slug {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    cell_id {id} NOT NULL REFERENCES stoa_cell (id),
    currency {text} NOT NULL,
    test_mode {int} NOT NULL,
    created_at {int} NOT NULL
) {strict};

CREATE TABLE stoa_host (
    hostname {text} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES stoa_tenant (id)
) {strict};

CREATE TABLE stoa_secret (
    name {text} PRIMARY KEY,
    value {bytes} NOT NULL
) {strict};
