-- The tables.  Each index on events costs on the path of every webhook.  Measured as backend CPU
-- per 128-row batch of 350-byte events on 2 cores: primary key alone 1.1 ms, with the timeline
-- index 1.6 ms, with the two partial ones 1.6 ms, another over (event_type, id) 2.0 ms.  Ids and
-- names are COLLATE "C": compared byte by byte, and no index depends on the libc of the day.

-- Once per database: what the owner creates from here on is nobody's to execute.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Every event, by the month of its own time, which is in its UUIDv7.  The body is bytea: exact
-- bytes, no second parse of what the gate in C has checked, and nothing in it can raise an error.
CREATE TABLE tavus.events (
    id              uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    kind            smallint    NOT NULL,   -- 0 webhook, 1 error, 2 info, 3 conversion
    source          text        COLLATE "C" NOT NULL, -- tavus, stripe, standard, browser, server
    event_type      text        COLLATE "C" NOT NULL,
    conversation_id text        COLLATE "C",
    verification    text,                   -- JSON: how the event was verified
    body            bytea       NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- The timeline of a conversation.
CREATE INDEX events_conversation ON tavus.events (conversation_id, id)
    WHERE conversation_id IS NOT NULL;

-- The few that are not Tavus webhooks, for the admin's filters; plain webhooks are in neither.
CREATE INDEX events_source ON tavus.events (source, id) WHERE source <> 'tavus';
CREATE INDEX events_kind ON tavus.events (kind, id) WHERE kind <> 0;

-- Events without a usable time of their own have the receipt time in their id, so that a
-- redelivery has another id: they meet here.
CREATE TABLE tavus.digests (
    digest  bytea       PRIMARY KEY,
    id      uuid        NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE INDEX digests_seen ON tavus.digests USING brin (seen_at);

-- Authentic, but not storable as they are.  The digest is over source, reason and body, so that
-- a sender that repeats itself adds nothing.
CREATE TABLE tavus.quarantine (
    digest          bytea       PRIMARY KEY,
    seq             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id              uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    source          text        NOT NULL,
    event_type      text,
    conversation_id text        COLLATE "C",
    verification    text,
    body            bytea       NOT NULL,
    reason          text        NOT NULL
);

CREATE UNIQUE INDEX quarantine_seq ON tavus.quarantine (seq);
CREATE INDEX quarantine_id ON tavus.quarantine (id);

-- A wish to create a conversation, or only the binding of its nonce where that came first.  The
-- attributes are those of the request with the lowest event id, the outcome that of the failure
-- with the highest: rules that do not depend on the order of arrival.
CREATE TABLE tavus.intents (
    nonce           bytea PRIMARY KEY,
    conversation_id text COLLATE "C",       -- the first one seen; never changes
    requested_id    uuid,
    vertical        text,
    persona_id      text,
    replica_id      text,
    document_tags   text[],
    memory_stores   text[],
    session_id      text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text,
    request_id      text,
    failed_id       uuid,
    outcome         text,                   -- failed, unknown
    reason          text,
    http_status     int,
    seen_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

CREATE INDEX intents_seen ON tavus.intents USING brin (seen_at);

-- A conversation as its events tell it.  Moments are kept as the ids of the events that mark
-- them (the time is in the id), so that every merge is a least() or greatest().
CREATE TABLE tavus.conversations (
    id              text COLLATE "C" PRIMARY KEY,
    first_id        uuid NOT NULL,          -- lowest event of Tavus or the server
    nonce           bytea,

    announced_id    uuid,                   -- lowest conversation.created, and what it said
    announced_ended boolean NOT NULL DEFAULT false,
    url             text,
    vertical        text,
    persona_id      text,
    replica_id      text,
    document_tags   text[],
    memory_stores   text[],
    session_id      text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text,

    started_id      uuid,                   -- lowest replica joined
    shutdown_id     uuid,                   -- lowest system.shutdown, and its reason
    shutdown_reason text,
    closed_id       uuid,                   -- lowest conversation.ended of ours, and its reason
    closed_reason   text,
    transcript_id   uuid,                   -- highest of each
    recording_id    uuid,
    perception_id   uuid,

    created_id      uuid NOT NULL GENERATED ALWAYS AS (coalesce(announced_id, first_id)) STORED,
    ended           boolean NOT NULL GENERATED ALWAYS AS
                    (announced_ended OR shutdown_id IS NOT NULL OR closed_id IS NOT NULL) STORED
) WITH (fillfactor = 70);

CREATE INDEX conversations_created ON tavus.conversations (created_id, id);
CREATE INDEX conversations_active ON tavus.conversations (created_id, id) WHERE NOT ended;

-- lz4 where the server has it: large transcripts unpack several times faster than with pglz.
DO $$
BEGIN
    ALTER TABLE tavus.events ALTER body SET COMPRESSION lz4;
    ALTER TABLE tavus.quarantine ALTER body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
