/* SPDX-License-Identifier: MIT */
/*
 * Batches and blocks. Invariant: a block is returned by whoever drops its last reference, and by nobody else; a batch's list of
 * blocks has no block twice, so that a batch costs one count up and one down for each block, whatever its number of items.
 */
#include "core/batch.h"

#include <string.h>

#define BLOCK_SIZE_MIN  ((size_t)64 << 10)
#define BLOCK_SIZE_KEPT ((size_t)1 << 20) /* larger ones go back to the system at once: they are rare and would stay for ever */

static uint32_t capacity_for(size_t item_size, uint32_t items_max)
{
    size_t fitting = ((size_t)64 << 10) / (item_size ? item_size : 1);
    return fitting < 1 ? 1 : fitting < items_max ? (uint32_t)fitting : items_max;
}

struct batch *batch_new(struct store *store, const weir_type *type, uint32_t items_max)
{
    uint32_t capacity = capacity_for(type->size, items_max);
    struct batch *batch = (void *)store_take(store, sizeof *batch + capacity * type->size); /* aligned to 64 */
    if (!batch)
        return NULL;
    batch->type = type;
    batch->capacity = capacity;
    batch->count = 0;
    batch->turn = false;
    batch->at = batch->attempt = 0;
    batch->bytes = 0;
    batch->blocks = batch->few;
    batch->block_count = 0;
    batch->block_capacity = BATCH_BLOCKS;
    return batch;
}

void batch_release(struct batch *batch, struct returns *returns)
{
    for (uint32_t i = 0; i < batch->block_count; i++)
        block_drop(batch->blocks[i]);
    if (batch->blocks != batch->few)
        plat_free(batch->blocks);
    if (returns)
        returns_add(returns, &batch->parcel);
    else
        parcel_return(&batch->parcel);
}

void batch_destroy(struct batch *batch, uint32_t from, uint32_t to)
{
    if (batch->type->destroy)
        for (uint32_t i = from; i < to; i++)
            batch->type->destroy(batch_item(batch, i));
}

void list_add(struct batch_list *list, struct batch *batch)
{
    batch->next = NULL;
    if (list->last)
        list->last->next = batch;
    else
        list->first = batch;
    list->last = batch;
}

struct batch *list_take(struct batch_list *list)
{
    struct batch *batch = list->first;
    if (!batch)
        return NULL;
    list->first = batch->next;
    if (!list->first)
        list->last = NULL;
    return batch;
}

void list_join(struct batch_list *list, struct batch_list *behind)
{
    if (!behind->first)
        return;
    if (list->last)
        list->last->next = behind->first;
    else
        list->first = behind->first;
    list->last = behind->last;
    *behind = (struct batch_list){0};
}

static bool grow_blocks(struct batch *batch)
{
    uint32_t capacity = batch->block_capacity * 2;
    struct weir_block **blocks = plat_alloc(capacity * sizeof *blocks);
    if (!blocks)
        return false;
    memcpy(blocks, batch->blocks, batch->block_count * sizeof *blocks);
    if (batch->blocks != batch->few)
        plat_free(batch->blocks);
    batch->blocks = blocks;
    batch->block_capacity = capacity;
    return true;
}

bool batch_hold(struct batch *batch, struct weir_block *block)
{
    for (uint32_t i = batch->block_count; i-- > 0;)
        if (batch->blocks[i] == block)
            return true;
    if (batch->block_count == batch->block_capacity && !grow_blocks(batch))
        return false;
    block_share(block);
    batch->blocks[batch->block_count++] = block;
    return true;
}

bool batch_hold_all(struct batch *batch, const struct batch *from)
{
    for (uint32_t i = 0; i < from->block_count; i++)
        if (!batch_hold(batch, from->blocks[i]))
            return false;
    return true;
}

bool batch_append(struct batch *to, struct batch *from)
{
    if (to->type != from->type || to->count + from->count > to->capacity)
        return false;
    if (to->block_count + from->block_count > BATCH_BLOCKS || !batch_hold_all(to, from))
        return false;
    memcpy(batch_item(to, to->count), from->items, from->count * from->type->size);
    to->count += from->count;
    to->bytes += from->bytes;
    batch_release(from, NULL);
    return true;
}

struct weir_block *block_new(struct store *store, size_t size)
{
    size_t total = BLOCK_SIZE_MIN;
    if (size > SIZE_MAX / 2 - sizeof(struct weir_block) - WEIR_PADDING)
        return NULL;
    while (total - sizeof(struct weir_block) - WEIR_PADDING < size)
        total *= 2;
    struct weir_block *block = total <= BLOCK_SIZE_KEPT ? (void *)store_take(store, total) : plat_alloc_lines(total);
    if (!block)
        return NULL;
    atomic_store_explicit(&block->refs, 1, memory_order_relaxed); /* not shared yet */
    block->size = total - sizeof *block - WEIR_PADDING;
    block->used = 0;
    return block;
}

void block_share(struct weir_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed); /* we hold one, so it cannot go away */
}

void block_drop(struct weir_block *block)
{
    if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1) /* pairs with the other holders' drops */
        parcel_return(&block->parcel);
}
