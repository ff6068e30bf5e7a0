-- Digests are forgotten a table at a time: see trim.sql.  What is there stays in the table that is
-- written to.
CREATE TABLE tavus.digests_before (
    digest  bytea       PRIMARY KEY,
    id      uuid        NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE tavus.digests_round (
    begun_at timestamptz NOT NULL           -- when tavus.digests began to be written to
);
INSERT INTO tavus.digests_round VALUES (now());

-- nothing looks for their time any more
SELECT tavus.lock_tables('digests') \g /dev/null
DROP INDEX tavus.digests_seen;
