-- Old intents are found without a look at all the others, also where many were deleted.  Not in a
-- transaction, so that creates go on meanwhile; safe to run again after it was broken off.  It waits for
-- transactions that are under way, and nobody for it.
SET lock_timeout = '1h';
DROP INDEX CONCURRENTLY IF EXISTS tavus.intents_seen_at;
CREATE INDEX CONCURRENTLY intents_seen_at ON tavus.intents (seen_at);
DROP INDEX CONCURRENTLY IF EXISTS tavus.intents_seen;
SET lock_timeout = '300ms';
