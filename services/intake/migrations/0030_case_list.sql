-- What the list of cases is searched and sorted by: the day on which something is due, and whom it waits for.
-- Only a case in preparation waits for somebody here; the far day stands for none, so that a cursor has one.

ALTER TABLE case_file ADD COLUMN due_on text GENERATED ALWAYS AS (
    coalesce(doc -> 'open_steps' -> 0 ->> 'due_on', '9999-12-31')
) STORED;
ALTER TABLE case_file ADD COLUMN waits_for jsonb GENERATED ALWAYS AS (
    jsonb_path_query_array(doc, '$.open_steps[*].who')
) STORED;
CREATE INDEX case_file_unit_due_on ON case_file (unit, due_on, opened_at, id);
CREATE INDEX case_file_certificates ON case_file (unit)
    WHERE doc -> 'certificates' <> '{}' AND state IN ('preparing', 'ready', 'matched', 'started', 'paused');
CREATE INDEX person_glass ON person (controller) WHERE jsonb_array_length(doc -> 'glass') > 0;

-- A person's own views of the list: a name, and the filters as they stand in the address. They belong to who
-- signs in and name nobody else.
CREATE TABLE saved_view (
    subject text NOT NULL,
    name text NOT NULL,
    filters text NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (subject, name)
);
