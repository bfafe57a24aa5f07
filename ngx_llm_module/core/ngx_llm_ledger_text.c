
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Texts that all processes are to know.  What was deleted stays as a mark, so
 * that each process hears of it; marks make room for others at last.
 */


#include "ngx_llm_ledger_shm.h"


#define NGX_LLM_TEXT_DELETED  -1


static int64_t ngx_llm_ledger_text_new(ngx_llm_ledger_t *l,
    ngx_llm_name_t *name);


ngx_int_t
ngx_llm_ledger_text_set(ngx_llm_ledger_t *l, ngx_llm_name_t *name,
    ngx_str_t *text)
{
    int64_t          i;
    ngx_int_t        rc;
    ngx_str_t        none;
    ngx_llm_text_t  *t;

    if (text && text->len > NGX_LLM_LEDGER_DEFINITION - 1) {
        return NGX_DECLINED;
    }

    ngx_llm_ledger_begin(l);

    rc = NGX_OK;
    i = ngx_llm_ledger_find(l, &l->shm->texts, name);

    if (i == -1 && text) {
        i = ngx_llm_ledger_text_new(l, name);
        rc = (i == -1) ? NGX_DECLINED : NGX_OK;
    }

    if (i != -1) {
        t = ngx_llm_ledger_text(l, i);

        ngx_llm_ledger_add(l, &l->shm->text_change, 1);
        ngx_llm_ledger_put(l, &t->change, l->shm->text_change);

        if (text) {
            ngx_llm_ledger_put(l, &t->len, text->len);
            ngx_llm_ledger_put_text(l, t->text, NGX_LLM_LEDGER_DEFINITION,
                                    text);

        } else {
            ngx_str_null(&none);

            ngx_llm_ledger_put(l, &t->len, NGX_LLM_TEXT_DELETED);
            ngx_llm_ledger_put_text(l, t->text, NGX_LLM_LEDGER_DEFINITION,
                                    &none);
        }
    }

    ngx_llm_ledger_end(l);

    return rc;
}


static int64_t
ngx_llm_ledger_text_new(ngx_llm_ledger_t *l, ngx_llm_name_t *name)
{
    int64_t                i, *index, mark;
    ngx_uint_t             n;
    ngx_llm_text_t        *t;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;

    index = ngx_llm_ledger_index(l, &shm->texts);
    i = ngx_llm_ledger_place(l, &shm->texts, name);
    mark = -1;

    for (n = 0; n < NGX_LLM_LEDGER_WINDOW; n++) {

        if (index[i] == NGX_LLM_LEDGER_FREE
            || index[i] == NGX_LLM_LEDGER_GONE)
        {
            break;
        }

        t = ngx_llm_ledger_text(l, i);

        if (t->len == NGX_LLM_TEXT_DELETED
            && (mark == -1
                || t->change < ngx_llm_ledger_text(l, mark)->change))
        {
            mark = i;
        }

        if (++i == shm->texts.n) {
            i = 0;
        }
    }

    if (n == NGX_LLM_LEDGER_WINDOW) {

        if (mark == -1) {
            return -1;
        }

        i = mark;
        t = ngx_llm_ledger_text(l, i);

        if (t->change > shm->text_forgotten) {
            ngx_llm_ledger_put(l, &shm->text_forgotten, t->change);
        }

        ngx_llm_ledger_leave(l, &shm->texts, i);
    }

    ngx_llm_ledger_enter(l, &shm->texts, i, name);
    ngx_llm_ledger_put(l, &ngx_llm_ledger_text(l, i)->len,
                       NGX_LLM_TEXT_DELETED);

    /* the text itself would not fit the undo log any more */

    ngx_llm_ledger_commit(l);

    return i;
}


ngx_int_t
ngx_llm_ledger_text_get(ngx_llm_ledger_t *l, ngx_llm_name_t *name,
    ngx_llm_text_t *copy)
{
    int64_t  i;

    ngx_llm_ledger_begin(l);

    i = ngx_llm_ledger_find(l, &l->shm->texts, name);

    if (i != -1) {
        *copy = *ngx_llm_ledger_text(l, i);
    }

    ngx_llm_ledger_end(l);

    return (i != -1 && copy->len >= 0) ? NGX_OK : NGX_DECLINED;
}


int64_t
ngx_llm_ledger_text_changed(ngx_llm_ledger_t *l)
{
    return *(volatile int64_t *) &l->shm->text_change;
}


int64_t
ngx_llm_ledger_text_forgotten(ngx_llm_ledger_t *l)
{
    return *(volatile int64_t *) &l->shm->text_forgotten;
}


ngx_int_t
ngx_llm_ledger_text_next(ngx_llm_ledger_t *l, ngx_uint_t *place,
    int64_t since, ngx_llm_text_t *copy)
{
    int64_t          i, last, *index;
    ngx_int_t        rc;
    ngx_llm_text_t  *t;

    index = ngx_llm_ledger_index(l, &l->shm->texts);
    rc = NGX_DONE;

    for (i = *place; rc == NGX_DONE && i < l->shm->texts.n; /* void */ ) {

        ngx_llm_ledger_begin(l);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, l->shm->texts.n);

        for ( /* void */ ; rc == NGX_DONE && i < last; i++) {

            if (index[i] == NGX_LLM_LEDGER_FREE
                || index[i] == NGX_LLM_LEDGER_GONE)
            {
                continue;
            }

            t = ngx_llm_ledger_text(l, i);

            if (t->change > since) {
                *copy = *t;
                rc = NGX_OK;
            }
        }

        ngx_llm_ledger_end(l);
    }

    *place = i;

    return rc;
}
