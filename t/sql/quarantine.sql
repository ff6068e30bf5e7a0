-- What may be released from the quarantine, and how it becomes an event: once, beside what is stored, never what
-- an erasure is about to take.
\ir setup.sql
SELECT plan(36);

-- ---- the rule, for each reason that there is
SELECT is(tavus.quarantine_rule(r.source, r.reason), r.rule, concat(r.source, ': ', r.reason))
  FROM (VALUES ('tavus', 'unfit_event_type', 'as_it_is'),
               ('stripe', 'unfit_event_type', 'as_it_is'),
               ('tavus', 'unfit_conversation_id', 'never'),
               ('standard', 'refused by the database, SQLSTATE 22P05', 'as_it_is'),
               ('tavus', 'conflict', 'beside'),
               ('tavus', 'syntax', 'if_fit'),
               ('stripe', 'no_memory', 'if_fit'),
               ('tavus', 'the token is another conversation''s', 'foreign'),
               ('tavus', 'field too long', 'too_long'),
               ('browser', 'conflict', 'not_a_webhook'),
               ('server', 'refused by the database, SQLSTATE 22P05', 'not_a_webhook'),
               ('', 'conflict', 'not_a_webhook'),
               ('tavus', 'whatever', 'unknown_reason'),
               ('tavus', '', 'unknown_reason')) r (source, reason, rule);

-- ---- one after the other
CREATE FUNCTION pg_temp.caught(rows jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.rec(rows);
    RETURN (SELECT max(q.seq) FROM tavus.quarantine q);
END
$$;
CREATE FUNCTION pg_temp.release(seq_ bigint, type text, call text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT tavus.quarantine_release(seq_, (SELECT encode(q.digest, 'hex') FROM tavus.quarantine q
                                            WHERE q.seq = seq_), type, call)::jsonb
$$;
CREATE FUNCTION pg_temp.stored(call text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e.event_type || ' ' || convert_from(e.body, 'UTF8'), ', ' ORDER BY e.body)
      FROM tavus.events e WHERE e.conversation_id = call
$$;

CREATE TEMP TABLE a AS SELECT pg_temp.caught('[{"i":1,"t":"unknown","c":"qa","b":"{\"a\":1}","v":"{}",
                                                "r":"unfit_event_type"}]') AS seq;
SELECT is((SELECT count(*) FROM tavus.proof(NULL, (SELECT seq FROM a)) p
            WHERE p.rule = 'as_it_is' AND p.seq = (SELECT seq FROM a)::text), 1::bigint, 'its proof is found');
SELECT is(tavus.quarantine_release((SELECT seq FROM a), repeat('00', 32), 'unknown', 'qa'), NULL,
          'not one that was changed since');
SELECT is(pg_temp.release((SELECT seq FROM a), 'unknown', 'qa') - 'id', '{"released":true,"duplicate":false}',
          'released');
SELECT is(pg_temp.stored('qa'), 'unknown {"a":1}', 'it is an event');
SELECT is((SELECT e.verification FROM tavus.events e WHERE e.conversation_id = 'qa'), '{}', 'verified as it was');
SELECT is(pg_temp.release((SELECT seq FROM a), 'unknown', 'qa'), NULL, 'not twice');
SELECT is((SELECT count(*) FROM tavus.proof(NULL, (SELECT seq FROM a))), 0::bigint, 'it is gone');
SELECT is(pg_temp.release(pg_temp.caught('[{"i":2,"t":"unknown","c":"qa","b":"{\"a\":1}",
                                            "r":"unfit_event_type"}]'), 'unknown', 'qa') ->> 'duplicate', 'true',
          'under another id it is known');

-- ---- a conflict
SELECT is(pg_temp.rec('[{"i":10,"t":"system.shutdown","c":"qb","b":"{\"properties\":{\"r\":1}}"}]'), 's', 'the first');
CREATE TEMP TABLE b AS SELECT pg_temp.caught('[{"i":10,"t":"system.shutdown","c":"qb",
                                                "b":"{\"properties\":{\"r\":2}}"}]') AS seq;
SELECT is((SELECT p.rule FROM tavus.proof(NULL, (SELECT seq FROM b)) p), 'beside', 'the second');
CREATE TEMP TABLE r AS SELECT pg_temp.release((SELECT seq FROM b), 'system.shutdown', 'qb') AS j;
SELECT ok((SELECT (j ->> 'id')::uuid <> pg_temp.id(10) AND (j ->> 'released')::boolean FROM r), 'beside it');
SELECT is(pg_temp.stored('qb'), 'system.shutdown {"properties":{"r":1}}, system.shutdown {"properties":{"r":2}}',
          'both are there');

-- ---- what a repair fetched has no conversation in it
SELECT is(pg_temp.release(pg_temp.caught('[{"i":10,"t":"system.shutdown","c":"qb","v":"{\"method\":\"repair\"}",
                                            "b":"{\"properties\":{\"r\":3}}"}]'), 'unknown', NULL) ->> 'released', 'true',
          'a copy of a repair');
SELECT is(pg_temp.stored('qb'), 'system.shutdown {"properties":{"r":1}}, system.shutdown {"properties":{"r":2}}, '
                                'system.shutdown {"properties":{"r":3}}', 'is of its conversation');
SELECT is(pg_temp.release(pg_temp.caught('[{"i":11,"v":"{\"method\":\"repair\"}",
                                            "r":"refused by the database, SQLSTATE 22P05"}]'), 'unknown', NULL), NULL,
          'without one it stays');

-- ---- the nonce of its token is bound
CREATE TEMP TABLE n AS SELECT pg_temp.caught('[{"i":20,"t":"unknown","c":"qn","n":"00000000000000000000000000000027",
                                                "r":"unfit_event_type"}]') AS seq;
SELECT is(pg_temp.release((SELECT seq FROM n), 'unknown', 'qn') ->> 'released', 'true', 'with a token');
SELECT is((SELECT i.conversation_id FROM tavus.intents i WHERE i.nonce = '\x00000000000000000000000000000027'), 'qn',
          'which is bound');
CREATE TEMP TABLE m AS SELECT pg_temp.caught('[{"i":21,"t":"unknown","c":"qm","n":"00000000000000000000000000000027",
                                                "r":"unfit_event_type"}]') AS seq;
SELECT is((SELECT p.bound FROM tavus.proof(NULL, (SELECT seq FROM m)) p), 'qn', 'of another: it is told so');
SELECT throws_ok(format('SELECT tavus.quarantine_release(%s, %L, %L, %L)', q.seq, encode(q.digest, 'hex'), 'unknown',
                        'qm'), '40001', NULL, 'and not taken')
  FROM tavus.quarantine q WHERE q.seq = (SELECT seq FROM m);

-- ---- what an erasure that is under way will take
CREATE TEMP TABLE e AS SELECT pg_temp.caught('[{"i":30,"t":"unknown","c":"qe","b":"{\"m\":\"x@example.org\"}",
                                                "r":"unfit_event_type"}]') AS seq;
CREATE TEMP TABLE w AS SELECT tavus.erase_visitor('x@example.org', NULL, 'email')::jsonb ->> 'state' AS state;
SELECT is(pg_temp.release((SELECT seq FROM e), 'unknown', 'qe'), NULL, (SELECT 'it is its, ' || state FROM w));

SELECT is(tavus.quarantine_delete((SELECT seq FROM e)), '{"deleted":true}', 'deleted');
SELECT is(tavus.quarantine_delete((SELECT seq FROM e)), NULL, 'once');

SELECT * FROM finish();
ROLLBACK;
