-- What was said and seen in conversations, by its words: see words.sql.  A reader of the log makes it; no
-- table that intake writes is touched.

-- A row for each conversation with a transcript, or with what was seen in it.
CREATE TABLE tavus.talks (
    conversation_id text  COLLATE "C" PRIMARY KEY,
    created_id      uuid  NOT NULL,         -- the conversation's, by which pages go
    transcript_id   uuid,                   -- the events that it was made of
    perception_id   uuid,
    first_question  text,                   -- as tavus.first_question() tells it
    said            text  NOT NULL,         -- a line for each row: whose it is, its number, a tab, the text
    words           int[] NOT NULL          -- of tavus.words; those below zero are the spans of its time
) WITH (toast_tuple_target = 256);

-- what waits in it for its place is seen to by tavus.words_roll()
CREATE INDEX talks_words ON tavus.talks USING gin (words);

CREATE TABLE tavus.words (
    id    int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    word  text   COLLATE "C" NOT NULL UNIQUE,
    n     int    NOT NULL DEFAULT 1,        -- in how many talks it is, about: 16 for each 16th, and one
    grams text[] COLLATE "C" NOT NULL       -- three letters each, for what is looked for within words
) WITH (fillfactor = 80);

CREATE INDEX words_grams ON tavus.words USING gin (grams) WITH (fastupdate = off);

DO $$
BEGIN
    ALTER TABLE tavus.talks ALTER said SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
