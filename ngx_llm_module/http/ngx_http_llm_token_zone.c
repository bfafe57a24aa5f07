
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Access tokens in shared memory, in a zone of their own that is there only
 * with providers that need them.  As in llm_zone nothing is linked, and a slot
 * that a dead process left torn has no token.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_token.h"


#define NGX_HTTP_LLM_TOKENS        64

/* longer than a fetch takes at most */
#define NGX_HTTP_LLM_TOKEN_LEASE   120

/* before its end a token is renewed, and still later not used */
#define NGX_HTTP_LLM_TOKEN_EARLY   300
#define NGX_HTTP_LLM_TOKEN_LATE    10

/* after failures, doubling from the first to the second */
#define NGX_HTTP_LLM_TOKEN_RETRY   1
#define NGX_HTTP_LLM_TOKEN_MAX     60

/* after a refusal, which somebody has to do something about */
#define NGX_HTTP_LLM_TOKEN_REFUSED 10
#define NGX_HTTP_LLM_TOKEN_NEVER   300

/* what a provider refuses is renewed so often at most */
#define NGX_HTTP_LLM_TOKEN_DROP    30


typedef struct {
    u_char                        key[NGX_HTTP_LLM_DIGEST];
    ngx_uint_t                    generation;   /* that last named it */
    ngx_uint_t                    torn;         /* while it is written */
    ngx_uint_t                    version;
    ngx_uint_t                    used;         /* since it came */
    time_t                        expires;      /* 0: none */
    time_t                        refresh;
    time_t                        dropped;
    time_t                        retry;        /* not before */
    ngx_uint_t                    fails;
    ngx_uint_t                    refused;
    ngx_pid_t                     owner;        /* of the lease */
    time_t                        lease;        /* until; 0: none */
    size_t                        len;
    u_char                        value[NGX_LLM_TOKEN_SIZE];
} ngx_http_llm_token_slot_t;


typedef struct {
    ngx_uint_t                    generation;
    ngx_http_llm_token_slot_t     slots[NGX_HTTP_LLM_TOKENS];
} ngx_http_llm_token_shared_t;


typedef struct {
    ngx_http_llm_main_conf_t     *lmcf;
    ngx_http_llm_token_shared_t  *sh;
    ngx_slab_pool_t              *shpool;
} ngx_http_llm_token_zone_t;


static ngx_int_t ngx_http_llm_tokens_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_llm_tokens_slots(ngx_http_llm_token_zone_t *zone);
static ngx_uint_t ngx_http_llm_token_slot(ngx_http_llm_token_shared_t *sh,
    u_char *key);
static ngx_http_llm_token_slot_t *ngx_http_llm_token_lock(
    ngx_http_llm_token_t *token, ngx_slab_pool_t **shpool);
static ngx_uint_t ngx_http_llm_token_valid(ngx_http_llm_token_slot_t *slot,
    time_t now);


ngx_int_t
ngx_http_llm_tokens_zone(ngx_conf_t *cf)
{
    size_t                      size;
    ngx_str_t                   name;
    ngx_uint_t                  i, n;
    ngx_http_llm_provider_t   **provider;
    ngx_http_llm_main_conf_t   *lmcf;
    ngx_http_llm_token_zone_t  *zone;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    n = 0;
    provider = lmcf->providers.elts;

    for (i = 0; i < lmcf->providers.nelts; i++) {
        if (provider[i]->tokens) {
            n += provider[i]->tokens->nelts;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (n > NGX_HTTP_LLM_TOKENS) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "there are %ui keys of providers that access tokens "
                      "are fetched for, %d are the most",
                      n, NGX_HTTP_LLM_TOKENS);
        return NGX_ERROR;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_token_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->lmcf = lmcf;

    /* no llm_zone can have this name: a colon ends it */

    ngx_str_set(&name, "llm:tokens");

    size = sizeof(ngx_http_llm_token_shared_t) + 8 * ngx_pagesize;

    lmcf->tokens = ngx_shared_memory_add(cf, &name,
                                         ngx_align(size, ngx_pagesize),
                                         &ngx_http_llm_module);
    if (lmcf->tokens == NULL) {
        return NGX_ERROR;
    }

    lmcf->tokens->init = ngx_http_llm_tokens_init_zone;
    lmcf->tokens->data = zone;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_tokens_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_token_zone_t *ozone = data;

    ngx_http_llm_token_zone_t  *zone;

    zone = shm_zone->data;

    if (ozone) {
        zone->sh = ozone->sh;
        zone->shpool = ozone->shpool;

        return ngx_http_llm_tokens_slots(zone);
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;

        return ngx_http_llm_tokens_slots(zone);
    }

    zone->sh = ngx_slab_calloc(zone->shpool,
                               sizeof(ngx_http_llm_token_shared_t));
    if (zone->sh == NULL) {
        return NGX_ERROR;
    }

    zone->shpool->data = zone->sh;

    return ngx_http_llm_tokens_slots(zone);
}


/* in the master, while workers of the old configuration use the zone */

static ngx_int_t
ngx_http_llm_tokens_slots(ngx_http_llm_token_zone_t *zone)
{
    ngx_uint_t                 i, j;
    ngx_http_llm_token_t      *token;
    ngx_http_llm_provider_t  **provider;

    ngx_shmtx_lock(&zone->shpool->mutex);

    zone->sh->generation++;

    provider = zone->lmcf->providers.elts;

    for (i = 0; i < zone->lmcf->providers.nelts; i++) {

        if (provider[i]->tokens == NULL) {
            continue;
        }

        token = provider[i]->tokens->elts;

        for (j = 0; j < provider[i]->tokens->nelts; j++) {
            token[j].slot = ngx_http_llm_token_slot(zone->sh, token[j].key);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


/*
 * The slot of that key, or the one that has not been named for the longest
 * time: those of this generation are no more than all.
 */

static ngx_uint_t
ngx_http_llm_token_slot(ngx_http_llm_token_shared_t *sh, u_char *key)
{
    ngx_uint_t                  i, best;
    ngx_http_llm_token_slot_t  *slot;

    best = 0;

    for (i = 0; i < NGX_HTTP_LLM_TOKENS; i++) {
        slot = &sh->slots[i];

        if (slot->generation && !slot->torn
            && ngx_memcmp(slot->key, key, NGX_HTTP_LLM_DIGEST) == 0)
        {
            slot->generation = sh->generation;
            return i;
        }

        if (slot->generation < sh->slots[best].generation) {
            best = i;
        }
    }

    slot = &sh->slots[best];

    slot->torn = 1;

    ngx_memory_barrier();

    slot->generation = sh->generation;
    slot->version++;
    slot->used = 0;
    slot->expires = 0;
    slot->refresh = 0;
    slot->dropped = 0;
    slot->retry = 0;
    slot->fails = 0;
    slot->refused = 0;
    slot->owner = 0;
    slot->lease = 0;
    slot->len = 0;

    ngx_explicit_memzero(slot->value, NGX_LLM_TOKEN_SIZE);
    ngx_memcpy(slot->key, key, NGX_HTTP_LLM_DIGEST);

    ngx_memory_barrier();

    slot->torn = 0;

    return best;
}


/*
 * NULL: the slot is another's by now, which a worker of an old configuration
 * may find; then nothing is locked.
 */

static ngx_http_llm_token_slot_t *
ngx_http_llm_token_lock(ngx_http_llm_token_t *token,
    ngx_slab_pool_t **shpool)
{
    ngx_http_llm_main_conf_t   *lmcf;
    ngx_http_llm_token_slot_t  *slot;
    ngx_http_llm_token_zone_t  *zone;

    lmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_llm_module);

    zone = lmcf->tokens->data;
    slot = &zone->sh->slots[token->slot];

    *shpool = zone->shpool;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (slot->torn) {

        /* its writer is dead, or it would have the lock */

        slot->expires = 0;
        slot->refresh = 0;
        slot->lease = 0;
        slot->len = 0;
        slot->version++;

        ngx_memcpy(slot->key, token->key, NGX_HTTP_LLM_DIGEST);

        ngx_memory_barrier();

        slot->torn = 0;
    }

    if (ngx_memcmp(slot->key, token->key, NGX_HTTP_LLM_DIGEST) != 0) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return NULL;
    }

    return slot;
}


static ngx_uint_t
ngx_http_llm_token_valid(ngx_http_llm_token_slot_t *slot, time_t now)
{
    return slot->expires && now < slot->expires;
}


ngx_int_t
ngx_http_llm_token_look(ngx_http_llm_token_t *token, ngx_pool_t *pool,
    ngx_http_llm_token_view_t *view)
{
    u_char                     *p;
    ngx_slab_pool_t            *shpool;
    ngx_http_llm_token_slot_t  *slot;

    static ngx_str_t  scheme = ngx_string("Bearer ");

    ngx_memzero(view, sizeof(ngx_http_llm_token_view_t));

    p = NULL;

    if (pool) {
        p = ngx_pnalloc(pool, scheme.len + NGX_LLM_TOKEN_SIZE);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    slot = ngx_http_llm_token_lock(token, &shpool);
    if (slot == NULL) {
        return NGX_OK;
    }

    view->version = slot->version;
    view->refresh = slot->refresh;
    view->refused = slot->refused ? 1 : 0;
    view->valid = ngx_http_llm_token_valid(slot, ngx_time()) ? 1 : 0;

    if (view->valid && pool) {
        slot->used = 1;

        view->value.data = p;
        view->value.len = scheme.len + slot->len;

        p = ngx_cpymem(p, scheme.data, scheme.len);
        ngx_memcpy(p, slot->value, slot->len);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_token_lease(ngx_http_llm_token_t *token, time_t *wait)
{
    time_t                      now;
    ngx_int_t                   rc;
    ngx_slab_pool_t            *shpool;
    ngx_http_llm_token_slot_t  *slot;

    now = ngx_time();

    *wait = 0;

    slot = ngx_http_llm_token_lock(token, &shpool);
    if (slot == NULL) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    if (ngx_http_llm_token_valid(slot, now)
        && (now < slot->refresh || !slot->used))
    {
        /* what nobody uses is not renewed */

        *wait = (now < slot->refresh) ? slot->refresh - now : 0;

    } else if (now < slot->lease && slot->owner != ngx_pid
               && (kill(slot->owner, 0) != -1 || ngx_errno != NGX_ESRCH))
    {
        rc = NGX_BUSY;

    } else if (now < slot->retry) {
        *wait = slot->retry - now;

    } else {
        slot->owner = ngx_pid;
        slot->lease = now + NGX_HTTP_LLM_TOKEN_LEASE;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}


void
ngx_http_llm_token_store(ngx_http_llm_token_t *token, ngx_str_t *value,
    ngx_int_t expires)
{
    time_t                      early, late, now;
    ngx_slab_pool_t            *shpool;
    ngx_http_llm_token_slot_t  *slot;

    now = ngx_time();

    /* a clock that is a little off must not matter, nor a short life */

    late = ngx_min(NGX_HTTP_LLM_TOKEN_LATE, expires / 10);
    early = ngx_min(NGX_HTTP_LLM_TOKEN_EARLY, ngx_max(expires / 4, 1));

    slot = ngx_http_llm_token_lock(token, &shpool);
    if (slot == NULL) {
        return;
    }

    slot->torn = 1;

    ngx_memory_barrier();

    ngx_memcpy(slot->value, value->data, value->len);

    slot->len = value->len;
    slot->version++;
    slot->used = 0;
    slot->expires = now + expires - late;
    slot->refresh = now + ngx_max(expires - early, 1);
    slot->retry = 0;
    slot->fails = 0;
    slot->refused = 0;
    slot->lease = 0;

    ngx_memory_barrier();

    slot->torn = 0;

    ngx_shmtx_unlock(&shpool->mutex);
}


time_t
ngx_http_llm_token_failed(ngx_http_llm_token_t *token, ngx_uint_t refused,
    ngx_int_t retry_after)
{
    time_t                      max, wait;
    ngx_slab_pool_t            *shpool;
    ngx_http_llm_token_slot_t  *slot;

    wait = refused ? NGX_HTTP_LLM_TOKEN_REFUSED : NGX_HTTP_LLM_TOKEN_RETRY;
    max = refused ? NGX_HTTP_LLM_TOKEN_NEVER : NGX_HTTP_LLM_TOKEN_MAX;

    slot = ngx_http_llm_token_lock(token, &shpool);
    if (slot == NULL) {
        return max;
    }

    wait <<= ngx_min(slot->fails, 8);
    wait = ngx_min(wait, max);

    if (retry_after > wait) {
        wait = ngx_min(retry_after, NGX_HTTP_LLM_TOKEN_NEVER);
    }

    slot->fails++;
    slot->refused = refused;
    slot->retry = ngx_time() + wait;
    slot->lease = 0;

    ngx_shmtx_unlock(&shpool->mutex);

    return wait;
}


ngx_int_t
ngx_http_llm_token_drop(ngx_http_llm_token_t *token, ngx_uint_t version)
{
    time_t                      now;
    ngx_int_t                   rc;
    ngx_slab_pool_t            *shpool;
    ngx_http_llm_token_slot_t  *slot;

    now = ngx_time();
    rc = NGX_DECLINED;

    slot = ngx_http_llm_token_lock(token, &shpool);
    if (slot == NULL) {
        return NGX_DECLINED;
    }

    if (slot->version == version
        && ngx_http_llm_token_valid(slot, now)
        && now >= slot->dropped + NGX_HTTP_LLM_TOKEN_DROP)
    {
        slot->dropped = now;
        slot->expires = 0;
        slot->retry = 0;

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}
