/* SPDX-License-Identifier: MIT */
/*
 * Trials: what a trial's functions do with an item, and when it ends by itself.
 *
 * The candidate never touches the pipeline's item: it works on a copy, in scratch memory, and of a canary the copy takes the item's place
 * only when the candidate has not failed. So an item that it fails is as it was when the stage in force gets it. If there is no memory for
 * the copy, the stage in force gets the item at once. An item that nobody can copy (slices or a destroy function, and no copy) is
 * lent to a canary's candidate as it is, since a failing function leaves its item alone, and is not shown to a shadow's.
 *
 * Both stages hold nothing. When the trial ends, who leaves is flushed, as ever. Ticks are those of the stage in force.
 */
#include "api/trial.h"

#include <stdio.h>
#include <string.h>

#include "core/run.h"
#include "core/wiring.h"

#define PERCENT_DEFAULT    10
#define ERRORS_MAX_DEFAULT 5
#define ITEMS_MIN          100 /* before the candidate is judged */

struct trial {
    weir_recipe recipe; /* first: counts who needs this memory */
    _Atomic unsigned refs;
    weir_pipeline *p;
    uint64_t serial;
    char name[64];
    bool shadow;
    double percent, errors_max;
    uint64_t (*key)(void *key_arg, const void *item);
    void *key_arg;
    void (*key_done)(void *key_arg);
    const struct instance *instance; /* of the trial */
    weir_stage force, candidate;     /* their descriptions */
    struct weir_out scratch, made;   /* copies, and what a shadow's candidate puts out. Its strand only, as are the following */
    uint64_t number;
    bool stopped, asked; /* the candidate gets no more; its abort is asked for */
    counter items, errors, candidate_items, candidate_errors, differed, wrong; /* wrong: what counts against the candidate */
};

/* ---- copies -------------------------------------------------------------------------------------------------------------- */

static struct strand *strand_here(void)
{
    return plat_self()->strand;
}

static bool copyable(const weir_type *type)
{
    return type->copy || (!type->slices && !type->destroy);
}

static void begin_out(struct weir_out *out, const weir_type *type)
{
    out->strand = strand_here();
    out->type = type;
    out->ports = out;
    out->port_count = 1;
    out->count = 0;
    out->source = NULL;
}

/* A copy of the item at hand, in scratch memory. NULL: no memory. */
static void *copy_of(struct trial *t, const void *item)
{
    const weir_type *type = strand_here()->hand.batch->type;
    begin_out(&t->scratch, type);
    return out_copy(&t->scratch, type, item);
}

/* What the copy points to lives as long as the batch. */
static bool hold_scratch(const struct trial *t, struct batch *b)
{
    return !b || !t->scratch.open || batch_hold_all(b, t->scratch.open);
}

/* ---- ending by itself ------------------------------------------------------------------------------------------------------ */

/* The edit is made on a thread of the library's, like any other. If there is no memory to ask for it, the next item asks again. */
static void ask_to_abort(struct trial *t)
{
    char kept[sizeof plat_self()->error], what[200];
    memcpy(kept, plat_self()->error, sizeof kept); /* it may say why the stage in force has failed */
    snprintf(what, sizeof what, "aborted by itself: %llu of %llu items %s", (unsigned long long)count_get(&t->wrong),
             (unsigned long long)count_get(&t->candidate_items), t->shadow ? "failed or differed" : "failed");
    weir_edit *e = weir_edit_begin(t->p);
    if (e) {
        weir_edit_note(e, "weir", what);
        int status = edit_abort_only(e, t->name, t->serial);
        if (status == WEIR_OK)
            status = weir_commit_async(e, NULL, NULL);
        else
            weir_edit_discard(e);
        t->asked = status == WEIR_OK || status == WEIR_EREFUSED; /* refused: somebody else has ended it */
    }
    memcpy(plat_self()->error, kept, sizeof kept);
}

static void judge(struct trial *t)
{
    uint64_t items = count_get(&t->candidate_items), wrong = count_get(&t->wrong);
    if (!t->stopped && t->errors_max >= 0 && items >= ITEMS_MIN && (double)wrong * 100 > t->errors_max * (double)items)
        t->stopped = true;
    if (t->stopped && !t->asked)
        ask_to_abort(t);
}

/* ---- a canary ---------------------------------------------------------------------------------------------------------------- */

/* Equal numbers go the same way; those that follow each other do not. (The finalizer of splitmix64.) */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool picked(struct trial *t, const void *item)
{
    t->number++;
    if (t->stopped)
        return false;
    uint64_t key = mix(t->key ? t->key(t->key_arg, item) : t->number);
    return (double)(key >> 11) * 0x1p-53 * 100 < t->percent;
}

static weir_verdict map_force(struct trial *t, void *item)
{
    count_add(&t->items, 1);
    weir_verdict verdict = t->force.map(t->force.state, item);
    if (verdict != WEIR_KEEP && verdict != WEIR_DROP)
        count_add(&t->errors, 1);
    return verdict;
}

static bool failed(weir_verdict verdict)
{
    return verdict != WEIR_KEEP && verdict != WEIR_DROP;
}

static void count_candidate(struct trial *t, bool fails)
{
    count_add(&t->candidate_items, 1);
    if (!fails)
        return;
    count_add(&t->candidate_errors, 1);
    count_add(&t->wrong, 1);
}

static weir_verdict map_candidate(struct trial *t, void *item)
{
    struct batch *b = strand_here()->hand.batch;
    void *copy = copyable(b->type) ? copy_of(t, item) : item;
    if (!copy || !hold_scratch(t, b)) {
        work_forget(&t->scratch);
        return map_force(t, item);
    }
    weir_verdict verdict = t->candidate.map(t->candidate.state, copy);
    count_candidate(t, failed(verdict));
    if (verdict == WEIR_KEEP && copy != item) {
        if (b->type->destroy)
            b->type->destroy(item);
        memcpy(item, copy, b->type->size);
        t->scratch.open->count = 0; /* the item has moved */
    }
    work_forget(&t->scratch);
    return failed(verdict) ? map_force(t, item) : verdict;
}

static weir_verdict canary_map(void *state, void *item)
{
    struct trial *t = state;
    weir_verdict verdict = picked(t, item) ? map_candidate(t, item) : map_force(t, item);
    judge(t);
    return verdict;
}

static int each_force(struct trial *t, void *item, weir_out *out)
{
    count_add(&t->items, 1);
    int status = t->force.each(t->force.state, item, out);
    if (status < 0)
        count_add(&t->errors, 1);
    return status;
}

/* The candidate may put out slices of its copy. */
static bool lend_scratch(struct trial *t, weir_out *out)
{
    for (size_t port = 0; port < out->port_count; port++)
        if (!hold_scratch(t, out->ports[port].open))
            return false;
    for (size_t port = 0; port < out->port_count && t->scratch.open; port++)
        out->ports[port].source = t->scratch.open;
    return true;
}

static int each_candidate(struct trial *t, void *item, weir_out *out)
{
    uint32_t open[PORTS_MAX];
    struct batch *b = strand_here()->hand.batch;
    for (size_t port = 0; port < out->port_count; port++)
        open[port] = out->ports[port].open ? out->ports[port].open->count : 0;
    void *copy = copyable(b->type) ? copy_of(t, item) : item;
    if (!copy || !lend_scratch(t, out)) {
        work_forget(&t->scratch);
        return each_force(t, item, out);
    }
    bool fails = t->candidate.each(t->candidate.state, copy, out) < 0;
    count_candidate(t, fails);
    for (size_t port = 0; port < out->port_count; port++) {
        out->ports[port].source = b;
        if (fails)
            out_rewind(&out->ports[port], open[port]);
    }
    work_forget(&t->scratch);
    return fails ? each_force(t, item, out) : 0;
}

static int canary_each(void *state, void *item, weir_out *out)
{
    struct trial *t = state;
    int status = picked(t, item) ? each_candidate(t, item, out) : each_force(t, item, out);
    judge(t);
    return status;
}

/* ---- a shadow ---------------------------------------------------------------------------------------------------------------- */

static bool equal(const weir_type *type, const void *a, const void *b)
{
    return type->equal ? type->equal(a, b) : memcmp(a, b, type->size) == 0;
}

/* Both have had the item. A candidate that fails what the stage in force fails, too, is not worse than that. */
static void compare(struct trial *t, bool force_fails, bool fails, bool same)
{
    count_add(&t->candidate_items, 1);
    if (fails)
        count_add(&t->candidate_errors, 1);
    if (!fails && (force_fails || !same))
        count_add(&t->differed, 1);
    if (fails != force_fails || (!fails && !same))
        count_add(&t->wrong, 1);
}

static weir_verdict shadow_map(void *state, void *item)
{
    struct trial *t = state;
    const weir_type *type = strand_here()->hand.batch->type;
    bool sink = t->force.out == WEIR_NONE;
    void *copy = !t->stopped && copyable(type) ? copy_of(t, item) : NULL;
    weir_verdict verdict = map_force(t, item), other;
    if (copy) {
        char kept[sizeof plat_self()->error];
        if (failed(verdict))
            memcpy(kept, plat_self()->error, sizeof kept);
        other = t->candidate.map(t->candidate.state, copy);
        bool same = sink || (verdict == other && (verdict != WEIR_KEEP || equal(type, item, copy)));
        compare(t, failed(verdict), failed(other), same);
        if (failed(verdict))
            memcpy(plat_self()->error, kept, sizeof kept);
    }
    work_forget(&t->scratch);
    judge(t);
    return verdict;
}

/* Walks over what a function has put out. */
struct cursor {
    struct batch *batch, *open;
    uint32_t at;
};

static void *next_item(struct cursor *c)
{
    while (c->batch && c->at == c->batch->count) {
        c->batch = c->batch == c->open ? NULL : c->batch->next ? c->batch->next : c->open;
        c->at = 0;
    }
    return c->batch ? batch_item(c->batch, c->at++) : NULL;
}

static struct cursor cursor_from(const weir_out *out, uint32_t at)
{
    return (struct cursor){out->full.first ? out->full.first : out->open, out->open, at};
}

static bool same_output(const weir_out *out, uint32_t from, const weir_out *made)
{
    struct cursor a = cursor_from(out, from), b = cursor_from(made, 0);
    for (;;) {
        const void *x = next_item(&a), *y = next_item(&b);
        if (!x || !y)
            return x == y;
        if (!equal(a.batch->type, x, y))
            return false;
    }
}

static int shadow_each(void *state, void *item, weir_out *out)
{
    struct trial *t = state;
    uint32_t open = out->open ? out->open->count : 0;
    void *copy = !t->stopped && copyable(strand_here()->hand.batch->type) ? copy_of(t, item) : NULL;
    int status = each_force(t, item, out);
    if (copy) {
        char kept[sizeof plat_self()->error];
        if (status < 0)
            memcpy(kept, plat_self()->error, sizeof kept);
        begin_out(&t->made, out->type);
        t->made.source = t->scratch.open;
        bool fails = t->candidate.each(t->candidate.state, copy, &t->made) < 0;
        compare(t, status < 0, fails, status < 0 || fails || same_output(out, open, &t->made));
        work_forget(&t->made);
        if (status < 0)
            memcpy(plat_self()->error, kept, sizeof kept);
    }
    work_forget(&t->scratch);
    judge(t);
    return status;
}

/* ---- what else a stage does ---------------------------------------------------------------------------------------------------- */

static int end_both(void *state)
{
    struct trial *t = state;
    int status = t->force.batch_end ? t->force.batch_end(t->force.state) : 0;
    char kept[sizeof plat_self()->error];
    memcpy(kept, plat_self()->error, sizeof kept);
    if (t->candidate.batch_end && !t->stopped && t->candidate.batch_end(t->candidate.state) < 0) {
        count_add(&t->candidate_errors, 1);
        count_add(&t->wrong, 1);
        judge(t);
    }
    memcpy(plat_self()->error, kept, sizeof kept);
    return status;
}

/* When an edit ends the trial, one of the two may stay. */
static bool outlives(const struct instance *trial, size_t which)
{
    return trial->edited_out && trial->stays[which];
}

/* Of those that leave: all that is left to come of them. */
static int flush_leaving(void *state, weir_out *out)
{
    struct trial *t = state;
    int status = t->force.flush && !outlives(t->instance, 0) ? t->force.flush(t->force.state, out) : 0;
    if (!t->candidate.flush || outlives(t->instance, 1))
        return status;
    begin_out(&t->made, out->type);
    int other = t->candidate.flush(t->candidate.state, t->shadow ? &t->made : out);
    work_forget(&t->made);
    return status < 0 ? status : t->shadow ? 0 : other;
}

static int tick_force(void *state, weir_out *out)
{
    struct trial *t = state;
    return t->force.tick(t->force.state, out);
}

static void interrupt_both(void *state)
{
    struct trial *t = state;
    if (t->force.interrupt)
        t->force.interrupt(t->force.state);
    if (t->candidate.interrupt)
        t->candidate.interrupt(t->candidate.state);
}

static int not_again(weir_recipe *recipe, weir_stage *stage)
{
    (void)recipe;
    (void)stage;
    return weir_fail("a trial is begun anew");
}

static void share(weir_recipe *recipe)
{
    atomic_fetch_add(&((struct trial *)recipe)->refs, 1);
}

static void drop(weir_recipe *recipe)
{
    struct trial *t = (struct trial *)recipe;
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    if (t->key_done)
        t->key_done(t->key_arg);
    plat_free(t);
}

/* ---- beginning ------------------------------------------------------------------------------------------------------------------- */

static bool one_way(const struct instance *in)
{
    size_t dead = in->dead != PORTS_MAX;
    return !in->ins.open && !in->outs.open && in->ins.count == 1 && in->outs.count - dead <= 1;
}

static const char *why_not(const struct node *node, const struct instance *candidate)
{
    const struct instance *in = node->stage;
    if (in->tried[0])
        return "is on trial already; promote or abort that first";
    if (in->shape != candidate->shape || (in->shape != SHAPE_MAP && in->shape != SHAPE_EACH))
        return "and the candidate are not of one shape; expected two map or two each functions";
    if (in->sink != candidate->sink || !type_same(in->def.in, candidate->def.in) || !type_same(in->emits, candidate->emits))
        return "and the candidate have not the same types";
    if (in->def.holds || candidate->def.holds)
        return "or the candidate holds items; expected stages that keep none";
    if (node->lanes > 1 || candidate->def.lanes > 1)
        return "or the candidate has lanes; expected one";
    return one_way(in) && one_way(candidate) ? NULL : "or the candidate has several ports; expected one way in and one out";
}

static struct trial *trial_state(weir_pipeline *p, const struct instance *in, const struct instance *candidate, bool shadow,
                                 const weir_trial *wish)
{
    struct trial *t = plat_alloc(sizeof *t);
    if (!t)
        return NULL;
    t->recipe = (weir_recipe){.make = not_again, .share = share, .drop = drop};
    t->refs = 1;
    t->p = p;
    t->serial = ++p->trials;
    memcpy(t->name, in->name, sizeof t->name);
    t->shadow = shadow;
    t->percent = shadow ? 100 : wish && wish->percent > 0 ? wish->percent : PERCENT_DEFAULT;
    t->errors_max = wish && wish->errors_max != 0 ? wish->errors_max : ERRORS_MAX_DEFAULT;
    t->force = in->def;
    t->candidate = candidate->def;
    return t;
}

/* In all that concerns its neighbours it is the stage in force. */
static weir_stage describe(struct trial *t)
{
    const weir_stage *a = &t->force, *b = &t->candidate;
    weir_stage stage = *a;
    stage.name = t->name;
    stage.state = t;
    stage.map = !a->map ? NULL : t->shadow ? shadow_map : canary_map;
    stage.each = !a->each ? NULL : t->shadow ? shadow_each : canary_each;
    stage.batch_end = a->batch_end || b->batch_end ? end_both : NULL;
    stage.flush = a->flush || b->flush ? flush_leaving : NULL;
    stage.tick = a->tick ? tick_force : NULL;
    stage.interrupt = a->interrupt || b->interrupt ? interrupt_both : NULL;
    stage.blocking = a->blocking || b->blocking;
    stage.open = NULL;
    stage.close = NULL;
    stage.take_over = NULL;
    stage.state_type = NULL;
    stage.key = NULL;
    stage.lanes = 0;
    stage.recipe = &t->recipe;
    return stage;
}

struct instance *trial_new(weir_pipeline *p, const struct plan *plan, const char *name, struct instance *candidate, bool shadow,
                           const weir_trial *wish, struct plan_error *error)
{
    struct instance *in = plan_find(plan, name);
    const char *why = in ? why_not(plan_node(plan, in), candidate) : NULL;
    if (!in || why) {
        plan_refuse(error, in ? "\"%.63s\" %s" : "no stage is called \"%.63s\"%s", name,
                    in ? why : "; expected one to try another beside");
        return NULL;
    }
    struct trial *t = trial_state(p, in, candidate, shadow, wish);
    weir_stage stage = t ? describe(t) : (weir_stage){0};
    struct instance *trial = t ? instance_new(&stage, error->text, sizeof error->text, &error->no_memory) : NULL;
    if (t)
        drop(&t->recipe); /* the instance shares it */
    else
        wiring_no_memory(error);
    if (trial) {
        t->instance = trial;
        trial->tried[0] = in;
        trial->tried[1] = candidate;
    }
    if (trial && wish) {
        t->key = wish->key;
        t->key_arg = wish->key_arg;
        t->key_done = wish->key_done;
    }
    return trial;
}

/* ---- on a plan --------------------------------------------------------------------------------------------------------------------- */

bool trial_absent(const struct plan *plan, const char *name, struct plan_error *error)
{
    const struct instance *in = plan_find(plan, name);
    return !in || !in->tried[0] || plan_refuse(error, "\"%s\" is on trial; promote or abort that first", in->name);
}

bool trial_begin(struct plan *plan, const char *name, struct instance *trial, struct plan_error *error)
{
    const struct instance *in = plan_find(plan, name);
    if (in != trial->tried[0])
        return plan_refuse(error, "\"%.63s\" is not the stage any more that the trial was to begin with", name);
    return plan_replace(plan, name, trial, true, error);
}

bool trial_end(struct plan *plan, const char *name, bool promote, uint64_t serial, struct plan_error *error)
{
    const struct instance *in = plan_find(plan, name);
    if (!in)
        return plan_refuse(error, "no stage is called \"%.63s\"; expected one on trial", name);
    if (!in->tried[0] || (serial && ((const struct trial *)in->def.state)->serial != serial))
        return plan_refuse(error, "\"%s\" is not on trial", in->name);
    return plan_replace(plan, name, in->tried[promote], true, error);
}

void trials_decide(const struct plan *old, const struct plan *plan)
{
    for (size_t i = 0; i < old->count; i++) {
        struct instance *trial = old->nodes[i].stage;
        for (size_t k = 0; k < 2 && trial->tried[0]; k++)
            trial->stays[k] = !plan_node(plan, trial) && plan_has(plan, trial->tried[k]);
    }
}

void trial_dismissed(weir_pipeline *p, struct instance *in, bool for_good)
{
    if (!in->tried[0])
        return;
    struct trial *t = in->def.state;
    out_discard(&t->scratch);
    out_discard(&t->made);
    for (size_t k = 0; k < 2 && for_good; k++)
        if (!outlives(in, k))
            pipeline_close_stage(p, in->tried[k]);
}

/* ---- looking ------------------------------------------------------------------------------------------------------------------------ */

int weir_trial_get(weir_pipeline *p, const char *name, weir_trial_info *info)
{
    plat_lock(&p->lock);
    const struct instance *in = plan_find(p->plan, name);
    bool tried = in && in->tried[0];
    if (tried) {
        struct trial *t = in->def.state;
        *info = (weir_trial_info){.shadow = t->shadow,
                                  .percent = t->percent,
                                  .items = count_get(&t->items),
                                  .errors = count_get(&t->errors),
                                  .candidate_items = count_get(&t->candidate_items),
                                  .candidate_errors = count_get(&t->candidate_errors),
                                  .differed = count_get(&t->differed)};
        memcpy(info->name, t->name, sizeof info->name);
    }
    plat_unlock(&p->lock);
    return tried ? WEIR_OK : pipeline_error(WEIR_EREFUSED, "\"%.63s\" is not on trial", name);
}
