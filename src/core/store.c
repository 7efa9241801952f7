/* SPDX-License-Identifier: MIT */
/*
 * Shelves of parcels. The invariant: a parcel is either on exactly one shelf, in one of its two lists, or held by exactly one
 * strand or channel. Memory goes back to the system only when the pipeline is freed.
 */
#include "core/store.h"

static struct shelf *shelf_of(struct store *store, size_t size)
{
    for (struct shelf *shelf = store->shelves; shelf; shelf = shelf->next)
        if (shelf->size == size)
            return shelf;
    struct shelf *shelf = plat_alloc_lines(sizeof *shelf);
    if (!shelf)
        return NULL;
    shelf->size = size;
    shelf->next = store->shelves;
    store->shelves = shelf;
    return shelf;
}

struct parcel *store_take(struct store *store, size_t size)
{
    struct shelf *shelf = shelf_of(store, size);
    if (!shelf)
        return NULL;
    if (!shelf->kept && at_relaxed(&shelf->returned))
        shelf->kept = atomic_exchange_explicit(&shelf->returned, NULL, memory_order_acquire); /* pairs with parcel_return */
    struct parcel *parcel = shelf->kept;
    if (parcel) {
        shelf->kept = parcel->next;
        parcel->next = NULL;
        return parcel;
    }
    parcel = plat_alloc_lines(size);
    if (parcel)
        parcel->home = shelf;
    return parcel;
}

static void push(struct shelf *shelf, struct parcel *first, struct parcel *last)
{
    struct parcel *top = at_relaxed(&shelf->returned);
    do
        last->next = top;
    while (!atomic_compare_exchange_weak_explicit(&shelf->returned, &top, first, memory_order_release, memory_order_relaxed));
}

void parcel_return(struct parcel *parcel)
{
    if (parcel->home)
        push(parcel->home, parcel, parcel);
    else
        plat_free(parcel);
}

void returns_give(struct returns *returns)
{
    if (returns->count)
        push(returns->home, returns->first, returns->last);
    *returns = (struct returns){0};
}

void returns_add(struct returns *returns, struct parcel *parcel)
{
    if (!parcel->home || (returns->count && returns->home != parcel->home)) {
        parcel_return(parcel);
        return;
    }
    parcel->next = returns->first;
    returns->first = parcel;
    if (!returns->last)
        returns->last = parcel;
    returns->home = parcel->home;
    if (++returns->count == RETURNS_MAX)
        returns_give(returns);
}

static size_t free_list(struct parcel *parcel, size_t size)
{
    size_t bytes = 0;
    while (parcel) {
        struct parcel *next = parcel->next;
        plat_free(parcel);
        parcel = next;
        bytes += size;
    }
    return bytes;
}

size_t store_free(struct store *store)
{
    size_t bytes = 0;
    while (store->shelves) {
        struct shelf *shelf = store->shelves;
        store->shelves = shelf->next;
        bytes += free_list(shelf->kept, shelf->size);
        bytes += free_list(at_relaxed(&shelf->returned), shelf->size);
        plat_free(shelf);
    }
    return bytes;
}
