-- Conversations by what was said in them.
--
-- A reader of the log keeps a row of tavus.talks for each conversation whose transcript or perception has
-- come: the text, and the ids of its words, of which each stands once in tavus.words.  An index has the
-- conversations of each word; pages go by time, so a row has the hour, the day and the month of its
-- conversation among its words, and a search takes one span after the other, the newest first, of a size
-- by which it meets some hundreds.
--
-- A word is what stands between gaps, in small letters; scripts that have no gaps are taken by two letters.
-- No dictionary, no stop words, no extension, and nothing that depends on a locale but what is a small letter.

-- What is between words, within brackets of a regular expression, and scripts that have no gaps: Thai, Lao,
-- Burmese, Khmer, Japanese, Chinese, Korean (whose particles hang on words).
CREATE OR REPLACE FUNCTION tavus.word_gaps() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '\u0001-\u0009\u000b-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf'
       '\u055a-\u055f\u0589\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965'
       '\u1361-\u1368\u2000-\u206f\u2e00-\u2e5d\u3000-\u3004\u3008-\u3020\u3030\u30a0\u30fb\ufe30-\ufe6f\ufeff';

CREATE OR REPLACE FUNCTION tavus.word_runs() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u302f\u3031-\u309f\u30a1-\u30fa'
       '\u30fc-\u318f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff';

-- The runs of letters in a text that tavus.word_fold() has made small, in their order; dense: without gaps.
CREATE OR REPLACE FUNCTION tavus.word_split(folded text)
RETURNS TABLE (run text, dense boolean, ord bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 500
AS $$
    SELECT coalesce(m.it[1], m.it[2]), m.it[1] IS NOT NULL, m.ord
      FROM regexp_matches(folded, '([' || tavus.word_runs() || ']+)|([^\n' || tavus.word_gaps()
                                  || tavus.word_runs() || ']+)', 'g') WITH ORDINALITY AS m (it, ord)
$$;

-- One form of each letter, and small ones.
CREATE OR REPLACE FUNCTION tavus.word_form(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(value) = length(value) THEN value ELSE normalize(value, NFKC) END;

CREATE OR REPLACE FUNCTION tavus.word_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(value);

-- Each two letters of a run, and its last one.
CREATE OR REPLACE FUNCTION tavus.word_pairs(run text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY(SELECT c.c || lead(c.c, 1, '') OVER (ORDER BY c.ord)
                   FROM string_to_table(run, NULL) WITH ORDINALITY AS c (c, ord))
$$;

-- The words of a text, each once, 20,000 at most, of 64 letters at most.  What is between two gaps of ASCII
-- and ASCII itself is one: only the rest needs the regular expression of all scripts, which costs much, as does
-- planning, which plpgsql does once.
CREATE OR REPLACE FUNCTION tavus.words_of(folded text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    words text[];
    rest  text;
BEGIN
    SELECT array_agg(left(p.part, 64)) FILTER (WHERE octet_length(p.part) = length(p.part)),
           string_agg(p.part, E'\n') FILTER (WHERE octet_length(p.part) <> length(p.part))
      INTO words, rest
      FROM (SELECT DISTINCT r.part COLLATE "C" AS part
              FROM regexp_split_to_table(folded, '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+') AS r (part)
             WHERE r.part <> '') p;

    IF rest IS NULL AND coalesce(cardinality(words), 0) <= 20000 THEN
        RETURN ARRAY(SELECT DISTINCT w.word FROM unnest(words) AS w (word));
    END IF;

    RETURN ARRAY(
        WITH s AS MATERIALIZED (SELECT r.run, r.dense FROM tavus.word_split(rest) r)
        SELECT w.word FROM (
            SELECT u.word FROM unnest(words) AS u (word)
            UNION
            SELECT left(s.run, 64) FROM s WHERE NOT s.dense
            UNION
            SELECT p.pair FROM s, unnest(tavus.word_pairs(s.run)) AS p (pair) WHERE s.dense) w (word)
         LIMIT 20000);
END
$$;

-- Each three letters of a word, once.
CREATE OR REPLACE FUNCTION tavus.word_grams(word text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT substr(word, i, 3) FROM generate_series(1, length(word) - 2) i);
END
$$;

-- The span of time that a moment is in: of an hour (0), a day (1), a month (2), as a number below zero.
CREATE OR REPLACE FUNCTION tavus.talk_span(level int, at timestamptz) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN CASE level
           WHEN 0 THEN -1 - floor(extract(epoch FROM at) / 3600)::int
           WHEN 1 THEN -100000000 - floor(extract(epoch FROM at) / 86400)::int
           ELSE -200000000 - (extract(year FROM at AT TIME ZONE 'UTC') * 12
                              + extract(month FROM at AT TIME ZONE 'UTC'))::int END;
END
$$;

CREATE OR REPLACE FUNCTION tavus.talk_spans(created_id uuid) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    at timestamptz := tavus.uuid_time(created_id);
BEGIN
    RETURN ARRAY[tavus.talk_span(0, at), tavus.talk_span(1, at), tavus.talk_span(2, at)];
END
$$;

-- ---- the reader

-- What was said and seen, of 256 K letters each at most: as lines of tavus.talks, and as text alone.
CREATE OR REPLACE FUNCTION tavus.talk_text(transcript bytea, perception bytea, OUT said text, OUT bare text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    list jsonb := tavus.body_jsonb(transcript) #> '{properties,transcript}';
    told jsonb := tavus.body_jsonb(perception) -> 'properties';
    seen text := left(regexp_replace(tavus.str(told, 'analysis'), '\s+', ' ', 'g'), 262144);
BEGIN
    SELECT string_agg(concat(left(l.role, 1), l.n, E'\t', l.content), E'\n' ORDER BY l.n),
           string_agg(l.content, E'\n' ORDER BY l.n)
      INTO said, bare
      FROM (SELECT r.n, r.role, r.content, sum(length(r.content)) OVER (ORDER BY r.n) AS upto
              FROM (SELECT e.ord - 1 AS n, tavus.speaker(e.item) AS role,
                           left(regexp_replace(tavus.spoken(e.item -> 'content'), '\s+', ' ', 'g'), 262144) AS content
                      FROM jsonb_array_elements(CASE jsonb_typeof(list) WHEN 'array' THEN list ELSE '[]' END)
                           WITH ORDINALITY AS e (item, ord)
                     WHERE jsonb_typeof(e.item) = 'object' AND e.ord <= 10000
                    OFFSET 0) r
             WHERE r.role IS NOT NULL AND r.content IS NOT NULL) l
     WHERE l.upto - length(l.content) < 262144;

    said := tavus.word_form(left(concat_ws(E'\n', said, E'p\t' || seen), 524288));
    bare := tavus.word_form(left(concat_ws(E'\n', bare, seen), 524288));
END
$$;

-- The ids of words; those that are not there yet are made.
CREATE OR REPLACE FUNCTION tavus.word_ids(words_ text[]) RETURNS int[]
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    ids  int[];
    more text[];
    made int[];
BEGIN
    SELECT array_agg(w.id) FILTER (WHERE w.id IS NOT NULL), array_agg(u.word) FILTER (WHERE w.id IS NULL)
      INTO ids, more
      FROM unnest(words_) AS u (word)
      LEFT JOIN LATERAL (SELECT k.id FROM tavus.words k WHERE k.word = u.word COLLATE "C" OFFSET 0) w ON true;

    IF more IS NOT NULL THEN
        WITH added AS (
            INSERT INTO tavus.words (word, grams)
            SELECT u.word, tavus.word_grams(u.word) FROM unnest(more) AS u (word)
            RETURNING id
        )
        SELECT array_agg(a.id) INTO made FROM added a;
    END IF;

    RETURN ids || made;
END
$$;

-- The words of a talk that are counted for it: of each word in each 16th talk, the same whenever it is asked.
CREATE OR REPLACE FUNCTION tavus.word_counted(conversation_id text, words_ int[]) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    hash int := ('x' || left(md5(conversation_id), 7))::bit(28)::int;
BEGIN
    RETURN ARRAY(SELECT u.id FROM unnest(words_) AS u (id) WHERE u.id > 0 AND (hash + u.id) % 16 = 0);
END
$$;

CREATE OR REPLACE FUNCTION tavus.word_count(more int[], less int[]) RETURNS void
LANGUAGE sql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
    UPDATE tavus.words w SET n = greatest(w.n + d.n, 1)
      FROM (SELECT u.id, sum(u.n)::int AS n
              FROM (SELECT m.id, 16 FROM unnest(more) AS m (id)
                    UNION ALL
                    SELECT l.id, -16 FROM unnest(less) AS l (id)) u (id, n)
             GROUP BY u.id HAVING sum(u.n) <> 0) d
     WHERE w.id = d.id
$$;

-- Makes the talks of these conversations anew, as their events are now.
CREATE OR REPLACE FUNCTION tavus.talks_make(calls text[]) RETURNS int
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    c     tavus.conversations;
    old   tavus.talks;
    told  record;
    ids   int[];
    more  int[] := '{}';
    less  int[] := '{}';
    gone  int[] := '{}';
    made  int := 0;
BEGIN
    FOR c IN
        SELECT k.* FROM tavus.conversations k
         WHERE k.id = ANY (calls) AND NOT k.erased AND num_nonnulls(k.transcript_id, k.perception_id) > 0
         ORDER BY k.id
    LOOP
        SELECT t.* INTO old FROM tavus.talks t WHERE t.conversation_id = c.id;

        IF FOUND AND (old.transcript_id, old.perception_id)
                     IS NOT DISTINCT FROM (c.transcript_id, c.perception_id)
        THEN
            -- conversation.created may come last of all
            UPDATE tavus.talks t
               SET created_id = c.created_id,
                   words = tavus.talk_spans(c.created_id) || ARRAY(SELECT u.id FROM unnest(old.words) AS u (id)
                                                                    WHERE u.id > 0)
             WHERE t.conversation_id = c.id AND t.created_id <> c.created_id;
            CONTINUE;
        END IF;

        SELECT t.*, tavus.first_question(b.transcript) AS first_question INTO told
          FROM (SELECT (SELECT e.body FROM tavus.events e WHERE e.id = c.transcript_id) AS transcript,
                       (SELECT e.body FROM tavus.events e WHERE e.id = c.perception_id) AS perception) b,
               tavus.talk_text(b.transcript, b.perception) t;

        IF told.said = '' THEN
            PERFORM tavus.talks_drop(ARRAY[c.id]) WHERE old.conversation_id IS NOT NULL;
            CONTINUE;
        END IF;

        ids := tavus.word_ids(tavus.words_of(tavus.word_fold(told.bare)));

        INSERT INTO tavus.talks AS t (conversation_id, created_id, transcript_id, perception_id, first_question,
                                      said, words)
        VALUES (c.id, c.created_id, c.transcript_id, c.perception_id, told.first_question, told.said,
                tavus.talk_spans(c.created_id) || ids)
        ON CONFLICT (conversation_id) DO UPDATE
           SET created_id = EXCLUDED.created_id, transcript_id = EXCLUDED.transcript_id,
               perception_id = EXCLUDED.perception_id, first_question = EXCLUDED.first_question,
               said = EXCLUDED.said, words = EXCLUDED.words;

        more := more || tavus.word_counted(c.id, ids);

        IF old.conversation_id IS NOT NULL THEN
            less := less || tavus.word_counted(c.id, old.words);
            gone := gone || old.words;
        END IF;

        made := made + 1;
    END LOOP;

    PERFORM tavus.word_count(more, less);

    IF gone <> '{}' THEN
        PERFORM tavus.words_drop(gone);
    END IF;

    RETURN made;
END
$$;

-- Reads on: most events of batches that have transcripts, 10,000 of any, and of transcripts 2 MB, but one.  Answers JSON as
-- tavus.orders_roll() does.
CREATE OR REPLACE FUNCTION tavus.words_roll(most int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    w     record;
    told  record;
    made  int;
BEGIN
    -- a transaction of its own, so that whoever erases finds it locked, or has erased before
    IF NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'words') THEN
        PERFORM tavus.cursor_make('words', true);
        RETURN json_build_object('events', 0, 'merged', 0, 'unread', 0, 'more', true);
    END IF;

    SELECT t.* INTO w FROM tavus.cursor_take('words', most, tavus.log_sort('words')) t;

    IF NOT FOUND THEN
        RETURN '{"events":0,"merged":0,"unread":0}';
    END IF;

    WITH e AS MATERIALIZED (
        SELECT l.pos, l.ord, l.conversation_id,
               sum(octet_length(l.body)) OVER (ORDER BY l.pos, l.ord) - octet_length(l.body) AS before
          FROM tavus.log_events(w.from_pos, w.from_ord, w.to_pos, w.to_ord, tavus.talk_types(),
                                sort => tavus.log_sort('words')) l
         WHERE tavus.ours(l.source) AND l.conversation_id IS NOT NULL
    )
    SELECT array_agg(DISTINCT e.conversation_id) FILTER (WHERE e.before < 2097152) AS calls,
           (array_agg(e.pos ORDER BY e.pos, e.ord) FILTER (WHERE e.before >= 2097152))[1] AS pos,
           (array_agg(e.ord ORDER BY e.pos, e.ord) FILTER (WHERE e.before >= 2097152))[1] AS ord
      INTO told FROM e;

    -- what is too much is for the next time: before it
    IF told.pos IS NOT NULL THEN
        UPDATE tavus.cursors c
           SET pos = told.pos, ord = told.ord - 1,
               missed = c.missed - tavus.log_missing(told.pos, told.ord - 1, w.to_pos, w.to_ord)
         WHERE c.name = 'words';
    END IF;

    made := tavus.talks_make(told.calls);

    -- many at once cost a fraction of one by one, but a search would look through all that wait
    PERFORM gin_clean_pending_list('tavus.talks_words') WHERE made > 0;

    RETURN json_build_object('events', w.n, 'merged', made, 'unread', 0, 'more', w.more OR told.pos IS NOT NULL);
END
$$;

-- ---- what is to be forgotten

-- Keeps the reader from its work until this transaction is over; false: it is at it.
CREATE OR REPLACE FUNCTION tavus.words_hold() RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM tavus.cursors c WHERE c.name = 'words' FOR UPDATE SKIP LOCKED;

    RETURN FOUND OR NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'words');
END
$$;

-- Deletes those of these words that no talk has.  One that is counted is in one.
CREATE OR REPLACE FUNCTION tavus.words_drop(words_ int[]) RETURNS void
LANGUAGE sql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = on
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
    DELETE FROM tavus.words w
     WHERE w.id = ANY (words_) AND w.n = 1
       AND (SELECT t.created_id FROM tavus.talks t WHERE t.words @> ARRAY[w.id] LIMIT 1) IS NULL
$$;

-- Deletes the talks of these conversations, and the words that are left in none.  Whoever calls it has
-- locked the cursor, so that nobody makes one of them meanwhile.
CREATE OR REPLACE FUNCTION tavus.talks_drop(calls text[]) RETURNS int
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    less int[];
    gone int[];
    n    int;
BEGIN
    WITH t AS (
        DELETE FROM tavus.talks k WHERE k.conversation_id = ANY (calls) RETURNING k.conversation_id, k.words
    )
    SELECT (SELECT count(*) FROM t),
           ARRAY(SELECT u.id FROM t, unnest(tavus.word_counted(t.conversation_id, t.words)) AS u (id)),
           ARRAY(SELECT DISTINCT u.id FROM t, unnest(t.words) AS u (id) WHERE u.id > 0)
      INTO n, less, gone;

    IF n > 0 THEN
        PERFORM tavus.word_count('{}', less);
        PERFORM tavus.words_drop(gone);
    END IF;

    RETURN n;
END
$$;

-- Makes all of it anew, of what is stored, in the background: for who has changed what a word is.
CREATE OR REPLACE FUNCTION tavus.words_rebuild() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
BEGIN
    PERFORM tavus.cursor_drop('words');
    TRUNCATE tavus.talks, tavus.words RESTART IDENTITY;
    PERFORM tavus.cursor_make('words', true);
END
$$;

-- ---- the search

-- What is asked for, 16 terms at most: words that must be there ("is"), that begin so (word*) or have it anywhere
-- (*word*; *word: at their end); "a few words" stand beside each other, and what is written together does so too.
-- pattern is what finds it in a line, whole: between gaps; check: the index alone does not tell.
CREATE OR REPLACE FUNCTION tavus.talk_terms(q text)
RETURNS TABLE (kind text, words text[], pattern text, whole boolean, checked boolean)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    gap  text := '[' || tavus.word_gaps() || ']';
    rest text := '[^\n' || tavus.word_gaps() || ']*';
    part record;
    r    record;
    runs text[];
    n    int := 0;
BEGIN
    FOR part IN
        SELECT coalesce(m.it[1], m.it[2]) AS text, m.it[1] IS NULL AND m.it[2] LIKE '*%' AS before,
               m.it[1] IS NULL AND m.it[2] LIKE '%*' AS after
          FROM regexp_matches(tavus.word_fold(tavus.word_form(q)), '"([^"]*)"?|([^"\s]+)', 'g')
               WITH ORDINALITY AS m (it, ord)
         ORDER BY m.ord
    LOOP
        SELECT array_agg(s.run ORDER BY s.ord) AS runs, array_agg(s.dense ORDER BY s.ord) AS dense,
               count(*)::int AS n,
               coalesce(array_agg(left(s.run, 64) ORDER BY s.ord) FILTER (WHERE NOT s.dense), '{}') AS plain,
               max(length(s.run)) AS longest
          INTO r FROM tavus.word_split(part.text) s;
        CONTINUE WHEN r.n = 0;

        n := n + 1;
        EXIT WHEN n > 16;

        -- what runs on is in no need of stars
        part.before := part.before AND NOT r.dense[1];
        part.after := part.after AND NOT r.dense[r.n];
        pattern := CASE WHEN part.before THEN rest ELSE '' END || array_to_string(r.runs, gap || '*')
                   || CASE WHEN part.after THEN rest ELSE '' END;
        whole := NOT r.dense[1] AND NOT r.dense[r.n];
        checked := r.n > 1 OR r.longest > 64;

        IF part.before THEN
            kind := 'holds';
            words := r.plain[:1];
            r.plain := r.plain[2:];
            RETURN NEXT;
        END IF;

        IF part.after AND (r.n > 1 OR NOT part.before) THEN
            kind := 'begins';
            words := r.plain[cardinality(r.plain):];
            r.plain := r.plain[:cardinality(r.plain) - 1];
            RETURN NEXT;
        END IF;

        IF r.n = 1 AND r.dense[1] AND length(r.runs[1]) = 1 THEN
            kind := 'begins';
            words := r.runs;
            RETURN NEXT;

        ELSIF r.plain <> '{}' OR true = ANY (r.dense) THEN
            kind := 'is';
            words := r.plain || ARRAY(SELECT p.pair FROM unnest(r.runs, r.dense) AS s (run, dense),
                                                         unnest(tavus.word_pairs(s.run)) AS p (pair)
                                       WHERE s.dense AND length(p.pair) = 2);
            checked := checked OR r.dense[1] AND length(r.runs[1]) > 2;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Terms with what the index has of them: ids, all of which are asked for or one of which is ("any"), in how many talks
-- about that is, and conditions that a text is tested for.  Of what begins or holds over 256 words, or is shorter than
-- three letters within others, the text alone tells: its ids are NULL, as of all but the first that come after 5 ms.
CREATE OR REPLACE FUNCTION tavus.talk_asked(q text)
RETURNS TABLE (every boolean, ids int[], n int, pattern text, whole boolean, checked boolean)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = on
SET gin_fuzzy_search_limit = 2000
SET jit = off
AS $$
DECLARE
    t     record;
    begun timestamptz := clock_timestamp();
    most  int := 256;
    tried boolean := false;
BEGIN
    FOR t IN SELECT * FROM tavus.talk_terms(q) LOOP
        pattern := t.pattern;
        whole := t.whole;
        checked := t.checked;
        every := t.kind = 'is';
        ids := NULL;
        n := NULL;

        IF every THEN
            SELECT coalesce(array_agg(w.id), '{}'), min(w.n) INTO ids, n
              FROM unnest(t.words) AS u (word)
             CROSS JOIN LATERAL (SELECT k.id, k.n FROM tavus.words k WHERE k.word = u.word COLLATE "C" OFFSET 0) w;

            IF cardinality(ids) < (SELECT count(DISTINCT u.word) FROM unnest(t.words) AS u (word)) THEN
                n := 0;
            END IF;
            -- a letter alone among others
            IF t.words = '{}' THEN
                ids := NULL;
                n := NULL;
            END IF;

        ELSIF tried AND clock_timestamp() - begun > interval '5 ms' THEN
            NULL;

        ELSIF t.kind = 'begins' THEN
            SELECT coalesce(array_agg(f.id), '{}'), coalesce(sum(f.n), 0) INTO ids, n
              FROM (SELECT w.id, w.n FROM tavus.words w
                     WHERE w.word >= t.words[1] COLLATE "C" AND w.word < (t.words[1] || U&'\+10FFFF') COLLATE "C"
                     ORDER BY w.word COLLATE "C" LIMIT most + 1) f;

        ELSIF length(t.words[1]) >= 3 THEN
            -- of more the limit above would hide some
            SELECT CASE WHEN count(*) < 1000
                        THEN coalesce(array_agg(f.id) FILTER (WHERE f.fits), '{}') END,
                   coalesce(sum(f.n) FILTER (WHERE f.fits), 0)
              INTO ids, n
              FROM (SELECT w.id, w.n,
                           CASE WHEN right(t.pattern, 1) = '*' THEN strpos(w.word, t.words[1]) > 0
                                ELSE right(w.word, length(t.words[1])) = t.words[1] END AS fits
                      FROM tavus.words w WHERE w.grams @> tavus.word_grams(t.words[1]) LIMIT 1000) f;
        END IF;

        IF NOT every AND (ids IS NULL OR cardinality(ids) > most) THEN
            ids := NULL;
            n := NULL;
        END IF;

        checked := checked OR ids IS NULL;
        tried := true;
        RETURN NEXT;
    END LOOP;
END
$$;

-- What a text is tested by, for a pattern of tavus.talk_terms(): what stands at its edges need not be looked at.
CREATE OR REPLACE FUNCTION tavus.talk_test(pattern text, whole boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN starts_with(pattern, r.rest) THEN '' WHEN whole THEN '(^|[\n' || r.gap || '])' ELSE '' END
           || substr(left(pattern, CASE WHEN right(pattern, length(r.rest)) = r.rest THEN -length(r.rest) ELSE length(pattern) END),
                     CASE WHEN starts_with(pattern, r.rest) THEN length(r.rest) + 1 ELSE 1 END)
           || CASE WHEN right(pattern, length(r.rest)) = r.rest THEN '' WHEN whole THEN '($|[\n' || r.gap || '])' ELSE '' END
      FROM (SELECT '[^\n' || tavus.word_gaps() || ']*' AS rest, tavus.word_gaps() AS gap) r
$$;

-- Where it is in a talk: of a line with it the text before, itself and after, as plain text; NULL if it is in none.
CREATE OR REPLACE FUNCTION tavus.talk_found(said text, pattern text, whole boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    gap  text := tavus.word_gaps();
    test text := tavus.talk_test(pattern, whole);
    r    record;
    line text;
    m    text[];
BEGIN
    SELECT l.small, l.ord::int AS ord INTO r
      FROM string_to_table(tavus.word_fold(said), E'\n') WITH ORDINALITY AS l (small, ord)
     WHERE l.small ~ test LIMIT 1;

    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    m := regexp_match(r.small, CASE WHEN whole
             THEN '^([uap][0-9]*\t)((?:.*[' || gap || '])?)(' || pattern || ')(?=[' || gap || ']|$)(.*)$'
             ELSE '^([uap][0-9]*\t)(.*)(' || pattern || ')(.*)$' END);

    IF m IS NULL THEN
        RETURN NULL;
    END IF;

    -- as it was written, where small letters are as many as others
    line := split_part(said, E'\n', r.ord);

    IF length(line) = length(r.small) THEN
        m[4] := right(line, length(m[4]));
        line := substr(line, length(m[1]) + 1);
        m[3] := substr(line, length(m[2]) + 1, length(m[3]));
        m[2] := left(line, length(m[2]));
    END IF;

    RETURN jsonb_strip_nulls(jsonb_build_object(
        'in', CASE left(m[1], 1) WHEN 'p' THEN 'perception' ELSE 'transcript' END,
        'role', CASE left(m[1], 1) WHEN 'u' THEN 'user' WHEN 'a' THEN 'assistant' END,
        'n', nullif(substr(m[1], 2, length(m[1]) - 2), '')::int,
        'before', CASE WHEN length(m[2]) > 80 THEN '…' || right(m[2], 80) ELSE m[2] END,
        'match', left(m[3], 200),
        'after', CASE WHEN length(m[4]) > 80 THEN left(m[4], 80) || '…' ELSE m[4] END));
END
$$;

-- A page of conversations, as tavus.admin_conversations() has it, of those in which all of q is; each with where
-- that, or the rarest part of it, was found.  Spans of time are looked through one after the other, while there is time
-- (8 ms), of a size by which some hundreds of them are met.
CREATE OR REPLACE FUNCTION tavus.admin_talks(
    status text DEFAULT NULL, vertical text DEFAULT NULL, q text DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = on
SET jit = off
AS $$
DECLARE
    lo       uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi       uuid := coalesce(tavus.uuid_floor(to_), 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    hi_id    text := '';
    wanted   int := least(greatest(coalesce(limit_, 50), 1), 200);
    asked    record;
    term     record;
    every    int[] := '{}';     -- words that all are asked for
    near     text := '';        -- and of these one each
    checks   text[] := '{}';
    n        int;               -- of the rarest of it, about
    pattern  text;
    whole    boolean;
    newest   uuid;
    oldest   uuid;
    level    int;
    widest   int;
    chunk    int := 51;
    ends     timestamptz;
    below    uuid;
    seen     int;
    last     uuid;
    last_id  text;
    page     tavus.conversations[];
    finds    text[];
    keys     text[];
    all_rows tavus.conversations[] := '{}';
    places   text[] := '{}';
    all_keys text[] := '{}';
    next_    text;
    searched text;
    begun    timestamptz := clock_timestamp();
    lap      timestamptz;
    far      text := '';
BEGIN
    IF coalesce(q, '') = '' THEN
        RETURN tavus.admin_conversations(status, vertical, from_, to_, limit_, cursor_);
    END IF;

    IF cursor_ IS NOT NULL THEN
        IF cursor_ !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:' THEN
            RAISE 'not a cursor' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF left(cursor_, 36)::uuid < hi THEN
            hi := left(cursor_, 36)::uuid;
            hi_id := substr(cursor_, 38);
        END IF;
    END IF;

    FOR asked IN SELECT a.* FROM tavus.talk_asked(q) a ORDER BY a.n NULLS LAST LOOP
        IF pattern IS NULL THEN
            n := asked.n;
            pattern := asked.pattern;
            whole := asked.whole;
        END IF;

        IF asked.every AND asked.ids IS NOT NULL THEN
            every := every || asked.ids;
        ELSIF asked.ids IS NOT NULL THEN
            near := near || format(' AND t.words && %L::int[]', asked.ids);
        END IF;

        IF asked.checked THEN
            checks := checks || tavus.talk_test(asked.pattern, asked.whole);
        END IF;
    END LOOP;

    newest := (SELECT c.created_id FROM tavus.conversations c ORDER BY c.created_id DESC, c.id DESC LIMIT 1);
    oldest := (SELECT c.created_id FROM tavus.conversations c ORDER BY c.created_id, c.id LIMIT 1);

    -- nobody said it, or it has no letter
    IF n = 0 OR pattern IS NULL OR newest IS NULL
       OR status IS NOT NULL AND status NOT IN ('active', 'ended')
    THEN
        RETURN '{"conversations":[],"next_cursor":null}';
    END IF;

    IF status IS NOT NULL THEN
        far := far || CASE status WHEN 'active' THEN ' AND NOT c.ended' ELSE ' AND c.ended' END;
    END IF;
    IF vertical IS NOT NULL THEN
        far := far || ' AND CASE WHEN c.announced_id IS NOT NULL THEN c.vertical
                                 ELSE (SELECT i.vertical FROM tavus.intents i WHERE i.nonce = c.nonce) END = $9';
    END IF;

    lo := greatest(lo, tavus.uuid_floor(tavus.uuid_time(oldest)));
    IF hi > newest THEN
        hi := tavus.uuid_floor(tavus.uuid_time(newest) + interval '1 ms');
        hi_id := '';
    END IF;

    -- the span that has some hundreds of it, if they come evenly
    ends := tavus.uuid_time(newest) - tavus.uuid_time(oldest) + interval '1 hour' + to_timestamp(0);
    level := CASE WHEN n IS NULL THEN 0
                  WHEN n <= 300 THEN 3
                  WHEN n * 720 / extract(epoch FROM ends) * 3600 <= 300 THEN 2
                  WHEN n * 24 / extract(epoch FROM ends) * 3600 <= 300 THEN 1
                  ELSE 0 END;
    widest := CASE WHEN n <= 2000 THEN 3 WHEN n <= 5000 THEN 2 ELSE 1 END;

    WHILE hi > lo LOOP
        lap := clock_timestamp();
        -- what is below hi, which may be the first of a span
        ends := tavus.uuid_time(hi) - CASE WHEN hi_id = '' AND hi = tavus.uuid_floor(tavus.uuid_time(hi))
                                           THEN interval '1 ms' ELSE interval '0' END;
        below := CASE WHEN level < 3
                      THEN tavus.uuid_floor(date_trunc((ARRAY['hour', 'day', 'month'])[level + 1],
                                                       ends AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
                      ELSE lo END;

        EXECUTE format(
            'WITH s AS MATERIALIZED (
                 SELECT l.*, row_number() OVER () AS n
                   FROM (SELECT t.created_id, t.conversation_id, t.said FROM tavus.talks t
                          WHERE t.words @> $1 %1$s
                            AND (t.created_id, t.conversation_id) < ($2, $3) AND t.created_id >= $4
                          ORDER BY t.created_id DESC, t.conversation_id DESC LIMIT $5) l
             ), f AS MATERIALIZED (
                 SELECT s.*, k.c
                   FROM s CROSS JOIN LATERAL (SELECT c FROM tavus.conversations c
                                               WHERE c.id = s.conversation_id AND NOT c.erased %2$s OFFSET 0) k
                  WHERE %3$s ORDER BY s.n LIMIT $6
             )
             SELECT (SELECT count(*) FROM s), (SELECT s.created_id FROM s ORDER BY s.n DESC LIMIT 1),
                    (SELECT s.conversation_id FROM s ORDER BY s.n DESC LIMIT 1),
                    ARRAY(SELECT f.c FROM f ORDER BY f.n),
                    ARRAY(SELECT coalesce(tavus.talk_found(f.said, $7, $8)::text, ''null'') FROM f ORDER BY f.n),
                    ARRAY(SELECT f.created_id || '':'' || f.conversation_id FROM f ORDER BY f.n)',
            near, far,
            CASE WHEN checks = '{}' THEN 'true' ELSE 'tavus.word_fold(s.said) ~ ALL ($10)' END)
           INTO seen, last, last_id, page, finds, keys
          USING every || CASE WHEN level < 3 THEN ARRAY[tavus.talk_span(level, ends)] ELSE '{}'::int[] END,
                hi, hi_id, greatest(lo, below), chunk, wanted + 1 - cardinality(all_keys), pattern, whole,
                vertical, checks;

        all_rows := all_rows || page;
        places := places || finds;
        all_keys := all_keys || keys;

        IF cardinality(all_keys) > wanted THEN
            next_ := all_keys[wanted];
            EXIT;
        END IF;

        IF seen = chunk THEN
            hi := last;
            hi_id := last_id;
        ELSE
            hi := greatest(lo, below);
            hi_id := '';
            EXIT WHEN hi <= lo;

            IF seen = 0 THEN
                level := least(level + 1, greatest(widest, level));
            END IF;
        END IF;

        IF clock_timestamp() - begun > interval '8 ms' THEN
            next_ := hi || ':' || hi_id;
            searched := tavus.iso(tavus.uuid_time(hi));
            EXIT;
        END IF;

        IF clock_timestamp() - lap < interval '2 ms' THEN
            chunk := least(chunk * 2, 400);
        ELSIF clock_timestamp() - lap > interval '5 ms' THEN
            chunk := greatest(chunk / 4, 10);
            level := greatest(level - 1, 0);
        END IF;
    END LOOP;

    RETURN concat('{"conversations":[', (
                      SELECT string_agg(concat(left(r.row, -1), ',"found":', r.place, '}'), ',' ORDER BY r.ord)
                        FROM unnest(tavus.conversations_full(all_rows[:wanted]), places[:wanted]) WITH ORDINALITY
                             AS r (row, place, ord)),
                  '],"next_cursor":', coalesce(to_json(next_)::text, 'null'),
                  ',"searched_to":"' || searched || '"', '}');
END
$$;
