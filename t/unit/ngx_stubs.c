
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The part of nginx that core and dialects call: pools, arrays, lists,
 * strings, with the behaviour that nginx's headers promise.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_stubs.h"


typedef struct {
    ngx_pool_large_t   block;
    size_t             size;
} ngx_stubs_block_t;


static void *ngx_stubs_pool_add(ngx_pool_t *pool, size_t size,
    size_t alignment);
static void ngx_stubs_pool_free(ngx_pool_t *pool);
static ngx_uint_t ngx_stubs_alloc_fails(void);
static u_char *ngx_stubs_put_number(u_char *p, u_char *last, uint64_t n,
    ngx_uint_t base, ngx_uint_t upper, u_char pad, ngx_uint_t width);
static u_char *ngx_stubs_put(u_char *p, u_char *last, const u_char *src,
    size_t len);
static off_t ngx_stubs_decimal(u_char *line, size_t n, off_t max);
static void ngx_stubs_base64(ngx_str_t *dst, ngx_str_t *src,
    const char *alphabet, ngx_uint_t padded);
static ngx_int_t ngx_stubs_unbase64(ngx_str_t *dst, ngx_str_t *src,
    const char *alphabet);
static void ngx_stubs_crc32(void) __attribute__((constructor));


ngx_uint_t  ngx_stubs_allocs;
ngx_uint_t  ngx_stubs_fail;
size_t      ngx_stubs_held;

ngx_log_t   ngx_stubs_log = { .log_level = NGX_LOG_DEBUG };


/* nginx's globals that its headers use */

static ngx_cycle_t  ngx_stubs_cycle = { .log = &ngx_stubs_log };

volatile ngx_cycle_t  *ngx_cycle = &ngx_stubs_cycle;

ngx_uint_t  ngx_pagesize = 4096;
ngx_uint_t  ngx_pagesize_shift = 12;
ngx_uint_t  ngx_cacheline_size = NGX_CPU_CACHE_LINE;


/* filled before main() */

uint32_t  ngx_crc32_table256[256];


static const char  ngx_stubs_base64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char  ngx_stubs_base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* the polynomial of IEEE 802.3, from the low bit on */

static void
ngx_stubs_crc32(void)
{
    uint32_t    c;
    ngx_uint_t  bit, i;

    for (i = 0; i < 256; i++) {
        c = (uint32_t) i;

        for (bit = 0; bit < 8; bit++) {
            c = (c >> 1) ^ ((c & 1) ? 0xedb88320 : 0);
        }

        ngx_crc32_table256[i] = c;
    }
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;
    u_char    text[NGX_MAX_ERROR_STR];

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + NGX_MAX_ERROR_STR, fmt, args);
    va_end(args);

    fprintf(stderr, "log %d: %.*s\n", (int) level, (int) (p - text),
            (char *) text);
}


static ngx_uint_t
ngx_stubs_alloc_fails(void)
{
    ngx_stubs_allocs++;

    if (ngx_stubs_fail == 0) {
        return 0;
    }

    return --ngx_stubs_fail == 0;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    if (ngx_stubs_alloc_fails()) {
        return NULL;
    }

    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    if (ngx_stubs_alloc_fails()) {
        return NULL;
    }

    return calloc(1, size);
}


#if (NGX_HAVE_POSIX_MEMALIGN || NGX_HAVE_MEMALIGN)

void *
ngx_memalign(size_t alignment, size_t size, ngx_log_t *log)
{
    void  *p;

    if (ngx_stubs_alloc_fails()
        || posix_memalign(&p, alignment, size) != 0)
    {
        return NULL;
    }

    return p;
}

#endif


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    if (ngx_stubs_alloc_fails()) {
        return NULL;
    }

    pool = calloc(1, sizeof(ngx_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->current = pool;
    pool->log = log ? log : &ngx_stubs_log;

    return pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c; c = c->next) {
        if (c->handler) {
            c->handler(c->data);
        }
    }

    ngx_stubs_pool_free(pool);

    free(pool);
}


void
ngx_reset_pool(ngx_pool_t *pool)
{
    ngx_stubs_pool_free(pool);

    pool->chain = NULL;
}


static void
ngx_stubs_pool_free(ngx_pool_t *pool)
{
    ngx_pool_large_t   *l, *next;
    ngx_stubs_block_t  *b;

    for (l = pool->large; l; l = next) {
        next = l->next;

        b = (ngx_stubs_block_t *) l;
        ngx_stubs_held -= b->size;

        free(l->alloc);
        free(b);
    }

    pool->large = NULL;
}


static void *
ngx_stubs_pool_add(ngx_pool_t *pool, size_t size, size_t alignment)
{
    ngx_stubs_block_t  *b;

    if (ngx_stubs_alloc_fails()) {
        return NULL;
    }

    b = malloc(sizeof(ngx_stubs_block_t));
    if (b == NULL) {
        return NULL;
    }

    if (alignment) {
        if (posix_memalign(&b->block.alloc, alignment, size) != 0) {
            free(b);
            return NULL;
        }

    } else {
        b->block.alloc = malloc(size);
        if (b->block.alloc == NULL) {
            free(b);
            return NULL;
        }
    }

    b->size = size;
    b->block.next = pool->large;
    pool->large = &b->block;

    ngx_stubs_held += size;

    return b->block.alloc;
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return ngx_stubs_pool_add(pool, size, 0);
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_stubs_pool_add(pool, size, 0);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_stubs_pool_add(pool, size, 0);
    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment)
{
    return ngx_stubs_pool_add(pool, size, alignment);
}


/*
 * nginx keeps small blocks; nobody may count on either, so all are freed
 * here and a use afterwards is found
 */

ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t   *l, **prev;
    ngx_stubs_block_t  *b;

    prev = &pool->large;

    for (l = pool->large; l; l = l->next) {

        if (l->alloc == p) {
            b = (ngx_stubs_block_t *) l;
            ngx_stubs_held -= b->size;

            *prev = l->next;
            free(l->alloc);
            free(b);

            return NGX_OK;
        }

        prev = &l->next;
    }

    return NGX_DECLINED;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *c;

    c = ngx_palloc(pool, sizeof(ngx_pool_cleanup_t));
    if (c == NULL) {
        return NULL;
    }

    c->data = NULL;

    if (size) {
        c->data = ngx_palloc(pool, size);
        if (c->data == NULL) {
            return NULL;
        }
    }

    c->handler = NULL;
    c->next = pool->cleanup;
    pool->cleanup = c;

    return c;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(pool, sizeof(ngx_array_t));
    if (a == NULL || ngx_array_init(a, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return a;
}


void
ngx_array_destroy(ngx_array_t *a)
{
    /* the pool frees it */
}


void *
ngx_array_push(ngx_array_t *a)
{
    return ngx_array_push_n(a, 1);
}


/*
 * grows always into new memory, so that a pointer kept to an old element is
 * an error that is found
 */

void *
ngx_array_push_n(ngx_array_t *a, ngx_uint_t n)
{
    void        *elts;
    u_char      *p;
    ngx_uint_t   nalloc;

    if (a->nelts + n > a->nalloc) {
        nalloc = 2 * ngx_max(n, a->nalloc);

        elts = ngx_palloc(a->pool, nalloc * a->size);
        if (elts == NULL) {
            return NULL;
        }

        ngx_memcpy(elts, a->elts, a->nelts * a->size);
        (void) ngx_pfree(a->pool, a->elts);

        a->elts = elts;
        a->nalloc = nalloc;
    }

    p = (u_char *) a->elts + a->nelts * a->size;
    a->nelts += n;

    return p;
}


ngx_list_t *
ngx_list_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_list_t  *list;

    list = ngx_palloc(pool, sizeof(ngx_list_t));
    if (list == NULL || ngx_list_init(list, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return list;
}


void *
ngx_list_push(ngx_list_t *list)
{
    ngx_list_part_t  *part;

    if (list->last->nelts == list->nalloc) {

        part = ngx_palloc(list->pool, sizeof(ngx_list_part_t));
        if (part == NULL) {
            return NULL;
        }

        part->elts = ngx_palloc(list->pool, list->nalloc * list->size);
        if (part->elts == NULL) {
            return NULL;
        }

        part->nelts = 0;
        part->next = NULL;

        list->last->next = part;
        list->last = part;
    }

    part = list->last;

    return (u_char *) part->elts + list->size * part->nelts++;
}


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        dst[i] = ngx_tolower(src[i]);
    }
}


size_t
ngx_strnlen(u_char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n && p[i] != '\0'; i++) { /* void */ }

    return i;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    ngx_memzero(buf, n);
    ngx_memory_barrier();
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    for ( /* void */ ; n > 1 && *src != '\0'; n--) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = ngx_pnalloc(pool, src->len);
    if (dst == NULL) {
        return NULL;
    }

    if (src->len) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (void *) -1, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return p;
}


/*
 * nginx's own conversions, all but those of floating point; an unknown one
 * ends the test
 */

u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    u_char                      c, pad, *s;
    size_t                      len;
    int64_t                     i;
    uint64_t                    u;
    ngx_str_t                  *v;
    ngx_uint_t                  base, number, is_signed, upper, width;
    ngx_variable_value_t       *vv;

    while (*fmt && buf < last) {

        if (*fmt != '%') {
            *buf++ = *fmt++;
            continue;
        }

        fmt++;

        pad = (*fmt == '0') ? '0' : ' ';
        len = (size_t) -1;
        width = 0;
        base = 10;
        is_signed = 1;
        upper = 0;
        number = 1;
        i = 0;
        u = 0;

        while (*fmt >= '0' && *fmt <= '9') {
            width = width * 10 + (*fmt++ - '0');
        }

        for ( ;; ) {

            if (*fmt == 'u') {
                is_signed = 0;

            } else if (*fmt == 'x' || *fmt == 'X') {
                base = 16;
                upper = (*fmt == 'X');
                is_signed = 0;

            } else if (*fmt == '*') {
                len = va_arg(args, size_t);

            } else {
                break;
            }

            fmt++;
        }

        switch (*fmt) {

        case 'V':
            v = va_arg(args, ngx_str_t *);
            buf = ngx_stubs_put(buf, last, v->data, v->len);
            number = 0;
            break;

        case 'v':
            vv = va_arg(args, ngx_variable_value_t *);
            buf = ngx_stubs_put(buf, last, vv->data, vv->len);
            number = 0;
            break;

        case 's':
            s = va_arg(args, u_char *);

            if (len == (size_t) -1) {
                len = ngx_strlen(s);
            }

            if (base == 16) {
                while (len-- && (size_t) (last - buf) > 1) {
                    buf = ngx_stubs_put_number(buf, last, *s++, 16, upper,
                                               '0', 2);
                }

            } else {
                buf = ngx_stubs_put(buf, last, s, len);
            }

            number = 0;
            break;

        case 'c':
            c = (u_char) (va_arg(args, int) & 0xff);
            buf = ngx_stubs_put(buf, last, &c, 1);
            number = 0;
            break;

        case 'Z':
            *buf++ = '\0';
            number = 0;
            break;

        case 'N':
            *buf++ = LF;
            number = 0;
            break;

        case '%':
            *buf++ = '%';
            number = 0;
            break;

        case 'O':
            i = (int64_t) va_arg(args, off_t);
            u = (uint64_t) i;
            break;

        case 'P':
            i = (int64_t) va_arg(args, ngx_pid_t);
            is_signed = 1;
            break;

        case 'T':
            i = (int64_t) va_arg(args, time_t);
            u = (uint64_t) i;
            break;

        case 'M':
            u = (uint64_t) va_arg(args, ngx_msec_t);
            i = (int64_t) u;

            if ((ngx_msec_int_t) u == -1) {
                i = -1;
                is_signed = 1;

            } else {
                is_signed = 0;
            }

            break;

        case 'z':
            if (is_signed) {
                i = (int64_t) va_arg(args, ssize_t);

            } else {
                u = (uint64_t) va_arg(args, size_t);
            }

            break;

        case 'i':
            if (is_signed) {
                i = (int64_t) va_arg(args, ngx_int_t);

            } else {
                u = (uint64_t) va_arg(args, ngx_uint_t);
            }

            break;

        case 'd':
            if (is_signed) {
                i = (int64_t) va_arg(args, int);

            } else {
                u = (uint64_t) va_arg(args, u_int);
            }

            break;

        case 'l':
            if (is_signed) {
                i = (int64_t) va_arg(args, long);

            } else {
                u = (uint64_t) va_arg(args, u_long);
            }

            break;

        case 'D':
            if (is_signed) {
                i = (int64_t) va_arg(args, int32_t);

            } else {
                u = (uint64_t) va_arg(args, uint32_t);
            }

            break;

        case 'L':
            if (is_signed) {
                i = va_arg(args, int64_t);

            } else {
                u = va_arg(args, uint64_t);
            }

            break;

        case 'A':
            if (is_signed) {
                i = (int64_t) va_arg(args, ngx_atomic_int_t);

            } else {
                u = (uint64_t) va_arg(args, ngx_atomic_uint_t);
            }

            break;

        case 'p':
            u = (uint64_t) (uintptr_t) va_arg(args, void *);
            base = 16;
            upper = 1;
            is_signed = 0;
            pad = '0';
            width = 2 * sizeof(void *);
            break;

        default:
            fprintf(stderr, "ngx_vslprintf: no conversion \"%%%c\"\n", *fmt);
            abort();
        }

        fmt++;

        if (!number) {
            continue;
        }

        if (is_signed) {

            if (i < 0) {
                *buf++ = '-';
                u = 0 - (uint64_t) i;

            } else {
                u = (uint64_t) i;
            }
        }

        buf = ngx_stubs_put_number(buf, last, u, base, upper, pad, width);
    }

    return buf;
}


static u_char *
ngx_stubs_put_number(u_char *p, u_char *last, uint64_t n, ngx_uint_t base,
    ngx_uint_t upper, u_char pad, ngx_uint_t width)
{
    u_char      *digit;
    const char  *digits;
    u_char       text[NGX_INT64_LEN + 1];

    digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    digit = text + sizeof(text);

    do {
        *--digit = digits[n % base];
        n /= base;
    } while (n);

    while (width > (ngx_uint_t) (text + sizeof(text) - digit) && p < last) {
        *p++ = pad;
        width--;
    }

    return ngx_stubs_put(p, last, digit, text + sizeof(text) - digit);
}


static u_char *
ngx_stubs_put(u_char *p, u_char *last, const u_char *src, size_t len)
{
    len = ngx_min(len, (size_t) (last - p));

    if (len) {
        ngx_memcpy(p, src, len);
    }

    return p + len;
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return ngx_strncasecmp(s1, s2, (size_t) -1);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    u_char  c1, c2;

    for ( /* void */ ; n; n--) {
        c1 = ngx_tolower(*s1);
        c2 = ngx_tolower(*s2);

        if (c1 != c2 || c1 == '\0') {
            return (ngx_int_t) c1 - c2;
        }

        s1++;
        s2++;
    }

    return 0;
}


/* n is the length of s1, which ends at a zero byte before that, too */

u_char *
ngx_strnstr(u_char *s1, char *s2, size_t n)
{
    size_t  i, len;

    len = ngx_strlen(s2);
    n = ngx_strnlen(s1, n);

    for (i = 0; i + len <= n; i++) {
        if (ngx_memcmp(s1 + i, s2, len) == 0) {
            return s1 + i;
        }
    }

    return NULL;
}


/* n is the length of s2 without its first character */

u_char *
ngx_strstrn(u_char *s1, char *s2, size_t n)
{
    for ( /* void */ ; *s1; s1++) {
        if (ngx_strncmp(s1, s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


u_char *
ngx_strcasestrn(u_char *s1, char *s2, size_t n)
{
    for ( /* void */ ; *s1; s1++) {
        if (ngx_strncasecmp(s1, (u_char *) s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    size_t  i;

    for ( /* void */ ; s1 < last && (size_t) (last - s1) > n; s1++) {

        for (i = 0; i <= n; i++) {
            if (ngx_tolower(s1[i]) != ngx_tolower(s2[i])) {
                break;
            }
        }

        if (i > n) {
            return s1;
        }
    }

    return NULL;
}


ngx_int_t
ngx_rstrncmp(u_char *s1, u_char *s2, size_t n)
{
    while (n--) {
        if (s1[n] != s2[n]) {
            return (ngx_int_t) s1[n] - s2[n];
        }
    }

    return 0;
}


ngx_int_t
ngx_memn2cmp(u_char *s1, u_char *s2, size_t n1, size_t n2)
{
    size_t     n;
    ngx_int_t  rc;

    n = ngx_min(n1, n2);
    rc = n ? ngx_memcmp(s1, s2, n) : 0;

    if (rc || n1 == n2) {
        return rc;
    }

    return (n1 < n2) ? -1 : 1;
}


static off_t
ngx_stubs_decimal(u_char *line, size_t n, off_t max)
{
    off_t   value;
    size_t  i;

    if (n == 0) {
        return NGX_ERROR;
    }

    value = 0;

    for (i = 0; i < n; i++) {

        if (line[i] < '0' || line[i] > '9'
            || value > (max - (line[i] - '0')) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (line[i] - '0');
    }

    return value;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    return (ngx_int_t) ngx_stubs_decimal(line, n, NGX_MAX_INT_T_VALUE);
}


ssize_t
ngx_atosz(u_char *line, size_t n)
{
    return (ssize_t) ngx_stubs_decimal(line, n, NGX_MAX_SIZE_T_VALUE);
}


off_t
ngx_atoof(u_char *line, size_t n)
{
    return ngx_stubs_decimal(line, n, NGX_MAX_OFF_T_VALUE);
}


time_t
ngx_atotm(u_char *line, size_t n)
{
    return (time_t) ngx_stubs_decimal(line, n, NGX_MAX_TIME_T_VALUE);
}


/* "12.5" with point 3 is 12500 */

ngx_int_t
ngx_atofp(u_char *line, size_t n, size_t point)
{
    size_t      i, len;
    ngx_uint_t  dot;
    u_char      text[64];

    if (n == 0 || n + point > sizeof(text)) {
        return NGX_ERROR;
    }

    dot = 0;
    len = 0;

    for (i = 0; i < n; i++) {

        if (line[i] == '.') {
            if (dot) {
                return NGX_ERROR;
            }

            dot = 1;
            continue;
        }

        if (dot) {
            if (point == 0) {
                return NGX_ERROR;
            }

            point--;
        }

        text[len++] = line[i];
    }

    while (point--) {
        text[len++] = '0';
    }

    return ngx_atoi(text, len);
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     c;
    size_t     i;
    ngx_int_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    value = 0;

    for (i = 0; i < n; i++) {
        c = ngx_tolower(line[i]);

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if (c >= 'a' && c <= 'f') {
            c -= 'a' - 10;

        } else {
            return NGX_ERROR;
        }

        if (value > (NGX_MAX_INT_T_VALUE - c) / 16) {
            return NGX_ERROR;
        }

        value = value * 16 + c;
    }

    return value;
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    while (len--) {
        dst = ngx_stubs_put_number(dst, dst + 2, *src++, 16, 0, '0', 2);
    }

    return dst;
}


void
ngx_encode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    ngx_stubs_base64(dst, src, ngx_stubs_base64_std, 1);
}


void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    ngx_stubs_base64(dst, src, ngx_stubs_base64_url, 0);
}


static void
ngx_stubs_base64(ngx_str_t *dst, ngx_str_t *src, const char *alphabet,
    ngx_uint_t padded)
{
    u_char      *p;
    size_t       i;
    uint32_t     bits;
    ngx_uint_t   n;

    p = dst->data;

    for (i = 0; i < src->len; i += 3) {
        n = ngx_min(3, src->len - i);

        bits = (uint32_t) src->data[i] << 16;

        if (n > 1) {
            bits |= (uint32_t) src->data[i + 1] << 8;
        }

        if (n > 2) {
            bits |= src->data[i + 2];
        }

        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[(bits >> 12) & 0x3f];

        if (n > 1) {
            *p++ = alphabet[(bits >> 6) & 0x3f];

        } else if (padded) {
            *p++ = '=';
        }

        if (n > 2) {
            *p++ = alphabet[bits & 0x3f];

        } else if (padded) {
            *p++ = '=';
        }
    }

    dst->len = p - dst->data;
}


ngx_int_t
ngx_decode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    return ngx_stubs_unbase64(dst, src, ngx_stubs_base64_std);
}


ngx_int_t
ngx_decode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    return ngx_stubs_unbase64(dst, src, ngx_stubs_base64_url);
}


static ngx_int_t
ngx_stubs_unbase64(ngx_str_t *dst, ngx_str_t *src, const char *alphabet)
{
    u_char      *p;
    size_t       i, len;
    uint32_t     bits;
    ngx_uint_t   n;
    const char  *c;

    for (len = 0; len < src->len && src->data[len] != '='; len++) {
        /* void */
    }

    if (len % 4 == 1) {
        return NGX_ERROR;
    }

    p = dst->data;
    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {

        c = src->data[i] ? strchr(alphabet, src->data[i]) : NULL;
        if (c == NULL) {
            return NGX_ERROR;
        }

        bits = (bits << 6) | (uint32_t) (c - alphabet);
        n += 6;

        if (n >= 8) {
            n -= 8;
            *p++ = (u_char) (bits >> n);
        }
    }

    dst->len = p - dst->data;

    return NGX_OK;
}


/*
 * 0xffffffff is an invalid sequence, 0xfffffffe an incomplete one; *p moves
 * behind what was looked at
 */

uint32_t
ngx_utf8_decode(u_char **p, size_t n)
{
    uint32_t    c, min;
    ngx_uint_t  more;

    c = *(*p)++;

    if (c < 0x80) {
        return c;
    }

    if (c >= 0xf0 && c <= 0xf7) {
        c &= 0x07;
        min = 0x10000;
        more = 3;

    } else if (c >= 0xe0 && c <= 0xef) {
        c &= 0x0f;
        min = 0x800;
        more = 2;

    } else if (c >= 0xc2 && c <= 0xdf) {
        c &= 0x1f;
        min = 0x80;
        more = 1;

    } else {
        return 0xffffffff;
    }

    if (n - 1 < more) {
        return 0xfffffffe;
    }

    while (more--) {
        if ((**p & 0xc0) != 0x80) {
            return 0xffffffff;
        }

        c = (c << 6) | (*(*p)++ & 0x3f);
    }

    return (c < min || c > 0x10ffff) ? 0xffffffff : c;
}


size_t
ngx_utf8_length(u_char *p, size_t n)
{
    size_t   len;
    u_char  *last;

    last = p + n;

    for (len = 0; p < last; len++) {
        if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return n;
        }
    }

    return len;
}


ngx_uint_t
ngx_hash_key(u_char *data, size_t len)
{
    size_t      i;
    ngx_uint_t  key;

    key = 0;

    for (i = 0; i < len; i++) {
        key = ngx_hash(key, data[i]);
    }

    return key;
}


ngx_uint_t
ngx_hash_key_lc(u_char *data, size_t len)
{
    size_t      i;
    ngx_uint_t  key;

    key = 0;

    for (i = 0; i < len; i++) {
        key = ngx_hash(key, ngx_tolower(data[i]));
    }

    return key;
}


ngx_uint_t
ngx_hash_strlow(u_char *dst, u_char *src, size_t n)
{
    ngx_strlow(dst, src, n);

    return ngx_hash_key(dst, n);
}


/* keeps the order of equal elements, as nginx's does */

void
ngx_sort(void *base, size_t n, size_t size,
    ngx_int_t (*cmp)(const void *, const void *))
{
    u_char  *p, *q, *first, *last, *tmp;

    if (n < 2) {
        return;
    }

    tmp = malloc(size);
    if (tmp == NULL) {
        return;
    }

    first = base;
    last = first + n * size;

    for (p = first + size; p < last; p += size) {
        ngx_memcpy(tmp, p, size);

        for (q = p; q > first && cmp(q - size, tmp) > 0; q -= size) {
            ngx_memcpy(q, q - size, size);
        }

        ngx_memcpy(q, tmp, size);
    }

    free(tmp);
}
