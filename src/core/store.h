/* SPDX-License-Identifier: MIT */
/*
 * store.h - where a strand's batches and blocks come from, and where they come back to.
 *
 * A parcel is a piece of memory that travels: made by one strand, released by another, perhaps on another thread. Each knows the
 * shelf that it came from. The shelf's own strand takes from a private list; anyone returns by pushing onto an atomic list, which
 * the owner takes over whole when its private list is empty. Taking the whole list at once is what makes the push free of the
 * ABA problem. At steady state no parcel is ever allocated.
 *
 * A store lives as long as its pipeline: a strand that has ended leaves its store behind for the next strand that uses the place.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/atomic.h"

struct shelf;

struct parcel {
    struct parcel *next; /* on a shelf, or in a list of batches; whoever holds the parcel */
    struct shelf *home;  /* NULL: not kept, freed when released */
};

struct shelf {
    struct shelf *next;
    size_t size;
    struct parcel *kept;                            /* its strand only */
    _Alignas(64) _Atomic(struct parcel *) returned; /* pushed by anyone (release), taken whole by its strand (acquire) */
};

/* Parcels of one shelf that a strand has released and not given back yet: so many at a time cost one exchange with the owner. */
#define RETURNS_MAX 8

struct returns {
    struct shelf *home;
    struct parcel *first, *last;
    unsigned count;
};

struct store {
    struct shelf *shelves; /* its strand only; few, so a list */
};

/* A parcel of `size` bytes, its contents beyond the header as the last holder left them (zero when new). NULL: no memory. */
struct parcel *store_take(struct store *store, size_t size);

/* Releases a parcel to its shelf. Any thread. */
void parcel_return(struct parcel *parcel);

/* The same through a strand's own list. What is in it must be given back before the strand rests. */
void returns_add(struct returns *returns, struct parcel *parcel);
void returns_give(struct returns *returns);

/* Frees everything. All parcels must have come back: returns how many bytes that gave, so that a test can compare. */
size_t store_free(struct store *store);

#endif
