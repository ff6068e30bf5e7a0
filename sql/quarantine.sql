-- What is in quarantine is looked at, released or deleted; and what is needed to verify something again.

-- What may become of it, by why it is there:
--
--   as_it_is   its JSON is good, only a name in it is not, or the database refused it once: it is stored, with
--              the names that can be read
--   beside     something else is stored under its identity, which stays: it is stored under an id of its own
--   if_fit     its JSON was not good: it is stored if it is by now, since all that reads events relies on that
--
-- and never: what was not verified when it came (not_a_webhook), what was sent with the token of another
-- conversation (foreign), what no column holds (too_long), what is of a conversation whose id cannot be kept, so
-- that no erasure would find it (never), what is there for a reason that is not known here.
CREATE OR REPLACE FUNCTION tavus.quarantine_rule(source text, reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN source NOT IN ('tavus', 'standard', 'stripe') THEN 'not_a_webhook'
            WHEN reason = 'the token is another conversation''s' THEN 'foreign'
            WHEN reason = 'field too long' THEN 'too_long'
            WHEN reason = 'unfit_conversation_id' THEN 'never'
            WHEN reason = 'unfit_event_type' OR starts_with(reason, 'refused by the database, SQLSTATE ')
            THEN 'as_it_is'
            WHEN reason = 'conflict' THEN 'beside'
            WHEN reason IN ('empty', 'unexpected_end', 'syntax', 'control_character', 'invalid_escape',
                            'invalid_utf8', 'too_deep', 'trailing_bytes', 'duplicate_name', 'nul_character',
                            'lone_surrogate', 'number_out_of_range', 'not_an_object', 'no_memory') THEN 'if_fit'
            ELSE 'unknown_reason' END;

-- The member "quarantine" of an event that is there.
CREATE OR REPLACE FUNCTION tavus.quarantine_json(seq bigint, source text, reason text) RETURNS text
LANGUAGE sql STABLE
RETURN '{"id":"' || seq || '","reason":' || to_json(reason) || ',"release":"'
       || tavus.quarantine_rule(source, reason) || '"}';

-- Whether the month of an event is there to store it in.
CREATE OR REPLACE FUNCTION tavus.month_stands(id uuid) RETURNS boolean
LANGUAGE sql STABLE
RETURN to_regclass('tavus.events_p' || to_char(tavus.uuid_time(id) AT TIME ZONE 'UTC', 'YYYYMM')) IS NOT NULL;

-- What an event was verified by and over: one that is stored, or else is in quarantine, by its id; or one that
-- is in quarantine, by its number there.  Of that one: rule is what may become of it, bound the conversation that
-- the token has it came with, if it has one.
CREATE OR REPLACE FUNCTION tavus.proof(id_ uuid, seq_ bigint)
RETURNS TABLE (id text, source text, event_type text, conversation_id text, verification text, body bytea,
               seq text, digest text, rule text, bound text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
AS $$
    SELECT e.id::text, e.source, e.event_type, e.conversation_id, e.verification, e.body, NULL, NULL, NULL, NULL
      FROM tavus.events e WHERE e.id = id_
    UNION ALL
    (SELECT q.id::text, q.source, q.event_type, q.conversation_id, q.verification, q.body,
            q.seq::text, encode(q.digest, 'hex'),
            CASE WHEN r.rule IN ('as_it_is', 'beside', 'if_fit') AND NOT tavus.month_stands(q.id)
                 THEN 'too_old' ELSE r.rule END,
            (SELECT i.conversation_id FROM tavus.intents i WHERE i.nonce = q.nonce)
       FROM tavus.quarantine q, LATERAL (SELECT tavus.quarantine_rule(q.source, q.reason) AS rule) r
      WHERE (q.id = id_ OR q.seq = seq_)
        AND NOT EXISTS (SELECT FROM tavus.events e WHERE e.id = id_)
      ORDER BY q.seq DESC LIMIT 1)
$$;

-- Stores what is in quarantine as an event, as if it came now, and takes it out: both or neither.  Whoever
-- calls has verified the row of that digest again, and read the two names in its body; but a copy that a repair
-- fetched has those that it came with, as the body has no conversation.  Answers
-- {"released","duplicate","id"}: what is stored already, or was erased, is not stored again.  NULL if it is not
-- there any more, was changed, may not be released, or an erasure is about to take it.
--
-- The digest is noted as that of an identity: the same body may be sent, kept and released again, and then
-- is known.  Locks as in tavus.record(), which has the quarantine last.
CREATE OR REPLACE FUNCTION tavus.quarantine_release(
    seq_ bigint, digest_ text, event_type_ text, conversation_id_ text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    q      tavus.quarantine;
    id_    uuid;
    letter text;
BEGIN
    -- an erasure that begins from here on waits, and finds the event
    PERFORM tavus.log_lock();

    SELECT t.* INTO q FROM tavus.quarantine t WHERE t.seq = seq_ AND t.digest = decode(digest_, 'hex');

    IF q.seq IS NULL OR tavus.quarantine_rule(q.source, q.reason) NOT IN ('as_it_is', 'beside', 'if_fit')
       OR EXISTS (SELECT FROM tavus.erasures e
                   WHERE e.state IN ('finding', 'deleting') AND tavus.quarantine_of(q, tavus.quarantine_keys(e)))
    THEN
        RETURN NULL;
    END IF;

    id_ := q.id;

    IF tavus.repaired(q.verification) <> '' THEN
        event_type_ := coalesce(nullif(q.event_type, ''), event_type_);
        conversation_id_ := coalesce(q.conversation_id, conversation_id_);

        IF q.source = 'tavus' AND conversation_id_ IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;

    IF EXISTS (SELECT FROM tavus.events e
                WHERE e.id = id_ AND NOT (e.source = q.source AND tavus.same_event(q.source, e.body, q.body)))
    THEN
        id_ := tavus.uuid_beside(id_, to_jsonb(encode(sha256(q.body), 'hex')));
    END IF;

    letter := tavus.record(
        ARRAY[id_], ARRAY[q.received_at], ARRAY[substr(q.digest, 1, 16)], '{0}', ARRAY[q.source],
        ARRAY[coalesce(event_type_, 'unknown')], ARRAY[conversation_id_], ARRAY[q.nonce], ARRAY[q.verification],
        ARRAY[q.body], '{NULL}');

    IF letter NOT IN ('s', 'd') THEN
        -- somebody stored something else there just now, or bound the token
        RAISE 'not released, try again' USING ERRCODE = 'serialization_failure';
    END IF;

    DELETE FROM tavus.quarantine t WHERE t.seq = seq_;

    IF NOT FOUND THEN
        -- somebody else has released it, or it was deleted: nothing of this remains
        RAISE 'gone' USING ERRCODE = 'no_data_found';
    END IF;

    IF letter = 'd' THEN
        id_ := coalesce((SELECT d.id FROM tavus.digests d WHERE d.digest = substr(q.digest, 1, 16)),
                        (SELECT d.id FROM tavus.digests_before d WHERE d.digest = substr(q.digest, 1, 16)), id_);
    END IF;

    RETURN json_build_object('released', letter = 's', 'duplicate',
                             letter = 'd' AND EXISTS (SELECT FROM tavus.events e WHERE e.id = id_),
                             'id', id_);
EXCEPTION WHEN no_data_found THEN
    RETURN NULL;
END
$$;

-- Deletes what is in quarantine; NULL if it is not there.
CREATE OR REPLACE FUNCTION tavus.quarantine_delete(seq_ bigint) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
AS $$
    DELETE FROM tavus.quarantine q WHERE q.seq = seq_ RETURNING '{"deleted":true}'
$$;
