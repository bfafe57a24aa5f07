
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Health of deployments, one for all workers.
 *
 * So many failures within the window put a deployment out, each further time
 * for twice as long; a throttle does at once, for the time the provider says.
 * Then one request at a time probes it, until one succeeds.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_HEALTH_FAILS                                            \
    (NGX_LLM_FAIL_ERROR|NGX_LLM_FAIL_TIMEOUT|NGX_LLM_FAIL_INVALID            \
     |NGX_LLM_FAIL_OVERLOADED|NGX_LLM_FAIL_SERVER_ERROR|NGX_LLM_FAIL_AUTH)

#define NGX_HTTP_LLM_HEALTH_LEASE     60000     /* a dead prober's */
#define NGX_HTTP_LLM_HEALTH_MAX       3600      /* seconds of a Retry-After */
#define NGX_HTTP_LLM_HEALTH_LEVELS    16


static ngx_http_llm_health_t *ngx_http_llm_health_slot(
    ngx_http_llm_deployment_t *dep, ngx_http_llm_zone_t **zone);
static ngx_msec_t ngx_http_llm_health_throttle(ngx_http_llm_model_t *model,
    ngx_uint_t fail, ngx_int_t retry_after);
static ngx_msec_t ngx_http_llm_health_count(ngx_http_llm_model_t *model,
    ngx_http_llm_health_t *slot, ngx_msec_t now);


/* a time is never 0, which means none */

#define ngx_http_llm_health_time(t)   ((ngx_atomic_uint_t) (t) | 1)

#define ngx_http_llm_health_left(t, now)                                     \
    ((ngx_msec_int_t) ((ngx_msec_t) (t) - (now)))


ngx_int_t
ngx_http_llm_health_check(ngx_http_llm_deployment_t *dep, ngx_msec_t *wait)
{
    ngx_msec_t              now, lease;
    ngx_msec_int_t          left;
    ngx_atomic_uint_t       until;
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_health_t  *slot;

    slot = ngx_http_llm_health_slot(dep, &zone);

    if (slot == NULL || slot->until == 0) {
        return NGX_OK;
    }

    now = ngx_current_msec;

    ngx_shmtx_lock(&zone->shpool->mutex);

    until = slot->until;
    left = until ? ngx_http_llm_health_left(until, now) : 0;

    if (until && left <= 0) {

        left = slot->probe ? ngx_http_llm_health_left(slot->probe, now) : 0;

        if (left <= 0) {
            lease = now + NGX_HTTP_LLM_HEALTH_LEASE;
            slot->probe = ngx_http_llm_health_time(lease);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (until == 0) {
        return NGX_OK;
    }

    if (left <= 0) {
        return NGX_AGAIN;
    }

    *wait = left;

    return NGX_BUSY;
}


/* an answer that began before the deployment was put out does not end that */

void
ngx_http_llm_health_success(ngx_http_llm_deployment_t *dep)
{
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_health_t  *slot;

    slot = ngx_http_llm_health_slot(dep, &zone);

    if (slot == NULL
        || (slot->until == 0 && slot->fails == 0 && slot->level == 0))
    {
        return;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot->fails = 0;

    if (slot->until == 0
        || ngx_http_llm_health_left(slot->until, ngx_current_msec) <= 0)
    {
        slot->level = 0;
        slot->probe = 0;
        slot->until = 0;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_http_llm_health_failure(ngx_http_llm_deployment_t *dep, ngx_uint_t fail,
    ngx_int_t retry_after)
{
    ngx_msec_t              now, out, t;
    ngx_atomic_uint_t       until;
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_health_t  *slot;

    slot = ngx_http_llm_health_slot(dep, &zone);

    if (slot == NULL) {
        return;
    }

    if (!(fail & (NGX_HTTP_LLM_HEALTH_FAILS|NGX_LLM_FAIL_RATE_LIMIT))) {

        /* says nothing of the deployment; a probe is released by its owner */

        return;
    }

    now = ngx_current_msec;

    out = ngx_http_llm_health_throttle(dep->model, fail, retry_after);

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (fail & NGX_HTTP_LLM_HEALTH_FAILS) {
        t = ngx_http_llm_health_count(dep->model, slot, now);
        out = ngx_max(out, t);
    }

    if (out) {
        until = ngx_http_llm_health_time(now + out);

        /* the later one wins */

        if (slot->until == 0
            || (ngx_msec_int_t) (until - slot->until) > 0)
        {
            slot->until = until;
        }

        slot->probe = 0;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (out) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "llm deployment \"%V\" is out for %M ms", &dep->id, out);
    }
}


void
ngx_http_llm_health_release(ngx_http_llm_deployment_t *dep)
{
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_health_t  *slot;

    slot = ngx_http_llm_health_slot(dep, &zone);

    if (slot) {
        slot->probe = 0;
    }
}


ngx_uint_t
ngx_http_llm_health_state(ngx_http_llm_deployment_t *dep)
{
    ngx_atomic_uint_t       until;
    ngx_http_llm_zone_t    *zone;
    ngx_http_llm_health_t  *slot;

    slot = ngx_http_llm_health_slot(dep, &zone);

    if (slot == NULL) {
        return NGX_HTTP_LLM_HEALTHY;
    }

    until = slot->until;

    if (until == 0) {
        return NGX_HTTP_LLM_HEALTHY;
    }

    return ngx_http_llm_health_left(until, ngx_current_msec) > 0
           ? NGX_HTTP_LLM_OUT : NGX_HTTP_LLM_HALF_OPEN;
}


/* NULL: its health is of no concern */

static ngx_http_llm_health_t *
ngx_http_llm_health_slot(ngx_http_llm_deployment_t *dep,
    ngx_http_llm_zone_t **zone)
{
    if (dep->model->cooldown_fails == 0 || dep->health == 0) {
        return NULL;
    }

    *zone = ngx_http_llm_zone_get();

    if (*zone == NULL || dep->health > (*zone)->sh->nhealth) {
        return NULL;
    }

    return &(*zone)->sh->health[dep->health - 1];
}


/* what the provider asks for, in milliseconds */

static ngx_msec_t
ngx_http_llm_health_throttle(ngx_http_llm_model_t *model, ngx_uint_t fail,
    ngx_int_t retry_after)
{
    if (!(fail & (NGX_LLM_FAIL_RATE_LIMIT|NGX_LLM_FAIL_OVERLOADED))) {
        return 0;
    }

    if (retry_after < 0) {
        return (fail & NGX_LLM_FAIL_RATE_LIMIT) ? model->cooldown_time : 0;
    }

    if (retry_after == 0) {
        return 1000;
    }

    return ngx_min(retry_after, NGX_HTTP_LLM_HEALTH_MAX) * 1000;
}


/* how long this failure puts the deployment out, or 0 */

static ngx_msec_t
ngx_http_llm_health_count(ngx_http_llm_model_t *model,
    ngx_http_llm_health_t *slot, ngx_msec_t now)
{
    ngx_msec_t  out;
    ngx_uint_t  i;

    if (slot->until) {

        /* began before; it says nothing new */

        if (ngx_http_llm_health_left(slot->until, now) > 0) {
            return 0;
        }

        /* a probe: once is enough */

    } else {

        if (slot->fails == 0
            || (ngx_msec_t) (now - slot->first) > model->cooldown_window)
        {
            slot->first = now;
            slot->fails = 0;
        }

        slot->fails++;

        if (slot->fails < model->cooldown_fails) {
            return 0;
        }
    }

    out = model->cooldown_time;

    for (i = 0; i < slot->level && out < model->cooldown_max; i++) {
        out *= 2;
    }

    out = ngx_min(out, model->cooldown_max);

    slot->fails = 0;

    if (slot->level < NGX_HTTP_LLM_HEALTH_LEVELS) {
        slot->level++;
    }

    return out;
}
