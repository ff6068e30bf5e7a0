-- Events that are stored under the id of their receipt, as their own time was not usable when they
-- came, but was shortly before or will be: who comes with the id of that time finds them here.
CREATE TABLE tavus.elsewhere (
    id     uuid PRIMARY KEY,        -- of the event's own time
    stored uuid NOT NULL            -- in tavus.events
);
