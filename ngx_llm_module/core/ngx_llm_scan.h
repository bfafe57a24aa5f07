
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
 * The first byte that is not an ordinary one of a string: a quote, a
 * backslash, a control character, any above ASCII; or last.
 */

static ngx_inline u_char *
ngx_llm_scan_string(u_char *p, u_char *last)
{
#if (__SSE2__)

    int      mask;
    __m128i  word, found;

    while (last - p >= 16) {
        word = _mm_loadu_si128((__m128i *) p);

        /* bytes are signed here: all above ASCII are below a blank, too */

        found = _mm_cmplt_epi8(word, _mm_set1_epi8(0x20));
        found = _mm_or_si128(found,
                             _mm_cmpeq_epi8(word, _mm_set1_epi8('"')));
        found = _mm_or_si128(found,
                             _mm_cmpeq_epi8(word, _mm_set1_epi8('\\')));

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
