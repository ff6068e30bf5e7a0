
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "event/ngx_tavus_directive.h"


void
ngx_tavus_place_note(ngx_conf_t *cf, ngx_tavus_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}


/* nothing can be done in no time */

char *
ngx_tavus_directive_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char        *rv;
    ngx_msec_t  *time;

    rv = ngx_conf_set_msec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    time = (ngx_msec_t *) ((u_char *) conf + cmd->offset);

    if (*time < 100 || *time > 600000) {
        return "must be from 100ms to 10m";
    }

    return NGX_CONF_OK;
}
