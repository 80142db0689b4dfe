-- Each aggregate is one row: id, version, and its document; other columns are generated from that.
-- A row whose document is null is only being made.

CREATE TABLE referral (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    source text GENERATED ALWAYS AS (doc ->> 'source') STORED,
    source_reference text GENERATED ALWAYS AS (doc ->> 'source_reference') STORED
);
CREATE INDEX referral_source_reference ON referral (source_reference, source);

-- Referrals that could not be taken, as they came (encrypted). `person_key` finds them when a person is
-- erased; what names no person is deleted after 30 days.
CREATE TABLE refused_referral (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    referral_id uuid NOT NULL,
    person_key uuid,
    unit text,
    sealed text NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX refused_referral_person_key ON refused_referral (person_key);
CREATE INDEX refused_referral_received_at ON refused_referral (received_at);

-- One row for each referral that was answered and not counted yet; the leader counts them and takes them away.
CREATE TABLE referral_tally (
    source text NOT NULL,
    outcome text NOT NULL
);

CREATE TABLE person_key (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    person_id uuid GENERATED ALWAYS AS ((doc ->> 'person_id')::uuid) STORED
);

CREATE TABLE person (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    name text GENERATED ALWAYS AS (doc ->> 'name') STORED,
    name_lowered text GENERATED ALWAYS AS (lower(doc ->> 'name')) STORED
);

CREATE TABLE case_file (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    programme text GENERATED ALWAYS AS (doc ->> 'programme') STORED,
    person_id uuid GENERATED ALWAYS AS ((doc ->> 'person_id')::uuid) STORED,
    guardian_id uuid GENERATED ALWAYS AS ((doc ->> 'guardian_id')::uuid) STORED,
    proposal_id uuid GENERATED ALWAYS AS ((doc -> 'match' ->> 'proposal_id')::uuid) STORED,
    opened_at text GENERATED ALWAYS AS (doc ->> 'opened_at') STORED,
    source_reference text GENERATED ALWAYS AS (doc ->> 'source_reference') STORED
);
CREATE INDEX case_file_unit ON case_file (unit, opened_at DESC, id DESC);
CREATE INDEX case_file_unit_state ON case_file (unit, state, opened_at DESC, id DESC);
CREATE INDEX case_file_person_id ON case_file (person_id);
CREATE INDEX case_file_guardian_id ON case_file (guardian_id) WHERE guardian_id IS NOT NULL;
CREATE INDEX case_file_proposal_id ON case_file (proposal_id) WHERE proposal_id IS NOT NULL;

CREATE TABLE host (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    name text GENERATED ALWAYS AS (doc ->> 'name') STORED,
    contact_person_id uuid GENERATED ALWAYS AS ((doc ->> 'contact_person_id')::uuid) STORED
);
CREATE INDEX host_unit ON host (unit, name, id);
CREATE INDEX host_contact_person_id ON host (contact_person_id);

CREATE TABLE mentor (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED
);
CREATE INDEX mentor_unit ON mentor (unit, id);

CREATE TABLE place (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    host_id uuid GENERATED ALWAYS AS ((doc ->> 'host_id')::uuid) STORED,
    mentor_id uuid GENERATED ALWAYS AS ((doc ->> 'mentor_id')::uuid) STORED
);
CREATE INDEX place_unit ON place (unit, id);
CREATE INDEX place_host_id ON place (host_id);

-- Who looked at whose identity, written in the same transaction as the look.
CREATE TABLE look (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    looked_at timestamptz NOT NULL,
    subject text NOT NULL,
    looker_id uuid,
    at_what text NOT NULL,
    person_ids uuid[] NOT NULL
);
CREATE INDEX look_person_ids ON look USING gin (person_ids);
