-- Who looked at all that is held on whom; written before it is shown.
CREATE TABLE look (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    looked_at timestamptz NOT NULL,
    subject text NOT NULL,
    looker_id uuid,
    person_id uuid NOT NULL
);
CREATE INDEX look_person_id ON look (person_id);
