
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers about the gateway, in steps.
 */


#include "ngx_http_llm_walk.h"
#include "ngx_http_llm_account.h"


static void ngx_http_llm_walk_next(ngx_http_llm_walk_t *walk);
static void ngx_http_llm_walk_handler(ngx_event_t *ev);
static void ngx_http_llm_walk_cleanup(void *data);


ngx_http_llm_walk_t *
ngx_http_llm_walk_create(ngx_http_request_t *r, ngx_http_llm_walk_pt step,
    char *content_type)
{
    ngx_uint_t            i;
    ngx_http_llm_walk_t  *walk;

    walk = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_walk_t));
    if (walk == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     walk->data, walk->phase, walk->i, walk->j, walk->delay = 0
     */

    walk->request = r;
    walk->lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);
    walk->ledger = ngx_http_llm_zone_ledger(walk->lmcf);
    walk->step = step;
    walk->status = NGX_HTTP_OK;
    walk->content_type.data = (u_char *) content_type;
    walk->content_type.len = ngx_strlen(content_type);

    for (i = 0; i < NGX_HTTP_LLM_WALK_PARTS; i++) {
        ngx_llm_out_init(&walk->out[i], r->pool, NULL, 0,
                         NGX_HTTP_LLM_WALK_MAX);
    }

    return walk;
}


ngx_int_t
ngx_http_llm_walk(ngx_http_llm_walk_t *walk)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;
    ngx_http_cleanup_t  *cln;

    r = walk->request;

    rc = walk->step(walk);

    if (rc == NGX_OK) {
        return ngx_http_llm_walk_send(walk);
    }

    if (rc != NGX_AGAIN) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_llm_walk_cleanup;
    cln->data = walk;

    walk->event.handler = ngx_http_llm_walk_handler;
    walk->event.data = walk;
    walk->event.log = r->connection->log;

    r->main->count++;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    ngx_http_llm_walk_next(walk);

    return NGX_DONE;
}


static void
ngx_http_llm_walk_next(ngx_http_llm_walk_t *walk)
{
    if (walk->delay) {
        ngx_add_timer(&walk->event, walk->delay);

    } else {
        ngx_post_event(&walk->event, &ngx_posted_next_events);
    }
}


static void
ngx_http_llm_walk_handler(ngx_event_t *ev)
{
    ngx_int_t             rc;
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_llm_walk_t  *walk;

    walk = ev->data;
    r = walk->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = walk->step(walk);

    if (rc == NGX_AGAIN) {
        ngx_http_llm_walk_next(walk);
        return;
    }

    rc = (rc == NGX_OK) ? ngx_http_llm_walk_send(walk)
                        : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llm_walk_cleanup(void *data)
{
    ngx_http_llm_walk_t *walk = data;

    if (walk->event.posted) {
        ngx_delete_posted_event(&walk->event);
    }

    if (walk->event.timer_set) {
        ngx_del_timer(&walk->event);
    }
}


ngx_int_t
ngx_http_llm_walk_send(ngx_http_llm_walk_t *walk)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_uint_t           i;
    ngx_chain_t         *out, **ll, *cl;
    ngx_http_request_t  *r;

    r = walk->request;

    r->headers_out.content_length_n = 0;
    ll = &out;
    b = NULL;

    for (i = 0; i < NGX_HTTP_LLM_WALK_PARTS; i++) {

        if (walk->out[i].failed) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_llm_out_len(&walk->out[i]) == 0) {
            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        b = ngx_calloc_buf(r->pool);

        if (cl == NULL || b == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        b->pos = walk->out[i].start;
        b->last = walk->out[i].last;
        b->memory = 1;

        r->headers_out.content_length_n += ngx_llm_out_len(&walk->out[i]);

        cl->buf = b;
        *ll = cl;
        ll = &cl->next;
    }

    *ll = NULL;

    r->headers_out.status = walk->status;
    r->headers_out.content_type = walk->content_type;
    r->headers_out.content_type_len = walk->content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (b == NULL) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return ngx_http_output_filter(r, out);
}
