
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Keys that are made, changed and deleted while nginx runs.
 *
 * A definition is a JSON object whose members are named as the statements of
 * llm_key.  It lies in the zone, where all workers find what has changed by
 * its number, and in a file of the state folder, where each change is a line.
 * A key of the configuration can be disabled that way, no more.
 */


#ifndef _NGX_HTTP_LLM_RUNTIME_H_INCLUDED_
#define _NGX_HTTP_LLM_RUNTIME_H_INCLUDED_


#include "ngx_http_llm_key.h"
#include "ngx_llm_ledger.h"


#define NGX_HTTP_LLM_RUNTIME_ERROR    512


typedef struct ngx_http_llm_defined_s {
    ngx_str_node_t                node;         /* by name */
    ngx_rbtree_node_t             id;           /* by that in the ledger */
    ngx_pool_t                   *pool;         /* of all that it has */
    ngx_http_llm_key_t           *key;
    ngx_str_t                     text;         /* the definition */
    ngx_str_t                     error;        /* why it is of no use: then
                                                   the key has but a name */
    ngx_queue_t                   queue;
    ngx_uint_t                    users;        /* requests in flight */
    unsigned                      gone:1;
    unsigned                      overlay:1;    /* of a configured key */
} ngx_http_llm_defined_t;


/* of this process; made when first needed */

typedef struct ngx_http_llm_runtime_s {
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_llm_ledger_t             *ledger;
    int64_t                       change;       /* the last one seen */
    ngx_rbtree_t                  names;
    ngx_rbtree_node_t             sentinel;
    ngx_rbtree_t                  ids;
    ngx_rbtree_node_t             id_sentinel;
    ngx_queue_t                   all;          /* in no order */
    ngx_uint_t                    ndigests;
    ngx_http_llm_secret_t        *slots;        /* by digest: malloc'ed */
    ngx_uint_t                    size;
} ngx_http_llm_runtime_t;


/* the name of its definition in the ledger */
void ngx_http_llm_runtime_name(ngx_str_t *text, ngx_llm_name_t *name);

/* NGX_OK; NGX_DECLINED: a key that is made at run time cannot be called so */
ngx_int_t ngx_http_llm_runtime_name_check(ngx_str_t *name);

/*
 * Sees to it that this process knows the keys of the zone as they are now.
 * Costs a load and a comparison when nothing has changed.
 */
void ngx_http_llm_runtime_update(ngx_http_llm_main_conf_t *lmcf);

/* after update(); NULL: there is none */
ngx_http_llm_defined_t *ngx_http_llm_runtime_find(
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name);

/* the same, but for those of the configuration */
ngx_http_llm_key_t *ngx_http_llm_runtime_key(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name);
ngx_http_llm_key_t *ngx_http_llm_runtime_secret(
    ngx_http_llm_main_conf_t *lmcf, u_char *digest);

/* keeps a key's memory until the request has ended; NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_llm_runtime_hold(ngx_http_request_t *r,
    ngx_http_llm_key_t *key);

/*
 * Makes a key of a definition, in the pool.  NGX_OK; NGX_DECLINED: error says
 * why, in memory of the pool; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_runtime_parse(ngx_http_llm_main_conf_t *lmcf,
    ngx_pool_t *pool, ngx_str_t *text, ngx_http_llm_key_t **key,
    ngx_str_t *error);

/*
 * A change, in the zone and the file; old: the definition that it was made
 * from, NULL: there was none; text NULL: deleted.  NGX_OK; NGX_BUSY: another
 * one is being written; NGX_ABORT: it is no longer what it was; NGX_DECLINED:
 * the zone has no room; NGX_ERROR: it could not be written, and was logged.
 */
ngx_int_t ngx_http_llm_runtime_set(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name, ngx_str_t *old, ngx_str_t *text, ngx_log_t *log);

/* reads the file into a new zone; in the master.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_llm_runtime_load(ngx_http_llm_main_conf_t *lmcf,
    ngx_log_t *log);

/*
 * of the helper: brings the file to the disk, and writes it anew if it is much
 * longer than what it says
 */
void ngx_http_llm_runtime_sync(ngx_http_llm_main_conf_t *lmcf, ngx_log_t *log);


#endif /* _NGX_HTTP_LLM_RUNTIME_H_INCLUDED_ */
