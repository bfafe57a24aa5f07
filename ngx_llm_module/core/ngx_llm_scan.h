
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Steps over bytes that mean nothing, many at a time.
 */


#ifndef _NGX_LLM_SCAN_H_INCLUDED_
#define _NGX_LLM_SCAN_H_INCLUDED_


#include "ngx_llm_core.h"

#if (__SSE2__)
#include <emmintrin.h>
#endif


/* a bit is set in the first byte that is what is looked for, if one is */

#define NGX_LLM_SCAN_ONES   0x0101010101010101ULL
#define NGX_LLM_SCAN_HIGH   0x8080808080808080ULL

#define ngx_llm_scan_zero(word)                                              \
    (((word) - NGX_LLM_SCAN_ONES) & ~(word))


/*
 * What is no ordinary byte of a string: a quote, a backslash, a control
 * character, any above ASCII.
 */

#if (__SSE2__)

/* masks of a block's bytes, the first is the lowest bit; p may be anywhere */

#define NGX_LLM_SCAN_BLOCK  32

#define ngx_llm_scan_block(what, p)                                          \
    ((uint64_t) _mm_movemask_epi8(what(p))                                   \
     | (uint64_t) _mm_movemask_epi8(what((p) + 16)) << 16)

#define ngx_llm_scan_is(word, c)  _mm_cmpeq_epi8(word, _mm_set1_epi8(c))


static ngx_inline __m128i
ngx_llm_scan_special(u_char *p)
{
    __m128i  word;

    /*
     * The highest bit counts.  Bytes are signed here: all above ASCII are
     * below a blank, too.  A quote stands right behind the control characters
     * when bit 1 is turned over.
     */

    word = _mm_xor_si128(_mm_loadu_si128((__m128i *) p), _mm_set1_epi8(2));

    return _mm_or_si128(_mm_subs_epi8(word, _mm_set1_epi8(('"' ^ 2) + 1)),
                        ngx_llm_scan_is(word, '\\' ^ 2));
}


static ngx_inline __m128i
ngx_llm_scan_slash(u_char *p)
{
    return ngx_llm_scan_is(_mm_loadu_si128((__m128i *) p), '\\');
}


/* what may follow a backslash, but for "u" */

static ngx_inline __m128i
ngx_llm_scan_short(u_char *p)
{
    __m128i  word, one, two, three;

    word = _mm_loadu_si128((__m128i *) p);

    one = _mm_or_si128(ngx_llm_scan_is(word, 'n'),
                       ngx_llm_scan_is(word, '"'));
    two = _mm_or_si128(ngx_llm_scan_is(word, '\\'),
                       ngx_llm_scan_is(word, 't'));
    three = _mm_or_si128(ngx_llm_scan_is(word, '/'),
                         ngx_llm_scan_is(word, 'r'));

    one = _mm_or_si128(one, ngx_llm_scan_is(word, 'b'));
    two = _mm_or_si128(two, ngx_llm_scan_is(word, 'f'));

    return _mm_or_si128(_mm_or_si128(one, two), three);
}

#endif


/* the first byte that is no ordinary one, or last */

static ngx_inline u_char *
ngx_llm_scan_string(u_char *p, u_char *last)
{
#if (__SSE2__)

    int  mask;

    while (last - p >= 16) {
        mask = _mm_movemask_epi8(ngx_llm_scan_special(p));

        if (mask) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#else

    uint64_t  word, found;

    while (last - p >= 8) {
        ngx_memcpy(&word, p, 8);

        found = word | ngx_llm_scan_zero(word ^ ('"' * NGX_LLM_SCAN_ONES))
                | ngx_llm_scan_zero(word ^ ('\\' * NGX_LLM_SCAN_ONES))
                | (word - 0x20 * NGX_LLM_SCAN_ONES);

        if (found & NGX_LLM_SCAN_HIGH) {
            break;
        }

        p += 8;
    }

#endif

    while (p < last && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* the first CR or LF, or last */

static ngx_inline u_char *
ngx_llm_scan_line(u_char *p, u_char *last)
{
#if (__SSE2__)

    int      mask;
    __m128i  word, found;

    while (last - p >= 16) {
        word = _mm_loadu_si128((__m128i *) p);

        found = _mm_or_si128(_mm_cmpeq_epi8(word, _mm_set1_epi8(LF)),
                             _mm_cmpeq_epi8(word, _mm_set1_epi8(CR)));

        mask = _mm_movemask_epi8(found);

        if (mask) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#else

    uint64_t  word, found;

    while (last - p >= 8) {
        ngx_memcpy(&word, p, 8);

        found = ngx_llm_scan_zero(word ^ (LF * NGX_LLM_SCAN_ONES))
                | ngx_llm_scan_zero(word ^ (CR * NGX_LLM_SCAN_ONES));

        if (found & NGX_LLM_SCAN_HIGH) {
            break;
        }

        p += 8;
    }

#endif

    while (p < last && *p != LF && *p != CR) {
        p++;
    }

    return p;
}


#endif /* _NGX_LLM_SCAN_H_INCLUDED_ */
