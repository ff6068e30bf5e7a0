-- Who may do what.
\ir setup.sql
SELECT plan(22);

SELECT is((SELECT array_agg(DISTINCT pg_get_userbyid(x.owner)::text) FROM (
    SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'tavus'::regnamespace
    UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'tavus'::regnamespace
    UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'tavus') x), '{tavus_owner}',
    'everything belongs to tavus_owner');
SELECT is((SELECT array_agg(rolname || rolcanlogin || rolinherit || rolsuper ORDER BY rolname)::text
             FROM pg_roles WHERE rolname ~ '^tavus_(app|owner|admin)$'),
          '{tavus_adminfalsetruefalse,tavus_apptruefalsefalse,tavus_ownerfalsetruefalse}', 'roles');
SELECT is((SELECT count(*) FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(
              CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a
            WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v')
              AND a.grantee <> c.relowner), 0::bigint, 'nobody else has a table or a sequence');
SELECT is((SELECT array_agg(p.proname::text) FROM pg_proc p,
              aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            WHERE p.pronamespace = 'tavus'::regnamespace AND a.grantee = 0), NULL,
          'PUBLIC may execute nothing');
SELECT is((SELECT array_agg(p.proname::text ORDER BY p.proname) FROM pg_proc p, aclexplode(p.proacl) a
            WHERE p.pronamespace = 'tavus'::regnamespace AND a.grantee = 'tavus_app'::regrole),
          '{alerts_look,budget_state,claim_repairs,claim_unsettled,deliver_claim,deliver_retry,deliver_settle,'
              'drop_months,end_asked,erase_conversation,erase_step,erase_visitor,health_look,heartbeat,heartbeat,lead_handled,leads_roll,line_look,log_state,mail_claim,'
              'maintain,make_months,order_answer,order_intent,orders_look,orders_roll,quarantine_delete,'
              'quarantine_release,record,record_wishes,'
              'rotate_digests,schema_version,stats_roll,stripe_repair,tail_tell,traces_roll,trail_changed,trim,words_roll}',
          'tavus_app: intake, upkeep, alerts, deliveries, orders, leads, budget, line and erasures only');
SELECT is((SELECT array_agg(p.proname::text ORDER BY p.proname) FROM pg_proc p,
    aclexplode(p.proacl) a
            WHERE p.pronamespace = 'tavus'::regnamespace AND a.grantee = 'tavus_admin'::regrole),
          '{admin_alerts,admin_conversation,admin_conversation,admin_conversations,admin_deliveries,admin_event,admin_events,admin_export,'
              'admin_leads,admin_nodes,admin_orders,admin_quarantine,admin_quarantined,admin_stats,admin_subscriptions,admin_talks,admin_visitor,budget_state,erasure,health,'
              'line_ticket,'
              'order_by_session,pieces,proof,schema_version,tail_page}',
          'tavus_admin: the admin API, and who waits');
SELECT is((SELECT array_agg(p.proname::text) FROM pg_proc p, aclexplode(p.proacl) a
            WHERE p.pronamespace = 'tavus'::regnamespace AND a.grantee <> p.proowner
              AND NOT (p.prosecdef AND p.proconfig::text ~
                  'search_path=pg_catalog, tavus, pg_temp')),
          NULL, 'what they may call is SECURITY DEFINER with a pinned search_path');
SELECT is((SELECT has_schema_privilege('tavus_app', 'tavus', 'CREATE')
               OR has_schema_privilege('tavus_admin', 'tavus', 'CREATE')
               OR has_schema_privilege('public', 'tavus', 'USAGE')), false, 'the schema is closed');

CREATE FUNCTION pg_temp.try(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE command;
    RESET ROLE;
    RETURN 'ok';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'refused';
END
$$;
CREATE FUNCTION pg_temp.record_sql() RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT tavus.record(%L, %L, ''{NULL}'', ''{0}'', ''{tavus}'', ''{a.b}'','
        ' ''{priv}'', '
                  '''{NULL}'', ''{NULL}'', ''{\\x7b7d}'', ''{NULL}'')', ARRAY[pg_temp.id(1)],
                      ARRAY[now()])
$$;
SELECT is(pg_temp.try('tavus_app', pg_temp.record_sql()), 'ok', 'tavus_app records');
SELECT is((SELECT count(*) FROM tavus.events WHERE conversation_id = 'priv'), 1::bigint, 'it did');
SELECT is((SELECT array_agg(DISTINCT pg_temp.try('tavus_app', 'SELECT tavus.' || f))::text
             FROM unnest('{make_months(),drop_months(),rotate_digests(),"trim(''intents'', ''60 d'', 1)"}'
                         ::text[]) f), '{ok}', 'tavus_app maintains');
SELECT is(pg_temp.try('tavus_app', 'SELECT tavus.schema_version()'), 'ok',
    'tavus_app asks the version');
SELECT is(pg_temp.try('tavus_app', 'TABLE tavus.events'), 'refused', 'tavus_app reads no table');
SELECT is(pg_temp.try('tavus_app', 'SELECT tavus.admin_events()'), 'refused',
          'tavus_app does not inherit the admin functions');
SELECT is(pg_has_role('tavus_app', 'tavus_admin', 'MEMBER')
          AND NOT pg_has_role('tavus_app', 'tavus_admin', 'USAGE'), true,
          'but may become tavus_admin');
SELECT is(pg_temp.try('tavus_admin', 'SELECT tavus.admin_events()'), 'ok', 'who has them');
SELECT is(pg_temp.try('tavus_admin', pg_temp.record_sql()), 'refused',
    'tavus_admin records nothing');
SELECT is(pg_temp.try('tavus_admin', 'TABLE tavus.conversations'), 'refused', 'and reads no table');
SELECT is((SELECT array_agg(DISTINCT pg_temp.try('tavus_app', 'SELECT tavus.' || f))::text
             FROM unnest('{alerts_look(),"orders_roll(1, true)",leads_roll(1),stats_roll(1),words_roll(1),'
                         '"orders_look(true, NULL, NULL, NULL, NULL, 0)","stripe_repair(true, 0, NULL, NULL, 0)",'
                         '"lead_handled(gen_random_uuid(), true, ''x'')"}'::text[]) f), '{ok}',
          'tavus_app makes alerts, orders and leads');
SELECT is((SELECT array_agg(DISTINCT pg_temp.try('tavus_admin', 'SELECT tavus.' || f))::text
             FROM unnest('{admin_orders(),admin_subscriptions(),admin_leads(),admin_alerts(),'
                         'order_by_session(''x'')}'::text[]) f), '{ok}',
          'which tavus_admin sees');
SELECT is(pg_temp.try('tavus_admin', 'SELECT tavus.lead_handled(gen_random_uuid(), true, ''x'')'), 'refused',
          'and changes none of');
SELECT is(pg_temp.try('tavus_app', 'CREATE TABLE tavus.x ()'), 'refused', 'nobody adds a table');
SELECT * FROM finish();
ROLLBACK;
