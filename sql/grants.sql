-- Who may call what: everything is taken away first, so that running this again also narrows.

REVOKE ALL ON SCHEMA tavus FROM PUBLIC;
GRANT USAGE ON SCHEMA tavus TO tavus_app, tavus_admin;

REVOKE ALL ON ALL TABLES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL ROUTINES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;

GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.record(uuid[], timestamptz[], bytea[], smallint[], text[], text[], text[], bytea[],
                 text[], bytea[], text[]),
    tavus.record_wishes(uuid[], timestamptz[], bytea[], smallint[], text[], text[], text[], bytea[],
                        text[], bytea[], text[], jsonb, int[], int[], bytea[], bytea[], uuid[]),
    tavus.line_look(jsonb, uuid[]),
    tavus.budget_state(jsonb),
    tavus.maintain(interval),
    tavus.make_months(),
    tavus.drop_months(interval),
    tavus.rotate_digests(),
    tavus.trim(text, interval, int, text),
    tavus.heartbeat(text, int, bigint),
    tavus.heartbeat(text, int, bigint, jsonb),
    tavus.alerts_look(interval),
    tavus.log_state(),
    tavus.health_look(),
    tavus.claim_unsettled(text, bigint, int),
    tavus.claim_repairs(int, int, text[], text[], text[], int),
    tavus.deliver_claim(text, text, boolean, text[], text[], text[], int, int, bigint, int, bigint[]),
    tavus.mail_claim(text, text, boolean, text[], text[], text[], int, int, bigint, int, bigint[], text[],
                     interval),
    tavus.deliver_settle(text, bigint, int, uuid[], bigint[], boolean[], int[], text[], bigint,
                         bigint, text, text, uuid),
    tavus.deliver_retry(bigint, text, text),
    tavus.order_intent(uuid, boolean, text, text, jsonb, bigint, text, text, text, text, text, text, text,
                       text, text, int),
    tavus.order_answer(uuid, text, timestamptz, boolean, text),
    tavus.orders_look(boolean, uuid, text, bigint, text, int),
    tavus.stripe_repair(boolean, bigint, text, text, int),
    tavus.orders_roll(int, boolean),
    tavus.leads_roll(int),
    tavus.words_roll(int),
    tavus.lead_handled(uuid, boolean, text),
    tavus.traces_roll(int),
    tavus.stats_roll(int),
    tavus.erase_visitor(text, jsonb, text),
    tavus.erase_conversation(text, jsonb),
    tavus.erase_step(uuid),
    tavus.end_asked(text, jsonb),
    tavus.tail_tell(text, bigint, int),
    tavus.quarantine_release(bigint, text, text, text),
    tavus.quarantine_delete(bigint),
    tavus.trail_changed(text, jsonb)
TO tavus_app;

GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.admin_events(text, text, text, text, text, timestamptz, timestamptz, int, uuid),
    tavus.admin_export(text, text, text, text, text, timestamptz, timestamptz, text, uuid, bigint, int),
    tavus.admin_event(uuid),
    tavus.admin_quarantine(int, bigint),
    tavus.admin_quarantined(bigint),
    tavus.proof(uuid, bigint),
    tavus.admin_conversations(text, text, timestamptz, timestamptz, int, text),
    tavus.admin_talks(text, text, text, timestamptz, timestamptz, int, text),
    tavus.admin_conversation(text),
    tavus.admin_conversation(text, text, uuid, uuid, int, int),
    tavus.admin_deliveries(text, text, int, bigint),
    tavus.admin_orders(text, text, boolean, timestamptz, timestamptz, int, uuid, text),
    tavus.admin_subscriptions(text, boolean, timestamptz, timestamptz, int, uuid, text),
    tavus.admin_leads(boolean, text, timestamptz, timestamptz, int, uuid, text),
    tavus.admin_alerts(text, int, bigint),
    tavus.admin_stats(timestamptz, timestamptz, text, text),
    tavus.line_ticket(uuid),
    tavus.budget_state(jsonb),
    tavus.admin_visitor(text, text, int, uuid),
    tavus.erasure(uuid),
    tavus.order_by_session(text),
    tavus.tail_page(text, text, bigint, int, int, int, boolean, text[], text[], text[]),
    tavus.health(),
    tavus.admin_nodes(),
    tavus.pieces(text)
TO tavus_admin;
