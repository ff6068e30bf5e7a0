
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_store_conf.h"
#include "event/ngx_tavus_secret.h"


static char *ngx_tavus_store_database(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_store_password(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_store_journal(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static ngx_int_t ngx_tavus_store_folder(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *path);
static void *ngx_tavus_store_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_store_init_main_conf(ngx_conf_t *cf, void *conf);
static ngx_tavus_store_main_conf_t *ngx_tavus_store_former(ngx_cycle_t *cycle);
static ngx_int_t ngx_tavus_store_add_former(ngx_conf_t *cf,
    ngx_tavus_journal_conf_t *journal, ngx_str_t *path);
static ngx_uint_t ngx_tavus_store_same_folder(ngx_str_t *one, ngx_str_t *two);


static ngx_command_t  ngx_tavus_store_commands[] = {

    { ngx_string("tavus_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_store_database,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_database_password"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_store_password,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_store_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_directive_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_store_main_conf_t, store.timeout),
      NULL },

    { ngx_string("tavus_store_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_store_main_conf_t, store.buffer),
      NULL },

    { ngx_string("tavus_journal"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_tavus_store_journal,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_store_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_store_create_main_conf,      /* create main configuration */
    ngx_tavus_store_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_store_module = {
    NGX_MODULE_V1,
    &ngx_tavus_store_module_ctx,           /* module context */
    ngx_tavus_store_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_tavus_store_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_store_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->store.database) {
        return "is duplicate";
    }

    ngx_tavus_place_note(cf, &smcf->database_place);

    value = cf->args->elts;

    smcf->store.database = ngx_tavus_pg_parse(cf, &value[1]);

    return smcf->store.database ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_tavus_store_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_store_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->password.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    /* it is as long as its owner made it */

    return ngx_tavus_secret_read(cf, &value[0], &value[1], 1,
                                 &smcf->password);
}


static char *
ngx_tavus_store_journal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_store_main_conf_t *smcf = conf;

    off_t                      size;
    ngx_str_t                 *value, s;
    ngx_uint_t                 n;
    ngx_path_t                *path;
    ngx_tavus_journal_conf_t  *journal;

    journal = &smcf->store.journal;

    if (journal->path.data) {
        return "is duplicate";
    }

    ngx_tavus_place_note(cf, &smcf->journal_place);

    value = cf->args->elts;

    s = value[1];

    while (s.len && s.data[s.len - 1] == '/') {
        s.len--;
    }

    if (s.len == 0 || ngx_strchr(value[1].data, '$') != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid path \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    s.data[s.len] = '\0';
    value[1].len = s.len;

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

    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_tavus_store_folder(cf, &value[0], &path->name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    n = cf->cycle->paths.nelts;

    /* nginx makes it, for the user of its workers alone */

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_test_config) {

        /* it would do so for a test, too */

        cf->cycle->paths.nelts = n;
    }

    journal->path = path->name;
    journal->max_size = size;
    journal->pool = ngx_thread_pool_add(cf, NULL);

    if (journal->pool == NULL
        || ngx_tavus_journal_zone(cf, journal, &ngx_tavus_store_module)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what nginx says of one that it cannot make names no directive */

static ngx_int_t
ngx_tavus_store_folder(ngx_conf_t *cf, ngx_str_t *directive, ngx_str_t *path)
{
    u_char           *p, *parent;
    ngx_file_info_t   fi;

    if (ngx_file_info(path->data, &fi) != NGX_FILE_ERROR) {

        if (ngx_is_dir(&fi)) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" is not a folder", directive, path);
        return NGX_ERROR;
    }

    /* a link to nothing is there, and leads nowhere */

    if (ngx_errno != NGX_ENOENT
        || ngx_link_info(path->data, &fi) != NGX_FILE_ERROR)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\": " ngx_file_info_n " \"%V\" failed",
                           directive, path);
        return NGX_ERROR;
    }

    parent = ngx_pnalloc(cf->pool, path->len + 1);
    if (parent == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(parent, path->data, path->len);

    for (p = parent + path->len; p[-1] != '/'; p--) { /* void */ }

    *p = '\0';

    if (access((char *) parent, W_OK|X_OK) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\": the folder \"%V\" cannot be made in "
                           "\"%s\"", directive, path, parent);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void *
ngx_tavus_store_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_store_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_store_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    smcf->store.timeout = NGX_CONF_UNSET_MSEC;
    smcf->store.buffer = NGX_CONF_UNSET_SIZE;

    return smcf;
}


static char *
ngx_tavus_store_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_store_main_conf_t *smcf = conf;

    ngx_conf_init_msec_value(smcf->store.timeout, 1000);
    ngx_conf_init_size_value(smcf->store.buffer, 16 * 1024 * 1024);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_store_check(ngx_conf_t *cf, ngx_tavus_store_main_conf_t *smcf,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout)
{
    ngx_uint_t            i;
    ngx_tavus_pg_host_t  *hosts;
    ngx_tavus_pg_conf_t  *pg;

    pg = smcf->store.database;

    if (pg == NULL && smcf->store.journal.path.len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_journal\" needs \"tavus_database\" in %V:%ui",
                      &smcf->journal_place.file, smcf->journal_place.line);
        return NGX_ERROR;
    }

    if (pg == NULL) {
        return NGX_OK;
    }

    if (smcf->password.len) {
        pg->password = (char *) smcf->password.data;
    }

    pg->resolver = resolver;
    pg->resolver_timeout = resolver_timeout;

    hosts = pg->hosts.elts;

    for (i = 0; i < pg->hosts.nelts; i++) {

        if (!hosts[i].local && hosts[i].addrs.nelts == 0
            && resolver == NULL)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "host not found in \"%V\" of \"tavus_database\", "
                          "and no \"resolver\" is configured in %V:%ui",
                          &hosts[i].name, &smcf->database_place.file,
                          smcf->database_place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_store_former_journals(ngx_conf_t *cf,
    ngx_tavus_store_main_conf_t *smcf)
{
    ngx_str_t                    *path;
    ngx_uint_t                    i;
    ngx_tavus_journal_conf_t     *journal, *old;
    ngx_tavus_store_main_conf_t  *omcf;

    omcf = ngx_tavus_store_former(cf->cycle->old_cycle);

    if (omcf == NULL) {
        return NGX_OK;
    }

    journal = &smcf->store.journal;
    old = &omcf->store.journal;

    if (old->path.len
        && ngx_tavus_store_add_former(cf, journal, &old->path) != NGX_OK)
    {
        return NGX_ERROR;
    }

    path = old->former ? old->former->elts : NULL;

    for (i = 0; path && i < old->former->nelts; i++) {
        if (ngx_tavus_store_add_former(cf, journal, &path[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (journal->former == NULL) {
        return NGX_OK;
    }

    path = journal->former->elts;

    for (i = 0; i < journal->former->nelts; i++) {

        if (smcf->store.database == NULL) {
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

static ngx_tavus_store_main_conf_t *
ngx_tavus_store_former(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    if (cycle == NULL || ngx_is_init_cycle(cycle)) {
        return NULL;
    }

    for (i = 0; i < cycle->modules_n; i++) {
        if (cycle->modules[i] == &ngx_tavus_store_module) {
            return ngx_http_cycle_get_module_main_conf(cycle,
                                                       ngx_tavus_store_module);
        }
    }

    return NULL;
}


static ngx_int_t
ngx_tavus_store_add_former(ngx_conf_t *cf, ngx_tavus_journal_conf_t *journal,
    ngx_str_t *path)
{
    ngx_str_t   *former;
    ngx_uint_t   i;

    if (ngx_tavus_store_same_folder(path, &journal->path)) {
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
        if (ngx_tavus_store_same_folder(path, &former[i])) {
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
ngx_tavus_store_same_folder(ngx_str_t *one, ngx_str_t *two)
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
