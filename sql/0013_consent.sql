-- What visitors said of being counted: with each conversation as it was created, and the last word of
-- each session and user, which counts for all that is not sent yet.
CREATE TABLE tavus.consents (
    subject    text    COLLATE "C" PRIMARY KEY,     -- as tavus.subjects() names them
    granted    boolean NOT NULL,
    decided_id uuid    NOT NULL                     -- the event that said so; the highest counts
);

CREATE INDEX consents_decided ON tavus.consents (decided_id);

SELECT tavus.lock_tables('intents', 'conversations') \g /dev/null
ALTER TABLE tavus.intents
    ADD consent text,
    ADD user_id text;
ALTER TABLE tavus.conversations
    ADD consent text,
    ADD user_id text;
