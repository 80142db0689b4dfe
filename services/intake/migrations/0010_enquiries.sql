-- Who asks again is found by the keyed hash of their address or number; what came to a unit by its moment.
ALTER TABLE enquiry ADD COLUMN contact_key text GENERATED ALWAYS AS (doc ->> 'contact_key') STORED;
CREATE INDEX enquiry_contact_key ON enquiry (contact_key, asked_at) WHERE contact_key IS NOT NULL;
CREATE INDEX enquiry_unit_asked_at ON enquiry (unit, asked_at);
