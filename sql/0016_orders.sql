-- What Stripe sells for us, and who has written to us: made by readers of the log.
-- No table that intake writes is touched.

-- What Stripe's events say of each of its objects, the newest that is known, and which of them belong
-- together: see orders.sql.  One that is only named by others, as our own orders are, has no kind.
CREATE TABLE tavus.stripe_objects (
    id       text     COLLATE "C" PRIMARY KEY,
    tree     text     COLLATE "C" NOT NULL,     -- the lowest id of all that name each other
    kind     text,
    livemode boolean,
    settled  boolean,                           -- of two sayings the higher one of these counts
    said_at  bigint,
    rank     int,
    weight   bigint,
    event_id text     COLLATE "C",
    doc      jsonb
) WITH (fillfactor = 70);

CREATE INDEX stripe_objects_tree ON tavus.stripe_objects (tree);
CREATE INDEX stripe_objects_said ON tavus.stripe_objects (said_at, md5(id)) WHERE said_at IS NOT NULL;

-- An order of ours has the id that we made for it, a UUIDv7; a purchase that we were not asked for has
-- one made of its session.  Amounts are in the currency's minor unit.
CREATE TABLE tavus.orders (
    id               uuid        PRIMARY KEY,
    ours             boolean     NOT NULL,      -- asked for here, and in the mode that is configured
    livemode         boolean     NOT NULL,

    asked_at         timestamptz,               -- as the checkout asked for it
    plan             text,
    mode             text,
    lines            jsonb,
    amount           bigint,
    currency         text,
    email            text        COLLATE "C",
    conversation_id  text        COLLATE "C",
    session_id       text,
    user_id          text,
    utm_source       text,
    utm_medium       text,
    utm_campaign     text,
    consent          text,

    answered_session text        COLLATE "C",   -- as Stripe answered
    expires_at       timestamptz,
    outcome          text,                      -- failed, unknown
    reason           text,
    due_at           timestamptz,               -- is to be looked for
    tries            int         NOT NULL DEFAULT 0,

    told_session     text        COLLATE "C",   -- as Stripe's events tell
    told_state       text,
    told_at          timestamptz,
    paid_at          timestamptz,
    payment_intent   text,
    customer         text,
    subscription     text,
    total            bigint,
    total_currency   text,
    told_email       text        COLLATE "C",
    failure          text,
    refunded         jsonb,                     -- an amount for each currency
    disputes         jsonb,

    stripe_session   text        COLLATE "C" GENERATED ALWAYS AS
                     (coalesce(answered_session, told_session)) STORED,
    state            text        COLLATE "C" NOT NULL GENERATED ALWAYS AS
                     (coalesce(told_state, CASE WHEN answered_session IS NOT NULL THEN 'open'
                                                ELSE coalesce(outcome, 'new') END)) STORED
) WITH (fillfactor = 70);

CREATE INDEX orders_ours ON tavus.orders (ours, id);
CREATE INDEX orders_state ON tavus.orders (ours, state, id);
CREATE INDEX orders_email ON tavus.orders (lower(coalesce(told_email, email)), id);
CREATE INDEX orders_session ON tavus.orders (stripe_session) WHERE stripe_session IS NOT NULL;
CREATE INDEX orders_due ON tavus.orders (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE tavus.subscriptions (
    id           uuid        PRIMARY KEY,       -- made of the subscription
    subscription text        COLLATE "C" NOT NULL UNIQUE,
    ours         boolean     NOT NULL,
    livemode     boolean     NOT NULL,
    order_id     uuid,                          -- that began it
    status       text        COLLATE "C" NOT NULL,
    customer     text,
    items        jsonb,
    trial_end    timestamptz,
    period_end   timestamptz,
    ends_at      timestamptz,                   -- it is to be cancelled then
    canceled_at  timestamptz,                   -- somebody said so
    ended_at     timestamptz,
    paused       boolean     NOT NULL,          -- nothing is collected
    invoices     int         NOT NULL,          -- that are paid
    renewals     int         NOT NULL,          -- of these
    paid         jsonb,                         -- an amount for each currency
    paid_at      timestamptz,
    failing      boolean     NOT NULL,          -- an invoice is open that could not be collected
    refunded     jsonb,
    disputes     jsonb,
    told_at      timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX subscriptions_ours ON tavus.subscriptions (ours, id);
CREATE INDEX subscriptions_status ON tavus.subscriptions (ours, status, id);

-- Each has the id of its contact.submitted.
CREATE TABLE tavus.leads (
    id              uuid    PRIMARY KEY,
    name            text    NOT NULL,
    email           text    COLLATE "C" NOT NULL,
    message         text    NOT NULL,
    phone           text,
    company         text,
    conversation_id text    COLLATE "C",
    session_id      text,
    user_id         text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text,
    consent         text,
    handled         boolean NOT NULL DEFAULT false,
    handled_id      uuid,                       -- the lead.handled that said so, the highest
    handled_by      text
) WITH (fillfactor = 90);

CREATE INDEX leads_handled ON tavus.leads (handled, id);
CREATE INDEX leads_email ON tavus.leads (lower(email), id);
