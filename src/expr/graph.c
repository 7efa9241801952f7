/* SPDX-License-Identifier: MIT */
/*
 * graph.c - the model of a pipeline as text. Invariant: a link leads from a stage of the graph, by an out port that the stage
 * has and that no other link leads from; indices only change in complete_source(), which puts a stage in front of all others.
 */
#include "expr/graph.h"

#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "expr/nearest.h"

struct graph *graph_new(void)
{
    return calloc(1, sizeof(struct graph));
}

static void close_stage(const weir_stage *stage)
{
    if (stage->close)
        stage->close(stage->state);
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->stage_count; i++) {
        if (!graph->stages[i].taken)
            close_stage(&graph->stages[i].stage);
        spec_drop(graph->stages[i].spec);
    }
    free(graph->stages);
    free(graph->links);
    free(graph);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

const char *graph_label(const struct graph *graph, size_t i)
{
    return graph->stages[i].spec->label;
}

size_t graph_find(const struct graph *graph, const char *label)
{
    for (size_t i = 0; i < graph->stage_count; i++)
        if (strcmp(graph_label(graph, i), label) == 0)
            return i;
    return GRAPH_NOWHERE;
}

bool graph_is_source(const struct graph *graph, size_t i)
{
    return graph->stages[i].stage.in == NULL;
}

bool graph_is_sink(const struct graph *graph, size_t i)
{
    return graph->stages[i].stage.out == WEIR_NONE;
}

bool graph_is_open(const struct graph *graph, size_t i)
{
    const weir_stage *stage = &graph->stages[i].stage;
    return stage->tee || (stage->route && !stage->outs);
}

static const struct graph_link *link_from(const struct graph *graph, size_t from, const char *out)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].from == from && strcmp(graph->links[i].out, out) == 0)
            return &graph->links[i];
    return NULL;
}

static const struct graph_link *link_into(const struct graph *graph, size_t to, const char *in)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].to == to && strcmp(graph->links[i].in, in) == 0)
            return &graph->links[i];
    return NULL;
}

static bool leads_somewhere(const struct graph *graph, size_t from)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].from == from)
            return true;
    return false;
}

static bool is_led_to(const struct graph *graph, size_t to)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].to == to)
            return true;
    return false;
}

/* The names of a stage's ports that have fixed ones; "dead" is the last way out. How many; all that fit. */
#define PORTS_MAX 16
static size_t fixed_ports(const weir_stage *stage, bool out, const char *names[PORTS_MAX])
{
    const weir_port *list = out ? stage->outs : stage->ins;
    bool open = out ? stage->tee || (stage->route && !list) : stage->merge && !list;
    bool none = out ? stage->out == WEIR_NONE : stage->in == NULL;
    size_t count = 0;
    for (; list && list[count].name && count < PORTS_MAX - 1; count++)
        names[count] = list[count].name;
    if (!list && !open && !none)
        names[count++] = out ? "out" : "in";
    if (out && stage->on_error == WEIR_DEAD)
        names[count++] = "dead";
    return count;
}

static bool has_port(const weir_stage *stage, bool out, const char *name)
{
    const char *names[PORTS_MAX];
    size_t count = fixed_ports(stage, out, names);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return out ? stage->tee || (stage->route && !stage->outs) : stage->merge && !stage->ins;
}

const char *graph_loose(const struct graph *graph, size_t i, size_t n)
{
    const char *names[PORTS_MAX];
    size_t count = fixed_ports(&graph->stages[i].stage, true, names);
    if (graph_is_open(graph, i) && !leads_somewhere(graph, i))
        return n == 0 ? "1" : NULL;
    for (size_t port = 0; port < count; port++)
        if (!link_from(graph, i, names[port]) && n-- == 0)
            return names[port];
    return NULL;
}

static void list_ports(const weir_stage *stage, bool out, char *list, size_t size)
{
    const char *names[PORTS_MAX];
    size_t count = fixed_ports(stage, out, names), used = 0;
    snprintf(list, size, "none");
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "", names[i]);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    void *grown = realloc(array, wanted * size);
    if (grown)
        *capacity = wanted;
    return grown;
}

size_t graph_add(struct graph *graph, struct spec *spec, const weir_stage *stage, struct expr_error *error)
{
    struct graph_stage *stages = grow(graph->stages, graph->stage_count, &graph->stage_capacity, sizeof *stages);
    if (!stages) {
        close_stage(stage);
        spec_drop(spec);
        expr_refuse_memory(error);
        return GRAPH_NOWHERE;
    }
    graph->stages = stages;
    stages[graph->stage_count] = (struct graph_stage){.spec = spec, .stage = *stage};
    return graph->stage_count++;
}

static bool label_used(const struct graph *graph, const char *label)
{
    return graph_find(graph, label) != GRAPH_NOWHERE;
}

int graph_give_labels(struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->stage_count; i++) {
        const struct graph_stage *stage = &graph->stages[i];
        if (*stage->spec->label && graph_find(graph, stage->spec->label) != i)
            return expr_refuse(error, stage->offset, stage->length, "%s: as: another stage is called \"%s\" already",
                               stage->spec->builtin->name, stage->spec->label);
    }
    for (size_t i = 0; i < graph->stage_count; i++) {
        struct spec *spec = graph->stages[i].spec;
        if (*spec->label)
            continue;
        char label[LABEL_SIZE];
        snprintf(label, sizeof label, "%s", spec->builtin->name);
        for (unsigned n = 2; label_used(graph, label); n++)
            snprintf(label, sizeof label, "%.48s%u", spec->builtin->name, n);
        memcpy(spec->label, label, sizeof label);
    }
    return 0;
}

weir_stage graph_take(struct graph *graph, size_t i, const char *label)
{
    struct graph_stage *stage = &graph->stages[i];
    if (label && label != stage->spec->label)
        snprintf(stage->spec->label, LABEL_SIZE, "%s", label);
    weir_stage taken = stage->stage;
    taken.name = stage->spec->label;
    stage->taken = true;
    return taken;
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

/* A number that no port of the stage has as its name; "ports" are those that links say. */
static void free_port(const struct graph *graph, size_t stage, bool out, char port[PORT_SIZE])
{
    char name[PORT_SIZE]; /* `port` may be that of a link that is looked at */
    unsigned n = 0;
    do
        snprintf(name, sizeof name, "%u", ++n);
    while (out ? link_from(graph, stage, name) : link_into(graph, stage, name));
    memcpy(port, name, sizeof name);
}

/* The way out that has not been used yet, if there is one only; the dead letters' is not meant. */
static int choose_out(const struct graph *graph, struct graph_link *link, struct expr_error *error)
{
    const weir_stage *stage = &graph->stages[link->from].stage;
    const char *names[PORTS_MAX], *found = NULL;
    size_t count = fixed_ports(stage, true, names);
    if (graph_is_open(graph, link->from)) {
        free_port(graph, link->from, true, link->out);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (link_from(graph, link->from, names[i]) || (strcmp(names[i], "dead") == 0 && stage->on_error == WEIR_DEAD))
            continue;
        if (found)
            return expr_refuse(error, link->offset, link->length,
                               "%s: which way out is meant, %s or %s? Write { %s: ... ; %s: ... } behind the stage",
                               graph_label(graph, link->from), found, names[i], found, names[i]);
        found = names[i];
    }
    /* Nothing can follow a sink: who hands the stages over says so. In a text they may stand so. */
    if (!found && !graph_is_sink(graph, link->from))
        return expr_refuse(error, link->offset, link->length, "%s: all its ways out lead somewhere already",
                           graph_label(graph, link->from));
    snprintf(link->out, PORT_SIZE, "%s", found ? found : "out");
    return 0;
}

static bool is_port_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < PORT_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* The stage of a port, for messages: its label is not given yet while an expression is being read. */
static const char *title(const struct graph *graph, size_t i)
{
    return *graph_label(graph, i) ? graph_label(graph, i) : graph->stages[i].spec->builtin->name;
}

static int check_port(const struct graph *graph, size_t stage, bool out, const char *port, const struct graph_link *link,
                      struct expr_error *error)
{
    char list[200];
    if (!is_port_name(port))
        return expr_refuse(error, link->offset, link->length,
                           "%s: \"%s\" cannot be a port; its name has 1 to %d letters, digits, - or _", title(graph, stage),
                           port, PORT_SIZE - 1);
    if (has_port(&graph->stages[stage].stage, out, port))
        return 0;
    list_ports(&graph->stages[stage].stage, out, list, sizeof list);
    return expr_refuse(error, link->offset, link->length, "%s: there is no %s port \"%s\"; expected one of: %s%s",
                       title(graph, stage), out ? "out" : "in", port, list,
                       out && strcmp(port, "dead") == 0 ? " (on_error=dead makes a port dead)" : "");
}

int graph_link(struct graph *graph, size_t from, const char *out, size_t to, const char *in, size_t offset, size_t length,
               struct expr_error *error)
{
    struct graph_link link = {.from = from, .to = to, .offset = offset, .length = length};
    struct graph_link *links = grow(graph->links, graph->link_count, &graph->link_capacity, sizeof *links);
    if (!links)
        return expr_refuse_memory(error);
    graph->links = links;
    if (!*out && choose_out(graph, &link, error) != 0)
        return -1;
    if (*out && check_port(graph, from, true, out, &link, error) != 0)
        return -1;
    if (to < GRAPH_DISCARD && *in && check_port(graph, to, false, in, &link, error) != 0)
        return -1;
    if (*out && link_from(graph, from, out))
        return expr_refuse(error, offset, length, "%s: the port \"%s\" leads somewhere already", title(graph, from), out);
    if (*out)
        snprintf(link.out, sizeof link.out, "%s", out);
    snprintf(link.in, sizeof link.in, "%s", to < GRAPH_DISCARD ? in : "");
    links[graph->link_count++] = link;
    return 0;
}

int graph_leave(struct graph *graph, size_t from, const char *out, size_t offset, size_t length, struct expr_error *error)
{
    struct graph_link link = {.from = from, .offset = offset, .length = length};
    if (*out && check_port(graph, from, true, out, &link, error) != 0)
        return -1;
    if (*out && link_from(graph, from, out))
        return expr_refuse(error, offset, length, "%s: the port \"%s\" leads somewhere already", title(graph, from), out);
    if (!*out && graph_is_sink(graph, from))
        return expr_refuse(error, offset, length, "nothing can follow \"%s\", which is a sink", title(graph, from));
    graph->stages[from].to_nowhere = true;
    return 0;
}

static int refuse_label(const struct graph *graph, const char *label, size_t offset, size_t length, struct expr_error *error)
{
    struct nearest nearest = {.asked = label, .asked_len = strlen(label)};
    for (size_t i = 0; i < graph->stage_count; i++)
        nearest_offer(&nearest, graph_label(graph, i));
    if (nearest.best)
        return expr_refuse(error, offset, length, "no stage has the label \"%s\"; did you mean \"%s\"?", label, nearest.best);
    return expr_refuse(error, offset, length, "no stage has the label \"%s\"; as=%s would give it to one", label, label);
}

int graph_link_to(struct graph *graph, size_t from, const char *out, const char *target, size_t offset, size_t length,
                  struct expr_error *error)
{
    char label[256];
    size_t label_len = strcspn(target, ":");
    const char *in = target[label_len] ? target + label_len + 1 : "";
    size_t copied = label_len < sizeof label ? label_len : sizeof label - 1;
    memcpy(label, target, copied);
    label[copied] = 0;
    if (strcmp(target, "discard") == 0)
        return graph_link(graph, from, out, GRAPH_DISCARD, "", offset, length, error);
    if (strcmp(target, "nowhere") == 0)
        return graph_leave(graph, from, out, offset, length, error);
    size_t to = graph_find(graph, label);
    if (to == GRAPH_NOWHERE)
        return refuse_label(graph, label, offset, length, error);
    return graph_link(graph, from, out, to, in, offset, length, error);
}

char *graph_from(const struct graph *graph, const struct graph_link *link, char place[PLACE_SIZE])
{
    bool plain = !graph_is_open(graph, link->from) && strcmp(link->out, "out") == 0;
    snprintf(place, PLACE_SIZE, plain ? "%s" : "%s:%s", graph_label(graph, link->from), link->out);
    return place;
}

char *graph_to(const struct graph *graph, const struct graph_link *link, char place[PLACE_SIZE])
{
    if (link->to == GRAPH_DISCARD)
        return strcpy(place, WEIR_DISCARD);
    bool plain = strcmp(link->in, "in") == 0 && !graph->stages[link->to].stage.merge;
    snprintf(place, PLACE_SIZE, plain ? "%s" : "%s:%s", graph_label(graph, link->to), link->in);
    return place;
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

/* The only way in of a stage that is not a merge: several may lead to it, as long as only one does so with data. */
static void name_in_port(struct graph *graph, struct graph_link *link)
{
    const char *names[PORTS_MAX];
    const weir_stage *stage = &graph->stages[link->to].stage;
    if (stage->merge && !stage->ins)
        free_port(graph, link->to, false, link->in);
    else
        snprintf(link->in, PORT_SIZE, "%s", fixed_ports(stage, false, names) ? names[0] : "in");
}

/* The sink for the letters of stage i, which has the label of the stage with ".dead" behind it. */
static size_t add_letters(struct graph *graph, size_t i, struct expr_error *error)
{
    char label[LABEL_SIZE];
    snprintf(label, sizeof label, "%.58s.dead", graph_label(graph, i));
    struct written written = {.builtin = builtin_find("letters"), .end_offset = graph->stages[i].offset};
    if (label_used(graph, label))
        return expr_refuse(error, graph->stages[i].offset, graph->stages[i].length,
                           "%s: dead: the sink for its letters would be called \"%s\", and another stage is",
                           graph_label(graph, i), label),
               GRAPH_NOWHERE;
    written.own[0].text = graph->stages[i].spec->general[GENERAL_DEAD];
    struct spec *spec;
    weir_stage stage;
    if (spec_new(&written, &spec, &stage, error) != 0)
        return GRAPH_NOWHERE;
    memcpy(spec->label, label, sizeof label);
    return graph_add(graph, spec, &stage, error);
}

static int settle_dead(struct graph *graph, size_t i, struct expr_error *error)
{
    const struct graph_link *link = link_from(graph, i, "dead");
    size_t offset = graph->stages[i].offset, length = graph->stages[i].length;
    size_t sink = link ? link->to : add_letters(graph, i, error);
    if (sink == GRAPH_NOWHERE)
        return -1;
    if (sink == GRAPH_DISCARD || strcmp(graph->stages[sink].spec->builtin->name, "letters") != 0)
        return expr_refuse(error, link->offset, link->length,
                           "%s: dead= leads the port \"dead\" to a file, and it leads somewhere else already",
                           graph_label(graph, i));
    graph->stages[sink].hidden = true;
    graph->stages[sink].offset = offset;
    graph->stages[sink].length = length;
    return link ? 0 : graph_link(graph, i, "dead", sink, "in", offset, length, error);
}

int graph_settle(struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].to < GRAPH_DISCARD && !*graph->links[i].in)
            name_in_port(graph, &graph->links[i]);
    for (size_t i = 0, count = graph->stage_count; i < count; i++)
        if (graph->stages[i].spec->general[GENERAL_DEAD] && settle_dead(graph, i, error) != 0)
            return -1;
    return 0;
}

/* ---- completing -------------------------------------------------------------------------------------------------- */

/* The first stage that nothing leads to without saying so: the first of all, mostly. */
static size_t first_stage(const struct graph *graph)
{
    size_t i = 0;
    while (i < graph->stage_count && graph->stages[i].from_nowhere)
        i++;
    return i;
}

/* Puts the stage that was added last in front of all others. */
static void rotate(struct graph *graph)
{
    struct graph_stage last = graph->stages[graph->stage_count - 1];
    memmove(graph->stages + 1, graph->stages, (graph->stage_count - 1) * sizeof *graph->stages);
    graph->stages[0] = last;
    for (size_t i = 0; i < graph->link_count; i++) {
        struct graph_link *link = &graph->links[i];
        link->from = (link->from + 1) % graph->stage_count;
        link->to = link->to < GRAPH_DISCARD ? (link->to + 1) % graph->stage_count : link->to;
    }
}

static size_t add_standard(struct graph *graph, const char *name, struct expr_error *error)
{
    size_t i = graph_add_text(graph, "", name, strcmp(name, "stdin") == 0, error);
    return i != GRAPH_NOWHERE && graph_give_labels(graph, error) != 0 ? GRAPH_NOWHERE : i;
}

static int complete_source(struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->stage_count; i++)
        if (graph_is_source(graph, i))
            return 0;
    size_t first = first_stage(graph);
    if (first == graph->stage_count)
        return expr_refuse(error, graph->stages[0].offset, graph->stages[0].length,
                           "nowhere leads to \"%s\", and there is no source; a pipeline needs one", graph_label(graph, 0));
    if (add_standard(graph, "stdin", error) == GRAPH_NOWHERE)
        return -1;
    rotate(graph);
    if (graph_link(graph, 0, "out", first + 1, "", 0, 0, error) != 0)
        return -1;
    name_in_port(graph, &graph->links[graph->link_count - 1]);
    return 0;
}

/* The ways out that lead nowhere and are not meant to, all but the dead letters': how many, and the first two. */
static size_t open_ends(const struct graph *graph, size_t i, const char *ends[2])
{
    size_t open = 0;
    const char *port;
    bool dead = graph->stages[i].stage.on_error == WEIR_DEAD;
    for (size_t n = 0; !graph->stages[i].to_nowhere && (port = graph_loose(graph, i, n)); n++)
        if (!dead || strcmp(port, "dead") != 0)
            ends[open++ < 1 ? 0 : 1] = port;
    return open;
}

static int check_dead(const struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->stage_count; i++)
        if (graph->stages[i].stage.on_error == WEIR_DEAD && !graph->stages[i].to_nowhere && !link_from(graph, i, "dead"))
            return expr_refuse(error, graph->stages[i].offset, graph->stages[i].length,
                               "%s: its port \"dead\" leads nowhere; write dead=FILE, or { dead: ... } behind the stage",
                               graph_label(graph, i));
    return 0;
}

static int refuse_ends(const struct graph *graph, size_t a, const char *a_port, size_t b, const char *b_port,
                       struct expr_error *error)
{
    const struct graph_stage *stage = &graph->stages[b];
    return expr_refuse(error, stage->offset, stage->length,
                       "both \"%s\" (port %s) and \"%s\" (port %s) lead nowhere, and standard output is for one end only; say "
                       "where they lead, or write discard",
                       graph_label(graph, a), a_port, graph_label(graph, b), b_port);
}

static int complete_sink(struct graph *graph, struct expr_error *error)
{
    size_t end = GRAPH_NOWHERE;
    const char *ends[2], *port = NULL;
    for (size_t i = 0; i < graph->stage_count; i++) {
        size_t open = open_ends(graph, i, ends);
        if (open > 1)
            return refuse_ends(graph, i, ends[0], i, ends[1], error);
        if (open && end != GRAPH_NOWHERE)
            return refuse_ends(graph, end, port, i, ends[0], error);
        if (open) {
            end = i;
            port = ends[0];
        }
    }
    if (end == GRAPH_NOWHERE)
        return 0;
    size_t sink = add_standard(graph, "stdout", error);
    return sink == GRAPH_NOWHERE ? -1 : graph_link(graph, end, port, sink, "in", 0, 0, error);
}

/* A source that leads nowhere on purpose has no links, and so parks nothing but itself. */
static void find_parked(struct graph *graph)
{
    for (size_t i = 0; i < graph->stage_count; i++)
        graph->stages[i].parked = !graph_is_source(graph, i) || (graph->stages[i].to_nowhere && !leads_somewhere(graph, i));
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < graph->link_count; i++) {
            const struct graph_link *link = &graph->links[i];
            if (link->to >= GRAPH_DISCARD || graph->stages[link->from].parked || !graph->stages[link->to].parked)
                continue;
            graph->stages[link->to].parked = false;
            more = true;
        }
    }
}

/* Another link into the same port, or NULL. Links from parked stages are in nobody's way. */
static const struct graph_link *rival(const struct graph *graph, const struct graph_link *link)
{
    for (const struct graph_link *other = graph->links; other != link; other++)
        if (link->to < GRAPH_DISCARD && other->to == link->to && strcmp(other->in, link->in) == 0 &&
            !graph->stages[link->from].parked && !graph->stages[other->from].parked)
            return other;
    return NULL;
}

static int check_links(const struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->link_count; i++) {
        const struct graph_link *link = &graph->links[i];
        if (graph_is_sink(graph, link->from) && !has_port(&graph->stages[link->from].stage, true, link->out))
            return expr_refuse(error, link->offset, link->length, "nothing can follow \"%s\", which is a sink",
                               graph_label(graph, link->from));
        if (link->to < GRAPH_DISCARD && graph_is_source(graph, link->to))
            return expr_refuse(error, link->offset, link->length,
                               "\"%s\" is a source: nothing can lead there; to bring two together, lead both into a merge",
                               graph_label(graph, link->to));
        const struct graph_link *other = rival(graph, link);
        if (other)
            return expr_refuse(
                error, link->offset, link->length,
                "both \"%s\" and \"%s\" lead into \"%s\", which has one way in; lead them into a merge in front of it",
                graph_label(graph, other->from), graph_label(graph, link->from), graph_label(graph, link->to));
    }
    return 0;
}

static int check_heads(const struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->stage_count; i++) {
        const struct graph_stage *stage = &graph->stages[i];
        bool led_to = is_led_to(graph, i);
        if (!graph_is_source(graph, i) && !led_to && !stage->from_nowhere)
            return expr_refuse(
                error, stage->offset, stage->length,
                "nothing leads to \"%s\"; begin with a source, lead there with -> %s, or write nowhere | in front "
                "if that is meant",
                graph_label(graph, i), graph_label(graph, i));
        if (led_to && stage->from_nowhere)
            return expr_refuse(error, stage->offset, stage->length,
                               "nowhere leads to \"%s\", as it is written, and something else does, too",
                               graph_label(graph, i));
    }
    return 0;
}

int graph_complete(struct graph *graph, struct expr_error *error)
{
    if (complete_source(graph, error) != 0)
        return -1;
    find_parked(graph);
    return check_links(graph, error) != 0 || check_heads(graph, error) != 0 || check_dead(graph, error) != 0 ||
                   complete_sink(graph, error) != 0
               ? -1
               : 0;
}
