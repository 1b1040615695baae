CREATE TABLE media_asset (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    -- Of what is stored and served: without the camera's data, upright.
    sha256 {bytes} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('jpg', 'png', 'gif', 'webp', 'svg')),
    mime {text} NOT NULL,
    width {int} NOT NULL CHECK (width > 0),
    height {int} NOT NULL CHECK (height > 0),
    bytes {int} NOT NULL CHECK (bytes > 0),
    animated {int} NOT NULL CHECK (animated IN (0, 1)),
    name {text} NOT NULL,
    alt {text} NOT NULL,
    -- incoming: its blob is being written. condemned: its blobs are being removed; never live again.
    state {text} NOT NULL CHECK (state IN ('incoming', 'live', 'condemned')),
    -- Since when nobody shows it; empty while somebody does.
    unused_since {int},
    created_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE INDEX media_asset_content ON media_asset (tenant_id, sha256);
CREATE INDEX media_asset_unused ON media_asset (tenant_id, state, unused_since);
CREATE TABLE media_use (
    tenant_id {id} NOT NULL,
    holder {text} NOT NULL,
    asset_id {id} NOT NULL,
    PRIMARY KEY (tenant_id, holder, asset_id)
) {strict};
CREATE INDEX media_use_asset ON media_use (tenant_id, asset_id);
CREATE TABLE media_import (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    product_id {id} NOT NULL,
    source_url {text} NOT NULL,
    -- Of the URL: URLs are longer than an index likes.
    source_sha256 {bytes} NOT NULL,
    alt {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    attempts {int} NOT NULL CHECK (attempts >= 0),
    error {text},
    asset_id {id},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, product_id, source_sha256),
    CHECK ((state = 'done') = (asset_id IS NOT NULL)),
    CHECK (state <> 'failed' OR error IS NOT NULL)
) {strict};
