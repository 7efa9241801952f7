/* SPDX-License-Identifier: MIT */
/*
 * nearest.c - the name that was probably meant.
 *
 * The distance is that of Damerau and Levenshtein in its simple form: one byte more, less, other, or two neighbours swapped. A
 * name counts as near when no more than a third of it has to change, or one byte of a short one.
 */
#include "expr/nearest.h"

#include <string.h>

#define LENGTH_MAX 32

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][LENGTH_MAX + 1]; /* the row at hand and the two above it, in turn */
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], second[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t len = strlen(name);
    if (len > LENGTH_MAX || nearest->asked_len > LENGTH_MAX || nearest->asked_len == 0)
        return;
    unsigned steps = distance(nearest->asked, nearest->asked_len, name, len);
    unsigned limit = len < 4 ? 1 : (unsigned)(len + 2) / 3;
    if (steps <= limit && steps < len && (!nearest->best || steps < nearest->distance)) {
        nearest->best = name;
        nearest->distance = steps;
    }
}
