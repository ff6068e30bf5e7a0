-- What an event means by its names stands in sql/parts.sql alone, and costs no call.
\ir setup.sql
SELECT plan(6);

-- a kind of mails has the name of one
SELECT is_empty($$
    SELECT p.proname FROM pg_proc p
     WHERE p.pronamespace = 'tavus'::regnamespace
       AND p.proname NOT IN ('part', 'said', 'cut_short_type', 'counted', 'mail_conversation')
       AND concat(p.prosrc, pg_get_function_sqlbody(p.oid))
           ~ '[''"](conversation|system|application)\.[a-z]'
$$, 'no other function names a type of event');

SELECT is_empty($$
    SELECT p.proname FROM pg_proc p
     WHERE p.pronamespace = 'tavus'::regnamespace AND p.proname <> 'ours'
       AND concat(p.prosrc, pg_get_function_sqlbody(p.oid))
           ~ '''tavus''(::text)?, ''server'''
$$, 'nor whose word counts');

SELECT matches(pg_get_function_sqlbody('tavus.part'::regproc), '"system\.shutdown"',
               'where they are looked for, they are found');

CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text
LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE) ' || query; END $$;

SELECT is_empty($$
    SELECT l FROM pg_temp.plan(
        'SELECT tavus.part(''conversations'', u.a, u.b), tavus.ours(u.a),
                tavus.too_long(u.a, u.b, u.c)
           FROM unnest(''{tavus}''::text[], ''{x}''::text[], ''{y}''::text[]) u (a, b, c)') l
     WHERE l ~ 'part\(|ours\(|too_long\('
$$, 'a query takes them in');

SELECT is_empty($$
    SELECT l FROM pg_temp.plan(
        'SELECT tavus.part(''conversations'', u.a, u.a) FROM unnest(''{tavus}''::text[]) u (a)') l
     WHERE l ~ 'not_found'
$$, 'without the other projection');

SELECT is(tavus.part('conversations', s.source, t.type), NULL, 'browsers play no part')
  FROM (VALUES ('browser')) s (source), (VALUES ('conversation.ended')) t (type);

SELECT * FROM finish();
ROLLBACK;
