
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* What PostgreSQL is asked: the one list of statements. */


#ifndef _NGX_TAVUS_STATEMENTS_H_INCLUDED_
#define _NGX_TAVUS_STATEMENTS_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/* catalog/pg_type.dat */

#define NGX_TAVUS_OID_BOOL               16
#define NGX_TAVUS_OID_BYTEA              17
#define NGX_TAVUS_OID_INT8               20
#define NGX_TAVUS_OID_INT2               21
#define NGX_TAVUS_OID_INT4               23
#define NGX_TAVUS_OID_TEXT               25
#define NGX_TAVUS_OID_TIMESTAMPTZ        1184
#define NGX_TAVUS_OID_UUID               2950
#define NGX_TAVUS_OID_BYTEA_ARRAY        1001
#define NGX_TAVUS_OID_INT2_ARRAY         1005
#define NGX_TAVUS_OID_INT4_ARRAY         1007
#define NGX_TAVUS_OID_TEXT_ARRAY         1009
#define NGX_TAVUS_OID_TIMESTAMPTZ_ARRAY  1185
#define NGX_TAVUS_OID_UUID_ARRAY         2951
#define NGX_TAVUS_OID_JSONB              3802


typedef enum {
    ngx_tavus_stmt_record = 0,
    ngx_tavus_stmt_record_wishes,

    ngx_tavus_stmt_make_months,
    ngx_tavus_stmt_drop_months,
    ngx_tavus_stmt_rotate_digests,
    ngx_tavus_stmt_trim,
    ngx_tavus_stmt_heartbeat,
    ngx_tavus_stmt_log_state,
    ngx_tavus_stmt_alerts_look,
    ngx_tavus_stmt_budget_state,
    ngx_tavus_stmt_line_look,
    ngx_tavus_stmt_line_ticket,
    ngx_tavus_stmt_leads_roll,
    ngx_tavus_stmt_orders_roll,
    ngx_tavus_stmt_words_roll,
    ngx_tavus_stmt_traces_roll,
    ngx_tavus_stmt_stats_roll,
    ngx_tavus_stmt_stripe_repair,
    ngx_tavus_stmt_orders_look,
    ngx_tavus_stmt_claim,
    ngx_tavus_stmt_claim_repairs,
    ngx_tavus_stmt_deliver_claim,
    ngx_tavus_stmt_mail_claim,
    ngx_tavus_stmt_deliver_settle,
    ngx_tavus_stmt_deliver_retry,
    ngx_tavus_stmt_lead_handled,
    ngx_tavus_stmt_end_asked,
    ngx_tavus_stmt_quarantine_release,
    ngx_tavus_stmt_quarantine_delete,
    ngx_tavus_stmt_erase_visitor,
    ngx_tavus_stmt_erase_conversation,
    ngx_tavus_stmt_erase_step,

    ngx_tavus_stmt_order_intent,
    ngx_tavus_stmt_order_answer,
    ngx_tavus_stmt_order_by_session,

    ngx_tavus_stmt_admin_events,
    ngx_tavus_stmt_admin_export,
    ngx_tavus_stmt_admin_event,
    ngx_tavus_stmt_admin_conversations,
    ngx_tavus_stmt_admin_conversation,
    ngx_tavus_stmt_admin_quarantine,
    ngx_tavus_stmt_admin_quarantined,
    ngx_tavus_stmt_proof,
    ngx_tavus_stmt_admin_deliveries,
    ngx_tavus_stmt_admin_leads,
    ngx_tavus_stmt_admin_alerts,
    ngx_tavus_stmt_admin_orders,
    ngx_tavus_stmt_admin_subscriptions,
    ngx_tavus_stmt_admin_budget,
    ngx_tavus_stmt_admin_nodes,
    ngx_tavus_stmt_admin_stats,
    ngx_tavus_stmt_admin_visitor,
    ngx_tavus_stmt_admin_erasure,
    ngx_tavus_stmt_tail_page,
    ngx_tavus_stmt_tail_tell,
    ngx_tavus_stmt_health,
    ngx_tavus_stmt_health_look,

    NGX_TAVUS_STATEMENTS
} ngx_tavus_stmt_e;


/* By ngx_tavus_stmt_e; the same on every connection. */
extern const ngx_tavus_pg_stmt_t  ngx_tavus_statements[NGX_TAVUS_STATEMENTS];


#endif /* _NGX_TAVUS_STATEMENTS_H_INCLUDED_ */
