/* SPDX-License-Identifier: MIT */
/*
 * From a plan to its flow, and the rules that a plan must keep to run. The flow is made in three steps: which nodes a source leads
 * to, in which order (a circle shows here), and the vertices and links themselves. Nothing here changes a plan.
 */
#include "core/wiring.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool plan_refuse(struct plan_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

bool wiring_no_memory(struct plan_error *error)
{
    error->no_memory = true;
    return plan_refuse(error, "no memory for the plan");
}

bool wiring_port_name(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len < PORT_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

bool wiring_poolable(const struct instance *in, struct plan_error *error)
{
    const weir_stage *s = &in->def;
    const char *why = NULL;
    if (in->shape != SHAPE_MAP && in->shape != SHAPE_EACH && in->shape != SHAPE_BATCH)
        why = "is a source, a route, a tee or a merge";
    else if (instance_begins(in) || instance_forks(in))
        why = "has several ports";
    else if (in->tried[0])
        why = "is on trial";
    else if (s->holds && !s->key)
        why = "holds items and has no key to share them out by";
    else if (s->close && !s->recipe)
        why = "has a state of its own and no recipe to make it again";
    else if (s->key && s->state_type && !s->take_over)
        why = "has a state by key and no take_over to hand it on";
    if (why)
        plan_refuse(error, "\"%s\" %s, and cannot have lanes", in->name, why);
    return !why;
}

/* ---- the flow's own functions ----------------------------------------------------------------------------------------------- */

void flow_free(struct flow *flow)
{
    plat_free(flow->links);
    *flow = (struct flow){0};
}

size_t flow_find(const struct flow *flow, const struct instance *in)
{
    for (size_t i = 0; i < flow->count; i++)
        if (flow->stages[i] == in)
            return i;
    return NO_INDEX;
}

size_t flow_link_in(const struct flow *flow, size_t vertex)
{
    size_t found = NO_INDEX;
    for (size_t i = 0; i < flow->link_count; i++) {
        if (flow->links[i].to != vertex)
            continue;
        if (found != NO_INDEX)
            return NO_INDEX;
        found = i;
    }
    return found;
}

size_t flow_link_out(const struct flow *flow, size_t vertex)
{
    size_t found = NO_INDEX;
    for (size_t i = 0; i < flow->link_count; i++) {
        if (flow->links[i].from != vertex)
            continue;
        if (found != NO_INDEX)
            return NO_INDEX;
        found = i;
    }
    return found;
}

/* ---- step 1: what a source leads to ------------------------------------------------------------------------------------------ */

/* What the steps share: for each node of the plan. */
struct draft {
    const struct plan *plan;
    struct plan_error *error;
    bool *active;
    size_t *waits;        /* links into it from active nodes that do not stand in `order` yet */
    size_t *order;        /* active nodes in the order of the data */
    size_t *first, *last; /* vertices */
    size_t ordered;
};

static size_t index_of(const struct plan *plan, const struct instance *in)
{
    return (size_t)(plan_node(plan, in) - plan->nodes);
}

static bool leads_on(const struct plan *plan, const struct instance *in)
{
    for (size_t i = 0; i < plan->link_count; i++)
        if (plan->links[i].from == in)
            return true;
    return false;
}

static void find_active(struct draft *d)
{
    const struct plan *plan = d->plan;
    bool linked = false, more = true;
    for (size_t i = 0; i < plan->count; i++)
        linked |= instance_is_source(plan->nodes[i].stage) && leads_on(plan, plan->nodes[i].stage);
    for (size_t i = 0; i < plan->count; i++) {
        const struct instance *in = plan->nodes[i].stage;
        d->active[i] = instance_is_source(in) && (!linked || leads_on(plan, in)); /* a source without a link is parked */
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < plan->link_count; i++) {
            const struct link *l = &plan->links[i];
            if (!l->to || !d->active[index_of(plan, l->from)] || d->active[index_of(plan, l->to)])
                continue;
            d->active[index_of(plan, l->to)] = true;
            more = true;
        }
    }
}

static bool one_link_a_port(struct draft *d)
{
    const struct plan *plan = d->plan;
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct link *a = &plan->links[i];
        for (size_t j = 0; j < i; j++) {
            const struct link *b = &plan->links[j];
            bool same = a->to && a->to == b->to && strcmp(a->in, b->in) == 0;
            if (same && d->active[index_of(plan, a->from)] && d->active[index_of(plan, b->from)])
                return plan_refuse(d->error, "both \"%s\" and \"%s\" lead to \"%s\"; expected a merge in front of it",
                                   b->from->name, a->from->name, a->to->name);
        }
    }
    return true;
}

/* ---- step 2: the order ---------------------------------------------------------------------------------------------------------- */

/* Some active nodes wait for each other: names a circle of them. */
static bool name_circle(struct draft *d)
{
    const struct plan *plan = d->plan;
    char way[400];
    size_t at = 0, used = 0;
    while (!d->active[at] || d->waits[at] == 0)
        at++;
    /* Walk against the links, through nodes that wait, until surely inside a circle. */
    for (size_t step = 0; step <= plan->count; step++)
        for (size_t i = 0; i < plan->link_count; i++) {
            const struct link *l = &plan->links[i];
            size_t from = index_of(plan, l->from);
            if (l->to == plan->nodes[at].stage && d->active[from] && d->waits[from] > 0) {
                at = from;
                break;
            }
        }
    size_t start = at;
    way[0] = 0;
    do { /* and once around, still against them: so the way is written from its end */
        char longer[sizeof way];
        snprintf(longer, sizeof longer, "%s%s%.300s", plan->nodes[at].stage->name, used ? " -> " : "", way);
        memcpy(way, longer, sizeof way);
        used++;
        for (size_t i = 0; i < plan->link_count; i++) {
            const struct link *l = &plan->links[i];
            size_t from = index_of(plan, l->from);
            if (l->to == plan->nodes[at].stage && d->active[from] && d->waits[from] > 0) {
                at = from;
                break;
            }
        }
    } while (at != start && used <= plan->count);
    return plan_refuse(d->error, "the links go in a circle: %s -> %.300s", plan->nodes[start].stage->name, way);
}

static void count_waits(struct draft *d)
{
    const struct plan *plan = d->plan;
    for (size_t i = 0; i < plan->link_count; i++)
        if (plan->links[i].to && d->active[index_of(plan, plan->links[i].from)])
            d->waits[index_of(plan, plan->links[i].to)]++;
}

/* Chains stay together: what a stage leads to follows it at once if nothing else leads there. `stack` has room for all nodes. */
static bool put_in_order(struct draft *d, size_t *stack)
{
    const struct plan *plan = d->plan;
    size_t depth = 0, actives = 0;
    for (size_t i = plan->count; i-- > 0;) {
        actives += d->active[i];
        if (d->active[i] && d->waits[i] == 0)
            stack[depth++] = i;
    }
    while (depth) {
        size_t at = stack[--depth];
        d->order[d->ordered++] = at;
        for (size_t i = plan->link_count; i-- > 0;) {
            const struct link *l = &plan->links[i];
            if (l->from == plan->nodes[at].stage && l->to && --d->waits[index_of(plan, l->to)] == 0)
                stack[depth++] = index_of(plan, l->to);
        }
    }
    return d->ordered == actives || name_circle(d);
}

/* ---- step 3: vertices and links ------------------------------------------------------------------------------------------------- */

static bool spread(const struct node *node)
{
    return node->pool && node->lanes > 1;
}

static size_t vertices_of(const struct node *node)
{
    return spread(node) ? node->pool->count + 2 : 1;
}

/* All arrays lie in one block, the largest elements first: an edit's price is mostly that of memory. */
static bool make_arrays(struct draft *d, struct flow *flow)
{
    size_t vertices = 1, links = d->plan->link_count + 1;
    for (size_t i = 0; i < d->plan->count; i++) {
        vertices += vertices_of(&d->plan->nodes[i]);
        links += 2 * vertices_of(&d->plan->nodes[i]);
    }
    flow->links = plat_alloc(links * sizeof *flow->links + vertices * (sizeof(struct instance *) + 4 * sizeof(bool)));
    if (!flow->links)
        return wiring_no_memory(d->error);
    flow->stages = (struct instance **)(flow->links + links);
    flow->alone = (bool *)(flow->stages + vertices);
    flow->marks = flow->alone + vertices;
    flow->turns = flow->marks + vertices;
    flow->scratch = flow->turns + vertices;
    return true;
}

static void add_vertex(struct flow *flow, struct instance *in, bool alone)
{
    flow->stages[flow->count] = in;
    flow->alone[flow->count++] = alone;
}

static void add_link(struct flow *flow, size_t from, size_t out, size_t to, size_t in)
{
    flow->links[flow->link_count++] = (struct flow_link){.from = from, .out = out, .to = to, .in = in};
}

static void add_pool(struct flow *flow, const struct pool *pool)
{
    size_t deal = flow->count, collect = deal + pool->count + 1;
    add_vertex(flow, pool->deal, false);
    for (size_t i = 0; i < pool->count; i++) {
        add_vertex(flow, pool->lanes[i], true);
        add_link(flow, deal, i, deal + 1 + i, 0);
        add_link(flow, deal + 1 + i, 0, collect, i);
    }
    add_vertex(flow, pool->collect, false);
}

static void add_vertices(struct draft *d, struct flow *flow)
{
    for (size_t i = 0; i < d->ordered; i++) {
        const struct node *node = &d->plan->nodes[d->order[i]];
        d->first[d->order[i]] = flow->count;
        if (spread(node))
            add_pool(flow, node->pool);
        else
            add_vertex(flow, node->stage, instance_alone(node->stage) || node->lanes > 1);
        d->last[d->order[i]] = flow->count - 1;
    }
}

/* Ports of an open side are counted in the order of their links. */
static size_t out_number(struct draft *d, size_t link)
{
    const struct link *l = &d->plan->links[link];
    if (!l->from->outs.open)
        return port_find(&l->from->outs, l->out);
    size_t number = 0;
    for (size_t i = 0; i < link; i++)
        number += d->plan->links[i].from == l->from;
    return number;
}

static size_t in_number(struct draft *d, size_t link)
{
    const struct link *l = &d->plan->links[link];
    if (!l->to->ins.open)
        return port_find(&l->to->ins, l->in);
    size_t number = 0;
    for (size_t i = 0; i < link; i++)
        number += d->plan->links[i].to == l->to && d->active[index_of(d->plan, d->plan->links[i].from)];
    return number;
}

static void add_links(struct draft *d, struct flow *flow)
{
    for (size_t i = 0; i < d->plan->link_count; i++) {
        const struct link *l = &d->plan->links[i];
        size_t from = index_of(d->plan, l->from);
        if (!d->active[from])
            continue;
        add_link(flow, d->last[from], out_number(d, i), l->to ? d->first[index_of(d->plan, l->to)] : NO_INDEX,
                 l->to ? in_number(d, i) : 0);
        flow->links[flow->link_count - 1].out_name = l->out;
        flow->links[flow->link_count - 1].in_name = l->in;
    }
}

/* ---- merges by key ---------------------------------------------------------------------------------------------------------------- */

/* Where the chain of single stages that ends with the link begins: at a source, or where ways part or meet. */
static size_t chain_start(const struct flow *flow, size_t link)
{
    size_t at = flow->links[link].from;
    while (!instance_forks(flow->stages[at]) && !instance_begins(flow->stages[at])) {
        size_t in = flow_link_in(flow, at);
        if (in == NO_INDEX)
            return at;
        at = flow->links[in].from;
    }
    return at;
}

/* Links lead from lower numbers to higher ones, so one walk is enough. */
static bool reaches(const struct flow *flow, size_t from, size_t to)
{
    bool *reached = flow->scratch;
    for (size_t v = 0; v < flow->count; v++)
        reached[v] = v == from;
    for (size_t v = from; v < to; v++)
        for (size_t i = 0; reached[v] && i < flow->link_count; i++)
            if (flow->links[i].from == v && flow->links[i].to != NO_INDEX)
                reached[flow->links[i].to] = true;
    return reached[to];
}

/* A split that leads to both, however far. NO_INDEX: they come from different sources. */
static size_t common_split(const struct flow *flow, size_t a, size_t b)
{
    for (size_t v = flow->count; v-- > 0;)
        if (instance_forks(flow->stages[v]) && reaches(flow, v, a) && reaches(flow, v, b))
            return v;
    return NO_INDEX;
}

/* A stage on one of the ways from the split to the merge, all of them straight, that keeps items beyond a turn, as a `loop` does. NULL: none. */
static const struct instance *holder_between(const struct flow *flow, size_t split, size_t merge)
{
    for (size_t i = 0; i < flow->link_count; i++)
        for (size_t at = flow->links[i].to == merge ? flow->links[i].from : split; at != split;
             at = flow->links[flow_link_in(flow, at)].from)
            if (flow->stages[at]->def.holds || flow->stages[at]->shape == SHAPE_LOOP)
                return flow->stages[at];
    return NULL;
}

/* The inputs of a merge by key come from different sources, or each straight from one split. Otherwise it might wait for an item
 * that waits behind one that the merge has no room for. */
static bool check_key_merge(struct draft *d, struct flow *flow, size_t merge)
{
    size_t split = NO_INDEX, straight = 0, ins = 0, last = NO_INDEX;
    for (size_t i = 0; i < flow->link_count; i++) {
        if (flow->links[i].to != merge)
            continue;
        size_t start = chain_start(flow, i);
        for (size_t j = 0; j < i; j++) {
            if (flow->links[j].to != merge)
                continue;
            size_t common = common_split(flow, flow->links[i].from, flow->links[j].from);
            split = common != NO_INDEX ? common : split;
        }
        ins++;
        straight += last == NO_INDEX || last == start;
        last = start;
    }
    if (split == NO_INDEX)
        return true;
    if (straight != ins || last != split || flow->stages[split]->shape == SHAPE_DEAL)
        return plan_refuse(d->error,
                           "\"%s\" merges by key, and some of its inputs come from \"%s\" through other splits, merges or "
                           "pools; expected inputs from different sources, or all of them straight from one split",
                           flow->stages[merge]->name, flow->stages[split]->name);
    const struct instance *holder = holder_between(flow, split, merge);
    if (holder)
        return plan_refuse(
            d->error,
            "\"%s\" holds items between \"%s\" and \"%s\", which merges by key and would get them too late; expected "
            "it in front of the one or behind the other, or a merge in the order of arrival",
            holder->name, flow->stages[split]->name, flow->stages[merge]->name);
    flow->marks[split] = flow->turns[merge] = true;
    return true;
}

static bool check_key_merges(struct draft *d, struct flow *flow)
{
    for (size_t i = 0; i < flow->count; i++)
        if (flow->stages[i]->shape == SHAPE_MERGE && flow->stages[i]->def.order_by == WEIR_BY_KEY &&
            !check_key_merge(d, flow, i))
            return false;
    return true;
}

static bool make_flow(struct draft *d, size_t *stack, struct flow *flow)
{
    find_active(d);
    count_waits(d);
    if (!put_in_order(d, stack) || !one_link_a_port(d) || !make_arrays(d, flow))
        return false;
    add_vertices(d, flow);
    add_links(d, flow);
    return check_key_merges(d, flow);
}

bool plan_flow(const struct plan *plan, struct flow *flow, struct plan_error *error)
{
    struct draft d = {.plan = plan, .error = error};
    *flow = (struct flow){0};
    size_t n = plan->count + 1;
    size_t *numbers = plat_alloc(n * (5 * sizeof *numbers + sizeof *d.active));
    bool ok = false;
    if (numbers) {
        d.active = (bool *)(numbers + 5 * n);
        d.waits = numbers + n;
        d.order = numbers + 2 * n;
        d.first = numbers + 3 * n;
        d.last = numbers + 4 * n;
        ok = make_flow(&d, numbers, flow);
    } else {
        wiring_no_memory(error);
    }
    plat_free(numbers);
    if (!ok)
        flow_free(flow);
    return ok;
}

/* ---- checking ---------------------------------------------------------------------------------------------------------------------- */

static bool check_link(const struct instance *from, const weir_type *type, const struct instance *to, struct plan_error *error)
{
    if (instance_accepts(to, type))
        return true;
    return plan_refuse(error, "the types do not fit: \"%s\" puts out %s, and \"%s\" takes %s", from->name,
                       type ? type->name : "nothing", to->name, to->def.in ? to->def.in->name : "nothing");
}

static bool check_in_port(const struct flow *flow, const struct flow_link *l, const weir_type *type, struct plan_error *error)
{
    const struct instance *to = flow->stages[l->to], *from = flow->stages[l->from];
    const weir_type *own = l->in < to->ins.count ? to->ins.ports[l->in].type : NULL;
    if (!own)
        return check_link(from, type, to, error);
    for (const weir_type *t = type; t; t = t->base)
        if (type_same(own, t) || own == WEIR_ANY)
            return true;
    return plan_refuse(error, "the types do not fit: \"%s\" puts out %s, and the in port \"%s\" of \"%s\" takes %s", from->name,
                       type ? type->name : "nothing", l->in_name, to->name, own->name);
}

/* types[v]: what comes into vertex v, from the links that were looked at so far. A copy is needed where a tee makes one. */
static bool check_links_from(const struct flow *flow, size_t v, const weir_type **types, struct plan_error *error)
{
    const struct instance *in = flow->stages[v];
    if (in->shape == SHAPE_TEE && types[v] && (types[v]->slices || types[v]->destroy) && !types[v]->copy)
        return plan_refuse(error,
                           "\"%s\" is a tee, and items of type %s cannot be copied; expected a type with a copy function",
                           in->name, types[v]->name);
    for (size_t i = 0; i < flow->link_count; i++) {
        const struct flow_link *l = &flow->links[i];
        if (l->from != v || l->to == NO_INDEX)
            continue;
        const weir_type *type = instance_passes_port(in, l->out, types[v]);
        if (!check_in_port(flow, l, type, error))
            return false;
        if (types[l->to] && type && instance_begins(flow->stages[l->to]) && flow->stages[l->to]->ins.open &&
            !type_same(types[l->to], type))
            return plan_refuse(error,
                               "the types do not fit: \"%s\" gets %s and, from \"%s\", %s; expected one type at all inputs",
                               flow->stages[l->to]->name, types[l->to]->name, in->name, type->name);
        types[l->to] = type;
    }
    return true;
}

static bool port_linked(const struct flow *flow, size_t v, size_t port)
{
    for (size_t i = 0; i < flow->link_count; i++)
        if (flow->links[i].from == v && flow->links[i].out == port)
            return true;
    return false;
}

static bool check_outs(const struct flow *flow, size_t v, const weir_type *type, struct plan_error *error)
{
    const struct instance *in = flow->stages[v];
    if (in->outs.open && !port_linked(flow, v, 0))
        return plan_refuse(error, "\"%s\" leads nowhere; expected a link from it, or one that is discarded", in->name);
    for (size_t port = 0; port < in->outs.count; port++) {
        if (port_linked(flow, v, port))
            continue;
        const weir_type *out = instance_passes_port(in, port, type);
        if (in->outs.count == 1 && !in->sink)
            return plan_refuse(error, "\"%s\" puts out %s and leads nowhere; expected a sink at the end", in->name,
                               out ? out->name : "nothing");
        return plan_refuse(
            error,
            "the out port \"%s\" of \"%s\" leads nowhere; expected a link, or that it is discarded (connect it to "
            "\"%s\")",
            in->outs.ports[port].name, in->name, WEIR_DISCARD_NAME);
    }
    return true;
}

static bool check_flow(const struct flow *flow, const weir_type **types, struct plan_error *error)
{
    for (size_t v = 0; v < flow->count; v++)
        if (!check_links_from(flow, v, types, error) || !check_outs(flow, v, types[v], error))
            return false;
    return true;
}

/* Parked stages: what comes to them is not known yet, so that a stage that takes any type fits everywhere. */
static bool check_parked(const struct plan *plan, const struct flow *flow, struct plan_error *error)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct link *l = &plan->links[i];
        if (!l->to || flow_find(flow, l->from) != NO_INDEX)
            continue;
        const weir_type *type = instance_passes(l->from, NULL);
        bool passes = l->from->shape == SHAPE_MAP; /* it may pass on an extension of the type that it asks for */
        if (type && type != WEIR_ANY && !passes && l->from->outs.count < 2 && l->to->ins.count < 2 &&
            !check_link(l->from, type, l->to, error))
            return false;
    }
    return true;
}

static bool check_pools(const struct plan *plan, struct plan_error *error)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].lanes > 1 && !wiring_poolable(plan->nodes[i].stage, error))
            return false;
    return true;
}

static bool has_source(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (instance_is_source(plan->nodes[i].stage))
            return true;
    return false;
}

bool plan_check(const struct plan *plan, struct plan_error *error)
{
    struct flow flow;
    bool ok = plan_check_flow(plan, &flow, error);
    flow_free(&flow);
    return ok;
}

bool plan_check_flow(const struct plan *plan, struct flow *flow, struct plan_error *error)
{
    *flow = (struct flow){0};
    if (plan->count == 0)
        return plan_refuse(error, "the pipeline has no stages; expected a source, functions and a sink");
    if (!has_source(plan))
        return plan_refuse(error, "the pipeline has no source; expected a stage with a pull function first");
    if (!plan_flow(plan, flow, error))
        return false;
    const weir_type **types = plat_alloc((flow->count + 1) * sizeof(const weir_type *));
    bool ok = types ? check_flow(flow, types, error) && check_parked(plan, flow, error) && check_pools(plan, error)
                    : wiring_no_memory(error);
    plat_free(types);
    if (!ok)
        flow_free(flow);
    return ok;
}
