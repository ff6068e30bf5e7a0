
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_journal_file.h"
#include "core/tavus_event.h"

#include <openssl/rand.h>


#define NGX_TAVUS_NODE_FILE   ".node"
#define NGX_TAVUS_NODE_ID     32        /* hex digits */
#define NGX_TAVUS_NODE_PLACE  16
#define NGX_TAVUS_NODE_RETRY  5000

#define NGX_TAVUS_NODE_BOOT   "/proc/sys/kernel/random/boot_id"


typedef struct {
    const char            *folder;      /* NULL: no journal */
    ngx_array_t           *former;      /* other folders; NULL: none */
    ngx_msec_t             tried;
    char                   name[NGX_TAVUS_NODE_ID + 1 + NGX_TAVUS_NODE_PLACE
                                + 1];
} ngx_tavus_node_t;


static ngx_int_t ngx_tavus_node_load(void);
static ngx_int_t ngx_tavus_node_read(const char *path);
static ngx_int_t ngx_tavus_node_make(const char *path);
static ngx_int_t ngx_tavus_node_inherit(u_char *id);
static ngx_int_t ngx_tavus_node_place(void);


static ngx_tavus_node_t  ngx_tavus_node;


void
ngx_tavus_node_init_process(ngx_tavus_journal_conf_t *conf)
{
    ngx_memzero(&ngx_tavus_node, sizeof(ngx_tavus_node_t));

    if (conf->path.len) {
        ngx_tavus_node.folder = (char *) conf->path.data;
        ngx_tavus_node.former = conf->former;
        (void) ngx_tavus_node_name();
    }
}


const char *
ngx_tavus_node_name(void)
{
    ngx_tavus_node_t  *node;

    node = &ngx_tavus_node;

    if (node->folder == NULL || node->name[0] != '\0') {
        return node->name;
    }

    if (node->tried
        && ngx_current_msec - node->tried < NGX_TAVUS_NODE_RETRY)
    {
        return NULL;
    }

    node->tried = ngx_current_msec;

    if (ngx_tavus_node_load() != NGX_OK) {
        node->name[0] = '\0';
        return NULL;
    }

    return node->name;
}


static ngx_int_t
ngx_tavus_node_load(void)
{
    char       path[NGX_MAX_PATH];
    ngx_int_t  rc;

    if (snprintf(path, sizeof(path), "%s/" NGX_TAVUS_NODE_FILE,
                 ngx_tavus_node.folder)
        >= (int) sizeof(path))
    {
        ngx_set_errno(ENAMETOOLONG);
        rc = NGX_ERROR;

    } else {
        rc = ngx_tavus_node_read(path);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_node_make(path);

        if (rc == NGX_OK) {
            rc = ngx_tavus_node_read(path);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_tavus_node_place();
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, ngx_errno,
                      "journal \"%s\": the node's id could not be read or "
                      "made", ngx_tavus_node.folder);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_DECLINED: there is none */

static ngx_int_t
ngx_tavus_node_read(const char *path)
{
    int      fd;
    char    *id;
    ssize_t  n;
    size_t   i;

    id = ngx_tavus_node.name;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        return ngx_errno == NGX_ENOENT ? NGX_DECLINED : NGX_ERROR;
    }

    n = read(fd, id, NGX_TAVUS_NODE_ID + 2);

    (void) close(fd);

    ngx_set_errno(NGX_EINVAL);

    if (n < NGX_TAVUS_NODE_ID || n > NGX_TAVUS_NODE_ID + 1
        || (n == NGX_TAVUS_NODE_ID + 1 && id[NGX_TAVUS_NODE_ID] != '\n'))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_TAVUS_NODE_ID; i++) {
        if (!((id[i] >= '0' && id[i] <= '9')
              || (id[i] >= 'a' && id[i] <= 'f')))
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* other workers try the same: the file is whole when it gets its name */

static ngx_int_t
ngx_tavus_node_make(const char *path)
{
    int        fd;
    char       temp[NGX_MAX_PATH + NGX_INT64_LEN + 1];
    u_char     id[NGX_TAVUS_NODE_ID / 2], text[NGX_TAVUS_NODE_ID + 1];
    ngx_int_t  rc;

    if (ngx_tavus_node_inherit(text) != NGX_OK) {

        if (RAND_bytes(id, sizeof(id)) != 1) {
            ngx_set_errno(0);
            return NGX_ERROR;
        }

        (void) ngx_hex_dump(text, id, sizeof(id));
    }

    text[NGX_TAVUS_NODE_ID] = '\n';

    (void) ngx_sprintf((u_char *) temp, "%s.%P%Z", path, ngx_pid);

    fd = open(temp, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd == -1) {
        return NGX_ERROR;
    }

    rc = (write(fd, text, sizeof(text)) == (ssize_t) sizeof(text)
          && fsync(fd) == 0
          && (link(temp, path) == 0 || ngx_errno == NGX_EEXIST)
          && ngx_tavus_journal_sync_dir(ngx_tavus_node.folder) == NGX_OK)
         ? NGX_OK : NGX_ERROR;

    (void) close(fd);
    (void) unlink(temp);

    return rc;
}


/* the latest folder comes first */

static ngx_int_t
ngx_tavus_node_inherit(u_char *id)
{
    char        path[NGX_MAX_PATH];
    ngx_str_t  *folder;
    ngx_uint_t  i;

    if (ngx_tavus_node.former == NULL) {
        return NGX_DECLINED;
    }

    folder = ngx_tavus_node.former->elts;

    for (i = 0; i < ngx_tavus_node.former->nelts; i++) {

        if (snprintf(path, sizeof(path), "%s/" NGX_TAVUS_NODE_FILE,
                     folder[i].data)
            < (int) sizeof(path)
            && ngx_tavus_node_read(path) == NGX_OK)
        {
            ngx_memcpy(id, ngx_tavus_node.name, NGX_TAVUS_NODE_ID);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_tavus_node_place(void)
{
    int           fd;
    char         *p, boot[64];
    ssize_t       n;
    uint8_t       digest[TAVUS_EVENT_DIGEST];
    struct stat   st;
    tavus_part_t  parts[3];

    if (stat(ngx_tavus_node.folder, &st) != 0) {
        return NGX_ERROR;
    }

    /* where there is no such file, a copy on another machine goes unseen */

    n = 0;
    fd = open(NGX_TAVUS_NODE_BOOT, O_RDONLY|O_CLOEXEC);

    if (fd != -1) {
        n = read(fd, boot, sizeof(boot));
        (void) close(fd);
    }

    parts[0].data = boot;
    parts[0].len = n > 0 ? n : 0;
    parts[1].data = &st.st_dev;
    parts[1].len = sizeof(st.st_dev);
    parts[2].data = &st.st_ino;
    parts[2].len = sizeof(st.st_ino);

    if (tavus_event_digest(digest, parts, 3) != 0) {
        ngx_set_errno(0);
        return NGX_ERROR;
    }

    p = ngx_tavus_node.name + NGX_TAVUS_NODE_ID;

    *p++ = '.';
    *ngx_hex_dump((u_char *) p, digest, NGX_TAVUS_NODE_PLACE / 2) = '\0';

    return NGX_OK;
}
