-- What is known of a wish to create a conversation, each a fact that never becomes untrue again, so
-- that their order of arrival does not matter; and when somebody is to look after it, if ever.
SELECT tavus.lock_tables('intents') \g /dev/null
ALTER TABLE tavus.intents
    ADD announced  boolean NOT NULL DEFAULT false,     -- conversation.created was stored
    ADD closed     boolean NOT NULL DEFAULT false,     -- conversation.ended was
    ADD unended    boolean NOT NULL DEFAULT false,     -- conversation.end_failed was
    ADD patience   int,                                -- seconds that a create may take
    ADD due_at     timestamptz,
    ADD tries      int NOT NULL DEFAULT 0;

CREATE INDEX intents_due ON tavus.intents (due_at) WHERE due_at IS NOT NULL;
