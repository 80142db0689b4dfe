-- Whom to ask again, by the day that was agreed.
CREATE INDEX host_ask_again_on ON host (unit, (doc ->> 'ask_again_on')) WHERE doc ->> 'ask_again_on' IS NOT NULL;
CREATE INDEX mentor_ask_again_on ON mentor (unit, (doc ->> 'ask_again_on')) WHERE doc ->> 'ask_again_on' IS NOT NULL;
