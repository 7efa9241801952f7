/* SPDX-License-Identifier: MIT */
/*
 * Stages as the engine keeps them, and the rules by which types fit. What is decided here is decided before anything runs: the
 * data path never asks again.
 */
#include "core/instance.h"

#include <stdio.h>
#include <string.h>

const weir_type weir_type_any = {.name = "any"};
const weir_type weir_type_none = {.name = "none"};
const weir_type weir_type_bytes = {.name = "bytes", .size = sizeof(weir_bytes), .align = _Alignof(weir_bytes), .slices = true};
const weir_type weir_type_record = {
    .name = "record", .size = sizeof(weir_record), .align = _Alignof(weir_record), .base = &weir_type_bytes, .slices = true};
const weir_type weir_type_i64 = {.name = "i64", .size = sizeof(int64_t), .align = _Alignof(int64_t)};
const weir_type weir_type_f64 = {.name = "f64", .size = sizeof(double), .align = _Alignof(double)};

bool type_same(const weir_type *a, const weir_type *b)
{
    return a == b || (a && b && a->size == b->size && strcmp(a->name, b->name) == 0);
}

static const char *shape_error(const weir_stage *s)
{
    int shapes = !!s->map + !!s->each + !!s->batch + !!s->pull;
    if (shapes != 1)
        return shapes ? "has more than one of map, each, batch and pull; expected exactly one"
                      : "has none of map, each, batch and pull; expected exactly one";
    if (s->pull && s->in)
        return "is a source (pull) and has an input type; expected in = NULL";
    if (!s->pull && !s->in)
        return "has no input type; expected `in`, or a pull function for a source";
    if (s->pull && (!s->out || s->out == WEIR_NONE || s->out == WEIR_ANY))
        return "is a source (pull) and does not say the type that it puts out; expected `out`";
    if (s->batch_end && !s->map && !s->each)
        return "has a batch_end beside a batch or pull function; expected it beside map or each";
    return NULL;
}

static const char *type_error(const weir_stage *s)
{
    if (s->in == WEIR_NONE || s->out == WEIR_ANY)
        return "takes none or puts out any; expected a type of items";
    if ((s->map || s->batch) && s->out && s->out != WEIR_NONE && !type_same(s->in, s->out))
        return "changes items in place (map or batch) and says another type for out than for in; expected `each` for that";
    bool emits = s->each || s->flush || s->tick;
    if (emits && s->out != WEIR_NONE && !s->out && s->in == WEIR_ANY)
        return "puts out new items and takes any type; expected `out` to say their type";
    const weir_type *sized[] = {s->in, s->out};
    for (size_t i = 0; i < 2; i++)
        if (sized[i] && sized[i] != WEIR_ANY && sized[i] != WEIR_NONE && (!sized[i]->size || sized[i]->align > 64))
            return "has a type of size 0 or with an alignment over 64";
    return NULL;
}

static const char *stage_error(const weir_stage *s)
{
    if (!s->name || !*s->name || strlen(s->name) > 63)
        return "has no name, or one of more than 63 bytes";
    const char *error = shape_error(s);
    return error ? error : type_error(s);
}

static const weir_type *emitted_type(const weir_stage *s)
{
    if (s->out == WEIR_NONE)
        return NULL;
    return s->out ? s->out : s->in == WEIR_ANY ? NULL : s->in;
}

struct instance *instance_new(const weir_stage *stage, char *error, size_t size, bool *no_memory)
{
    *no_memory = false;
    const char *wrong = stage_error(stage);
    if (wrong) {
        snprintf(error, size, "stage \"%.80s\" %s", stage->name ? stage->name : "", wrong);
        return NULL;
    }
    struct instance *in = plat_alloc(sizeof *in);
    if (!in) {
        *no_memory = true;
        snprintf(error, size, "no memory for stage \"%s\"", stage->name);
        return NULL;
    }
    in->def = *stage;
    memcpy(in->name, stage->name, strlen(stage->name) + 1);
    in->def.name = in->name;
    in->shape = stage->pull ? SHAPE_PULL : stage->each ? SHAPE_EACH : stage->batch ? SHAPE_BATCH : SHAPE_MAP;
    in->sink = stage->out == WEIR_NONE;
    in->emits = emitted_type(stage);
    in->out.type = in->emits;
    return in;
}

void instance_free(struct instance *in)
{
    plat_free(in);
}

const weir_type *instance_passes(const struct instance *in, const weir_type *type)
{
    if (in->sink)
        return NULL;
    if (in->shape == SHAPE_PULL || in->shape == SHAPE_EACH)
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
    return in->def.blocking || in->def.place == WEIR_OWN;
}

const char *instance_place(const struct instance *in)
{
    return in->def.blocking ? "blocking" : in->def.place == WEIR_OWN ? "own" : "fused";
}

bool instance_balanced(const struct instance *in)
{
    return count_get(&in->taken) + count_get(&in->created) ==
           count_get(&in->put) + count_get(&in->filtered) + count_get(&in->failed) + count_get(&in->returned);
}
