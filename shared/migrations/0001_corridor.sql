-- What every service's corridor needs. The same in all four databases.

-- Ids of messages that have had their effect; pruned once older than any topic keeps.
CREATE TABLE inbox (
    id uuid PRIMARY KEY,
    entered_at timestamptz NOT NULL
);
CREATE INDEX inbox_entered_at ON inbox (entered_at);

-- Events to be published, in order; kept afterwards as the service's journal.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    body text,
    cause uuid NOT NULL,
    version integer,
    written_at timestamptz NOT NULL,
    sent_at timestamptz,
    PRIMARY KEY (position, written_at)
) PARTITION BY RANGE (written_at);
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;
CREATE INDEX outbox_unsent ON outbox (position) WHERE sent_at IS NULL;
CREATE INDEX outbox_key ON outbox (key, position);

-- Messages to this service itself at a later moment. A number is never used twice.
CREATE SEQUENCE timer_number;
CREATE TABLE timer (
    id uuid PRIMARY KEY,
    number bigint NOT NULL DEFAULT nextval('timer_number'),
    type text NOT NULL,
    body text NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX timer_due_at ON timer (due_at);

-- What could not be read, or what a fault prevented; raw bytes and headers are encrypted.
CREATE TABLE parked (
    id uuid PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text,
    type text NOT NULL,
    state text NOT NULL CHECK (state IN ('parked', 'waiting', 'discarded')),
    reason text NOT NULL,
    sealed bytea,
    tries integer NOT NULL DEFAULT 1,
    parked_at timestamptz NOT NULL,
    UNIQUE (topic, partition, record_offset)
);
CREATE INDEX parked_behind ON parked (topic, key, record_offset) WHERE state <> 'discarded';

-- One row per key that stands still; locked first by whoever parks, waits or releases.
CREATE TABLE parked_key (
    topic text NOT NULL,
    key text NOT NULL,
    PRIMARY KEY (topic, key)
);

-- First answers to commands that carried an Idempotency-Key.
CREATE TABLE command_answer (
    id uuid PRIMARY KEY,
    digest bytea NOT NULL,
    answer jsonb NOT NULL,
    answered_at timestamptz NOT NULL
);
