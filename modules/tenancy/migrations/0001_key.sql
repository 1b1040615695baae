CREATE TABLE tenancy_key (
    id {id} PRIMARY KEY,
    hash {bytes} NOT NULL UNIQUE,
    tenant_id {id},
    kind {text} NOT NULL CHECK (kind IN ('secret', 'publishable', 'operator')),
    name {text} NOT NULL,
    permissions {text} NOT NULL,
    created_at {int} NOT NULL,
    revoked_at {int},
    CHECK ((kind = 'operator') = (tenant_id IS NULL))
) {strict};
CREATE INDEX tenancy_key_tenant ON tenancy_key (tenant_id);
