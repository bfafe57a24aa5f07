
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Where a string ends, and whether it is right, in one look at its bytes.
 */


#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"


static ngx_inline u_char *ngx_llm_json_step(u_char *p, u_char *last,
    ngx_uint_t *escaped);
static u_char *ngx_llm_json_ordinary(u_char *p, u_char *last,
    ngx_uint_t *escaped);
#if (NGX_LLM_SCAN_WIDE)
static NGX_LLM_SCAN_AVX2 u_char *ngx_llm_json_wide(u_char *p, u_char *last,
    ngx_uint_t *escaped);
static NGX_LLM_SCAN_AVX2 NGX_LLM_SCAN_APART uint64_t ngx_llm_json_wide_utf8(
    u_char *p);
static NGX_LLM_SCAN_AVX2 ngx_inline __m256i ngx_llm_json_wide_right(
    __m256i block, __m256i before);
static NGX_LLM_SCAN_AVX2 ngx_inline __m256i ngx_llm_json_wide_look(
    const u_char *table, __m256i index);
static ngx_inline u_char *ngx_llm_json_whole(u_char *p);
#endif
#if (NGX_LLM_SCAN_BLOCK)
static ngx_inline uint64_t ngx_llm_json_behind(uint64_t slashes);
#endif
static u_char *ngx_llm_json_escape(u_char *p, u_char *last);
static u_char *ngx_llm_json_above(u_char *p, u_char *last);


/* what may follow a backslash, but for "u" */

static const u_char  ngx_llm_json_short[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1,
    ['r'] = 1, ['t'] = 1
};


#if (NGX_LLM_SCAN_WIDE)

/* what is wrong with two bytes in a row */

#define NGX_LLM_JSON_SHORT     0x01     /* a continuation is missing */
#define NGX_LLM_JSON_LONG      0x02     /* one too many, behind ASCII */
#define NGX_LLM_JSON_OVER3     0x04     /* a shorter form exists */
#define NGX_LLM_JSON_LARGE     0x08     /* above U+10FFFF */
#define NGX_LLM_JSON_HALF      0x10     /* a surrogate */
#define NGX_LLM_JSON_OVER2     0x20
#define NGX_LLM_JSON_OVER4     0x40     /* or above U+13FFFF */
#define NGX_LLM_JSON_TWO       0x80     /* two continuations */

#define NGX_LLM_JSON_ANY                                                     \
    (NGX_LLM_JSON_SHORT|NGX_LLM_JSON_LONG|NGX_LLM_JSON_TWO)

#define NGX_LLM_JSON_ABOVE                                                   \
    (NGX_LLM_JSON_ANY|NGX_LLM_JSON_LARGE|NGX_LLM_JSON_OVER4)

#define NGX_LLM_JSON_NEXT                                                    \
    (NGX_LLM_JSON_LONG|NGX_LLM_JSON_OVER2|NGX_LLM_JSON_TWO)


/* by the upper half of the first byte */

static const u_char  ngx_llm_json_utf8_first[16] = {
    NGX_LLM_JSON_LONG, NGX_LLM_JSON_LONG,
    NGX_LLM_JSON_LONG, NGX_LLM_JSON_LONG,
    NGX_LLM_JSON_LONG, NGX_LLM_JSON_LONG,
    NGX_LLM_JSON_LONG, NGX_LLM_JSON_LONG,
    NGX_LLM_JSON_TWO, NGX_LLM_JSON_TWO,
    NGX_LLM_JSON_TWO, NGX_LLM_JSON_TWO,
    NGX_LLM_JSON_SHORT|NGX_LLM_JSON_OVER2,
    NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_SHORT|NGX_LLM_JSON_OVER3|NGX_LLM_JSON_HALF,
    NGX_LLM_JSON_SHORT|NGX_LLM_JSON_LARGE|NGX_LLM_JSON_OVER4
};


/* by its lower half */

static const u_char  ngx_llm_json_utf8_rest[16] = {
    NGX_LLM_JSON_ANY|NGX_LLM_JSON_OVER3|NGX_LLM_JSON_OVER2|NGX_LLM_JSON_OVER4,
    NGX_LLM_JSON_ANY|NGX_LLM_JSON_OVER2,
    NGX_LLM_JSON_ANY,
    NGX_LLM_JSON_ANY,
    NGX_LLM_JSON_ANY|NGX_LLM_JSON_LARGE,
    NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE,
    NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE,
    NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE,
    NGX_LLM_JSON_ABOVE|NGX_LLM_JSON_HALF,
    NGX_LLM_JSON_ABOVE, NGX_LLM_JSON_ABOVE
};


/* by the upper half of the second byte */

static const u_char  ngx_llm_json_utf8_second[16] = {
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_NEXT|NGX_LLM_JSON_OVER3|NGX_LLM_JSON_OVER4,
    NGX_LLM_JSON_NEXT|NGX_LLM_JSON_OVER3|NGX_LLM_JSON_LARGE,
    NGX_LLM_JSON_NEXT|NGX_LLM_JSON_HALF|NGX_LLM_JSON_LARGE,
    NGX_LLM_JSON_NEXT|NGX_LLM_JSON_HALF|NGX_LLM_JSON_LARGE,
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT,
    NGX_LLM_JSON_SHORT, NGX_LLM_JSON_SHORT
};

#endif


u_char *
ngx_llm_json_string(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    *escaped = 0;

    for ( ;; ) {
        p = ngx_llm_json_step(p, last, escaped);

        if (p == NULL || p == last) {
            return NULL;
        }

        if (*p == '"') {
            return p;
        }

        if (*p == '\\') {
            *escaped = 1;
            p = ngx_llm_json_escape(p, last);

        } else {
            p = ngx_llm_json_above(p, last);
        }

        if (p == NULL) {
            return NULL;
        }
    }
}


/* the first byte that takes a closer look, or last; or NULL */

static ngx_inline u_char *
ngx_llm_json_step(u_char *p, u_char *last, ngx_uint_t *escaped)
{
#if (NGX_LLM_SCAN_WIDE)

    uint32_t  special;

    if (last - p > NGX_LLM_SCAN_WIDE && ngx_llm_scan_has_avx2()) {

        /* what is short is not worth what comes before the first wide block */

        special = ngx_llm_scan_block(ngx_llm_scan_special, p);

        if (special == 0) {
            p += NGX_LLM_SCAN_BLOCK;

        } else if (p[(unsigned) __builtin_ctz(special)] == '"') {
            return p + (unsigned) __builtin_ctz(special);
        }

        return ngx_llm_json_wide(p, last, escaped);
    }

#endif

    return ngx_llm_json_ordinary(p, last, escaped);
}


/* in blocks short escapes are stepped over, without a look at each */

static u_char *
ngx_llm_json_ordinary(u_char *p, u_char *last, ngx_uint_t *escaped)
{
#if (NGX_LLM_SCAN_BLOCK)

    u_char    *first;
    uint64_t   special, slashes, behind;

    /* the byte behind the block may belong to an escape */

    while (last - p > NGX_LLM_SCAN_BLOCK) {

        special = ngx_llm_scan_block(ngx_llm_scan_special, p);

        if (special == 0) {
            p += NGX_LLM_SCAN_BLOCK;
            continue;
        }

        first = p + (unsigned) __builtin_ctzll(special);

        if (*first != '\\') {
            return first;
        }

        slashes = ngx_llm_scan_block(ngx_llm_scan_slash, p);
        behind = ngx_llm_json_behind(slashes);

        /* what is escaped is not special, but it must be an escape */

        special &= ~(slashes | behind);
        special |= behind & ~ngx_llm_scan_block(ngx_llm_scan_short, p)
                   & (((uint64_t) 1 << NGX_LLM_SCAN_BLOCK) - 1);

        /* the backslash itself, where its escape is none of these */

        *escaped = 1;

        if (special) {
            first = p + (unsigned) __builtin_ctzll(special);
            return (behind >> (first - p)) & 1 ? first - 1 : first;
        }

        behind >>= NGX_LLM_SCAN_BLOCK;
        p += NGX_LLM_SCAN_BLOCK;

        if (behind && !ngx_llm_json_short[*p]) {
            return p - 1;
        }

        p += behind;
    }

#endif

    return ngx_llm_scan_string(p, last);
}


#if (NGX_LLM_SCAN_WIDE)

/*
 * The same in wider blocks, where characters above ASCII are stepped over, too:
 * a block begins with a whole character, and what it ends with is left to the
 * next one if it is not whole.  NULL: a character is not right.
 */

static NGX_LLM_SCAN_AVX2 u_char *
ngx_llm_json_wide(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    u_char    *first;
    __m256i    one, two;
    uint64_t   special, slashes, behind, above, bad, stop;

    while (last - p > NGX_LLM_SCAN_WIDE) {

        one = _mm256_loadu_si256((__m256i *) p);
        two = _mm256_loadu_si256((__m256i *) (p + 32));

        special = ngx_llm_scan_wide(ngx_llm_scan_wide_special(one),
                                    ngx_llm_scan_wide_special(two));

        if (special == 0) {
            p += NGX_LLM_SCAN_WIDE;
            continue;
        }

        first = p + (unsigned) __builtin_ctzll(special);

        if (*first == '"') {
            return first;
        }

        bad = 0;
        above = ngx_llm_scan_wide(one, two);

        if (above) {
            bad = ngx_llm_json_wide_utf8(p);
            special &= ~above;
        }

        behind = 0;
        slashes = ngx_llm_scan_wide(ngx_llm_scan_wide_is(one, '\\'),
                                    ngx_llm_scan_wide_is(two, '\\'));

        if (slashes) {
            behind = ngx_llm_json_behind(slashes);

            /* what is escaped is not special, but it must be an escape */

            special &= ~(slashes | behind);
            special |= behind
                       & ~ngx_llm_scan_wide(ngx_llm_scan_wide_short(one),
                                            ngx_llm_scan_wide_short(two));
        }

        stop = special | bad;

        if (stop) {
            first = p + (unsigned) __builtin_ctzll(stop);

            /* slashes below the lowest bit */

            *escaped |= (slashes & (stop ^ (stop - 1))) != 0;

            if ((bad >> (first - p)) & 1) {
                return NULL;
            }

            /* the backslash itself, where its escape is none of these */

            return (behind >> (first - p)) & 1 ? first - 1 : first;
        }

        *escaped |= (slashes != 0);

        p += NGX_LLM_SCAN_WIDE;

        if (p[-1] >= 0x80) {
            p = ngx_llm_json_whole(p);

        } else if ((slashes & ~behind) >> (NGX_LLM_SCAN_WIDE - 1)) {

            if (!ngx_llm_json_short[*p]) {
                return p - 1;
            }

            p++;
        }
    }

    return ngx_llm_json_ordinary(p, last, escaped);
}


/*
 * A bit is set in each byte that cannot stand behind those before it, by
 * "Validating UTF-8 In Less Than One Instruction Per Byte" (J. Keiser,
 * D. Lemire, 2021): what is wrong with two bytes in a row has a bit in the
 * tables of the first one's upper half, its lower half, and the second one's
 * upper half.  The third and fourth byte of a character must follow others,
 * which is the only case where that is right.
 */

static NGX_LLM_SCAN_AVX2 NGX_LLM_SCAN_APART uint64_t
ngx_llm_json_wide_utf8(u_char *p)
{
    __m256i  one, two, low, high, zero;

    one = _mm256_loadu_si256((__m256i *) p);
    two = _mm256_loadu_si256((__m256i *) (p + 32));

    zero = _mm256_setzero_si256();

    /* the half blocks, each behind the 16 bytes that come before it */

    low = _mm256_permute2x128_si256(zero, one, 0x20);
    high = _mm256_permute2x128_si256(one, two, 0x21);

    return ~ngx_llm_scan_wide(ngx_llm_json_wide_right(one, low),
                              ngx_llm_json_wide_right(two, high));
}


static NGX_LLM_SCAN_AVX2 ngx_inline __m256i
ngx_llm_json_wide_right(__m256i block, __m256i before)
{
    __m256i  first, second, third, wrong, half;

    half = _mm256_set1_epi8(0x0f);

    first = _mm256_alignr_epi8(block, before, 15);
    second = _mm256_alignr_epi8(block, before, 14);
    third = _mm256_alignr_epi8(block, before, 13);

    wrong = ngx_llm_json_wide_look(ngx_llm_json_utf8_first,
                                   _mm256_and_si256(
                                       _mm256_srli_epi16(first, 4), half));

    wrong = _mm256_and_si256(wrong,
                ngx_llm_json_wide_look(ngx_llm_json_utf8_rest,
                                       _mm256_and_si256(first, half)));

    wrong = _mm256_and_si256(wrong,
                ngx_llm_json_wide_look(ngx_llm_json_utf8_second,
                                       _mm256_and_si256(
                                           _mm256_srli_epi16(block, 4),
                                           half)));

    /* 0x80 where there must be two continuations in a row */

    second = _mm256_subs_epu8(second, _mm256_set1_epi8(0xe0 - 0x80));
    third = _mm256_subs_epu8(third, _mm256_set1_epi8(0xf0 - 0x80));

    second = _mm256_and_si256(_mm256_or_si256(second, third),
                              _mm256_set1_epi8((char) 0x80));

    return _mm256_cmpeq_epi8(wrong, second);
}


static NGX_LLM_SCAN_AVX2 ngx_inline __m256i
ngx_llm_json_wide_look(const u_char *table, __m256i index)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(
                                   _mm_loadu_si128((__m128i *) table)),
                               index);
}


/* p is behind a byte above ASCII: before its character, if that is not whole */

static ngx_inline u_char *
ngx_llm_json_whole(u_char *p)
{
    if (p[-1] >= 0xc0) {
        return p - 1;
    }

    if (p[-2] >= 0xe0) {
        return p - 2;
    }

    if (p[-3] >= 0xf0) {
        return p - 3;
    }

    return p;
}

#endif


#if (NGX_LLM_SCAN_BLOCK)

/* bits behind backslashes that are not escaped themselves */

static ngx_inline uint64_t
ngx_llm_json_behind(uint64_t slashes)
{
    uint64_t  bit, behind;

    if ((slashes & (slashes << 1)) == 0) {
        return slashes << 1;
    }

    behind = 0;

    while (slashes) {
        bit = slashes & (0 - slashes);
        behind |= bit << 1;
        slashes &= ~(bit * 3);
    }

    return behind;
}

#endif


/* p is at a backslash: behind the escape, or NULL */

static u_char *
ngx_llm_json_escape(u_char *p, u_char *last)
{
    p++;

    if (p == last) {
        return NULL;
    }

    if (ngx_llm_json_short[*p]) {
        return p + 1;
    }

    if (*p != 'u' || last - p < 5 || ngx_hextoi(p + 1, 4) == NGX_ERROR) {
        return NULL;
    }

    return p + 5;
}


/* characters above ASCII, which are seldom alone: behind them, or NULL */

static u_char *
ngx_llm_json_above(u_char *p, u_char *last)
{
    size_t  n;

    do {
        n = ngx_llm_utf8_char(p, last);

        if (n == 0 || *p < 0x20) {
            return NULL;
        }

        p += n;

    } while (p < last && *p >= 0x80);

    return p;
}
