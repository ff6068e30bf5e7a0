-- Mails to the owner: see mail.sql.

-- What was told of once, and is not told of again by another event: a conversation that ended, an order.
CREATE TABLE tavus.mails (
    destination text        COLLATE "C" NOT NULL REFERENCES tavus.destinations ON DELETE CASCADE,
    subject     text        COLLATE "C" NOT NULL,
    event_id    uuid        NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (destination, subject)
);

CREATE INDEX mails_made ON tavus.mails (made_at);

-- When a destination's last digest was begun, and what waits for the next.
ALTER TABLE tavus.destinations ADD digest_at timestamptz;
ALTER TABLE tavus.deliveries ADD digest boolean NOT NULL DEFAULT false;
