/* SPDX-License-Identifier: MIT */
/*
 * nearest.h - "did you mean ...?"
 *
 * Offer all names that would have been right; `best` is then the one that was probably meant, or NULL.
 */
#ifndef EXPR_NEAREST_H
#define EXPR_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *asked; /* set this, the rest zero */
    size_t asked_len;
    const char *best; /* lent from the offers */
    unsigned distance;
};

void nearest_offer(struct nearest *nearest, const char *name);

#endif
