-- Every column of the schema has been thought of: either it can tell of a person, and an erasure empties it
-- (t/erase_words.t looks for what was said in each), or it cannot, for the reason that stands here.  A new
-- column fails this until it is in one of the lists.
\ir setup.sql
COMMIT;
SELECT no_plan();

CREATE TEMP TABLE decided (relation text, names text[], why text);

-- ---- what an erasure deletes or empties
INSERT INTO decided VALUES
    ('events', '{conversation_id,verification,body}', 'erased'),
    ('quarantine', '{conversation_id,verification,body,event_type,source,nonce}', 'erased'),
    ('intents', '{document_tags,memory_stores,session_id,utm_source,utm_medium,utm_campaign,request_id,consent,'
                'user_id}', 'erased'),
    ('conversations', '{url,document_tags,memory_stores,session_id,utm_source,utm_medium,utm_campaign,consent,'
                      'user_id,shutdown_reason,closed_reason,transcript_id,recording_id,perception_id,'
                      'told_persona,told_replica,repair_at}', 'erased'),
    ('consents', '{subject,granted,decided_id}', 'erased'),
    ('leads', '{id,name,email,message,phone,company,conversation_id,session_id,user_id,utm_source,utm_medium,'
              'utm_campaign,consent,handled,handled_id,handled_by}', 'erased'),
    ('orders', '{email,told_email,conversation_id,session_id,user_id,utm_source,utm_medium,utm_campaign,consent}',
     'erased'),
    ('stripe_objects', '{doc}', 'erased'),
    ('deliveries', '{event_id,reason,status}', 'erased'),
    ('destinations', '{said,said_at}', 'erased'),
    ('mails', '{subject,event_id}', 'erased, but for ids of orders, refunds and disputes, which the books have'),
    ('traces', '{subject,ids,calls}', 'erased'),
    ('talks', '{conversation_id,created_id,transcript_id,perception_id,first_question,said,words}', 'erased'),
    ('words', '{id,word,n,grams}', 'erased, where nobody else has said it'),
    ('places', '{address,visitor}', 'erased'),
    ('line', '{address,visitor}', 'erased'),
    ('stats_seen', '{id,at,vertical,utm,first_id,counts}', 'erased, but for ids of what the books have'),
    ('erasures', '{keys,asked}', 'erased');

-- ---- what tells of nobody
INSERT INTO decided VALUES
    ('events', '{id,received_at,kind,source,event_type}', 'names and times of events'),
    ('quarantine', '{digest,seq,id,received_at,reason}', 'names and times of events'),
    ('digests', '{digest,id,seen_at}', 'digests of what events are, for redeliveries'),
    ('digests_before', '{digest,id,seen_at}', 'the same'),
    ('digests_round', '{begun_at}', 'a time of this database'),
    ('elsewhere', '{id,stored}', 'ids of events'),
    ('intents', '{nonce,conversation_id,requested_id,failed_id,seen_at,announced,closed,unended,patience,due_at,'
                'tries}', 'random, ids and times; Tavus deletes what it had under them'),
    ('intents', '{vertical,persona_id,replica_id,outcome,reason,http_status,node}', 'the configuration''s, or ours'),
    ('conversations', '{id,first_id,nonce,announced_id,announced_ended,started_id,shutdown_id,closed_id,created_id,'
                      'ended,erased,repair_tries,repair_answers}', 'ids and times; by them the books count'),
    ('conversations', '{vertical,persona_id,replica_id}', 'the configuration''s'),
    ('orders', '{id,ours,livemode,asked_at,plan,mode,lines,amount,currency,expires_at,outcome,reason,due_at,tries,'
               'told_state,told_at,paid_at,total,total_currency,failure,refunded,disputes,state}',
     'the books'),
    ('orders', '{answered_session,told_session,stripe_session,payment_intent,customer,subscription}',
     'the books: what Stripe calls it'),
    ('subscriptions', '{id,subscription,ours,livemode,order_id,status,customer,items,trial_end,period_end,ends_at,'
                      'canceled_at,ended_at,paused,invoices,renewals,paid,paid_at,failing,refunded,disputes,told_at}',
     'the books'),
    ('stripe_objects', '{id,tree,kind,livemode,settled,said_at,rank,weight,event_id}', 'the books'),
    ('stripe_repairs', '{livemode,due_at,token,since,began,after,whole,server,done_at,failures,orders_at}',
     'where a list of events is read'),
    ('deliveries', '{id,destination,dead,tries,due_at,lease_until,token,made_at,changed_at,digest}', 'times and counts'),
    ('destinations', '{name,kind,made_at,seen_at,paused_until,stopped,failures,delivered,digest_at}',
     'the configuration''s'),
    ('flights', '{destination,from_pos,from_ord,to_pos,to_ord,token,due_at,tries,missed}', 'places of the log'),
    ('mails', '{destination,made_at}', 'the configuration''s'),
    ('traces', '{id}', 'a number'),
    ('log', '{pos,at,ids,sorts}', 'ids of events'),
    ('log_epochs', '{epoch,id,begun_at,started,database,filenode,told}', 'of this database'),
    ('log_past', '{one,months,whole}', 'of this database'),
    ('cursors', '{name,pos,ord,made_at,moved_at,missed}', 'places of the log'),
    ('nodes', '{name,id,beat_at,files,bytes,clash_at,state}', 'of nodes'),
    ('repair_pace', '{one,next_at,paused_until}', 'times'),
    ('alert_kinds', '{kind,threshold,calm,again,muted}', 'the owner''s'),
    ('alerts', '{id,kind,subject,raised_at,seen_at,said_at,cleared_at,times,text,data}',
     'sentences of ours, with no word of outsiders'),
    ('alert_looks', '{one,looked_at,every}', 'times'),
    ('migrations', '{version,applied_at}', 'of this database'),
    ('erasure_salt', '{one,salt}', 'random'),
    ('tombstones', '{hash,erasure,at}', 'hashes with a salt: what keeps it erased'),
    ('erasures', '{id,what,asked_at,done_at,state,pos,seen,counts}', 'the receipt'),
    ('places', '{nonce,granted_at,until,day,seconds,ticket,pos}', 'times and counts'),
    ('line', '{ticket,pos,made_at,asked_at,gone,nonce,granted_at}', 'times and counts'),
    ('budget_visitors', '{day,who,calls}', 'keyed hashes whose key this database has not, for two days at most'),
    ('retention', '{kind,keep,ran_at,done_at,whole_at,whole,unread,place,upto,removed}',
     'the configuration''s, times, and ids of events'),
    ('budget_days', '{day,calls,seconds}', 'counts'),
    ('stats', '{dim,grain,at,key,events,failures,visits,conversations,joined,ended,seconds,led,bought,leads,orders,'
              'renewals}', 'sums; a UTM source that is of nobody else goes'),
    ('stats_money', '{dim,grain,at,key,currency,revenue,refunded}', 'the same'),
    ('stats_seen', '{what}', 'letters'),
    ('stats_due', '{what,id}', 'ids, until they are counted'),
    ('stats_names', '{dim,name,seen_on}', 'names of campaigns and verticals'),
    ('budget', '{one,said,said_at,begun_at,full_at,short_since,short_at,looked_at,spare_until,length,length_at,most,most_at,tried}',
     'the configuration''s, and times');

CREATE TEMP VIEW columns_ AS
    SELECT c.relname::text AS relation, a.attname::text AS name
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped;

SELECT is((SELECT array_agg(c.relation || '.' || c.name ORDER BY 1) FROM columns_ c
            WHERE NOT EXISTS (SELECT FROM decided d WHERE d.relation = c.relation AND c.name = ANY (d.names))),
          NULL, 'of each column it is said whether it tells of a person (t/sql/erase_columns.sql, sql/erase.sql)');
SELECT is((SELECT array_agg(d.relation || '.' || n.name ORDER BY 1)
             FROM decided d, unnest(d.names) AS n (name)
            WHERE NOT EXISTS (SELECT FROM columns_ c WHERE c.relation = d.relation AND c.name = n.name)),
          NULL, 'and of none that is not there');
SELECT is((SELECT array_agg(x.what ORDER BY 1)
             FROM (SELECT d.relation || '.' || n.name AS what FROM decided d, unnest(d.names) AS n (name)
                    GROUP BY 1 HAVING count(*) > 1) x), NULL, 'once each');
SELECT * FROM finish();
