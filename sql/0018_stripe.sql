-- Where the reading of Stripe's own list of events stands, for all nodes; and orders by the address that was
-- given here, where Stripe told another.

CREATE TABLE tavus.stripe_repairs (
    livemode  boolean     PRIMARY KEY,                 -- of the key: a list is of one mode
    due_at    timestamptz NOT NULL DEFAULT now(),      -- who asks has it until then
    token     bigint      NOT NULL DEFAULT 0,          -- of who asks; 0: nobody
    since     timestamptz,                             -- from when on events are read
    began     timestamptz,                             -- this run; NULL: none is under way
    after     text        COLLATE "C",                 -- the event that was read last of it
    whole     boolean     NOT NULL DEFAULT false,      -- what was delivered is read too
    server    text,                                    -- the run of a server, and the database
    done_at   timestamptz,                             -- the last run came to its end
    failures  int         NOT NULL DEFAULT 0,          -- in a row
    orders_at timestamptz NOT NULL DEFAULT now()       -- no order is looked for before
);

-- nobody has called it yet
DROP FUNCTION IF EXISTS tavus.orders_unsettled(int);

CREATE INDEX orders_given ON tavus.orders (lower(email), id) WHERE lower(email) <> lower(told_email);
