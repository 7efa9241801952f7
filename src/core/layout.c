/* SPDX-License-Identifier: MIT */
/*
 * From one layout to the next. The work has three steps, each a function below: group the new path's stages into strands, keeping
 * the old ones where stages stay; find the region, from the first strand that differs to the last; and write each old strand's
 * change. In a linear pipeline every way into the region goes through one strand, its entry.
 *
 * Two choices are made here once. Strands that an edit has split stay two (joining them would make the first wait until the
 * second has run dry). And the fresh strand that takes over the back part of a split one is started by the split one, at its cut, so
 * that a stage's owner is never in doubt.
 */
#include "core/layout.h"

#include <string.h>

#define NOT_OLD SIZE_MAX

/* Stages path[from..to) as one strand. */
struct group {
    size_t old;   /* the seat that goes on with it, or NOT_OLD: a fresh strand */
    size_t moved; /* the seat that stages of a fresh strand come from, or NOT_OLD: all its stages are new */
    size_t from, to;
    bool same; /* as the old seat's program */
    struct seat seat;
};

/* All that the steps share. */
struct draft {
    struct supply *supply;
    const struct layout *old;
    struct instance **path;
    size_t n;
    size_t prefix, suffix; /* stages in common at the front and at the back */
    size_t old_stages;
    struct group *groups;
    size_t group_count;
    size_t old_from, old_to;            /* the region: links old_from -> ... -> old_to are cut */
    size_t new_from, new_to;            /* links new_from -> ... -> new_to get new channels */
    size_t leaving, flushing, starting; /* how much of the record's lists is used */
    struct edit_record *record;
};

/* ---- supply -------------------------------------------------------------------------------------------------------------- */

static struct strand *take_strand(struct supply *supply)
{
    struct strand *s = supply->free_strands;
    if (s) {
        supply->free_strands = s->pool_next;
        return s;
    }
    s = plat_alloc(sizeof *s);
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

static struct channel *take_channel(struct supply *supply)
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

/* ---- step 1: grouping ---------------------------------------------------------------------------------------------------- */

static size_t count_stages(const struct layout *layout)
{
    size_t count = 0;
    for (size_t i = 0; i < layout->count; i++)
        count += layout->seats[i].program->count;
    return count;
}

static struct instance *old_stage(const struct layout *layout, size_t index)
{
    size_t i = 0;
    while (index >= layout->seats[i].program->count)
        index -= layout->seats[i++].program->count;
    return layout->seats[i].program->stages[index];
}

static void find_common(struct draft *d)
{
    size_t shorter = d->old_stages < d->n ? d->old_stages : d->n;
    while (d->prefix < shorter && old_stage(d->old, d->prefix) == d->path[d->prefix])
        d->prefix++;
    while (d->suffix < shorter - d->prefix && old_stage(d->old, d->old_stages - 1 - d->suffix) == d->path[d->n - 1 - d->suffix])
        d->suffix++;
}

/* The seat that runs the stage, or NOT_OLD. */
static size_t seat_of(const struct layout *layout, const struct instance *in)
{
    for (size_t i = 0; i < layout->count; i++)
        for (size_t j = 0; j < layout->seats[i].program->count; j++)
            if (layout->seats[i].program->stages[j] == in)
                return i;
    return NOT_OLD;
}

static struct group *last_group(struct draft *d)
{
    return d->group_count ? &d->groups[d->group_count - 1] : NULL;
}

static struct group *group_of_old(struct draft *d, size_t old)
{
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].old == old)
            return &d->groups[i];
    return NULL;
}

/* Whether stage i may run in the strand of the stages in front of it. */
static bool joins(struct draft *d, size_t i)
{
    return d->group_count && !instance_alone(d->path[i]) && !instance_alone(d->path[i - 1]);
}

static void add_group(struct draft *d, size_t old, size_t moved, size_t i)
{
    d->groups[d->group_count++] = (struct group){.old = old, .moved = moved, .from = i, .to = i + 1};
}

static void place_new(struct draft *d, size_t i)
{
    if (joins(d, i))
        last_group(d)->to = i + 1;
    else
        add_group(d, NOT_OLD, NOT_OLD, i);
}

/* A stage that stays, stays in its strand; unless something that needs a strand came between it and the stages in front of it:
 * then the strand is split, and its back part moves into a fresh one. */
static void place_old(struct draft *d, size_t i, size_t old)
{
    struct group *g = last_group(d);
    bool fresh_in_front = g && g->old == NOT_OLD && joins(d, i);
    if (g && g->old == old) {
        g->to = i + 1;
    } else if (group_of_old(d, old)) {
        if (fresh_in_front && (g->moved == NOT_OLD || g->moved == old)) {
            g->moved = old;
            g->to = i + 1;
        } else {
            add_group(d, NOT_OLD, old, i);
        }
    } else if (fresh_in_front && g->moved == NOT_OLD) {
        g->old = old; /* the new stages in front run in the old strand */
        g->to = i + 1;
    } else {
        add_group(d, old, NOT_OLD, i);
    }
}

static void group_stages(struct draft *d)
{
    for (size_t i = 0; i < d->n; i++) {
        size_t old = seat_of(d->old, d->path[i]);
        if (old == NOT_OLD)
            place_new(d, i);
        else
            place_old(d, i, old);
    }
}

static size_t place_in(const struct layout *layout, const struct instance *in)
{
    size_t place = 0;
    for (size_t i = 0; i < layout->count; i++)
        for (size_t j = 0; j < layout->seats[i].program->count; j++, place++)
            if (layout->seats[i].program->stages[j] == in)
                return place;
    return NOT_OLD;
}

const struct instance *layout_moved(const struct layout *old, struct instance **path, size_t n)
{
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        size_t place = place_in(old, path[i]);
        if (place == NOT_OLD)
            continue;
        if (place < last)
            return path[i];
        last = place;
    }
    return NULL;
}

static bool same_program(const struct draft *d, const struct group *g)
{
    if (g->old == NOT_OLD)
        return false;
    const struct program *program = d->old->seats[g->old].program;
    return program->count == g->to - g->from &&
           memcmp(program->stages, d->path + g->from, program->count * sizeof(struct instance *)) == 0;
}

/* ---- step 2: the region -------------------------------------------------------------------------------------------------- */

/* Sets the links to cut and to make. False: nothing that runs is concerned. */
static bool find_region(struct draft *d)
{
    size_t olds = d->old->count, news = d->group_count, front = 0, back = 0;
    while (front < olds && front < news && d->groups[front].same && d->groups[front].old == front)
        front++;
    while (back < olds - front && back < news - front && d->groups[news - 1 - back].same &&
           d->groups[news - 1 - back].old == olds - 1 - back)
        back++;
    if (olds == 0 || (front == olds && front == news))
        return false;
    size_t old_count = olds - front - back, new_count = news - front - back;
    /* What waits ahead of an earlier edit's cut has met that edit's old side already and must not meet this one's new side. */
    bool cut_ahead = front < olds && at_load(&d->old->seats[front].strand->cuts_pending) > 0;
    bool starts_in_place = old_count && new_count && d->groups[front].old == front && !(cut_ahead && front > 0);
    bool ends_in_place = old_count && new_count && d->groups[news - back - 1].old == olds - back - 1;
    size_t step = !starts_in_place && front > 0 ? 1 : 0; /* then the entry is the strand in front, whose program stays */
    d->old_from = d->new_from = front - step;
    d->old_to = ends_in_place || back == 0 ? olds - back - 1 : olds - back;
    d->new_to = ends_in_place || back == 0 ? news - back - 1 : news - back;
    return true;
}

/* ---- step 3: strands, channels, changes ---------------------------------------------------------------------------------- */

static struct program *make_program(struct instance **stages, size_t count)
{
    struct program *program = plat_alloc(sizeof *program + count * sizeof *stages);
    if (!program)
        return NULL;
    program->count = count;
    memcpy(program->stages, stages, count * sizeof *stages);
    return program;
}

static bool fill_seat(struct draft *d, struct group *g)
{
    struct edit_record *r = d->record;
    if (g->old != NOT_OLD) {
        g->seat = d->old->seats[g->old];
        if (g == d->groups)
            g->seat.in = NULL;
        if (g == last_group(d))
            g->seat.out = NULL;
        return g->same || (g->seat.program = make_program(d->path + g->from, g->to - g->from));
    }
    struct strand *s = take_strand(d->supply);
    if (!s)
        return false;
    r->fresh[r->fresh_count++] = s;
    g->seat.strand = s;
    g->seat.program = s->program = make_program(d->path + g->from, g->to - g->from);
    s->blocking = d->path[g->from]->def.blocking;
    return s->program != NULL;
}

static bool link_seats(struct draft *d, size_t from, size_t to)
{
    struct edit_record *r = d->record;
    uint32_t all = d->supply->env->queue_batches, limit = d->old->count && all > 2 ? 2 : all;
    for (size_t i = from; i < to; i++) {
        struct channel *ch = take_channel(d->supply);
        if (!ch)
            return false;
        r->channels[r->channel_count++] = ch;
        struct seat *a = &d->groups[i].seat, *b = &d->groups[i + 1].seat;
        channel_reset(ch, a->strand, b->strand, limit);
        a->out = b->in = ch;
    }
    return true;
}

static void wire_fresh(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        if (g->old == NOT_OLD) {
            g->seat.strand->in = g->seat.in;
            g->seat.strand->out = g->seat.out;
        }
    }
}

/* Whether the stage stays, and the edit changes something both in front of it and behind it. */
static bool between(const struct draft *d, const struct instance *in)
{
    for (size_t i = d->prefix; i < d->n - d->suffix; i++)
        if (d->path[i] == in)
            return true;
    return false;
}

/* Which of the strand's stages have no place any more, as the edit has marked them; and which must not hold an item across the
 * cut: those, and the ones between two changed places, through which it would get from the old to the new. */
static void write_leaving(struct draft *d, const struct program *program, struct change *c)
{
    c->flush = d->record->flushing + d->flushing;
    c->leave = d->record->leaving + d->leaving;
    for (size_t i = 0; i < program->count; i++) {
        struct instance *in = program->stages[i];
        bool leaves = in->fate != FATE_STAY;
        if (leaves)
            c->leave[c->leave_count++] = in;
        if (in->def.flush && (leaves || between(d, in)))
            c->flush[c->flush_count++] = in;
        c->user_code |= leaves && in->def.close;
    }
    c->user_code |= c->flush_count > 0;
    d->flushing += c->flush_count;
    d->leaving += c->leave_count;
}

static void write_change(struct draft *d, size_t old, struct change *c)
{
    const struct seat *before = &d->old->seats[old];
    struct group *g = group_of_old(d, old);
    c->record = d->record;
    c->strand = before->strand;
    c->by_cut = old != d->old_from;
    c->cut_out = old < d->old_to;
    write_leaving(d, before->program, c);
    if (!g) {
        c->retire = true;
        d->record->retired[d->record->retired_count++] = before->strand;
    } else {
        c->program = g->same ? NULL : g->seat.program;
        c->in = g->seat.in != before->in ? g->seat.in : NULL;
        c->out = g->seat.out != before->out ? g->seat.out : NULL;
    }
    c->weighs = c->by_cut && (c->program || c->cut_out || c->retire);
    if (c->by_cut)
        before->in->change = c;
}

/* Where the cut is counted: at the link in front of the first stage that the edit changes. */
static void set_mark(struct draft *d, struct change *entry)
{
    const struct program *program = d->old->seats[d->old_from].program;
    struct instance *front = d->prefix ? d->path[d->prefix - 1] : program->stages[0];
    for (size_t i = 0; i < program->count; i++)
        entry->mark_put |= program->stages[i] == front;
    entry->mark = entry->mark_put ? front : program->stages[0];
    entry->after = d->prefix < d->n ? d->path[d->prefix] : NULL;
}

/* Who starts a fresh strand: the one that its stages come from, which has them until it has made its part; else the entry. */
static void write_starts(struct draft *d, size_t old, struct change *c)
{
    c->starts = d->record->starting + d->starting;
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        size_t starter = g->moved == NOT_OLD ? d->old_from : g->moved;
        if (g->old == NOT_OLD && starter == old)
            c->starts[c->start_count++] = g->seat.strand;
    }
    d->starting += c->start_count;
}

static void write_changes(struct draft *d)
{
    struct edit_record *r = d->record;
    for (size_t old = d->old_from; old <= d->old_to; old++) {
        write_change(d, old, &r->changes[r->change_count]);
        write_starts(d, old, &r->changes[r->change_count++]);
    }
    r->entry = d->old->seats[d->old_from].strand;
    atomic_store_explicit(&r->remaining, r->change_count + 1, memory_order_relaxed); /* posting publishes it */
    set_mark(d, &r->changes[0]);
}

static void free_record(struct edit_record *r)
{
    plat_free(r->changes);
    plat_free(r->retired);
    plat_free(r->leaving);
    plat_free(r->flushing);
    plat_free(r->fresh);
    plat_free(r->starting);
    plat_free(r->channels);
    plat_free(r->layout.seats);
    plat_free(r);
}

static struct edit_record *record_new(size_t olds, size_t old_stages, size_t news)
{
    struct edit_record *r = plat_alloc(sizeof *r);
    if (!r)
        return NULL;
    r->changes = plat_alloc((olds + 1) * sizeof *r->changes);
    r->retired = plat_alloc((olds + 1) * sizeof *r->retired);
    r->leaving = plat_alloc((old_stages + 1) * sizeof(struct instance *));
    r->flushing = plat_alloc((old_stages + 1) * sizeof(struct instance *));
    r->fresh = plat_alloc((news + 1) * sizeof *r->fresh);
    r->starting = plat_alloc((news + 1) * sizeof *r->starting);
    r->channels = plat_alloc((news + 1) * sizeof *r->channels);
    r->layout.seats = plat_alloc((news + 1) * sizeof *r->layout.seats);
    if (r->changes && r->retired && r->leaving && r->flushing && r->fresh && r->starting && r->channels && r->layout.seats)
        return r;
    free_record(r);
    return NULL;
}

static void free_programs(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].old != NOT_OLD && !d->groups[i].same && d->groups[i].seat.strand)
            plat_free(d->groups[i].seat.program);
}

static bool build(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++)
        d->groups[i].same = same_program(d, &d->groups[i]);
    bool region = find_region(d), first = d->old->count == 0;
    for (size_t i = 0; i < d->group_count; i++)
        if (!fill_seat(d, &d->groups[i]))
            return false;
    if (!link_seats(d, first ? 0 : d->new_from, first ? d->group_count - 1 : region ? d->new_to : d->new_from))
        return false;
    wire_fresh(d);
    if (region)
        write_changes(d);
    for (size_t i = 0; i < d->group_count; i++)
        d->record->layout.seats[i] = d->groups[i].seat;
    d->record->layout.count = d->group_count;
    return true;
}

struct edit_record *layout_change(struct supply *supply, const struct layout *old, struct instance **path, size_t n)
{
    struct draft d = {.supply = supply, .old = old, .path = path, .n = n, .old_stages = count_stages(old)};
    d.groups = plat_alloc((n + old->count + 1) * sizeof *d.groups);
    d.record = d.groups ? record_new(old->count, d.old_stages, n) : NULL;
    if (!d.record) {
        plat_free(d.groups);
        return NULL;
    }
    find_common(&d);
    group_stages(&d);
    if (!build(&d)) {
        free_programs(&d);
        record_discard(supply, d.record);
        d.record = NULL;
    }
    plat_free(d.groups);
    return d.record;
}

void record_discard(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->channel_count; i++)
        supply_give_channel(supply, r->channels[i]);
    for (size_t i = 0; i < r->fresh_count; i++) {
        plat_free(r->fresh[i]->program);
        supply_give_strand(supply, r->fresh[i]);
    }
    for (size_t i = 0; i < r->change_count; i++)
        plat_free(r->changes[i].program);
    free_record(r);
}

void record_reap(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->change_count; i++) {
        plat_free(r->changes[i].program); /* the old one, since the strand has exchanged them */
        if (r->changes[i].old_in)
            supply_give_channel(supply, r->changes[i].old_in);
    }
    for (size_t i = 0; i < r->retired_count; i++) {
        plat_free(r->retired[i]->program);
        supply_give_strand(supply, r->retired[i]);
    }
    free_record(r);
}

void layout_free(struct layout *layout)
{
    plat_free(layout->seats);
    *layout = (struct layout){0};
}
