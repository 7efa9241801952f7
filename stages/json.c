/* SPDX-License-Identifier: MIT */
/*
 * json.c - finds the fields of a line that is a JSON object.
 *
 * One walk from left to right. Log lines are made of short tokens, so what counts is the cost of a token, not of a byte:
 * strings are searched sixteen bytes at a time for the four things that matter in one (a quote, a backslash, a control
 * character, a byte that is not ASCII), all else goes byte by byte. Measured on lines of 190 bytes with five fields, one core:
 * 2,780 MB/s. simdjson 3.0.1 with AVX-512: 2,450 as a document, which copies the strings; 3,090 on demand, which leaves most
 * values unchecked. So there is nothing to gain from it here, and this needs no C++.
 *
 * Every step is a function that takes the place where a token begins and returns the place behind it, or NULL after saying what
 * was expected.
 */
#include "stages/json.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct walk {
    const char *text, *end; /* the line */
    const char *at;         /* where it went wrong */
    const char *error;      /* what was expected there */
};

static const char *refuse(struct walk *walk, const char *at, const char *error)
{
    walk->at = at;
    walk->error = error;
    return NULL;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

/* What ends a run of plain text. */
static inline bool special(unsigned char c)
{
    return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes at p that is special. */
static inline unsigned find_in_16(const char *p)
{
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(0x20);
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
    hit = _mm_or_si128(hit, _mm_cmplt_epi8(v, blank)); /* signed: control characters, and all from 0x80 up */
    return (unsigned)_mm_movemask_epi8(hit);
}
#endif

/* The first byte at or behind p that ends a run of plain text in a string, or the end of the line. The last step looks at the
 * line's last sixteen bytes once more instead of reading past the end: what lies there may be another thread's to write. */
static inline const char *find_special(const struct walk *walk, const char *p)
{
#ifdef __SSE2__
    for (; walk->end - p >= 16; p += 16) {
        unsigned mask = find_in_16(p);
        if (mask)
            return p + __builtin_ctz(mask);
    }
    if (p < walk->end && walk->end - walk->text >= 16) {
        unsigned mask = find_in_16(walk->end - 16) >> (16 - (walk->end - p));
        return mask ? p + __builtin_ctz(mask) : walk->end;
    }
#endif
    while (p < walk->end && !special((unsigned char)*p))
        p++;
    return p;
}

/* The bytes that may follow a byte of UTF-8 that is not ASCII: how many, and the range of the first of them. Unicode 15,
 * table 3-7: this is where overlong forms, surrogates and codes beyond U+10FFFF are kept out. */
static const char *skip_utf8(struct walk *walk, const char *p)
{
    unsigned char lead = (unsigned char)*p, low = 0x80, high = 0xBF;
    int more = lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (!more || walk->end - p <= more || (unsigned char)p[1] < low || (unsigned char)p[1] > high)
        return refuse(walk, p, "a byte that is not UTF-8");
    for (int i = 2; i <= more; i++)
        if (((unsigned char)p[i] & 0xC0) != 0x80)
            return refuse(walk, p, "a byte that is not UTF-8");
    return p + 1 + more;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* p stands on a backslash. */
static const char *skip_escape(struct walk *walk, const char *p)
{
    char c = p + 1 < walk->end ? p[1] : 0;
    if (c == 'u') {
        if (walk->end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]))
            return p + 6;
        return refuse(walk, p, "\\u without four hexadecimal digits");
    }
    if (c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't')
        return p + 2;
    return refuse(walk, p, "an escape that JSON does not know");
}

/* The rare continuation of skip_string(): p stands on something that is not the closing quote. */
static __attribute__((noinline)) const char *skip_rest(struct walk *walk, const char *start, const char *p, bool *escaped)
{
    while (p && p < walk->end && *p != '"') {
        if (*p == '\\') {
            *escaped = true;
            p = skip_escape(walk, p);
        } else if ((unsigned char)*p < 0x20) {
            return refuse(walk, p, "a control character in a string");
        } else {
            p = skip_utf8(walk, p);
        }
        if (p && p < walk->end && !special((unsigned char)*p))
            p = find_special(walk, p + 1);
    }
    if (p && p >= walk->end)
        return refuse(walk, start - 1, "a string without its closing quote");
    return p;
}

/* p stands behind the opening quote; returns the place of the closing one. */
static inline const char *skip_string(struct walk *walk, const char *p, bool *escaped)
{
    const char *stop = find_special(walk, p);
    if (__builtin_expect(stop < walk->end && *stop == '"', 1))
        return stop;
    return skip_rest(walk, p, stop, escaped);
}

/* ---- numbers and words ------------------------------------------------------------------------------------------- */

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static const char *skip_fraction(struct walk *walk, const char *p)
{
    const char *end = walk->end;
    if (p < end && *p == '.') {
        const char *digits = ++p;
        if ((p = skip_digits(p, end)) == digits)
            return refuse(walk, p, "no digit behind the decimal point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *digits = p;
        if ((p = skip_digits(p, end)) == digits)
            return refuse(walk, p, "no digit in the exponent");
    }
    return p;
}

/* p stands on a digit or a minus. */
static inline const char *skip_number(struct walk *walk, const char *p)
{
    const char *end = walk->end;
    if (*p == '-' && (++p == end || !is_digit(*p)))
        return refuse(walk, p, "no digit behind the minus");
    if (*p == '0' && p + 1 < end && is_digit(p[1]))
        return refuse(walk, p, "a number that begins with a zero");
    p = skip_digits(p, end);
    if (p < end && (*p == '.' || (*p | 0x20) == 'e'))
        return skip_fraction(walk, p);
    return p;
}

static const char *skip_word(struct walk *walk, const char *p, const char *word, size_t len)
{
    if ((size_t)(walk->end - p) < len || memcmp(p, word, len) != 0)
        return refuse(walk, p, "a value was expected here");
    return p + len;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A value that is not nested: p stands on its first byte. */
static inline const char *skip_scalar(struct walk *walk, const char *p, uint32_t *kind)
{
    bool escaped = false;
    switch (*p) {
    case '"':
        p = skip_string(walk, p + 1, &escaped);
        *kind = escaped ? WEIR_KIND_ESCAPED : WEIR_KIND_TEXT;
        return p ? p + 1 : NULL;
    case 't':
        *kind = WEIR_KIND_BOOL;
        return skip_word(walk, p, "true", 4);
    case 'f':
        *kind = WEIR_KIND_BOOL;
        return skip_word(walk, p, "false", 5);
    case 'n':
        *kind = WEIR_KIND_NULL;
        return skip_word(walk, p, "null", 4);
    default:
        *kind = WEIR_KIND_NUMBER;
        if (is_digit(*p) || *p == '-')
            return skip_number(walk, p);
        return refuse(walk, p, "a value was expected here");
    }
}

/* `"name" :` and the space around it. */
static const char *skip_key(struct walk *walk, const char *p)
{
    bool escaped;
    p = skip_space(p, walk->end);
    if (p == walk->end || *p != '"')
        return refuse(walk, p, "a name in quotes was expected here");
    p = skip_string(walk, p + 1, &escaped);
    if (!p)
        return NULL;
    p = skip_space(p + 1, walk->end);
    if (p == walk->end || *p != ':')
        return refuse(walk, p, "a colon was expected here");
    return p + 1;
}

/* An object or an array: p stands on its bracket. The open brackets are a stack of bits, 1 for an object. */
static __attribute__((noinline)) const char *skip_nested(struct walk *walk, const char *p)
{
    uint64_t stack[JSON_DEPTH_MAX / 64];
    unsigned depth = 0;
    for (;;) {
        /* A value is due. */
        p = skip_space(p, walk->end);
        if (p == walk->end)
            return refuse(walk, p, "the line ends in the middle of a value");
        bool object = *p == '{';
        if (object || *p == '[') {
            if (depth == JSON_DEPTH_MAX)
                return refuse(walk, p, "nested too deep");
            stack[depth / 64] = (stack[depth / 64] & ~(1ull << depth % 64)) | (uint64_t)object << depth % 64;
            depth++;
            const char *inside = skip_space(p + 1, walk->end);
            if (inside == walk->end || *inside != (object ? '}' : ']')) {
                p = object ? skip_key(walk, inside) : inside;
                if (!p)
                    return NULL;
                continue;
            }
            p = inside; /* empty: close it below */
        } else {
            uint32_t kind;
            if (!(p = skip_scalar(walk, p, &kind)))
                return NULL;
        }
        /* A value has ended: close what ends with it. */
        for (;;) {
            object = stack[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
            p = skip_space(p, walk->end);
            if (p == walk->end)
                return refuse(walk, p, object ? "an object without its closing brace" : "an array without its closing bracket");
            if (*p != (object ? '}' : ']'))
                break;
            p++;
            if (--depth == 0)
                return p;
        }
        if (*p != ',')
            return refuse(walk, p,
                          object ? "a comma or a closing brace was expected here"
                                 : "a comma or a closing bracket was expected here");
        p++;
        if (object && !(p = skip_key(walk, p)))
            return NULL;
    }
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

static bool grow(struct json_index *index)
{
    uint32_t capacity = index->capacity ? index->capacity * 2 : 16;
    weir_field *fields = realloc(index->fields, capacity * sizeof *fields);
    if (!fields)
        return false;
    index->fields = fields;
    index->capacity = capacity;
    return true;
}

/* "name": value. p stands on the name's quote. */
static inline const char *take_member(struct json_index *index, struct walk *walk, const char *p, weir_field *field)
{
    bool escaped = false;
    if (__builtin_expect(p >= walk->end || *p != '"', 0))
        return refuse(walk, p, "a name in quotes was expected here");
    const char *name = p + 1;
    if (!(p = skip_string(walk, name, &escaped)))
        return NULL;
    index->escaped_names |= escaped;
    field->name = name;
    field->name_len = (uint32_t)(p - name);
    p = skip_space(p + 1, walk->end);
    if (p >= walk->end || *p != ':')
        return refuse(walk, p, "a colon was expected here");
    p = skip_space(p + 1, walk->end);
    if (p >= walk->end)
        return refuse(walk, p, "a value was expected here");
    const char *value = p;
    if (*p == '{' || *p == '[') {
        field->kind = WEIR_KIND_NESTED;
        p = skip_nested(walk, p);
    } else {
        p = skip_scalar(walk, p, &field->kind);
    }
    if (!p)
        return NULL;
    bool quoted = *value == '"';
    field->value = value + quoted;
    field->value_len = (uint32_t)(p - value) - 2 * quoted;
    field->reserved = 0;
    return p;
}

static const char *take_members(struct json_index *index, struct walk *walk, const char *p)
{
    for (;;) {
        if (index->count == index->capacity && !grow(index))
            return refuse(walk, p, "no memory for the fields");
        p = take_member(index, walk, skip_space(p, walk->end), &index->fields[index->count]);
        if (!p)
            return NULL;
        index->count++;
        p = skip_space(p, walk->end);
        if (p < walk->end && *p == ',') {
            p++;
            continue;
        }
        if (p < walk->end && *p == '}')
            return p + 1;
        return refuse(walk, p,
                      p < walk->end ? "a comma or a closing brace was expected here" : "an object without its closing brace");
    }
}

static const char *take_object(struct json_index *index, struct walk *walk, const char *text)
{
    const char *p = skip_space(text, walk->end);
    if (p == walk->end || *p != '{')
        return refuse(walk, p, "an object was expected here");
    const char *inside = skip_space(p + 1, walk->end);
    p = inside < walk->end && *inside == '}' ? inside + 1 : take_members(index, walk, inside);
    if (!p)
        return NULL;
    p = skip_space(p, walk->end);
    return p == walk->end ? p : refuse(walk, p, "nothing more was expected behind the object");
}

/* ---- doubled names ----------------------------------------------------------------------------------------------- */

static bool same_name(const weir_field *a, const weir_field *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* By name, then by place. */
static int by_name(const void *left, const void *right)
{
    const weir_field *a = *(weir_field *const *)left, *b = *(weir_field *const *)right;
    size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, len);
    if (order)
        return order;
    if (a->name_len != b->name_len)
        return a->name_len < b->name_len ? -1 : 1;
    return a < b ? -1 : 1;
}

/* Marks all but the last of each name. Sorting is for objects of many members: a line of a megabyte must not take minutes. */
static int mark_doubles(struct json_index *index)
{
    weir_field **sorted = malloc(index->count * sizeof *sorted);
    if (!sorted)
        return -1;
    for (uint32_t i = 0; i < index->count; i++)
        sorted[i] = &index->fields[i];
    qsort(sorted, index->count, sizeof *sorted, by_name);
    for (uint32_t i = 0; i + 1 < index->count; i++)
        sorted[i]->reserved = same_name(sorted[i], sorted[i + 1]);
    free(sorted);
    return 0;
}

static int remove_doubles(struct json_index *index)
{
    if (index->count > 16) {
        if (mark_doubles(index) != 0)
            return -1;
    } else {
        for (uint32_t i = 0; i < index->count; i++)
            for (uint32_t j = i + 1; j < index->count && !index->fields[i].reserved; j++)
                index->fields[i].reserved = same_name(&index->fields[i], &index->fields[j]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < index->count; i++)
        if (!index->fields[i].reserved)
            index->fields[kept++] = index->fields[i];
    index->count = kept;
    return 0;
}

/* False means that no name stands twice; true, that one may. A set of 64 bits is right often enough for a few names. */
static inline bool may_have_doubles(const struct json_index *index)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < index->count; i++) {
        const weir_field *field = &index->fields[i];
        /* An empty name lends its quotes. */
        unsigned first = (unsigned char)field->name[0], last = (unsigned char)*(field->name + field->name_len - 1);
        uint64_t bit = 1ull << ((first * 7 + last * 13 + field->name_len * 5) % 64);
        if (seen & bit)
            return true;
        seen |= bit;
    }
    return false;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

int json_index(struct json_index *index, const char *text, size_t len)
{
    struct walk walk = {.text = text, .end = text + len};
    index->count = 0;
    index->escaped_names = false;
    if (len > UINT32_MAX)
        refuse(&walk, text, "a line of more than 4 GiB");
    else if (take_object(index, &walk, text) && may_have_doubles(index) && remove_doubles(index) != 0)
        refuse(&walk, text, "no memory for the fields");
    if (!walk.error)
        return 0;
    index->error = walk.error;
    index->offset = (size_t)(walk.at - text);
    return -1;
}

void json_free(struct json_index *index)
{
    free(index->fields);
    *index = (struct json_index){0};
}
