
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

/* what not every processor has is asked for when it is needed */

#ifndef NGX_LLM_SCAN_WIDE
#if (__x86_64__ && __GNUC__)
#define NGX_LLM_SCAN_WIDE  64
#else
#define NGX_LLM_SCAN_WIDE  0
#endif
#endif

#if (NGX_LLM_SCAN_WIDE)
#include <immintrin.h>
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


#if (NGX_LLM_SCAN_WIDE)

/* the same of two halves of a block, with AVX2 */

#define NGX_LLM_SCAN_AVX2   __attribute__((target("avx2")))

/* what is rare needs no registers of what is not */

#define NGX_LLM_SCAN_APART  __attribute__((noinline))

#define ngx_llm_scan_has_avx2()  __builtin_cpu_supports("avx2")


static NGX_LLM_SCAN_AVX2 ngx_inline uint64_t
ngx_llm_scan_wide(__m256i one, __m256i two)
{
    return (uint32_t) _mm256_movemask_epi8(one)
           | (uint64_t) (uint32_t) _mm256_movemask_epi8(two) << 32;
}


static NGX_LLM_SCAN_AVX2 ngx_inline __m256i
ngx_llm_scan_wide_is(__m256i word, char c)
{
    return _mm256_cmpeq_epi8(word, _mm256_set1_epi8(c));
}


static NGX_LLM_SCAN_AVX2 ngx_inline __m256i
ngx_llm_scan_wide_special(__m256i word)
{
    word = _mm256_xor_si256(word, _mm256_set1_epi8(2));

    return _mm256_or_si256(
               _mm256_subs_epi8(word, _mm256_set1_epi8(('"' ^ 2) + 1)),
               ngx_llm_scan_wide_is(word, '\\' ^ 2));
}


/* all but two have a lower half of their own, by which they are looked up */

static NGX_LLM_SCAN_AVX2 ngx_inline __m256i
ngx_llm_scan_wide_short(__m256i word)
{
    __m256i  most, other;

    most = _mm256_setr_epi8(1, 0, '"', 0, 't', 0, 'f', 0,
                            0, 0, 0, 0, '\\', 0, 'n', '/',
                            1, 0, '"', 0, 't', 0, 'f', 0,
                            0, 0, 0, 0, '\\', 0, 'n', '/');

    most = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(most, word), word);

    other = _mm256_or_si256(ngx_llm_scan_wide_is(word, 'b'),
                            ngx_llm_scan_wide_is(word, 'r'));

    return _mm256_or_si256(most, other);
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
