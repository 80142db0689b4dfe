-- Partners, colleagues, units and enquiries: each one row and its document, as the others.

CREATE TABLE partner (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    kind text GENERATED ALWAYS AS (doc ->> 'kind') STORED,
    name text GENERATED ALWAYS AS (doc ->> 'name') STORED,
    contact_person_id uuid GENERATED ALWAYS AS ((doc ->> 'contact_person_id')::uuid) STORED
);
CREATE INDEX partner_unit ON partner (unit, name, id);

CREATE TABLE staff (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED
);
CREATE INDEX staff_unit ON staff (unit, id);

CREATE TABLE unit_file (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED
);
CREATE UNIQUE INDEX unit_file_unit ON unit_file (unit);

CREATE TABLE enquiry (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    person_id uuid GENERATED ALWAYS AS ((doc ->> 'person_id')::uuid) STORED,
    asked_at text GENERATED ALWAYS AS (doc ->> 'asked_at') STORED
);
CREATE INDEX enquiry_unit_state ON enquiry (unit, state, asked_at);
CREATE INDEX enquiry_person_id ON enquiry (person_id);

-- A host or a mentor that was registered is one that can be proposed.
UPDATE host SET doc = jsonb_set(doc, '{state}', '"available"') WHERE doc ->> 'state' = 'active';
UPDATE mentor SET doc = jsonb_set(doc, '{state}', '"available"') WHERE doc ->> 'state' = 'active';

ALTER TABLE host ADD COLUMN state text GENERATED ALWAYS AS (doc ->> 'state') STORED;
ALTER TABLE mentor ADD COLUMN state text GENERATED ALWAYS AS (doc ->> 'state') STORED;
CREATE INDEX place_mentor_id ON place (mentor_id);
ALTER TABLE case_file ADD COLUMN caseworker uuid GENERATED ALWAYS AS ((doc ->> 'caseworker')::uuid) STORED;
CREATE INDEX case_file_caseworker ON case_file (caseworker) WHERE caseworker IS NOT NULL;
-- Whoever has a part in an agreed match is found by it, as before they are erased.
CREATE INDEX case_file_parties ON case_file USING gin ((doc -> 'match' -> 'parties') jsonb_path_ops);
CREATE INDEX person_key_person_id ON person_key (person_id);
