/* SPDX-License-Identifier: MIT */
/* engine.c - the functions of weir/stage.h that touch the engine, in the simplest way that keeps their word. */
#include "fuzz/engine.h"

#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char engine_error[1024];
size_t engine_delivered;
bool engine_finished;

struct weir_block {
    size_t references, size;
    char *data;
};

/* Adds a pointer to a growing array. */
static void keep(void ***list, size_t *count, size_t *room, void *pointer)
{
    REQUIRE(pointer, "no memory");
    if (*count == *room) {
        *room = *room ? *room * 2 : 8;
        *list = realloc(*list, *room * sizeof **list);
        REQUIRE(*list, "no memory");
    }
    (*list)[(*count)++] = pointer;
}

void out_reset(struct weir_out *out)
{
    for (size_t i = 0; i < out->count; i++)
        free(out->items[i]);
    for (size_t i = 0; i < out->memory_count; i++)
        free(out->memory[i]);
    for (size_t i = 0; i < out->blocks_count; i++)
        weir_block_drop(out->blocks[i]);
    free(out->items);
    free(out->memory);
    free(out->blocks);
    *out = (struct weir_out){.type = out->type, .room = out->room};
}

void *weir_emit(weir_out *out)
{
    REQUIRE(out->type && out->type->size, "something is put out by a stage that puts out nothing");
    keep(&out->items, &out->count, &out->items_room, malloc(out->type->size));
    return out->items[out->count - 1];
}

void *weir_emit_many(weir_out *out, size_t want, size_t *got)
{
    REQUIRE(want > 0, "no item is asked for");
    *got = 1;
    return weir_emit(out);
}

size_t weir_room(const weir_out *out)
{
    return out->room ? out->room : 1;
}

void *weir_alloc(weir_out *out, size_t size)
{
    keep(&out->memory, &out->memory_count, &out->memory_room, malloc(size));
    return out->memory[out->memory_count - 1];
}

int weir_emit_bytes(weir_out *out, const void *data, size_t len)
{
    char *copy = weir_alloc(out, len);
    if (len)
        memcpy(copy, data, len);
    *(weir_bytes *)weir_emit(out) = (weir_bytes){copy, len};
    return 0;
}

weir_block *weir_block_new(weir_out *out, size_t size)
{
    (void)out;
    weir_block *block = malloc(sizeof *block);
    REQUIRE(block && (block->data = malloc(size)), "no memory");
    block->references = 1;
    block->size = size;
    return block;
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
    if (!block || --block->references)
        return;
    free(block->data);
    free(block);
}

int weir_emit_slice(weir_out *out, weir_block *block, const char *data, size_t len)
{
    REQUIRE(data >= block->data && data + len <= block->data + block->size, "a slice that lies outside its block");
    block->references++;
    keep((void ***)&out->blocks, &out->blocks_count, &out->blocks_room, block);
    *(weir_bytes *)weir_emit(out) = (weir_bytes){(char *)(uintptr_t)data, len};
    return 0;
}

weir_verdict weir_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(engine_error, sizeof engine_error, format, args);
    va_end(args);
    return WEIR_FAIL;
}

weir_verdict weir_fail_memory(void)
{
    return weir_fail("no memory");
}

void weir_fail_from(size_t delivered)
{
    engine_delivered = delivered;
}

void weir_finish(void)
{
    engine_finished = true;
}

/* Time passes with each look at the clock, the same in each run. */
uint64_t weir_now_ns(void)
{
    static uint64_t now_ns;
    return now_ns += 1000000;
}
