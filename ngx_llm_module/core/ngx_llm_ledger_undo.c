
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Changes that count whole or not at all.
 *
 * The lock's holder may be killed between any two stores.  Its stores up to
 * there are made, in the order of the program, and the system that ends it
 * makes them visible: what must be kept is the compiler from changing the
 * order.
 */


#include "ngx_llm_ledger_shm.h"


#define ngx_llm_ledger_order()  __asm__ volatile ("" ::: "memory")


#if (NGX_LLM_LEDGER_STEPS)
void (*ngx_llm_ledger_step)(void);
#endif


static void ngx_llm_ledger_undo(ngx_llm_ledger_t *l);


void
ngx_llm_ledger_begin(ngx_llm_ledger_t *l)
{
    l->lock(l->data);

    if (l->shm->nundo) {
        ngx_llm_ledger_undo(l);
    }
}


/* who dies here leaves the log as it was: the next one does the same again */

static void
ngx_llm_ledger_undo(ngx_llm_ledger_t *l)
{
    int64_t                n;
    ngx_llm_undo_t        *undo;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;

    for (n = shm->nundo; n > 0; n--) {
        undo = &shm->undo[n - 1];

        ngx_llm_ledger_step_here();

        *(int64_t *) ngx_llm_ledger_at(l, undo->offset) = undo->old;
    }

    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();

    shm->nundo = 0;
    shm->undone++;
}


void
ngx_llm_ledger_commit(ngx_llm_ledger_t *l)
{
    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();

    l->shm->nundo = 0;

    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();
}


void
ngx_llm_ledger_end(ngx_llm_ledger_t *l)
{
    if (l->shm->nundo) {
        ngx_llm_ledger_commit(l);
    }

    l->unlock(l->data);
}


void
ngx_llm_ledger_put(ngx_llm_ledger_t *l, int64_t *word, int64_t value)
{
    ngx_llm_undo_t        *undo;
    ngx_llm_ledger_shm_t  *shm;

    if (*word == value) {
        return;
    }

    shm = l->shm;

    undo = &shm->undo[shm->nundo];
    undo->offset = (u_char *) word - (u_char *) shm;
    undo->old = *word;

    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();

    shm->nundo++;

    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();

    *word = value;

    ngx_llm_ledger_order();
    ngx_llm_ledger_step_here();
}


void
ngx_llm_ledger_put_text(ngx_llm_ledger_t *l, u_char *field, size_t size,
    ngx_str_t *text)
{
    size_t   len, i, n;
    int64_t  word;

    len = ngx_llm_utf8_cut(text, size - 1);

    for (i = 0; i < size; i += sizeof(int64_t)) {
        word = 0;

        if (i < len) {
            n = ngx_min(len - i, sizeof(int64_t));
            ngx_memcpy(&word, text->data + i, n);
        }

        ngx_llm_ledger_put(l, (int64_t *) (field + i), word);
    }
}
