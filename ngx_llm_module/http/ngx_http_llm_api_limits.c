
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: how limits stand, and what sets them back.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_api.h"
#include "ngx_http_llm_account.h"
#include "ngx_http_llm_state.h"


/* how long a snapshot is waited for, and how often it is looked for; ms */
#define NGX_HTTP_LLM_API_WAIT       5000
#define NGX_HTTP_LLM_API_WAIT_STEP  20


static ngx_int_t ngx_http_llm_api_adjust_key(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_uint_t credit);
static ngx_int_t ngx_http_llm_api_adjust_team(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_uint_t credit);
static ngx_int_t ngx_http_llm_api_adjust(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_limits_t *limits,
    ngx_uint_t credit, ngx_llm_usage_record_t *rec);
static ngx_uint_t ngx_http_llm_api_twin(ngx_http_llm_limit_t *limit,
    ngx_uint_t n, ngx_str_t *text);
static ngx_int_t ngx_http_llm_api_change(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_limit_t *limit,
    ngx_uint_t credit, ngx_llm_usage_record_t *rec, ngx_uint_t done);
static ngx_int_t ngx_http_llm_api_credit(ngx_http_llm_api_call_t *call,
    ngx_http_llm_limit_t *limit, int64_t *amount);
static ngx_int_t ngx_http_llm_api_standing(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_limits_t *limits);
static ngx_int_t ngx_http_llm_api_wait(ngx_http_llm_walk_t *walk);
static ngx_uint_t ngx_http_llm_api_named(ngx_llm_limit_t *l, ngx_str_t *text);


ngx_int_t
ngx_http_llm_api_key_reset(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    return ngx_http_llm_api_adjust_key(r, call, 0);
}


ngx_int_t
ngx_http_llm_api_key_credit(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    return ngx_http_llm_api_adjust_key(r, call, 1);
}


ngx_int_t
ngx_http_llm_api_team_reset(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    return ngx_http_llm_api_adjust_team(r, call, 0);
}


ngx_int_t
ngx_http_llm_api_team_credit(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    return ngx_http_llm_api_adjust_team(r, call, 1);
}


static ngx_int_t
ngx_http_llm_api_adjust_key(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_uint_t credit)
{
    ngx_http_llm_key_t      *key;
    ngx_llm_usage_record_t   rec;

    key = ngx_http_llm_api_find_key(call->lmcf, &call->name);

    if (key == NULL) {
        return ngx_http_llm_api_error(r, NGX_HTTP_NOT_FOUND, "key_not_found",
                                      "there is no key \"%V\"", &call->name);
    }

    ngx_llm_usage_record_init(&rec);

    rec.key = key->name;

    return ngx_http_llm_api_adjust(r, call, key->limits, credit, &rec);
}


static ngx_int_t
ngx_http_llm_api_adjust_team(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_uint_t credit)
{
    ngx_http_llm_team_t     *team;
    ngx_llm_usage_record_t   rec;

    team = ngx_http_llm_team_find(call->lmcf, &call->name);

    if (team == NULL) {
        return ngx_http_llm_api_error(r, NGX_HTTP_NOT_FOUND, "team_not_found",
                                      "there is no team \"%V\"", &call->name);
    }

    ngx_llm_usage_record_init(&rec);

    rec.team = team->name;

    return ngx_http_llm_api_adjust(r, call, team->limits, credit, &rec);
}


/*
 * "limit" names one as it is written ("quota cost=5/day"); without it a reset
 * is of all.  "amount" is in the limit's unit, of a cost in dollars.
 */

static ngx_int_t
ngx_http_llm_api_adjust(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_http_llm_limits_t *limits, ngx_uint_t credit,
    ngx_llm_usage_record_t *rec)
{
    ngx_str_t              text;
    ngx_uint_t             i, n;
    ngx_http_llm_limit_t  *limit;

    if (ngx_http_llm_zone_ledger(call->lmcf) == NULL || limits == NULL
        || limits->template)
    {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "no_limits",
                                      "\"%V\" has no limits of its own",
                                      &call->name);
    }

    ngx_str_null(&text);

    if (call->body) {
        text = ngx_llm_json_str(call->body, "limit");
        text = ngx_llm_json_plain(r->pool, &text);
    }

    if (text.len == 0
        && (credit || (call->body && ngx_llm_json_set(call->body, "limit"))))
    {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "\"limit\" must be a limit as it is "
                                      "written: \"quota cost=5/day\"");
    }

    if (credit) {
        ngx_str_set(&rec->action, "credit");

    } else {
        ngx_str_set(&rec->action, "reset");
    }

    rec->client = r->connection->addr_text;
    rec->status = -1;
    rec->uncharged = 1;

    limit = limits->limits.elts;
    n = 0;

    for (i = 0; i < limits->limits.nelts; i++) {

        if ((text.len && !ngx_http_llm_api_named(&limit[i].limit, &text))
            || limit[i].limit.kind == NGX_LLM_LIMIT_CONCURRENCY
            || !ngx_http_llm_standing_one(limits, &limit[i]))
        {
            continue;
        }

        /* those that share a counter share it */

        if (!ngx_http_llm_api_twin(limit, i, &text)
            && ngx_http_llm_api_change(r, call, &limit[i], credit, rec, n)
               != NGX_OK)
        {
            return call->rc;
        }

        n++;
    }

    if (n == 0) {
        return ngx_http_llm_api_error(r, NGX_HTTP_NOT_FOUND, "limit_not_found",
                                      "\"%V\" has no such rate or quota with "
                                      "a standing of its own", &call->name);
    }

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "%ui llm limits of \"%V\" were %s", n, &call->name,
                  credit ? "credited" : "reset");

    return ngx_http_llm_api_standing(r, call, limits);
}


/* did one before it have its counter, and was meant, too? */

static ngx_uint_t
ngx_http_llm_api_twin(ngx_http_llm_limit_t *limit, ngx_uint_t n,
    ngx_str_t *text)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (limit[i].name.id[0] == limit[n].name.id[0]
            && limit[i].name.id[1] == limit[n].name.id[1]
            && (text->len == 0
                || ngx_http_llm_api_named(&limit[i].limit, text)))
        {
            return 1;
        }
    }

    return 0;
}


/* done: so many before it */

static ngx_int_t
ngx_http_llm_api_change(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_http_llm_limit_t *limit, ngx_uint_t credit,
    ngx_llm_usage_record_t *rec, ngx_uint_t done)
{
    u_char  buf[NGX_HTTP_LLM_STATEMENT];

    if (credit
        && ngx_http_llm_api_credit(call, limit, &rec->amount) != NGX_OK)
    {
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                          "\"amount\" must be a number "
                                          "above 0, in %s",
                                          limit->limit.unit
                                          == NGX_LLM_UNIT_COST
                                          ? "US dollars"
                                          : "the unit of the limit");
        return NGX_DECLINED;
    }

    ngx_http_llm_standing_statement(&limit->limit, buf, &rec->limit);

    switch (ngx_http_llm_account_change(call->lmcf, limit, !credit, rec)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_BUSY:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                          "busy", "another limit is being "
                                          "changed, or too many processes "
                                          "use the zone: try again");
        break;

    case NGX_DECLINED:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_INSUFFICIENT_STORAGE,
                                          "zone_full", "the zone has no room "
                                          "for the counter: give "
                                          "\"llm_zone\" a larger size");
        break;

    default: /* NGX_ERROR */
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                          "not_kept", "the usage log could "
                                          "not be written, see the error log: "
                                          "%ui limits were changed", done);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_api_credit(ngx_http_llm_api_call_t *call,
    ngx_http_llm_limit_t *limit, int64_t *amount)
{
    ngx_str_t        value;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(call->body, "amount");

    ngx_str_null(&value);

    if (node && node->type == NGX_LLM_JSON_STRING) {
        value = ngx_llm_json_text(node);

    } else if (node && node->type == NGX_LLM_JSON_NUMBER) {
        value = node->raw;
    }

    if (ngx_llm_limit_number(&value, limit->limit.unit == NGX_LLM_UNIT_COST
                                     ? NGX_LLM_DOLLAR : 1, amount)
        != NGX_OK
        || *amount <= 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* without a usage log the next snapshot keeps it, and is waited for */

static ngx_int_t
ngx_http_llm_api_standing(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_http_llm_limits_t *limits)
{
    ngx_llm_out_t        *out;
    ngx_http_llm_walk_t  *walk;

    walk = ngx_http_llm_walk_create(r, ngx_http_llm_api_wait,
                                    "application/json");
    if (walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out = &walk->out[0];

    ngx_llm_out_lit(out, "{\"name\":");
    ngx_llm_out_json_string(out, &call->name);
    ngx_llm_out_char(out, ',');
    ngx_http_llm_api_limits(call->lmcf, walk->ledger, limits, out);
    ngx_llm_out_lit(out, "}\n");

    if (ngx_http_llm_usage_log_enabled(call->lmcf)) {
        return ngx_http_llm_walk_send(walk);
    }

    walk->i = ngx_http_llm_state_wanted(call->lmcf);
    walk->delay = NGX_HTTP_LLM_API_WAIT_STEP;

    return ngx_http_llm_walk(walk);
}


static ngx_int_t
ngx_http_llm_api_wait(ngx_http_llm_walk_t *walk)
{
    if (ngx_http_llm_state_kept(walk->lmcf, walk->i)) {
        return NGX_OK;
    }

    if (walk->j++ < NGX_HTTP_LLM_API_WAIT / NGX_HTTP_LLM_API_WAIT_STEP) {
        return NGX_AGAIN;
    }

    walk->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    walk->out[0].last = walk->out[0].start;

    ngx_http_llm_api_error_text(&walk->out[0], walk->status, "not_kept",
                                "the limits were changed, but no snapshot "
                                "was written, see the error log: a stop of "
                                "nginx may undo it");
    return NGX_OK;
}


/* with its first word, or without it */

static ngx_uint_t
ngx_http_llm_api_named(ngx_llm_limit_t *l, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   statement;
    u_char      buf[NGX_HTTP_LLM_STATEMENT];

    ngx_http_llm_standing_statement(l, buf, &statement);

    if (statement.len == text->len
        && ngx_strncmp(statement.data, text->data, text->len) == 0)
    {
        return 1;
    }

    last = statement.data + statement.len;
    p = ngx_strlchr(statement.data, last, ' ');

    return p && (size_t) (last - ++p) == text->len
           && ngx_strncmp(p, text->data, text->len) == 0;
}


void
ngx_http_llm_api_limits(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_ledger_t *ledger, ngx_http_llm_limits_t *limits,
    ngx_llm_out_t *out)
{
    ngx_str_t              text;
    ngx_uint_t             i;
    ngx_llm_item_t         item;
    ngx_http_llm_limit_t  *limit;
    u_char                 buf[NGX_HTTP_LLM_STATEMENT];

    ngx_llm_out_lit(out, "\"limits\":[");

    if (limits == NULL) {
        ngx_llm_out_char(out, ']');
        return;
    }

    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {

        ngx_http_llm_standing_statement(&limit[i].limit, buf, &text);

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_out_lit(out, "{\"limit\":");
        ngx_llm_out_json_string(out, &text);

        ngx_http_llm_standing_item(lmcf, &limit[i], ngx_time(), &item);

        ngx_llm_out_lit(out, ",\"allowed\":");
        ngx_http_llm_api_amount(out, item.unit, item.limit);

        if (ledger == NULL
            || !ngx_http_llm_standing_one(limits, &limit[i]))
        {
            ngx_llm_out_char(out, '}');
            continue;
        }

        ngx_llm_ledger_look(ledger, &item, ngx_current_msec, ngx_time());

        ngx_llm_out_lit(out, ",\"used\":");
        ngx_http_llm_api_amount(out, item.unit,
                                item.kind == NGX_LLM_LIMIT_CONCURRENCY
                                ? item.held : item.settled);

        ngx_llm_out_lit(out, ",\"held\":");
        ngx_http_llm_api_amount(out, item.unit, item.held);

        ngx_llm_out_lit(out, ",\"refused\":");
        ngx_llm_out_int(out, item.refused);

        if (item.reset) {
            ngx_llm_out_lit(out, ",\"reset\":");
            ngx_llm_out_int(out, item.reset);
        }

        ngx_llm_out_char(out, '}');
    }

    ngx_llm_out_char(out, ']');
}


void
ngx_http_llm_api_amount(ngx_llm_out_t *out, ngx_llm_unit_e unit, int64_t n)
{
    u_char  *p, buf[NGX_INT64_LEN + sizeof("-.000000000")];

    if (unit != NGX_LLM_UNIT_COST) {
        ngx_llm_out_int(out, n);
        return;
    }

    p = ngx_sprintf(buf, "%s%L.%09L", n < 0 ? "-" : "",
                    ngx_abs(n) / NGX_LLM_DOLLAR, ngx_abs(n) % NGX_LLM_DOLLAR);

    ngx_llm_out_data(out, buf, p - buf);
}
