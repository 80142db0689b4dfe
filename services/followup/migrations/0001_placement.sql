-- Followup's aggregates: one document a row, and the columns that are searched, generated from it.

CREATE TABLE placement (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    case_id uuid GENERATED ALWAYS AS ((doc ->> 'case_id')::uuid) STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    programme text GENERATED ALWAYS AS (doc ->> 'programme') STORED,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    next_check_in text GENERATED ALWAYS AS
        (jsonb_path_query_first(doc, '$.check_ins[*] ? (@.state == "booked").due_on') #>> '{}') STORED
);
CREATE INDEX placement_case ON placement (case_id);
CREATE INDEX placement_due ON placement (unit, next_check_in) WHERE state = 'running';

CREATE TABLE case_track (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED
);
