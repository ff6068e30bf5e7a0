-- A nonce belongs to the first conversation that is seen with it.
\ir setup.sql
SELECT plan(19);

SELECT is(pg_temp.rec('[{"i":1,"t":"x.y","c":"n1","n":"01"}]'), 's', 'a nonce without intent');
SELECT is((SELECT conversation_id FROM tavus.intents WHERE nonce = '\x01'), 'n1', 'binds');
SELECT is((SELECT nonce FROM tavus.conversations WHERE id = 'n1'), '\x01', 'on both sides');
SELECT is(pg_temp.rec('[{"i":2,"t":"x.y","c":"n2","n":"01"}]'), 'b', 'another conversation');
SELECT is((SELECT count(*) FROM tavus.events WHERE conversation_id = 'n2'), 0::bigint,
          'is not stored');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE id = 'n2'), 0::bigint, 'nor made');
SELECT is(pg_temp.rec('[{"i":3,"t":"x.y","c":"n1","n":"01"},{"i":4,"t":"x.y","c":"n2","n":"01"},
                        {"i":5,"t":"x.y","n":"01"},
                        {"i":6,"t":"x.y","c":"n3","n":"01","s":"browser"},
                        {"i":7,"t":"x.y","c":"n2","n":"01","r":"why"}]'), 'sbssq',
          'in a batch: only that row; without a conversation, from a browser, or to be '
          'quarantined it does not matter');
SELECT is(pg_temp.rec('[{"i":12,"t":"x.y","c":"m2","n":"02"},{"i":11,"t":"x.y","c":"m1","n":"02"},
                        {"i":13,"t":"x.y","c":"m1","n":"03"}]'), 'bss',
          'in one batch the lowest id binds; a conversation may have two nonces');
SELECT is(pg_temp.rec('[{"i":14,"t":"x.y","c":"m1","n":"03"},{"i":15,"t":"x.y","c":"m9",'
    '"n":"03"}]'),
          'sb', 'and both hold');
SELECT is((SELECT nonce FROM tavus.conversations WHERE id = 'm1'), '\x02',
          'the lower of two stands in the conversation');

-- the intent that comes later fills what the binding made
SELECT is(pg_temp.rec('[{"i":0,"t":"conversation.requested","s":"server","k":2,"n":"01","b":
    "{\"nonce\":\"01\",\"vertical\":\"legal\",\"persona_id\":\"p1\",\"document_tags\":[\"a\",1,'
    '\"b\"],\"request_id\":\"q\"}"}]'),
          's', 'an intent after its binding');
SELECT is((SELECT row(conversation_id, vertical, persona_id, document_tags, request_id)::text
             FROM tavus.intents WHERE nonce = '\x01'), '(n1,legal,p1,"{a,b}",q)', 'merges');
SELECT is(tavus.admin_conversation('n1')::jsonb ->> 'vertical', 'legal',
          'and speaks for the conversation until conversation.created comes');

SELECT is(pg_temp.rec('[{"i":20,"t":"conversation.requested","s":"server","n":"05",'
    '"b":"{\"vertical\":\"v\"}"}]')
          || pg_temp.rec('[{"i":22,"t":"conversation.create_failed","k":1,"s":"server","n":"05",
              "b":"{\"reason\":\"time-out\",\"outcome\":\"unknown\",\"http_status\":504}"}]')
          || pg_temp.rec('[{"i":21,"t":"conversation.create_failed","k":1,"s":"server","n":"05",
              "b":"{\"reason\":\"older\",\"outcome\":\"failed\",\"http_status\":\"x\"}"}]'),
          'sss', 'failures');
SELECT is((SELECT row(vertical, conversation_id, outcome, reason, http_status)::text
             FROM tavus.intents WHERE nonce = '\x05'), '(v,,unknown,time-out,504)',
          'the latest by event id counts');
SELECT is(pg_temp.rec('[{"i":23,"t":"x.y","c":"late","n":"05"}]'), 's',
          'an unknown outcome can still bind');
SELECT is((SELECT conversation_id FROM tavus.intents WHERE nonce = '\x05'), 'late', 'it did');
SELECT is(pg_temp.rec('[{"i":24,"t":"conversation.requested","s":"tavus","n":"06",'
    '"b":"{\"vertical\":\"v\"}"}]'), 's',
          'a request that comes from Tavus');
SELECT is((SELECT count(*) FROM tavus.intents WHERE requested_id IS NOT NULL AND nonce = '\x06'),
          0::bigint, 'is no intent');
SELECT * FROM finish();
ROLLBACK;
