-- How long calls may last, and who is told of those that were cut short.
\ir setup.sql
SELECT plan(32);

SET LOCAL client_min_messages = error;

-- a conversation that asked for so many seconds, of the nth second
CREATE FUNCTION pg_temp.made(n int, asked text, vertical text DEFAULT 'legal') RETURNS text
LANGUAGE sql AS $$
    SELECT pg_temp.rec(json_build_array(json_build_object(
        'i', n, 't', 'conversation.created', 's', 'server', 'c', 'c' || n, 'k', 2,
        'n', lpad(to_hex(n), 32, '0'),
        'b', format('{"vertical":"%s","max_call_duration":%s}', vertical, asked)))::jsonb)
$$;
-- and its end, so many seconds later
CREATE FUNCTION pg_temp.over(n int, after int, reason text DEFAULT 'max_call_duration reached')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(json_build_array(json_build_object(
        'i', n + after, 't', 'system.shutdown', 'c', 'c' || n,
        'b', format('{"properties":{"shutdown_reason":"%s"}}', reason)))::jsonb)
$$;
CREATE FUNCTION pg_temp.told(n int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM tavus.events
     WHERE conversation_id = 'c' || n AND event_type = 'conversation.cut_short'
$$;

SELECT is(tavus.call_length(pg_temp.id(1)), NULL, 'of nothing');
SELECT is(pg_temp.made(1, '600'), 's');
SELECT is(tavus.call_length(pg_temp.id(1)), '10 minutes', 'of an event that says so');

SELECT is(pg_temp.over(1, 300), 's');
SELECT is(pg_temp.told(1), 1::bigint, 'ended for its length, long before');
SELECT is((SELECT row(kind, source, convert_from(body, 'UTF8')::jsonb)::text FROM tavus.events
            WHERE event_type = 'conversation.cut_short'),
          row(1, 'server', '{"reason": "max_call_duration", "lasted": 300, "vertical": "legal",
              "conversation_id": "c1", "max_call_duration": 600}'::jsonb)::text, 'what is told');
SELECT is((SELECT tavus.uuid_time(id) FROM tavus.events
            WHERE event_type = 'conversation.cut_short'),
          tavus.uuid_time(pg_temp.id(301)), 'at the end');
SELECT ok((SELECT id::text ~ '^.{8}-.{4}-7.{3}-[89ab]' FROM tavus.events
            WHERE event_type = 'conversation.cut_short'), 'with a UUIDv7');
SELECT is((SELECT count(*) FROM json_array_elements(
              tavus.admin_conversation('c1')::json -> 'events') e
            WHERE e ->> 'event_type' = 'conversation.cut_short'), 1::bigint,
          'the timeline has it');
SELECT is((SELECT shutdown_reason FROM tavus.conversations WHERE id = 'c1'),
          'max_call_duration', 'and the conversation is what it was');

SELECT is(pg_temp.over(1, 300), 'd');
SELECT is(pg_temp.told(1), 1::bigint, 'a redelivery tells nothing');
SELECT is(pg_temp.over(1, 290), 's');
SELECT is(pg_temp.told(1), 1::bigint, 'nor does an earlier end of the same');

-- what comes first does not matter
SELECT is(pg_temp.over(1000, 300), 's');
SELECT is(pg_temp.told(1000), 0::bigint, 'of which nothing is known yet');
SELECT is(pg_temp.made(1000, '900', 'general'), 's');
SELECT is(pg_temp.told(1000), 1::bigint, 'once what was asked for is known');

-- in one batch, and both of them
SELECT is(pg_temp.rec((SELECT jsonb_agg(r) FROM (
    SELECT json_build_object('i', n, 't', 'conversation.created', 's', 'server', 'c', 'c' || n,
                             'n', lpad(to_hex(n), 32, '0'), 'b', '{"max_call_duration":600}') AS r
      FROM unnest('{2000,2001}'::int[]) n
    UNION ALL
    SELECT json_build_object('i', n + 60, 't', 'system.shutdown', 'c', 'c' || n,
                             'b', '{"properties":{"reason":"max_call_duration"}}')
      FROM unnest('{2000,2001}'::int[]) n) q)), 'ssss');
SELECT is(pg_temp.told(2000) + pg_temp.told(2001), 2::bigint, 'by either name of the reason');

-- and what is none
CREATE FUNCTION pg_temp.told_of(n int, asked text, after int, reason text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.made(n, asked);
    PERFORM pg_temp.over(n, after, reason);
    RETURN pg_temp.told(n);
END
$$;
SELECT is(pg_temp.told_of(3001, '600', 600, 'max_call_duration reached'), 0::bigint, 'in time');
SELECT is(pg_temp.told_of(3002, '600', 571, 'max_call_duration reached'), 0::bigint,
          'by clocks that differ');
SELECT is(pg_temp.told_of(3003, '600', 569, 'max_call_duration reached'), 1::bigint, 'but no more');
SELECT is(pg_temp.told_of(3004, '600', 9, 'participant_left_timeout reached'), 0::bigint,
          'for another reason');
SELECT is(pg_temp.told_of(3005, '"600"', 9, 'max_call_duration reached'), 1::bigint,
          'a number as a text');
SELECT is(pg_temp.told_of(3006, asked, 9, 'max_call_duration reached'), 0::bigint,
          'asked for: ' || asked)
  FROM unnest('{null,[],1e3,-600,"",1234567}'::text[]) asked;

-- whose wish it is that nobody may judge yet
INSERT INTO tavus.intents (nonce, requested_id, vertical, node, due_at, seen_at)
SELECT int4send(n), pg_temp.id(n), 'v', 'z.1', now() - interval '1 minute', seen
  FROM (VALUES (5000, now() - interval '20 hours'), (5001, now() - interval '27 hours'),
               (5002, now() - interval '4 hours'), (5003, now() - interval '4 hours')) w (n, seen);
SELECT pg_temp.rec(json_build_array(
    json_build_object('i', 5000, 't', 'x', 's', 'server', 'b', '{"max_call_duration":86400}'),
    json_build_object('i', 5001, 't', 'x', 's', 'server', 'b', '{"max_call_duration":86400}'),
    json_build_object('i', 5002, 't', 'x', 's', 'server', 'b', '{"max_call_duration":600}')
    )::jsonb) \g /dev/null
SELECT is((SELECT string_agg(('x' || (e ->> 'nonce'))::bit(32)::int::text, ' '
                             ORDER BY e ->> 'nonce')
             FROM json_array_elements(tavus.claim_unsettled('a.1', 0)::json) e),
          '5001 5002 5003', 'a call of a day is not over after 20 hours');

SELECT * FROM finish();
ROLLBACK;
