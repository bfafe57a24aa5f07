
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A limit that is credited or reset by hand: the same four steps as the
 * settlement of a request, so that a start counts it from the usage log, once.
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_standing.h"
#include "ngx_http_llm_usage_log.h"


static ngx_int_t ngx_http_llm_change_settle(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_ledger_t *ledger, ngx_uint_t res, ngx_llm_usage_record_t *rec);


/*
 * What a reset takes off is what is used now.  What others settle before it is
 * applied comes after it, here and at a replay, in whatever order their lines
 * stand: amounts that are added and taken off commute, setting to 0 would not.
 * Two resets at once would take it off twice: one is told to come again.
 */

ngx_int_t
ngx_http_llm_account_change(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_limit_t *limit, ngx_uint_t reset, ngx_llm_usage_record_t *rec)
{
    ngx_int_t          rc;
    ngx_uint_t         res, which;
    ngx_time_t        *tp;
    ngx_llm_item_t     item;
    ngx_llm_ledger_t  *ledger;

    ledger = ngx_http_llm_ledger_joined(lmcf);

    if (ledger == NULL) {
        return NGX_BUSY;
    }

    tp = ngx_timeofday();

    ngx_http_llm_standing_item(lmcf, limit, tp->sec, &item);

    /* it holds nothing, and is refused nothing */

    item.soft = 1;
    item.change = 1;

    rc = ngx_llm_ledger_reserve(ledger, &item, 1, ngx_current_msec, tp->sec,
                                &res, &which);
    if (rc != NGX_OK) {
        return (rc == NGX_AGAIN) ? NGX_BUSY : NGX_DECLINED;
    }

    /* another process may have begun the next period */

    rec->time = (int64_t) tp->sec * 1000 + tp->msec;
    rec->time = ngx_max(rec->time, item.period * 1000);

    rec->counter = item.name;
    rec->money = (item.unit == NGX_LLM_UNIT_COST);

    if (reset) {
        rec->amount = item.settled;
    }

    if (rec->amount == 0) {
        ngx_llm_ledger_release(ledger, res, ngx_current_msec);
        return NGX_OK;
    }

    return ngx_http_llm_change_settle(lmcf, ledger, res, rec);
}


static ngx_int_t
ngx_http_llm_change_settle(ngx_http_llm_main_conf_t *lmcf,
    ngx_llm_ledger_t *ledger, ngx_uint_t res, ngx_llm_usage_record_t *rec)
{
    int64_t         amount;
    ngx_str_t       line;
    ngx_llm_seq_t  *seq;
    u_char          buf[NGX_LLM_LEDGER_LINE];

    ngx_str_null(&line);
    seq = NULL;

    if (ngx_http_llm_usage_log_enabled(lmcf)) {
        ngx_llm_ledger_seq(ledger, &rec->seq);
        seq = &rec->seq;

        ngx_llm_usage_line_write(rec, buf, &line);
    }

    amount = -rec->amount;

    ngx_llm_ledger_settle(ledger, res, &amount, 1, NULL, 0, NULL, seq, &line,
                          rec->time / 1000);

    if (line.len && ngx_http_llm_usage_log_write(lmcf, &line) != NGX_OK) {
        ngx_llm_ledger_release(ledger, res, ngx_current_msec);
        return NGX_ERROR;
    }

    ngx_llm_ledger_apply(ledger, res, ngx_current_msec, rec->time / 1000);

    return NGX_OK;
}
