
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_conf.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "core/tavus_json.h"
#include "core/tavus_language.h"


#define NGX_TAVUS_CA_BUNDLE    "/etc/ssl/certs/ca-certificates.crt"
#define NGX_TAVUS_API_URL      "https://tavusapi.com"
#define NGX_TAVUS_SECRET_MAX   4096
#define NGX_TAVUS_WEBHOOK_MAX  (8 * 1024 * 1024)


typedef struct {
    const char              *name;
    ngx_int_t                min;
    ngx_int_t                max;
    size_t                   offset;
} ngx_tavus_vertical_number_t;


typedef struct {
    const char              *name;
    size_t                   offset;
} ngx_tavus_vertical_text_t;


static ngx_int_t ngx_tavus_conf_read(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *path, ngx_str_t *secret);
static ngx_int_t ngx_tavus_conf_check_location(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf, ngx_tavus_location_t *location);
static ngx_uint_t ngx_tavus_conf_prefix(ngx_http_core_loc_conf_t *clcf);
static ngx_tavus_location_t *ngx_tavus_conf_find_webhook(
    ngx_tavus_main_conf_t *mcf, ngx_tavus_location_t *location);
static ngx_int_t ngx_tavus_conf_check_peer(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static ngx_int_t ngx_tavus_conf_check_database(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static void ngx_tavus_conf_warn_journal(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static ngx_int_t ngx_tavus_conf_check_sandbox(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static ngx_uint_t ngx_tavus_conf_loopback(struct sockaddr *sa);
static ngx_tavus_main_conf_t *ngx_tavus_conf_former(ngx_cycle_t *cycle);
static ngx_int_t ngx_tavus_conf_add_former(ngx_conf_t *cf,
    ngx_tavus_journal_conf_t *journal, ngx_str_t *path);
static ngx_uint_t ngx_tavus_conf_same_folder(ngx_str_t *one, ngx_str_t *two);
static char *ngx_tavus_vertical_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_tavus_vertical_list(ngx_conf_t *cf, ngx_array_t **list,
    size_t max);


static ngx_tavus_vertical_text_t  ngx_tavus_vertical_texts[] = {
    { "persona_id", offsetof(ngx_tavus_vertical_t, persona_id) },
    { "replica_id", offsetof(ngx_tavus_vertical_t, replica_id) },
    { "document_retrieval_strategy",
      offsetof(ngx_tavus_vertical_t, retrieval_strategy) },
    { "language", offsetof(ngx_tavus_vertical_t, language) },
    { "custom_greeting", offsetof(ngx_tavus_vertical_t, custom_greeting) },
    { "conversational_context", offsetof(ngx_tavus_vertical_t, context) },
    { NULL, 0 }
};


static ngx_tavus_vertical_number_t  ngx_tavus_vertical_numbers[] = {
    { "max_call_duration", 30, 3600,
      offsetof(ngx_tavus_vertical_t, max_call_duration) },
    { "participant_absent_timeout", 5, 60,
      offsetof(ngx_tavus_vertical_t, participant_absent_timeout) },
    { "participant_left_timeout", 0, 10,
      offsetof(ngx_tavus_vertical_t, participant_left_timeout) },
    { NULL, 0, 0, 0 }
};


char *
ngx_tavus_conf_secret(ngx_conf_t *cf, ngx_str_t *directive, ngx_str_t *value,
    size_t min, ngx_str_t *secret)
{
    char       *p;
    ngx_str_t   path;

    if (value->len > 4 && ngx_strncmp(value->data, "env:", 4) == 0) {
        p = getenv((char *) value->data + 4);

        if (p == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": environment variable \"%s\" is not "
                               "set", directive, value->data + 4);
            return NGX_CONF_ERROR;
        }

        secret->len = ngx_strlen(p);
        secret->data = ngx_pnalloc(cf->pool, secret->len + 1);
        if (secret->data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(secret->data, p, secret->len + 1);

    } else if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        path.data = value->data + 5;
        path.len = value->len - 5;

        if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
            || ngx_tavus_conf_read(cf, directive, &path, secret) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else if (value->len > 11
               && ngx_strncmp(value->data, "credential:", 11) == 0)
    {
        p = getenv("CREDENTIALS_DIRECTORY");

        if (p && *p == '\0') {
            p = NULL;
        }

        if (p == NULL || ngx_strchr(value->data, '/') != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               p ? "\"%V\": a credential is a name, not a "
                                   "path"
                                 : "\"%V\": $CREDENTIALS_DIRECTORY is not "
                                   "set, nginx was not started with "
                                   "LoadCredential=", directive);
            return NGX_CONF_ERROR;
        }

        path.data = ngx_pnalloc(cf->pool, ngx_strlen(p) + value->len);
        if (path.data == NULL) {
            return NGX_CONF_ERROR;
        }

        path.len = ngx_sprintf(path.data, "%s/%s%Z", p, value->data + 11)
                   - path.data - 1;

        if (ngx_tavus_conf_read(cf, directive, &path, secret) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else {

        /* what stands there may be a secret: it is not repeated */

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be env:NAME, file:PATH or "
                           "credential:NAME", directive);
        return NGX_CONF_ERROR;
    }

    while (secret->len
           && (secret->data[secret->len - 1] == LF
               || secret->data[secret->len - 1] == CR))
    {
        secret->len--;
    }

    secret->data[secret->len] = '\0';

    if (ngx_strlen(secret->data) != secret->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the secret holds a NUL byte", directive);
        return NGX_CONF_ERROR;
    }

    if (secret->len < min) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the secret has %uz bytes, at least %uz "
                           "are needed", directive, secret->len, min);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_tavus_conf_read(ngx_conf_t *cf, ngx_str_t *directive, ngx_str_t *path,
    ngx_str_t *secret)
{
    size_t           size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\": " ngx_open_file_n " \"%V\" failed",
                           directive, path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\": " ngx_fd_info_n " \"%V\" failed",
                           directive, path);
        goto failed;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" is not a regular file", directive,
                           path);
        goto failed;
    }

    if (fi.st_mode & S_IRWXO) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" is open to all users, make it "
                           "0600", directive, path);
        goto failed;
    }

    size = (size_t) ngx_file_size(&fi);

    if (size > NGX_TAVUS_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" has %uz bytes, at most %d may be",
                           directive, path, size, NGX_TAVUS_SECRET_MAX);
        goto failed;
    }

    secret->data = ngx_pnalloc(cf->pool, size + 1);
    if (secret->data == NULL) {
        goto failed;
    }

    n = ngx_read_fd(fd, secret->data, size);

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\": " ngx_read_fd_n " \"%V\" failed",
                           directive, path);
        goto failed;
    }

    secret->len = n;
    (void) ngx_close_file(fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(fd);

    return NGX_ERROR;
}


void
ngx_tavus_conf_place(ngx_conf_t *cf, ngx_tavus_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}


ngx_int_t
ngx_tavus_conf_check(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_str_t                  name;
    ngx_uint_t                 i;
    ngx_tavus_location_t      *locations;
    ngx_http_core_loc_conf_t  *clcf;

    if (mcf->locations.nelts == 0) {
        return NGX_OK;
    }

    /* at the http level: what workers resolve with belongs to no server */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        mcf->resolver = clcf->resolver;
        mcf->resolver_timeout = clcf->resolver_timeout;
    }

    if (mcf->resolver_timeout == 0
        || mcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
    {
        mcf->resolver_timeout = 30000;
    }

    ngx_str_set(&name, "request_id");

    mcf->request_id_index = ngx_http_get_variable_index(cf, &name);

    if (mcf->request_id_index == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* webhooks first: the others sign with their keys */

    locations = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {

        if (locations[i].lcf->endpoint == NGX_TAVUS_WEBHOOK
            && ngx_tavus_webhook_check(cf, mcf, &locations[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < mcf->locations.nelts; i++) {

        if (ngx_tavus_conf_check_location(cf, mcf, &locations[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_tavus_conf_check_peer(cf, mcf) != NGX_OK
        || ngx_tavus_conf_check_database(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->sandbox && ngx_tavus_conf_check_sandbox(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_conf_check_location(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf,
    ngx_tavus_location_t *location)
{
    const char            *missing;
    ngx_tavus_location_t  *webhook;

    missing = NULL;

    if (location->clcf->handler != location->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\": a later directive of the location gives it "
                      "another handler in %V:%ui", &location->name,
                      &location->file, location->line);
        return NGX_ERROR;
    }

    switch (location->lcf->endpoint) {

    case NGX_TAVUS_CONVERSATION:
        if (mcf->public_origin.len == 0) {
            missing = "tavus_public_origin";

        } else if (mcf->verticals.nelts == 0) {
            missing = "tavus_vertical";
        }

        /* fall through */

    case NGX_TAVUS_CONVERSATION_END:
        if (mcf->api.key.len == 0) {
            missing = "tavus_api_key";
        }

        if (missing) {
            break;
        }

        webhook = ngx_tavus_conf_find_webhook(mcf, location);

        if (webhook == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no location with \"tavus_webhook tavus\" at the "
                          "path \"%V\", where calls would be sent back in "
                          "%V:%ui", &location->lcf->callback,
                          &location->file, location->line);
            return NGX_ERROR;
        }

        location->lcf->keys = webhook->lcf->keys;
        break;

    case NGX_TAVUS_ADMIN:
        if (!ngx_tavus_conf_prefix(location->clcf)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"tavus_admin\" needs a prefix location, what "
                          "follows it is the resource in %V:%ui",
                          &location->file, location->line);
            return NGX_ERROR;
        }

        if (location->lcf->users == NULL) {
            missing = "tavus_admin_users";
        }

        break;

    case NGX_TAVUS_TRACK:

        /* without calls there are no end tokens to verify */

        webhook = ngx_tavus_conf_find_webhook(mcf, location);

        if (webhook) {
            location->lcf->keys = webhook->lcf->keys;
        }

        break;

    case NGX_TAVUS_CONTACT:
    case NGX_TAVUS_WEBHOOK:
        break;

    default:
        return NGX_OK;
    }

    if (missing == NULL && mcf->database == NULL) {
        missing = "tavus_database";
    }

    if (missing) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" is missing, which this location needs in "
                      "%V:%ui", missing, &location->file, location->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_conf_prefix(ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex) {
        return 0;
    }
#endif

    return !clcf->exact_match && !clcf->named;
}


/* of the same server if it has one, else of any: they are the public's */

static ngx_tavus_location_t *
ngx_tavus_conf_find_webhook(ngx_tavus_main_conf_t *mcf,
    ngx_tavus_location_t *location)
{
    ngx_str_t             *path;
    ngx_uint_t             i;
    ngx_tavus_location_t  *l, *found;

    found = NULL;
    path = &location->lcf->callback;
    l = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {

        if (l[i].lcf->endpoint != NGX_TAVUS_WEBHOOK
            || l[i].lcf->scheme != NGX_TAVUS_SCHEME_TAVUS
            || l[i].clcf->named
            || l[i].clcf->name.len != path->len
            || ngx_strncmp(l[i].clcf->name.data, path->data, path->len) != 0)
        {
            continue;
        }

        if (l[i].cscf == location->cscf) {
            return &l[i];
        }

        if (found == NULL) {
            found = &l[i];
        }
    }

    return found;
}


static ngx_int_t
ngx_tavus_conf_check_peer(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_str_t  url;

    if (mcf->api.key.len == 0) {
        return NGX_OK;
    }

    if (mcf->trusted_certificate.len == 0) {
        ngx_str_set(&mcf->trusted_certificate, NGX_TAVUS_CA_BUNDLE);
        mcf->trusted_place = mcf->api_place;

    } else if (ngx_conf_full_name(cf->cycle, &mcf->trusted_certificate, 1)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    mcf->trusted = ngx_tavus_curl_trust(cf, &mcf->trusted_certificate);
    if (mcf->trusted == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "could not load certificates from \"%V\" in %V:%ui",
                      &mcf->trusted_certificate, &mcf->trusted_place.file,
                      mcf->trusted_place.line);
        return NGX_ERROR;
    }

    if (mcf->api.peer == NULL) {
        ngx_str_set(&url, NGX_TAVUS_API_URL);

        mcf->api.peer = ngx_tavus_curl_parse(cf, &url);
        if (mcf->api.peer == NULL) {
            return NGX_ERROR;
        }
    }

    if (!mcf->api.peer->https && !(mcf->sandbox && mcf->api.peer->loopback)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_api_url\" must be https, or http to a loopback "
                      "address together with \"tavus_sandbox on\", but is "
                      "\"%V\" in %V:%ui", &mcf->api.peer->url,
                      &mcf->api_place.file, mcf->api_place.line);
        return NGX_ERROR;
    }

    mcf->api.peer->resolver = mcf->resolver;
    mcf->api.peer->resolver_timeout = mcf->resolver_timeout;

    if (mcf->api.peer->addrs.nelts == 0 && mcf->resolver == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "host not found in \"%V\" of \"tavus_api_url\", and no "
                      "\"resolver\" is configured in %V:%ui",
                      &mcf->api.peer->url, &mcf->api_place.file,
                      mcf->api_place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_conf_check_database(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t            i;
    ngx_tavus_pg_host_t  *hosts;
    ngx_tavus_pg_conf_t  *pg;

    pg = mcf->database;

    if (pg == NULL && mcf->store.journal.path.len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_journal\" needs \"tavus_database\" in %V:%ui",
                      &mcf->journal_place.file, mcf->journal_place.line);
        return NGX_ERROR;
    }

    if (pg == NULL) {
        return NGX_OK;
    }

    mcf->store.database = pg;

    if (mcf->store.journal.path.len == 0) {
        ngx_tavus_conf_warn_journal(cf, mcf);
    }

    if (mcf->database_password.len) {
        pg->password = (char *) mcf->database_password.data;
    }

    pg->resolver = mcf->resolver;
    pg->resolver_timeout = mcf->resolver_timeout;

    hosts = pg->hosts.elts;

    for (i = 0; i < pg->hosts.nelts; i++) {

        if (!hosts[i].local && hosts[i].addrs.nelts == 0
            && mcf->resolver == NULL)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "host not found in \"%V\" of \"tavus_database\", "
                          "and no \"resolver\" is configured in %V:%ui",
                          &hosts[i].name, &mcf->database_place.file,
                          mcf->database_place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_tavus_conf_warn_journal(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t             i;
    ngx_tavus_location_t  *locations;

    locations = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {

        if (locations[i].lcf->endpoint == NGX_TAVUS_WEBHOOK) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"tavus_webhook\" without \"tavus_journal\": while "
                          "the database is away webhooks are answered 503, "
                          "and those that do not come again are lost, in "
                          "%V:%ui", &locations[i].file, locations[i].line);
            return;
        }
    }
}


static ngx_int_t
ngx_tavus_conf_check_sandbox(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t                  i, k;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {

            if (ngx_tavus_conf_loopback(addr[k].opt.sockaddr)) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"tavus_sandbox on\" allows only loopback "
                          "addresses in \"listen\", not \"%V\" in "
                          "%V:%ui", &addr[k].opt.addr_text,
                          &mcf->sandbox_place.file, mcf->sandbox_place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_conf_loopback(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
    }
}


char *
ngx_tavus_conf_journal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    off_t                      size;
    ngx_str_t                 *value, s;
    ngx_path_t                *path;
    ngx_tavus_journal_conf_t  *journal;

    journal = &mcf->store.journal;

    if (journal->path.data) {
        return "is duplicate";
    }

    ngx_tavus_conf_place(cf, &mcf->journal_place);

    value = cf->args->elts;

    if (value[1].len == 0 || ngx_strchr(value[1].data, '$') != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid path \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    size = NGX_TAVUS_JOURNAL_SIZE;

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "max_size=", 9) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        s.data = value[2].data + 9;
        s.len = value[2].len - 9;

        size = ngx_parse_offset(&s);

        if (size == NGX_ERROR || size < NGX_TAVUS_JOURNAL_MIN_SIZE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\", it must be a size of at "
                               "least 16m", &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = value[1];

    if (path->name.data[path->name.len - 1] == '/') {
        path->name.len--;
    }

    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    /* nginx makes it, for the user of its workers alone */

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    journal->path = path->name;
    journal->max_size = size;
    journal->pool = ngx_thread_pool_add(cf, NULL);

    return journal->pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_tavus_conf_former_journals(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_str_t                 *path;
    ngx_uint_t                 i;
    ngx_tavus_main_conf_t     *omcf;
    ngx_tavus_journal_conf_t  *journal, *old;

    omcf = ngx_tavus_conf_former(cf->cycle->old_cycle);

    if (omcf == NULL) {
        return NGX_OK;
    }

    journal = &mcf->store.journal;
    old = &omcf->store.journal;

    if (old->path.len
        && ngx_tavus_conf_add_former(cf, journal, &old->path) != NGX_OK)
    {
        return NGX_ERROR;
    }

    path = old->former ? old->former->elts : NULL;

    for (i = 0; path && i < old->former->nelts; i++) {
        if (ngx_tavus_conf_add_former(cf, journal, &path[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (journal->former == NULL) {
        return NGX_OK;
    }

    path = journal->former->elts;

    for (i = 0; i < journal->former->nelts; i++) {

        if (mcf->database == NULL) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"tavus_journal\" was \"%V\" before, what is "
                          "there waits, as there is no \"tavus_database\"",
                          &path[i]);

        } else {
            ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                          "\"tavus_journal\" was \"%V\" before, what is "
                          "there is replayed until nginx is restarted",
                          &path[i]);
        }
    }

    journal->pool = ngx_thread_pool_add(cf, NULL);

    return journal->pool ? NGX_OK : NGX_ERROR;
}


/* another file of the module has another idea of what is where */

static ngx_tavus_main_conf_t *
ngx_tavus_conf_former(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    if (cycle == NULL || ngx_is_init_cycle(cycle)) {
        return NULL;
    }

    for (i = 0; i < cycle->modules_n; i++) {
        if (cycle->modules[i] == &ngx_tavus_module) {
            return ngx_http_cycle_get_module_main_conf(cycle,
                                                       ngx_tavus_module);
        }
    }

    return NULL;
}


static ngx_int_t
ngx_tavus_conf_add_former(ngx_conf_t *cf, ngx_tavus_journal_conf_t *journal,
    ngx_str_t *path)
{
    ngx_str_t   *former;
    ngx_uint_t   i;

    if (ngx_tavus_conf_same_folder(path, &journal->path)) {
        return NGX_OK;
    }

    if (journal->former == NULL) {
        journal->former = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
        if (journal->former == NULL) {
            return NGX_ERROR;
        }
    }

    former = journal->former->elts;

    for (i = 0; i < journal->former->nelts; i++) {
        if (ngx_tavus_conf_same_folder(path, &former[i])) {
            return NGX_OK;
        }
    }

    former = ngx_array_push(journal->former);
    if (former == NULL) {
        return NGX_ERROR;
    }

    former->len = path->len;
    former->data = ngx_pnalloc(cf->pool, path->len + 1);
    if (former->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(former->data, path->data, path->len);
    former->data[path->len] = '\0';

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_conf_same_folder(ngx_str_t *one, ngx_str_t *two)
{
    ngx_file_info_t  fi1, fi2;

    if (one->len == 0 || two->len == 0) {
        return 0;
    }

    if (one->len == two->len
        && ngx_memcmp(one->data, two->data, one->len) == 0)
    {
        return 1;
    }

    return ngx_file_info(one->data, &fi1) != NGX_FILE_ERROR
           && ngx_file_info(two->data, &fi2) != NGX_FILE_ERROR
           && fi1.st_dev == fi2.st_dev
           && ngx_file_uniq(&fi1) == ngx_file_uniq(&fi2);
}


char *
ngx_tavus_vertical(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_conf_t             save;
    ngx_tavus_vertical_t  *v;

    value = cf->args->elts;
    v = mcf->verticals.elts;

    for (i = 0; i < mcf->verticals.nelts; i++) {
        if (v[i].name.len == value[1].len
            && ngx_strncmp(v[i].name.data, value[1].data, value[1].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate vertical \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; i < value[1].len; i++) {
        if (!((value[1].data[i] >= 'a' && value[1].data[i] <= 'z')
              || (value[1].data[i] >= '0' && value[1].data[i] <= '9')
              || value[1].data[i] == '-' || value[1].data[i] == '_'))
        {
            break;
        }
    }

    if (i != value[1].len || i == 0 || i > 32) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid vertical \"%V\", its name is up to 32 of "
                           "a-z 0-9 - _", &value[1]);
        return NGX_CONF_ERROR;
    }

    v = ngx_array_push(&mcf->verticals);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(v, sizeof(ngx_tavus_vertical_t));

    v->name = value[1];
    v->visitor_memory = NGX_CONF_UNSET;
    v->audio_only = NGX_CONF_UNSET;
    v->max_call_duration = NGX_CONF_UNSET;
    v->participant_absent_timeout = NGX_CONF_UNSET;
    v->participant_left_timeout = NGX_CONF_UNSET;

    save = *cf;
    cf->handler = ngx_tavus_vertical_line;
    cf->handler_conf = (char *) v;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (v->persona_id.len == 0 && v->replica_id.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "vertical \"%V\" has neither \"persona_id\" nor "
                           "\"replica_id\"", &v->name);
        return NGX_CONF_ERROR;
    }

    if (v->retrieval_strategy.len == 0) {
        ngx_str_set(&v->retrieval_strategy, "balanced");
    }

    ngx_conf_init_value(v->visitor_memory, 0);
    ngx_conf_init_value(v->audio_only, 0);
    ngx_conf_init_value(v->max_call_duration, 600);
    ngx_conf_init_value(v->participant_absent_timeout, 60);
    ngx_conf_init_value(v->participant_left_timeout, 10);

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_tavus_vertical_t *v = conf;

    u_char                       *p;
    const char                   *language;
    ngx_int_t                     n, *number;
    ngx_str_t                    *value, *text;
    ngx_flag_t                   *flag;
    ngx_tavus_vertical_text_t    *t;
    ngx_tavus_vertical_number_t  *m;

    value = cf->args->elts;
    p = value[0].data;

    if (ngx_strcmp(p, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    if (ngx_strcmp(p, "document_tags") == 0) {
        return ngx_tavus_vertical_list(cf, &v->document_tags, 32);
    }

    if (ngx_strcmp(p, "memory_stores") == 0) {
        return ngx_tavus_vertical_list(cf, &v->memory_stores, 8);
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (t = ngx_tavus_vertical_texts; t->name; t++) {
        if (ngx_strcmp(p, t->name) != 0) {
            continue;
        }

        text = (ngx_str_t *) ((u_char *) v + t->offset);

        if (text->data) {
            goto duplicate;
        }

        if (text == &v->retrieval_strategy
            && ngx_strcmp(value[1].data, "speed") != 0
            && ngx_strcmp(value[1].data, "balanced") != 0
            && ngx_strcmp(value[1].data, "quality") != 0)
        {
            goto invalid;
        }

        if (value[1].len == 0
            || !tavus_utf8_valid((char *) value[1].data, value[1].len))
        {
            goto invalid;
        }

        if (text == &v->language) {
            language = tavus_language((char *) value[1].data, value[1].len);

            if (language == NULL) {
                goto invalid;
            }

            text->data = (u_char *) language;
            text->len = ngx_strlen(language);

            return NGX_CONF_OK;
        }

        *text = value[1];

        return NGX_CONF_OK;
    }

    for (m = ngx_tavus_vertical_numbers; m->name; m++) {
        if (ngx_strcmp(p, m->name) != 0) {
            continue;
        }

        number = (ngx_int_t *) ((u_char *) v + m->offset);

        if (*number != NGX_CONF_UNSET) {
            goto duplicate;
        }

        n = ngx_atoi(value[1].data, value[1].len);

        if (n == NGX_ERROR || n < m->min || n > m->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" \"%V\", it is a number of "
                               "seconds from %i to %i", &value[0], &value[1],
                               m->min, m->max);
            return NGX_CONF_ERROR;
        }

        *number = n;

        return NGX_CONF_OK;
    }

    if (ngx_strcmp(p, "visitor_memory") == 0) {
        flag = &v->visitor_memory;

    } else if (ngx_strcmp(p, "audio_only") == 0) {
        flag = &v->audio_only;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown directive \"%V\" in \"tavus_vertical\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (*flag != NGX_CONF_UNSET) {
        goto duplicate;
    }

    if (ngx_strcmp(value[1].data, "on") == 0) {
        *flag = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        *flag = 0;

    } else {
        goto invalid;
    }

    return NGX_CONF_OK;

duplicate:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"", &value[0]);

    return NGX_CONF_ERROR;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\" \"%V\"",
                       &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_vertical_list(ngx_conf_t *cf, ngx_array_t **list, size_t max)
{
    ngx_str_t   *value, *item;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (*list) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts < 2 || cf->args->nelts - 1 > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes 1 to %uz values", &value[0], max);
        return NGX_CONF_ERROR;
    }

    *list = ngx_array_create(cf->pool, cf->args->nelts - 1,
                             sizeof(ngx_str_t));
    if (*list == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0
            || !tavus_utf8_valid((char *) value[i].data, value[i].len))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\" \"%V\"",
                               &value[0], &value[i]);
            return NGX_CONF_ERROR;
        }

        item = ngx_array_push(*list);
        *item = value[i];
    }

    return NGX_CONF_OK;
}
