-- Pages of an export: all that was there when it began, each once, whatever comes meanwhile.
\ir setup.sql
SELECT plan(29);

SELECT is(tavus.csv_cell(v), w, format('a cell: %s', v))
  FROM (VALUES ('plain', 'plain'), ('a "b"', 'a ""b""'), ('=1', '''=1'), ('+1', '''+1'), ('-1', '''-1'),
               ('@x', '''@x'), (E'\t=1', E'''\t=1'), (E'\r', E'''\r'), ('  =1', '''  =1'),
               ('＝1', '''＝1'), ('a=b', 'a=b'), (' x', ' x'), ('v-click', 'v-click'),
               (E'\x0b=1', E'''\x0b=1')) AS c (v, w);

CREATE TEMP TABLE had (n bigint, id uuid, until bigint, size int);
-- follows the pages to the end; what comes meanwhile is stored after the first one
CREATE FUNCTION pg_temp.walk(format text, meanwhile jsonb DEFAULT NULL, q text DEFAULT NULL)
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    e    record;
    c    uuid;
    u    bigint;
    rows text[] := '{}';
BEGIN
    DELETE FROM had;
    FOR i IN 1 .. 1000 LOOP
        SELECT x.* INTO e FROM tavus.admin_export(NULL, NULL, NULL, NULL, q, NULL, NULL, format, c, u) x;
        INSERT INTO had VALUES (e.n, e.next_, e.bound, octet_length(e.page));
        IF e.n > 0 THEN
            rows := rows || regexp_split_to_array(e.page, CASE format WHEN 'csv' THEN E'"\r\n' ELSE E'\n' END);
        END IF;
        EXIT WHEN e.next_ IS NULL;
        c := e.next_;
        u := e.bound;
        IF i = 1 AND meanwhile IS NOT NULL THEN
            PERFORM pg_temp.rec(meanwhile);
        END IF;
    END LOOP;
    RETURN rows;
END
$$;
CREATE FUNCTION pg_temp.ids(rows text[]) RETURNS uuid[] LANGUAGE sql AS $$
    SELECT array_agg(substring(r FROM '[0-9a-f]{8}-[0-9a-f-]{27}')::uuid ORDER BY o)
      FROM unnest(rows) WITH ORDINALITY AS u (r, o)
$$;

SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', n, 't', 'some.type', 'b',
    format(E'{"n":%s,\n "t":"%s"}', n, CASE WHEN n = 7 THEN 'needle' END))) FROM generate_series(1, 2500) n)),
    repeat('s', 2500), 'there is something');
CREATE TEMP TABLE all_of AS SELECT array_agg(id ORDER BY id DESC) AS ids FROM tavus.events;

SELECT is(pg_temp.ids(pg_temp.walk('ndjson')), ids, 'all of it, newest first') FROM all_of;
SELECT is(count(*), 3::bigint, 'in pages of a thousand') FROM had;
SELECT is(count(DISTINCT until), 1::bigint, 'of one bound') FROM had;
SELECT is(pg_temp.ids(pg_temp.walk('csv')), ids, 'as CSV') FROM all_of;
SELECT is((SELECT bool_and((r::jsonb ->> 'event_type') = 'some.type') FROM unnest(pg_temp.walk('ndjson')) r), true,
          'a line is JSON, though its body has several');

SELECT is(pg_temp.ids(pg_temp.walk('ndjson', (SELECT jsonb_agg(jsonb_build_object('i', n, 't', 'late'))
                                                FROM unnest('{0.5,3.5,2499.5,2600}'::numeric[]) n))),
          ids, 'what is stored meanwhile is not in it, nor is anything lost') FROM all_of;
SELECT is(cardinality(pg_temp.walk('ndjson')), 2504, 'but in the next one');
SELECT is(pg_temp.ids(pg_temp.walk('csv', NULL, 'needle')), ARRAY[pg_temp.id(7)], 'one that is looked for');
SELECT is(pg_temp.walk('csv', NULL, 'nothing like it'), '{}', 'none');

SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 3000 + n, 't', 'large', 'b',
    format('{"t":"%s"}', repeat('x', CASE n WHEN 5 THEN 1100000 ELSE 200000 END)))) FROM generate_series(1, 10) n)),
    repeat('s', 10), 'large ones');
SELECT is(cardinality(pg_temp.walk('ndjson')), 2514, 'large ones: all');
SELECT cmp_ok(max(size), '<', 524288 + 1048576 + 65536, 'and no page is') FROM had;

SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 4000 + n, 't', CASE WHEN n <= 20 THEN 'far.off' ELSE 'other' END, 'b',
    format('{"t":"%s"}', repeat('x', CASE WHEN n <= 20 THEN 200000 ELSE 1 END)))) FROM generate_series(1, 1520) n)),
    repeat('s', 1520), 'large ones that a first step does not find');
SELECT is(cardinality(p.made), 3, 'are bounded as if it did') FROM tavus.events_page(
    NULL, 'far.off', NULL, NULL, NULL, NULL, NULL, NULL, 1000, interval '1 min', 'ndjson', 1048576, 524288, NULL) p;

SELECT * FROM finish();
ROLLBACK;
