
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger as a file, and back.
 *
 * A head, then pieces of a type and a length, then an end with a checksum; the
 * numbers are this machine's.  There is no moment at which all of it is true:
 * each slice of a table says up to which line of which writer it counts, and
 * a line that is read later counts for those slices that do not have it.
 *
 * A counter that no slice has was made after its place was copied, or was
 * dropped because nothing would be lost: lines count for it.
 */


#include "ngx_llm_ledger_shm.h"


#define NGX_LLM_SNAPSHOT_MAGIC    0x746f6873706e736cLL

/* longest piece: a slice of the table with the larger entries */
#define NGX_LLM_SNAPSHOT_PIECE    65536


typedef enum {
    NGX_LLM_PIECE_APPLIED = 1,          /* of the slice that follows */
    NGX_LLM_PIECE_COUNTERS,
    NGX_LLM_PIECE_SUMS,
    NGX_LLM_PIECE_END
} ngx_llm_piece_e;


typedef struct {
    uint64_t              magic;
    uint64_t              version;
    uint64_t              counter;      /* sizes of what follows */
    uint64_t              sum;
    uint64_t              boot;
    int64_t               date;
} ngx_llm_snapshot_head_t;


typedef struct {
    uint32_t              type;
    uint32_t              len;
} ngx_llm_piece_t;


typedef struct {
    ngx_llm_counter_t     counter;
    ngx_llm_name_t        parent;
} ngx_llm_saved_t;


typedef struct {
    ngx_llm_ledger_t           *ledger;
    ngx_llm_snapshot_write_pt   write;
    void                       *data;
    uint32_t                    crc;
    int64_t                     now;
    int64_t                     date;
} ngx_llm_saver_t;


typedef struct {
    ngx_llm_applied_t    *applied;
    ngx_uint_t            n;
} ngx_llm_known_t;


struct ngx_llm_loader_s {
    ngx_llm_ledger_t     *ledger;
    ngx_pool_t           *pool;
    int64_t               now;
    int64_t               date;

    ngx_array_t           known;        /* ngx_llm_known_t: of slices */
    uint32_t             *slice[2];     /* of counters, sums: known + 1 */

    uint32_t              crc;
    size_t                fill;         /* of buf */
    ngx_llm_seq_t        *seq;          /* of the line that is replayed */
    unsigned              head:1;
    unsigned              end:1;
    unsigned              failed:1;

    u_char                buf[NGX_LLM_SNAPSHOT_PIECE + sizeof(ngx_llm_piece_t)];
};


static ngx_int_t ngx_llm_snapshot_put(ngx_llm_saver_t *s, void *p,
    size_t len);
static ngx_int_t ngx_llm_snapshot_piece(ngx_llm_saver_t *s, uint32_t type,
    void *p, size_t len);
static ngx_int_t ngx_llm_snapshot_counters(ngx_llm_saver_t *s);
static ngx_int_t ngx_llm_snapshot_sums(ngx_llm_saver_t *s);
static ngx_uint_t ngx_llm_snapshot_applied(ngx_llm_ledger_t *l,
    ngx_llm_applied_t *applied);
static void ngx_llm_snapshot_counter(ngx_llm_saver_t *s,
    ngx_llm_saved_t *saved, int64_t i);

static ngx_int_t ngx_llm_loader_head(ngx_llm_loader_t *loader);
static ngx_int_t ngx_llm_loader_piece(ngx_llm_loader_t *loader,
    ngx_llm_piece_t *piece, u_char *p);
static ngx_int_t ngx_llm_loader_applied(ngx_llm_loader_t *loader, u_char *p,
    size_t len);
static ngx_int_t ngx_llm_loader_counter(ngx_llm_loader_t *loader,
    ngx_llm_saved_t *saved);
static void ngx_llm_loader_bound(ngx_llm_loader_t *loader,
    ngx_llm_counter_t *c);
static ngx_int_t ngx_llm_loader_sum(ngx_llm_loader_t *loader,
    ngx_llm_sum_t *saved);
static ngx_uint_t ngx_llm_loader_skip(void *data, ngx_uint_t sum, int64_t i);


ngx_int_t
ngx_llm_ledger_save(ngx_llm_ledger_t *l, ngx_llm_snapshot_write_pt write,
    void *data, int64_t now, int64_t date)
{
    uint32_t                 crc;
    ngx_llm_saver_t          s;
    ngx_llm_snapshot_head_t  head;

    s.ledger = l;
    s.write = write;
    s.data = data;
    s.now = now;
    s.date = date;

    ngx_crc32_init(s.crc);

    ngx_memzero(&head, sizeof(ngx_llm_snapshot_head_t));

    head.magic = NGX_LLM_SNAPSHOT_MAGIC;
    head.version = NGX_LLM_LEDGER_VERSION;
    head.counter = sizeof(ngx_llm_saved_t);
    head.sum = sizeof(ngx_llm_sum_t);
    head.boot = l->shm->boot;
    head.date = date;

    if (ngx_llm_snapshot_put(&s, &head, sizeof(ngx_llm_snapshot_head_t))
        != NGX_OK
        || ngx_llm_snapshot_counters(&s) != NGX_OK
        || ngx_llm_snapshot_sums(&s) != NGX_OK)
    {
        return NGX_ERROR;
    }

    crc = s.crc;

    return ngx_llm_snapshot_piece(&s, NGX_LLM_PIECE_END, &crc,
                                  sizeof(uint32_t));
}


static ngx_int_t
ngx_llm_snapshot_put(ngx_llm_saver_t *s, void *p, size_t len)
{
    ngx_crc32_update(&s->crc, p, len);

    return s->write(s->data, p, len);
}


static ngx_int_t
ngx_llm_snapshot_piece(ngx_llm_saver_t *s, uint32_t type, void *p, size_t len)
{
    ngx_llm_piece_t  piece;

    piece.type = type;
    piece.len = len;

    if (ngx_llm_snapshot_put(s, &piece, sizeof(ngx_llm_piece_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_snapshot_put(s, p, len);
}


static ngx_int_t
ngx_llm_snapshot_counters(ngx_llm_saver_t *s)
{
    int64_t            i, last, *index;
    ngx_uint_t         n, napplied;
    ngx_llm_table_t   *table;
    ngx_llm_saved_t    saved[NGX_LLM_LEDGER_SLICE];
    ngx_llm_applied_t  applied[NGX_LLM_LEDGER_OWNERS + NGX_LLM_LEDGER_WRITERS];

    table = &s->ledger->shm->counters;
    index = ngx_llm_ledger_index(s->ledger, table);

    for (i = 0; i < table->n; /* void */ ) {

        ngx_llm_ledger_begin(s->ledger);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, table->n);

        for (n = 0; i < last; i++) {
            if (index[i] != NGX_LLM_LEDGER_FREE
                && index[i] != NGX_LLM_LEDGER_GONE)
            {
                ngx_llm_snapshot_counter(s, &saved[n++], i);
            }
        }

        napplied = n ? ngx_llm_snapshot_applied(s->ledger, applied) : 0;

        ngx_llm_ledger_end(s->ledger);

        if (n == 0) {
            continue;
        }

        if (ngx_llm_snapshot_piece(s, NGX_LLM_PIECE_APPLIED, applied,
                                   napplied * sizeof(ngx_llm_applied_t))
            != NGX_OK
            || ngx_llm_snapshot_piece(s, NGX_LLM_PIECE_COUNTERS, saved,
                                      n * sizeof(ngx_llm_saved_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* without what is in flight; a bucket's time is of the wall clock */

static void
ngx_llm_snapshot_counter(ngx_llm_saver_t *s, ngx_llm_saved_t *saved,
    int64_t i)
{
    int64_t             held;
    ngx_llm_counter_t  *c;

    c = &saved->counter;
    *c = *ngx_llm_ledger_counter(s->ledger, i);

    ngx_memzero(&saved->parent, sizeof(ngx_llm_name_t));

    if (c->parent) {
        saved->parent = ngx_llm_ledger_counter(s->ledger, c->parent - 1)->name;
    }

    if ((c->kind & 0xff) == NGX_LLM_LIMIT_RATE) {
        held = ngx_llm_ledger_bucket_held(s->ledger,
                                   ngx_llm_ledger_counter(s->ledger, i));
        c->settled = ngx_max(c->settled - held, 0);
        c->time = s->date * 1000 - (s->now - c->time);
    }
}


static ngx_int_t
ngx_llm_snapshot_sums(ngx_llm_saver_t *s)
{
    int64_t            i, last, *index;
    ngx_uint_t         n, napplied;
    ngx_llm_sum_t      saved[NGX_LLM_LEDGER_SLICE];
    ngx_llm_table_t   *table;
    ngx_llm_applied_t  applied[NGX_LLM_LEDGER_OWNERS + NGX_LLM_LEDGER_WRITERS];

    table = &s->ledger->shm->sums;
    index = ngx_llm_ledger_index(s->ledger, table);

    for (i = 0; i < table->n; /* void */ ) {

        ngx_llm_ledger_begin(s->ledger);

        last = ngx_min(i + NGX_LLM_LEDGER_SLICE, table->n);

        for (n = 0; i < last; i++) {
            if (index[i] != NGX_LLM_LEDGER_FREE
                && index[i] != NGX_LLM_LEDGER_GONE)
            {
                saved[n++] = *ngx_llm_ledger_sum(s->ledger, i);
            }
        }

        napplied = n ? ngx_llm_snapshot_applied(s->ledger, applied) : 0;

        ngx_llm_ledger_end(s->ledger);

        if (n == 0) {
            continue;
        }

        if (ngx_llm_snapshot_piece(s, NGX_LLM_PIECE_APPLIED, applied,
                                   napplied * sizeof(ngx_llm_applied_t))
            != NGX_OK
            || ngx_llm_snapshot_piece(s, NGX_LLM_PIECE_SUMS, saved,
                                      n * sizeof(ngx_llm_sum_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* behind the lock */

static ngx_uint_t
ngx_llm_snapshot_applied(ngx_llm_ledger_t *l, ngx_llm_applied_t *applied)
{
    ngx_uint_t             i, n;
    ngx_llm_ledger_shm_t  *shm;

    shm = l->shm;
    n = 0;

    for (i = 0; i < NGX_LLM_LEDGER_OWNERS; i++) {
        if (shm->owner[i].applied) {
            applied[n].boot = shm->boot;
            applied[n].slot = i;
            applied[n].applied = shm->owner[i].applied;
            n++;
        }
    }

    for (i = 0; i < NGX_LLM_LEDGER_WRITERS; i++) {
        if (shm->writer[i].boot) {
            applied[n++] = shm->writer[i];
        }
    }

    return n;
}


ngx_llm_loader_t *
ngx_llm_ledger_load(ngx_llm_ledger_t *l, ngx_pool_t *pool, int64_t now,
    int64_t date)
{
    ngx_llm_loader_t  *loader;

    loader = ngx_pcalloc(pool, sizeof(ngx_llm_loader_t));
    if (loader == NULL) {
        return NULL;
    }

    loader->ledger = l;
    loader->pool = pool;
    loader->now = now;
    loader->date = date;

    ngx_crc32_init(loader->crc);

    if (ngx_array_init(&loader->known, pool, 64, sizeof(ngx_llm_known_t))
        != NGX_OK)
    {
        return NULL;
    }

    loader->slice[0] = ngx_pcalloc(pool, l->shm->counters.n
                                         * sizeof(uint32_t));
    loader->slice[1] = ngx_pcalloc(pool, l->shm->sums.n * sizeof(uint32_t));

    if (loader->slice[0] == NULL || loader->slice[1] == NULL) {
        return NULL;
    }

    return loader;
}


ngx_int_t
ngx_llm_ledger_load_data(ngx_llm_loader_t *loader, u_char *p, size_t len)
{
    size_t           need, n;
    u_char          *last;
    ngx_llm_piece_t  piece;

    last = p + len;

    while (!loader->failed) {

        need = loader->head ? sizeof(ngx_llm_piece_t)
                            : sizeof(ngx_llm_snapshot_head_t);

        if (loader->head && loader->fill >= need) {
            ngx_memcpy(&piece, loader->buf, sizeof(ngx_llm_piece_t));

            if (piece.len > NGX_LLM_SNAPSHOT_PIECE || loader->end) {
                break;
            }

            need += piece.len;
        }

        if (loader->fill < need) {
            n = ngx_min(need - loader->fill, (size_t) (last - p));

            if (n == 0) {
                return NGX_OK;
            }

            ngx_memcpy(loader->buf + loader->fill, p, n);

            loader->fill += n;
            p += n;

            continue;
        }

        if (!loader->head) {
            if (ngx_llm_loader_head(loader) != NGX_OK) {
                break;
            }

        } else if (ngx_llm_loader_piece(loader, &piece, loader->buf
                                                   + sizeof(ngx_llm_piece_t))
                   != NGX_OK)
        {
            break;
        }

        loader->fill = 0;
    }

    loader->failed = 1;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_loader_head(ngx_llm_loader_t *loader)
{
    ngx_llm_snapshot_head_t  head;

    ngx_memcpy(&head, loader->buf, sizeof(ngx_llm_snapshot_head_t));

    if (head.magic != NGX_LLM_SNAPSHOT_MAGIC
        || head.version != NGX_LLM_LEDGER_VERSION
        || head.counter != sizeof(ngx_llm_saved_t)
        || head.sum != sizeof(ngx_llm_sum_t))
    {
        return NGX_DECLINED;
    }

    ngx_crc32_update(&loader->crc, loader->buf,
                     sizeof(ngx_llm_snapshot_head_t));

    loader->head = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_loader_piece(ngx_llm_loader_t *loader, ngx_llm_piece_t *piece,
    u_char *p)
{
    size_t           size, i;
    uint32_t         crc;
    ngx_llm_sum_t    sum;
    ngx_llm_saved_t  saved;

    if (piece->type == NGX_LLM_PIECE_END) {

        if (piece->len != sizeof(uint32_t)) {
            return NGX_DECLINED;
        }

        ngx_memcpy(&crc, p, sizeof(uint32_t));

        loader->end = 1;

        return crc == loader->crc ? NGX_OK : NGX_DECLINED;
    }

    ngx_crc32_update(&loader->crc, loader->buf,
                     sizeof(ngx_llm_piece_t) + piece->len);

    if (piece->type == NGX_LLM_PIECE_APPLIED) {
        return ngx_llm_loader_applied(loader, p, piece->len);
    }

    size = (piece->type == NGX_LLM_PIECE_COUNTERS) ? sizeof(ngx_llm_saved_t)
                                                   : sizeof(ngx_llm_sum_t);

    if (piece->len % size || piece->type > NGX_LLM_PIECE_SUMS
        || loader->known.nelts == 0)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < piece->len; i += size) {

        if (piece->type == NGX_LLM_PIECE_COUNTERS) {
            ngx_memcpy(&saved, p + i, sizeof(ngx_llm_saved_t));

            if (ngx_llm_loader_counter(loader, &saved) != NGX_OK) {
                return NGX_DECLINED;
            }

        } else {
            ngx_memcpy(&sum, p + i, sizeof(ngx_llm_sum_t));

            if (ngx_llm_loader_sum(loader, &sum) != NGX_OK) {
                return NGX_DECLINED;
            }
        }
    }

    return NGX_OK;
}


/* the ledger goes on from what the last slice of each writer knew */

static ngx_int_t
ngx_llm_loader_applied(ngx_llm_loader_t *loader, u_char *p, size_t len)
{
    int64_t            *applied;
    ngx_uint_t          i;
    ngx_llm_known_t    *known;
    ngx_llm_ledger_t   *l;

    if (len % sizeof(ngx_llm_applied_t)) {
        return NGX_DECLINED;
    }

    known = ngx_array_push(&loader->known);
    if (known == NULL) {
        return NGX_DECLINED;
    }

    known->n = len / sizeof(ngx_llm_applied_t);
    known->applied = ngx_palloc(loader->pool, len + 1);

    if (known->applied == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(known->applied, p, len);

    l = loader->ledger;

    ngx_llm_ledger_begin(l);

    for (i = 0; i < known->n; i++) {

        if (known->applied[i].boot == l->shm->boot) {
            continue;
        }

        applied = ngx_llm_ledger_applied(l, known->applied[i].boot,
                                         known->applied[i].slot, 1);

        if (*applied < known->applied[i].applied) {
            ngx_llm_ledger_put(l, applied, known->applied[i].applied);
        }

        ngx_llm_ledger_commit(l);
    }

    ngx_llm_ledger_end(l);

    return NGX_OK;
}


/* a table that is smaller than the one saved may lack the room for all */

static ngx_int_t
ngx_llm_loader_counter(ngx_llm_loader_t *loader, ngx_llm_saved_t *saved)
{
    int64_t             i, children, parent, *from, *to;
    size_t              word;
    ngx_llm_item_t      item;
    ngx_llm_ledger_t   *l;
    ngx_llm_counter_t  *c;

    l = loader->ledger;
    c = &saved->counter;

    ngx_memzero(&item, sizeof(ngx_llm_item_t));

    item.name = c->name;
    item.of = saved->parent;
    item.kind = c->kind & 0xff;
    item.unit = c->kind >> 8;
    item.period = c->period;
    item.reset = c->reset;

    ngx_llm_loader_bound(loader, c);

    ngx_llm_ledger_begin(l);

    i = ngx_llm_ledger_counter_get(l, &item, NULL, 0, loader->now,
                                   loader->date);

    if (i != -1 && !item.other) {
        to = (int64_t *) ngx_llm_ledger_counter(l, i);
        from = (int64_t *) c;

        parent = ngx_llm_ledger_counter(l, i)->parent;
        children = ngx_llm_ledger_counter(l, i)->children;

        c->parent = parent;
        c->children = children;

        for (word = 0; word < sizeof(ngx_llm_counter_t) / sizeof(int64_t);
             word++)
        {
            ngx_llm_ledger_put(l, to + word, from[word]);
        }

        loader->slice[0][i] = loader->known.nelts;
    }

    ngx_llm_ledger_end(l);

    return NGX_OK;
}


/*
 * Nothing is in flight after a start.  The rest is no more trusted than who
 * can write the file: the master counts lines to it, perhaps as root.
 */

static void
ngx_llm_loader_bound(ngx_llm_loader_t *loader, ngx_llm_counter_t *c)
{
    c->settled = ngx_llm_ledger_total(c->settled, 0);
    c->past_settled = ngx_llm_ledger_total(c->past_settled, 0);
    c->held = 0;
    c->past_held = 0;
    c->lows = 0;
    c->users = 0;

    if ((c->kind & 0xff) != NGX_LLM_LIMIT_RATE) {
        return;
    }

    c->settled = ngx_max(c->settled, 0);
    c->rate = ngx_max(c->rate, 0);

    if (c->frac < 0 || c->frac >= c->reset) {
        c->frac = 0;
    }

    c->time = loader->now
              - ngx_max(loader->date * 1000 - ngx_max(c->time, 0), 0);
}


static ngx_int_t
ngx_llm_loader_sum(ngx_llm_loader_t *loader, ngx_llm_sum_t *saved)
{
    int64_t            i;
    ngx_uint_t         n;
    ngx_llm_row_t      row;
    ngx_llm_sum_t     *s;
    ngx_llm_ledger_t  *l;

    l = loader->ledger;

    row.name = saved->name;
    row.day = saved->day;
    row.kind = saved->kind;
    row.text.data = saved->text;
    row.text.len = ngx_strnlen(saved->text, NGX_LLM_LEDGER_TEXT);

    ngx_llm_ledger_begin(l);

    i = ngx_llm_ledger_sum_get(l, &row, saved->time);

    if (i != -1) {
        s = ngx_llm_ledger_sum(l, i);

        for (n = 0; n < NGX_LLM_LEDGER_SUMS; n++) {
            ngx_llm_ledger_put(l, &s->sum[n],
                               ngx_llm_ledger_total(saved->sum[n], 0));
        }

        loader->slice[1][i] = loader->known.nelts;
    }

    ngx_llm_ledger_end(l);

    return NGX_OK;
}


ngx_int_t
ngx_llm_ledger_load_end(ngx_llm_loader_t *loader)
{
    uint64_t               boot;
    size_t                 size;
    ngx_llm_ledger_shm_t  *shm;

    if (loader->end && !loader->failed && loader->fill == 0) {
        return NGX_OK;
    }

    shm = loader->ledger->shm;

    size = shm->size;
    boot = shm->boot;

    ngx_memzero(shm, size);
    (void) ngx_llm_ledger_create(shm, size, boot);

    ngx_memzero(loader->slice[0], shm->counters.n * sizeof(uint32_t));
    ngx_memzero(loader->slice[1], shm->sums.n * sizeof(uint32_t));

    return NGX_DECLINED;
}


void
ngx_llm_ledger_load_replay(ngx_llm_loader_t *loader, ngx_llm_seq_t *seq,
    ngx_llm_item_t *items, ngx_uint_t n, ngx_llm_row_t *rows,
    ngx_uint_t nrows, int64_t *sums, int64_t now, int64_t date)
{
    int64_t           *applied;
    ngx_llm_ledger_t  *l;

    l = loader->ledger;
    loader->seq = seq;

    ngx_llm_ledger_begin(l);

    ngx_llm_ledger_count(l, items, n, rows, nrows, sums, ngx_llm_loader_skip,
                         loader, now, date);

    applied = ngx_llm_ledger_applied(l, seq->boot, seq->slot, 1);

    if (applied && *applied < (int64_t) seq->n) {
        ngx_llm_ledger_put(l, applied, seq->n);
    }

    ngx_llm_ledger_end(l);
}


static ngx_uint_t
ngx_llm_loader_skip(void *data, ngx_uint_t sum, int64_t i)
{
    ngx_llm_loader_t *loader = data;

    uint32_t          slice;
    ngx_uint_t        n;
    ngx_llm_known_t  *known;

    slice = loader->slice[sum][i];

    if (slice == 0) {
        return 0;
    }

    known = loader->known.elts;
    known += slice - 1;

    for (n = 0; n < known->n; n++) {
        if (known->applied[n].boot == loader->seq->boot
            && known->applied[n].slot == loader->seq->slot)
        {
            return known->applied[n].applied >= (int64_t) loader->seq->n;
        }
    }

    return 0;
}
