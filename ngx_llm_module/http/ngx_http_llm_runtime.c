
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Keys made at run time, as this process knows them.
 */


#include "ngx_http_llm_runtime.h"
#include "ngx_http_llm_account.h"


static ngx_http_llm_runtime_t *ngx_http_llm_runtime_get(
    ngx_http_llm_main_conf_t *lmcf);
static void ngx_http_llm_runtime_cleanup(void *data);
static void ngx_http_llm_runtime_read(ngx_http_llm_runtime_t *rt);
static void ngx_http_llm_runtime_apply(ngx_http_llm_runtime_t *rt,
    ngx_llm_text_t *copy);
static ngx_uint_t ngx_http_llm_runtime_hash(ngx_llm_name_t *name);
static void ngx_http_llm_runtime_add(ngx_http_llm_runtime_t *rt,
    ngx_str_t *text, ngx_uint_t hash);
static ngx_int_t ngx_http_llm_runtime_bare(ngx_http_llm_defined_t *def);
static ngx_http_llm_key_t *ngx_http_llm_runtime_own(
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name);
static void ngx_http_llm_runtime_drop(ngx_http_llm_runtime_t *rt,
    ngx_http_llm_defined_t *def);
static void ngx_http_llm_runtime_free(ngx_http_llm_defined_t *def);
static void ngx_http_llm_runtime_index(ngx_http_llm_runtime_t *rt);
static void ngx_http_llm_runtime_release(void *data);


static ngx_http_llm_runtime_t *
ngx_http_llm_runtime_get(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_llm_ledger_t        *ledger;
    ngx_pool_cleanup_t      *cln;
    ngx_http_llm_runtime_t  *rt;

    if (lmcf->runtime) {
        return lmcf->runtime;
    }

    ledger = ngx_http_llm_zone_ledger(lmcf);

    if (ledger == NULL || ngx_llm_ledger_text_changed(ledger) == 0) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(lmcf->cycle->pool,
                               sizeof(ngx_http_llm_runtime_t));
    if (cln == NULL) {
        return NULL;
    }

    rt = cln->data;

    ngx_memzero(rt, sizeof(ngx_http_llm_runtime_t));

    /*
     * set by ngx_memzero():
     *
     *     rt->change = 0;
     *     rt->ndigests = 0;
     *     rt->slots = NULL;
     *     rt->size = 0;
     */

    rt->lmcf = lmcf;
    rt->ledger = ledger;

    ngx_queue_init(&rt->all);
    ngx_rbtree_init(&rt->names, &rt->sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&rt->ids, &rt->id_sentinel, ngx_rbtree_insert_value);

    cln->handler = ngx_http_llm_runtime_cleanup;

    lmcf->runtime = rt;

    return rt;
}


/* with the configuration: nobody asks any more */

static void
ngx_http_llm_runtime_cleanup(void *data)
{
    ngx_http_llm_runtime_t *rt = data;

    ngx_queue_t             *q;
    ngx_http_llm_defined_t  *def;

    while (!ngx_queue_empty(&rt->all)) {
        q = ngx_queue_head(&rt->all);
        ngx_queue_remove(q);

        def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);
        ngx_destroy_pool(def->pool);
    }

    if (rt->slots) {
        ngx_free(rt->slots);
    }
}


void
ngx_http_llm_runtime_update(ngx_http_llm_main_conf_t *lmcf)
{
    ngx_http_llm_runtime_t  *rt;

    if (lmcf->state == NULL) {
        return;
    }

    rt = ngx_http_llm_runtime_get(lmcf);

    if (rt && ngx_llm_ledger_text_changed(rt->ledger) != rt->change) {
        ngx_http_llm_runtime_read(rt);
    }
}


static void
ngx_http_llm_runtime_read(ngx_http_llm_runtime_t *rt)
{
    int64_t                  last;
    ngx_uint_t               i;
    ngx_queue_t             *q;
    ngx_llm_text_t           copy;
    ngx_http_llm_defined_t  *def;

    /* what comes after this number is for the next time */

    last = ngx_llm_ledger_text_changed(rt->ledger);

    if (ngx_llm_ledger_text_forgotten(rt->ledger) > rt->change) {

        while (!ngx_queue_empty(&rt->all)) {
            q = ngx_queue_head(&rt->all);
            def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);

            ngx_http_llm_runtime_drop(rt, def);
        }

        rt->change = 0;
    }

    i = 0;

    while (ngx_llm_ledger_text_next(rt->ledger, &i, rt->change, &copy)
           == NGX_OK)
    {
        ngx_http_llm_runtime_apply(rt, &copy);
    }

    rt->change = last;

    ngx_http_llm_runtime_index(rt);
}


/* of a deleted text only the name's hash is left */

static void
ngx_http_llm_runtime_apply(ngx_http_llm_runtime_t *rt, ngx_llm_text_t *copy)
{
    ngx_str_t                text;
    ngx_uint_t               hash;
    ngx_rbtree_node_t       *node;
    ngx_http_llm_defined_t  *def;

    hash = ngx_http_llm_runtime_hash(&copy->name);

    for (node = rt->ids.root; node != &rt->id_sentinel; /* void */ ) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        def = (ngx_http_llm_defined_t *)
                  ((u_char *) node - offsetof(ngx_http_llm_defined_t, id));

        ngx_http_llm_runtime_drop(rt, def);
        break;
    }

    if (copy->len >= 0) {
        text.data = copy->text;
        text.len = copy->len;

        ngx_http_llm_runtime_add(rt, &text, hash);
    }
}


/* half of a name's 128 bits are as good as all */

static ngx_uint_t
ngx_http_llm_runtime_hash(ngx_llm_name_t *name)
{
    return (ngx_uint_t) name->id[0];
}


static void
ngx_http_llm_runtime_add(ngx_http_llm_runtime_t *rt, ngx_str_t *text,
    ngx_uint_t hash)
{
    ngx_int_t                rc;
    ngx_pool_t              *pool;
    ngx_http_llm_key_t      *own;
    ngx_http_llm_defined_t  *def;

    pool = ngx_create_pool(2048, rt->lmcf->cycle->log);
    if (pool == NULL) {
        return;
    }

    def = ngx_pcalloc(pool, sizeof(ngx_http_llm_defined_t));
    if (def == NULL) {
        goto failed;
    }

    def->pool = pool;
    def->text.len = text->len;
    def->text.data = ngx_pstrdup(pool, text);

    if (def->text.data == NULL) {
        goto failed;
    }

    rc = ngx_http_llm_runtime_parse(rt->lmcf, pool, &def->text, &def->key,
                                    &def->error);

    /* a team of it may be gone from the configuration */

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, rt->lmcf->cycle->log, 0,
                      "llm key that was made at run time is not usable: %V",
                      &def->error);

        rc = ngx_http_llm_runtime_bare(def);
    }

    if (rc != NGX_OK) {
        goto failed;
    }

    /* what the configuration has it has, but for "disabled" */

    own = ngx_http_llm_runtime_own(rt->lmcf, &def->key->name);

    if (own) {
        own->disabled = def->key->disabled;
        def->overlay = 1;
    }

    def->key->defined = def;

    def->node.str = def->key->name;
    def->node.node.key = ngx_crc32_long(def->key->name.data,
                                        def->key->name.len);
    def->id.key = hash;

    ngx_rbtree_insert(&rt->names, &def->node.node);
    ngx_rbtree_insert(&rt->ids, &def->id);
    ngx_queue_insert_tail(&rt->all, &def->queue);

    return;

failed:

    ngx_destroy_pool(pool);
}


/* a key that can be seen, changed and deleted, but not be used */

static ngx_int_t
ngx_http_llm_runtime_bare(ngx_http_llm_defined_t *def)
{
    ngx_str_t            name;
    ngx_llm_json_t      *root;
    ngx_http_llm_key_t  *key;

    root = ngx_llm_json_parse(def->pool, &def->text, NULL);
    key = ngx_pcalloc(def->pool, sizeof(ngx_http_llm_key_t));

    if (root == NULL || key == NULL) {
        return NGX_ERROR;
    }

    name = ngx_llm_json_str(root, "name");
    name = ngx_llm_json_plain(def->pool, &name);

    if (name.len == 0) {
        return NGX_ERROR;
    }

    key->name = name;
    key->disabled = 1;

    def->key = key;

    return NGX_OK;
}


/* that of the configuration with the same name */

static ngx_http_llm_key_t *
ngx_http_llm_runtime_own(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_http_llm_pattern_t  *pattern;

    if (lmcf->keys.nelts == 0) {
        return NULL;
    }

    pattern = ngx_http_llm_names_find(&lmcf->key_names, name, NULL);

    return (pattern && pattern->kind == NGX_HTTP_LLM_EXACT) ? pattern->value
                                                            : NULL;
}


static void
ngx_http_llm_runtime_drop(ngx_http_llm_runtime_t *rt,
    ngx_http_llm_defined_t *def)
{
    ngx_http_llm_key_t  *own;

    if (def->overlay) {
        own = ngx_http_llm_runtime_own(rt->lmcf, &def->key->name);

        if (own) {
            own->disabled = 0;
        }
    }

    ngx_rbtree_delete(&rt->names, &def->node.node);
    ngx_rbtree_delete(&rt->ids, &def->id);
    ngx_queue_remove(&def->queue);

    def->gone = 1;

    ngx_http_llm_runtime_free(def);
}


static void
ngx_http_llm_runtime_free(ngx_http_llm_defined_t *def)
{
    if (def->gone && def->users == 0) {
        ngx_destroy_pool(def->pool);
    }
}


/* by digest: made anew after changes, at most half full */

static void
ngx_http_llm_runtime_index(ngx_http_llm_runtime_t *rt)
{
    u_char                  *digest;
    ngx_uint_t               i, n, size;
    ngx_queue_t             *q;
    ngx_http_llm_secret_t   *slot, *slots;
    ngx_http_llm_defined_t  *def;

    n = 0;

    for (q = ngx_queue_head(&rt->all);
         q != ngx_queue_sentinel(&rt->all);
         q = ngx_queue_next(q))
    {
        def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);
        n += def->overlay ? 0 : def->key->digests.nelts;
    }

    for (size = 16; size < n * 2; size *= 2) {
        /* void */
    }

    slots = ngx_calloc(size * sizeof(ngx_http_llm_secret_t),
                       rt->lmcf->cycle->log);
    if (slots == NULL) {
        size = 0;
        n = 0;
    }

    if (rt->slots) {
        ngx_free(rt->slots);
    }

    rt->slots = slots;
    rt->size = size;
    rt->ndigests = n;

    if (n == 0) {
        return;
    }

    for (q = ngx_queue_head(&rt->all);
         q != ngx_queue_sentinel(&rt->all);
         q = ngx_queue_next(q))
    {
        def = ngx_queue_data(q, ngx_http_llm_defined_t, queue);

        if (def->overlay) {
            continue;
        }

        digest = def->key->digests.elts;

        for (i = 0; i < def->key->digests.nelts; i++) {
            slot = ngx_http_llm_secret_slot(slots, size, digest);

            /* it was refused, so another gateway in the folder did that */

            if (slot->key == NULL) {
                slot->digest = digest;
                slot->key = def->key;
            }

            digest += NGX_HTTP_LLM_DIGEST;
        }
    }
}


ngx_http_llm_defined_t *
ngx_http_llm_runtime_find(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    if (lmcf->runtime == NULL) {
        return NULL;
    }

    return (ngx_http_llm_defined_t *)
           ngx_str_rbtree_lookup(&lmcf->runtime->names, name,
                                 ngx_crc32_long(name->data, name->len));
}


ngx_http_llm_key_t *
ngx_http_llm_runtime_key(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_http_llm_defined_t  *def;

    def = ngx_http_llm_runtime_find(lmcf, name);

    return (def && !def->overlay) ? def->key : NULL;
}


ngx_http_llm_key_t *
ngx_http_llm_runtime_secret(ngx_http_llm_main_conf_t *lmcf, u_char *digest)
{
    ngx_http_llm_runtime_t  *rt;

    rt = lmcf->runtime;

    if (rt == NULL || rt->ndigests == 0) {
        return NULL;
    }

    return ngx_http_llm_secret_slot(rt->slots, rt->size, digest)->key;
}


ngx_int_t
ngx_http_llm_runtime_hold(ngx_http_request_t *r, ngx_http_llm_key_t *key)
{
    ngx_pool_cleanup_t  *cln;

    if (key->defined == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    key->defined->users++;

    cln->handler = ngx_http_llm_runtime_release;
    cln->data = key->defined;

    return NGX_OK;
}


static void
ngx_http_llm_runtime_release(void *data)
{
    ngx_http_llm_defined_t *def = data;

    def->users--;

    ngx_http_llm_runtime_free(def);
}
