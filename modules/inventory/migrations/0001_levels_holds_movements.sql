-- How many units of a variant a location has, and how many of them are promised to orders.
CREATE TABLE inventory_level (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    location_id {id} NOT NULL,
    on_hand {int} NOT NULL CHECK (on_hand >= 0),
    reserved {int} NOT NULL CHECK (reserved >= 0),
    -- 1 where it may be promised beyond what is on hand.
    backorder {int} NOT NULL CHECK (backorder IN (0, 1)),
    -- Rises by one with every change; each has its movement.
    version {int} NOT NULL CHECK (version >= 0),
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, variant_id, location_id),
    CHECK (backorder = 1 OR reserved <= on_hand)
) {strict};

-- What an order holds. Given back, the row goes; the movements keep the history.
CREATE TABLE inventory_hold (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    location_id {id} NOT NULL,
    units {int} NOT NULL CHECK (units > 0),
    state {text} NOT NULL CHECK (state IN ('held', 'confirmed')),
    expires_at {int},
    created_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, variant_id, location_id),
    CHECK (state = 'held' AND expires_at IS NOT NULL OR state = 'confirmed' AND expires_at IS NULL)
) {strict};

-- Append-only. Movement n of a level is the change that gave it version n.
CREATE TABLE inventory_movement (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    location_id {id} NOT NULL,
    level_version {int} NOT NULL CHECK (level_version > 0),
    kind {text} NOT NULL CHECK (kind IN ('set', 'reserve', 'release')),
    on_hand_delta {int} NOT NULL,
    reserved_delta {int} NOT NULL,
    order_id {id},
    reason {text},
    moved_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, variant_id, location_id, level_version)
) {strict};
