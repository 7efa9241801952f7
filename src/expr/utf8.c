/* SPDX-License-Identifier: MIT */
/* utf8.c - see utf8.h. */
#include "expr/utf8.h"

size_t utf8_decode(const char *text, size_t len, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t size = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (size == 0 || size > len)
        return 0;
    *c = size == 1 ? *p : *p & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        *c = *c << 6 | (p[i] & 0x3F);
    }
    return *c >= least[size] && *c <= 0x10FFFF && (*c < 0xD800 || *c > 0xDFFF) ? size : 0;
}

size_t utf8_span(const char *text, size_t len)
{
    uint32_t c;
    size_t at = 0;
    for (size_t size; at < len && (size = utf8_decode(text + at, len - at, &c)) > 0;)
        at += size;
    return at;
}
