-- To which unit a case was handed over. One that never was has no row.
CREATE TABLE moved_case (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb
);
