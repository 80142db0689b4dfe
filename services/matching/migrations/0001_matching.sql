-- Cases, places and proposals as matching knows them. Columns for what is searched come from the document.

CREATE TABLE case_file (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc->>'unit') STORED,
    programme text GENERATED ALWAYS AS (doc->>'programme') STORED,
    state text GENERATED ALWAYS AS (doc->>'state') STORED,
    waiting_since text GENERATED ALWAYS AS (doc->>'waiting_since') STORED,
    proposal_id uuid GENERATED ALWAYS AS ((doc->>'proposal_id')::uuid) STORED
);
CREATE INDEX case_file_pool ON case_file (unit, programme, waiting_since, id) WHERE state = 'waiting';

CREATE TABLE place (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc->>'unit') STORED,
    state text GENERATED ALWAYS AS (doc->>'state') STORED
);
CREATE INDEX place_pool ON place (unit, id) WHERE state = 'offered';

CREATE TABLE proposal (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc->>'unit') STORED,
    programme text GENERATED ALWAYS AS (doc->>'programme') STORED,
    state text GENERATED ALWAYS AS (doc->>'state') STORED,
    case_id uuid GENERATED ALWAYS AS ((doc->>'case_id')::uuid) STORED,
    place_id uuid GENERATED ALWAYS AS ((doc->>'place_id')::uuid) STORED,
    match_id uuid GENERATED ALWAYS AS ((doc->>'match_id')::uuid) STORED,
    answer_by text GENERATED ALWAYS AS (doc->>'answer_by') STORED,
    proposed_at text GENERATED ALWAYS AS (doc->>'proposed_at') STORED
);
CREATE INDEX proposal_case ON proposal (case_id, proposed_at);
CREATE UNIQUE INDEX proposal_match ON proposal (match_id) WHERE match_id IS NOT NULL;
CREATE INDEX proposal_open ON proposal (unit, proposed_at, id) WHERE state IN ('open', 'accepted');

-- One row for each pool that somebody has asked to have solved.
CREATE TABLE pool (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb
);

-- What has changed since a pool was solved last; only ever added to, and deleted once it is solved.
CREATE TABLE pool_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    programme text NOT NULL,
    reason text NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX pool_change_pool ON pool_change (unit, programme, due_at);
