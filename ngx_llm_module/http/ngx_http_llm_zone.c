
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The shared zone: what all workers know, and keep over reloads.
 *
 * Tables of a fixed size with open addressing, allocated once.  Nothing in
 * them is linked, so that a process killed between two stores, the lock in its
 * hand, leaves nothing behind that another could stumble over.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_account.h"
#include "ngx_http_llm_state.h"


#define NGX_HTTP_LLM_ZONE_MIN     (256 * 1024)
#define NGX_HTTP_LLM_ZONE_SIZE    (16 * 1024 * 1024)
#define NGX_HTTP_LLM_ZONE_PROBES  16


typedef struct {
    u_short                       family;
    u_char                        addr[16];
} ngx_http_llm_known_addr_t;


struct ngx_http_llm_known_s {
    uint64_t                      key[2];       /* 0, 0: free */
    ngx_atomic_t                  torn;         /* while it is written */
    time_t                        valid;
    ngx_uint_t                    naddrs;
    ngx_http_llm_known_addr_t     addr[NGX_HTTP_LLM_ADDRS];
};


static char *ngx_http_llm_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    ssize_t size);
static ngx_int_t ngx_http_llm_zone_resized(ngx_conf_t *cf, ngx_str_t *name,
    size_t size);
static ngx_int_t ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_llm_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);
static ngx_int_t ngx_http_llm_zone_deployments(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone);
static ngx_uint_t ngx_http_llm_zone_slot(ngx_http_llm_shared_t *sh,
    ngx_str_t *id);
static void ngx_http_llm_zone_key(ngx_str_t *text, uint64_t *key);

static ngx_http_llm_known_t *ngx_http_llm_known_find(
    ngx_http_llm_shared_t *sh, uint64_t *key, ngx_uint_t create);


char *
ngx_http_llm_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (lmcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    name = value[1];

    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < NGX_HTTP_LLM_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_zone_add(cf, &name, size);
}


ngx_int_t
ngx_http_llm_zone_init_default(ngx_conf_t *cf)
{
    ngx_str_t                  name;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (lmcf->zone || lmcf->providers.nelts == 0) {
        return NGX_OK;
    }

    ngx_str_set(&name, "llm");

    if (ngx_http_llm_zone_add(cf, &name, NGX_HTTP_LLM_ZONE_SIZE)
        != NGX_CONF_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static char *
ngx_http_llm_zone_add(ngx_conf_t *cf, ngx_str_t *name, ssize_t size)
{
    ngx_http_llm_zone_t       *zone;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (ngx_http_llm_zone_resized(cf, name, size) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->lmcf = lmcf;

    lmcf->zone = ngx_shared_memory_add(cf, name, size, &ngx_http_llm_module);
    if (lmcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    lmcf->zone->init = ngx_http_llm_zone_init;
    lmcf->zone->data = zone;

    return NGX_CONF_OK;
}


/* nginx would begin with an empty zone, the old one still in use beside it */

static ngx_int_t
ngx_http_llm_zone_resized(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_uint_t        i;
    ngx_cycle_t      *cycle;
    ngx_shm_zone_t   *shm_zone;
    ngx_list_part_t  *part;

    cycle = cf->cycle->old_cycle;

    if (cycle == NULL || ngx_is_init_cycle(cycle)) {
        return NGX_OK;
    }

    part = &cycle->shared_memory.part;
    shm_zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            shm_zone = part->elts;
            i = 0;
        }

        if (shm_zone[i].tag == &ngx_http_llm_module
            && shm_zone[i].shm.name.len == name->len
            && ngx_strncmp(shm_zone[i].shm.name.data, name->data, name->len)
               == 0
            && shm_zone[i].shm.size != size)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_zone size can be changed by a restart "
                               "only");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* in the master, while workers of the old configuration use the zone */

static ngx_int_t
ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_zone_t *octx = data;

    ngx_uint_t            fresh;
    ngx_http_llm_zone_t  *zone;

    zone = shm_zone->data;
    fresh = 0;

    if (octx) {
        zone->sh = octx->sh;
        zone->shpool = octx->shpool;

        goto done;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;

    } else {
        if (ngx_http_llm_zone_create(shm_zone, zone) != NGX_OK) {
            return NGX_ERROR;
        }

        fresh = 1;
    }

done:

    if (ngx_http_llm_ledger_init(shm_zone, zone) != NGX_OK
        || ngx_http_llm_usage_log_zone(shm_zone, zone) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (fresh && ngx_http_llm_replay(shm_zone, zone) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_zone_deployments(shm_zone, zone);
}


static ngx_int_t
ngx_http_llm_zone_create(ngx_shm_zone_t *shm_zone, ngx_http_llm_zone_t *zone)
{
    size_t                  len;
    ngx_http_llm_shared_t  *sh;

    sh = ngx_slab_calloc(zone->shpool, sizeof(ngx_http_llm_shared_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->nhealth = shm_zone->shm.size / 32 / sizeof(ngx_http_llm_health_t);
    sh->nknown = shm_zone->shm.size / 16 / sizeof(ngx_http_llm_known_t);

    len = sh->nhealth * sizeof(ngx_http_llm_health_t);

    sh->health = ngx_slab_calloc(zone->shpool, len);
    if (sh->health == NULL) {
        return NGX_ERROR;
    }

    len = sh->nknown * sizeof(ngx_http_llm_known_t);

    sh->known = ngx_slab_calloc(zone->shpool, len);
    if (sh->known == NULL) {
        return NGX_ERROR;
    }

    len = sizeof(" in llm_zone \"\"") + shm_zone->shm.name.len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in llm_zone \"%V\"%Z",
                &shm_zone->shm.name);

    zone->shpool->log_nomem = 0;

    zone->sh = sh;
    zone->shpool->data = sh;

    return ngx_http_llm_ledger_create(shm_zone, zone);
}


/*
 * A deployment has the slot of its name for as long as there is room; slots
 * of names that no configuration knows any more are taken over last.
 */

static ngx_int_t
ngx_http_llm_zone_deployments(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *zone)
{
    ngx_uint_t                   i, j, n;
    ngx_http_llm_model_t       **model;
    ngx_http_llm_shared_t       *sh;
    ngx_http_llm_deployment_t   *dep;

    sh = zone->sh;
    n = 0;

    model = zone->lmcf->models.elts;

    for (i = 0; i < zone->lmcf->models.nelts; i++) {
        n += model[i]->deployments.nelts;
    }

    if (n > sh->nhealth) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small for %ui deployments",
                      &shm_zone->shm.name, n);
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    sh->generation++;

    for (i = 0; i < zone->lmcf->models.nelts; i++) {
        dep = model[i]->deployments.elts;

        for (j = 0; j < model[i]->deployments.nelts; j++) {
            dep[j].health = ngx_http_llm_zone_slot(sh, &dep[j].id) + 1;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


/* there is one: those of this generation are fewer than all */

static ngx_uint_t
ngx_http_llm_zone_slot(ngx_http_llm_shared_t *sh, ngx_str_t *id)
{
    uint64_t                key[2];
    ngx_uint_t              i, n, best;
    ngx_http_llm_health_t  *slot;

    ngx_http_llm_zone_key(id, key);

    best = (ngx_uint_t) -1;

    for (i = 0; i < sh->nhealth; i++) {
        n = (key[0] + i) % sh->nhealth;
        slot = &sh->health[n];

        if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
            slot->generation = sh->generation;
            return n;
        }

        if (slot->key[0] == 0 && slot->key[1] == 0) {
            best = n;
            break;
        }

        if (slot->generation != sh->generation
            && (best == (ngx_uint_t) -1
                || slot->generation < sh->health[best].generation))
        {
            best = n;
        }
    }

    slot = &sh->health[best];

    slot->generation = sh->generation;
    slot->until = 0;
    slot->probe = 0;
    slot->first = 0;
    slot->fails = 0;
    slot->level = 0;
    slot->key[1] = key[1];

    ngx_memory_barrier();

    slot->key[0] = key[0];

    return best;
}


static void
ngx_http_llm_zone_key(ngx_str_t *text, uint64_t *key)
{
    u_char  digest[32];

    ngx_http_llm_sha256(text->data, text->len, digest);

    ngx_memcpy(key, digest, 2 * sizeof(uint64_t));

    key[0] |= 1;
}


ngx_http_llm_zone_t *
ngx_http_llm_zone_get(void)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_llm_module);

    if (lmcf == NULL || lmcf->zone == NULL) {
        return NULL;
    }

    return lmcf->zone->data;
}


ngx_int_t
ngx_http_llm_addrs_get(ngx_str_t *host, ngx_http_llm_addrs_t *addrs)
{
    uint64_t               key[2];
    ngx_uint_t             i;
    ngx_http_llm_zone_t   *zone;
    ngx_http_llm_known_t  *known, copy;
    struct sockaddr_in    *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6   *sin6;
#endif

    zone = ngx_http_llm_zone_get();
    if (zone == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_llm_zone_key(host, key);

    ngx_shmtx_lock(&zone->shpool->mutex);

    known = ngx_http_llm_known_find(zone->sh, key, 0);

    if (known) {
        copy = *known;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (known == NULL) {
        return NGX_DECLINED;
    }

    addrs->naddrs = copy.naddrs;
    addrs->valid = copy.valid;

    for (i = 0; i < copy.naddrs; i++) {

        ngx_memzero(&addrs->addr[i], sizeof(ngx_sockaddr_t));

#if (NGX_HAVE_INET6)

        if (copy.addr[i].family == AF_INET6) {
            sin6 = &addrs->addr[i].sockaddr_in6;
            sin6->sin6_family = AF_INET6;
            ngx_memcpy(&sin6->sin6_addr, copy.addr[i].addr, 16);

            addrs->len[i] = sizeof(struct sockaddr_in6);
            continue;
        }

#endif

        sin = &addrs->addr[i].sockaddr_in;
        sin->sin_family = AF_INET;
        ngx_memcpy(&sin->sin_addr, copy.addr[i].addr, 4);

        addrs->len[i] = sizeof(struct sockaddr_in);
    }

    return NGX_OK;
}


void
ngx_http_llm_addrs_set(ngx_str_t *host, ngx_http_llm_addrs_t *addrs)
{
    uint64_t               key[2];
    ngx_uint_t             i;
    ngx_http_llm_zone_t   *zone;
    ngx_http_llm_known_t  *known, copy;
    struct sockaddr_in    *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6   *sin6;
#endif

    zone = ngx_http_llm_zone_get();
    if (zone == NULL) {
        return;
    }

    ngx_http_llm_zone_key(host, key);

    ngx_memzero(&copy, sizeof(ngx_http_llm_known_t));

    copy.valid = addrs->valid;
    copy.torn = 1;

    for (i = 0; i < addrs->naddrs; i++) {

        switch (addrs->addr[i].sockaddr.sa_family) {

#if (NGX_HAVE_INET6)
        case AF_INET6:
            sin6 = &addrs->addr[i].sockaddr_in6;
            copy.addr[copy.naddrs].family = AF_INET6;
            ngx_memcpy(copy.addr[copy.naddrs++].addr, &sin6->sin6_addr, 16);
            break;
#endif

        case AF_INET:
            sin = &addrs->addr[i].sockaddr_in;
            copy.addr[copy.naddrs].family = AF_INET;
            ngx_memcpy(copy.addr[copy.naddrs++].addr, &sin->sin_addr, 4);
            break;
        }
    }

    copy.key[0] = key[0];
    copy.key[1] = key[1];

    ngx_shmtx_lock(&zone->shpool->mutex);

    known = ngx_http_llm_known_find(zone->sh, key, 1);

    known->torn = 1;

    ngx_memory_barrier();

    *known = copy;

    ngx_memory_barrier();

    known->torn = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/*
 * Under the lock: who finds an entry torn knows that its writer is dead.  With
 * "create" there is always one, if need be that of the oldest addresses.
 */

static ngx_http_llm_known_t *
ngx_http_llm_known_find(ngx_http_llm_shared_t *sh, uint64_t *key,
    ngx_uint_t create)
{
    ngx_uint_t             i;
    ngx_http_llm_known_t  *known, *best;

    best = NULL;

    for (i = 0; i < NGX_HTTP_LLM_ZONE_PROBES; i++) {
        known = &sh->known[(key[0] + i) % sh->nknown];

        if (known->torn) {

            /* its key is torn, too; the place is as good as free */

            if (best == NULL || best->valid) {
                known->valid = 0;
                best = known;
            }

            continue;
        }

        if (known->key[0] == key[0] && known->key[1] == key[1]) {
            return known;
        }

        if (known->key[0] == 0 && known->key[1] == 0) {

            if (best == NULL || best->valid) {
                best = known;
            }

            break;
        }

        if (best == NULL || known->valid < best->valid) {
            best = known;
        }
    }

    return create ? best : NULL;
}
