/* SPDX-License-Identifier: MIT */
/*
 * engine.h - what a stage's functions call, without an engine behind it.
 *
 * For targets that drive one stage, or the parser in it, by hand. It defines the functions of weir/stage.h anew, and the linker
 * takes these for the library's. No threads; each item and each piece of memory is allocated by itself and of exactly the size
 * that was asked for, without the padding that the engine gives.
 */
#ifndef FUZZ_ENGINE_H
#define FUZZ_ENGINE_H

#include <weir/stage.h>

struct weir_out {
    const weir_type *type; /* of the items */
    size_t room;           /* what weir_room() says */
    void **items;          /* put out so far */
    size_t count, items_room;
    void **memory; /* what else hangs on them: from malloc(), and blocks */
    size_t memory_count, memory_room;
    weir_block **blocks;
    size_t blocks_count, blocks_room;
};

/* Start with zeros and a type. Releases the items and what they point to; the type stays. */
void out_reset(struct weir_out *out);

/* What the stage said. */
extern char engine_error[1024]; /* by weir_fail(); "" at first */
extern size_t engine_delivered; /* by weir_fail_from() */
extern bool engine_finished;    /* by weir_finish() */

#endif
