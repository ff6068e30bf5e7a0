-- When Tavus is asked about a conversation of which something has not come, how often it was, and how
-- often it has answered; and how fast all nodes together may ask.  Not in a transaction, so that events
-- are taken while the index is made; safe to run again after it was broken off.
BEGIN;
CREATE TABLE IF NOT EXISTS tavus.repair_pace (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_at      timestamptz NOT NULL,
    paused_until timestamptz NOT NULL
);
INSERT INTO tavus.repair_pace (next_at, paused_until) VALUES (now(), now()) ON CONFLICT DO NOTHING;

SELECT tavus.lock_tables('conversations') \g /dev/null
ALTER TABLE tavus.conversations
    ADD IF NOT EXISTS repair_at      timestamptz,
    ADD IF NOT EXISTS repair_tries   smallint NOT NULL DEFAULT 0,
    ADD IF NOT EXISTS repair_answers smallint NOT NULL DEFAULT 0;

-- what functions of before make does not know better
ALTER TABLE tavus.conversations ALTER repair_at SET DEFAULT now() + interval '2 hours';
COMMIT;

SET lock_timeout = '1h';
DROP INDEX CONCURRENTLY IF EXISTS tavus.conversations_repair;
CREATE INDEX CONCURRENTLY conversations_repair ON tavus.conversations (repair_at)
    WHERE repair_at IS NOT NULL;

-- By the index of those that run: few rows.  A batch that holds one of them is waited for.
SET lock_timeout = '1min';
UPDATE tavus.conversations SET repair_at = now() + interval '1 hour'
 WHERE NOT ended AND repair_at IS NULL;
SET lock_timeout = '300ms';
