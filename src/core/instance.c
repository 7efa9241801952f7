/* SPDX-License-Identifier: MIT */
/*
 * Stages as the engine keeps them, and the rules by which types fit. What is decided here is decided before anything runs: the
 * data path never asks again.
 */
#include "core/crew.h"

#include <stdio.h>
#include <string.h>

#define PORT_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* ---- types --------------------------------------------------------------------------------------------------------------- */

static bool copy_bytes(weir_bytes *to, const weir_bytes *from, weir_out *out)
{
    char *data = from->len ? weir_alloc(out, from->len) : (char[1]){0};
    if (!data)
        return false;
    if (from->len)
        memcpy(data, from->data, from->len);
    *to = (weir_bytes){from->len ? data : NULL, from->len};
    return true;
}

static int copy_line(void *to, const void *from, weir_out *out)
{
    return copy_bytes(to, from, out) ? 0 : -1;
}

/* What points into the old text points into the new one; the rest gets a copy of its own. */
static const char *moved(const weir_record *from, const weir_record *to, const char *p, size_t len, weir_out *out)
{
    if (p >= from->text.data && p <= from->text.data + from->text.len)
        return to->text.data + (p - from->text.data);
    weir_bytes copy;
    return len == 0 ? "" : copy_bytes(&copy, &(weir_bytes){(char *)(uintptr_t)p, len}, out) ? copy.data : NULL;
}

static int copy_record(void *to, const void *from, weir_out *out)
{
    const weir_record *a = from;
    weir_record *b = to;
    if (!copy_bytes(&b->text, &a->text, out))
        return -1;
    b->count = a->count;
    b->fields = a->count ? weir_alloc(out, a->count * sizeof *a->fields) : NULL;
    if (a->count && !b->fields)
        return -1;
    for (uint32_t i = 0; i < a->count; i++) {
        weir_field *f = &b->fields[i];
        *f = a->fields[i];
        f->name = moved(a, b, f->name, f->name_len, out);
        f->value = moved(a, b, f->value, f->value_len, out);
        if (!f->name || !f->value)
            return -1;
    }
    return 0;
}

static int copy_letter(void *to, const void *from, weir_out *out)
{
    const weir_letter *a = from;
    weir_letter *b = to;
    *b = *a;
    bool ok =
        copy_bytes(&b->item, &a->item, out) && copy_bytes(&b->stage, &a->stage, out) && copy_bytes(&b->reason, &a->reason, out);
    return ok ? 0 : -1;
}

static bool equal_bytes(const void *a, const void *b)
{
    const weir_bytes *x = a, *y = b;
    return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
}

const weir_type weir_type_any = {.name = "any"};
const weir_type weir_type_none = {.name = "none"};
const weir_type weir_type_bytes = {.name = "bytes",
                                   .size = sizeof(weir_bytes),
                                   .align = _Alignof(weir_bytes),
                                   .slices = true,
                                   .copy = copy_line,
                                   .equal = equal_bytes};
const weir_type weir_type_record = {.name = "record",
                                    .size = sizeof(weir_record),
                                    .align = _Alignof(weir_record),
                                    .base = &weir_type_bytes,
                                    .slices = true,
                                    .copy = copy_record,
                                    .equal = equal_bytes};
const weir_type weir_type_letter = {.name = "letter",
                                    .size = sizeof(weir_letter),
                                    .align = _Alignof(weir_letter),
                                    .base = &weir_type_bytes,
                                    .slices = true,
                                    .copy = copy_letter,
                                    .equal = equal_bytes};
const weir_type weir_type_i64 = {.name = "i64", .size = sizeof(int64_t), .align = _Alignof(int64_t)};
const weir_type weir_type_f64 = {.name = "f64", .size = sizeof(double), .align = _Alignof(double)};

bool type_same(const weir_type *a, const weir_type *b)
{
    return a == b || (a && b && a->size == b->size && strcmp(a->name, b->name) == 0);
}

static const char *shape_error(const weir_stage *s)
{
    int shapes = !!s->map + !!s->each + !!s->batch + !!s->pull + !!s->route + !!s->loop + s->tee + s->merge;
    if (shapes != 1)
        return shapes ? "has more than one of map, each, batch, pull, route, loop, tee and merge; expected exactly one"
                      : "has none of map, each, batch, pull, route, loop, tee and merge; expected exactly one";
    if (s->pull && s->in)
        return "is a source (pull) and has an input type; expected in = NULL";
    if (!s->pull && !s->loop && !s->in)
        return "has no input type; expected `in`, or a pull function for a source";
    bool source = s->pull || (s->loop && !s->in);
    if (source && (!s->out || s->out == WEIR_NONE || s->out == WEIR_ANY))
        return "is a source and does not say the type that it puts out; expected `out`";
    if (s->batch_end && !s->map && !s->each)
        return "has a batch_end beside a batch or pull function; expected it beside map or each";
    return NULL;
}

/* Of a stage that runs as tasks on a loop. */
static const char *loop_error(const weir_stage *s)
{
    if (!s->loop)
        return s->concurrency || s->stack_bytes ? "says concurrency or stack_bytes and has no loop function" : NULL;
    if (!crew_runtime)
        return "has a loop function, and the program has nothing that runs it; expected it to be linked with libweir-async";
    if (s->in == WEIR_ANY)
        return "has a loop function and takes any type; expected the type that it receives";
    if (s->concurrency > TASKS_MAX)
        return "wants more than 100,000 tasks; expected at most that as `concurrency`";
    if (s->lanes > 1 || s->key)
        return "has a loop function, and lanes or a key; expected `concurrency` instead";
    if (s->blocking || s->interrupt || s->timeout_ms)
        return "has a loop function, and blocking, interrupt or timeout_ms; its tasks wait, and set themselves a weir_timeout";
    if (s->tick || s->batch_end)
        return "has a loop function, and a tick or batch_end; expected a task that sleeps";
    if (s->on_error == WEIR_DEAD && !s->in)
        return "is a source and sends failed items to the port \"dead\"; it has none";
    return NULL;
}

/* What goes only with something else. */
static const char *company_error(const weir_stage *s)
{
    if ((s->order_by == WEIR_BY_KEY) != (s->order != NULL) || (s->order && !s->merge))
        return "says order_by or order without the other, or is no merge; expected order_by = WEIR_BY_KEY, order, and merge";
    if (s->on_error == WEIR_DEAD && (s->pull || s->tee || s->merge || (s->route && !s->outs)))
        return "sends failed items to the port \"dead\" and is a source, a tee, a merge or a route of links, which has no such "
               "port";
    if (s->lanes > PORTS_MAX)
        return "wants more than 64 lanes; expected at most 64";
    if (s->lanes > 1 && !s->map && !s->each && !s->batch)
        return "wants lanes and is a source, a route, a tee or a merge; expected map, each or batch";
    if (s->lanes > 1 && (s->ins || s->outs || s->on_error == WEIR_DEAD))
        return "wants lanes and has several ports; expected one way in and one way out";
    if (s->lanes > 1 && s->holds && !s->key)
        return "wants lanes and holds items; expected a `key`, so that each lane holds its own";
    if (s->holds && !s->flush && !s->take_over)
        return "holds items and has neither flush nor take_over; expected one of them, so that the items are not lost";
    if (s->take_over && !s->state_type)
        return "has take_over and no state_type; expected a state_type, which says whose state it can take";
    if (s->timeout_ms && !(s->blocking && s->interrupt))
        return "has timeout_ms and cannot be interrupted; expected blocking = true and an interrupt function";
    if (s->retry.jitter_percent > 100)
        return "has a jitter of more than 100 percent";
    return NULL;
}

static const char *type_error(const weir_stage *s)
{
    if (s->in == WEIR_NONE || s->out == WEIR_ANY)
        return "takes none or puts out any; expected a type of items";
    if ((s->map || s->batch) && s->out && s->out != WEIR_NONE && !type_same(s->in, s->out))
        return "changes items in place (map or batch) and says another type for out than for in; expected `each` for that";
    bool keeps = s->route || s->tee || s->merge;
    if (keeps && s->out)
        return "passes items on as they are (route, tee or merge) and says `out`; expected none";
    bool emits = s->each || s->loop || s->flush || s->tick;
    if (emits && s->out != WEIR_NONE && !s->out && s->in == WEIR_ANY)
        return "puts out new items and takes any type; expected `out` to say their type";
    const weir_type *sized[] = {s->in, s->out};
    for (size_t i = 0; i < 2; i++)
        if (sized[i] && sized[i] != WEIR_ANY && sized[i] != WEIR_NONE && (!sized[i]->size || sized[i]->align > 64))
            return "has a type of size 0 or with an alignment over 64";
    return NULL;
}

static const char *port_error(const weir_port *ports)
{
    size_t n = 0;
    for (; ports && ports[n].name; n++) {
        size_t len = strlen(ports[n].name);
        if (len < 1 || len >= PORT_NAME_SIZE || strspn(ports[n].name, PORT_LETTERS) != len)
            return "has a port whose name is not 1 to 31 letters, digits, - or _";
        for (size_t i = 0; i < n; i++)
            if (strcmp(ports[i].name, ports[n].name) == 0)
                return "has two ports of one name";
    }
    return n >= PORTS_MAX ? "has more than 63 ports on one side" : NULL;
}

static const char *ports_error(const weir_stage *s)
{
    if (s->outs && (s->tee || s->merge || s->batch || s->map))
        return "has `outs` and puts out items in place; expected them beside each, pull or route";
    if (s->ins && (s->tee || s->route || s->merge || !s->in))
        return "has `ins` and is a route, tee, merge or source; expected them beside map, each or batch";
    const char *error = port_error(s->ins);
    return error ? error : port_error(s->outs);
}

static const char *stage_error(const weir_stage *s)
{
    if (!s->name || !*s->name || strlen(s->name) > 63)
        return "has no name, or one of more than 63 bytes";
    if (strchr(s->name, ':'))
        return "has a colon in its name; it stands between a stage and its port";
    const char *error = shape_error(s);
    if (!error)
        error = loop_error(s);
    if (!error)
        error = company_error(s);
    if (!error)
        error = ports_error(s);
    return error ? error : type_error(s);
}

static const weir_type *emitted_type(const weir_stage *s)
{
    if (s->out == WEIR_NONE)
        return NULL;
    return s->out ? s->out : s->in == WEIR_ANY ? NULL : s->in;
}

static enum shape shape_of(const weir_stage *s)
{
    return s->pull    ? SHAPE_PULL
           : s->loop  ? SHAPE_LOOP
           : s->each  ? SHAPE_EACH
           : s->batch ? SHAPE_BATCH
           : s->route ? SHAPE_ROUTE
           : s->tee   ? SHAPE_TEE
           : s->merge ? SHAPE_MERGE
                      : SHAPE_MAP;
}

static size_t port_count(const weir_port *ports)
{
    size_t n = 0;
    while (ports && ports[n].name)
        n++;
    return n;
}

/* One port, without memory of its own. */
static void one_port(struct port_list *list, struct port *place, const char *name)
{
    list->ports = place;
    list->count = name ? 1 : 0;
    if (name)
        memcpy(place->name, name, strlen(name) + 1);
}

/* With a place to spare for the port "dead". */
static bool many_ports(struct port_list *list, const weir_port *ports)
{
    list->count = port_count(ports);
    list->ports = plat_alloc((list->count + 2) * sizeof *list->ports);
    for (size_t i = 0; list->ports && i < list->count; i++) {
        memcpy(list->ports[i].name, ports[i].name, strlen(ports[i].name) + 1);
        list->ports[i].type = ports[i].type;
    }
    return list->ports != NULL;
}

static bool make_outs(struct instance *in)
{
    size_t outs = in->outs.open ? PORTS_MAX : in->outs.count ? in->outs.count : 1;
    in->out = outs == 1 ? &in->one : plat_alloc(outs * sizeof *in->out);
    for (size_t i = 0; in->out && i < outs; i++) {
        const weir_type *own = i < in->outs.count ? in->outs.ports[i].type : NULL;
        in->out[i] = (struct weir_out){.type = own ? own : in->emits, .ports = in->out, .port_count = outs};
    }
    return in->out != NULL;
}

static bool make_ports(struct instance *in)
{
    const weir_stage *s = &in->def;
    in->dead = PORTS_MAX;
    in->ins.open = in->shape == SHAPE_MERGE || in->shape == SHAPE_COLLECT;
    in->outs.open = in->shape == SHAPE_TEE || in->shape == SHAPE_DEAL || (in->shape == SHAPE_ROUTE && !s->outs);
    one_port(&in->ins, &in->few[0], !s->in || in->ins.open ? NULL : "in");
    one_port(&in->outs, &in->few[1], in->sink || in->outs.open ? NULL : "out");
    if ((s->ins && !many_ports(&in->ins, s->ins)) || (s->outs && !many_ports(&in->outs, s->outs)))
        return false;
    if (s->on_error == WEIR_DEAD && !in->outs.open) {
        in->dead = in->outs.count++;
        in->outs.ports[in->dead] = (struct port){.name = "dead", .type = WEIR_LETTER};
    }
    in->def.ins = in->def.outs = NULL; /* the author's, and copied */
    return make_outs(in);
}

static struct instance *new_shape(const weir_stage *stage, enum shape shape)
{
    struct instance *in = plat_alloc(sizeof *in);
    if (!in)
        return NULL;
    in->def = *stage;
    memcpy(in->name, stage->name, strlen(stage->name) + 1);
    in->def.name = in->name;
    in->shape = shape;
    in->sink = stage->out == WEIR_NONE;
    in->emits = emitted_type(stage);
    in->lanes = 1;
    in->chief = in;
    if (in->def.recipe)
        in->def.recipe->share(in->def.recipe);
    if (make_ports(in))
        return in;
    instance_free(in);
    return NULL;
}

struct instance *instance_new(const weir_stage *stage, char *error, size_t size, bool *no_memory)
{
    *no_memory = false;
    const char *wrong = stage_error(stage);
    if (wrong) {
        snprintf(error, size, "stage \"%.80s\" %s", stage->name ? stage->name : "", wrong);
        return NULL;
    }
    struct instance *in = new_shape(stage, shape_of(stage));
    if (!in) {
        *no_memory = true;
        snprintf(error, size, "no memory for stage \"%s\"", stage->name);
    }
    return in;
}

struct instance *instance_new_end(const struct instance *chief, enum shape shape)
{
    weir_stage stage = {.name = chief->name, .in = WEIR_ANY, .state = chief->def.state};
    if (shape == SHAPE_DEAL)
        stage.key = chief->def.key;
    struct instance *in = new_shape(&stage, shape);
    if (in)
        in->chief = chief;
    return in;
}

void instance_free(struct instance *in)
{
    if (!in)
        return;
    if (in->def.recipe)
        in->def.recipe->drop(in->def.recipe);
    crew_free(in->crew);
    plat_free(in->heir_of);
    if (in->ins.ports != &in->few[0])
        plat_free(in->ins.ports);
    if (in->outs.ports != &in->few[1])
        plat_free(in->outs.ports);
    if (in->out != &in->one)
        plat_free(in->out);
    plat_free(in);
}

size_t port_find(const struct port_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->ports[i].name, name) == 0)
            return i;
    return PORTS_MAX;
}

bool instance_is_source(const struct instance *in)
{
    return in->shape == SHAPE_PULL || (in->shape == SHAPE_LOOP && !in->def.in);
}

bool instance_begins(const struct instance *in)
{
    return in->ins.open || in->ins.count > 1;
}

bool instance_forks(const struct instance *in)
{
    return in->outs.open || in->outs.count > 1 || (in->sink && in->outs.count > 0);
}

const weir_type *instance_passes_port(const struct instance *in, size_t port, const weir_type *type)
{
    if (port < in->outs.count && in->outs.ports[port].type)
        return in->outs.ports[port].type;
    return instance_passes(in, type);
}

const weir_type *instance_passes(const struct instance *in, const weir_type *type)
{
    if (in->sink)
        return NULL;
    if (in->shape == SHAPE_PULL || in->shape == SHAPE_EACH || in->shape == SHAPE_LOOP)
        return in->emits;
    return type ? type : in->def.in;
}

bool instance_accepts(const struct instance *in, const weir_type *type)
{
    if (!in->def.in || !type)
        return false;
    if (in->def.in == WEIR_ANY || type_same(in->def.in, type))
        return in->shape != SHAPE_BATCH || in->def.in != WEIR_ANY;
    if (in->shape == SHAPE_BATCH)
        return false;
    for (const weir_type *base = type->base; base; base = base->base)
        if (type_same(in->def.in, base))
            return true;
    return false;
}

bool instance_alone(const struct instance *in)
{
    return in->def.blocking || in->def.place == WEIR_OWN || in->lanes > 1 || in->shape == SHAPE_LOOP;
}

const char *instance_place(const struct instance *in)
{
    return in->shape == SHAPE_LOOP     ? "async"
           : in->lanes > 1             ? "pool"
           : in->def.blocking          ? "blocking"
           : in->def.place == WEIR_OWN ? "own"
                                       : "fused";
}

bool instance_balanced(const struct instance *in)
{
    return count_get(&in->taken) + count_get(&in->created) ==
           count_get(&in->put) + count_get(&in->filtered) + count_get(&in->failed) + count_get(&in->returned);
}

bool instance_inside(const struct instance *in, const struct instance *trial)
{
    return in && (trial->tried[0] == in || trial->tried[1] == in);
}
