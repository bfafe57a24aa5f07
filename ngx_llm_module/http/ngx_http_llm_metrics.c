
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_metrics: the text format of Prometheus, version 0.0.4.
 *
 * Labels are names of the configuration and statuses; what a client invents
 * is none.  Sums for which the zone has no room are in rows of empty labels.
 */


#include "ngx_http_llm_walk.h"
#include "ngx_http_llm_account.h"
#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_standing.h"
#include "ngx_http_llm_usage_log.h"


/* the families, in the order in which they are sent */

typedef enum {
    NGX_HTTP_LLM_METRIC_REQUESTS = 0,
    NGX_HTTP_LLM_METRIC_ATTEMPTS,
    NGX_HTTP_LLM_METRIC_TOKENS,
    NGX_HTTP_LLM_METRIC_COST,
    NGX_HTTP_LLM_METRIC_ESTIMATED,
    NGX_HTTP_LLM_METRIC_LIMIT,
    NGX_HTTP_LLM_METRIC_USED,
    NGX_HTTP_LLM_METRIC_HELD,
    NGX_HTTP_LLM_METRIC_RESET,
    NGX_HTTP_LLM_METRIC_REFUSED,
    NGX_HTTP_LLM_METRIC_HEALTH,
    NGX_HTTP_LLM_METRIC_STATE
} ngx_http_llm_metric_e;


#define NGX_HTTP_LLM_METRIC_LABELS  5

/* phases after the first: see ngx_http_llm_standing_owner() */
#define NGX_HTTP_LLM_METRIC_OWNERS  4


static ngx_int_t ngx_http_llm_metrics_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_metrics_step(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_begin(ngx_http_llm_walk_t *walk);
static ngx_int_t ngx_http_llm_metrics_sums(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_sum(ngx_http_llm_walk_t *walk,
    ngx_llm_sum_t *sum);
static void ngx_http_llm_metrics_tokens(ngx_http_llm_walk_t *walk,
    ngx_str_t *label, char *type, int64_t n);
static void ngx_http_llm_metrics_labels(ngx_http_llm_walk_t *walk,
    ngx_uint_t metric, ngx_str_t *label);
static ngx_int_t ngx_http_llm_metrics_owners(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_defined(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_limits(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits);
static void ngx_http_llm_metrics_limit(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits, ngx_http_llm_limit_t *limit,
    ngx_str_t *text);
static void ngx_http_llm_metrics_health(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_zone(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_held(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_log(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_metrics_label(ngx_llm_out_t *out, ngx_str_t *value);
static void ngx_http_llm_metrics_amount(ngx_llm_out_t *out,
    ngx_llm_unit_e unit, int64_t n);
static void ngx_http_llm_metrics_row(ngx_llm_out_t *out, char *head,
    int64_t n);
static void ngx_http_llm_metrics_value(ngx_llm_out_t *out, int64_t n);
static void ngx_http_llm_metrics_text(ngx_llm_out_t *out, char *text);


static char  *ngx_http_llm_metric_heads[] = {

    "# HELP llm_requests_total Requests answered, by the status that the "
        "client got.\n"
    "# TYPE llm_requests_total counter\n",

    "# HELP llm_attempts_total Attempts on deployments.\n"
    "# TYPE llm_attempts_total counter\n",

    "# HELP llm_tokens_total Tokens, each in one type.\n"
    "# TYPE llm_tokens_total counter\n",

    "# HELP llm_cost_usd_total What they cost, in US dollars.\n"
    "# TYPE llm_cost_usd_total counter\n",

    "# HELP llm_estimated_requests_total Requests whose usage no provider "
        "reported.\n"
    "# TYPE llm_estimated_requests_total counter\n",

    "# HELP llm_limit What a limit allows; of a rate, the burst.\n"
    "# TYPE llm_limit gauge\n",

    "# HELP llm_limit_used What counts against it now.\n"
    "# TYPE llm_limit_used gauge\n",

    "# HELP llm_limit_held What requests in flight hold of it.\n"
    "# TYPE llm_limit_held gauge\n",

    "# HELP llm_limit_reset_timestamp_seconds When its period ends.\n"
    "# TYPE llm_limit_reset_timestamp_seconds gauge\n",

    "# HELP llm_limit_refusals_total Requests that it refused.\n"
    "# TYPE llm_limit_refusals_total counter\n",

    "# HELP llm_deployment_health 1 serves, 0.5 is being tried again, "
        "0 is out.\n"
    "# TYPE llm_deployment_health gauge\n"
};


static char  *ngx_http_llm_metric_names[] = {
    "llm_requests_total",
    "llm_attempts_total",
    "llm_tokens_total",
    "llm_cost_usd_total",
    "llm_estimated_requests_total",
    "llm_limit",
    "llm_limit_used",
    "llm_limit_held",
    "llm_limit_reset_timestamp_seconds",
    "llm_limit_refusals_total"
};


static char  *ngx_http_llm_metric_label_names[] = {
    "key", "team", "model", "provider", "status"
};


char *
ngx_http_llm_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *lmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another handler of this location";
    }

    clcf->handler = ngx_http_llm_metrics_handler;
    llcf->handler = ngx_http_llm_metrics_handler;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    lmcf->nstats++;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_llm_walk_t  *walk;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    walk = ngx_http_llm_walk_create(r, ngx_http_llm_metrics_step,
                                    "text/plain; version=0.0.4; "
                                    "charset=utf-8");
    if (walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_llm_metrics_begin(walk);

    return ngx_http_llm_walk(walk);
}


static void
ngx_http_llm_metrics_begin(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LLM_METRIC_STATE; i++) {
        ngx_http_llm_metrics_text(&walk->out[i], ngx_http_llm_metric_heads[i]);
    }
}


static ngx_int_t
ngx_http_llm_metrics_step(ngx_http_llm_walk_t *walk)
{
    if (walk->ledger && walk->phase == 0) {
        return ngx_http_llm_metrics_sums(walk);
    }

    if (walk->ledger && walk->phase <= NGX_HTTP_LLM_METRIC_OWNERS) {
        return ngx_http_llm_metrics_owners(walk);
    }

    ngx_http_llm_metrics_health(walk);

    if (walk->ledger) {
        ngx_http_llm_metrics_defined(walk);
        ngx_http_llm_metrics_zone(walk);
        ngx_http_llm_metrics_log(walk);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_metrics_sums(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t      i, n;
    ngx_llm_sum_t  *sum;

    sum = walk->data;

    if (sum == NULL) {
        sum = ngx_palloc(walk->request->pool,
                         NGX_HTTP_LLM_WALK_STEP * sizeof(ngx_llm_sum_t));
        if (sum == NULL) {
            return NGX_ERROR;
        }

        walk->data = sum;
    }

    n = ngx_llm_ledger_sums(walk->ledger, &walk->i, sum,
                            NGX_HTTP_LLM_WALK_STEP);

    for (i = 0; i < n; i++) {
        if (sum[i].kind == NGX_HTTP_LLM_ROW_METRICS
            && sum[i].sum[NGX_HTTP_LLM_SUM_REQUESTS])
        {
            ngx_http_llm_metrics_sum(walk, &sum[i]);
        }
    }

    if (n == 0) {
        walk->phase++;
        walk->i = 0;
    }

    return NGX_AGAIN;
}


static void
ngx_http_llm_metrics_sum(ngx_http_llm_walk_t *walk, ngx_llm_sum_t *sum)
{
    u_char         *p, *last;
    int64_t         input, output;
    ngx_str_t       label[NGX_HTTP_LLM_METRIC_LABELS];
    ngx_uint_t      i;
    ngx_llm_out_t  *out;

    ngx_memzero(label, sizeof(label));

    p = sum->text;
    last = p + ngx_strnlen(p, NGX_LLM_LEDGER_TEXT);

    for (i = 0; i < NGX_HTTP_LLM_METRIC_LABELS && p < last; i++) {
        label[i].data = p;

        while (p < last && *p != NGX_HTTP_LLM_ROW_SEPARATOR) {
            p++;
        }

        label[i].len = p++ - label[i].data;
    }

    ngx_http_llm_metrics_labels(walk, NGX_HTTP_LLM_METRIC_REQUESTS, label);
    ngx_http_llm_metrics_row(&walk->out[NGX_HTTP_LLM_METRIC_REQUESTS], "} ",
                             sum->sum[NGX_HTTP_LLM_SUM_REQUESTS]);

    ngx_http_llm_metrics_labels(walk, NGX_HTTP_LLM_METRIC_ATTEMPTS, label);
    ngx_http_llm_metrics_row(&walk->out[NGX_HTTP_LLM_METRIC_ATTEMPTS], "} ",
                             sum->sum[NGX_HTTP_LLM_SUM_ATTEMPTS]);

    out = &walk->out[NGX_HTTP_LLM_METRIC_COST];

    ngx_http_llm_metrics_labels(walk, NGX_HTTP_LLM_METRIC_COST, label);
    ngx_llm_out_lit(out, "} ");
    ngx_http_llm_metrics_amount(out, NGX_LLM_UNIT_COST,
                                sum->sum[NGX_HTTP_LLM_SUM_COST]);

    ngx_http_llm_metrics_labels(walk, NGX_HTTP_LLM_METRIC_ESTIMATED, label);
    ngx_http_llm_metrics_row(&walk->out[NGX_HTTP_LLM_METRIC_ESTIMATED], "} ",
                             sum->sum[NGX_HTTP_LLM_SUM_ESTIMATED]);

    input = sum->sum[NGX_HTTP_LLM_SUM_PROMPT]
            - sum->sum[NGX_HTTP_LLM_SUM_CACHED]
            - sum->sum[NGX_HTTP_LLM_SUM_CACHE_WRITE];
    output = sum->sum[NGX_HTTP_LLM_SUM_COMPLETION]
             - sum->sum[NGX_HTTP_LLM_SUM_REASONING];

    ngx_http_llm_metrics_tokens(walk, label, "input", ngx_max(input, 0));
    ngx_http_llm_metrics_tokens(walk, label, "cached",
                                sum->sum[NGX_HTTP_LLM_SUM_CACHED]);
    ngx_http_llm_metrics_tokens(walk, label, "cache_write",
                                sum->sum[NGX_HTTP_LLM_SUM_CACHE_WRITE]);
    ngx_http_llm_metrics_tokens(walk, label, "output", ngx_max(output, 0));
    ngx_http_llm_metrics_tokens(walk, label, "reasoning",
                                sum->sum[NGX_HTTP_LLM_SUM_REASONING]);
}


static void
ngx_http_llm_metrics_tokens(ngx_http_llm_walk_t *walk, ngx_str_t *label,
    char *type, int64_t n)
{
    ngx_llm_out_t  *out;

    if (n == 0) {
        return;
    }

    out = &walk->out[NGX_HTTP_LLM_METRIC_TOKENS];

    ngx_http_llm_metrics_labels(walk, NGX_HTTP_LLM_METRIC_TOKENS, label);
    ngx_llm_out_lit(out, ",type=\"");
    ngx_http_llm_metrics_text(out, type);
    ngx_http_llm_metrics_row(out, "\"} ", n);
}


/* up to the brace */

static void
ngx_http_llm_metrics_labels(ngx_http_llm_walk_t *walk, ngx_uint_t metric,
    ngx_str_t *label)
{
    ngx_uint_t      i;
    ngx_llm_out_t  *out;

    out = &walk->out[metric];

    ngx_http_llm_metrics_text(out, ngx_http_llm_metric_names[metric]);

    for (i = 0; i < NGX_HTTP_LLM_METRIC_LABELS; i++) {
        ngx_llm_out_char(out, i ? ',' : '{');
        ngx_http_llm_metrics_text(out, ngx_http_llm_metric_label_names[i]);
        ngx_llm_out_lit(out, "=\"");
        ngx_http_llm_metrics_label(out, &label[i]);
        ngx_llm_out_char(out, '"');
    }
}


/* who has limits: teams, keys, models, providers, some in each step */

static ngx_int_t
ngx_http_llm_metrics_owners(ngx_http_llm_walk_t *walk)
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

        if (limits) {
            ngx_http_llm_metrics_limits(walk, limits);
        }
    }

    return NGX_AGAIN;
}


/* keys made at run time; they may change between steps: all in one */

static void
ngx_http_llm_metrics_defined(ngx_http_llm_walk_t *walk)
{
    ngx_queue_t             *q, *all;
    ngx_http_llm_defined_t  *def;

    ngx_http_llm_runtime_update(walk->lmcf);

    if (walk->lmcf->runtime == NULL) {
        return;
    }

    all = &walk->lmcf->runtime->all;

    for (q = ngx_queue_head(all);
         q != ngx_queue_sentinel(all);
         q = ngx_queue_next(q))
    {
        def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);

        if (!def->overlay && def->key->limits) {
            ngx_http_llm_metrics_limits(walk, def->key->limits);
        }
    }
}


/* those with a counter for each of many names have no one standing */

static void
ngx_http_llm_metrics_limits(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits)
{
    ngx_str_t              text, other;
    ngx_uint_t             i, j;
    ngx_http_llm_limit_t  *limit;
    u_char                 buf[NGX_HTTP_LLM_STATEMENT];
    u_char                 twin[NGX_HTTP_LLM_STATEMENT];

    limit = limits->limits.elts;

    for (i = 0; i < limits->limits.nelts; i++) {

        if (!ngx_http_llm_standing_one(limits, &limit[i])) {
            continue;
        }

        ngx_http_llm_standing_statement(&limit[i].limit, buf, &text);

        /* the same row must not stand twice */

        for (j = 0; j < i; j++) {
            ngx_http_llm_standing_statement(&limit[j].limit, twin, &other);

            if (other.len == text.len
                && ngx_strncmp(other.data, text.data, text.len) == 0)
            {
                break;
            }
        }

        if (j == i) {
            ngx_http_llm_metrics_limit(walk, limits, &limit[i], &text);
        }
    }
}


static void
ngx_http_llm_metrics_limit(ngx_http_llm_walk_t *walk,
    ngx_http_llm_limits_t *limits, ngx_http_llm_limit_t *limit,
    ngx_str_t *text)
{
    ngx_uint_t       i;
    ngx_llm_out_t   *out;
    ngx_llm_item_t   item;

    ngx_http_llm_standing_item(walk->lmcf, limit, ngx_time(), &item);

    ngx_llm_ledger_look(walk->ledger, &item, ngx_current_msec, ngx_time());

    for (i = NGX_HTTP_LLM_METRIC_LIMIT; i <= NGX_HTTP_LLM_METRIC_REFUSED; i++) {

        if (i == NGX_HTTP_LLM_METRIC_RESET && item.reset == 0) {
            continue;
        }

        out = &walk->out[i];

        ngx_http_llm_metrics_text(out, ngx_http_llm_metric_names[i]);
        ngx_llm_out_lit(out, "{owner=\"");
        ngx_http_llm_metrics_text(out, limits->kind);
        ngx_llm_out_char(out, ':');
        ngx_http_llm_metrics_label(out, &limits->name);
        ngx_llm_out_lit(out, "\",limit=\"");
        ngx_http_llm_metrics_label(out, text);
        ngx_llm_out_lit(out, "\"} ");
    }

    ngx_http_llm_metrics_amount(&walk->out[NGX_HTTP_LLM_METRIC_LIMIT],
                                item.unit, item.limit);
    ngx_http_llm_metrics_amount(&walk->out[NGX_HTTP_LLM_METRIC_USED],
                                item.unit,
                                item.kind == NGX_LLM_LIMIT_CONCURRENCY
                                ? item.held : item.settled);
    ngx_http_llm_metrics_amount(&walk->out[NGX_HTTP_LLM_METRIC_HELD],
                                item.unit, item.held);
    ngx_http_llm_metrics_value(&walk->out[NGX_HTTP_LLM_METRIC_REFUSED],
                               item.refused);

    if (item.reset) {
        ngx_http_llm_metrics_value(&walk->out[NGX_HTTP_LLM_METRIC_RESET],
                                   item.reset);
    }
}


static void
ngx_http_llm_metrics_health(ngx_http_llm_walk_t *walk)
{
    ngx_uint_t                   i, j, state;
    ngx_llm_out_t               *out;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_deployment_t   *dep;

    static char  *states[] = { "\"} 0\n", "\"} 0.5\n", "\"} 1\n" };

    out = &walk->out[NGX_HTTP_LLM_METRIC_HEALTH];

    model = walk->lmcf->models.elts;

    for (i = 0; i < walk->lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {
            state = ngx_http_llm_health_state(&dep[j]);

            ngx_llm_out_lit(out, "llm_deployment_health{model=\"");
            ngx_http_llm_metrics_label(out, &model[i]->name);
            ngx_llm_out_lit(out, "\",provider=\"");
            ngx_http_llm_metrics_label(out, &dep[j].provider->name);
            ngx_llm_out_lit(out, "\",upstream_model=\"");
            ngx_http_llm_metrics_label(out, &dep[j].name);
            ngx_http_llm_metrics_text(out, states[state]);
        }
    }
}


static void
ngx_http_llm_metrics_zone(ngx_http_llm_walk_t *walk)
{
    ngx_llm_out_t          *out;
    ngx_llm_ledger_stat_t   stat;

    out = &walk->out[NGX_HTTP_LLM_METRIC_STATE];

    ngx_llm_ledger_stat(walk->ledger, &stat);

    ngx_http_llm_metrics_row(out,
        "# HELP llm_in_flight Requests that are being served and counted.\n"
        "# TYPE llm_in_flight gauge\n"
        "llm_in_flight ", stat.reservations);

    ngx_http_llm_metrics_held(walk);

    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_bytes Memory of the zone's tables.\n"
        "# TYPE llm_zone_bytes gauge\n"
        "llm_zone_bytes{kind=\"size\"} ", stat.size);
    ngx_http_llm_metrics_row(out,
        "llm_zone_bytes{kind=\"used\"} ", stat.used);

    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_entries Entries of the zone's tables in use.\n"
        "# TYPE llm_zone_entries gauge\n"
        "llm_zone_entries{table=\"counters\"} ", stat.counters);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries{table=\"sums\"} ", stat.sums);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries{table=\"reservations\"} ", stat.reservations);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries{table=\"definitions\"} ", stat.texts);

    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_entries_max Entries that the tables have room for.\n"
        "# TYPE llm_zone_entries_max gauge\n"
        "llm_zone_entries_max{table=\"counters\"} ", stat.counters_max);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries_max{table=\"sums\"} ", stat.sums_max);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries_max{table=\"reservations\"} ",
        stat.reservations_max);
    ngx_http_llm_metrics_row(out,
        "llm_zone_entries_max{table=\"definitions\"} ", stat.texts_max);

    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_evictions_total Counters that made room: of past "
            "periods, or empty.\n"
        "# TYPE llm_zone_evictions_total counter\n"
        "llm_zone_evictions_total ", stat.evicted);
    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_others_total Requests counted together with others "
            "for want of room.\n"
        "# TYPE llm_zone_others_total counter\n"
        "llm_zone_others_total ", stat.others);
    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_undone_total Changes undone after a process died.\n"
        "# TYPE llm_zone_undone_total counter\n"
        "llm_zone_undone_total ", stat.undone);
    ngx_http_llm_metrics_row(out,
        "# HELP llm_zone_reaped_total Reservations of processes that died.\n"
        "# TYPE llm_zone_reaped_total counter\n"
        "llm_zone_reaped_total ", stat.reaped);
}


static void
ngx_http_llm_metrics_held(ngx_http_llm_walk_t *walk)
{
    int64_t         held[NGX_LLM_LEDGER_UNITS];
    ngx_llm_out_t  *out;
    ngx_llm_unit_e  unit;

    out = &walk->out[NGX_HTTP_LLM_METRIC_STATE];

    ngx_llm_ledger_held(walk->ledger, held);

    ngx_llm_out_lit(out,
        "# HELP llm_reservations What requests in flight hold of limits.\n"
        "# TYPE llm_reservations gauge\n");

    for (unit = NGX_LLM_UNIT_REQUESTS; unit <= NGX_LLM_UNIT_COST; unit++) {
        ngx_llm_out_lit(out, "llm_reservations{unit=\"");
        ngx_llm_out_str(out, ngx_llm_limit_unit(unit));
        ngx_llm_out_lit(out, "\"} ");
        ngx_http_llm_metrics_amount(out, unit, held[unit]);
    }
}


static void
ngx_http_llm_metrics_log(ngx_http_llm_walk_t *walk)
{
    ngx_llm_out_t              *out;
    ngx_http_llm_zone_t        *zone;
    ngx_http_llm_log_shared_t  *log;

    out = &walk->out[NGX_HTTP_LLM_METRIC_STATE];

    zone = walk->lmcf->zone->data;
    log = zone->sh->log;

    if (walk->lmcf->usage_log) {
        ngx_http_llm_metrics_row(out,
            "# HELP llm_usage_log_lines_total Lines written.\n"
            "# TYPE llm_usage_log_lines_total counter\n"
            "llm_usage_log_lines_total ", log->lines);
        ngx_http_llm_metrics_row(out,
            "# HELP llm_usage_log_errors_total Lines that could not be "
                "written.\n"
            "# TYPE llm_usage_log_errors_total counter\n"
            "llm_usage_log_errors_total ", log->errors);
        ngx_http_llm_metrics_row(out,
            "# HELP llm_usage_log_failing 1 while the last write failed.\n"
            "# TYPE llm_usage_log_failing gauge\n"
            "llm_usage_log_failing ", log->failed ? 1 : 0);
    }

    if (walk->lmcf->state) {
        ngx_http_llm_metrics_row(out,
            "# HELP llm_snapshot_timestamp_seconds When the last one was "
                "taken.\n"
            "# TYPE llm_snapshot_timestamp_seconds gauge\n"
            "llm_snapshot_timestamp_seconds ", log->snapshot);
    }
}


/*
 * A label's value: the format escapes three characters.  It must be UTF-8,
 * which a name that a variable gives need not be.
 */

static void
ngx_http_llm_metrics_label(ngx_llm_out_t *out, ngx_str_t *value)
{
    u_char    *p, *last, *start, buf[sizeof("\\\\xff")];
    uint32_t   c;

    p = value->data;
    last = p + value->len;

    while (p < last) {
        start = p;

        switch (*p) {

        case '\\':
        case '"':
            ngx_llm_out_char(out, '\\');
            ngx_llm_out_char(out, *p++);
            continue;

        case LF:
            ngx_llm_out_lit(out, "\\n");
            p++;
            continue;
        }

        if (*p < 0x80) {
            ngx_llm_out_char(out, *p++);
            continue;
        }

        c = ngx_utf8_decode(&p, last - p);

        if (c > 0x10ffff) {
            p = start + 1;
            ngx_llm_out_data(out, buf,
                             ngx_sprintf(buf, "\\\\x%02xi", (ngx_int_t) *start)
                             - buf);
            continue;
        }

        ngx_llm_out_data(out, start, p - start);
    }
}


/* nano-dollars as dollars, all else as it is; with the end of the line */

static void
ngx_http_llm_metrics_amount(ngx_llm_out_t *out, ngx_llm_unit_e unit, int64_t n)
{
    u_char  *p, buf[NGX_INT64_LEN + sizeof(".000000000\n")];

    if (unit != NGX_LLM_UNIT_COST) {
        ngx_http_llm_metrics_value(out, n);
        return;
    }

    p = ngx_sprintf(buf, "%s%L.%09L\n", n < 0 ? "-" : "",
                    ngx_abs(n) / NGX_LLM_DOLLAR, ngx_abs(n) % NGX_LLM_DOLLAR);

    ngx_llm_out_data(out, buf, p - buf);
}


static void
ngx_http_llm_metrics_row(ngx_llm_out_t *out, char *head, int64_t n)
{
    ngx_http_llm_metrics_text(out, head);
    ngx_http_llm_metrics_value(out, n);
}


static void
ngx_http_llm_metrics_value(ngx_llm_out_t *out, int64_t n)
{
    ngx_llm_out_int(out, n);
    ngx_llm_out_char(out, '\n');
}


static void
ngx_http_llm_metrics_text(ngx_llm_out_t *out, char *text)
{
    ngx_llm_out_data(out, (u_char *) text, ngx_strlen(text));
}
