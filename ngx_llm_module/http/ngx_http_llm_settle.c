
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The settlement of a request: what it used, what it is charged, its line.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_price.h"
#include "ngx_http_llm_usage_log.h"


#define NGX_HTTP_LLM_BYTES_A_TOKEN  4


static void ngx_http_llm_account_usage(ngx_http_llm_ctx_t *ctx);
static int64_t ngx_http_llm_account_output(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_account_done(ngx_http_llm_account_t *acc,
    ngx_uint_t status);
static void ngx_http_llm_account_names(ngx_http_llm_account_t *acc);
static void ngx_http_llm_account_answer(ngx_http_llm_account_t *acc);
static ngx_uint_t ngx_http_llm_account_closed(ngx_http_request_t *r);
static void ngx_http_llm_account_finish(ngx_http_llm_account_t *acc);


void
ngx_http_llm_account_settle(ngx_http_llm_ctx_t *ctx, ngx_uint_t status)
{
    if (ctx->settled) {
        return;
    }

    ctx->settled = 1;

    ngx_http_llm_account_usage(ctx);

    if (ctx->account) {
        ngx_http_llm_account_done(ctx->account, status);
    }
}


/*
 * What the provider did not say: of an answer that was cut, or of one that
 * never says.  Variables show the same as is charged.
 */

static void
ngx_http_llm_account_usage(ngx_http_llm_ctx_t *ctx)
{
    int64_t                  high, output;
    ngx_llm_usage_t         *usage;
    ngx_http_llm_attempt_t  *at;

    at = ctx->attempt;
    usage = &ctx->usage;

    if (at == NULL || !at->good || ctx->chat.count
        || (usage->reported && ctx->whole))
    {
        return;
    }

    ctx->estimated = 1;

    if (usage->prompt < 0) {
        ngx_llm_chat_estimate_high(&ctx->chat,
                                   ngx_llm_family(&at->target.model),
                                   &usage->prompt, &high);
    }

    output = ngx_http_llm_account_output(ctx);

    usage->completion = ngx_max(usage->completion, output);
}


/*
 * By the bytes of text, or, where frames go through unread, by what they have
 * more than the shortest of them, which has a token as the others do.
 */

static int64_t
ngx_http_llm_account_output(ngx_http_llm_ctx_t *ctx)
{
    int64_t  text, n;

    text = ctx->text_bytes;

    if (ctx->frames) {
        text += ctx->frame_bytes - ctx->frames * (ctx->frame_min - 1);
    }

    n = (text + NGX_HTTP_LLM_BYTES_A_TOKEN - 1) / NGX_HTTP_LLM_BYTES_A_TOKEN;

    return ngx_max(n, ctx->frames);
}


/* the rest of the record, and whether it is charged */

static void
ngx_http_llm_account_done(ngx_http_llm_account_t *acc, ngx_uint_t status)
{
    ngx_uint_t               good;
    ngx_time_t              *tp;
    ngx_http_request_t      *r;
    ngx_http_llm_ctx_t      *ctx;
    ngx_llm_usage_record_t  *rec;

    ctx = acc->ctx;
    rec = &acc->rec;
    r = ctx->request;
    good = (ctx->attempt && ctx->attempt->good);

    if (status == 0) {
        status = r->headers_out.status ? r->headers_out.status
                                       : NGX_HTTP_CLIENT_CLOSED_REQUEST;

        if (good) {
            status = NGX_HTTP_OK;
        }
    }

    rec->status = status;
    rec->attempts = ctx->attempts;

    ngx_http_llm_account_names(acc);

    if (good) {
        ngx_http_llm_account_answer(acc);

    } else if (status != NGX_HTTP_CLIENT_CLOSED_REQUEST || ctx->attempts == 0)
    {
        rec->uncharged = 1;
    }

    if (ctx->error_code.len == 0 && ngx_http_llm_account_closed(r)) {
        ngx_str_set(&ctx->error_code, "shutdown");
    }

    if (ctx->error_code.len) {
        rec->error = ctx->error_code;
    }

    tp = ngx_timeofday();

    rec->duration = ngx_max((tp->sec - r->start_sec) * 1000
                            + (ngx_msec_int_t) (tp->msec - r->start_msec), 0);

    ngx_http_llm_account_finish(acc);
}


static void
ngx_http_llm_account_names(ngx_http_llm_account_t *acc)
{
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_llm_attempt_t  *at;
    ngx_llm_usage_record_t  *rec;

    ctx = acc->ctx;
    rec = &acc->rec;
    at = ctx->attempt;

    if (ctx->chat_read && rec->request_model.data == NULL) {

        /* refused before its admission */

        rec->stream = ctx->chat.stream;

        if (ngx_http_llm_account_normal(ctx->request, &ctx->chat.model,
                                        &rec->request_model)
            != NGX_OK)
        {
            ngx_str_null(&rec->request_model);
        }
    }

    if (ctx->routed) {
        rec->model = ctx->stage.name.len ? ctx->stage.name : ctx->model;
    }

    if (at) {
        rec->provider = at->provider->name;
        rec->upstream_model = at->target.model;
    }
}


/* what an answer has come to; that it is one is known */

static void
ngx_http_llm_account_answer(ngx_http_llm_account_t *acc)
{
    ngx_llm_usage_t         *usage;
    ngx_http_llm_ctx_t      *ctx;
    ngx_llm_usage_record_t  *rec;

    ctx = acc->ctx;
    rec = &acc->rec;
    usage = &ctx->usage;

    rec->prompt = usage->prompt;
    rec->completion = usage->completion;
    rec->cached = usage->cached;
    rec->cache_write = usage->cache_write;
    rec->reasoning = usage->reasoning;
    rec->estimated = ctx->estimated;
    rec->ttft = ctx->ttft;

    if (ctx->finish != NGX_LLM_FINISH_NONE) {
        rec->finish_reason = *ngx_llm_finish_name(ctx->finish);
    }

    if (ctx->attempt->price) {
        rec->cost = ngx_http_llm_cost(ctx);
    }

    if (ctx->whole && usage->reported) {
        ngx_http_llm_amount_learn(ctx, ngx_max(usage->completion, 0));
    }
}


/* by worker_shutdown_timeout, while it was under way */

static ngx_uint_t
ngx_http_llm_account_closed(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

#if (NGX_HTTP_V2)
    if (r->stream) {
        c = r->stream->connection->connection;
    }
#endif

    return ngx_exiting && c->close;
}


/* charged and written, or given back */

static void
ngx_http_llm_account_finish(ngx_http_llm_account_t *acc)
{
    int64_t                    amounts[NGX_LLM_LEDGER_ITEMS];
    ngx_str_t                  line;
    ngx_uint_t                 i, n, which;
    ngx_llm_seq_t             *seq;
    ngx_http_llm_charge_t      charge;
    ngx_llm_usage_record_t    *rec;
    ngx_http_llm_main_conf_t  *lmcf;
    u_char                     buf[NGX_LLM_LEDGER_LINE];

    rec = &acc->rec;

    ngx_queue_remove(&acc->queue);

    n = acc->held ? acc->nitems : 0;

    /* who was refused holds nothing: line and sums need something to go by */

    if (acc->sums && !acc->held && acc->ledger
        && ngx_llm_ledger_reserve(acc->ledger, NULL, 0, ngx_current_msec,
                                  ngx_time(), &acc->res, &which)
           == NGX_OK)
    {
        acc->held = 1;
    }

    if (!acc->held) {
        return;
    }

    acc->held = 0;

    if (!acc->sums && rec->uncharged) {
        ngx_llm_ledger_release(acc->ledger, acc->res, ngx_current_msec);
        return;
    }

    for (i = 0; i < n; i++) {
        amounts[i] = ngx_http_llm_limit_used(rec, acc->items[i].unit);
    }

    lmcf = ngx_http_get_module_main_conf(acc->ctx->request,
                                         ngx_http_llm_module);
    ngx_str_null(&line);
    seq = NULL;
    charge.nrows = 0;

    if (acc->sums) {
        ngx_http_llm_account_rows(lmcf, rec, &charge);
    }

    if (acc->log) {
        ngx_llm_ledger_seq(acc->ledger, &rec->seq);
        seq = &rec->seq;

        ngx_llm_usage_line_write(rec, buf, &line);
    }

    ngx_llm_ledger_settle(acc->ledger, acc->res, amounts, n, charge.rows,
                          charge.nrows, charge.sums, seq, &line,
                          rec->time / 1000);

    if (line.len) {
        (void) ngx_http_llm_usage_log_write(lmcf, &line);
    }

    ngx_llm_ledger_apply(acc->ledger, acc->res, ngx_current_msec,
                         rec->time / 1000);
}


/* no other way out of the request has come by */

void
ngx_http_llm_account_cleanup(void *data)
{
    ngx_http_llm_account_t  *acc = data;

    ngx_http_llm_account_settle(acc->ctx, 0);
}


void
ngx_http_llm_account_shutdown(ngx_cycle_t *cycle)
{
    ngx_queue_t               *q;
    ngx_http_llm_account_t    *acc;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (lmcf == NULL) {
        return;
    }

    while (!ngx_queue_empty(&lmcf->accounts)) {
        q = ngx_queue_head(&lmcf->accounts);
        acc = ngx_queue_data(q, ngx_http_llm_account_t, queue);

        ngx_str_set(&acc->ctx->error_code, "shutdown");

        ngx_http_llm_account_settle(acc->ctx, acc->ctx->attempt
                                    && acc->ctx->attempt->good
                                    ? NGX_HTTP_OK
                                    : NGX_HTTP_SERVICE_UNAVAILABLE);
    }
}
