-- What the registers are searched and sorted by.

ALTER TABLE host ADD COLUMN name_lowered text GENERATED ALWAYS AS (lower(doc ->> 'name')) STORED;
ALTER TABLE host ADD COLUMN appetite text GENERATED ALWAYS AS (doc ->> 'appetite') STORED;
ALTER TABLE mentor ADD COLUMN appetite text GENERATED ALWAYS AS (doc ->> 'appetite') STORED;
ALTER TABLE partner ADD COLUMN name_lowered text GENERATED ALWAYS AS (lower(doc ->> 'name')) STORED;
ALTER TABLE partner ADD COLUMN status text GENERATED ALWAYS AS (doc ->> 'status') STORED;

CREATE INDEX host_unit_name_lowered ON host (unit, name_lowered, id);
CREATE INDEX partner_unit_name_lowered ON partner (unit, name_lowered, id);
CREATE INDEX mentor_host_id ON mentor (((doc ->> 'host_id')::uuid)) WHERE doc ->> 'host_id' IS NOT NULL;
