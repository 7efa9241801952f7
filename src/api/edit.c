/* SPDX-License-Identifier: MIT */
/*
 * Edits: a list of operations, replayed on a copy of the plan in force when their turn comes.
 *
 * The order of a commit, and what undoes each step if a later one fails: take the turn; replay and check (nothing touched); open
 * the new stages (they are closed again); make strands, channels and changes (given back); post to the entry strand and wait (withdrawn,
 * if it has not been taken). From the moment that the entry has its change nothing can fail, and the new plan is put in force.
 */
#include "api/divert.h"
#include "api/trial.h"
#include "core/crew.h"
#include "core/wiring.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLACE_SIZE 100                  /* "stage:port" */
#define TAKEN_NS   ((uint64_t)10000000) /* how long a commit waits beyond its deadline for an entry that has the change in hand */

enum op_kind {
    OP_BEFORE,
    OP_AFTER,
    OP_FIRST,
    OP_LAST,
    OP_POP,
    OP_DIVERT,
    OP_REPLACE,
    OP_REPLACE_FRESH,
    OP_ADD,
    OP_APPEND,
    OP_MOVE_AFTER,
    OP_MOVE_BEFORE,
    OP_SCALE,
    OP_CONNECT,
    OP_DISCONNECT,
    OP_RESTORE,
    OP_CANDIDATE, /* brings the stage that the next operation tries out */
    OP_CANARY,
    OP_SHADOW,
    OP_PROMOTE,
    OP_ABORT
};

struct op {
    struct op *next;
    enum op_kind kind;
    struct instance *stage; /* new in this edit, or NULL */
    const weir_edit *edit;  /* OP_RESTORE: whose */
    size_t lanes;
    bool within; /* OP_POP: cancelled after `within_ns` */
    uint64_t within_ns;
    uint64_t serial;       /* OP_ABORT: only that trial; 0: whichever */
    char name[PLACE_SIZE]; /* where, or which */
    char to[PLACE_SIZE];
};

/* A stage that has left, and the one that is to stand for it. */
struct again_made {
    struct instance *old;
    struct instance *stage;
};

struct weir_edit {
    weir_pipeline *p;
    enum past_kind kind;
    uint64_t undoes;
    struct plan *restores; /* a copy of the plan before the edit that is undone */
    struct again_made *made;
    size_t made_count;
    char id[64], who[64], what[256];
    struct op *ops, **ops_end;
    int status; /* the first error of an operation, with its message */
    char text[512];
    bool expects;
    bool committed; /* the stages belong to the pipeline */
    uint64_t expected;
    uint64_t timeout_ms;
    bool diverts;
    char stuck[64];
};

/* What a commit works with. */
struct commit {
    weir_pipeline *p;
    weir_edit *e;
    uint64_t start_ns, deadline_ns;
    struct plan *plan; /* the new one */
    struct flow flow;
    struct edit_record *record;
    bool last; /* the strands ended meanwhile, and we were in the way of whoever noticed */
    char held_up_by[64];
    uint64_t held_up_item;
    uint64_t late;            /* items in the hands of tasks that were cancelled */
    bool pending;             /* committed, but not every entry has made its cut */
    struct past_entry *entry; /* of the history; NULL before the start */
    struct instance *made;    /* lanes and ends of pools, when they are to be thrown away */
};

/* ---- operations ---------------------------------------------------------------------------------------------------------- */

/* The stage of the plan in force, or the one that was made for it. */
static struct instance *restored(const weir_edit *e, struct instance *old)
{
    for (size_t i = 0; i < e->made_count; i++)
        if (e->made[i].old == old)
            return e->made[i].stage;
    return old;
}

static bool restore(struct plan *plan, const weir_edit *e, struct plan_error *error)
{
    struct plan *copy = plan_copy(e->restores);
    if (!copy || !plan_room(plan, copy->count, copy->link_count)) {
        plan_free(copy);
        error->no_memory = true;
        snprintf(error->text, sizeof error->text, "no memory for the plan");
        return false;
    }
    for (size_t i = 0; i < copy->count; i++) {
        struct node *node = &copy->nodes[i];
        struct instance *stage = restored(e, node->stage);
        const struct node *now = plan_node(plan, stage); /* its lanes are those that it has now, until pools_build() */
        pool_drop(node->pool);
        node->pool = now ? now->pool : NULL;
        if (node->pool)
            node->pool->refs++;
        node->stage = stage;
    }
    for (size_t i = 0; i < copy->link_count; i++) {
        copy->links[i].from = restored(e, copy->links[i].from);
        copy->links[i].to = copy->links[i].to ? restored(e, copy->links[i].to) : NULL;
    }
    plan_assign(plan, copy);
    plan_free(copy);
    return true;
}

/* Only tasks can be cancelled. */
static bool has_tasks_for(const struct plan *plan, const struct op *op, struct plan_error *error)
{
    const struct instance *stage = plan_find(plan, op->name);
    if (!op->within || !stage || stage->shape == SHAPE_LOOP)
        return true;
    return plan_refuse(
        error, "\"%s\" has no tasks that could be cancelled; expected a stage with a loop function, or a pop without a time",
        op->name);
}

static bool replay_one(struct plan *plan, const struct op *op, struct plan_error *error)
{
    switch (op->kind) {
    case OP_BEFORE:
        return plan_insert_before(plan, op->name, op->stage, error);
    case OP_AFTER:
        return plan_insert_after(plan, op->name, op->stage, error);
    case OP_FIRST:
        return plan_insert_first(plan, op->stage, error);
    case OP_LAST:
        return plan_insert_last(plan, op->stage, error);
    case OP_POP:
        return has_tasks_for(plan, op, error) && plan_pop(plan, op->name, error);
    case OP_DIVERT:
        return plan_pop(plan, op->name, error);
    case OP_CANDIDATE:
        return true;
    case OP_CANARY:
    case OP_SHADOW:
        return trial_begin(plan, op->name, op->stage, error);
    case OP_PROMOTE:
    case OP_ABORT:
        return trial_end(plan, op->name, op->kind == OP_PROMOTE, op->serial, error);
    case OP_REPLACE:
    case OP_REPLACE_FRESH:
        return trial_absent(plan, op->name, error) &&
               plan_replace(plan, op->name, op->stage, op->kind == OP_REPLACE_FRESH, error);
    case OP_MOVE_AFTER:
    case OP_MOVE_BEFORE:
        return plan_move(plan, op->name, op->to, op->kind == OP_MOVE_AFTER, error);
    case OP_RESTORE:
        return restore(plan, op->edit, error);
    case OP_SCALE:
        return plan_scale(plan, op->name, op->lanes, error);
    case OP_DISCONNECT:
        return plan_disconnect(plan, op->name, error);
    case OP_ADD:
        return plan_add(plan, op->stage, error);
    case OP_APPEND:
        return plan_append(plan, op->stage, error);
    default:
        return plan_connect(plan, op->name, op->to, error);
    }
}

/* A copy of the plan in force with the edit's operations made. NULL with the error. Under the lock or the turn. */
static struct plan *replay(const weir_edit *e, struct plan_error *error)
{
    struct plan *plan = plan_copy(e->p->plan);
    if (!plan) {
        error->no_memory = true;
        snprintf(error->text, sizeof error->text, "no memory for the plan");
        return NULL;
    }
    for (const struct op *op = e->ops; op; op = op->next) {
        if (control_breaks(HALF_AN_EDIT) && op != e->ops && !op->next && op->kind != OP_CANARY && op->kind != OP_SHADOW)
            break;
        if (!replay_one(plan, op, error)) {
            plan_free(plan);
            return NULL;
        }
    }
    return plan;
}

weir_edit *weir_edit_begin(weir_pipeline *p)
{
    weir_edit *e = plat_alloc(sizeof *e);
    if (!e) {
        pipeline_error(WEIR_ENOMEM, "no memory for an edit");
        return NULL;
    }
    e->p = p;
    e->ops_end = &e->ops;
    return e;
}

void weir_edit_expect(weir_edit *e, uint64_t revision)
{
    e->expects = true;
    e->expected = revision;
}

void weir_edit_timeout(weir_edit *e, uint64_t timeout_ms)
{
    e->timeout_ms = timeout_ms;
}

void weir_edit_id(weir_edit *e, const char *id)
{
    snprintf(e->id, sizeof e->id, "%s", id ? id : "");
}

void weir_edit_note(weir_edit *e, const char *who, const char *what)
{
    snprintf(e->who, sizeof e->who, "%s", who ? who : "");
    snprintf(e->what, sizeof e->what, "%s", what ? what : "");
}

static int edit_error(weir_edit *e, int status, const char *text)
{
    if (e->status == WEIR_OK) {
        e->status = status;
        snprintf(e->text, sizeof e->text, "%s", text);
    }
    return pipeline_error(status, "%s", text);
}

static void close_lent(const weir_stage *stage)
{
    if (stage && stage->close)
        stage->close(stage->state);
}

/* Keeps the operation, checks it against the plan as it is now, and takes it back off the list if it does not fit. */
static int keep_op(weir_edit *e, struct op *op)
{
    struct plan_error error = {0};
    *e->ops_end = op;
    e->ops_end = &op->next;
    if (e->kind != PAST_EDIT)
        return edit_error(e, WEIR_EREFUSED,
                          "an undo or a redo stands with other operations; expected it to be an edit of its own");
    plat_lock(&e->p->lock);
    struct plan *plan = e->status == WEIR_OK ? replay(e, &error) : NULL;
    plat_unlock(&e->p->lock);
    if (e->status != WEIR_OK)
        return pipeline_error(e->status, "%s", e->text);
    if (!plan)
        return edit_error(e, error.no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, error.text);
    plan_free(plan);
    return WEIR_OK;
}

static bool too_long(const char *place)
{
    return place && strlen(place) >= PLACE_SIZE;
}

static int add_op(weir_edit *e, enum op_kind kind, const char *name, const char *to, const weir_stage *stage)
{
    char error[512];
    bool no_memory = false;
    struct op *op = plat_alloc(sizeof *op);
    if (!op) {
        close_lent(stage);
        return edit_error(e, WEIR_ENOMEM, "no memory for an edit");
    }
    if (too_long(name) || too_long(to)) {
        plat_free(op);
        close_lent(stage);
        return edit_error(e, WEIR_EREFUSED, "the name of a place is longer than any; expected \"stage\" or \"stage:port\"");
    }
    if (stage && !(op->stage = instance_new(stage, error, sizeof error, &no_memory))) {
        plat_free(op);
        close_lent(stage);
        return edit_error(e, no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, error);
    }
    op->kind = kind;
    snprintf(op->name, sizeof op->name, "%s", name ? name : "");
    snprintf(op->to, sizeof op->to, "%s", to ? to : "");
    return keep_op(e, op);
}

static int add_op_lanes(weir_edit *e, const char *name, size_t lanes)
{
    struct op *op = plat_alloc(sizeof *op);
    if (!op)
        return edit_error(e, WEIR_ENOMEM, "no memory for an edit");
    op->kind = OP_SCALE;
    op->lanes = lanes;
    snprintf(op->name, sizeof op->name, "%s", name);
    return keep_op(e, op);
}

int weir_edit_insert_before(weir_edit *e, const char *where, const weir_stage *stage)
{
    return add_op(e, OP_BEFORE, where, NULL, stage);
}

int weir_edit_insert_after(weir_edit *e, const char *where, const weir_stage *stage)
{
    return add_op(e, OP_AFTER, where, NULL, stage);
}

int weir_edit_insert_first(weir_edit *e, const weir_stage *stage)
{
    return add_op(e, OP_FIRST, NULL, NULL, stage);
}

int weir_edit_insert_last(weir_edit *e, const weir_stage *stage)
{
    return add_op(e, OP_LAST, NULL, NULL, stage);
}

int weir_edit_pop(weir_edit *e, const char *name)
{
    return add_op(e, OP_POP, name, NULL, NULL);
}

int weir_edit_pop_within(weir_edit *e, const char *name, uint64_t ms)
{
    struct op *op = plat_alloc(sizeof *op);
    if (!op)
        return edit_error(e, WEIR_ENOMEM, "no memory for an edit");
    op->kind = OP_POP;
    op->within = true;
    op->within_ns = ms < UINT64_MAX / 2000000 ? ms * 1000000 : UINT64_MAX / 2;
    snprintf(op->name, sizeof op->name, "%s", name);
    return keep_op(e, op);
}

/* A stage that an earlier edit popped, and that is stuck, is not in the plan any more: divert_retiring(). */
int weir_edit_divert(weir_edit *e, const char *name)
{
    if (e->ops)
        return edit_error(e, WEIR_EREFUSED, "a divert stands with other operations; expected it to be an edit of its own");
    plat_lock(&e->p->lock);
    bool in_plan = plan_find(e->p->plan, name);
    plat_unlock(&e->p->lock);
    e->diverts = true;
    snprintf(e->stuck, sizeof e->stuck, "%s", name);
    return in_plan ? add_op(e, OP_DIVERT, name, NULL, NULL) : WEIR_OK;
}

int weir_edit_replace(weir_edit *e, const char *name, const weir_stage *stage)
{
    return add_op(e, OP_REPLACE, name, NULL, stage);
}

int weir_edit_replace_fresh(weir_edit *e, const char *name, const weir_stage *stage)
{
    return add_op(e, OP_REPLACE_FRESH, name, NULL, stage);
}

int weir_edit_move_after(weir_edit *e, const char *name, const char *where)
{
    return add_op(e, OP_MOVE_AFTER, name, where, NULL);
}

int weir_edit_move_before(weir_edit *e, const char *name, const char *where)
{
    return add_op(e, OP_MOVE_BEFORE, name, where, NULL);
}

int weir_edit_scale(weir_edit *e, const char *name, unsigned lanes)
{
    return add_op_lanes(e, name, lanes);
}

int weir_edit_disconnect(weir_edit *e, const char *from)
{
    return add_op(e, OP_DISCONNECT, from, NULL, NULL);
}

int weir_edit_add(weir_edit *e, const weir_stage *stage)
{
    return add_op(e, OP_ADD, NULL, NULL, stage);
}

int weir_edit_connect(weir_edit *e, const char *from, const char *to)
{
    return add_op(e, OP_CONNECT, from, to, NULL);
}

/* Makes the trial of a candidate that the edit has by now. `taken`: the trial has its key. */
static int add_trial(weir_edit *e, enum op_kind kind, const char *name, struct instance *candidate, const weir_trial *trial,
                     bool *taken)
{
    struct plan_error error = {0};
    struct op *op = plat_alloc(sizeof *op);
    if (!op)
        return edit_error(e, WEIR_ENOMEM, "no memory for an edit");
    op->kind = kind;
    snprintf(op->name, sizeof op->name, "%s", name);
    plat_lock(&e->p->lock);
    struct plan *plan = replay(e, &error);
    if (plan)
        op->stage = trial_new(e->p, plan, name, candidate, kind == OP_SHADOW, trial, &error);
    plan_free(plan);
    plat_unlock(&e->p->lock);
    *taken = op->stage;
    if (op->stage)
        return keep_op(e, op);
    plat_free(op);
    return edit_error(e, error.no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, error.text);
}

static int try_out(weir_edit *e, enum op_kind kind, const char *name, const weir_stage *candidate, const weir_trial *trial)
{
    weir_stage stage = *candidate;
    struct op **at = e->ops_end;
    stage.name = name;
    int status = add_op(e, OP_CANDIDATE, name, NULL, &stage);
    bool taken = false;
    if (status == WEIR_OK)
        status = add_trial(e, kind, name, (*at)->stage, trial, &taken);
    if (!taken && trial && trial->key_done)
        trial->key_done(trial->key_arg);
    return status;
}

int weir_edit_canary(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial)
{
    return try_out(e, OP_CANARY, name, candidate, trial);
}

int weir_edit_shadow(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial)
{
    return try_out(e, OP_SHADOW, name, candidate, trial);
}

int weir_edit_promote(weir_edit *e, const char *name)
{
    return add_op(e, OP_PROMOTE, name, NULL, NULL);
}

int weir_edit_abort(weir_edit *e, const char *name)
{
    return add_op(e, OP_ABORT, name, NULL, NULL);
}

int edit_abort_only(weir_edit *e, const char *name, uint64_t serial)
{
    struct op *op = plat_alloc(sizeof *op);
    if (!op)
        return edit_error(e, WEIR_ENOMEM, "no memory for an edit");
    op->kind = OP_ABORT;
    op->serial = serial;
    snprintf(op->name, sizeof op->name, "%s", name);
    return keep_op(e, op);
}

/* Frees the edit; closes its stages unless the pipeline has them. */
static void free_edit(weir_edit *e)
{
    char kept[sizeof plat_self()->error]; /* a close function may fail in its own way */
    memcpy(kept, plat_self()->error, sizeof kept);
    while (e->ops) {
        struct op *op = e->ops;
        e->ops = op->next;
        if (op->stage && !e->committed) {
            if (!control_breaks(REFUSED_NOT_CLOSED))
                pipeline_close_stage(e->p, op->stage);
            if (control_breaks(REFUSED_CLOSED_TWICE))
                close_lent(&op->stage->def);
            instance_free(op->stage);
        }
        plat_free(op);
    }
    for (size_t i = 0; i < e->made_count && !e->committed; i++) {
        pipeline_close_stage(e->p, e->made[i].stage);
        instance_free(e->made[i].stage);
    }
    plat_free(e->made);
    plan_free(e->restores);
    plat_free(e);
    memcpy(plat_self()->error, kept, sizeof kept);
}

void weir_edit_discard(weir_edit *e)
{
    if (e)
        free_edit(e);
}

/* ---- preparing ----------------------------------------------------------------------------------------------------------- */

static int check_turn(struct commit *c)
{
    weir_edit *e = c->e;
    plat_lock(&c->p->lock);
    bool over = c->p->ended || (c->p->started && c->p->live == 0), failed = *c->p->failure;
    plat_unlock(&c->p->lock);
    if (over)
        return pipeline_error(WEIR_EENDED, "pipeline \"%s\" has ended", c->p->name);
    if (failed) /* an edit around the failed stage would let items pass behind those that were handed back */
        return pipeline_error(WEIR_EENDED, "pipeline \"%s\" has failed and is about to end", c->p->name);
    if (e->expects && !control_breaks(IGNORE_EXPECTED) && e->expected != c->p->plan->revision)
        return pipeline_error(WEIR_ECONFLICT, "the edit expected revision %llu, and revision %llu is in force",
                              (unsigned long long)e->expected, (unsigned long long)c->p->plan->revision);
    if (e->status != WEIR_OK)
        return pipeline_error(e->status, "%s", e->text);
    return WEIR_OK;
}

/* A stage that was made again takes over from its namesake, if that leaves and has the same state. */
static int find_restored_heirs(struct commit *c)
{
    for (size_t i = 0; i < c->e->made_count; i++) {
        struct instance *heir = c->e->made[i].stage, *old = plan_find(c->p->plan, heir->name);
        bool same = old && old->def.state_type && heir->def.take_over && strcmp(old->def.state_type, heir->def.state_type) == 0;
        if (same && !plan_has(c->plan, old) && !pool_inherit(c->plan, heir, plan_node(c->p->plan, old)))
            return pipeline_error(WEIR_ENOMEM, "no memory for the edit");
    }
    return WEIR_OK;
}

/* Who replaces a stage in force whose state it can take over. */
static int find_heirs(struct commit *c)
{
    for (struct op *op = c->e->ops; op; op = op->next) {
        struct instance *old = op->kind == OP_REPLACE ? plan_find(c->p->plan, op->name) : NULL;
        if (!old || !old->def.state_type || plan_has(c->plan, old) || !plan_node(c->plan, op->stage))
            continue;
        if (!pool_inherit(c->plan, op->stage, plan_node(c->p->plan, old)))
            return pipeline_error(WEIR_ENOMEM, "no memory for the edit");
    }
    return WEIR_OK;
}

/* A stage that has met the end of the data is closed: it can't run again. Those that are to run again are at rest by now. */
static int check_ended(struct commit *c)
{
    const struct instance *ended = NULL;
    plat_lock(&c->p->lock);
    for (size_t v = 0; v < c->flow.count && !ended; v++) {
        const struct instance *in = c->flow.stages[v], *trial = plan_trial(c->p->plan, in);
        if (!layout_has(&c->p->layout, in) && (in->closed || (trial && trial->closed)))
            ended = in;
    }
    plat_unlock(&c->p->lock);
    return ended ? pipeline_error(WEIR_EREFUSED, "stage \"%s\" has ended with its source; expected a new stage", ended->name)
                 : WEIR_OK;
}

static int make_plan(struct commit *c)
{
    struct plan_error error = {0};
    c->plan = replay(c->e, &error);
    if (!c->plan || (c->p->started && !plan_check_flow(c->plan, &c->flow, &error)))
        return pipeline_error(error.no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, "%s", error.text);
    return WEIR_OK;
}

/* What the plan needs beyond its description. */
static int make_flow(struct commit *c)
{
    struct plan_error error = {0};
    bool known = c->flow.links != NULL; /* from checking the plan; but its pools had not been made */
    for (size_t i = 0; i < c->plan->count; i++)
        known = known && c->plan->nodes[i].lanes == 1 && !c->plan->nodes[i].pool;
    int status = pools_build(c->plan, c->p->plan);
    if (status == WEIR_OK)
        status = find_heirs(c);
    if (status == WEIR_OK)
        status = find_restored_heirs(c);
    if (status != WEIR_OK)
        return status;
    if (!known)
        flow_free(&c->flow);
    if (!known && !plan_flow(c->plan, &c->flow, &error))
        return pipeline_error(error.no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, "%s", error.text);
    return WEIR_OK;
}

static bool in_flow(const struct commit *c, const struct instance *in)
{
    return flow_find(&c->flow, in) != NO_INDEX;
}

/* Whether the stage would have to come to rest first: it is to run again, or to go, and still drains what is ahead of an earlier
 * edit's cut. */
static bool must_rest(const struct commit *c, const struct instance *in)
{
    return !in->seized && !layout_has(&c->p->layout, in) && (in_flow(c, in) || !plan_has(c->plan, in));
}

struct resting {
    const struct commit *c;
    const struct instance *found;
};

static void look_for_rest(void *arg, struct instance *in)
{
    struct resting *r = arg;
    if (!r->found && at_acquire(&in->busy) && must_rest(r->c, in))
        r->found = in;
}

/* Under the lock: the stage that an earlier edit still has to release before this one can be made, or NULL. */
static const struct instance *not_at_rest(const struct commit *c)
{
    struct resting r = {.c = c};
    plan_each(c->p->plan, look_for_rest, &r);
    return r.found;
}

static void name_holder(struct commit *c, const struct instance *in)
{
    if (in && !*c->held_up_by)
        snprintf(c->held_up_by, sizeof c->held_up_by, "%s", in->name);
}

/* Under the lock, which keeps the stage that the strand is running from being freed. */
static void name_strand(struct commit *c, struct strand *s)
{
    c->held_up_item = at_relaxed(&s->at_item);
    if (control_breaks(NAME_ANOTHER))
        name_holder(c, c->p->plan->nodes[0].stage);
    name_holder(c, atomic_load_explicit(&s->current, memory_order_relaxed));
}

/* Waits under the lock; false when the edit's time is over or nothing runs any more. */
static bool wait_more(struct commit *c)
{
    return c->p->live > 0 && plat_wait(&c->p->changed, &c->p->lock, c->deadline_ns) && c->p->live > 0;
}

static int too_late(struct commit *c, const char *what)
{
    plat_lock(&c->p->lock);
    bool over = c->p->live == 0;
    plat_unlock(&c->p->lock);
    if (over)
        return pipeline_error(WEIR_EENDED, "pipeline \"%s\" has ended", c->p->name);
    return pipeline_error(WEIR_EBUSY, "the edit was withdrawn after %llu ms: %s%s%s%s", (unsigned long long)c->e->timeout_ms,
                          what, *c->held_up_by ? " \"" : "", c->held_up_by, *c->held_up_by ? "\"" : "");
}

static int wait_for_stages(struct commit *c)
{
    const struct instance *in;
    bool in_time = true;
    plat_lock(&c->p->lock);
    while ((in = not_at_rest(c)) && in_time) {
        name_holder(c, in);
        in_time = wait_more(c);
    }
    plat_unlock(&c->p->lock);
    return in ? too_late(c, "an earlier edit still waits for stage") : WEIR_OK;
}

static int wait_for_records(struct commit *c)
{
    for (;;) {
        pipeline_reap(c->p);
        if (c->p->record_count < UNSETTLED_MAX || control_breaks(NO_END_OF_EDITS))
            return WEIR_OK;
        plat_lock(&c->p->lock);
        bool oldest_settles = false;
        for (struct edit_record *r = c->p->records; r; r = r->next)
            oldest_settles |= at_acquire(&r->remaining) == 0;
        bool in_time = oldest_settles ? c->p->live > 0 : wait_more(c);
        plat_unlock(&c->p->lock);
        if (!in_time)
            return too_late(c, "too many edits wait for the data ahead of them to drain");
    }
}

static bool has_heir(const struct commit *c, const struct instance *in)
{
    for (size_t v = 0; v < c->flow.count; v++) {
        const struct instance *heir = c->flow.stages[v];
        for (size_t i = 0; !layout_has(&c->p->layout, heir) && i < heir->heir_of_count; i++)
            if (heir->heir_of[i] == in)
                return true;
    }
    return false;
}

/* Marks what happens to the stages that the data does not reach any more. */
static void set_fates(struct commit *c)
{
    for (size_t i = 0; i < c->p->layout.count; i++) {
        const struct program *program = c->p->layout.seats[i].program;
        for (size_t j = 0; j < program->count; j++) {
            struct instance *in = program->stages[j];
            bool stays = plan_has(c->plan, in), handed = has_heir(c, in);
            in->fate = in_flow(c, in)    ? FATE_STAY
                       : handed && stays ? FATE_LEND
                       : stays           ? FATE_REST
                       : handed          ? FATE_HAND_OVER
                                         : FATE_CLOSE;
        }
    }
    for (size_t v = 0; v < c->flow.count; v++)
        c->flow.stages[v]->fate = FATE_STAY;
}

static int make_record(struct commit *c)
{
    set_fates(c);
    enum layout_says says = layout_change(&c->p->supply, &c->p->layout, &c->flow, &c->record);
    if (says == LAYOUT_ENDED)
        return pipeline_error(WEIR_EENDED, "the data has ended in front of what the edit would change in pipeline \"%s\"",
                              c->p->name);
    if (says != LAYOUT_DONE)
        return pipeline_error(WEIR_ENOMEM, "no memory for the edit");
    struct edit_record *r = c->record;
    for (size_t i = 0; i < r->fresh_count; i++) {
        if (r->fresh[i]->blocking && exec_thread_start(&c->p->exec, r->fresh[i])) {
            for (size_t j = 0; j < i; j++)
                exec_thread_join(&c->p->exec, r->fresh[j]);
            record_discard(&c->p->supply, r);
            c->record = NULL;
            return pipeline_error(WEIR_ESYSTEM, "the system gives no thread for a blocking stage");
        }
    }
    return WEIR_OK;
}

/* Under the lock: an entry that has not passed those cuts of earlier edits that change what it runs, or has not looked at an earlier
 * edit's change yet; NULL: none. */
static struct strand *entry_behind(const struct commit *c)
{
    for (size_t i = 0; i < c->record->entry_count; i++) {
        struct strand *s = c->record->changes[i].strand;
        if ((at_load(&s->cuts_pending) > 0 && !control_breaks(ENTER_BEFORE_CUT)) || at_load(&s->mailbox))
            return s;
    }
    return NULL;
}

static int wait_for_entries(struct commit *c)
{
    struct strand *s;
    bool in_time = true;
    plat_lock(&c->p->lock);
    while ((s = entry_behind(c)) && in_time) {
        name_strand(c, s);
        in_time = wait_more(c);
    }
    plat_unlock(&c->p->lock);
    return s ? too_late(c, "the data ahead of an earlier edit still drains through") : WEIR_OK;
}

/* ---- the cut ------------------------------------------------------------------------------------------------------------- */

static void discard_record(struct commit *c)
{
    struct edit_record *r = c->record;
    for (size_t i = 0; i < r->fresh_count; i++)
        exec_thread_join(&c->p->exec, r->fresh[i]);
    record_discard(&c->p->supply, r);
    c->record = NULL;
}

/* Looking for a moment pays only beside the strand. On its own core we would keep it from doing what we wait for, and a kernel
 * that packs threads, or pulls a woken one to its waker, puts us there: measured, 54 us to the effect of an edit against 4. */
static bool applied_soon(const struct change *change)
{
    if (at_relaxed(&change->strand->cpu) == plat_cpu())
        return false;
    uint64_t until = plat_now_ns() + plat_spin_ns();
    do {
        for (int i = 0; i < 16; i++) {
            if (at_acquire(&change->applied))
                return true;
            plat_relax();
        }
    } while (plat_now_ns() < until);
    return false;
}

/* A source that is to end may be waiting for data that never comes. */
static void interrupt_leaving(struct commit *c)
{
    plat_lock(&c->p->lock);
    for (size_t i = 0; i < c->record->entry_count; i++) {
        const struct change *change = &c->record->changes[i];
        for (size_t k = 0; k < change->leave_count; k++) {
            struct instance *in = change->leave[k].in;
            if (in->opened && !in->closed && in->def.interrupt)
                in->def.interrupt(in->def.state);
        }
    }
    plat_unlock(&c->p->lock);
}

static size_t count_applied(const struct commit *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->record->entry_count; i++)
        n += at_acquire(&c->record->changes[i].applied);
    return n;
}

/* Takes back what no entry has made yet. False: one has, or is about to: then all will. */
static bool withdraw(struct commit *c)
{
    struct edit_record *r = c->record;
    size_t i = 0;
    while (i < r->entry_count && strand_withdraw(r->changes[i].strand))
        i++;
    if (i == r->entry_count) {
        for (size_t k = 0; k < r->entry_count; k++)
            strand_unpin(r->changes[k].strand);
        return true;
    }
    for (size_t k = 0; k < i; k++)
        strand_post(r->changes[k].strand, &r->changes[k]);
    return false;
}

/* Waits until all entries have made the cut. False: none has, and the change was withdrawn. If only some have when the time is over,
 * the edit is made, and pending. */
static bool wait_for_cut(struct commit *c)
{
    struct edit_record *r = c->record;
    bool in_time = true;
    if (r->entry_count == 1 && applied_soon(&r->changes[0]))
        return true;
    plat_lock(&c->p->lock);
    while (count_applied(c) < r->entry_count && in_time) {
        for (size_t i = 0; i < r->entry_count; i++)
            if (!at_acquire(&r->changes[i].applied))
                name_strand(c, r->changes[i].strand);
        in_time = plat_wait(&c->p->changed, &c->p->lock, c->deadline_ns);
    }
    plat_unlock(&c->p->lock);
    if (count_applied(c) == r->entry_count)
        return true;
    if (count_applied(c) == 0 && withdraw(c))
        return false;
    plat_lock(
        &c->p->lock); /* at least one entry has taken it: from here on it is made, at once or when what it flushes is through */
    uint64_t until = plat_now_ns() + TAKEN_NS;
    for (in_time = true; count_applied(c) == 0 && in_time;)
        in_time = plat_wait(&c->p->changed, &c->p->lock, until);
    plat_unlock(&c->p->lock);
    c->pending = count_applied(c) < r->entry_count;
    return true;
}

/* What strands will count down when they come to their part: counted up before the first can. */
static void announce(struct commit *c)
{
    struct edit_record *r = c->record;
    for (size_t i = r->entry_count; i < r->change_count; i++) {
        atomic_fetch_add(&r->changes[i].strand->cuts_pending, 1);
        if (!r->changes[i].soft)
            atomic_fetch_add(&r->changes[i].strand->cuts_due, 1);
    }
    for (size_t v = 0; v < c->flow.count; v++)
        if (!layout_has(&c->p->layout, c->flow.stages[v])) /* those that run are busy; or have ended, and stay so */
            at_store(&c->flow.stages[v]->busy, true);
    for (size_t i = 0; i < r->gate.owner_count; i++) /* those at rest are closed by who hands their state over */
        if (!layout_has(&c->p->layout, r->gate.owners[i].in))
            at_store(&r->gate.owners[i].in->busy, true);
    plat_lock(&c->p->lock);
    c->p->live += r->fresh_count;
    c->p->coming = c->plan;
    plat_unlock(&c->p->lock);
}

/* The reverse, when the change was withdrawn. */
static void unannounce(struct commit *c)
{
    struct edit_record *r = c->record;
    for (size_t i = r->entry_count; i < r->change_count && !control_breaks(LEAVE_ANNOUNCED); i++) {
        atomic_fetch_sub(&r->changes[i].strand->cuts_pending, 1);
        if (!r->changes[i].soft)
            atomic_fetch_sub(&r->changes[i].strand->cuts_due, 1);
    }
    plat_lock(&c->p->lock);
    for (size_t v = 0; v < c->flow.count; v++)
        if (!layout_has(&c->p->layout, c->flow.stages[v]))
            at_store(&c->flow.stages[v]->busy, false);
    for (size_t i = 0; i < r->gate.owner_count; i++)
        if (!layout_has(&c->p->layout, r->gate.owners[i].in))
            at_store(&r->gate.owners[i].in->busy, false);
    c->p->live -= r->fresh_count;
    c->p->coming = NULL;
    c->last = c->p->live == 0 && r->fresh_count > 0; /* else the last strand has seen that itself */
    plat_broadcast(&c->p->changed);                  /* weir_settle() may have seen what was announced */
    plat_unlock(&c->p->lock);
}

/* Keeps every entry from ending before it has its change. False: one has ended, or is about to. */
static bool pin_entries(struct commit *c)
{
    struct edit_record *r = c->record;
    size_t i = 0;
    while (i < r->entry_count && strand_pin(r->changes[i].strand))
        i++;
    if (i == r->entry_count)
        return true;
    while (i-- > 0)
        strand_unpin(r->changes[i].strand);
    return false;
}

/* For a negative control: what strands do behind the last old item. */
static inline void hand_over_now(struct commit *c)
{
    for (size_t v = 0; v < c->flow.count; v++) {
        const struct instance *heir = c->flow.stages[v];
        for (size_t i = 0; i < heir->heir_of_count && heir->def.take_over && !layout_has(&c->p->layout, heir); i++)
            heir->def.take_over(heir->def.state, heir->heir_of[i]->def.state, heir->lane, heir->lanes);
    }
}

static int cut(struct commit *c)
{
    struct edit_record *r = c->record;
    if (r->entry_count == 0)
        return WEIR_OK;
    if (!pin_entries(c))
        return pipeline_error(WEIR_EENDED, "the data has ended in front of the edit's place; pipeline \"%s\" is about to end",
                              c->p->name);
    announce(c);
    if (control_breaks(HAND_OVER_EARLY))
        hand_over_now(c);
    for (size_t i = 0; i < r->entry_count; i++)
        strand_post(r->changes[i].strand, &r->changes[i]);
    interrupt_leaving(c);
    if (wait_for_cut(c))
        return WEIR_OK;
    unannounce(c);
    return too_late(c, *c->held_up_by ? "it waited for the function of stage" : "its place in the pipeline was not reached");
}

/* ---- putting the plan in force ------------------------------------------------------------------------------------------- */

/* Its state goes to a stage that runs: the gate lets go of it. */
static bool is_handed_over(const struct commit *c, const struct instance *in)
{
    for (size_t i = 0; c->record && i < c->record->gate.owner_count; i++)
        if (c->record->gate.owners[i].in == in)
            return true;
    return false;
}

static void let_go_one(void *arg, struct instance *in)
{
    struct commit *c = arg;
    if (plan_has(c->plan, in))
        return;
    bool tried = plan_trial(c->p->plan, in) != NULL; /* then the trial closes it */
    if (!in->seized && !tried && !layout_has(&c->p->layout, in) &&
        !is_handed_over(c, in)) { /* parked: until we have closed it, it is retiring too */
        at_store(&in->busy, true);
        in->fate = FATE_PARKED_LEAVES;
    }
    in->next = c->p->retiring;
    c->p->retiring = in;
    if (control_breaks(CLOSE_AT_COMMIT) && in->def.close && !in->closed) {
        in->closed = true;
        in->def.close(in->def.state);
    }
}

/* Stages that left: those that ran retire by themselves, those that were parked are closed by us. */
static void let_go(struct commit *c, const struct plan *old)
{
    plan_each(old, let_go_one, c);
}

/* A parked stage hands its state to another that is parked, here: nothing else uses the two. */
static void hand_to(struct instance *heir, const struct instance *owner)
{
    if (!heir || heir->heir_of_count != 1 || heir->heir_of[0] != owner)
        return;
    heir->def.take_over(heir->def.state, owner->def.state, 0, 1);
    heir->heir_of_count = 0;
}

static void hand_over_parked(struct commit *c, const struct instance *owner)
{
    for (struct op *op = c->e->ops; op; op = op->next)
        hand_to(op->stage, owner);
    for (size_t i = 0; i < c->e->made_count; i++)
        hand_to(c->e->made[i].stage, owner);
}

static void close_parked_leavers(struct commit *c)
{
    for (struct instance *in = c->p->retiring; in; in = in->next) /* only who has the turn changes the list */
        if (in->fate == FATE_PARKED_LEAVES) {
            in->fate = FATE_CLOSE;
            hand_over_parked(c, in);
            pipeline_close_stage(c->p, in);
            in->edited_out = true;
            trial_dismissed(c->p, in, true);
            plat_lock(&c->p->lock);
            at_release(&in->busy, false);
            plat_broadcast(&c->p->changed); /* weir_settle() may wait for it */
            plat_unlock(&c->p->lock);
        }
}

/* New stages that the same edit has popped again never got into the plan. */
static void drop_unused(struct commit *c)
{
    for (struct op *op = c->e->ops; op; op = op->next) {
        if (!op->stage || plan_has(c->p->plan, op->stage))
            continue;
        pipeline_close_stage(c->p, op->stage);
        instance_free(op->stage);
        op->stage = NULL;
    }
}

/* Lanes and ends of pools that were made for an edit that is not made. Those that the edit brought are closed with it. */
static void throw_away_one(void *arg, struct instance *in)
{
    struct commit *c = arg;
    for (const struct op *op = c->e->ops; op; op = op->next)
        if (op->stage == in)
            return;
    for (size_t i = 0; i < c->e->made_count; i++)
        if (c->e->made[i].stage == in)
            return;
    if (plan_has(c->p->plan, in))
        return;
    in->next = c->made;
    c->made = in;
}

static void throw_away_made(struct commit *c)
{
    if (!c->plan || control_breaks(KEEP_MADE))
        return;
    char kept[sizeof plat_self()->error]; /* a close function may fail in its own way */
    memcpy(kept, plat_self()->error, sizeof kept);
    plan_each(c->plan, throw_away_one, c);
    while (c->made) {
        struct instance *in = c->made;
        c->made = in->next;
        pipeline_close_stage(c->p, in);
        instance_free(in);
    }
    memcpy(plat_self()->error, kept, sizeof kept);
}

/* How a stage with a `loop` leaves: it works off what is in front of the cut, for as long as the edit says. */
static void hurry(struct commit *c, struct instance *in)
{
    uint64_t at_ns = UINT64_MAX;
    for (const struct op *op = c->e->ops; op; op = op->next)
        if (op->within && strcmp(op->name, in->name) == 0)
            at_ns = plat_now_ns() + op->within_ns;
    bool diverts = c->e->diverts && strcmp(c->e->stuck, in->name) == 0;
    c->late += diverts ? at_relaxed(&in->crew->in_hands) : 0;
    plat_lock(&c->p->lock);
    in->left_by = c->p->plan->revision;
    plat_unlock(&c->p->lock);
    crew_set_hurry(in->crew, diverts ? HURRY_DIVERT : HURRY_NOT, at_ns);
}

static void hurry_leavers(struct commit *c, const struct plan *old)
{
    for (size_t i = 0; i < old->count; i++)
        if (old->nodes[i].stage->crew && !plan_has(c->p->plan, old->nodes[i].stage))
            hurry(c, old->nodes[i].stage);
}

/* Before the cut, since it may fail. False: no memory, and all have as many tasks as before. */
static bool resize_crews(const struct plan *plan, const struct plan *before)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct weir_crew *crew = plan->nodes[i].stage->crew;
        if (!crew || plan->nodes[i].tasks == at_load(&crew->concurrency) || crew_resize(crew, plan->nodes[i].tasks) == 0)
            continue;
        if (before)
            resize_crews(before, NULL);
        return false;
    }
    return true;
}

static void put_in_force(struct commit *c)
{
    weir_pipeline *p = c->p;
    struct plan *old = p->plan;
    c->plan->revision = old->revision + (p->started ? 1 : 0);
    plat_lock(&p->lock);
    let_go(c, old); /* in one step with the new plan: the counts of no stage are seen twice, or not at all */
    if (control_breaks(COUNT_LEAVING_TWICE)) {
        plat_unlock(&p->lock);
        plat_lock(&p->lock);
    }
    p->plan = c->plan;
    p->coming = NULL;
    c->plan = NULL;
    if (c->record) {
        layout_free(&p->layout);
        p->layout = c->record->layout;
        layout_mark(&p->layout);
        c->record->layout = (struct layout){0};
    }
    taps_follow(p, old);
    if (c->entry)
        history_push(p, c->entry, old);
    plat_broadcast(&p->changed); /* weir_settle() may have seen a stage that was taken in before the layout had it */
    plat_unlock(&p->lock);
    hurry_leavers(c, old);
    drop_unused(c);
    close_parked_leavers(c);
    c->e->committed = true;
    if (!c->entry)
        plan_free(old);
    if (c->record) {
        c->record->next = p->records;
        p->records = c->record;
        p->record_count++;
    }
}

static void fill_receipt(const struct commit *c, weir_receipt *r, uint64_t prepared_ns)
{
    const struct change *change = c->record && c->record->entry_count ? &c->record->changes[0] : NULL;
    r->revision = c->p->plan->revision - control_breaks(OLD_REVISION);
    r->changed = true;
    r->pending = c->pending;
    r->late = c->late;
    r->prepare_ns = prepared_ns - c->start_ns;
    r->effect_ns = plat_now_ns() - c->start_ns;
    snprintf(r->held_up_by, sizeof r->held_up_by, "%s", c->held_up_by);
    r->held_up_item = *c->held_up_by ? c->held_up_item : 0;
    if (*c->held_up_by)
        r->held_up_ns = plat_now_ns() - prepared_ns;
    if (!change || !at_acquire(&change->applied))
        return;
    r->effect_ns = change->applied_ns - c->start_ns;
    r->position = r->items_before = change->position;
    if (change->mark_put)
        r->items_after = count_get(&change->mark->put) - change->position;
    else if (change->after)
        r->items_after = count_get(&change->after->taken) - change->after_base;
}

static const char *const op_words[] = {"insert %s before %s",
                                       "insert %s after %s",
                                       "insert %s first",
                                       "insert %s last",
                                       "pop %s",
                                       "divert %s",
                                       "replace %s",
                                       "replace %s afresh",
                                       "add %s",
                                       "append %s",
                                       "move %s after %s",
                                       "move %s before %s",
                                       "scale %s to %s",
                                       "connect %s to %s",
                                       "disconnect %s",
                                       "restore",
                                       "",
                                       "canary %s",
                                       "shadow %s",
                                       "promote %s",
                                       "abort the trial of %s"};

/* The operations in words, if nobody has said what the edit is. Before others can see the edit: the commit changes the operations. */
static void compose(weir_edit *e)
{
    char *text = e->what;
    size_t used = 0, size = sizeof e->what;
    if (*text)
        return;
    for (const struct op *op = e->ops; op && used < size; op = op->next) {
        bool places = op->kind == OP_BEFORE || op->kind == OP_AFTER;
        bool brings = op->stage && op->kind != OP_REPLACE && op->kind != OP_REPLACE_FRESH;
        char lanes[16];
        snprintf(lanes, sizeof lanes, "%zu", op->lanes);
        if (op->kind == OP_CANDIDATE)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s", used ? "; " : "");
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, op_words[op->kind], brings ? op->stage->name : op->name,
                                     op->kind == OP_SCALE ? lanes
                                     : places             ? op->name
                                                          : op->to);
    }
}

/* A trial that has ended is not begun anew by who goes back to it: what he gets is the stage that was in force. */
static struct instance *lasting(struct instance *in)
{
    return in->tried[0] ? in->tried[0] : in;
}

/* The entry of the history is made before the cut: after it nothing can fail. */
static int make_entry(struct commit *c)
{
    const weir_edit *e = c->e;
    struct past_entry *entry = c->entry = history_new();
    if (!entry)
        return pipeline_error(WEIR_ENOMEM, "no memory for the edit");
    entry->kind = e->kind;
    entry->info.undoes = e->undoes;
    memcpy(entry->info.id, e->id, sizeof entry->info.id);
    memcpy(entry->info.who, e->who, sizeof entry->info.who);
    memcpy(entry->info.what, e->what, sizeof entry->info.what);
    entry->info.can_undo = true;
    for (size_t i = 0; i < c->p->plan->count; i++) {
        struct instance *in = c->p->plan->nodes[i].stage;
        const char *why;
        if (plan_has(c->plan, in) || plan_has(c->plan, lasting(in)) || history_can_make(lasting(in), &why))
            continue;
        entry->info.can_undo = false;
        snprintf(entry->info.why_not, sizeof entry->info.why_not, "\"%s\": %s", in->name, why);
    }
    return WEIR_OK;
}

static void drop_entry(struct commit *c)
{
    plat_free(c->entry);
    c->entry = NULL;
}

/* Under the lock. */
static void mark_undone(const struct commit *c)
{
    for (size_t i = 0; i < c->p->past_count; i++)
        if (c->e->kind != PAST_EDIT && c->p->past[i]->info.revision == c->e->undoes)
            c->p->past[i]->undone = true;
}

/* The edit is made: what it undid is undone. */
static void finish_entry(struct commit *c, const weir_receipt *receipt)
{
    weir_pipeline *p = c->p;
    if (!c->entry)
        return;
    plat_lock(&p->lock);
    c->entry->info.receipt = *receipt;
    c->entry->info.revision = receipt->revision;
    c->entry->info.when_ns = plat_real_ns();
    for (struct instance *in = p->retiring; in; in = in->next)
        if (in->crew && in->closed && !at_acquire(&in->busy) && in->left_by == receipt->revision)
            history_count(p, in); /* closed before this was written */
    mark_undone(c);
    for (size_t i = 0; i < c->e->made_count; i++)
        history_rename(p, c->e->made[i].old, c->e->made[i].stage);
    plat_unlock(&p->lock);
}

/* A trial starts when the stage that it tries has come to its end in its place, and the other way round: as if the one were the
 * other's heir. */
static int find_trial_heirs(struct commit *c)
{
    for (size_t v = 0; v < c->flow.count; v++) {
        struct instance *in = c->flow.stages[v], *trial = plan_trial(c->p->plan, in), *from = NULL;
        if (in->tried[0] && plan_node(c->p->plan, in->tried[0]))
            from = in->tried[0];
        else if (trial && !plan_node(c->plan, trial))
            from = trial;
        if (!from || layout_has(&c->p->layout, in))
            continue;
        plat_free(in->heir_of); /* of an earlier trial: it has come to rest since */
        in->heir_of = NULL;
        in->heir_of_count = 0;
        if (!pool_inherit(c->plan, in, plan_node(c->p->plan, from)))
            return pipeline_error(WEIR_ENOMEM, "no memory for the edit");
    }
    trials_decide(c->p->plan, c->plan);
    return WEIR_OK;
}

/* All that can fail. Before the start there is nothing to open and nothing that runs. */
static int prepare(struct commit *c)
{
    if (!c->p->started) {
        trials_decide(c->p->plan, c->plan);
        return WEIR_OK;
    }
    pipeline_reap(c->p);
    int status = make_flow(c);
    if (status == WEIR_OK && !c->entry)
        status = make_entry(c);
    if (status == WEIR_OK && !control_breaks(CUT_BEFORE_OPEN))
        status = pipeline_open(c->p, c->plan);
    if (status == WEIR_OK)
        status = wait_for_stages(c);
    if (status == WEIR_OK)
        status = check_ended(c);
    if (status == WEIR_OK)
        status = find_trial_heirs(c);
    if (status == WEIR_OK)
        status = make_record(c);
    if (status != WEIR_OK)
        return status;
    if (c->record->channel_count > 0) /* an edit inside one strand needs no memory that is bounded so */
        status = wait_for_records(c);
    if (status == WEIR_OK)
        status = wait_for_entries(c);
    if (status != WEIR_OK)
        discard_record(c);
    return status;
}

/* A stage with a `loop` that left by an earlier edit and still works. */
static bool hurry_retiring(struct commit *c, weir_receipt *receipt)
{
    for (struct instance *in = c->p->retiring; in; in = in->next) {
        if (!in->crew || strcmp(in->name, c->e->stuck) != 0 || !at_acquire(&in->busy))
            continue;
        receipt->changed = true;
        receipt->late = at_relaxed(&in->crew->in_hands);
        crew_set_hurry(in->crew, HURRY_DIVERT, UINT64_MAX);
        return true;
    }
    return false;
}

/* The stage has left by an earlier edit, and what waits in front of it waits in vain. */
static int divert_retiring(struct commit *c, weir_receipt *receipt)
{
    struct diversion d;
    struct instance *stuck = divert_find(c->p, c->e->stuck);
    receipt->revision = c->p->plan->revision;
    if (!stuck && hurry_retiring(c, receipt))
        return WEIR_OK;
    if (!stuck)
        return pipeline_error(WEIR_EREFUSED,
                              "no stage called \"%s\" is stuck; expected one that is in the plan, or is retiring", c->e->stuck);
    int status = divert_prepare(c->p, stuck, &d);
    if (status != WEIR_OK || !d.from || !divert_seize(c->p, &d))
        return status;
    receipt->changed = true;
    receipt->late = d.late;
    return WEIR_OK;
}

/* The pop of a stage that is stuck. *done false: it is not, or not so that it could be diverted: an ordinary pop will do. From the
 * moment that its strand is given up, the stage is out: if the neighbours can't be joined in time, an empty strand stands there. */
static int divert(struct commit *c, weir_receipt *receipt, bool *done)
{
    struct diversion d;
    struct instance *stuck = divert_find(c->p, c->e->stuck);
    *done = false;
    int status = stuck ? divert_prepare(c->p, stuck, &d) : WEIR_OK;
    if (status != WEIR_OK || !stuck || !d.from)
        return status;
    status = prepare(c);
    bool joins = status == WEIR_OK; /* else the data has ended in front of it, or drains there */
    if ((status != WEIR_OK && status != WEIR_EENDED && status != WEIR_EBUSY) || !c->entry) {
        divert_cancel(c->p, &d);
        drop_entry(c);
        return status;
    }
    uint64_t prepared_ns = plat_now_ns();
    if (!divert_seize(c->p, &d)) {
        if (joins)
            discard_record(c);
        flow_free(&c->flow);
        return WEIR_OK;
    }
    *done = true;
    if (joins && cut(c) != WEIR_OK)
        discard_record(c);
    put_in_force(c);
    fill_receipt(c, receipt, prepared_ns);
    receipt->late = d.late;
    finish_entry(c, receipt);
    return WEIR_OK;
}

static int commit_turn(struct commit *c, weir_receipt *receipt)
{
    const struct past_entry *made = history_find(c->p, c->e->id);
    if (made && !control_breaks(FORGET_IDS)) { /* who asks again has not heard the answer */
        *receipt = made->info.receipt;
        return WEIR_OK;
    }
    int status = check_turn(c);
    if (status == WEIR_OK && c->e->diverts && !c->e->ops)
        return divert_retiring(c, receipt);
    if (status == WEIR_OK)
        status = make_plan(c);
    if (control_breaks(REFUSED_COUNTS) && status != WEIR_OK)
        c->p->plan->revision++;
    if (status != WEIR_OK)
        return status;
    if (c->e->diverts && c->p->started) {
        bool done;
        status = divert(c, receipt, &done);
        if (done || status != WEIR_OK)
            return status;
    }
    if (plan_same(c->plan, c->p->plan) && !control_breaks(NO_OP_COUNTS)) {
        plat_lock(&c->p->lock);
        mark_undone(c); /* going back to a trial that has ended: what comes next is the edit before that */
        plat_unlock(&c->p->lock);
        receipt->revision = c->p->plan->revision;
        return WEIR_OK;
    }
    status = prepare(c);
    uint64_t prepared_ns = plat_now_ns();
    if (status == WEIR_OK && !resize_crews(c->plan, c->p->plan)) {
        status = pipeline_error(WEIR_ENOMEM, "no memory for the tasks of a stage: %s", plat_self()->error);
        if (c->record)
            discard_record(c);
    }
    if (status == WEIR_OK && c->record && (status = cut(c)) != WEIR_OK) {
        resize_crews(c->p->plan, NULL);
        discard_record(c);
    }
    if (status != WEIR_OK) {
        throw_away_made(c);
        drop_entry(c);
        return status;
    }
    put_in_force(c);
    fill_receipt(c, receipt, prepared_ns);
    finish_entry(c, receipt);
    if (control_breaks(CUT_BEFORE_OPEN))
        return pipeline_open(c->p, c->p->plan);
    return WEIR_OK;
}

/* For who asks what is pending. */
static void commit_shown(struct commit *c, struct commit *now)
{
    plat_lock(&c->p->lock);
    c->p->commit = now;
    plat_unlock(&c->p->lock);
}

static int commit(weir_edit *e, weir_receipt *receipt)
{
    struct commit c = {.p = e->p, .e = e, .start_ns = plat_now_ns(), .deadline_ns = UINT64_MAX};
    if (e->timeout_ms)
        c.deadline_ns = c.start_ns + e->timeout_ms * (uint64_t)1000000;
    if (!turn_take(c.p, c.deadline_ns, e))
        return pipeline_error(WEIR_EBUSY, "the edit was withdrawn after %llu ms: an earlier one has not finished",
                              (unsigned long long)e->timeout_ms);
    commit_shown(&c, &c);
    if (control_breaks(PAUSE_FOR_COMMIT))
        weir_pause(c.p);
    int status = commit_turn(&c, receipt);
    if (control_breaks(PAUSE_FOR_COMMIT))
        weir_resume(c.p);
    commit_shown(&c, NULL);
    turn_give(c.p);
    if (c.last)
        pipeline_over(c.p);
    plan_free(c.plan);
    flow_free(&c.flow);
    receipt->total_ns = plat_now_ns() - c.start_ns;
    return status;
}

int weir_commit(weir_edit *e, weir_receipt *receipt)
{
    weir_receipt unused, *r = receipt ? receipt : &unused;
    int status;
    *r = (weir_receipt){0};
    if (strand_inside(&e->p->env)) {
        status =
            pipeline_error(WEIR_EINSIDE, "committing inside a stage's function would wait for itself; use weir_commit_async()");
    } else {
        compose(e);
        status = commit(e, r);
    }
    free_edit(e);
    return status;
}

/* ---- one operation as an edit -------------------------------------------------------------------------------------------- */

static int one(weir_pipeline *p, enum op_kind kind, const char *name, const char *to, const weir_stage *stage,
               weir_receipt *receipt)
{
    weir_edit *e = weir_edit_begin(p);
    if (!e) {
        close_lent(stage);
        return WEIR_ENOMEM;
    }
    int status = add_op(e, kind, name, to, stage);
    if (status == WEIR_OK)
        return weir_commit(e, receipt);
    free_edit(e);
    return status;
}

int weir_append(weir_pipeline *p, const weir_stage *stage)
{
    return one(p, OP_APPEND, NULL, NULL, stage, NULL);
}

int weir_add(weir_pipeline *p, const weir_stage *stage)
{
    return one(p, OP_ADD, NULL, NULL, stage, NULL);
}

int weir_insert_before(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt)
{
    return one(p, OP_BEFORE, where, NULL, stage, receipt);
}

int weir_insert_after(weir_pipeline *p, const char *where, const weir_stage *stage, weir_receipt *receipt)
{
    return one(p, OP_AFTER, where, NULL, stage, receipt);
}

int weir_insert_first(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt)
{
    return one(p, OP_FIRST, NULL, NULL, stage, receipt);
}

int weir_insert_last(weir_pipeline *p, const weir_stage *stage, weir_receipt *receipt)
{
    return one(p, OP_LAST, NULL, NULL, stage, receipt);
}

int weir_pop(weir_pipeline *p, const char *name, weir_receipt *receipt)
{
    return one(p, OP_POP, name, NULL, NULL, receipt);
}

int weir_divert(weir_pipeline *p, const char *name, weir_receipt *receipt)
{
    weir_edit *e = weir_edit_begin(p);
    if (!e)
        return WEIR_ENOMEM;
    int status = weir_edit_divert(e, name);
    if (status == WEIR_OK)
        return weir_commit(e, receipt);
    free_edit(e);
    return status;
}

int weir_replace(weir_pipeline *p, const char *name, const weir_stage *stage, weir_receipt *receipt)
{
    return one(p, OP_REPLACE, name, NULL, stage, receipt);
}

int weir_connect(weir_pipeline *p, const char *from, const char *to, weir_receipt *receipt)
{
    return one(p, OP_CONNECT, from, to, NULL, receipt);
}

int weir_disconnect(weir_pipeline *p, const char *from, weir_receipt *receipt)
{
    return one(p, OP_DISCONNECT, from, NULL, NULL, receipt);
}

int weir_move_after(weir_pipeline *p, const char *name, const char *where, weir_receipt *receipt)
{
    return one(p, OP_MOVE_AFTER, name, where, NULL, receipt);
}

int weir_move_before(weir_pipeline *p, const char *name, const char *where, weir_receipt *receipt)
{
    return one(p, OP_MOVE_BEFORE, name, where, NULL, receipt);
}

int weir_scale(weir_pipeline *p, const char *name, unsigned lanes, weir_receipt *receipt)
{
    weir_edit *e = weir_edit_begin(p);
    if (!e)
        return WEIR_ENOMEM;
    int status = weir_edit_scale(e, name, lanes);
    if (status == WEIR_OK)
        return weir_commit(e, receipt);
    free_edit(e);
    return status;
}

/* ---- a dry run ------------------------------------------------------------------------------------------------------------ */

struct listing {
    const struct commit *c;
    weir_preview *preview;
    size_t used;
};

static void line(struct listing *l, const char *format, ...) WEIR_PRINTF(2, 3);

static void line(struct listing *l, const char *format, ...)
{
    size_t size = sizeof l->preview->text;
    va_list args;
    if (l->used >= size)
        return;
    va_start(args, format);
    l->used += (size_t)vsnprintf(l->preview->text + l->used, size - l->used, format, args);
    va_end(args);
}

/* What waits in front of a strand that the edit takes out. */
static uint64_t drains(const struct commit *c, const struct instance *in)
{
    uint64_t items = 0;
    for (size_t i = 0; i < c->p->layout.count; i++) {
        const struct seat *seat = &c->p->layout.seats[i];
        if (seat->program->count == 0 || seat->program->stages[0] != in)
            continue;
        for (size_t k = 0; k < seat->in_count; k++) {
            uint64_t taken = seat->ins[k] ? count_get(&seat->ins[k]->items_taken) : 0;
            items += seat->ins[k] ? count_get(&seat->ins[k]->items_put) - taken : 0;
        }
    }
    return items;
}

static void list_old(struct listing *l, const struct node *node)
{
    const struct commit *c = l->c;
    const struct instance *in = node->stage;
    const struct node *now = plan_node(c->plan, in);
    bool ran = layout_has(&c->p->layout, in), runs = flow_find(&c->flow, in) != NO_INDEX;
    if (now && now->lanes != node->lanes)
        line(l, "~ %s: %zu -> %zu lanes\n", in->name, node->lanes, now->lanes);
    if (now && now->tasks != node->tasks)
        line(l, "~ %s: %u -> %u tasks\n", in->name, node->tasks, now->tasks);
    if (now && ran && !runs && now->lanes == node->lanes) {
        line(l, "park %s\n", in->name);
        l->preview->parks++;
    }
    if (!now && !plan_has(c->plan, in)) {
        line(l, "- %s\n", in->name);
        l->preview->closes++;
    }
    uint64_t items = ran && !runs ? drains(c, in) : 0;
    if (items)
        line(l, "drain %s: %llu items\n", in->name, (unsigned long long)items);
    l->preview->drains += items;
}

static void list_new(struct listing *l, const struct node *node)
{
    const struct instance *in = node->stage;
    if (plan_node(l->c->p->plan, in))
        return;
    if (in->tried[0] || plan_has(l->c->p->plan, in)) {
        line(l, in->tried[0] ? "~ %s: on trial\n" : "~ %s: no trial any more\n", in->name);
        return;
    }
    line(l, "+ %s (%s -> %s)\n", in->name, in->def.in ? in->def.in->name : "nothing", in->emits ? in->emits->name : "same");
    l->preview->opens++;
    if (in->heir_of_count)
        line(l, "~ %s: takes over the state of %s\n", in->name, in->heir_of[0]->name);
}

static void list_changes(struct commit *c, weir_preview *preview)
{
    struct listing l = {.c = c, .preview = preview};
    for (size_t i = 0; i < c->p->plan->count; i++)
        list_old(&l, &c->p->plan->nodes[i]);
    for (size_t i = 0; i < c->plan->count; i++)
        list_new(&l, &c->plan->nodes[i]);
}

/* Stages that take over a state look for it again when the edit is made. */
static void forget_heirs(struct commit *c)
{
    for (struct op *op = c->e->ops; op; op = op->next) {
        if (!op->stage || !op->stage->heir_of)
            continue;
        plat_free(op->stage->heir_of);
        op->stage->heir_of = NULL;
        op->stage->heir_of_count = 0;
    }
    for (size_t i = 0; i < c->e->made_count; i++) {
        struct instance *in = c->e->made[i].stage;
        plat_free(in->heir_of);
        in->heir_of = NULL;
        in->heir_of_count = 0;
    }
}

static int preview_turn(struct commit *c, weir_preview *preview)
{
    int status = check_turn(c);
    if (status == WEIR_OK)
        status = make_plan(c);
    preview->revision = c->p->plan->revision;
    if (status != WEIR_OK || plan_same(c->plan, c->p->plan))
        return status;
    preview->changes = true;
    if (c->p->started)
        status = make_flow(c);
    if (status == WEIR_OK && c->p->started) {
        set_fates(c);
        enum layout_says says = layout_change(&c->p->supply, &c->p->layout, &c->flow, &c->record);
        status = says == LAYOUT_ENDED ? WEIR_EENDED : says == LAYOUT_DONE ? WEIR_OK : WEIR_ENOMEM;
        if (status != WEIR_OK)
            pipeline_error(status, "pipeline \"%s\": %s", c->p->name,
                           status == WEIR_ENOMEM ? "no memory" : "the data has ended");
    }
    if (status == WEIR_OK)
        list_changes(c, preview);
    if (c->record) {
        preview->strands = (unsigned)c->record->change_count;
        record_discard(&c->p->supply, c->record);
    }
    for (size_t i = 0; i < c->p->layout.count; i++) /* it was only a plan: those that run stay */
        for (size_t j = 0; j < c->p->layout.seats[i].program->count; j++)
            c->p->layout.seats[i].program->stages[j]->fate = FATE_STAY;
    throw_away_made(c);
    forget_heirs(c);
    return status;
}

int weir_edit_preview(weir_edit *e, weir_preview *preview)
{
    struct commit c = {.p = e->p, .e = e, .start_ns = plat_now_ns(), .deadline_ns = UINT64_MAX};
    *preview = (weir_preview){0};
    if (strand_inside(&e->p->env))
        return pipeline_error(WEIR_EINSIDE, "a dry run inside a stage's function would wait for itself");
    turn_take(c.p, UINT64_MAX, NULL);
    int status = preview_turn(&c, preview);
    turn_give(c.p);
    plan_free(c.plan);
    flow_free(&c.flow);
    return status;
}

/* ---- what has been asked for and is not done --------------------------------------------------------------------------------- */

struct pending_list {
    weir_pending_info *info;
    size_t max, count;
    weir_pending_info beyond; /* what does not fit into the caller's array is counted only */
};

static weir_pending_info *next_pending(struct pending_list *l, const weir_edit *e, uint64_t since_ns)
{
    weir_pending_info *info = l->count < l->max ? &l->info[l->count] : &l->beyond;
    l->count++;
    *info = (weir_pending_info){.age_ns = plat_now_ns() - since_ns};
    if (!e)
        return info;
    memcpy(info->id, e->id, sizeof info->id);
    memcpy(info->who, e->who, sizeof info->who);
    memcpy(info->what, e->what, sizeof info->what);
    return info;
}

/* A stage that has left and is not gone: the edit that took it out is made, and the data ahead of its cut is still on its way. */
static void list_retiring(weir_pipeline *p, struct pending_list *l)
{
    for (struct instance *in = p->retiring; in; in = in->next) {
        if (!at_acquire(&in->busy) || control_breaks(HIDE_RETIRING) || in->shape == SHAPE_DEAL || in->shape == SHAPE_COLLECT)
            continue;
        weir_pending_info *info = next_pending(l, NULL, plat_now_ns());
        info->committed = true;
        snprintf(info->what, sizeof info->what, "%s leaves", in->name);
        memcpy(info->held_up_by, in->name, sizeof info->held_up_by);
        for (struct strand *s = at_acquire(&p->supply.all); s; s = s->all_next) {
            uint64_t since = s->id == at_load(&in->strand_id) ? at_relaxed(&s->run_ns) : 0;
            if (!since || atomic_load_explicit(&s->current, memory_order_relaxed) != in)
                continue;
            info->held_up_item = at_relaxed(&s->at_item);
            info->held_up_ns = info->age_ns = plat_now_ns() - since;
        }
    }
}

size_t weir_pending(weir_pipeline *p, weir_pending_info *info, size_t max)
{
    struct pending_list l = {.info = info, .max = max};
    plat_lock(&p->lock);
    list_retiring(p, &l);
    if (p->commit) {
        const struct commit *c = p->commit;
        weir_pending_info *now = next_pending(&l, c->e, c->start_ns);
        memcpy(now->held_up_by, c->held_up_by, sizeof now->held_up_by);
        now->held_up_item = *c->held_up_by ? c->held_up_item : 0;
        now->held_up_ns = *c->held_up_by ? now->age_ns : 0;
    }
    for (const struct waiter *w = p->waiters; w; w = w->next)
        if (w->edit)
            next_pending(&l, w->edit, w->since_ns);
    for (const struct async_edit *a = p->asked; a; a = a->next)
        next_pending(&l, a->edit, a->since_ns);
    plat_unlock(&p->lock);
    return l.count;
}

/* ---- undoing -------------------------------------------------------------------------------------------------------------- */

/* Makes what the plan to be restored has and the one in force has not. Under the turn of nobody: the edit expects the revision. */
static int make_again(weir_edit *e, const struct plan *in_force)
{
    e->made = plat_alloc((e->restores->count + 1) * sizeof *e->made);
    if (!e->made)
        return pipeline_error(WEIR_ENOMEM, "no memory for an edit");
    for (size_t i = 0; i < e->restores->count; i++) {
        const struct node *node = &e->restores->nodes[i];
        if (plan_has(in_force, node->stage))
            continue;
        struct instance *in = history_make(node->stage, node->lanes, node->tasks);
        if (!in)
            return WEIR_EREFUSED;
        e->made[e->made_count++] = (struct again_made){node->stage, in};
    }
    return WEIR_OK;
}

/* Of the plan to be restored. */
static void end_trials(struct plan *plan, const struct plan *in_force)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!plan_has(in_force, plan->nodes[i].stage))
            plan->nodes[i].stage = lasting(plan->nodes[i].stage);
    for (size_t i = 0; i < plan->link_count; i++) {
        struct link *l = &plan->links[i];
        if (!plan_has(in_force, l->from))
            l->from = lasting(l->from);
        if (l->to && !plan_has(in_force, l->to))
            l->to = lasting(l->to);
    }
}

/* The turn keeps the history, and the instances that it knows, from going away while they are made again. */
static int fill_undo(weir_edit *e, enum past_kind kind)
{
    weir_pipeline *p = e->p;
    struct past_entry *entry = history_last(p, kind);
    if (e->expects && e->expected != p->plan->revision)
        return pipeline_error(WEIR_ECONFLICT, "the edit expected revision %llu, and revision %llu is in force",
                              (unsigned long long)e->expected, (unsigned long long)p->plan->revision);
    if (!entry)
        return pipeline_error(WEIR_EREFUSED, "there is no edit to %s", kind == PAST_UNDO ? "undo" : "redo");
    e->kind = kind;
    e->undoes = entry->info.revision;
    snprintf(e->what, sizeof e->what, "%s of revision %llu: %.200s", kind == PAST_UNDO ? "undo" : "redo",
             (unsigned long long)entry->info.revision, entry->info.what);
    weir_edit_expect(e, p->plan->revision);
    e->restores = plan_copy(entry->before);
    struct op *op = e->restores ? plat_alloc(sizeof *op) : NULL;
    if (!op)
        return pipeline_error(WEIR_ENOMEM, "no memory for an edit");
    end_trials(e->restores, p->plan);
    op->kind = OP_RESTORE;
    op->edit = e;
    *e->ops_end = op;
    e->ops_end = &op->next;
    return make_again(e, p->plan);
}

static int undo_in(weir_edit *e, enum past_kind kind)
{
    weir_pipeline *p = e->p;
    char text[sizeof e->text];
    if (strand_inside(&p->env))
        return edit_error(e, WEIR_EINSIDE, "undoing inside a stage's function would wait for itself");
    if (e->ops || e->diverts || e->kind != PAST_EDIT)
        return edit_error(e, WEIR_EREFUSED,
                          "an undo or a redo stands with other operations; expected it to be an edit of its own");
    turn_take(p, UINT64_MAX, NULL);
    int status = p->ended ? pipeline_error(WEIR_EENDED, "pipeline \"%s\" has ended", p->name) : fill_undo(e, kind);
    turn_give(p);
    if (status == WEIR_OK)
        return status;
    snprintf(text, sizeof text, "%s", plat_self()->error);
    return edit_error(e, status, text);
}

int weir_edit_undo(weir_edit *e)
{
    return undo_in(e, PAST_UNDO);
}

int weir_edit_redo(weir_edit *e)
{
    return undo_in(e, PAST_REDO);
}

static int go_back(weir_pipeline *p, enum past_kind kind, weir_receipt *receipt)
{
    weir_edit *e = weir_edit_begin(p);
    if (!e)
        return WEIR_ENOMEM;
    int status = undo_in(e, kind);
    if (status == WEIR_OK)
        return weir_commit(e, receipt);
    free_edit(e);
    return status;
}

int weir_undo(weir_pipeline *p, weir_receipt *receipt)
{
    return go_back(p, PAST_UNDO, receipt);
}

int weir_redo(weir_pipeline *p, weir_receipt *receipt)
{
    return go_back(p, PAST_REDO, receipt);
}

/* ---- without waiting ----------------------------------------------------------------------------------------------------- */

static void commit_asked(struct async_edit *a)
{
    weir_receipt receipt = {0};
    int status = commit(a->edit, &receipt);
    free_edit(a->edit);
    if (a->done)
        a->done(a->arg, status, &receipt, status == WEIR_OK ? "" : plat_self()->error);
    plat_free(a);
}

static void edit_thread(void *arg)
{
    weir_pipeline *p = arg;
    plat_lock(&p->lock);
    for (;;) {
        while (!p->asked && !p->editor_quits)
            plat_wait(&p->changed, &p->lock, UINT64_MAX);
        struct async_edit *a = p->asked;
        if (!a)
            break;
        p->asked = a->next;
        if (!p->asked)
            p->asked_end = &p->asked;
        plat_unlock(&p->lock);
        if (control_breaks(DROP_ASKED) && p->asked)
            free_edit(a->edit), plat_free(a);
        else
            commit_asked(a);
        plat_lock(&p->lock);
    }
    plat_unlock(&p->lock);
}

static bool editor_ready(weir_pipeline *p)
{
    if (!p->has_editor)
        p->has_editor = plat_thread_start(&p->editor, "weir-editor", edit_thread, p) == 0;
    return p->has_editor;
}

int weir_commit_async(weir_edit *e, weir_done *done, void *arg)
{
    weir_pipeline *p = e->p;
    struct async_edit *a = plat_alloc(sizeof *a);
    if (!a) {
        free_edit(e);
        return pipeline_error(WEIR_ENOMEM, "no memory for an edit");
    }
    compose(e);
    *a = (struct async_edit){.edit = e, .done = done, .arg = arg, .since_ns = plat_now_ns()};
    plat_lock(&p->lock);
    bool taken = !p->editor_quits && editor_ready(p);
    if (taken) {
        *p->asked_end = a;
        p->asked_end = &a->next;
        plat_broadcast(&p->changed);
    }
    plat_unlock(&p->lock);
    if (taken)
        return WEIR_OK;
    plat_free(a);
    free_edit(e);
    return pipeline_error(WEIR_ESYSTEM, "the system gives no thread to commit edits on");
}

void editor_stop(weir_pipeline *p)
{
    plat_lock(&p->lock);
    p->editor_quits = true;
    plat_broadcast(&p->changed);
    bool has = p->has_editor;
    plat_unlock(&p->lock);
    if (has)
        plat_thread_join(&p->editor);
}
