/* SPDX-License-Identifier: MIT */
/*
 * pattern.c - regular expressions: the only file that knows PCRE2.
 *
 * Compiled once with the JIT and matched into storage that was allocated then: a match allocates nothing.
 */
#include "stages/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/stage.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* The JIT's stack starts with 32 KiB of the machine's; patterns that backtrack a lot get up to this. */
#define JIT_STACK_MAX ((size_t)1 << 20)

const char *const pattern_missing = NULL;
#else
const char *const pattern_missing = "libpcre2-dev";
#endif

struct pattern {
    char *plain; /* owned; not NULL: search for this */
    size_t plain_len;
#ifdef HAVE_PCRE2
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    bool jit;
    uint32_t name_count, name_size; /* the table of named groups: name_size bytes each, the number in the first two */
    PCRE2_SPTR names;
#endif
};

/* ---- plain text ------------------------------------------------------------------------------------------------------- */

#ifdef __SSE2__
/* Bits for those of the sixteen places from p on where the first and the last byte of the text stand. */
static inline unsigned candidates(const char *p, __m128i first, __m128i last, size_t distance)
{
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + distance));
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
}

/* Looks for the first and the last byte at once, sixteen places a step (Mula's way): on lines of a hundred bytes that takes a
 * quarter of memmem's time. The last step overlaps the one before instead of reading past the end; there must be sixteen
 * places. */
static bool find_plain(const struct pattern *pattern, const char *text, size_t places)
{
    const char *plain = pattern->plain, *stop = text + places - 16;
    size_t distance = pattern->plain_len - 1;
    const __m128i first = _mm_set1_epi8(plain[0]), last = _mm_set1_epi8(plain[distance]);
    for (const char *p = text;; p = p + 16 < stop ? p + 16 : stop) {
        for (unsigned mask = candidates(p, first, last, distance); mask; mask &= mask - 1)
            if (memcmp(p + __builtin_ctz(mask), plain, distance + 1) == 0)
                return true;
        if (p == stop)
            return false;
    }
}
#endif

static bool match_plain(const struct pattern *pattern, const char *text, size_t len)
{
#ifdef __SSE2__
    if (pattern->plain_len && len >= pattern->plain_len + 15)
        return find_plain(pattern, text, len - pattern->plain_len + 1);
#endif
    return memmem(text, len, pattern->plain, pattern->plain_len) != NULL;
}

static bool is_plain(const char *text)
{
    return text[0] && !text[strcspn(text, "\\^$.[]|()?*+{}#")];
}

/* ---- PCRE2 ------------------------------------------------------------------------------------------------------------ */

#ifdef HAVE_PCRE2

static void describe(int code, size_t offset, const char *text, char *error, size_t size)
{
    PCRE2_UCHAR why[160] = "";
    pcre2_get_error_message(code, why, sizeof why);
    snprintf(error, size, "the pattern \"%s\" is not right at byte %zu: %s", text, offset, (const char *)why);
}

static int compile(struct pattern *pattern, const char *text, struct pattern_options options, char *error, size_t size)
{
    int code;
    PCRE2_SIZE offset;
    uint32_t flags = (options.fixed ? PCRE2_LITERAL : 0) | (options.ignore_case ? PCRE2_CASELESS : 0);
    pattern->code = pcre2_compile((PCRE2_SPTR)text, strlen(text), flags, &code, &offset, NULL);
    if (!pattern->code) {
        describe(code, offset, text, error, size);
        return -1;
    }
    pattern->jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
    pattern->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    pattern->context = pcre2_match_context_create(NULL);
    pattern->stack = pattern->jit ? pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, NULL) : NULL;
    if (!pattern->match || !pattern->context || (pattern->jit && !pattern->stack)) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    if (pattern->stack)
        pcre2_jit_stack_assign(pattern->context, NULL, pattern->stack);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &pattern->name_count);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &pattern->name_size);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &pattern->names);
    return 0;
}

static int search(struct pattern *pattern, const char *text, size_t len)
{
    int count = pattern->jit ? pcre2_jit_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, pattern->match, pattern->context)
                             : pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, pattern->match, pattern->context);
    if (count >= 0)
        return 1;
    if (count == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR why[160] = "";
    pcre2_get_error_message(count, why, sizeof why);
    return weir_fail("the pattern could not be matched against a line of %zu bytes: %s", len, (const char *)why);
}

static void release(struct pattern *pattern)
{
    pcre2_jit_stack_free(pattern->stack);
    pcre2_match_context_free(pattern->context);
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
}

uint32_t pattern_names(const struct pattern *pattern)
{
    return pattern->name_count;
}

const char *pattern_name(const struct pattern *pattern, uint32_t i)
{
    return (const char *)pattern->names + (size_t)i * pattern->name_size + 2;
}

void pattern_group(const struct pattern *pattern, uint32_t i, size_t *offset, size_t *len)
{
    PCRE2_SPTR entry = pattern->names + (size_t)i * pattern->name_size;
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(pattern->match) + 2 * ((size_t)entry[0] << 8 | entry[1]);
    *offset = pair[0];
    *len = pair[0] == PCRE2_UNSET ? SIZE_MAX : pair[1] - pair[0];
}

#else

static int compile(struct pattern *pattern, const char *text, struct pattern_options options, char *error, size_t size)
{
    (void)pattern, (void)options;
    snprintf(error, size, "the pattern \"%s\" needs PCRE2, and this weir was built without it (%s)", text, pattern_missing);
    return -1;
}

static int search(struct pattern *pattern, const char *text, size_t len)
{
    (void)pattern, (void)text, (void)len;
    return 0;
}

static void release(struct pattern *pattern)
{
    (void)pattern;
}

uint32_t pattern_names(const struct pattern *pattern)
{
    (void)pattern;
    return 0;
}

const char *pattern_name(const struct pattern *pattern, uint32_t i)
{
    (void)pattern, (void)i;
    return "";
}

void pattern_group(const struct pattern *pattern, uint32_t i, size_t *offset, size_t *len)
{
    (void)pattern, (void)i;
    *offset = 0;
    *len = SIZE_MAX;
}

#endif

/* ---- either ----------------------------------------------------------------------------------------------------------- */

struct pattern *pattern_new(const char *text, struct pattern_options options, char *error, size_t size)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    if (!options.ignore_case && (options.fixed || is_plain(text))) {
        pattern->plain = strdup(text);
        pattern->plain_len = strlen(text);
        if (pattern->plain)
            return pattern;
        snprintf(error, size, "out of memory");
    } else if (compile(pattern, text, options, error, size) == 0) {
        return pattern;
    }
    pattern_free(pattern);
    return NULL;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    release(pattern);
    free(pattern->plain);
    free(pattern);
}

int pattern_match(struct pattern *pattern, const char *text, size_t len)
{
    text = len ? text : "";
    if (pattern->plain)
        return match_plain(pattern, text, len);
    return search(pattern, text, len);
}
