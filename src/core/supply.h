/* SPDX-License-Identifier: MIT */
/*
 * supply.h - what layout.c builds with. Under the pipeline's turn.
 */
#ifndef CORE_SUPPLY_H
#define CORE_SUPPLY_H

#include "core/layout.h"

struct strand *supply_take_strand(struct supply *supply);   /* NULL: no memory */
struct channel *supply_take_channel(struct supply *supply); /* NULL: no memory */

/* Room for a change between layouts of so many strands, stages and links in all, old and new. NULL: no memory. */
struct edit_record *record_new(size_t strands, size_t stages, size_t links);
void record_free(struct edit_record *record); /* only its own memory */

#endif
