-- Notifications' aggregates: one document a row, and the columns that are searched, generated from it.

-- Whom to write to. Name and address stand here and nowhere else in this service.
CREATE TABLE contact (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED
);

-- What mails are about: a proposal, or an agreed match and its placement.
CREATE TABLE matter (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED
);

CREATE TABLE mail (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    doc jsonb,
    state text GENERATED ALWAYS AS (doc ->> 'state') STORED,
    unit text GENERATED ALWAYS AS (doc ->> 'unit') STORED,
    case_id uuid GENERATED ALWAYS AS ((doc ->> 'case_id')::uuid) STORED,
    person_id uuid GENERATED ALWAYS AS ((doc ->> 'person_id')::uuid) STORED,
    matter_id uuid GENERATED ALWAYS AS ((doc ->> 'matter_id')::uuid) STORED,
    queued_at text GENERATED ALWAYS AS (doc ->> 'queued_at') STORED
);
CREATE INDEX mail_queued ON mail (queued_at, id) WHERE state = 'queued';
CREATE INDEX mail_failed ON mail (unit, queued_at) WHERE state IN ('failed', 'not_by_mail');
CREATE INDEX mail_case ON mail (case_id, queued_at, id);

-- A contact that comes later, or a retry, makes a mail sendable just as a new mail is.
CREATE FUNCTION wake_mail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('mail', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER contact_wakes_mail AFTER UPDATE ON contact
    FOR EACH ROW WHEN (NEW.doc IS NOT NULL) EXECUTE FUNCTION wake_mail();
CREATE TRIGGER retry_wakes_mail AFTER UPDATE ON mail
    FOR EACH ROW WHEN (NEW.doc ->> 'state' = 'queued') EXECUTE FUNCTION wake_mail();
