-- How long each kind of thing is kept, as nginx last said it, and how far the cleaning of it is.
CREATE TABLE tavus.retention (
    kind     text        COLLATE "C" PRIMARY KEY,
    keep     interval    NOT NULL,
    ran_at   timestamptz NOT NULL DEFAULT now(),    -- the last bite
    done_at  timestamptz,                           -- a round came to its end
    whole_at timestamptz,                           -- one that began with the oldest did
    whole    boolean     NOT NULL DEFAULT true,     -- the round that is under way does
    unread   boolean     NOT NULL DEFAULT false,    -- it leaves a week more, as a cursor has not read it
    place    text        COLLATE "C",               -- where it is; NULL: none is
    upto     uuid,                                  -- nothing is held of before
    removed  bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
