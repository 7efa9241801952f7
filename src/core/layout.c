/* SPDX-License-Identifier: MIT */
/*
 * From one layout to the next, in four steps, each a chapter below: group the new flow's stages into strands, keeping the old ones
 * where stages stay; compare strand by strand; find entries and region; and write each old strand's change.
 *
 * Two choices are made here once. Strands that an edit has split stay two (joining them would make the first wait until the
 * second has run dry). And a fresh strand that takes over stages, or a stage's state, is started by the strand that had them, at its
 * cut (by the last of them, if they are several: the gate), so that a stage's owner is never in doubt.
 */
#include "core/layout.h"

#include <stdio.h>
#include <string.h>

#include "core/supply.h"

/* Stages flow->stages[from..to) as one strand. */
struct group {
    size_t old;   /* the seat that goes on with it, or NO_INDEX: a fresh strand */
    size_t moved; /* the seat that stages of a fresh strand come from, or NO_INDEX: all its stages are new */
    size_t from, to;
    bool same;  /* as the old seat's program */
    bool gated; /* takes over states from other strands: starts when the gate opens */
    struct seat seat;
};

/* A link between two strands of the new flow. */
struct edge {
    size_t from, out, to, in; /* groups and numbers of ports; to NO_INDEX: discarded */
    const char *in_name;      /* of the port that it leads to; "" inside a pool */
    struct channel *kept;     /* the old channel, if it joins the same ports of the same strands */
};

struct way {
    size_t from, to; /* nodes */
};

/*
 * All that the steps share. A *node* is a strand, old or new: the old seats' numbers first, then the fresh groups'.
 */
struct draft {
    struct supply *supply;
    const struct layout *old;
    const struct flow *flow;
    struct group *groups;
    size_t group_count;
    size_t *group_of; /* of each vertex of the flow */
    struct edge *edges;
    size_t edge_count;
    struct way *ways;
    size_t way_count, old_ways; /* those of the old layout come first */
    size_t node_count;
    bool *hard, *over, *region, *entry, *reached, *avoid; /* of each node */
    bool *before, *behind;                                /* of each vertex: something changes in front of it, or behind it */
    size_t leaving, flushing, starting, channels;         /* how much of the record's lists is used */
    struct edit_record *record;
};

/* ---- parted items, and turns -------------------------------------------------------------------------------------------------------- */

/* Whether one item may have become several when it leaves the strand: then no strand behind may be cut by itself. (Not even behind an
 * inlet that was read empty: the last part of an item may be in the strand's hands, and come behind the cut.) */
static bool multiplies(const struct seat *seat)
{
    for (size_t i = 0; i < seat->program->count; i++) {
        const struct instance *in = seat->program->stages[i];
        if (in->shape == SHAPE_TEE || ((in->shape == SHAPE_EACH || in->shape == SHAPE_LOOP) && !in->sink))
            return true;
    }
    return false;
}

static bool gets_parted(const struct seat *seat)
{
    for (size_t k = 0; k < seat->in_count; k++)
        if (seat->ins[k] && seat->ins[k]->parted)
            return true;
    return false;
}

static bool gets_turns(const struct seat *seat)
{
    for (size_t k = 0; k < seat->in_count; k++)
        if (seat->ins[k] && seat->ins[k]->turned)
            return true;
    return false;
}

static bool collects_turns(const struct seat *seat)
{
    return seat->collect == COLLECT_TURNS || seat->turns;
}

/* Turns go through it. Where an unordered pool comes together they end. */
static bool passes_turns(const struct seat *seat)
{
    return gets_turns(seat) && !collects_turns(seat) && seat->in_count <= 1;
}

/* Whether what it puts out stands in turns, which somebody behind it collects. */
static bool puts_turns(const struct seat *seat)
{
    const struct program *program = seat->program;
    const struct instance *last = program->count ? program->stages[program->count - 1] : NULL;
    if (seat->marks || (last && last->shape == SHAPE_DEAL && !last->def.key))
        return true;
    return passes_turns(seat);
}

/* Nothing ever unmarks a channel: when its writer has ended, or makes one of one from now on, what it holds is as it was. A cut
 * replaces it. */
void layout_mark(const struct layout *layout)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < layout->count; i++) {
            const struct seat *seat = &layout->seats[i];
            bool parts = multiplies(seat) || gets_parted(seat), turns = puts_turns(seat);
            for (size_t k = 0; k < seat->out_count; k++) {
                struct channel *ch = seat->outs[k];
                if (!ch || (ch->parted >= parts && ch->turned >= turns))
                    continue;
                ch->parted |= parts;
                ch->turned |= turns;
                any = true;
            }
        }
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

static size_t count_links(const struct layout *layout)
{
    size_t count = 0;
    for (size_t i = 0; i < layout->count; i++)
        count += layout->seats[i].in_count + layout->seats[i].out_count;
    return count;
}

/* The seat that runs the stage, or NO_INDEX. */
static size_t seat_of(const struct layout *layout, const struct instance *in)
{
    for (size_t i = 0; i < layout->count; i++)
        for (size_t j = 0; j < layout->seats[i].program->count; j++)
            if (layout->seats[i].program->stages[j] == in)
                return i;
    return NO_INDEX;
}

bool layout_has(const struct layout *layout, const struct instance *in)
{
    return seat_of(layout, in) != NO_INDEX;
}

/* The seat that the stage belongs into: its own, or that of the one stage whose state it takes over. */
static size_t home_of(const struct draft *d, const struct instance *in)
{
    size_t own = seat_of(d->old, in);
    if (own != NO_INDEX || in->heir_of_count != 1 || in->lanes > 1 || in->shape == SHAPE_LOOP)
        return own; /* a loop's thread is not the other's */
    size_t old = seat_of(d->old, in->heir_of[0]);
    return old != NO_INDEX && d->old->seats[old].strand->blocking == in->def.blocking && in->heir_of[0]->shape != SHAPE_LOOP
               ? old
               : NO_INDEX;
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

/* Whether vertex v may run in the strand of the vertex in front of it. */
static bool joins(const struct draft *d, size_t v)
{
    const struct flow *flow = d->flow;
    if (v == 0 || flow->alone[v] || flow->alone[v - 1] || instance_begins(flow->stages[v]) ||
        instance_forks(flow->stages[v - 1]))
        return false;
    size_t link = flow_link_in(flow, v);
    return link != NO_INDEX && flow->links[link].from == v - 1;
}

static void add_group(struct draft *d, size_t old, size_t moved, size_t v)
{
    d->groups[d->group_count++] = (struct group){.old = old, .moved = moved, .from = v, .to = v + 1};
}

/* A stage that stays, stays in its strand; unless something that needs a strand came between it and the stages in front of it:
 * then the strand is split, and its back part moves into a fresh one. */
static void place_old(struct draft *d, struct group *g, size_t v, size_t old)
{
    if (g && g->old == old) {
        g->to = v + 1;
    } else if (group_of_old(d, old)) {
        if (g && g->old == NO_INDEX && (g->moved == NO_INDEX || g->moved == old)) {
            g->moved = old;
            g->to = v + 1;
        } else {
            add_group(d, NO_INDEX, old, v);
        }
    } else if (g && g->old == NO_INDEX && g->moved == NO_INDEX && !g->gated) {
        g->old = old; /* the new stages in front run in the old strand */
        g->to = v + 1;
    } else {
        add_group(d, old, NO_INDEX, v);
    }
}

/* A stage at rest whose state goes to one that is to run. (What a trial lends, stays where it is.) */
static bool rests_and_leaves(const struct draft *d, const struct instance *owner, const struct instance *heir)
{
    return !layout_has(d->old, owner) && !instance_inside(owner, heir) && !instance_inside(heir, owner);
}

/* Whether a new stage takes over states that it must wait for: then it needs a strand that has not begun. */
static bool must_wait(const struct draft *d, const struct instance *in)
{
    bool waits = false;
    for (size_t k = 0; !layout_has(d->old, in) && k < in->heir_of_count; k++)
        waits |= layout_has(d->old, in->heir_of[k]) || rests_and_leaves(d, in->heir_of[k], in);
    return waits;
}

static void group_stages(struct draft *d)
{
    for (size_t v = 0; v < d->flow->count; v++) {
        struct group *g = joins(d, v) ? last_group(d) : NULL;
        size_t old = home_of(d, d->flow->stages[v]);
        bool waits = old == NO_INDEX && must_wait(d, d->flow->stages[v]);
        if (old != NO_INDEX)
            place_old(d, g, v, old);
        else if (g && !waits)
            g->to = v + 1;
        else
            add_group(d, NO_INDEX, NO_INDEX, v);
        last_group(d)->gated |= waits;
        d->group_of[v] = d->group_count - 1;
    }
}

/* ---- step 2: comparing ----------------------------------------------------------------------------------------------------- */

static bool same_program(const struct draft *d, const struct group *g)
{
    if (g->old == NO_INDEX)
        return false;
    const struct program *program = d->old->seats[g->old].program;
    return program->count == g->to - g->from &&
           memcmp(program->stages, d->flow->stages + g->from, program->count * sizeof(struct instance *)) == 0;
}

static enum collect collect_of(const struct instance *first)
{
    if (first->shape == SHAPE_MERGE)
        return first->def.order_by == WEIR_BY_KEY ? COLLECT_KEY : COLLECT_ARRIVAL;
    if (first->shape == SHAPE_COLLECT && !control_breaks(COLLECT_AS_IT_COMES) && !first->chief->def.key &&
        !first->chief->def.unordered)
        return COLLECT_TURNS;
    return COLLECT_ARRIVAL;
}

static size_t links_at(const struct flow *flow, size_t v, bool out)
{
    size_t n = 0;
    for (size_t i = 0; i < flow->link_count; i++)
        n += (out ? flow->links[i].from : flow->links[i].to) == v;
    return n;
}

/* How many ways in and out the group's strand has, and how it reads and writes them. */
static void shape_seat(struct draft *d, struct group *g)
{
    struct seat *seat = &g->seat;
    const struct instance *first = d->flow->stages[g->from], *last = d->flow->stages[g->to - 1];
    seat->in_count = first->ins.open ? links_at(d->flow, g->from, false) : first->ins.count;
    seat->out_count = last->outs.open ? links_at(d->flow, g->to - 1, true) : last->outs.count;
    seat->collect = collect_of(first);
    seat->turns = d->flow->turns[g->from];
    seat->marks = d->flow->marks[g->to - 1];
    seat->ins = d->record->layout.channels + d->channels;
    d->channels += seat->in_count;
    seat->outs = d->record->layout.channels + d->channels;
    d->channels += seat->out_count;
}

/* Where an old channel ends: the seat that reads it, and its number there. */
static size_t reader_of(const struct layout *old, const struct channel *ch, size_t *in)
{
    for (size_t i = 0; i < old->count; i++)
        for (size_t k = 0; k < old->seats[i].in_count; k++)
            if (old->seats[i].ins[k] == ch) {
                *in = k;
                return i;
            }
    return NO_INDEX;
}

static size_t node_of(const struct draft *d, size_t group)
{
    if (d->groups[group].old != NO_INDEX)
        return d->groups[group].old;
    size_t fresh = 0;
    for (size_t i = 0; i < group; i++)
        fresh += d->groups[i].old == NO_INDEX;
    return d->old->count + fresh;
}

static struct channel *old_channel(const struct draft *d, const struct edge *e)
{
    const struct group *a = &d->groups[e->from], *b = &d->groups[e->to];
    if (a->old == NO_INDEX || b->old == NO_INDEX)
        return NULL;
    const struct seat *from = &d->old->seats[a->old], *to = &d->old->seats[b->old];
    bool there = e->out < from->out_count && e->in < to->in_count && from->outs[e->out] == to->ins[e->in];
    return there ? from->outs[e->out] : NULL;
}

static void find_edges(struct draft *d)
{
    for (size_t i = 0; i < d->flow->link_count; i++) {
        const struct flow_link *l = &d->flow->links[i];
        size_t from = d->group_of[l->from], to = l->to == NO_INDEX ? NO_INDEX : d->group_of[l->to];
        if (from == to && l->to == l->from + 1)
            continue;
        struct edge *e = &d->edges[d->edge_count++];
        *e = (struct edge){.from = from, .out = l->out, .to = to, .in = l->in, .in_name = l->in_name ? l->in_name : ""};
        e->kept = to == NO_INDEX ? NULL : old_channel(d, e);
    }
}

static const struct edge *edge_out(const struct draft *d, size_t group, size_t out)
{
    for (size_t i = 0; i < d->edge_count; i++)
        if (d->edges[i].from == group && d->edges[i].out == out)
            return &d->edges[i];
    return NULL;
}

/* Whether what the strand leads to is as it was. */
static bool same_outs(const struct draft *d, size_t group)
{
    const struct group *g = &d->groups[group];
    const struct seat *seat = &d->old->seats[g->old];
    if (seat->out_count != g->seat.out_count || seat->marks != g->seat.marks)
        return false;
    for (size_t k = 0; k < seat->out_count; k++) {
        const struct edge *e = edge_out(d, group, k);
        if (!e || (seat->outs[k] ? !e->kept : e->to != NO_INDEX))
            return false;
    }
    return true;
}

static size_t writer_of(const struct layout *old, const struct channel *ch)
{
    for (size_t i = 0; i < old->count; i++)
        for (size_t k = 0; k < old->seats[i].out_count; k++)
            if (old->seats[i].outs[k] == ch)
                return i;
    return NO_INDEX;
}

/* Whether an inlet whose writer has ended is to be read from elsewhere: no cut will come to say so. */
static bool loses_ended(struct draft *d, size_t old, const struct group *g)
{
    const struct seat *seat = &d->old->seats[old];
    for (size_t k = 0; k < seat->in_count; k++) {
        size_t writer = seat->ins[k] ? writer_of(d->old, seat->ins[k]) : NO_INDEX;
        bool kept = writer == NO_INDEX || !d->over[writer];
        for (size_t i = 0; !kept && i < d->edge_count; i++)
            kept = d->edges[i].to == (size_t)(g - d->groups) && d->edges[i].kept == seat->ins[k];
        if (!kept)
            return true;
    }
    return false;
}

/* Where the group goes on reading what the channel has brought so far. Ports of a merge are numbered by their links, and an edit may put
 * these in another order: so it is the name that says it. NULL: it has no such port any more. */
static const struct edge *edge_instead(const struct draft *d, const struct channel *ch, size_t in, size_t group)
{
    for (size_t i = 0; i < d->edge_count; i++) {
        const struct edge *e = &d->edges[i];
        if (e->to == group && strcmp(e->in_name, ch->in_port) == 0 && (*ch->in_port || e->in == in))
            return e;
    }
    return NULL;
}

/* A port of a merge has gone, and another may have come for it: whose items are not behind those of the one that went. */
static bool other_ports(const struct draft *d, size_t old, const struct group *g)
{
    const struct seat *seat = &d->old->seats[old];
    for (size_t k = 0; seat->in_count > 1 && k < seat->in_count; k++)
        if (seat->ins[k] && !edge_instead(d, seat->ins[k], k, (size_t)(g - d->groups)))
            return true;
    return false;
}

static bool is_hard(struct draft *d, size_t old)
{
    const struct group *g = group_of_old(d, old);
    const struct seat *seat = &d->old->seats[old];
    if (!g || loses_ended(d, old, g) || other_ports(d, old, g))
        return true;
    return !g->same || seat->in_count != g->seat.in_count || seat->collect != g->seat.collect || seat->turns != g->seat.turns ||
           !same_outs(d, (size_t)(g - d->groups));
}

/* False: a strand that has ended would have to change. One that only goes away is as good as gone. */
static bool compare(struct draft *d)
{
    for (size_t old = 0; old < d->old->count; old++)
        d->over[old] = at_load(&d->old->seats[old].strand->finishing); /* nobody pins it now: it has ended, or will */
    for (size_t old = 0; old < d->old->count; old++) {
        d->hard[old] = is_hard(d, old);
        if (d->over[old] && d->hard[old] && group_of_old(d, old))
            return false;
        if (d->over[old])
            d->hard[old] = false;
    }
    return true;
}

/* ---- step 3: entries and region ---------------------------------------------------------------------------------------------- */

/* All links between strands that data may take, old and new. Found once. */
static void find_ways(struct draft *d)
{
    for (size_t i = 0; i < d->old->count; i++)
        for (size_t k = 0; k < d->old->seats[i].out_count; k++) {
            size_t in, to = d->old->seats[i].outs[k] ? reader_of(d->old, d->old->seats[i].outs[k], &in) : NO_INDEX;
            if (to != NO_INDEX && !d->over[i] && !d->over[to])
                d->ways[d->way_count++] = (struct way){i, to};
        }
    d->old_ways = d->way_count;
    for (size_t i = 0; i < d->edge_count; i++)
        if (d->edges[i].to != NO_INDEX)
            d->ways[d->way_count++] = (struct way){node_of(d, d->edges[i].from), node_of(d, d->edges[i].to)};
}

/* Spreads `reached` along the ways, but not into what is to be avoided. */
static void spread(struct draft *d)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < d->way_count; i++) {
            const struct way *w = &d->ways[i];
            if (!d->reached[w->from] || d->reached[w->to] || d->avoid[w->to])
                continue;
            d->reached[w->to] = any = true;
        }
    }
}

/* The same against the ways, starting from all that is hard. */
static void reach_hard(struct draft *d)
{
    for (size_t i = 0; i < d->node_count; i++)
        d->reached[i] = i < d->old->count && d->hard[i];
    for (bool any = true; any;) {
        any = false;
        for (size_t i = d->way_count; i-- > 0;) {
            const struct way *w = &d->ways[i];
            if (!d->reached[w->to] || d->reached[w->from])
                continue;
            d->reached[w->from] = any = true;
        }
    }
}

static bool is_source(const struct seat *seat)
{
    return seat->program->count && instance_is_source(seat->program->stages[0]);
}

/* Where old data comes from: sources; and what stands behind strands that have all ended. */
static bool is_root(const struct draft *d, size_t old)
{
    for (size_t i = 0; i < d->old_ways; i++)
        if (d->ways[i].to == old)
            return false;
    return !d->over[old];
}

static void reach_from_roots(struct draft *d)
{
    for (size_t i = 0; i < d->node_count; i++)
        d->reached[i] = i < d->old->count && !d->avoid[i] && is_root(d, i);
    spread(d);
}

/* Whether everything hard lies behind the strand; *depth: how much does not. */
static bool dominates(struct draft *d, size_t node, size_t *depth)
{
    d->avoid[node] = true;
    reach_from_roots(d);
    d->avoid[node] = false;
    bool all = true;
    *depth = 0;
    for (size_t i = 0; i < d->node_count; i++) {
        *depth += d->reached[i];
        all &= !(i < d->old->count && d->hard[i] && d->reached[i]);
    }
    return all;
}

/* What waits ahead of an earlier edit's cut has met that edit's old side already and must not meet this one's new side: so such a
 * strand can't be the entry. */
static bool may_enter(struct draft *d, size_t old)
{
    const struct seat *seat = &d->old->seats[old];
    return !d->over[old] &&
           (is_source(seat) || ((at_load(&seat->strand->cuts_pending) == 0 || control_breaks(ENTER_BEFORE_CUT)) &&
                                (!gets_parted(seat) || control_breaks(ENTER_BEHIND_PARTED))));
}

/* A strand that an earlier edit has made may still wait for others to make their part, perhaps behind the very stage that is stuck. */
static bool has_begun(const struct draft *d, size_t old)
{
    return strand_base(at_load(&d->old->seats[old].strand->state)) != STRAND_FREE;
}

/* The one strand, as near to what is hard as can be, that it all lies behind. */
static size_t find_entry(struct draft *d, bool begun)
{
    size_t best = NO_INDEX, most = 0, depth;
    for (size_t i = 0; i < d->old->count; i++) {
        if ((begun && !has_begun(d, i)) || !may_enter(d, i) || !dominates(d, i, &depth) || (best != NO_INDEX && depth <= most))
            continue;
        best = i;
        most = depth;
    }
    return best;
}

/* False: nothing that runs is concerned. */
static bool find_entries(struct draft *d)
{
    bool any = false;
    for (size_t i = 0; i < d->old->count; i++)
        any |= d->hard[i];
    if (!any)
        return false;
    size_t best = find_entry(d, true);
    if (best == NO_INDEX)
        best = find_entry(d, false);
    if (best != NO_INDEX) {
        d->entry[best] = true;
        return true;
    }
    reach_hard(d);
    for (size_t i = 0; i < d->old->count; i++)
        d->entry[i] = d->reached[i] && is_root(d, i);
    return true;
}

/* What lies on the ways from the entries to what is hard. */
static void find_region(struct draft *d)
{
    reach_hard(d);
    for (size_t i = 0; i < d->old->count; i++)
        d->region[i] = d->reached[i];
    memcpy(d->reached, d->entry, d->node_count * sizeof(bool));
    spread(d);
    for (size_t i = 0; i < d->old->count; i++)
        d->region[i] = d->region[i] && d->reached[i];
}

static bool drained(const struct channel *ch)
{
    uint64_t taken = count_get(&ch->items_taken);
    return at_acquire(&ch->closed) != PILL_NONE && taken == count_get(&ch->items_put);
}

/* A strand that no cut reaches must keep what it reads, but what has ended and is read empty. */
static bool keeps_inlets(struct draft *d, size_t old)
{
    const struct seat *seat = &d->old->seats[old];
    const struct group *g = group_of_old(d, old);
    for (size_t k = 0; k < seat->in_count; k++) {
        if (!seat->ins[k] || drained(seat->ins[k]))
            continue;
        bool kept = false;
        for (size_t i = 0; g && i < d->edge_count; i++)
            kept |= d->edges[i].to == (size_t)(g - d->groups) && d->edges[i].kept == seat->ins[k];
        if (!kept)
            return false;
    }
    return true;
}

/* When a split has ended, its branches are cut one by one. Who collects their turns would wait behind one branch's cut for a turn that
 * is in front of another's. */
static bool cuts_turns(const struct draft *d)
{
    bool enters = false, collects = false;
    for (size_t i = 0; i < d->old->count; i++) {
        enters |= d->entry[i] && passes_turns(&d->old->seats[i]);
        collects |= d->region[i] && collects_turns(&d->old->seats[i]);
    }
    return enters && collects;
}

static bool entries_fit(struct draft *d)
{
    for (size_t i = 0; i < d->old->count; i++)
        if (d->entry[i] && !(may_enter(d, i) && keeps_inlets(d, i)))
            return false;
    return !cuts_turns(d);
}

/* ---- what changes in front of a stage, and behind it --------------------------------------------------------------------------- */

static size_t place_in(const struct seat *seat, const struct instance *in)
{
    size_t place = 0;
    while (seat->program->stages[place] != in)
        place++;
    return place;
}

/* A program that a stuck stage was taken out of may be empty. */
static struct instance *last_of(const struct program *program)
{
    return program->count ? program->stages[program->count - 1] : NULL;
}

/* The stage in front of in port `in` of a stage that runs, and through which of its ports. NULL: none. */
static const struct instance *old_front(const struct draft *d, const struct instance *stage, size_t in, size_t *out)
{
    const struct seat *seat = &d->old->seats[seat_of(d->old, stage)];
    size_t place = place_in(seat, stage);
    *out = 0;
    if (place > 0)
        return in == 0 ? seat->program->stages[place - 1] : NULL;
    for (size_t i = 0; in < seat->in_count && seat->ins[in] && i < d->old->count; i++)
        for (*out = 0; *out < d->old->seats[i].out_count; ++*out)
            if (d->old->seats[i].outs[*out] == seat->ins[in])
                return last_of(d->old->seats[i].program);
    return NULL;
}

static size_t old_outs(const struct draft *d, const struct instance *stage)
{
    const struct seat *seat = &d->old->seats[seat_of(d->old, stage)];
    return seat->program->stages[seat->program->count - 1] == stage ? seat->out_count : 1;
}

static size_t old_ins(const struct draft *d, const struct instance *stage)
{
    const struct seat *seat = &d->old->seats[seat_of(d->old, stage)];
    size_t n = 0;
    if (seat->program->stages[0] != stage)
        return 1;
    for (size_t k = 0; k < seat->in_count; k++)
        n += seat->ins[k] != NULL;
    return n;
}

static bool is_new_link(const struct draft *d, const struct flow_link *l)
{
    const struct flow *flow = d->flow;
    size_t out;
    if (l->to == NO_INDEX || !layout_has(d->old, flow->stages[l->to]))
        return l->to != NO_INDEX;
    return old_front(d, flow->stages[l->to], l->in, &out) != flow->stages[l->from] || out != l->out;
}

static void mark_changes(struct draft *d)
{
    const struct flow *flow = d->flow;
    for (size_t v = 0; v < flow->count; v++) {
        const struct instance *in = flow->stages[v];
        bool new = !layout_has(d->old, in);
        d->before[v] = new || old_ins(d, in) != links_at(flow, v, false);
        d->behind[v] = new || old_outs(d, in) != links_at(flow, v, true);
    }
    for (size_t i = 0; i < flow->link_count; i++) {
        const struct flow_link *l = &flow->links[i];
        bool new = is_new_link(d, l);
        if (l->to != NO_INDEX)
            d->before[l->to] |= new;
        d->behind[l->from] |= new;
    }
    for (size_t v = 0; v < flow->count; v++)
        for (size_t i = 0; i < flow->link_count; i++)
            if (flow->links[i].from == v && flow->links[i].to != NO_INDEX)
                d->before[flow->links[i].to] |= d->before[v];
    for (size_t v = flow->count; v-- > 0;)
        for (size_t i = 0; i < flow->link_count; i++)
            if (flow->links[i].from == v && flow->links[i].to != NO_INDEX)
                d->behind[v] |= d->behind[flow->links[i].to];
}

/* Whether the stage stays, and the edit changes something both in front of it and behind it. */
static bool between(const struct draft *d, const struct instance *in)
{
    size_t v = flow_find(d->flow, in);
    return v != NO_INDEX && d->before[v] && d->behind[v];
}

/* ---- step 4: strands, channels, changes ---------------------------------------------------------------------------------------- */

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
    struct seat *seat = &g->seat;
    if (g->old != NO_INDEX) {
        seat->strand = d->old->seats[g->old].strand;
        seat->program = d->old->seats[g->old].program;
        return g->same || (seat->program = make_program(d->flow->stages + g->from, g->to - g->from));
    }
    struct strand *s = supply_take_strand(d->supply);
    if (!s)
        return false;
    r->fresh[r->fresh_count++] = s;
    seat->strand = s;
    seat->program = s->program = make_program(d->flow->stages + g->from, g->to - g->from);
    s->blocking = d->flow->stages[g->from]->def.blocking;
    s->crew = d->flow->stages[g->from]->crew;
    return s->program != NULL;
}

static bool keeps_channel(const struct draft *d, const struct edge *e)
{
    return e->kept && !(d->region[d->groups[e->from].old] && d->region[d->groups[e->to].old]);
}

static bool link_seats(struct draft *d)
{
    struct edit_record *r = d->record;
    uint32_t all = d->supply->env->queue_batches, limit = d->old->count && all > 2 ? 2 : all;
    if (control_breaks(SHUT_UNTIL_SETTLED) && d->old->count)
        limit = 0;
    if (control_breaks(LIMIT_BEGINS_HIGH))
        limit = all;
    for (size_t i = 0; i < d->edge_count; i++) {
        struct edge *e = &d->edges[i];
        if (e->to == NO_INDEX)
            continue;
        struct seat *a = &d->groups[e->from].seat, *b = &d->groups[e->to].seat;
        struct channel *ch = keeps_channel(d, e) ? e->kept : supply_take_channel(d->supply);
        if (!ch)
            return false;
        if (ch != e->kept) {
            r->channels[r->channel_count++] = ch;
            channel_reset(ch, a->strand, b->strand, limit);
            snprintf(ch->in_port, sizeof ch->in_port, "%s", e->in_name);
        }
        a->outs[e->out] = b->ins[e->in] = ch;
    }
    return true;
}

/* Ports as the seat says. Of outlets that go on, which they were. */
static struct ports *make_ports(const struct seat *seat, const struct seat *before)
{
    struct ports *ports = ports_new(seat->in_count, seat->out_count);
    if (!ports)
        return NULL;
    ports->collect = seat->collect;
    ports->marks = seat->marks;
    ports->turns = seat->turns;
    for (size_t k = 0; k < seat->in_count; k++)
        ports->ins[k].ch = seat->ins[k];
    for (size_t k = 0; k < seat->out_count; k++) {
        struct outlet *o = &ports->outs[k];
        o->ch = seat->outs[k];
        o->discards = !o->ch;
        for (size_t j = 0; before && o->ch && j < before->out_count; j++)
            if (before->outs[j] == o->ch)
                o->was = j;
    }
    return ports;
}

static bool wire_fresh(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        if (g->old == NO_INDEX && !(g->seat.strand->ports = make_ports(&g->seat, NULL)))
            return false;
    }
    return true;
}

static bool same_ports(const struct seat *a, const struct seat *b)
{
    return a->in_count == b->in_count && a->out_count == b->out_count && a->collect == b->collect && a->marks == b->marks &&
           a->turns == b->turns && memcmp(a->ins, b->ins, a->in_count * sizeof(struct channel *)) == 0 &&
           memcmp(a->outs, b->outs, a->out_count * sizeof(struct channel *)) == 0;
}

/* A stage whose state goes to one that starts behind the gate: the gate lets go of it. */
static bool gate_owns(const struct draft *d, const struct instance *in)
{
    for (size_t i = 0; i < d->record->gate.owner_count; i++)
        if (d->record->gate.owners[i].in == in)
            return true;
    return false;
}

static struct leaver leaver(struct instance *in)
{
    return (struct leaver){in, in->fate != FATE_REST && in->fate != FATE_LEND};
}

/* Which of the strand's stages have no place any more, as the edit has marked them; and which must not hold an item across the
 * cut: those, and the ones between two changed places, through which it would get from the old to the new. */
static void write_leaving(struct draft *d, const struct program *program, struct change *c)
{
    c->flush = d->record->flushing + d->flushing;
    c->leave = d->record->leaving + d->leaving;
    for (size_t i = 0; i < program->count; i++) {
        struct instance *in = program->stages[i];
        bool leaves = in->fate != FATE_STAY, handed = in->fate == FATE_HAND_OVER || in->fate == FATE_LEND;
        if (leaves && !gate_owns(d, in))
            c->leave[c->leave_count++] = leaver(in);
        if (in->def.flush && (!handed || in->tried[0]) && (leaves || (between(d, in) && !control_breaks(NO_FLUSH_BETWEEN))))
            c->flush[c->flush_count++] = in;
        c->user_code |= handed || (leaves && in->def.close);
    }
    c->user_code |= c->flush_count > 0;
    d->flushing += c->flush_count;
    d->leaving += c->leave_count;
}

static bool write_change(struct draft *d, size_t old, struct change *c)
{
    const struct seat *before = &d->old->seats[old];
    struct group *g = group_of_old(d, old);
    c->record = d->record;
    c->strand = before->strand;
    c->by_cut = !d->entry[old];
    write_leaving(d, before->program, c);
    if (!g) {
        c->retire = true;
        d->record->retired[d->record->retired_count++] = before->strand;
        return true;
    }
    c->program = g->same ? NULL : g->seat.program;
    return same_ports(&g->seat, before) || (c->ports = make_ports(&g->seat, before));
}

static struct change *change_of(struct draft *d, const struct strand *s)
{
    for (size_t i = 0; i < d->record->change_count; i++)
        if (d->record->changes[i].strand == s && !d->record->changes[i].soft)
            return &d->record->changes[i];
    return NULL;
}

/* Who starts a fresh strand: the one that its stages come from, which has them until it has made its part; or the gate; else the
 * first entry. */
static void write_starts(struct draft *d, struct change *c)
{
    c->starts = d->record->starting + d->starting;
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        const struct strand *starter = g->moved == NO_INDEX ? d->record->changes[0].strand : d->old->seats[g->moved].strand;
        if (g->old == NO_INDEX && (!g->gated || control_breaks(BOTH_OWN)) && starter == c->strand)
            c->starts[c->start_count++] = g->seat.strand;
    }
    d->starting += c->start_count;
}

/* The channels that are not kept: what their readers do when they have read them empty. */
static void write_cuts(struct draft *d)
{
    struct edit_record *r = d->record;
    for (size_t old = 0; old < d->old->count; old++) {
        const struct seat *seat = &d->old->seats[old];
        const struct group *g = group_of_old(d, old);
        for (size_t k = 0; k < seat->in_count; k++) {
            struct channel *ch = seat->ins[k];
            bool kept = g && k < g->seat.in_count && g->seat.ins[k] == ch;
            for (size_t j = 0; g && !kept && j < g->seat.in_count; j++)
                kept = g->seat.ins[j] == ch;
            if (!ch || kept)
                continue;
            r->cut[r->cut_count++] = ch;
            if (d->region[old] || d->over[old]) {
                ch->change = change_of(d, seat->strand);
                ch->next = NULL;
                continue;
            }
            struct change *c = &r->changes[r->change_count++];
            *c = (struct change){.record = r, .strand = seat->strand, .by_cut = true, .soft = true};
            const struct edge *e = edge_instead(d, ch, k, (size_t)(g - d->groups));
            ch->next = g->seat.ins[e ? e->in : k];
            ch->change = c;
        }
    }
}

/* Where the cut is counted: at the link in front of the first stage that the edit changes, if it leaves a stage of the entry. */
static void set_mark(struct draft *d, struct change *entry, const struct program *program)
{
    const struct flow *flow = d->flow;
    size_t v = 0, first = NO_INDEX;
    while (v < flow->count && !d->before[v])
        v++;
    entry->after = v < flow->count ? flow->stages[v] : NULL;
    if (v < flow->count)
        first = flow_link_in(flow, v);
    if (program->count == 0)
        return;
    entry->mark = program->stages[0];
    for (size_t i = 0; first != NO_INDEX && i < program->count; i++)
        if (program->stages[i] == flow->stages[flow->links[first].from] && !instance_forks(program->stages[i]))
            entry->mark = program->stages[i], entry->mark_put = true;
    entry->mark_put |= instance_is_source(entry->mark);
}

/* Which fresh strands wait for states of other strands, and whose. */
static void find_gate(struct draft *d)
{
    struct gate *gate = &d->record->gate;
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        for (size_t v = g->from; v < g->to; v++) {
            const struct instance *in = d->flow->stages[v];
            for (size_t k = 0; !layout_has(d->old, in) && k < in->heir_of_count; k++) {
                size_t owner = seat_of(d->old, in->heir_of[k]);
                bool rests = rests_and_leaves(d, in->heir_of[k], in);
                if (!rests && (owner == NO_INDEX || (g->old == owner && in->heir_of_count == 1 && in->lanes == 1)))
                    continue; /* handed over in place, or long ago */
                g->gated = true;
                if (!gate_owns(d, in->heir_of[k]))
                    gate->owners[gate->owner_count++] = rests ? (struct leaver){in->heir_of[k], true} : leaver(in->heir_of[k]);
            }
        }
        if (g->gated)
            gate->starts[gate->start_count++] = g->seat.strand;
    }
}

static void give_to_gate(struct draft *d, struct change *c, size_t *waits)
{
    c->gate = &d->record->gate;
    c->user_code = true;
    ++*waits;
}

/* No strand lets go of a stage at rest: the first entry stands for it, so that its state is not handed over before the cut. */
static bool owns_at_rest(const struct draft *d)
{
    for (size_t i = 0; i < d->record->gate.owner_count; i++)
        if (!layout_has(d->old, d->record->gate.owners[i].in))
            return true;
    return false;
}

/* A gated strand also waits for those whose stages it gets. */
static void write_gate(struct draft *d)
{
    struct gate *gate = &d->record->gate;
    size_t waits = 0;
    for (size_t old = 0; gate->start_count && old < d->old->count; old++) {
        const struct program *program = d->old->seats[old].program;
        bool gives = false;
        for (size_t i = 0; i < program->count; i++)
            gives |= gate_owns(d, program->stages[i]);
        for (size_t i = 0; i < d->group_count; i++)
            gives |= d->groups[i].gated && d->groups[i].moved == old;
        struct change *c = gives ? change_of(d, d->old->seats[old].strand) : NULL;
        if (c)
            give_to_gate(d, c, &waits);
    }
    if (owns_at_rest(d) && !d->record->changes[0].gate)
        give_to_gate(d, &d->record->changes[0], &waits);
    atomic_store_explicit(&gate->remaining, waits, memory_order_relaxed); /* posting publishes it */
}

static bool write_changes(struct draft *d)
{
    struct edit_record *r = d->record;
    find_gate(d);
    for (int entries = 1; entries >= 0; entries--)
        for (size_t old = 0; old < d->old->count; old++) {
            if (!d->region[old] || d->entry[old] != (bool)entries)
                continue;
            struct change *c = &r->changes[r->change_count++];
            if (!write_change(d, old, c))
                return false;
            r->entry_count += (size_t)entries;
        }
    for (size_t i = 0; i < r->change_count; i++)
        write_starts(d, &r->changes[i]);
    for (size_t old = 0; old < d->old->count; old++)
        if (d->entry[old] && d->old->seats[old].strand == r->changes[0].strand)
            set_mark(d, &r->changes[0], d->old->seats[old].program);
    write_gate(d);
    write_cuts(d);
    atomic_store_explicit(&r->remaining, r->change_count + 1, memory_order_relaxed); /* posting publishes it */
    return true;
}

/* Strands that have ended and are not needed any more: nobody tells them anything. */
static void write_ended(struct draft *d)
{
    struct edit_record *r = d->record;
    for (size_t old = 0; old < d->old->count; old++)
        if (d->over[old] && !group_of_old(d, old))
            r->retired[r->retired_count++] = d->old->seats[old].strand;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------- */

static void free_programs(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++) {
        struct group *g = &d->groups[i];
        bool written = false;
        for (size_t k = 0; k < d->record->change_count; k++)
            written |= d->record->changes[k].program == g->seat.program;
        if (g->old != NO_INDEX && !g->same && !written)
            plat_free(g->seat.program);
    }
}

static enum layout_says build(struct draft *d)
{
    group_stages(d);
    for (size_t i = 0; i < d->group_count; i++) {
        d->groups[i].same = same_program(d, &d->groups[i]);
        shape_seat(d, &d->groups[i]);
    }
    find_edges(d);
    if (!compare(d))
        return LAYOUT_ENDED;
    find_ways(d);
    bool concerned = find_entries(d);
    find_region(d);
    if (concerned && !entries_fit(d))
        return LAYOUT_ENDED;
    mark_changes(d);
    for (size_t i = 0; i < d->group_count; i++)
        if (!fill_seat(d, &d->groups[i]))
            return LAYOUT_NO_MEMORY;
    if (!link_seats(d) || !wire_fresh(d) || (concerned && !write_changes(d)))
        return LAYOUT_NO_MEMORY;
    if (!concerned)
        write_cuts(d);
    write_ended(d);
    for (size_t i = 0; i < d->group_count; i++)
        d->record->layout.seats[i] = d->groups[i].seat;
    d->record->layout.count = d->group_count;
    return LAYOUT_DONE;
}

static bool make_arrays(struct draft *d)
{
    size_t stages = d->flow->count + 1, nodes = d->old->count + stages, flags = 6 * nodes + 2 * stages;
    size_t links = count_links(d->old) + 2 * d->flow->link_count + 1, owners = 0;
    for (size_t v = 0; v < d->flow->count; v++)
        links += d->flow->stages[v]->ins.count + d->flow->stages[v]->outs.count;
    for (size_t v = 0; v < d->flow->count; v++)
        owners += layout_has(d->old, d->flow->stages[v]) ? 0 : d->flow->stages[v]->heir_of_count;
    d->node_count = nodes;
    size_t edges = d->flow->link_count + 1;
    d->groups = plat_alloc(stages * (sizeof *d->groups + sizeof *d->group_of) + edges * sizeof *d->edges +
                           links * sizeof *d->ways + flags * sizeof(bool));
    d->record = record_new(nodes, count_stages(d->old) + stages + owners, links);
    if (!d->groups || !d->record)
        return false;
    d->edges = (struct edge *)(d->groups + stages);
    d->ways = (struct way *)(d->edges + edges);
    d->group_of = (size_t *)(d->ways + links);
    d->hard = (bool *)(d->group_of + stages);
    d->over = d->hard + nodes;
    d->region = d->over + nodes;
    d->entry = d->region + nodes;
    d->reached = d->entry + nodes;
    d->avoid = d->reached + nodes;
    d->before = d->avoid + nodes;
    d->behind = d->before + stages;
    return true;
}

enum layout_says layout_change(struct supply *supply, const struct layout *old, const struct flow *flow,
                               struct edit_record **record)
{
    struct draft d = {.supply = supply, .old = old, .flow = flow};
    enum layout_says says = LAYOUT_NO_MEMORY;
    if (make_arrays(&d))
        says = build(&d);
    if (says != LAYOUT_DONE && d.record) {
        free_programs(&d);
        record_discard(supply, d.record);
        d.record = NULL;
    }
    *record = d.record;
    plat_free(d.groups); /* and the other arrays behind it */
    return says;
}
