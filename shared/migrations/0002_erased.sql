-- Who and what was erased: it outlives their data, so that nothing that comes later brings anybody back.
-- `body` holds ids alone: the message that erased, to be said again to a database that was restored.
CREATE TABLE erased (
    id uuid PRIMARY KEY,
    body text NOT NULL,
    erased_at timestamptz NOT NULL
);
