
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_NODE_H_INCLUDED_
#define _NGX_TAVUS_NODE_H_INCLUDED_


/*
 * The name of this node: "<id>.<place>".  The id is in a file of the journal's
 * folder, made by the worker that looks first, or taken from the folder that
 * the journal had before a reload; the place is a digest of this
 * machine's boot and of the folder, so that a copy of both is another node.
 */

#include "store/ngx_tavus_journal.h"


void ngx_tavus_node_init_process(ngx_tavus_journal_conf_t *conf);

/*
 * The name with a NUL behind it; empty if there is no journal, NULL if the
 * id cannot be read or written now, which is logged and tried again.
 */
const char *ngx_tavus_node_name(void);


#endif /* _NGX_TAVUS_NODE_H_INCLUDED_ */
