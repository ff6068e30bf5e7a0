-- Each kind goes in its time, and no other; where a round was broken off the next one goes on.
\ir setup.sql
SELECT plan(31);

CREATE FUNCTION pg_temp.old(days float) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(overlay(tavus.uuid_floor(now() - days * interval '1 day')::text PLACING '7' FROM 15 FOR 1)
                   PLACING substr(md5(random()::text), 1, 12) FROM 25)::uuid
$$;
CREATE FUNCTION pg_temp.trimmed(what text, keep interval, bite int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    did   jsonb;
    after text;
    n     bigint := 0;
BEGIN
    LOOP
        did := tavus.trim(what, keep, bite, after)::jsonb;
        n := n + (did ->> 'trimmed')::bigint;
        after := did ->> 'after';
        IF after IS NULL THEN
            RETURN n;
        END IF;
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.left_(type text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(convert_from(e.body, 'UTF8'), ' ' ORDER BY e.id DESC), '')
      FROM tavus.events e WHERE e.event_type = type
$$;
CREATE FUNCTION pg_temp.put(days int, source text, type text, kind int, conversation text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    SELECT tavus.record(ARRAY[pg_temp.old(days)], ARRAY[now()], '{NULL}', ARRAY[kind::smallint], ARRAY[source],
               ARRAY[type], ARRAY[conversation], '{NULL}', '{NULL}',
               ARRAY[convert_to(days::text, 'UTF8')], '{NULL}')
$$;

-- ---- contacts: what was written, and the lead of it
SELECT pg_temp.put(d, 'browser', t, 3)
  FROM unnest('{1,9,11,30}'::int[]) d, unnest('{contact.submitted,generate_lead}'::text[]) t \g /dev/null
INSERT INTO tavus.leads (id, name, email, message)
SELECT e.id, 'A', 'a@b.example', 'x' FROM tavus.events e WHERE e.event_type = 'contact.submitted';
SELECT is(pg_temp.trimmed('contacts', '10 days', 3), 2::bigint, 'contacts, in bites');
SELECT is(pg_temp.left_('contact.submitted'), '1 9', 'those that are old');
SELECT is((SELECT count(*) FROM tavus.leads), 2::bigint, 'and their leads');
SELECT is(pg_temp.left_('generate_lead'), '1 9 11 30', 'no other conversion');

-- ---- transcripts: of conversations that began so long ago
SELECT pg_temp.put(d, 'tavus', t, 0, 'c' || d)
  FROM unnest('{1,9,11,30}'::int[]) d,
       unnest('{system.replica_joined,application.transcription_ready,application.perception_analysis,'
                  'conversation.utterance,system.shutdown}'::text[]) t \g /dev/null
SELECT pg_temp.put(30, 'browser', 'conversation.utterance', 2, 'c30') \g /dev/null
SELECT is(pg_temp.trimmed('transcripts', '10 days', 20), 7::bigint, 'transcripts');
SELECT is(pg_temp.left_('application.transcription_ready'), '1 9', 'those that are old');
SELECT is(pg_temp.left_('application.perception_analysis'), '1 9', 'what was seen');
SELECT is(pg_temp.left_('conversation.utterance'), '1 9', 'what was said, of Tavus and of browsers');
SELECT is(pg_temp.left_('system.shutdown'), '1 9 11 30', 'how it went stays');
SELECT is((SELECT string_agg(c.id, ' ' ORDER BY c.created_id DESC) FROM tavus.conversations c
            WHERE c.transcript_id IS NOT NULL), 'c1 c9 c11 c30',
          'a conversation goes on to know that there was one, so nobody asks Tavus for it again');
SELECT is((tavus.admin_conversation('c30')::jsonb ->> 'transcript'), NULL, 'and shows none');

-- ---- the trail, and nothing else of the server's
SELECT pg_temp.put(d, 'server', t, 2)
  FROM unnest('{1,9,11,30}'::int[]) d, unnest('{admin.viewed,lead.handled,administered}'::text[]) t \g /dev/null
SELECT pg_temp.put(30, 'browser', 'admin.viewed', 2) \g /dev/null
SELECT is(pg_temp.trimmed('trail', '10 days', 2), 2::bigint, 'the trail');
SELECT is(pg_temp.left_('admin.viewed'), '1 9 30', 'which a browser does not write');
SELECT is(pg_temp.left_('lead.handled') || pg_temp.left_('administered'), '1 9 11 301 9 11 30', 'nothing else');

-- ---- a round goes on where it was, and does not begin again
SELECT pg_temp.put(20 + d, 'browser', 'page_view', 2) FROM generate_series(1, 10) d \g /dev/null
SELECT ok(tavus.trim('browser', '10 days', 4)::jsonb ? 'after', 'a bite');
SELECT is((SELECT place IS NOT NULL AND done_at IS NULL FROM tavus.retention WHERE kind = 'browser'), true,
          'it is not over');
SELECT pg_temp.put(60, 'browser', 'page_view', 2) \g /dev/null
SELECT is(pg_temp.trimmed('browser', '10 days', 4) > 0, true, 'the next one, of another worker');
SELECT is(pg_temp.left_('page_view'), '60', 'goes on behind it');
SELECT is((SELECT place IS NULL AND done_at IS NOT NULL AND whole_at IS NOT NULL
             FROM tavus.retention WHERE kind = 'browser'), true, 'and is over');
SELECT is(pg_temp.trimmed('browser', '10 days', 4), 0::bigint, 'the next begins where it ended');
UPDATE tavus.retention SET whole_at = now() - interval '25 hours' WHERE kind = 'browser';
SELECT is(pg_temp.trimmed('browser', '10 days', 4), 1::bigint, 'once a day with the oldest: an old journal');
SELECT is(pg_temp.left_('page_view'), '', 'which does not bring back what was deleted');
SELECT is((SELECT removed FROM tavus.retention WHERE kind = 'browser') >= 11, true, 'it is counted');

-- ---- what a cursor has not read is left for a week, and counted then
SELECT tavus.cursor_make('slow', true) \g /dev/null
SELECT pg_temp.put(d, 'server', 'admin.viewed', 2) FROM unnest('{12,18}'::int[]) d \g /dev/null
UPDATE tavus.retention SET whole_at = NULL WHERE kind = 'trail';
SELECT is(pg_temp.trimmed('trail', '10 days', 9), 1::bigint, 'a week more');
SELECT is(pg_temp.left_('admin.viewed'), '1 9 12', 'for what is not read');
SELECT is((SELECT s -> 'behind' FROM jsonb_array_elements(tavus.health()::jsonb -> 'retention') s
            WHERE s ->> 'kind' = 'trail'), 'true', 'health says so');
SELECT is((SELECT tavus.log_missing(c.pos, c.ord, (SELECT max(l.pos) FROM tavus.log l), 1)
             FROM tavus.cursors c WHERE c.name = 'slow') >= 1, true, 'who reads is told that it has missed some');
UPDATE tavus.cursors SET pos = (SELECT max(l.pos) + 1 FROM tavus.log l), ord = 0;
UPDATE tavus.retention SET whole_at = NULL WHERE kind = 'trail';
SELECT is(pg_temp.trimmed('trail', '10 days', 9), 1::bigint, 'read, it goes');

-- ---- and shown
SELECT is((SELECT jsonb_object_agg(s ->> 'kind', s -> 'days')
             FROM jsonb_array_elements(tavus.health()::jsonb -> 'retention') s),
          '{"browser": 10.00, "contacts": 10.00, "trail": 10.00, "transcripts": 10.00}', 'health: how long');
SELECT is((SELECT bool_or((s -> 'behind')::boolean)
             FROM jsonb_array_elements(tavus.health()::jsonb -> 'retention') s), false, 'nothing is behind');
SELECT is((SELECT bool_and(abs(extract(epoch FROM (s ->> 'kept_from')::timestamptz - (now() - interval '10 days'))) < 2)
             FROM jsonb_array_elements(tavus.health()::jsonb -> 'retention') s), true, 'from when on');
SELECT * FROM finish();
