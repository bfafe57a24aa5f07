
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Price lists: the public model_prices_and_context_window.json, an object
 * with a member for every model.  Its prices are dollars for one token,
 * request or image.  Members that say nothing of what the gateway counts
 * (prices of seconds, characters, pixels) are passed over, so that a model
 * with no other price has none.
 */


#include "ngx_llm_price.h"


/* rates of one model; the public list has up to thirty */
#define NGX_LLM_PRICE_ITEMS       96

#define NGX_LLM_PRICE_NODES       (2 * 1024 * 1024)

#define NGX_LLM_PRICE_ERROR_TEXT  512


/* kinds of models, as "mode" says */

#define NGX_LLM_PRICE_TEXT        0x01      /* answers in tokens */
#define NGX_LLM_PRICE_IMAGE       0x02      /* makes images */
#define NGX_LLM_PRICE_OTHER       0x04      /* embeddings, rerank ... */
#define NGX_LLM_PRICE_ANY         0x07


typedef struct {
    ngx_str_t                    name;
    ngx_uint_t                   id;        /* ngx_llm_rate_e */
    ngx_uint_t                   kinds;
} ngx_llm_price_member_t;


typedef struct {
    ngx_pool_t                  *pool;
    ngx_pool_t                  *temp;
    ngx_str_t                   *text;
    ngx_str_t                   *error;

    ngx_llm_json_t              *entry;
    ngx_uint_t                   kind;
    ngx_llm_price_item_t         items[NGX_LLM_PRICE_ITEMS];
    ngx_uint_t                   n;
} ngx_llm_price_reader_t;


static ngx_int_t ngx_llm_price_list_alloc(ngx_llm_price_list_t *list,
    ngx_pool_t *pool, ngx_llm_json_t *root);
static void ngx_llm_price_list_add(ngx_llm_price_list_t *list,
    const ngx_llm_price_t *price);
static const ngx_llm_price_t **ngx_llm_price_list_slot(
    ngx_llm_price_list_t *list, ngx_str_t *name);

static ngx_int_t ngx_llm_price_read_entry(ngx_llm_price_reader_t *rd,
    const ngx_llm_price_t **out);
static ngx_uint_t ngx_llm_price_read_kind(ngx_llm_json_t *entry);
static ngx_int_t ngx_llm_price_read_members(ngx_llm_price_reader_t *rd,
    ngx_llm_json_t *node, uint32_t above);
static ngx_int_t ngx_llm_price_read_tiers(ngx_llm_price_reader_t *rd,
    ngx_llm_json_t *list);
static ngx_int_t ngx_llm_price_read_name(ngx_llm_price_reader_t *rd,
    ngx_str_t *name, ngx_llm_price_item_t *item);
static ngx_int_t ngx_llm_price_read_suffix(u_char *p, u_char *last,
    ngx_llm_price_item_t *item);
static ngx_int_t ngx_llm_price_read_item(ngx_llm_price_reader_t *rd,
    ngx_llm_json_t *member, ngx_llm_price_item_t *item);
static ngx_int_t ngx_llm_price_read_copy(ngx_llm_price_reader_t *rd,
    ngx_llm_price_t *price);
static ngx_uint_t ngx_llm_price_read_known(ngx_llm_price_reader_t *rd);
static ngx_uint_t ngx_llm_price_read_same(ngx_llm_price_reader_t *rd,
    ngx_llm_price_item_t *item);
static uint32_t ngx_llm_price_read_count(ngx_llm_json_t *entry, char *name);
static ngx_int_t ngx_llm_price_read_fail(ngx_llm_price_reader_t *rd,
    ngx_llm_json_t *node, char *what);


static const ngx_llm_price_member_t  ngx_llm_price_members[] = {

    { ngx_string("cache_creation_input_token_cost_above_1hr"),
      NGX_LLM_RATE_CACHE_WRITE_1H, NGX_LLM_PRICE_ANY },

    { ngx_string("cache_creation_input_token_cost"),
      NGX_LLM_RATE_CACHE_WRITE, NGX_LLM_PRICE_ANY },

    { ngx_string("cache_read_input_token_cost"),
      NGX_LLM_RATE_CACHED, NGX_LLM_PRICE_ANY },

    { ngx_string("input_cost_per_audio_token"),
      NGX_LLM_RATE_AUDIO_INPUT, NGX_LLM_PRICE_ANY },

    { ngx_string("input_cost_per_image"),
      NGX_LLM_RATE_IMAGE, NGX_LLM_PRICE_IMAGE },

    { ngx_string("input_cost_per_query"),
      NGX_LLM_RATE_REQUEST, NGX_LLM_PRICE_OTHER },

    { ngx_string("input_cost_per_request"),
      NGX_LLM_RATE_REQUEST, NGX_LLM_PRICE_ANY },

    { ngx_string("input_cost_per_token"),
      NGX_LLM_RATE_INPUT, NGX_LLM_PRICE_ANY },

    { ngx_string("input_cost_per_token_cache_hit"),
      NGX_LLM_RATE_CACHED, NGX_LLM_PRICE_ANY },

    { ngx_string("output_cost_per_audio_token"),
      NGX_LLM_RATE_AUDIO_OUTPUT, NGX_LLM_PRICE_ANY },

    { ngx_string("output_cost_per_image_token"),
      NGX_LLM_RATE_OUTPUT, NGX_LLM_PRICE_IMAGE },

    { ngx_string("output_cost_per_image"),
      NGX_LLM_RATE_IMAGE, NGX_LLM_PRICE_IMAGE },

    { ngx_string("output_cost_per_reasoning_token"),
      NGX_LLM_RATE_REASONING, NGX_LLM_PRICE_ANY },

    { ngx_string("output_cost_per_token"),
      NGX_LLM_RATE_OUTPUT, NGX_LLM_PRICE_ANY },

    { ngx_null_string, 0, 0 }
};


static const ngx_llm_price_item_t  ngx_llm_price_unknown =
    { 0, 0, 0, NGX_LLM_RATES };


ngx_int_t
ngx_llm_price_list_read(ngx_llm_price_list_t *list, ngx_pool_t *pool,
    ngx_pool_t *temp, ngx_str_t *text, ngx_str_t *error)
{
    ngx_int_t                rc;
    ngx_llm_json_t          *root;
    ngx_llm_json_conf_t      conf;
    const ngx_llm_price_t   *price;
    ngx_llm_price_reader_t   rd;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));

    conf.max_nodes = NGX_LLM_PRICE_NODES;

    root = ngx_llm_json_parse(temp, text, &conf);

    if (root == NULL) {
        *error = conf.error;
        return NGX_DECLINED;
    }

    if (root->type != NGX_LLM_JSON_OBJECT) {
        ngx_str_set(error, "it is no JSON object");
        return NGX_DECLINED;
    }

    if (ngx_llm_price_list_alloc(list, pool, root) != NGX_OK) {
        return NGX_ERROR;
    }

    rd.pool = pool;
    rd.temp = temp;
    rd.text = text;
    rd.error = error;

    price = NULL;

    for (rd.entry = root->child; rd.entry; rd.entry = rd.entry->next) {

        rc = ngx_llm_price_read_entry(&rd, &price);

        if (rc == NGX_OK) {
            ngx_llm_price_list_add(list, price);
            continue;
        }

        /* rc == NGX_DONE: it is no model */

        if (rc != NGX_DONE) {
            return rc;
        }
    }

    if (list->priced == 0) {
        ngx_str_set(error, "it has no prices");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


const ngx_llm_price_t *
ngx_llm_price_list_find(ngx_llm_price_list_t *list, ngx_str_t *name)
{
    if (list->table == NULL) {
        return NULL;
    }

    return *ngx_llm_price_list_slot(list, name);
}


/* never more than half full */

static ngx_int_t
ngx_llm_price_list_alloc(ngx_llm_price_list_t *list, ngx_pool_t *pool,
    ngx_llm_json_t *root)
{
    ngx_uint_t       n;
    ngx_llm_json_t  *node;

    n = 0;

    for (node = root->child; node; node = node->next) {
        n++;
    }

    list->n = 0;
    list->priced = 0;
    list->size = 16;

    while (list->size < n * 2) {
        list->size *= 2;
    }

    list->table = ngx_pcalloc(pool, list->size * sizeof(void *));

    return list->table ? NGX_OK : NGX_ERROR;
}


/* the last of one name counts, as in any JSON object */

static void
ngx_llm_price_list_add(ngx_llm_price_list_t *list,
    const ngx_llm_price_t *price)
{
    const ngx_llm_price_t  **slot;

    slot = ngx_llm_price_list_slot(list, (ngx_str_t *) &price->name);

    if (*slot) {
        list->n--;
        list->priced -= ngx_llm_price_known(*slot);
    }

    *slot = price;

    list->n++;
    list->priced += ngx_llm_price_known(price);
}


static const ngx_llm_price_t **
ngx_llm_price_list_slot(ngx_llm_price_list_t *list, ngx_str_t *name)
{
    size_t                  i;
    uint32_t                hash;
    ngx_uint_t              n;
    const ngx_llm_price_t  *price;

    hash = 2166136261U;

    for (i = 0; i < name->len; i++) {
        hash = (hash ^ name->data[i]) * 16777619U;
    }

    for (n = hash & (list->size - 1);
         list->table[n];
         n = (n + 1) & (list->size - 1))
    {
        price = list->table[n];

        if (price->name.len == name->len
            && ngx_memcmp(price->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return &list->table[n];
}


static ngx_int_t
ngx_llm_price_read_entry(ngx_llm_price_reader_t *rd,
    const ngx_llm_price_t **out)
{
    ngx_int_t         rc;
    ngx_str_t        *key;
    ngx_llm_price_t  *price;

    key = &rd->entry->key;

    /* a template of an entry, and rules for names that have none */

    if ((key->len == sizeof("sample_spec") - 1
         && ngx_strncmp(key->data, "sample_spec", key->len) == 0)
        || (key->len == sizeof("fallback_generalizations") - 1
            && ngx_strncmp(key->data, "fallback_generalizations", key->len)
               == 0))
    {
        return NGX_DONE;
    }

    if (rd->entry->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_price_read_fail(rd, rd->entry, "must be an object");
    }

    rd->n = 0;
    rd->kind = ngx_llm_price_read_kind(rd->entry);

    rc = ngx_llm_price_read_members(rd, rd->entry, 0);

    if (rc != NGX_OK) {
        return rc;
    }

    price = ngx_palloc(rd->pool, sizeof(ngx_llm_price_t));
    if (price == NULL) {
        return NGX_ERROR;
    }

    price->name.len = key->len;
    price->name.data = ngx_pnalloc(rd->pool, key->len + 1);
    if (price->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(price->name.data, key->data, key->len);

    price->max_input = ngx_llm_price_read_count(rd->entry,
                                                "max_input_tokens");
    price->max_output = ngx_llm_price_read_count(rd->entry,
                                                 "max_output_tokens");
    price->context = price->max_input;

    *out = price;

    return ngx_llm_price_read_copy(rd, price);
}


static ngx_uint_t
ngx_llm_price_read_kind(ngx_llm_json_t *entry)
{
    ngx_str_t  mode;

    mode = ngx_llm_json_str(entry, "mode");

    if (mode.len == 0
        || ngx_llm_json_is(&mode, "chat")
        || ngx_llm_json_is(&mode, "completion")
        || ngx_llm_json_is(&mode, "responses")
        || ngx_llm_json_is(&mode, "realtime"))
    {
        return NGX_LLM_PRICE_TEXT;
    }

    if (ngx_llm_json_is(&mode, "image_generation")
        || ngx_llm_json_is(&mode, "image_edit"))
    {
        return NGX_LLM_PRICE_IMAGE;
    }

    return NGX_LLM_PRICE_OTHER;
}


static ngx_int_t
ngx_llm_price_read_members(ngx_llm_price_reader_t *rd, ngx_llm_json_t *node,
    uint32_t above)
{
    ngx_int_t              rc;
    ngx_llm_json_t        *member;
    ngx_llm_price_item_t   item;

    for (member = node->child; member; member = member->next) {

        if (above == 0
            && member->type == NGX_LLM_JSON_ARRAY
            && member->key.len == sizeof("tiered_pricing") - 1
            && ngx_strncmp(member->key.data, "tiered_pricing",
                           member->key.len)
               == 0)
        {
            rc = ngx_llm_price_read_tiers(rd, member);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        item.above = above;
        item.service = 0;

        if (member->type == NGX_LLM_JSON_NULL
            || ngx_llm_price_read_name(rd, &member->key, &item) != NGX_OK)
        {
            continue;
        }

        rc = ngx_llm_price_read_item(rd, member, &item);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* [{"range": [0, 256000.0], "input_cost_per_token": 5e-08}, ...] */

static ngx_int_t
ngx_llm_price_read_tiers(ngx_llm_price_reader_t *rd, ngx_llm_json_t *list)
{
    int64_t          from;
    ngx_int_t        rc;
    ngx_llm_json_t  *tier, *range;

    for (tier = list->child; tier; tier = tier->next) {

        range = ngx_llm_json_get(tier, "range");

        if (range == NULL || range->type != NGX_LLM_JSON_ARRAY) {
            continue;
        }

        if (range->child == NULL
            || range->child->type != NGX_LLM_JSON_NUMBER
            || ngx_llm_price_decimal(&range->child->raw, 0, &from) != NGX_OK
            || from > NGX_MAX_UINT32_VALUE)
        {
            return ngx_llm_price_read_fail(rd, range,
                                           "must begin with a number of "
                                           "tokens");
        }

        rc = ngx_llm_price_read_members(rd, tier, (uint32_t) from);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_price_read_name(ngx_llm_price_reader_t *rd, ngx_str_t *name,
    ngx_llm_price_item_t *item)
{
    u_char                        *last;
    const ngx_llm_price_member_t  *m;

    last = name->data + name->len;

    for (m = ngx_llm_price_members; m->name.len; m++) {

        if (name->len < m->name.len
            || ngx_strncmp(name->data, m->name.data, m->name.len) != 0)
        {
            continue;
        }

        if (ngx_llm_price_read_suffix(name->data + m->name.len, last, item)
            != NGX_OK)
        {
            continue;
        }

        if (!(m->kinds & rd->kind)) {
            return NGX_DECLINED;
        }

        item->id = m->id;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* "_above_200k_tokens", "_priority", "_flex", "_batches", in this order */

static ngx_int_t
ngx_llm_price_read_suffix(u_char *p, u_char *last, ngx_llm_price_item_t *item)
{
    u_char    *d;
    size_t     len;
    uint32_t   above;

#define ngx_llm_price_suffix(s)                                              \
    (len == sizeof(s) - 1 && ngx_strncmp(p, s, sizeof(s) - 1) == 0)

    above = 0;

    if (last - p > 7 && ngx_strncmp(p, "_above_", 7) == 0) {

        for (d = p + 7; d < last && *d >= '0' && *d <= '9'; d++) {
            above = ngx_min(above * 10 + (*d - '0'), 4000000);
        }

        if (above == 0
            || last - d < 8
            || ngx_strncmp(d, "k_tokens", 8) != 0)
        {
            return NGX_DECLINED;
        }

        p = d + 8;
    }

    len = last - p;

    if (len == 0) {
        item->service = 0;

    } else if (ngx_llm_price_suffix("_priority")) {
        item->service = NGX_LLM_SERVICE_PRIORITY;

    } else if (ngx_llm_price_suffix("_flex")) {
        item->service = NGX_LLM_SERVICE_FLEX;

    } else if (ngx_llm_price_suffix("_batches")) {
        item->service = NGX_LLM_SERVICE_BATCH;

    } else {
        return NGX_DECLINED;
    }

    if (above) {
        item->above = above * 1000;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_price_read_item(ngx_llm_price_reader_t *rd, ngx_llm_json_t *member,
    ngx_llm_price_item_t *item)
{
    if (member->type != NGX_LLM_JSON_NUMBER
        || ngx_llm_price_decimal(&member->raw, NGX_LLM_PRICE_EACH,
                                 &item->rate)
           != NGX_OK)
    {
        return ngx_llm_price_read_fail(rd, member,
                                       "must be a price from 0 to 999 "
                                       "dollars");
    }

    if (rd->n == NGX_LLM_PRICE_ITEMS) {
        return ngx_llm_price_read_fail(rd, member, "is one price too many");
    }

    rd->items[rd->n++] = *item;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_price_read_copy(ngx_llm_price_reader_t *rd, ngx_llm_price_t *price)
{
    ngx_uint_t             i, n;
    ngx_llm_price_item_t  *items;

    if (!ngx_llm_price_read_known(rd)) {
        price->items = &ngx_llm_price_unknown;
        return NGX_OK;
    }

    items = ngx_palloc(rd->pool, (rd->n + 1) * sizeof(ngx_llm_price_item_t));
    if (items == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < rd->n; i++) {
        if (!ngx_llm_price_read_same(rd, &rd->items[i])) {
            items[n++] = rd->items[i];
        }
    }

    items[n] = ngx_llm_price_unknown;

    price->items = items;

    return NGX_OK;
}


/* half a price would make a request look cheaper than it is */

static ngx_uint_t
ngx_llm_price_read_known(ngx_llm_price_reader_t *rd)
{
    ngx_uint_t  i, ids;

    ids = 0;

    for (i = 0; i < rd->n; i++) {
        if (rd->items[i].above == 0 && rd->items[i].service == 0) {
            ids |= (ngx_uint_t) 1 << rd->items[i].id;
        }
    }

    if (rd->kind == NGX_LLM_PRICE_TEXT) {
        return (ids & (1 << NGX_LLM_RATE_INPUT))
               && (ids & (1 << NGX_LLM_RATE_OUTPUT));
    }

    return (ids & (1 << NGX_LLM_RATE_INPUT
                   | 1 << NGX_LLM_RATE_REQUEST
                   | 1 << NGX_LLM_RATE_IMAGE))
           != 0;
}


/* reasoning that costs what output costs follows it in every tier */

static ngx_uint_t
ngx_llm_price_read_same(ngx_llm_price_reader_t *rd,
    ngx_llm_price_item_t *item)
{
    ngx_uint_t  i;

    if (item->id != NGX_LLM_RATE_REASONING) {
        return 0;
    }

    for (i = 0; i < rd->n; i++) {
        if (rd->items[i].id == NGX_LLM_RATE_OUTPUT
            && rd->items[i].above == item->above
            && rd->items[i].service == item->service)
        {
            return (rd->items[i].rate == item->rate);
        }
    }

    return 0;
}


/* "64000", "64000.0"; what is no number is unknown */

static uint32_t
ngx_llm_price_read_count(ngx_llm_json_t *entry, char *name)
{
    int64_t          n;
    ngx_llm_json_t  *node;

    node = ngx_llm_json_get(entry, name);

    if (node == NULL
        || node->type != NGX_LLM_JSON_NUMBER
        || ngx_llm_price_decimal(&node->raw, 0, &n) != NGX_OK
        || n > NGX_MAX_UINT32_VALUE)
    {
        return 0;
    }

    return (uint32_t) n;
}


/* names the model, the member, what stands there, and the line */

static ngx_int_t
ngx_llm_price_read_fail(ngx_llm_price_reader_t *rd, ngx_llm_json_t *node,
    char *what)
{
    u_char      *p;
    ngx_str_t    none;
    ngx_uint_t   line;

    line = 1;

    for (p = rd->text->data; p < node->begin; p++) {
        line += (*p == LF);
    }

    p = ngx_pnalloc(rd->temp, NGX_LLM_PRICE_ERROR_TEXT);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_str_null(&none);

    rd->error->data = p;
    rd->error->len = ngx_snprintf(p, NGX_LLM_PRICE_ERROR_TEXT,
                             "\"%*s\"%s%*s%s %s, not %*s, line %ui",
                             ngx_min(rd->entry->key.len, 128),
                             rd->entry->key.data,
                             node == rd->entry ? "" : ": \"",
                             node == rd->entry ? none.len
                                               : ngx_min(node->key.len, 64),
                             node->key.data,
                             node == rd->entry ? "" : "\"",
                             what,
                             ngx_min(node->raw.len, 64), node->raw.data,
                             line)
                     - p;

    return NGX_DECLINED;
}
