-- Where somebody is looked for: what is said of a case without saying whose it is.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    case_id uuid GENERATED ALWAYS AS ((doc ->> 'case_id')::uuid) STORED
);
CREATE INDEX notice_unit ON notice (unit, id) WHERE state = 'published';
