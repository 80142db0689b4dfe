-- A row stays until those who were left out have been told why: `solved` says that its pool's pairs are out.
-- `failed_at` is when its pool was tried last and could not be solved.
ALTER TABLE pool_change
    ADD COLUMN solved boolean NOT NULL DEFAULT false,
    ADD COLUMN failed_at timestamptz;
-- Each pool is solved once more as a new day begins, for rules and waiting are of a day.
CREATE UNIQUE INDEX pool_change_new_day ON pool_change (unit, programme) WHERE reason = 'new_day' AND NOT solved;
