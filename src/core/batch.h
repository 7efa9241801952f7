/* SPDX-License-Identifier: MIT */
/*
 * batch.h - items of one type side by side, and the blocks that their variable-size parts live in.
 *
 * A batch is held by one strand or channel at a time. A block is shared: each batch with slices in it holds one reference, and so
 * may the stage that fills it. Both come from a strand's store and go back to it from wherever they are released.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <weir/stage.h>

#include "core/store.h"

#define BATCH_BLOCKS 8 /* references that fit into the batch itself; a batch that needs more counts as full */

struct weir_block {
    struct parcel parcel;
    _Atomic uint32_t refs; /* the last release (acq_rel) sees all that the others did to the block */
    size_t size;           /* bytes of data */
    size_t used;           /* bump pointer of the strand that allocates from it */
    char data[];
};

struct batch {
    struct parcel parcel;
    struct batch *next; /* in a batch_list */
    const weir_type *type;
    uint32_t count;
    uint32_t capacity;
    bool turn;            /* the last of its turn, see ports.h */
    uint32_t entry;       /* while it waits inside a program: the stage that it goes into next */
    uint32_t at, attempt; /* while it waits: the stage has had the items in front of `at`, and is to try that again, the */
    uint64_t due_ns;      /* attempt-th time, when it is due; or attempt is 0 */
    size_t bytes;         /* of variable-size data allocated or sliced for it; decides when it is full */
    struct weir_block **blocks; /* `few`, or an array from plat_alloc when there are more than BATCH_BLOCKS */
    uint32_t block_count;
    uint32_t block_capacity;
    struct weir_block *few[BATCH_BLOCKS];
    _Alignas(64) char items[];
};

/* Batches in a row, oldest first; zero is empty. */
struct batch_list {
    struct batch *first, *last;
};

void list_add(struct batch_list *list, struct batch *batch);
struct batch *list_take(struct batch_list *list);                   /* the first, or NULL */
void list_join(struct batch_list *list, struct batch_list *behind); /* moves all of `behind` to the end */

struct batch *batch_new(struct store *store, const weir_type *type, uint32_t items_max); /* NULL: no memory */

/* Lets go of the blocks and returns the memory, through `returns` if it is not NULL; the items must have been destroyed or moved. */
void batch_release(struct batch *batch, struct returns *returns);

/* Destroys the items [from, to) if their type wants that. */
void batch_destroy(struct batch *batch, uint32_t from, uint32_t to);

/* Makes the batch hold a reference to the block, once. False: no memory. */
bool batch_hold(struct batch *batch, struct weir_block *block);
bool batch_hold_all(struct batch *batch, const struct batch *from);

/* Moves all of `from`'s items behind `to`'s if they fit, with the blocks, and releases `from`. False: nothing changed. */
bool batch_append(struct batch *to, struct batch *from);

static inline void *batch_item(struct batch *batch, uint32_t i)
{
    return batch->items + (size_t)i * batch->type->size;
}

static inline bool batch_full(const struct batch *batch, size_t bytes_max)
{
    return batch->count == batch->capacity || batch->bytes >= bytes_max || batch->block_count >= BATCH_BLOCKS;
}

struct weir_block *block_new(struct store *store, size_t size); /* one reference; NULL: no memory */
void block_share(struct weir_block *block);
void block_drop(struct weir_block *block);

#endif
