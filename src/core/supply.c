/* SPDX-License-Identifier: MIT */
/*
 * Strands and channels for use and reuse, and the records that use them.
 */
#include "core/supply.h"

struct strand *supply_take_strand(struct supply *supply)
{
    struct strand *s = supply->free_strands;
    if (s) {
        supply->free_strands = s->pool_next;
        return s;
    }
    s = plat_alloc_lines(sizeof *s);
    if (!s || strand_init(s, supply->env, supply->strand_count + 1)) {
        plat_free(s);
        return NULL;
    }
    supply->strand_count++;
    s->all_next = at_relaxed(&supply->all);
    at_release(&supply->all, s); /* pairs with the walkers' acquire: they see a strand that is set up */
    return s;
}

void supply_give_strand(struct supply *supply, struct strand *s)
{
    strand_reset(s);
    s->pool_next = supply->free_strands;
    supply->free_strands = s;
}

struct channel *supply_take_channel(struct supply *supply)
{
    struct channel *ch = supply->free_channels;
    if (!ch)
        return channel_new(supply->env->queue_batches);
    supply->free_channels = ch->pool_next;
    return ch;
}

void supply_give_channel(struct supply *supply, struct channel *ch)
{
    ch->pool_next = supply->free_channels;
    supply->free_channels = ch;
}

void supply_free(struct supply *supply)
{
    while (supply->free_channels) {
        struct channel *ch = supply->free_channels;
        supply->free_channels = ch->pool_next;
        channel_free(ch);
    }
    struct strand *s = at_acquire(&supply->all);
    while (s) {
        struct strand *next = s->all_next;
        strand_destroy(s);
        plat_free(s);
        s = next;
    }
}

/* ---- records ------------------------------------------------------------------------------------------------------------- */

void record_free(struct edit_record *r)
{
    layout_free(&r->layout);
    plat_free(r);
}

/* Takes an array from the record's block. */
static void *carve(char **at, size_t count, size_t size)
{
    void *array = *at;
    *at += count * size;
    return array;
}

/* One block for all but the layout, which outlives the record: an edit's price is mostly that of memory. */
struct edit_record *record_new(size_t strands, size_t stages, size_t links)
{
    strands++;
    stages++;
    links++;
    size_t pointers = 4 * strands + stages + 2 * links, changes = strands + links;
    struct edit_record *r =
        plat_alloc(sizeof *r + changes * sizeof *r->changes + 2 * stages * sizeof(struct leaver) + pointers * sizeof(void *));
    struct seat *seats = r ? plat_alloc(strands * sizeof *seats + 2 * links * sizeof(struct channel *)) : NULL;
    if (!seats) {
        plat_free(r);
        return NULL;
    }
    r->layout.seats = seats;
    r->layout.channels = (struct channel **)(seats + strands);
    char *at = (char *)(r + 1);
    r->changes = carve(&at, changes, sizeof *r->changes);
    r->gate.starts = carve(&at, strands, sizeof(struct strand *));
    r->retired = carve(&at, strands, sizeof(struct strand *));
    r->fresh = carve(&at, strands, sizeof(struct strand *));
    r->starting = carve(&at, strands, sizeof(struct strand *));
    r->gate.owners = carve(&at, stages, sizeof(struct leaver));
    r->leaving = carve(&at, stages, sizeof(struct leaver));
    r->flushing = carve(&at, stages, sizeof(struct instance *));
    r->channels = carve(&at, links, sizeof(struct channel *));
    r->cut = carve(&at, links, sizeof(struct channel *));
    return r;
}

void record_discard(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->channel_count; i++)
        supply_give_channel(supply, r->channels[i]);
    for (size_t i = 0; i < r->fresh_count; i++) {
        plat_free(r->fresh[i]->program);
        ports_free(r->fresh[i]->ports);
        supply_give_strand(supply, r->fresh[i]);
    }
    for (size_t i = 0; i < r->change_count; i++) {
        plat_free(r->changes[i].program);
        ports_free(r->changes[i].ports);
    }
    record_free(r);
}

void record_reap(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->change_count; i++) {
        plat_free(r->changes[i].program); /* the old one, since the strand has exchanged them */
        ports_free(r->changes[i].ports);
    }
    for (size_t i = 0; i < r->cut_count; i++)
        supply_give_channel(supply, r->cut[i]);
    for (size_t i = 0; i < r->retired_count; i++) {
        plat_free(r->retired[i]->program);
        ports_free(r->retired[i]->ports);
        supply_give_strand(supply, r->retired[i]);
    }
    record_free(r);
}

void layout_free(struct layout *layout)
{
    plat_free(layout->seats); /* and the channels behind them */
    *layout = (struct layout){0};
}
