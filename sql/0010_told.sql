-- Which persona and replica a conversation has by what Tavus's events say, where nothing of our own
-- tells it.
SELECT tavus.lock_tables('conversations') \g /dev/null
ALTER TABLE tavus.conversations
    ADD told_persona text COLLATE "C",
    ADD told_replica text COLLATE "C";
