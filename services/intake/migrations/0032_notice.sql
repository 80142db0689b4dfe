-- Where matching looks for a mentor: shown at the unit's door, in codes alone.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    published_on text GENERATED ALWAYS AS (doc ->> 'published_on') STORED
);
CREATE INDEX notice_unit ON notice (unit, published_on DESC, id) WHERE state = 'up';
