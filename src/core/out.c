/* SPDX-License-Identifier: MIT */
/*
 * What a stage's function calls while it runs: putting items out, memory for them, failing. All of it happens on the strand's
 * thread, between two boundaries, in the strand's own store.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/strand.h"

#define ARENA_BLOCK ((size_t)60 << 10) /* with its header and padding it fits the smallest block */

void out_seal(struct weir_out *out)
{
    struct batch *batch = out->open;
    out->open = NULL;
    if (!batch)
        return;
    if (batch->count == 0) {
        batch_release(batch, NULL);
        return;
    }
    list_add(&out->full, batch);
}

void out_discard(struct weir_out *out)
{
    if (out->arena)
        block_drop(out->arena);
    out->arena = NULL;
}

/* What the next items may point into: the batch being worked on, and what was allocated just before this batch was opened. */
static bool hold_sources(struct weir_out *out, struct batch *batch)
{
    if (!out->type->slices)
        return true;
    if (out->source && !batch_hold_all(batch, out->source))
        return false;
    return !out->arena || batch_hold(batch, out->arena);
}

/* The batch to put the next item into; a new one if the last is full. NULL: no memory, or the stage has nothing to put out. */
static struct batch *open_batch(struct weir_out *out)
{
    struct env *env = out->strand->env;
    if (!out->type)
        return NULL;
    if (out->open && batch_full(out->open, env->batch_bytes))
        out_seal(out);
    if (out->open)
        return out->open;
    struct batch *batch = batch_new(&out->strand->store, out->type, env->batch_items);
    if (batch && !hold_sources(out, batch)) {
        batch_release(batch, NULL);
        return NULL;
    }
    return out->open = batch;
}

void *weir_emit_many(weir_out *out, size_t want, size_t *got)
{
    struct batch *batch = open_batch(out);
    if (!batch)
        return NULL;
    size_t room = batch->capacity - batch->count;
    *got = want < room ? want : room;
    void *item = batch_item(batch, batch->count);
    if (out->type->destroy) /* also of an item that a failing function has not filled */
        memset(item, 0, *got * out->type->size);
    batch->count += (uint32_t)*got;
    out->count += *got;
    return item;
}

void *weir_emit(weir_out *out)
{
    size_t got;
    return weir_emit_many(out, 1, &got);
}

size_t weir_room(const weir_out *out)
{
    const struct env *env = out->strand->env;
    if (!out->open)
        return out->full.first || !out->type ? 1 : env->batch_items;
    return batch_full(out->open, env->batch_bytes) ? 1 : out->open->capacity - out->open->count;
}

static bool arena_fits(const struct weir_block *arena, size_t size)
{
    return arena && arena->size - arena->used >= size;
}

void *weir_alloc(weir_out *out, size_t size)
{
    struct batch *batch = out->open ? out->open : open_batch(out); /* that of the latest item, also when it is full */
    size_t rounded = (size + 7) & ~(size_t)7;
    if (!batch || rounded < size)
        return NULL;
    if (!arena_fits(out->arena, rounded)) {
        struct weir_block *block = block_new(&out->strand->store, rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK);
        if (!block)
            return NULL;
        out_discard(out);
        out->arena = block;
    }
    if (!batch_hold(batch, out->arena))
        return NULL;
    void *memory = out->arena->data + out->arena->used;
    out->arena->used += rounded;
    batch->bytes += rounded;
    return memory;
}

void *out_copy(struct weir_out *out, const weir_type *type, const void *item)
{
    size_t got;
    void *to = weir_emit_many(out, 1, &got);
    if (!to)
        return NULL;
    if (!type->copy)
        memcpy(to, item, type->size);
    else if (type->copy(to, item, out) != 0) {
        out->open->count--;
        return NULL;
    }
    return to;
}

void out_rewind(struct weir_out *out, uint32_t count)
{
    struct batch *first = list_take(&out->full), *b;
    if (first) {
        out_seal(out);
        while ((b = list_take(&out->full))) {
            batch_destroy(b, 0, b->count);
            batch_release(b, NULL);
        }
        out->open = first;
    }
    if (out->open) {
        batch_destroy(out->open, count, out->open->count);
        out->open->count = count;
    }
    out->count = 0;
}

int weir_emit_bytes(weir_out *out, const void *data, size_t len)
{
    char *copy = weir_alloc(out, len);
    weir_bytes *item = copy ? weir_emit(out) : NULL;
    if (!item) {
        weir_fail_memory();
        return -1;
    }
    if (len)
        memcpy(copy, data, len);
    item->data = copy;
    item->len = len;
    return 0;
}

weir_block *weir_block_new(weir_out *out, size_t size)
{
    return block_new(&out->strand->store, size);
}

char *weir_block_data(weir_block *block)
{
    return block->data;
}

size_t weir_block_size(const weir_block *block)
{
    return block->size;
}

void weir_block_drop(weir_block *block)
{
    if (block)
        block_drop(block);
}

int weir_emit_slice(weir_out *out, weir_block *block, const char *data, size_t len)
{
    struct batch *batch = open_batch(out);
    if (!batch || !batch_hold(batch, block)) {
        weir_fail_memory();
        return -1;
    }
    weir_bytes *item = batch_item(batch, batch->count++);
    out->count++;
    item->data = (char *)(uintptr_t)data; /* the block is writable; the caller merely looked at it through const */
    item->len = len;
    batch->bytes += len;
    return 0;
}

weir_out *weir_out_port(weir_out *out, size_t port)
{
    return port < out->port_count ? &out->ports[port] : NULL;
}

size_t weir_in_port(void)
{
    const struct strand *s = plat_self()->strand;
    return s ? s->in_port : 0;
}

weir_verdict weir_fail(const char *format, ...)
{
    struct plat_self *self = plat_self();
    va_list args;
    va_start(args, format);
    vsnprintf(self->error, sizeof self->error, format, args);
    va_end(args);
    return WEIR_FAIL;
}

weir_verdict weir_fail_memory(void)
{
    return weir_fail("no memory");
}

void weir_fail_from(size_t delivered)
{
    struct strand *s = plat_self()->strand;
    if (s)
        s->fail_from = delivered;
}

void weir_finish(void)
{
    struct strand *s = plat_self()->strand;
    if (s)
        s->env->finish(s->env);
}

uint64_t weir_now_ns(void)
{
    return plat_now_ns();
}
