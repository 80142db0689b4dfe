-- Whom a parked message is about, where its key does not say so: a referral's national id stands here as the row
-- that it is found by, never as itself. What is erased is found by it.
ALTER TABLE parked ADD COLUMN about uuid;
CREATE INDEX parked_about ON parked (about) WHERE about IS NOT NULL;
