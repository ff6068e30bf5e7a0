-- What a conversation's transcript shows: what people said, and apart from it all other rows.
\ir setup.sql
SELECT plan(21);

-- said and other rows of a transcript, of a conversation that began at 2026-01-01
CREATE FUNCTION pg_temp.read(rows text, OUT said jsonb, OUT other jsonb) LANGUAGE sql AS $$
    SELECT t.said::jsonb, t.other::jsonb
      FROM tavus.transcript(convert_to('{"properties":{"transcript":' || rows || '}}', 'UTF8'),
                            '2026-01-01 00:00:00+00') t
$$;

CREATE FUNCTION pg_temp.said(rows text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r ->> 'n', r ->> 'role', r ->> 'content'), '|' ORDER BY o)
      FROM jsonb_array_elements((pg_temp.read(rows)).said) WITH ORDINALITY AS x (r, o)
$$;

CREATE FUNCTION pg_temp.moment(line text) RETURNS text LANGUAGE sql AS $$
    SELECT (pg_temp.read('[' || line || ']')).said -> 0 ->> 'at'
$$;

CREATE TEMP TABLE whole AS SELECT * FROM pg_temp.read('[
    {"role":"system","content":"You are discreet."},
    {"role":"assistant","content":"Hello!","timestamp":1767225601.5,"inference_id":"i1"},
    {"role":"user","content":"Hi.","timestamp":"2026-01-01T00:00:03Z","duration":0.75},
    {"role":"assistant","content":"","tool_calls":[{"id":"t1"}]},
    {"role":"tool","content":"{\"ok\":true}","tool_call_id":"t1"},
    {"role":"system","content":"Information from documents"},
    {"role":"assistant","content":"Done.","tool_calls":[{"id":"t2"}]},
    {"role":"assistant","content":"Bye.","tool_calls":[]}]');
SELECT is((SELECT said FROM whole), '[
    {"n":1,"at":"2026-01-01T00:00:01.500Z","role":"assistant","content":"Hello!",
     "timestamp":1767225601.5,"inference_id":"i1"},
    {"n":2,"at":"2026-01-01T00:00:03.000Z","role":"user","content":"Hi.",
     "timestamp":"2026-01-01T00:00:03Z","duration":0.75},
    {"n":6,"role":"assistant","content":"Done."},
    {"n":7,"role":"assistant","content":"Bye."}]', 'what people said');
SELECT is((SELECT other FROM whole), '[
    {"n":0,"role":"system","content":"You are discreet."},
    {"n":3,"role":"assistant","content":"","tool_calls":[{"id":"t1"}]},
    {"n":4,"role":"tool","content":"{\"ok\":true}","tool_call_id":"t1"},
    {"n":5,"role":"system","content":"Information from documents"},
    {"n":6,"role":"assistant","tool_calls":[{"id":"t2"}]}]', 'and all else');

SELECT is(pg_temp.said('[{"role":"replica","content":"a"},{"role":"pal","content":"b"},
                         {"role":"User","content":"c"},{"role":"ASSISTANT","content":"d"},
                         {"role":"developer","content":"e"},{"role":"function","content":"f"},
                         {"role":null,"content":"g"},{"role":7,"content":"h"},{"content":"i"}]'),
          '0 assistant a|1 assistant b|2 user c|3 assistant d', 'whatever the roles are called');
SELECT is((pg_temp.read('[{"role":"pal","content":null},{"role":"user"},{"content":"i"}]')).other,
          '[{"n":0,"role":"pal","content":null},{"n":1,"role":"user"},{"n":2,"content":"i"}]',
          'what nobody said is kept as it came');
SELECT is(pg_temp.said('[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"},
                            "b",null,7,[],{"text":""},{"text":9}]},
                         {"role":"user","content":{"text":"c"}},
                         {"role":"user","content":{"content":"d","text":null}},
                         {"role":"user","content":12.50},{"role":"user","content":true},
                         {"role":"user","content":{}},{"role":"user","content":[]},
                         {"role":"user","content":[null]},{"role":"user","content":{"text":[]}},
                         {"role":"user","content":" \n\t"}]'),
          '0 user a b|1 user c|2 user d|3 user 12.50|4 user true', 'content of any kind');
SELECT is(pg_temp.said('[1,null,"x",[],{"role":"user","content":"y"}]'), '4 user y',
          'what is no row');
SELECT is((pg_temp.read('[1]'))::text, '([],[])', 'nobody said anything');
SELECT is((pg_temp.read('[]'))::text, '([],[])', 'an empty one');
SELECT is((pg_temp.read(v))::text, '(,)', 'no list: ' || v)
  FROM unnest('{null,"{\"a\":1}","\"[]\"",7}'::text[]) v;
SELECT is((tavus.transcript(v::bytea, now()))::text, '(,)', 'no transcript')
  FROM unnest('{"no JSON","[]","{\"properties\":[]}"}'::text[]) v;

SELECT is(jsonb_array_length((pg_temp.read('[' || repeat('{"role":"user","content":"x"},', 10001)
                                           || '7]')).said), 10000, 'there is an end to it');

-- times
SELECT is((SELECT array_agg(DISTINCT pg_temp.moment('{"role":"user","content":"x","timestamp":' || v
                                                || '}'))
             FROM unnest('{1767225602.25,1767225602250,1767225602250000,1.76722560225e9,
                           "\"1767225602.25\"","\"2026-01-01T00:00:02.25Z\"",
                           "\"2026-01-01 00:00:02.250\"","\"2026-01-01T01:00:02,25+01:00\""}'
                         ::text[]) v), '{2026-01-01T00:00:02.250Z}', 'in any form');
SELECT is((SELECT array_agg(pg_temp.moment('{"role":"user","content":"x"' || v || '}'))
             FROM unnest(ARRAY['', ',"timestamp":null', ',"timestamp":"soon"', ',"timestamp":{}',
                               ',"timestamp":-1', ',"seconds_from_start":-1',
                               ',"seconds_from_start":"x"', ',"seconds_from_start":1e99']) v),
          array_fill(NULL::text, ARRAY[8]), 'none');
SELECT is((SELECT array_agg(pg_temp.moment('{"role":"user","content":"x","seconds_from_start":' || v
                                       || '}'))
             FROM unnest('{2.25,"\"2.25\"",0}'::text[]) v),
          '{2026-01-01T00:00:02.250Z,2026-01-01T00:00:02.250Z,2026-01-01T00:00:00.000Z}',
          'seconds from the start of the conversation');
SELECT is((SELECT array_agg(r ->> 'at' ORDER BY o) FROM jsonb_array_elements((pg_temp.read('[
              {"role":"user","content":"a","seconds_from_start":1},
              {"role":"tool","timestamp":1767225700,"seconds_from_start":5},
              {"role":"user","content":"b","timestamp":1767225800,"seconds_from_start":9}]')).said)
              WITH ORDINALITY AS x (r, o)),
          '{2026-01-01T00:01:36.000Z,2026-01-01T00:03:20.000Z}', 'or as a row with both has it');
SELECT is((tavus.transcript('{"properties":{"transcript":[{"role":"user","content":"x",
              "seconds_from_start":1}]}}', NULL)).said::jsonb -> 0,
          '{"n":0,"role":"user","content":"x","seconds_from_start":1}', 'a start that nobody knows');
SELECT * FROM finish();
ROLLBACK;
