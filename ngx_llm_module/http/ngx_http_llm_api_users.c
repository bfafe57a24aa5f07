
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: the values of limits with per=, as long as they have counters.
 *
 * A counter knows the name of its limit's alone; whose that is the
 * configuration tells, and the keys made at run time.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_api.h"


/* steps behind those of the owners; a walk begins with 0 */
#define NGX_HTTP_LLM_API_USERS_DEFINED                                       \
    (NGX_HTTP_LLM_STANDING_PROVIDERS + 1)
#define NGX_HTTP_LLM_API_USERS_COUNTERS                                      \
    (NGX_HTTP_LLM_STANDING_PROVIDERS + 2)


typedef struct {
    ngx_llm_name_t                name;
    char                         *kind;         /* of its owner */
    ngx_str_t                     owner;
    ngx_str_t                     limit;        /* the statement */
} ngx_http_llm_api_per_t;


typedef struct {
    ngx_array_t                   limits;       /* ngx_http_llm_api_per_t, in
                                                   the order of names */
    ngx_llm_counter_t             counter[NGX_HTTP_LLM_WALK_STEP];
} ngx_http_llm_api_users_t;


static ngx_int_t ngx_http_llm_api_users_step(ngx_http_llm_walk_t *walk);
static ngx_int_t ngx_http_llm_api_users_owners(ngx_http_llm_walk_t *walk);
static ngx_int_t ngx_http_llm_api_users_defined(ngx_http_llm_walk_t *walk);
static ngx_int_t ngx_http_llm_api_users_limits(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits);
static ngx_int_t ngx_http_llm_api_users_copy(ngx_pool_t *pool, ngx_str_t *to,
    ngx_str_t *from);
static int ngx_libc_cdecl ngx_http_llm_api_users_order(const void *one,
    const void *two);
static ngx_int_t ngx_http_llm_api_users_counters(ngx_http_llm_walk_t *walk);
static ngx_http_llm_api_per_t *ngx_http_llm_api_users_find(
    ngx_http_llm_walk_t *walk, ngx_llm_counter_t *c);
static void ngx_http_llm_api_user(ngx_http_llm_walk_t *walk,
    ngx_llm_counter_t *c);


ngx_int_t
ngx_http_llm_api_users(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_http_llm_walk_t       *walk;
    ngx_http_llm_api_users_t  *users;

    walk = ngx_http_llm_walk_create(r, ngx_http_llm_api_users_step,
                                    "application/json");
    if (walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    users = ngx_palloc(r->pool, sizeof(ngx_http_llm_api_users_t));
    if (users == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_array_init(&users->limits, r->pool, 8,
                       sizeof(ngx_http_llm_api_per_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    walk->data = users;
    walk->phase = NGX_HTTP_LLM_STANDING_TEAMS;

    ngx_llm_out_lit(&walk->out[0], "{\"object\":\"list\",\"data\":[");

    return ngx_http_llm_walk(walk);
}


static ngx_int_t
ngx_http_llm_api_users_step(ngx_http_llm_walk_t *walk)
{
    switch (walk->phase) {

    case NGX_HTTP_LLM_API_USERS_DEFINED:
        return ngx_http_llm_api_users_defined(walk);

    case NGX_HTTP_LLM_API_USERS_COUNTERS:
        return ngx_http_llm_api_users_counters(walk);

    default:
        return ngx_http_llm_api_users_owners(walk);
    }
}


static ngx_int_t
ngx_http_llm_api_users_owners(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t              n, last;
    ngx_http_llm_limits_t  *limits;

    for (n = 0; n < NGX_HTTP_LLM_WALK_STEP; n++) {

        limits = ngx_http_llm_standing_owner(walk->lmcf, walk->phase, walk->i,
                                             &last);
        if (last) {
            walk->phase++;
            walk->i = 0;

            return NGX_AGAIN;
        }

        walk->i++;

        if (ngx_http_llm_api_users_limits(walk, limits) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


/* they may change between steps: all in one */

static ngx_int_t
ngx_http_llm_api_users_defined(ngx_http_llm_walk_t *walk)
{
    ngx_queue_t               *q, *all;
    ngx_http_llm_defined_t    *def;
    ngx_http_llm_api_users_t  *users;

    users = walk->data;

    if (walk->lmcf->runtime) {
        all = &walk->lmcf->runtime->all;

        for (q = ngx_queue_head(all);
             q != ngx_queue_sentinel(all);
             q = ngx_queue_next(q))
        {
            def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);

            if (!def->overlay
                && ngx_http_llm_api_users_limits(walk, def->key->limits)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    ngx_qsort(users->limits.elts, users->limits.nelts,
              sizeof(ngx_http_llm_api_per_t), ngx_http_llm_api_users_order);

    walk->phase = NGX_HTTP_LLM_API_USERS_COUNTERS;

    return NGX_AGAIN;
}


/* a key may be gone in the next step */

static ngx_int_t
ngx_http_llm_api_users_limits(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits)
{
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_pool_t                *pool;
    ngx_http_llm_limit_t      *limit;
    ngx_http_llm_api_per_t    *per;
    ngx_http_llm_api_users_t  *users;
    u_char                     buf[NGX_HTTP_LLM_STATEMENT];

    if (limits == NULL || limits->template) {
        return NGX_OK;
    }

    users = walk->data;
    pool = walk->request->pool;
    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {

        if (limit[i].limit.per == NGX_LLM_PER_NONE) {
            continue;
        }

        per = ngx_array_push(&users->limits);
        if (per == NULL) {
            return NGX_ERROR;
        }

        per->name = limit[i].name;
        per->kind = limits->kind;

        ngx_http_llm_standing_statement(&limit[i].limit, buf, &text);

        if (ngx_http_llm_api_users_copy(pool, &per->limit, &text) != NGX_OK
            || ngx_http_llm_api_users_copy(pool, &per->owner, &limits->name)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_users_copy(ngx_pool_t *pool, ngx_str_t *to, ngx_str_t *from)
{
    to->len = from->len;
    to->data = ngx_pstrdup(pool, from);

    return to->data ? NGX_OK : NGX_ERROR;
}


static int ngx_libc_cdecl
ngx_http_llm_api_users_order(const void *one, const void *two)
{
    const ngx_llm_name_t  *a, *b;

    a = &((const ngx_http_llm_api_per_t *) one)->name;
    b = &((const ngx_http_llm_api_per_t *) two)->name;

    if (a->id[0] != b->id[0]) {
        return (a->id[0] < b->id[0]) ? -1 : 1;
    }

    return (a->id[1] > b->id[1]) - (a->id[1] < b->id[1]);
}


static ngx_int_t
ngx_http_llm_api_users_counters(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t                 i, n;
    ngx_llm_counter_t         *c;
    ngx_http_llm_api_users_t  *users;

    users = walk->data;
    c = users->counter;
    n = 0;

    if (walk->ledger) {
        n = ngx_llm_ledger_counters(walk->ledger, &walk->i, c,
                                    NGX_HTTP_LLM_WALK_STEP);
    }

    for (i = 0; i < n; i++) {
        if (c[i].parent) {
            ngx_http_llm_api_user(walk, &c[i]);
        }
    }

    if (n) {
        return NGX_AGAIN;
    }

    ngx_llm_out_lit(&walk->out[0], "]}\n");

    return NGX_OK;
}


/* NULL: of a key that a pattern names, or of what is no longer there */

static ngx_http_llm_api_per_t *
ngx_http_llm_api_users_find(ngx_http_llm_walk_t *walk, ngx_llm_counter_t *c)
{
    int                        rc;
    ngx_uint_t                 first, last, i;
    ngx_http_llm_api_per_t    *per, wanted;
    ngx_http_llm_api_users_t  *users;

    if (ngx_llm_ledger_parent(walk->ledger, c, &wanted.name) != NGX_OK) {
        return NULL;
    }

    users = walk->data;
    per = users->limits.elts;
    first = 0;
    last = users->limits.nelts;

    while (first < last) {
        i = first + (last - first) / 2;
        rc = ngx_http_llm_api_users_order(&per[i], &wanted);

        if (rc == 0) {
            return &per[i];
        }

        if (rc < 0) {
            first = i + 1;

        } else {
            last = i;
        }
    }

    return NULL;
}


static void
ngx_http_llm_api_user(ngx_http_llm_walk_t *walk, ngx_llm_counter_t *c)
{
    ngx_str_t                value;
    ngx_uint_t               unit;
    ngx_llm_out_t           *out;
    ngx_http_llm_api_per_t  *per;

    static char  *kinds[] = { "rate", "quota", "concurrency" };

    out = &walk->out[0];
    unit = (ngx_uint_t) c->kind >> 8;

    value.data = c->value;
    value.len = ngx_strnlen(c->value, NGX_LLM_LEDGER_VALUE);

    if (walk->j++) {
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_lit(out, "{\"value\":");
    ngx_llm_out_json_string(out, &value);

    per = ngx_http_llm_api_users_find(walk, c);

    if (per) {
        ngx_llm_out_lit(out, ",\"");
        ngx_llm_out_data(out, (u_char *) per->kind, ngx_strlen(per->kind));
        ngx_llm_out_lit(out, "\":");
        ngx_llm_out_json_string(out, &per->owner);
        ngx_llm_out_lit(out, ",\"limit\":");
        ngx_llm_out_json_string(out, &per->limit);
    }

    ngx_llm_out_lit(out, ",\"kind\":\"");
    ngx_llm_out_data(out, (u_char *) kinds[c->kind & 0xff],
                     ngx_strlen(kinds[c->kind & 0xff]));
    ngx_llm_out_lit(out, "\",\"unit\":\"");
    ngx_llm_out_str(out, ngx_llm_limit_unit(unit));
    ngx_llm_out_lit(out, "\",\"used\":");
    ngx_http_llm_api_amount(out, unit, c->settled);
    ngx_llm_out_lit(out, ",\"held\":");
    ngx_http_llm_api_amount(out, unit, c->held);

    if ((c->kind & 0xff) == NGX_LLM_LIMIT_QUOTA) {
        ngx_llm_out_lit(out, ",\"period\":");
        ngx_llm_out_int(out, c->period);
        ngx_llm_out_lit(out, ",\"reset\":");
        ngx_llm_out_int(out, c->reset);
    }

    ngx_llm_out_char(out, '}');
}
