
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_statements.h"


/* what a connection can remember; an array of -1 does not compile */

typedef char  ngx_tavus_statements_fit
    [NGX_TAVUS_STATEMENTS <= NGX_TAVUS_PG_MAX_STATEMENTS ? 1 : -1];


#define ngx_tavus_stmt(name)  ngx_tavus_stmt_##name, #name

const ngx_tavus_pg_stmt_t  ngx_tavus_statements[NGX_TAVUS_STATEMENTS] = {

    /* the columns of ngx_tavus_encode.c */

    [ngx_tavus_stmt_record] =
    { ngx_tavus_stmt(record),
      "SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      { NGX_TAVUS_OID_UUID_ARRAY,           /* ids */
        NGX_TAVUS_OID_TIMESTAMPTZ_ARRAY,    /* received */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* digests */
        NGX_TAVUS_OID_INT2_ARRAY,           /* kinds */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* sources */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* event types */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* conversation ids */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* nonces */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* verifications */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* bodies */
        NGX_TAVUS_OID_TEXT_ARRAY } },       /* reasons */

    /* the same, and those of ngx_tavus_wish.c */

    [ngx_tavus_stmt_record_wishes] =
    { ngx_tavus_stmt(record_wishes),
      "SELECT tavus.record_wishes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11, $12, $13, $14, $15, $16, $17)::text",
      { NGX_TAVUS_OID_UUID_ARRAY,           /* ids */
        NGX_TAVUS_OID_TIMESTAMPTZ_ARRAY,    /* received */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* digests */
        NGX_TAVUS_OID_INT2_ARRAY,           /* kinds */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* sources */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* event types */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* conversation ids */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* nonces */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* verifications */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* bodies */
        NGX_TAVUS_OID_TEXT_ARRAY,           /* reasons */
        NGX_TAVUS_OID_JSONB,                /* budget */
        NGX_TAVUS_OID_INT4_ARRAY,           /* seconds */
        NGX_TAVUS_OID_INT4_ARRAY,           /* stays */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* addresses */
        NGX_TAVUS_OID_BYTEA_ARRAY,          /* visitors */
        NGX_TAVUS_OID_UUID_ARRAY } },       /* tickets */

    /* upkeep, whose values are texts */

    [ngx_tavus_stmt_make_months] =
    { ngx_tavus_stmt(make_months),
      "SELECT tavus.make_months()",
      { 0 } },

    [ngx_tavus_stmt_drop_months] =
    { ngx_tavus_stmt(drop_months),
      "SELECT tavus.drop_months($1::interval)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_rotate_digests] =
    { ngx_tavus_stmt(rotate_digests),
      "SELECT tavus.rotate_digests()",
      { 0 } },

    [ngx_tavus_stmt_trim] =
    { ngx_tavus_stmt(trim),
      "SELECT tavus.trim($1, $2::interval, $3::int, $4)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_heartbeat] =
    { ngx_tavus_stmt(heartbeat),
      "SELECT tavus.heartbeat($1, $2::int, $3::bigint, $4::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_log_state] =
    { ngx_tavus_stmt(log_state),
      "SELECT tavus.log_state()",
      { 0 } },

    [ngx_tavus_stmt_alerts_look] =
    { ngx_tavus_stmt(alerts_look),
      "SELECT tavus.alerts_look()",
      { 0 } },

    [ngx_tavus_stmt_budget_state] =
    { ngx_tavus_stmt(budget_state),
      "SELECT tavus.budget_state($1::jsonb)::text",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_line_look] =
    { ngx_tavus_stmt(line_look),
      "SELECT tavus.line_look($1::jsonb, $2::uuid[])::text",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_line_ticket] =
    { ngx_tavus_stmt(line_ticket),
      "SELECT tavus.line_ticket($1::uuid)::text",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_leads_roll] =
    { ngx_tavus_stmt(leads_roll),
      "SELECT tavus.leads_roll($1::int)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_words_roll] =
    { ngx_tavus_stmt(words_roll),
      "SELECT tavus.words_roll($1::int)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_orders_roll] =
    { ngx_tavus_stmt(orders_roll),
      "SELECT tavus.orders_roll($1::int, $2::boolean)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_traces_roll] =
    { ngx_tavus_stmt(traces_roll),
      "SELECT tavus.traces_roll($1::int)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_stats_roll] =
    { ngx_tavus_stmt(stats_roll),
      "SELECT tavus.stats_roll($1::int)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_stripe_repair] =
    { ngx_tavus_stmt(stripe_repair),
      "SELECT tavus.stripe_repair($1::boolean, $2::bigint, $3, $4, $5::int)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_orders_look] =
    { ngx_tavus_stmt(orders_look),
      "SELECT tavus.orders_look($1::boolean, $2::uuid, $3, $4::bigint, $5, "
      "$6::int)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_claim] =
    { ngx_tavus_stmt(claim),
      "SELECT tavus.claim_unsettled($1, $2::bigint)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_claim_repairs] =
    { ngx_tavus_stmt(claim_repairs),
      "SELECT tavus.claim_repairs($1::int, $2::int, $3::text[], $4::text[], "
      "$5::text[], $6::int)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_deliver_claim] =
    { ngx_tavus_stmt(deliver_claim),
      "SELECT c.* FROM tavus.deliver_claim($1, $2, $3::boolean, $4::text[], "
      "$5::text[], $6::text[], $7::int, $8::int, $9::bigint, $10::int, "
      "$11::bigint[]) c",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_mail_claim] =
    { ngx_tavus_stmt(mail_claim),
      "SELECT c.* FROM tavus.mail_claim($1, $2, $3::boolean, $4::text[], "
      "$5::text[], $6::text[], $7::int, $8::int, $9::bigint, $10::int, "
      "$11::bigint[], $12::text[], $13::interval) c",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_deliver_settle] =
    { ngx_tavus_stmt(deliver_settle),
      "SELECT tavus.deliver_settle($1, $2::bigint, $3::int, $4::uuid[], "
      "$5::bigint[], $6::boolean[], $7::int[], $8::text[], $9::bigint, "
      "$10::bigint, $11, $12, $13::uuid)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT } },

    /* changes that an admin asks for: ngx_tavus_admin_change_make() gives
       the last of their values, the trail */

    [ngx_tavus_stmt_deliver_retry] =
    { ngx_tavus_stmt(deliver_retry),
      "SELECT tavus.trail_changed(tavus.deliver_retry($1::bigint, $2, $3), "
      "$4::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_lead_handled] =
    { ngx_tavus_stmt(lead_handled),
      "SELECT tavus.trail_changed(tavus.lead_handled($1::uuid, $2::boolean, "
      "$3), $4::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_end_asked] =
    { ngx_tavus_stmt(end_asked),
      "SELECT tavus.end_asked($1, $2::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_quarantine_release] =
    { ngx_tavus_stmt(quarantine_release),
      "SELECT tavus.trail_changed(tavus.quarantine_release($1::bigint, $2, "
      "$3, $4), $5::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_quarantine_delete] =
    { ngx_tavus_stmt(quarantine_delete),
      "SELECT tavus.trail_changed(tavus.quarantine_delete($1::bigint), "
      "$2::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_erase_visitor] =
    { ngx_tavus_stmt(erase_visitor),
      "SELECT tavus.erase_visitor($1, $2::jsonb, $3)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_erase_conversation] =
    { ngx_tavus_stmt(erase_conversation),
      "SELECT tavus.erase_conversation($1, $2::jsonb)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    /* what is paid, which is not known yet, comes with Stripe's events */

    [ngx_tavus_stmt_order_intent] =
    { ngx_tavus_stmt(order_intent),
      "SELECT tavus.order_intent($1::uuid, $2::boolean, $3, $4, $5::jsonb, "
      "NULL, NULL, $6, $7, $8, $9, $10, $11, $12, $13, $14::int)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_order_answer] =
    { ngx_tavus_stmt(order_answer),
      "SELECT tavus.order_answer($1::uuid, $2, to_timestamp($3::float8), "
      "$4::boolean, $5)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_order_by_session] =
    { ngx_tavus_stmt(order_by_session),
      "SELECT tavus.order_by_session($1)",
      { NGX_TAVUS_OID_TEXT } },

    /* the arguments of the routes in ngx_tavus_admin.c */

    [ngx_tavus_stmt_admin_events] =
    { ngx_tavus_stmt(admin_events),
      "SELECT tavus.pieces(tavus.admin_events($1, $2, $3, $4, $5, $6, $7, "
      "$8, $9))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_INT4,
        NGX_TAVUS_OID_UUID } },

    [ngx_tavus_stmt_admin_export] =
    { ngx_tavus_stmt(admin_export),
      "SELECT e.* FROM tavus.admin_export($1, $2, $3, $4, $5, $6, $7, $8, "
      "$9, $10, $11) e",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_UUID,
        NGX_TAVUS_OID_INT8, NGX_TAVUS_OID_INT4 } },

    [ngx_tavus_stmt_admin_event] =
    { ngx_tavus_stmt(admin_event),
      "SELECT tavus.pieces(tavus.admin_event($1))",
      { NGX_TAVUS_OID_UUID } },

    [ngx_tavus_stmt_admin_conversations] =
    { ngx_tavus_stmt(admin_conversations),
      "SELECT tavus.pieces(tavus.admin_talks($1, $2, $3, $4, $5, $6, $7))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_conversation] =
    { ngx_tavus_stmt(admin_conversation),
      "SELECT tavus.pieces(tavus.admin_conversation($1, $2, $3, $4, $5, "
      "$6))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_UUID,
        NGX_TAVUS_OID_UUID, NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_INT4 } },

    [ngx_tavus_stmt_admin_quarantine] =
    { ngx_tavus_stmt(admin_quarantine),
      "SELECT tavus.pieces(tavus.admin_quarantine($1, $2))",
      { NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_INT8 } },

    [ngx_tavus_stmt_admin_quarantined] =
    { ngx_tavus_stmt(admin_quarantined),
      "SELECT tavus.pieces(tavus.admin_quarantined($1))",
      { NGX_TAVUS_OID_INT8 } },

    [ngx_tavus_stmt_proof] =
    { ngx_tavus_stmt(proof),
      "SELECT p.* FROM tavus.proof($1::uuid, $2::bigint) p",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_deliveries] =
    { ngx_tavus_stmt(admin_deliveries),
      "SELECT tavus.pieces(tavus.admin_deliveries($1, $2, $3, $4))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_INT4,
        NGX_TAVUS_OID_INT8 } },

    [ngx_tavus_stmt_admin_leads] =
    { ngx_tavus_stmt(admin_leads),
      "SELECT tavus.pieces(tavus.admin_leads($1, $2, $3, $4, $5, $6, $7))",
      { NGX_TAVUS_OID_BOOL, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_UUID,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_alerts] =
    { ngx_tavus_stmt(admin_alerts),
      "SELECT tavus.pieces(tavus.admin_alerts($1, $2, $3))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_INT8 } },

    [ngx_tavus_stmt_admin_orders] =
    { ngx_tavus_stmt(admin_orders),
      "SELECT tavus.pieces(tavus.admin_orders($1, $2, $3, $4, $5, $6, $7, "
      "$8))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_BOOL,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_UUID, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_subscriptions] =
    { ngx_tavus_stmt(admin_subscriptions),
      "SELECT tavus.pieces(tavus.admin_subscriptions($1, $2, $3, $4, $5, "
      "$6, $7))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_BOOL, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_INT4, NGX_TAVUS_OID_UUID,
        NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_budget] =
    { ngx_tavus_stmt(admin_budget),
      "SELECT tavus.pieces(tavus.budget_state($1)::text)",
      { NGX_TAVUS_OID_JSONB } },

    [ngx_tavus_stmt_admin_nodes] =
    { ngx_tavus_stmt(admin_nodes),
      "SELECT tavus.pieces(tavus.admin_nodes())",
      { 0 } },

    [ngx_tavus_stmt_admin_stats] =
    { ngx_tavus_stmt(admin_stats),
      "SELECT tavus.pieces(tavus.admin_stats($1, $2, $3, $4))",
      { NGX_TAVUS_OID_TIMESTAMPTZ, NGX_TAVUS_OID_TIMESTAMPTZ,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_visitor] =
    { ngx_tavus_stmt(admin_visitor),
      "SELECT tavus.pieces(tavus.admin_visitor($1, $2, $3, $4))",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_INT4,
        NGX_TAVUS_OID_UUID } },

    [ngx_tavus_stmt_erase_step] =
    { ngx_tavus_stmt(erase_step),
      "SELECT tavus.erase_step($1::uuid)",
      { NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_admin_erasure] =
    { ngx_tavus_stmt(admin_erasure),
      "SELECT tavus.pieces(tavus.erasure($1))",
      { NGX_TAVUS_OID_UUID } },

    /* the live tail: a page over the query session, which cannot write */

    [ngx_tavus_stmt_tail_page] =
    { ngx_tavus_stmt(tail_page),
      "SELECT p.* FROM tavus.tail_page($1, $2, $3::bigint, $4::int, $5::int, "
      "$6::int, $7::boolean, $8, $9, $10) p",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT,
        NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT_ARRAY,
        NGX_TAVUS_OID_TEXT_ARRAY, NGX_TAVUS_OID_TEXT_ARRAY } },

    [ngx_tavus_stmt_tail_tell] =
    { ngx_tavus_stmt(tail_tell),
      "SELECT tavus.tail_tell($1, $2::bigint, $3::int)",
      { NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT, NGX_TAVUS_OID_TEXT } },

    [ngx_tavus_stmt_health] =
    { ngx_tavus_stmt(health),
      "SELECT tavus.health()",
      { 0 } },

    [ngx_tavus_stmt_health_look] =
    { ngx_tavus_stmt(health_look),
      "SELECT tavus.health_look()",
      { 0 } }
};
