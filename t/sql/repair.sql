-- When Tavus is asked about a conversation, by whom, how often, and until when.
\ir setup.sql
SELECT plan(53);

UPDATE tavus.repair_pace SET next_at = now() - interval '1 hour';

-- minutes until a conversation is asked about
CREATE FUNCTION pg_temp.due(id text) RETURNS text LANGUAGE sql AS $$
    SELECT round(extract(epoch FROM c.repair_at - now()) / 60)::text
      FROM tavus.conversations c WHERE c.id = due.id
$$;
CREATE FUNCTION pg_temp.claim(answered text[] = '{}', final text[] = '{}', back text[] = '{}',
                              pause int = 0, rate int = 36000, most int = 20)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told json := tavus.claim_repairs(rate, most, answered, final, back, pause);
BEGIN
    RETURN (SELECT string_agg(e ->> 'id', ' ' ORDER BY e ->> 'id')
              FROM json_array_elements(told -> 'items') e);
END
$$;
-- the past moves, as now() stands still
CREATE FUNCTION pg_temp.pass(minutes numeric) RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.conversations SET repair_at = repair_at - minutes * interval '1 minute';
    UPDATE tavus.repair_pace SET next_at = next_at - minutes * interval '1 minute',
                                 paused_until = paused_until - minutes * interval '1 minute'
$$;
-- an event of now, or of so many minutes ago
CREATE FUNCTION pg_temp.tell(conversation text, event text, body text = '{}', ago numeric = 0,
                             source text = 'tavus')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_build_array(jsonb_build_object(
        'id', overlay(overlay(tavus.uuid_floor(now() - ago * interval '1 minute')::text
                              PLACING '7' FROM 15 FOR 1)
                      PLACING left(md5(conversation || event), 12) FROM 25),
        't', event, 'c', conversation, 'b', body, 's', source)))
$$;
CREATE FUNCTION pg_temp.made(conversation text, seconds text = NULL, ago numeric = 0,
                             status text = 'active', persona text = 'p1')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tell(conversation, 'conversation.created', json_strip_nulls(json_build_object(
        'status', status, 'persona_id', persona, 'max_call_duration', seconds::json))::text, ago,
        'server')
$$;
CREATE FUNCTION pg_temp.ended(conversation text, reason text = 'participant_left_timeout')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tell(conversation, 'system.shutdown',
        json_build_object('properties', json_build_object('shutdown_reason', reason))::text)
$$;
CREATE FUNCTION pg_temp.talked(conversation text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tell(conversation, 'system.replica_joined')
        || pg_temp.tell(conversation, 'application.transcription_ready')
$$;

-- when
SELECT pg_temp.made('c1', '600') \g /dev/null
SELECT is(pg_temp.due('c1'), '25', 'after its time');
SELECT pg_temp.made('c2') \g /dev/null
SELECT is(pg_temp.due('c2'), '75', 'or Tavus''s own, if it has none');
SELECT pg_temp.made('c3', '"x"') \g /dev/null
SELECT is(pg_temp.due('c3'), '75', 'or what is no number');
SELECT pg_temp.made('c4', '600', 300) \g /dev/null
SELECT is(pg_temp.due('c4'), '25', 'from when it was told of');
SELECT pg_temp.made('c5', '600', 0, 'ended') \g /dev/null
SELECT is(pg_temp.due('c5'), NULL, 'one that never began');
SELECT pg_temp.tell('c6', 'x.y') \g /dev/null
SELECT is(pg_temp.due('c6'), '75', 'of which only a callback came');
SELECT pg_temp.made('c6', '7200') \g /dev/null
SELECT is(pg_temp.due('c6'), '135', 'until it is told');
SELECT pg_temp.tell('c6', 'system.replica_joined') \g /dev/null
SELECT is(pg_temp.due('c6'), '135', 'a start changes nothing');
SELECT pg_temp.ended('c6') \g /dev/null
SELECT is(pg_temp.due('c6'), '10', 'an end does');
SELECT pg_temp.pass(3) \g /dev/null
SELECT pg_temp.tell('c6', 'application.transcription_ready') \g /dev/null
SELECT is(pg_temp.due('c6'), '7', 'what comes after it does not');
SELECT pg_temp.tell('c6', 'application.perception_analysis') \g /dev/null
SELECT is(pg_temp.due('c6'), NULL, 'until all is there');
SELECT pg_temp.ended('c7', 'participant_absent_timeout reached') \g /dev/null
SELECT is(pg_temp.due('c7'), NULL, 'nobody joined');
SELECT pg_temp.talked('c7') \g /dev/null
SELECT is(pg_temp.due('c7'), NULL, 'is not asked about again, though it was not so');
SELECT pg_temp.ended('c8', 'end_conversation_endpoint_hit') \g /dev/null
SELECT is(pg_temp.due('c8'), '10', 'or who knows');
SELECT pg_temp.tell('c9', 'conversation.ended', '{"reason":"visitor"}', 0, 'server') \g /dev/null
SELECT is(pg_temp.due('c9'), '10', 'an end of ours is not Tavus''s');
SELECT pg_temp.made('c9', '600') \g /dev/null
SELECT is(pg_temp.due('c9'), '10', 'nor does it wait for its time');
SELECT pg_temp.ended('c9', 'participant_absent_timeout') \g /dev/null
SELECT is(pg_temp.due('c9'), NULL, 'which says that all is well');
DELETE FROM tavus.conversations;

-- who
SELECT pg_temp.ended('d' || n) FROM generate_series(1, 5) n \g /dev/null
SELECT is(pg_temp.claim(), NULL, 'nothing before its time');
SELECT pg_temp.pass(10) \g /dev/null
SELECT is(pg_temp.claim(most => 2), 'd1 d2', 'so many as are wanted');
SELECT is(pg_temp.claim(), 'd3 d4 d5', 'and nothing twice');
SELECT is(pg_temp.claim(), NULL, 'while it is leased');
SELECT is(tavus.open_repairs(), 5::bigint, 'which are open');
SELECT is(pg_temp.claim(back => '{d3}'), 'd3', 'what was not asked for is given back');
SELECT is((SELECT repair_tries FROM tavus.conversations WHERE id = 'd3'), 1::smallint,
          'and no try');
SELECT is(pg_temp.claim(final => '{d3,d4}'), NULL, 'what has told all');
SELECT is((SELECT string_agg(id, ' ') FROM tavus.conversations WHERE repair_at IS NOT NULL),
          'd1 d2 d5', 'is not asked for again');
SELECT is(pg_temp.claim(back => '{d3}', answered => '{nobody}'), NULL, 'whatever comes late');
DELETE FROM tavus.conversations;

-- how often
CREATE FUNCTION pg_temp.tries(told text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got  text[];
    last text;
BEGIN
    PERFORM pg_temp.ended('e1');
    FOR n IN 1 .. 40 LOOP
        PERFORM pg_temp.pass(720);
        EXIT WHEN (tavus.claim_repairs(36000, 20,
            CASE WHEN told = 'answered' AND n > 1 THEN '{e1}' ELSE '{}' END::text[], '{}', '{}',
            0)::json -> 'items' -> 0) IS NULL;
        got := got || pg_temp.due('e1');
    END LOOP;
    DELETE FROM tavus.conversations;
    RETURN array_to_string(got, ' ');
END
$$;
SELECT is(pg_temp.tries('nothing'), '10 40 160 640 720 720 720 720 720 720 720 720',
          'each time later, twelve times');
SELECT is(pg_temp.tries('answered'), '10 40 160 640', 'four times, if it is answered');

SELECT pg_temp.made('e2', '600', 40) \g /dev/null
SELECT pg_temp.pass(700) \g /dev/null
SELECT is(pg_temp.claim(), 'e2');
SELECT pg_temp.pass(15) \g /dev/null
SELECT is(pg_temp.claim(), 'e2', 'one that goes on');
SELECT is((SELECT repair_tries FROM tavus.conversations), 2::smallint);
SELECT pg_temp.ended('e2') \g /dev/null
SELECT is((SELECT row(repair_tries, pg_temp.due(id))::text FROM tavus.conversations), '(0,10)',
          'begins anew when it has ended');
DELETE FROM tavus.conversations;

SELECT pg_temp.ended('e' || n) FROM generate_series(3, 5) n \g /dev/null
UPDATE tavus.conversations SET repair_at = now() - interval '1 minute' * (id = 'e4')::int;
SELECT is(tavus.claim_repairs(36000, 2, '{}', '{}', '{}', 0)::jsonb #> '{items,0,id}', '"e4"',
          'what waits for longest comes first');
DELETE FROM tavus.conversations;

-- how fast, over all nodes
SELECT pg_temp.ended('f' || n) FROM generate_series(1, 60) n \g /dev/null
SELECT pg_temp.pass(60) \g /dev/null
CREATE FUNCTION pg_temp.burst(rate int) RETURNS int LANGUAGE sql AS $$
    SELECT json_array_length(tavus.claim_repairs(rate, 20, '{}', '{}', '{}', 0)::json -> 'items')
$$;
SELECT is(pg_temp.burst(1800), 5, 'ten seconds'' worth at once');
SELECT is(pg_temp.burst(1800), 0, 'no more, whoever asks');
SELECT pg_temp.pass(1) \g /dev/null
SELECT is(pg_temp.burst(1800), 5);
SELECT pg_temp.pass(0.1) \g /dev/null
SELECT is(pg_temp.burst(1800), 3, 'and then as the time goes by');
SELECT pg_temp.pass(1) \g /dev/null
SELECT is(pg_temp.burst(1), 0, 'one an hour');
SELECT pg_temp.pass(60) \g /dev/null
SELECT is(pg_temp.burst(1), 1);
UPDATE tavus.conversations SET repair_at = now();
SELECT is(pg_temp.claim(pause => 900), NULL, 'nobody, if Tavus refuses');
SELECT pg_temp.pass(14) \g /dev/null
SELECT is(pg_temp.claim(pause => 30), NULL, 'for the longest time that was said');
SELECT pg_temp.pass(2) \g /dev/null
SELECT ok(pg_temp.claim() IS NOT NULL, 'and then on');
UPDATE tavus.repair_pace SET next_at = now() + interval '1 day',
                             paused_until = now() + interval '1 day';
SELECT pg_temp.claim() \g /dev/null
SELECT pg_temp.pass(61) \g /dev/null
SELECT ok(pg_temp.claim() IS NOT NULL, 'a clock that was set back costs an hour at most');
DELETE FROM tavus.conversations;

-- what is not to be asked
SELECT pg_temp.made('g' || n, '600') FROM generate_series(1, 6) n \g /dev/null
SELECT pg_temp.made('g7', '600', 0, 'active', 'p2') \g /dev/null
SELECT pg_temp.talked('g' || n), pg_temp.ended('g' || n) FROM generate_series(1, 7) n \g /dev/null
SELECT pg_temp.pass(60) \g /dev/null
SELECT is(pg_temp.claim(most => 1), 'g1', 'whether a persona has analyses is to be found out');
SELECT is(pg_temp.claim(answered => '{g1}'), 'g7', 'of each: it has none');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE repair_at IS NOT NULL AND id <> 'g1'),
          1::bigint, 'its others are not asked for');
SELECT pg_temp.tell('g2', 'application.perception_analysis') \g /dev/null
UPDATE tavus.conversations SET repair_at = now() WHERE id IN ('g3', 'g4');
SELECT is(pg_temp.claim(), 'g3 g4', 'it has, now and then');
DELETE FROM tavus.conversations;

SELECT pg_temp.ended(id) FROM unnest('{a/b,é,ok}'::text[] || repeat('x', 65)) id \g /dev/null
SELECT pg_temp.pass(60) \g /dev/null
SELECT is(pg_temp.claim(), 'ok', 'what cannot stand in a path');
SELECT pg_temp.made('old', '600', 44000) \g /dev/null
SELECT pg_temp.pass(60) \g /dev/null
SELECT is(pg_temp.claim(), 'ok', 'what is a month old');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE repair_at IS NOT NULL), 1::bigint,
          'are not kept in mind');
DELETE FROM tavus.conversations;

SELECT pg_temp.rec('[{"i":1,"t":"conversation.requested","s":"server","n":"0a"},
    {"i":2,"t":"conversation.created","s":"server","n":"0a","c":"h1",
     "b":"{\"max_call_duration\":600}"},
    {"i":3,"t":"conversation.end_failed","s":"server","n":"0a","c":"h1"}]') \g /dev/null
SELECT pg_temp.pass(60) \g /dev/null
SELECT is(pg_temp.claim(), NULL, 'what is looked after already');
UPDATE tavus.intents SET due_at = NULL;
SELECT pg_temp.pass(60) \g /dev/null
SELECT is((tavus.claim_repairs(36000, 20, '{}', '{}', '{}', 0)::jsonb -> 'items'),
          '[{"id":"h1","nonce":"0a","tries":1,"limit":600}]', 'and what a worker is told');
SELECT * FROM finish();
ROLLBACK;
