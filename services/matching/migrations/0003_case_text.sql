-- How a candidate is presented in words, to be read by a host or a mentor who is asked.
CREATE TABLE case_text (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb
);
