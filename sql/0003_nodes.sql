-- Nodes by their names: an id, a dot, and the place that it was seen at (machine, boot, folder), so
-- that a copied folder is two.  An intent knows its node, '' one that has no journal, NULL where
-- nothing was said of it.
CREATE TABLE tavus.nodes (
    name     text COLLATE "C" PRIMARY KEY,
    id       text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(name, '.', 1)) STORED,
    beat_at  timestamptz NOT NULL,
    files    int NOT NULL,                  -- what its journal held then
    bytes    bigint NOT NULL,
    clash_at timestamptz                    -- when another was heard of under this id
) WITH (fillfactor = 50);

SELECT tavus.lock_tables('intents') \g /dev/null
ALTER TABLE tavus.intents ADD node text COLLATE "C";

-- who asks has to say for which node
DROP FUNCTION IF EXISTS tavus.claim_unsettled(int);
