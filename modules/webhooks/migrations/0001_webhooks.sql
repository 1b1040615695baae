CREATE TABLE webhooks_endpoint (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    -- One of the places a shop has for endpoints; given back when the endpoint is deleted.
    slot {int} CHECK (slot BETWEEN 1 AND 50),
    url {text} NOT NULL,
    description {text} NOT NULL,
    -- Patterns separated by spaces.
    subjects {text} NOT NULL,
    active {int} NOT NULL CHECK (active IN (0, 1)),
    -- Sealed; the text form is shown once and never stored.
    secret {bytes} NOT NULL,
    old_secret {bytes},
    old_secret_until {int},
    last_position {int} NOT NULL CHECK (last_position >= 0),
    -- Names the job that works through the deliveries; open while one is on its way.
    lane {int} NOT NULL CHECK (lane >= 0),
    lane_open {int} NOT NULL CHECK (lane_open IN (0, 1)),
    failures {int} NOT NULL CHECK (failures >= 0),
    failing_since {int},
    not_before {int},
    disabled_at {int},
    disabled_reason {text} CHECK (disabled_reason IN ('gone', 'failing')),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    deleted_at {int},
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, slot),
    CHECK ((slot IS NULL) = (deleted_at IS NOT NULL)),
    CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK ((failing_since IS NULL) = (failures = 0)),
    CHECK (active = 0 OR (disabled_at IS NULL AND deleted_at IS NULL))
) {strict};
CREATE TABLE webhooks_delivery (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    endpoint_id {id} NOT NULL,
    -- Its place in the order of the endpoint, from 1.
    position {int} NOT NULL CHECK (position > 0),
    event_id {id} NOT NULL,
    subject {text} NOT NULL,
    body {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    failure {text} CHECK (failure IN ('given_up', 'gone', 'too_many_waiting')),
    attempts {int} NOT NULL CHECK (attempts >= 0),
    first_attempt_at {int},
    next_attempt_at {int} NOT NULL,
    replay_of {id},
    created_at {int} NOT NULL,
    settled_at {int},
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, endpoint_id, position),
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((attempts = 0) = (first_attempt_at IS NULL))
) {strict};
CREATE INDEX webhooks_delivery_waiting ON webhooks_delivery (tenant_id, endpoint_id, position)
    WHERE state = 'pending';
CREATE INDEX webhooks_delivery_age
    ON webhooks_delivery (tenant_id, endpoint_id, created_at, position);
CREATE TABLE webhooks_attempt (
    tenant_id {id} NOT NULL,
    endpoint_id {id} NOT NULL,
    position {int} NOT NULL,
    number {int} NOT NULL CHECK (number > 0),
    at {int} NOT NULL,
    duration_ms {int} NOT NULL CHECK (duration_ms >= 0),
    status {int} CHECK (status BETWEEN 100 AND 999),
    error {text},
    -- The first bytes of the answer, masked.
    answer {text},
    PRIMARY KEY (tenant_id, endpoint_id, position, number),
    CHECK ((status IS NULL) = (error IS NOT NULL))
) {strict};
