-- Statistics: what happened in each hour and each day, by what it was of.  What is said of it stands in
-- stats.sql.

-- A row for each value of a dimension, of which 'all' has one.
CREATE TABLE tavus.stats (
    dim           text        COLLATE "C" NOT NULL, -- all, type, event_type, source, vertical, utm_source
    grain         text        COLLATE "C" NOT NULL, -- hour, day
    at            timestamptz NOT NULL,             -- its beginning, in UTC
    key           text        COLLATE "C" NOT NULL,
    events        bigint      NOT NULL DEFAULT 0,
    failures      bigint      NOT NULL DEFAULT 0,
    visits        bigint      NOT NULL DEFAULT 0,
    conversations bigint      NOT NULL DEFAULT 0,
    joined        bigint      NOT NULL DEFAULT 0,
    ended         bigint      NOT NULL DEFAULT 0,
    seconds       bigint      NOT NULL DEFAULT 0,
    led           bigint      NOT NULL DEFAULT 0,   -- conversations of which a lead came
    bought        bigint      NOT NULL DEFAULT 0,   -- and that were paid for
    leads         bigint      NOT NULL DEFAULT 0,
    orders        bigint      NOT NULL DEFAULT 0,
    renewals      bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (dim, grain, at, key)
) WITH (fillfactor = 50);

CREATE TABLE tavus.stats_money (
    dim      text        COLLATE "C" NOT NULL,
    grain    text        COLLATE "C" NOT NULL,
    at       timestamptz NOT NULL,
    key      text        COLLATE "C" NOT NULL,
    currency text        COLLATE "C" NOT NULL,
    revenue  bigint      NOT NULL DEFAULT 0,
    refunded bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (dim, grain, at, key, currency)
) WITH (fillfactor = 50);

-- for who forgets a name
CREATE INDEX stats_utm ON tavus.stats (key) WHERE dim = 'utm_source';
CREATE INDEX stats_money_utm ON tavus.stats_money (key) WHERE dim = 'utm_source';

-- What of each thing is counted now, and where: to count it anew takes this away.
CREATE TABLE tavus.stats_seen (
    what     text        COLLATE "C" NOT NULL,  -- c conversation, l lead, o order, s subscription, i invoice, v visit
    id       text        COLLATE "C" NOT NULL,
    at       timestamptz NOT NULL,
    vertical text        COLLATE "C" NOT NULL,
    utm      text        COLLATE "C" NOT NULL,
    first_id uuid,                              -- its first event: of a visit, and a conversation
    counts   jsonb       NOT NULL,
    PRIMARY KEY (what, id)
) WITH (fillfactor = 70);

CREATE INDEX stats_seen_at ON tavus.stats_seen (what, at);
CREATE INDEX stats_seen_utm ON tavus.stats_seen (utm) WHERE utm NOT IN ('', 'other');

-- What is to be counted anew.
CREATE TABLE tavus.stats_due (
    what text COLLATE "C" NOT NULL,
    id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (what, id)
);

-- Values that count under their own name, not as "other".
CREATE TABLE tavus.stats_names (
    dim     text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    seen_on date NOT NULL DEFAULT current_date,
    PRIMARY KEY (dim, name)
) WITH (fillfactor = 50);

-- n times what is to be counted: an event, which has a kind, or what counts says.
CREATE TYPE tavus.stats_fact AS (
    at timestamptz, kind smallint, event_type text, source text, vertical text, utm text, n bigint, counts jsonb
);

CREATE INDEX leads_conversation ON tavus.leads (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX orders_conversation ON tavus.orders (conversation_id) WHERE conversation_id IS NOT NULL;
