CREATE TABLE stoa_event (
    id {serial},
    event_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    subject {text} NOT NULL,
    key {text} NOT NULL,
    occurred_at {int} NOT NULL,
    actor {text} NOT NULL,
    causation {id},
    trace {text},
    payload {text} NOT NULL,
    seq {int}
) {strict};
CREATE UNIQUE INDEX stoa_event_seq ON stoa_event (seq) WHERE seq IS NOT NULL;
CREATE INDEX stoa_event_unsequenced ON stoa_event (id) WHERE seq IS NULL;

CREATE TABLE stoa_sequence (
    name {text} PRIMARY KEY,
    last {int} NOT NULL
) {strict};
INSERT INTO stoa_sequence (name, last) VALUES ('event', 0);

CREATE TABLE stoa_consumer (
    name {text} PRIMARY KEY,
    position {int} NOT NULL,
    updated_at {int} NOT NULL
) {strict};

CREATE TABLE stoa_inbox (
    tenant_id {id} NOT NULL,
    consumer {text} NOT NULL,
    event_id {id} NOT NULL,
    handled_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, consumer, event_id)
) {strict};
CREATE INDEX stoa_inbox_age ON stoa_inbox (handled_at);

CREATE TABLE stoa_dead_event (
    consumer {text} NOT NULL,
    seq {int} NOT NULL,
    error {text} NOT NULL,
    buried_at {int} NOT NULL,
    PRIMARY KEY (consumer, seq)
) {strict};

CREATE TABLE stoa_schedule (
    name {text} PRIMARY KEY,
    next_at {int} NOT NULL
) {strict};

CREATE TABLE stoa_job (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    kind {text} NOT NULL,
    unique_key {text},
    payload {text} NOT NULL,
    run_at {int} NOT NULL,
    attempts {int} NOT NULL DEFAULT 0,
    attempts_max {int} NOT NULL,
    lease {text},
    dead_at {int},
    last_error {text},
    created_at {int} NOT NULL
) {strict};
CREATE UNIQUE INDEX stoa_job_unique ON stoa_job (tenant_id, kind, unique_key)
    WHERE unique_key IS NOT NULL AND dead_at IS NULL;
CREATE INDEX stoa_job_due ON stoa_job (run_at) WHERE dead_at IS NULL;

CREATE TABLE stoa_idempotency (
    tenant_id {id} NOT NULL,
    scope {text} NOT NULL,
    key {text} NOT NULL,
    body_hash {bytes} NOT NULL,
    status {int},
    response {text},
    created_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, scope, key)
) {strict};
CREATE INDEX stoa_idempotency_age ON stoa_idempotency (created_at);
