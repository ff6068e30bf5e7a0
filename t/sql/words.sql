-- Conversations by what was said in them: words, what is asked for, pages, and what is forgotten.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT no_plan();

-- ---- a conversation, said by turns; of the nth second
CREATE FUNCTION pg_temp.call(n numeric, said text[], seen text DEFAULT NULL, vertical text DEFAULT 'legal')
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(
        jsonb_build_object('i', n, 't', 'conversation.created', 's', 'server', 'c', 'w' || n, 'b',
            jsonb_build_object('vertical', vertical, 'conversation_url', 'https://x', 'status', 'active')::text),
        jsonb_build_object('i', n + 0.5, 't', 'application.transcription_ready', 'c', 'w' || n, 'b',
            jsonb_build_object('properties', jsonb_build_object('transcript', (
                SELECT jsonb_agg(jsonb_build_object('role', CASE WHEN s.o % 2 = 1 THEN 'user' ELSE 'replica' END,
                                                    'content', s.t) ORDER BY s.o)
                  FROM unnest(said) WITH ORDINALITY AS s (t, o))))::text))
        || CASE WHEN seen IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(
               jsonb_build_object('i', n + 0.6, 't', 'application.perception_analysis', 'c', 'w' || n, 'b',
                   jsonb_build_object('properties', jsonb_build_object('analysis', seen))::text)) END
$$;
CREATE FUNCTION pg_temp.roll() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    n int := 0;
    j json;
BEGIN
    LOOP
        j := tavus.words_roll(1000);
        n := n + (j ->> 'merged')::int;
        EXIT WHEN NOT (j ->> 'more')::boolean;
    END LOOP;
    RETURN n;
END
$$;
-- the numbers of the conversations that are found, to the end
CREATE FUNCTION pg_temp.find(q text, status text DEFAULT NULL, vertical text DEFAULT NULL, n int DEFAULT 50,
                             from_ timestamptz DEFAULT NULL, to_ timestamptz DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    page jsonb;
    all_ text[] := '{}';
    cur  text;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        page := tavus.admin_talks(status, vertical, q, from_, to_, n, cur);
        all_ := all_ || ARRAY(SELECT substr(e ->> 'id', 2)
                                FROM jsonb_array_elements(page -> 'conversations') WITH ORDINALITY AS x (e, o)
                               ORDER BY o);
        IF page ->> 'next_cursor' = cur OR page ->> 'searched_to' IS NOT NULL AND page ->> 'next_cursor' IS NULL THEN
            RETURN 'stands still';
        END IF;
        cur := page ->> 'next_cursor';
        EXIT WHEN cur IS NULL;
    END LOOP;
    RETURN array_to_string(all_, ' ');
END
$$;
CREATE FUNCTION pg_temp.found(q text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('|', f ->> 'in', f ->> 'role', f ->> 'n', f ->> 'before', f ->> 'match', f ->> 'after')
      FROM (SELECT tavus.admin_talks(q => q)::jsonb #> '{conversations,0,found}') x (f)
$$;

-- ---- what a word is
SELECT is(tavus.words_of(tavus.word_fold(tavus.word_form(t))) @> w AND w @> tavus.words_of(tavus.word_fold(tavus.word_form(t))),
          true, 'words of ' || left(t, 40))
  FROM (VALUES
    ('What does it cost?', '{what,does,it,cost}'::text[]),
    ('E-mail: jo@example.com, +49 (30) 12-34', '{e,mail,jo,example,com,49,30,12,34}'),
    ('Don''t — 3.50€', '{don,t,3,50€}'),
    ('STRASSE Straße ÄÖÜ', '{strasse,straße,äöü}'),
    ('ﬁne ＡＢＣ１２', '{fine,abc12}'),
    (U&'u\0308ber', '{über}'),
    ('Привет, мир', '{привет,мир}'),
    ('مرحبا، كيف الحال؟', '{مرحبا,كيف,الحال}'),
    ('料金は？', '{料金,金は,は}'),
    ('上海abc', '{上海,海,abc}'),
    ('ราคา', '{รา,าค,คา,า}'),
    ('가격이 얼마', '{가격,격이,이,얼마,마}'),
    ('… !?', '{}'), ('', '{}'), ('😀 ok', '{😀,ok}')) AS v (t, w);
SELECT is(tavus.words_of(repeat('x', 100)), ARRAY[repeat('x', 64)], 'of 64 letters at most');
SELECT cmp_ok(cardinality(tavus.words_of((SELECT string_agg('w' || i, ' ') FROM generate_series(1, 50000) i))), '=', 20000,
              'so many of a text');

-- ---- found
SELECT is(tavus.words_roll(10), '{"events" : 0, "merged" : 0, "unread" : 0, "more" : true}', 'a reader begins');
SELECT is(pg_temp.rec(
    pg_temp.call(1, '{"Hello, what does the starter plan cost?","It is nineteen euros a month.","And in München?"}',
                 'The visitor smiled twice.')
    || pg_temp.call(2, ARRAY['I want to cancel my appointment', 'Which one, Ms. O''Brien-Smith?', 'jo.brien@example.com, 100% sure_thing'],
                    NULL, 'healthcare')
    || pg_temp.call(3, '{"料金はいくらですか。","来月から十九ユーロです。"}', '笑顔')
    || pg_temp.call(4, '{"The STARTER pack; a price?","No","a month it is"}')), 'ssssssssss', 'some are stored');
SELECT is(pg_temp.roll(), 4, 'and read');
SELECT is(pg_temp.find(q), w, 'who says: ' || q) FROM (VALUES
    ('starter', '4 1'), ('STARTER', '4 1'), ('start', ''), ('start*', '4 1'), ('*arte*', '4 1'), ('*ter', '4 1'), ('*tarte', ''),
    ('starter price', '4'), ('price starter', '4'), ('starter cancel', ''), ('"a month"', '4 1'), ('"month a"', ''),
    ('"starter plan"', '1'), ('"starter  PLAN', '1'), ('münchen', '1'), ('MÜNCHEN', '1'), ('munchen', ''),
    (U&'mu\0308nchen', '1'), ('smiled', '1'), ('smiled starter', '1'), ('nineteen smiled hello', '1'),
    ('o''brien', '2'), ('brien-smith', '2'), ('smith-brien', ''), ('jo.brien@example.com', '2'), ('brien@example', '2'), ('o''br*', '2'),
    ('100%', '2'), ('%', ''), ('_', ''), ('sure_thing', '2'), ('sure thing', '2'), ('sure%thing', '2'),
    ('料金', '3'), ('料', '3'), ('いくら', '3'), ('くらい', ''), ('はいくらですか', '3'), ('金は十九', ''), ('ユーロ 料金', '3'), ('笑', '3'),
    ('u0', ''), ('a1', ''), ('p', ''), ('n*', '4 1'), ('*', ''), ('"', ''), ('""', ''), ('*" *', ''), ('\', ''), (')(', ''),
    ('.*', ''), ('[a-z]', ''), ('a|b', ''), (''';DROP TABLE tavus.talks--', ''), ('', '4 3 2 1')) AS v (q, w);
SELECT is(pg_temp.find('starter', n => 1), '4 1', 'in pages of one');
-- a transcript tells that it is over
SELECT is(pg_temp.find('starter', 'active') || '-' || pg_temp.find('starter', 'ended'), '-4 1', 'all are over');
UPDATE tavus.conversations SET announced_ended = false, shutdown_id = NULL, closed_id = NULL WHERE id = 'w1';
SELECT is(pg_temp.find('starter', 'active') || '-' || pg_temp.find('starter', 'ended'), '1-4', 'or are not');
SELECT is(pg_temp.find('appointment', NULL, 'healthcare') || pg_temp.find('appointment', NULL, 'legal'), '2', 'of a vertical');
SELECT is(pg_temp.find('starter', from_ => tavus.uuid_time(pg_temp.id(2))), '4', 'from');
SELECT is(pg_temp.find('starter', to_ => tavus.uuid_time(pg_temp.id(4))), '1', 'to');
SELECT is(pg_temp.find('starter', 'no such'), '', 'no such status');
SELECT throws_ok($$SELECT tavus.admin_talks(q => 'x', cursor_ => 'y')$$, '22023', NULL, 'no cursor');

SELECT is(pg_temp.found(q), w, 'where: ' || q) FROM (VALUES
    ('plan', 'transcript|user|0|Hello, what does the starter |plan| cost?'),
    ('smiled', 'perception|The visitor |smiled| twice.'), ('euros', 'transcript|assistant|1|It is nineteen |euros| a month.'),
    ('hel*', 'transcript|user|0||Hello|, what does the starter plan cost?'), ('*ünch*', 'transcript|user|2|And in |München|?'),
    ('"a  month"', 'transcript|user|2||a month| it is'), ('いくら', 'transcript|user|0|料金は|いくら|ですか。'),
    ('starter nineteen', 'transcript|user|0|Hello, what does the |starter| plan cost?')) AS v (q, w);
SELECT is(pg_temp.rec(pg_temp.call(5, ARRAY[repeat('before ', 100) || 'needle <b>&amp; ' || repeat('after ', 100)])), 'ss', 'a long line');
SELECT is(pg_temp.roll(), 1, 'is read');
SELECT matches(pg_temp.found('needle'), '^transcript\|user\|0\|…[befor ]{80}\|needle\| <b>&amp; [after ]{70}…$', 'as plain text around it');

-- ---- it comes late, again, in another order
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 60.5, 't', 'application.transcription_ready', 'c', 'w10', 'b',
    '{"properties":{"transcript":[{"role":"user","content":"walrus"}]}}'))), 's', 'a transcript before all else');
SELECT is(pg_temp.roll(), 1, 'is read');
SELECT is(pg_temp.find('walrus', from_ => tavus.uuid_time(pg_temp.id(11))), '10', 'and is found');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.call(10, '{}') -> 0)), 's', 'when it began comes later');
SELECT is(pg_temp.roll(), 0, 'what was said is the same');
SELECT is(pg_temp.find('walrus', from_ => tavus.uuid_time(pg_temp.id(11))) || '-' || pg_temp.find('walrus', to_ => tavus.uuid_time(pg_temp.id(11))),
          '-10', 'it is found in its time');
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 61, 't', 'application.transcription_ready', 'c', 'w10', 'b',
    '{"properties":{"transcript":[{"role":"user","content":"penguin"}]}}'))), 's', 'a newer transcript');
SELECT is(pg_temp.roll(), 1, 'is read');
SELECT is(pg_temp.find('penguin') || '-' || pg_temp.find('walrus'), '10-', 'in the place of the other');
SELECT is((SELECT count(*) FROM tavus.words w WHERE w.word = 'walrus'), 0::bigint, 'whose words are forgotten');
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('i', 70, 't', 'application.transcription_ready', 'c', 'w11', 'x', '00ff', 'b', ''),
    jsonb_build_object('i', 71, 't', 'application.transcription_ready', 'c', 'w12', 'b', '{"properties":{"transcript":7}}'),
    jsonb_build_object('i', 72, 't', 'application.transcription_ready', 'c', 'w13', 'b', '{"properties":{"transcript":[7,null,{"role":7}]}}'),
    jsonb_build_object('i', 73, 't', 'application.perception_analysis', 'c', 'w14', 'b', '{"properties":{"analysis":[]}}'),
    jsonb_build_object('i', 74, 't', 'application.transcription_ready', 'c', 'w15', 's', 'browser', 'b',
        '{"properties":{"transcript":[{"role":"user","content":"penguin"}]}}'))), 'sssss', 'what nobody said');
SELECT is(pg_temp.roll(), 0, 'is nowhere');
SELECT is(pg_temp.find('penguin'), '10', 'nor what a browser says that was said');
SELECT is(pg_temp.rec(pg_temp.call(16, '{otter}')), 'ss', 'something was said');
SELECT is(pg_temp.roll(), 1, 'and read');
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 76, 't', 'application.transcription_ready', 'c', 'w16', 'b',
    '{"properties":{"transcript":[]}}'))), 's', 'a newer transcript, of nothing');
SELECT is(pg_temp.roll(), 0, 'is read');
SELECT is(pg_temp.find('otter') || (SELECT count(*) FROM tavus.words w WHERE w.word = 'otter'), '0', 'and takes it away');

-- ---- a very long one
SELECT is(pg_temp.rec(pg_temp.call(20, ARRAY(SELECT string_agg('w' || i || 'x' || j, ' ') FROM generate_series(1, 5) j, generate_series(1, 3000) i
                                              GROUP BY i ORDER BY i))), 'ss', 'a long conversation');
SELECT is(pg_temp.roll(), 1, 'is read');
SELECT is(pg_temp.find('w17x3'), '20', 'and is found');
SELECT cmp_ok((SELECT length(said) FROM tavus.talks WHERE conversation_id = 'w20'), '<', 300000, 'up to a bound');
SELECT is(pg_temp.find('w2*'), '20', 'also by more words than are looked up');

-- ---- each word of each transcript finds its conversation
SELECT is((SELECT count(*) FROM tavus.talks t, unnest(tavus.words_of(tavus.word_fold(regexp_replace(t.said, '(^|\n)[uap][0-9]*\t', E'\n', 'g')))) w (word)
            WHERE t.conversation_id <> 'w20'
              AND ' ' || pg_temp.find(w.word) || ' ' NOT LIKE '% ' || substr(t.conversation_id, 2) || ' %'), 0::bigint, 'each word finds it');

-- ---- many: spans of time, common and rare words, and pages that stop early
INSERT INTO tavus.conversations (id, first_id)
SELECT 'm' || i, overlay(overlay(tavus.uuid_floor(now() - interval '40 days' + i * interval '30 min')::text PLACING '7' FROM 15 FOR 1)
                         PLACING lpad(to_hex(i), 12, '0') FROM 25)::uuid
  FROM generate_series(1, 1900) i;
INSERT INTO tavus.talks (conversation_id, created_id, said, words)
SELECT c.id, c.created_id, 'u0' || E'\t' || 'common ' || CASE WHEN c.n % 100 = 7 THEN 'seldom ' || c.n ELSE '' END || CASE c.n WHEN 500 THEN ' once' ELSE '' END,
       tavus.talk_spans(c.created_id) || tavus.word_ids(ARRAY['common'] || CASE WHEN c.n % 100 = 7 THEN ARRAY['seldom', c.n::text] ELSE '{}' END
                                                        || CASE c.n WHEN 500 THEN ARRAY['once'] ELSE '{}' END)
  FROM (SELECT k.*, substr(k.id, 2)::int AS n FROM tavus.conversations k WHERE k.id LIKE 'm%') c;
UPDATE tavus.words SET n = CASE word WHEN 'common' THEN 1900 ELSE 19 END WHERE word IN ('common', 'seldom');
CREATE FUNCTION pg_temp.same(a text, b text) RETURNS boolean LANGUAGE sql AS $$ SELECT a = b AND a <> '' $$;
CREATE TEMP TABLE meant AS SELECT string_agg(i::text, ' ' ORDER BY i DESC) AS every,
       string_agg(i::text, ' ' ORDER BY i DESC) FILTER (WHERE i % 100 = 7) AS seldom FROM generate_series(1, 1900) i;
SELECT is(pg_temp.same(pg_temp.find('common', n => 200), every), true, 'all of a common word, in order') FROM meant;
SELECT is(pg_temp.same(pg_temp.find('common', n => 7), every), true, 'in small pages') FROM meant;
SELECT is(pg_temp.find('seldom'), seldom, 'of a rarer one') FROM meant;
SELECT is(pg_temp.find('common seldom'), seldom, 'of both') FROM meant;
SELECT is(pg_temp.find('once'), '500', 'of one');
SELECT is(pg_temp.find('*on* once'), '500', 'and by letters');
-- whatever the counts are
UPDATE tavus.words SET n = 1000000 WHERE word IN ('common', 'seldom', 'once');
SELECT is(pg_temp.find('seldom', n => 5), seldom, 'if it is thought to be common') FROM meant;
SELECT is(pg_temp.find('once'), '500', 'also the one');
UPDATE tavus.words SET n = 1 WHERE word IN ('common', 'seldom', 'once');
SELECT is(pg_temp.same(pg_temp.find('common', n => 200), every), true, 'or to be rare') FROM meant;
SELECT is(pg_temp.find('*o*', n => 200) LIKE '% ' || every, true, 'by a letter, through all texts') FROM meant;
SELECT is(pg_temp.find('*q*', to_ => now() - interval '1 day'), '', 'or in vain');

-- ---- forgotten: erased
CREATE FUNCTION pg_temp.erased(started text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r jsonb := started;
BEGIN
    FOR i IN 1 .. 200 LOOP
        r := tavus.erase_step((r ->> 'id')::uuid);
        EXIT WHEN r ->> 'state' <> 'running';
    END LOOP;
    RETURN r ->> 'state';
END
$$;
SELECT is(pg_temp.rec(pg_temp.call(30, '{"my name is Zebedee and I like the starter"}')), 'ss', 'somebody');
SELECT is(pg_temp.roll(), 1, 'is read');
SELECT is(pg_temp.find('zebedee'), '30', 'and found');
SELECT is(pg_temp.erased(tavus.erase_conversation('w30', NULL)), 'done', 'and erased');
SELECT is(pg_temp.find('zebedee'), '', 'found no more');
SELECT is((SELECT count(*) FROM tavus.words w WHERE w.word IN ('zebedee', 'starter')), 1::bigint, 'what only they said is no word any more');
SELECT is((SELECT count(*) FROM tavus.talks t WHERE t.conversation_id = 'w30'), 0::bigint, 'nor is what was said there');
SELECT is(tavus.talks_make('{w30}'), 0, 'and nobody makes it again');
SELECT is(pg_temp.find('starter'), '4 1', 'others are');

-- counted ones are not taken for gone
SELECT is(tavus.talks_drop('{m507}'), 1, 'one of those that share a word');
SELECT is((SELECT count(*) FROM tavus.words w WHERE w.word IN ('seldom', '507')), 1::bigint, 'it stays, its own does not');

-- ---- trimmed
SELECT is((tavus.trim('transcripts', interval '30 days', 100000)::json ->> 'trimmed')::int, 0, 'old transcripts');
SELECT is((SELECT count(*) FROM tavus.talks t WHERE t.created_id < tavus.uuid_floor(now() - interval '30 days')), 0::bigint, 'are in no search');
SELECT is((SELECT count(*) FROM tavus.words w WHERE w.word IN ('once', '107')), 1::bigint, 'nor are their words: once');
SELECT cmp_ok((tavus.trim('conversations', interval '20 days', 100000)::json ->> 'trimmed')::int, '>', 900, 'old conversations');
SELECT is((SELECT count(*) FROM tavus.talks t WHERE t.created_id < tavus.uuid_floor(now() - interval '20 days')), 0::bigint, 'nor are they');

-- ---- made anew
CREATE TEMP TABLE before AS SELECT t.conversation_id, t.said FROM tavus.talks t WHERE t.conversation_id LIKE 'w%';
SELECT tavus.words_rebuild() \g /dev/null
SELECT is(pg_temp.find('starter'), '', 'emptied');
SELECT cmp_ok(pg_temp.roll(), '>', 5, 'read again');
SELECT is((SELECT array_agg(t.conversation_id) FROM (SELECT * FROM before EXCEPT SELECT t.conversation_id, t.said FROM tavus.talks t) t), NULL, 'all of it');
SELECT is(pg_temp.find('starter'), '4 1', 'and found');

SELECT * FROM finish();
