
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger in the zone, and how a process comes to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_account.h"
#include "ngx_http_llm_process.h"


/* of the zone, left for what is allocated later */
#define NGX_HTTP_LLM_LEDGER_SPARE  8

/* the least zone that has room for a ledger, its own tables and the spare */
#define NGX_HTTP_LLM_LEDGER_ZONE   "6m"


static void ngx_http_llm_ledger_lock(void *data);
static void ngx_http_llm_ledger_unlock(void *data);


ngx_int_t
ngx_http_llm_ledger_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone)
{
    void            *memory;
    size_t           size, spare;
    uint64_t         boot;
    struct timeval   tv;

    size = zone->shpool->pfree * ngx_pagesize;
    spare = shm_zone->shm.size / NGX_HTTP_LLM_LEDGER_SPARE;

    if (size < NGX_LLM_LEDGER_MIN + spare) {
        return NGX_OK;
    }

    size = ngx_align(size - spare, ngx_pagesize);

    /* pages that nobody used are zeroed, to touch them all would cost */

    memory = ngx_slab_alloc(zone->shpool, size);
    if (memory == NULL) {
        return NGX_ERROR;
    }

#if (NGX_DEBUG_MALLOC)
    ngx_memzero(memory, size);
#endif

    ngx_gettimeofday(&tv);

    boot = (uint64_t) tv.tv_sec * 1000000 + tv.tv_usec;

    if (ngx_llm_ledger_create(memory, size, boot) != NGX_OK) {
        return NGX_ERROR;
    }

    zone->sh->ledger = memory;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_ledger_init(ngx_shm_zone_t *shm_zone, ngx_http_llm_zone_t *zone)
{
    if (zone->sh->ledger == NULL) {

        if (zone->lmcf->nlimits == 0 && zone->lmcf->nstats == 0) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small for %s, it must have at "
                      "least " NGX_HTTP_LLM_LEDGER_ZONE, &shm_zone->shm.name,
                      zone->lmcf->nlimits ? "limits"
                                          : "llm_metrics and llm_api");
        return NGX_ERROR;
    }

    zone->ledger.shm = zone->sh->ledger;
    zone->ledger.owner = NGX_LLM_LEDGER_NONE;
    zone->ledger.hint = 0;
    zone->ledger.lock = ngx_http_llm_ledger_lock;
    zone->ledger.unlock = ngx_http_llm_ledger_unlock;
    zone->ledger.data = zone->shpool;

    return NGX_OK;
}


/* the master opens it for a worker that died with it */

static void
ngx_http_llm_ledger_lock(void *data)
{
    ngx_slab_pool_t  *shpool = data;

    ngx_shmtx_lock(&shpool->mutex);
}


static void
ngx_http_llm_ledger_unlock(void *data)
{
    ngx_slab_pool_t  *shpool = data;

    ngx_shmtx_unlock(&shpool->mutex);
}


ngx_int_t
ngx_http_llm_ledger_init_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    if (ngx_http_llm_zone_ledger(lmcf) == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    if (ngx_http_llm_ledger_joined(lmcf) == NULL) {

        /* requests that meet limits are refused then */

        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "too many processes use the llm zone");
    }

    return NGX_OK;
}


ngx_llm_ledger_t *
ngx_http_llm_ledger_joined(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_llm_ledger_t  *ledger;

    ledger = ngx_http_llm_zone_ledger(lmcf);

    if (ledger && ledger->owner == NGX_LLM_LEDGER_NONE
        && ngx_llm_ledger_join(ledger, ngx_pid,
                               ngx_http_llm_process_start(ngx_pid))
           != NGX_OK)
    {
        return NULL;
    }

    return ledger;
}


ngx_llm_ledger_t *
ngx_http_llm_zone_ledger(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_zone_t  *zone;

    if (lmcf == NULL || lmcf->zone == NULL) {
        return NULL;
    }

    zone = lmcf->zone->data;

    return zone->ledger.shm ? &zone->ledger : NULL;
}
