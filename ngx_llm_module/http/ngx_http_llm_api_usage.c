
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: usage by key, model or team, by day or in all.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_api.h"
#include "ngx_http_llm_account.h"


typedef struct {
    ngx_str_node_t                node;
    ngx_str_t                     name;
    int64_t                       day;
    int64_t                       sum[NGX_LLM_LEDGER_SUMS];
    ngx_queue_t                   queue;
} ngx_http_llm_api_group_t;


typedef struct {
    ngx_int_t                     kind;         /* NGX_HTTP_LLM_ROW_* */
    ngx_str_t                     member;       /* "key" ...; empty: none */
    int64_t                       from;
    int64_t                       to;
    ngx_llm_sum_t                *copy;
    ngx_rbtree_t                  tree;
    ngx_rbtree_node_t             sentinel;
    ngx_queue_t                   groups;
    unsigned                      by_day:1;
} ngx_http_llm_api_usage_t;


static ngx_int_t ngx_http_llm_api_usage_args(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_api_usage_t *u);
static ngx_int_t ngx_http_llm_api_usage_time(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, char *name, int64_t *t);
static ngx_int_t ngx_http_llm_api_usage_step(ngx_http_llm_walk_t *walk);
static ngx_int_t ngx_http_llm_api_usage_add(ngx_http_llm_walk_t *walk,
    ngx_llm_sum_t *sum);
static void ngx_http_llm_api_usage_write(ngx_http_llm_walk_t *walk,
    ngx_http_llm_api_group_t *g);


static struct {
    ngx_str_t                     name;
    ngx_int_t                     kind;
} ngx_http_llm_api_by[] = {
    { ngx_string("key"), NGX_HTTP_LLM_ROW_KEY },
    { ngx_string("model"), NGX_HTTP_LLM_ROW_MODEL },
    { ngx_string("team"), NGX_HTTP_LLM_ROW_TEAM },
    { ngx_null_string, 0 }
};


static struct {
    char                         *name;
    ngx_uint_t                    sum;
} ngx_http_llm_api_sums[] = {
    { "\"requests\":", NGX_HTTP_LLM_SUM_REQUESTS },
    { ",\"errors\":", NGX_HTTP_LLM_SUM_ERRORS },
    { ",\"attempts\":", NGX_HTTP_LLM_SUM_ATTEMPTS },
    { ",\"prompt_tokens\":", NGX_HTTP_LLM_SUM_PROMPT },
    { ",\"completion_tokens\":", NGX_HTTP_LLM_SUM_COMPLETION },
    { ",\"cached_tokens\":", NGX_HTTP_LLM_SUM_CACHED },
    { ",\"cache_write_tokens\":", NGX_HTTP_LLM_SUM_CACHE_WRITE },
    { ",\"reasoning_tokens\":", NGX_HTTP_LLM_SUM_REASONING },
    { NULL, 0 }
};


ngx_int_t
ngx_http_llm_api_usage(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_http_llm_walk_t       *walk;
    ngx_http_llm_api_usage_t  *u;

    u = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_api_usage_t));
    walk = ngx_http_llm_walk_create(r, ngx_http_llm_api_usage_step,
                                    "application/json");

    if (u == NULL || walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_api_usage_args(r, call, u) != NGX_OK) {
        return call->rc;
    }

    u->copy = ngx_palloc(r->pool,
                         NGX_HTTP_LLM_WALK_STEP * sizeof(ngx_llm_sum_t));
    if (u->copy == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_queue_init(&u->groups);
    ngx_rbtree_init(&u->tree, &u->sentinel, ngx_str_rbtree_insert_value);

    walk->data = u;

    ngx_llm_out_lit(&walk->out[0], "{\"object\":\"list\",\"data\":[");

    return ngx_http_llm_walk(walk);
}


/* by=key,day: one of key, model, team, with or without day; day alone */

static ngx_int_t
ngx_http_llm_api_usage_args(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_api_usage_t *u)
{
    u_char      *p, *last;
    ngx_str_t    by, word;
    ngx_uint_t   i;

    u->kind = NGX_HTTP_LLM_ROW_KEY;
    u->to = NGX_LLM_LIMIT_MAX;

    if (ngx_http_llm_api_usage_time(r, call, "from", &u->from) != NGX_OK
        || ngx_http_llm_api_usage_time(r, call, "to", &u->to) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_arg(r, (u_char *) "by", 2, &by) != NGX_OK) {
        ngx_str_set(&by, "key");
    }

    p = by.data;
    last = p + by.len;

    while (p < last) {

        word.data = p;

        while (p < last && *p != ',') {
            p++;
        }

        word.len = p++ - word.data;

        if (word.len == 3 && ngx_strncmp(word.data, "day", 3) == 0) {
            u->by_day = 1;
            continue;
        }

        for (i = 0; ngx_http_llm_api_by[i].kind; i++) {
            if (word.len == ngx_http_llm_api_by[i].name.len
                && ngx_strncmp(word.data, ngx_http_llm_api_by[i].name.data,
                               word.len)
                   == 0)
            {
                break;
            }
        }

        if (ngx_http_llm_api_by[i].kind == 0 || u->member.len) {
            call->rc = ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                              "invalid \"by\": it is one of "
                                              "key, model, team, with or "
                                              "without day, or day alone; "
                                              "other crossings are in the "
                                              "usage log");
            return NGX_DECLINED;
        }

        u->kind = ngx_http_llm_api_by[i].kind;
        u->member = ngx_http_llm_api_by[i].name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_usage_time(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, char *name, int64_t *t)
{
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        return NGX_OK;
    }

    if (ngx_llm_time_parse(&call->lmcf->calendar->tz, &value, t) == NGX_OK) {
        return NGX_OK;
    }

    call->rc = ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "invalid \"%s\": a date as \"2027-01-31"
                                      "\" is expected", name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_api_usage_step(ngx_http_llm_walk_t *walk)
{
    ngx_http_llm_api_usage_t *u = walk->data;

    ngx_uint_t                 i, n;
    ngx_queue_t               *q;
    ngx_http_llm_api_group_t  *g;

    n = 0;

    if (walk->ledger && walk->phase == 0) {
        n = ngx_llm_ledger_sums(walk->ledger, &walk->i, u->copy,
                                NGX_HTTP_LLM_WALK_STEP);
    }

    for (i = 0; i < n; i++) {

        /* what the zone had no room for has the kind modulo 4, and no day */

        if ((u->copy[i].kind & (NGX_LLM_LEDGER_ROWS - 1))
            == (u->kind & (NGX_LLM_LEDGER_ROWS - 1))
            && u->copy[i].sum[NGX_HTTP_LLM_SUM_REQUESTS]
            && u->copy[i].day >= u->from
            && u->copy[i].day < u->to
            && ngx_http_llm_api_usage_add(walk, &u->copy[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (n) {
        return NGX_AGAIN;
    }

    walk->phase = 1;

    for (i = 0; i < NGX_HTTP_LLM_WALK_STEP; i++) {

        if (ngx_queue_empty(&u->groups)) {
            ngx_llm_out_lit(&walk->out[0], "]}\n");
            return NGX_OK;
        }

        q = ngx_queue_head(&u->groups);
        ngx_queue_remove(q);

        g = ngx_queue_data(q, ngx_http_llm_api_group_t, queue);
        ngx_http_llm_api_usage_write(walk, g);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_api_usage_add(ngx_http_llm_walk_t *walk, ngx_llm_sum_t *sum)
{
    ngx_http_llm_api_usage_t *u = walk->data;

    uint32_t                   hash;
    ngx_str_t                  id;
    ngx_uint_t                 i;
    ngx_pool_t                *pool;
    ngx_http_llm_api_group_t  *g;
    u_char                     buf[NGX_LLM_LEDGER_TEXT + NGX_INT64_LEN + 1];

    id.data = buf;
    id.len = ngx_sprintf(buf, "%L", u->by_day ? sum->day : 0) - buf;

    if (u->member.len) {
        id.len = ngx_cpystrn(buf + id.len, sum->text, NGX_LLM_LEDGER_TEXT)
                 - buf;
    }

    hash = ngx_crc32_long(id.data, id.len);

    g = (ngx_http_llm_api_group_t *) ngx_str_rbtree_lookup(&u->tree, &id,
                                                           hash);

    if (g == NULL) {
        pool = walk->request->pool;

        g = ngx_pcalloc(pool, sizeof(ngx_http_llm_api_group_t));
        if (g == NULL) {
            return NGX_ERROR;
        }

        g->node.str.len = id.len;
        g->node.str.data = ngx_pstrdup(pool, &id);

        if (g->node.str.data == NULL) {
            return NGX_ERROR;
        }

        g->node.node.key = hash;
        g->day = u->by_day ? sum->day : 0;

        if (u->member.len) {
            g->name.len = ngx_strnlen(sum->text, NGX_LLM_LEDGER_TEXT);
            g->name.data = g->node.str.data + id.len - g->name.len;
        }

        ngx_rbtree_insert(&u->tree, &g->node.node);
        ngx_queue_insert_tail(&u->groups, &g->queue);
    }

    for (i = 0; i < NGX_LLM_LEDGER_SUMS; i++) {
        g->sum[i] += sum->sum[i];
    }

    return NGX_OK;
}


static void
ngx_http_llm_api_usage_write(ngx_http_llm_walk_t *walk,
    ngx_http_llm_api_group_t *g)
{
    ngx_http_llm_api_usage_t *u = walk->data;

    ngx_tm_t        tm;
    u_char         *p, buf[sizeof("9999999999-01-01")];
    ngx_str_t       date;
    ngx_uint_t      i;
    ngx_llm_out_t  *out;

    out = &walk->out[0];

    if (walk->j++) {
        ngx_llm_out_char(out, ',');
    }

    ngx_llm_out_char(out, '{');

    if (u->member.len) {
        ngx_llm_out_json_string(out, &u->member);
        ngx_llm_out_char(out, ':');
        ngx_llm_out_json_string(out, &g->name);
        ngx_llm_out_char(out, ',');
    }

    if (g->day) {
        ngx_gmtime(g->day + ngx_llm_tz_offset(&walk->lmcf->calendar->tz,
                                              g->day), &tm);

        date.data = buf;
        p = ngx_sprintf(buf, "%4d-%02d-%02d", tm.ngx_tm_year, tm.ngx_tm_mon,
                        tm.ngx_tm_mday);
        date.len = p - buf;

        ngx_llm_out_lit(out, "\"day\":");
        ngx_llm_out_json_string(out, &date);
        ngx_llm_out_char(out, ',');
    }

    for (i = 0; ngx_http_llm_api_sums[i].name; i++) {
        ngx_llm_out_data(out, (u_char *) ngx_http_llm_api_sums[i].name,
                         ngx_strlen(ngx_http_llm_api_sums[i].name));
        ngx_llm_out_int(out, g->sum[ngx_http_llm_api_sums[i].sum]);
    }

    ngx_llm_out_lit(out, ",\"cost\":");
    ngx_http_llm_api_amount(out, NGX_LLM_UNIT_COST,
                            g->sum[NGX_HTTP_LLM_SUM_COST]);
    ngx_llm_out_char(out, '}');
}
