/* SPDX-License-Identifier: MIT */
/*
 * The life of a pipeline, and what its strands tell it: ready, applied, ended, failed. Edits are in edit.c, looking in look.c.
 *
 * Invariant: `live` counts the strands that have been or will be activated and have not ended; when it falls to zero nothing runs
 * any more and nothing can start, since only a running strand starts others.
 */
#include "api/trial.h"
#include "core/crew.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int pipeline_error(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[sizeof plat_self()->error]; /* the arguments may lie in the old message */
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(plat_self()->error, text, sizeof text);
    return status;
}

const char *weir_error(const weir_pipeline *p)
{
    (void)p;
    return plat_self()->error;
}

const char *weir_name(const weir_pipeline *p)
{
    return p->name;
}

/* ---- the turn ------------------------------------------------------------------------------------------------------------ */

bool turn_take(weir_pipeline *p, uint64_t deadline_ns, const weir_edit *edit)
{
    struct waiter me = {.edit = edit, .since_ns = plat_now_ns()};
    plat_lock(&p->lock);
    if (!p->turn_taken || control_breaks(SHARE_THE_TURN)) {
        p->turn_taken = me.granted = true;
    } else {
        struct waiter **end = &p->waiters;
        while (*end)
            end = &(*end)->next;
        *end = &me;
    }
    bool in_time = true;
    while (!me.granted && in_time)
        in_time = plat_wait(&p->changed, &p->lock, deadline_ns);
    if (!me.granted) {
        struct waiter **at = &p->waiters;
        while (*at != &me)
            at = &(*at)->next;
        *at = me.next;
    }
    plat_unlock(&p->lock);
    return me.granted;
}

/* Hands the turn to the one who waits longest: it never lies free while somebody waits. */
void turn_give(weir_pipeline *p)
{
    plat_lock(&p->lock);
    struct waiter *next = p->waiters;
    if (next) {
        p->waiters = next->next;
        next->granted = true;
        if (!control_breaks(TURN_WITHOUT_WAKE))
            plat_broadcast(&p->changed);
    } else {
        p->turn_taken = false;
    }
    plat_unlock(&p->lock);
}

/* ---- stages that leave --------------------------------------------------------------------------------------------------- */

void pipeline_close_stage(weir_pipeline *p, struct instance *in)
{
    plat_lock(&p->lock);
    bool was = in->closed;
    in->closed = true; /* from here on nobody calls interrupt */
    plat_unlock(&p->lock);
    crew_stop(in->crew);
    if ((!was || control_breaks(CLOSE_TWICE)) && in->def.close)
        in->def.close(in->def.state);
}

void pipeline_forget(weir_pipeline *p, struct instance *in)
{
    weir_totals *gone = &p->gone;
    *(instance_is_source(in) ? &gone->admitted : &gone->created) += count_get(&in->created);
    if (in->sink)
        gone->delivered += count_get(&in->put);
    gone->filtered += control_breaks(FORGET_GONE) ? 0 : count_get(&in->filtered);
    gone->failed += count_get(&in->failed);
    gone->returned += count_get(&in->returned);
    in->forgotten = true;
    if (in->kept == 0)
        instance_free(in);
}

static void dismissed(struct env *env, struct instance *in, bool for_good)
{
    weir_pipeline *p = (weir_pipeline *)env;
    if (for_good)
        pipeline_close_stage(p, in);
    trial_dismissed(p, in, for_good);
    plat_lock(&p->lock);
    if (!instance_balanced(in) && !*p->failure)
        snprintf(p->failure, sizeof p->failure, "stage \"%s\": the counts do not add up; this is a bug in weir", in->name);
    if (for_good && in->crew)
        history_count(p, in);
    at_release(&in->busy, false); /* pairs with the acquire of who waits to use or free it */
    plat_unlock(&p->lock);
}

void pipeline_reap(weir_pipeline *p)
{
    for (struct edit_record **at = &p->records; *at;) {
        struct edit_record *r = *at;
        bool over = at_acquire(&r->remaining) == 0;
        for (size_t i = 0; i < r->retired_count; i++)
            over = over && strand_base(at_load(&r->retired[i]->state)) == STRAND_ENDED &&
                   exec_thread_over(&p->exec, r->retired[i]); /* it may be waiting for our turn, to say that all is over */
        if (!over) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        p->record_count--;
        for (size_t i = 0; i < r->retired_count; i++)
            exec_thread_join(&p->exec, r->retired[i]);
        record_reap(&p->supply, r);
    }
    plat_lock(&p->lock);
    for (struct instance **at = &p->retiring; *at;) {
        struct instance *in = *at;
        if (!in->closed || at_acquire(&in->busy)) {
            at = &in->next;
            continue;
        }
        *at = in->next;
        pipeline_forget(p, in);
    }
    plat_unlock(&p->lock);
}

/* ---- what strands say ---------------------------------------------------------------------------------------------------- */

static void ready(struct env *env, struct strand *s)
{
    exec_ready(&((weir_pipeline *)env)->exec, s);
}

static void settle(struct edit_record *r, uint32_t batches)
{
    for (size_t i = 0; i < r->channel_count && !control_breaks(LIMIT_STAYS_LOW); i++)
        channel_set_limit(r->channels[i], batches);
}

static void applied(struct env *env, struct strand *s, struct change *c)
{
    weir_pipeline *p = (weir_pipeline *)env;
    struct edit_record *r = c->record;
    if (!c->by_cut)
        strand_unpin(s);
    at_release(&c->applied, true); /* pairs with the committer's acquire, which then reads the change */
    if (atomic_fetch_sub_explicit(&r->remaining, 1, memory_order_acq_rel) == 2) {
        settle(r, env->queue_batches);
        at_release(&r->remaining, 0); /* from here on the record may be reaped */
    }
    plat_lock(&p->lock); /* so that who has just looked and is about to wait hears it */
    plat_broadcast(&p->changed);
    plat_unlock(&p->lock);
}

static void close_one(void *arg, struct instance *in)
{
    pipeline_close_stage(arg, in);
}

void pipeline_over(weir_pipeline *p)
{
    turn_take(p, UINT64_MAX, NULL);
    plan_each(p->plan, close_one, p);
    plat_lock(&p->lock);
    p->ended = true;
    plat_broadcast(&p->changed);
    plat_unlock(&p->lock);
    turn_give(p);
}

static void ended(struct env *env, struct strand *s)
{
    weir_pipeline *p = (weir_pipeline *)env;
    (void)s;
    plat_lock(&p->lock);
    bool last = --p->live == 0;
    plat_broadcast(&p->changed);
    plat_unlock(&p->lock);
    if (last)
        pipeline_over(p);
}

static void failed(struct env *env, const struct instance *in, const char *message)
{
    weir_pipeline *p = (weir_pipeline *)env;
    (void)in;
    plat_lock(&p->lock);
    if (!*p->failure)
        snprintf(p->failure, sizeof p->failure, "%s", message);
    plat_unlock(&p->lock);
    weir_close(p);
}

static void limit(struct env *env, uint64_t due_ns)
{
    exec_watch(&((weir_pipeline *)env)->exec, due_ns);
}

static void interrupt(struct instance *in)
{
    if (in->opened && !in->closed && in->def.interrupt)
        in->def.interrupt(in->def.state);
}

struct overdue {
    const struct instance *stage;
};

static void interrupt_if(void *arg, struct instance *in)
{
    const struct overdue *o = arg;
    if (o->stage == in)
        interrupt(in);
}

/* The stage may be gone by now; what the pipeline still knows is safe to look at under the lock. */
static void overdue(struct env *env, struct strand *s)
{
    weir_pipeline *p = (weir_pipeline *)env;
    struct overdue o = {atomic_load_explicit(&s->current, memory_order_relaxed)};
    plat_lock(&p->lock);
    plan_each(p->plan, interrupt_if, &o);
    for (struct instance *in = p->retiring; in; in = in->next)
        interrupt_if(&o, in);
    plat_unlock(&p->lock);
}

static void finish(struct env *env)
{
    weir_close((weir_pipeline *)env);
}

/* ---- building ------------------------------------------------------------------------------------------------------------ */

weir_pipeline *weir_new(const char *name)
{
    weir_pipeline *p = plat_alloc_lines(sizeof *p);
    if (!p)
        return NULL;
    plat_can_fence_all(); /* the first call costs some 10 ms when there are threads already, and next to nothing before */
    snprintf(p->name, sizeof p->name, "%s", name ? name : "");
    p->env = (struct env){.batch_items = 256,
                          .queue_batches = 64,
                          .batch_bytes = (size_t)256 << 10,
                          .ready = ready,
                          .applied = applied,
                          .ended = ended,
                          .failed = failed,
                          .finish = finish,
                          .limit = limit,
                          .overdue = overdue,
                          .seen = tap_seen,
                          .dismissed = dismissed};
    p->supply.env = &p->env;
    p->workers = plat_cpus();
    p->asked_end = &p->asked;
    p->plan = plan_new();
    if (!p->plan || plat_lock_init(&p->lock))
        goto no_lock;
    if (plat_cond_init(&p->changed))
        goto no_cond;
    if (taps_init(p))
        goto no_taps;
    if (exec_init(&p->exec, &p->supply))
        goto no_exec;
    return p;

no_exec:
    taps_free(p);
no_taps:
    plat_cond_free(&p->changed);
no_cond:
    plat_lock_free(&p->lock);
no_lock:
    plan_free(p->plan);
    plat_free(p);
    return NULL;
}

int weir_configure(weir_pipeline *p, const weir_config *config)
{
    if (p->started)
        return pipeline_error(WEIR_EREFUSED, "pipeline \"%s\" has started; expected weir_configure() before that", p->name);
    if (config->workers > 256 || config->batch_items > 65536 || config->queue_batches > 65536)
        return pipeline_error(WEIR_EREFUSED, "workers %u, batch_items %u, queue_batches %u; expected at most 256, 65536, 65536",
                              config->workers, config->batch_items, config->queue_batches);
    if (config->loops > 64)
        return pipeline_error(WEIR_EREFUSED, "loops %u; expected at most 64", config->loops);
    if (config->workers)
        p->workers = config->workers;
    if (config->loops)
        p->loop_count = config->loops;
    if (config->batch_items)
        p->env.batch_items = config->batch_items;
    if (config->queue_batches)
        p->env.queue_batches = config->queue_batches < 2 ? 2 : config->queue_batches;
    if (config->batch_bytes)
        p->env.batch_bytes = config->batch_bytes;
    return WEIR_OK;
}

int weir_check(weir_pipeline *p)
{
    struct plan_error error = {0};
    plat_lock(&p->lock);
    bool ok = plan_check(p->plan, &error);
    plat_unlock(&p->lock);
    return ok ? WEIR_OK : pipeline_error(error.no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, "%s", error.text);
}

/* ---- starting ------------------------------------------------------------------------------------------------------------ */

struct opening {
    weir_pipeline *p;
    int status;
};

/* The tasks of a stage with a `loop`. */
static int open_crew(weir_pipeline *p, struct instance *in)
{
    if (in->shape != SHAPE_LOOP)
        return 0;
    if (!p->loops && !(p->loops = crew_runtime->loops_new(p->loop_count ? p->loop_count : 1)))
        return -1;
    in->crew = crew_new(in, p->loops);
    return in->crew ? 0 : -1;
}

static void open_one(void *arg, struct instance *in)
{
    struct opening *o = arg;
    if (o->status != WEIR_OK || in->opened)
        return;
    plat_self()->error[0] = 0;
    if ((in->def.open && in->def.open(in->def.state) < 0) || open_crew(o->p, in) < 0)
        o->status = pipeline_error(WEIR_ESTAGE, "stage \"%s\" could not be opened: %s", in->name, plat_self()->error);
    else
        in->opened = true;
}

int pipeline_open(weir_pipeline *p, const struct plan *plan)
{
    struct opening o = {p, WEIR_OK};
    for (size_t i = 0; i < plan->count; i++) /* it may have been scaled before it was opened */
        if (!plan->nodes[i].stage->opened)
            plan->nodes[i].stage->def.concurrency = plan->nodes[i].tasks;
    plan_each(plan, open_one, &o);
    return o.status;
}

static void close_all(weir_pipeline *p)
{
    char kept[sizeof plat_self()->error]; /* a close function may fail in its own way */
    memcpy(kept, plat_self()->error, sizeof kept);
    plan_each(p->plan, close_one, p);
    memcpy(plat_self()->error, kept, sizeof kept);
}

static int start_threads(weir_pipeline *p, struct edit_record *r)
{
    size_t i = 0;
    while (i < r->fresh_count && (!r->fresh[i]->blocking || exec_thread_start(&p->exec, r->fresh[i]) == 0))
        i++;
    if (i == r->fresh_count && exec_start(&p->exec, p->workers) == 0)
        return WEIR_OK;
    for (size_t j = 0; j < r->fresh_count; j++)
        exec_thread_join(&p->exec, r->fresh[j]);
    return pipeline_error(WEIR_ESYSTEM, "pipeline \"%s\": the system gives no more threads", p->name);
}

/* From the sink to the source, so that nobody writes to who is not there yet. */
static void activate(weir_pipeline *p, struct edit_record *r)
{
    plat_lock(&p->lock);
    p->layout = r->layout;
    layout_mark(&p->layout);
    r->layout = (struct layout){0};
    p->started = true;
    p->live = r->fresh_count;
    plat_unlock(&p->lock);
    for (size_t i = r->fresh_count; i-- > 0;)
        strand_activate(r->fresh[i]);
}

static int launch(weir_pipeline *p, const struct flow *flow)
{
    struct edit_record *r;
    if (layout_change(&p->supply, &p->layout, flow, &r) != LAYOUT_DONE)
        return pipeline_error(WEIR_ENOMEM, "pipeline \"%s\": no memory to start", p->name);
    int status = start_threads(p, r);
    if (status != WEIR_OK) {
        record_discard(&p->supply, r);
        return status;
    }
    for (size_t i = 0; i < flow->count; i++)
        at_store(&flow->stages[i]->busy, true);
    p->plan->revision = 1;
    activate(p, r);
    record_reap(&p->supply, r);
    return WEIR_OK;
}

static int open_and_launch(weir_pipeline *p)
{
    struct plan_error error = {0};
    struct flow flow;
    int status = pools_build(p->plan, p->plan);
    if (status == WEIR_OK)
        status = pipeline_open(p, p->plan);
    if (status != WEIR_OK)
        return status;
    if (!plan_flow(p->plan, &flow, &error))
        return pipeline_error(WEIR_ENOMEM, "pipeline \"%s\": no memory to start", p->name);
    status = launch(p, &flow);
    flow_free(&flow);
    return status;
}

int weir_start(weir_pipeline *p)
{
    if (strand_inside(&p->env))
        return pipeline_error(WEIR_EINSIDE, "weir_start() inside a stage's function of the same pipeline");
    turn_take(p, UINT64_MAX, NULL);
    int status = WEIR_OK;
    if (p->started || p->ended)
        status = pipeline_error(WEIR_EREFUSED, "pipeline \"%s\" has been started already", p->name);
    else if ((status = weir_check(p)) == WEIR_OK && (status = open_and_launch(p)) != WEIR_OK) {
        close_all(p);
        plat_lock(&p->lock);
        p->ended = true;
        snprintf(p->failure, sizeof p->failure, "%s", plat_self()->error);
        plat_unlock(&p->lock);
    }
    turn_give(p);
    return status;
}

/* ---- ending -------------------------------------------------------------------------------------------------------------- */

struct interrupting {
    const struct plan *except; /* its stages were interrupted already */
    bool all;
};

static void interrupt_one(void *arg, struct instance *in)
{
    const struct interrupting *i = arg;
    if ((i->all || instance_is_source(in)) && !(i->except && plan_has(i->except, in)))
        interrupt(in);
}

/* Under the lock. Sources return from waiting; when nothing more is to be processed, others do too. */
static void interrupt_all(weir_pipeline *p, bool all)
{
    struct interrupting i = {.all = all};
    plan_each(p->plan, interrupt_one, &i);
    for (struct instance *in = p->retiring; in; in = in->next)
        interrupt_one(&i, in);
    i.except = p->plan;
    if (p->coming)
        plan_each(p->coming, interrupt_one, &i);
}

static void kick_all(weir_pipeline *p)
{
    for (struct strand *s = at_acquire(&p->supply.all); s; s = s->all_next)
        strand_nudge(s);
}

void weir_close(weir_pipeline *p)
{
    at_store(&p->env.closing, true);
    plat_lock(&p->lock);
    if (p->started && !p->ended)
        interrupt_all(p, false);
    plat_unlock(&p->lock);
    kick_all(p);
}

void weir_abort(weir_pipeline *p)
{
    at_store(&p->env.aborting, true);
    at_store(&p->env.closing, true);
    plat_lock(&p->lock);
    if (p->started && !p->ended)
        interrupt_all(p, true);
    plat_unlock(&p->lock);
    kick_all(p);
}

bool weir_ended(weir_pipeline *p)
{
    plat_lock(&p->lock);
    bool over = p->ended;
    plat_unlock(&p->lock);
    return over;
}

static int outcome(weir_pipeline *p)
{
    return *p->failure ? pipeline_error(WEIR_ESTAGE, "%s", p->failure) : WEIR_OK;
}

int weir_drain(weir_pipeline *p)
{
    if (strand_inside(&p->env))
        return pipeline_error(WEIR_EINSIDE,
                              "waiting for the end inside a stage's function would wait for itself; use weir_close()");
    plat_lock(&p->lock);
    bool fresh = !p->started && !p->ended;
    plat_unlock(&p->lock);
    int begun = fresh ? weir_start(p) : WEIR_OK;
    if (begun != WEIR_OK)
        return begun;
    plat_lock(&p->lock);
    while (!p->ended)
        plat_wait(&p->changed, &p->lock, UINT64_MAX);
    int status = outcome(p);
    plat_unlock(&p->lock);
    return status;
}

int weir_run_to_end(weir_pipeline *p)
{
    return weir_drain(p);
}

int weir_stop(weir_pipeline *p)
{
    if (strand_inside(&p->env))
        return pipeline_error(WEIR_EINSIDE, "weir_stop() inside a stage's function would wait for itself; use weir_close()");
    plat_lock(&p->lock);
    bool started = p->started;
    p->ended |= !started;
    plat_unlock(&p->lock);
    if (!started) {
        close_all(p);
        return WEIR_OK;
    }
    weir_close(p);
    return weir_drain(p);
}

static void nudge_strand(weir_pipeline *p, unsigned id)
{
    for (struct strand *s = at_acquire(&p->supply.all); s && id; s = s->all_next)
        if (s->id == id)
            strand_nudge(s);
}

int weir_wake(weir_pipeline *p, const char *stage)
{
    plat_lock(&p->lock);
    struct instance *in = plan_find(p->plan, stage);
    unsigned id = in ? at_load(&in->strand_id) : 0;
    plat_unlock(&p->lock);
    if (!in)
        return pipeline_error(WEIR_EREFUSED, "no stage is called \"%s\"", stage);
    nudge_strand(p, id);
    return WEIR_OK;
}

void weir_pause(weir_pipeline *p)
{
    at_store(&p->env.paused, true);
}

void weir_resume(weir_pipeline *p)
{
    at_store(&p->env.paused, false);
    kick_all(p);
}

bool weir_paused(weir_pipeline *p)
{
    return at_load(&p->env.paused);
}

/* Under the lock. */
static void flush_source(weir_pipeline *p, struct instance *source, unsigned id)
{
    for (struct strand *s = at_acquire(&p->supply.all); s; s = s->all_next) {
        if (s->id != id)
            continue;
        atomic_fetch_add(&s->flushes_asked, 1);
        interrupt(source);
        strand_nudge(s);
    }
}

int weir_flush(weir_pipeline *p)
{
    bool any = false;
    plat_lock(&p->lock);
    for (size_t i = 0; i < p->plan->count; i++) {
        struct instance *in = p->plan->nodes[i].stage;
        unsigned id = instance_is_source(in) ? at_load(&in->strand_id) : 0;
        if (id)
            flush_source(p, in, id);
        any |= id != 0;
    }
    plat_unlock(&p->lock);
    return any ? WEIR_OK : pipeline_error(WEIR_EENDED, "pipeline \"%s\" does not run", p->name);
}

/* ---- freeing ------------------------------------------------------------------------------------------------------------- */

static void free_layout(weir_pipeline *p)
{
    for (size_t i = 0; i < p->layout.count; i++) {
        struct seat *seat = &p->layout.seats[i];
        plat_free(seat->program);
        ports_free(seat->strand->ports);
        for (size_t k = 0; k < seat->out_count; k++)
            if (seat->outs[k])
                supply_give_channel(&p->supply, seat->outs[k]);
    }
    layout_free(&p->layout);
}

static void list_one(void *arg, struct instance *in)
{
    struct instance **list = arg;
    in->next = *list;
    *list = in;
}

static void free_stages(weir_pipeline *p)
{
    plan_each(p->plan, list_one, &p->retiring); /* a walk must not free what it walks */
    while (p->retiring) {
        struct instance *in = p->retiring;
        p->retiring = in->next;
        instance_free(in);
    }
    plan_free(p->plan);
}

static void stop_running(weir_pipeline *p)
{
    weir_abort(p);
    plat_lock(&p->lock);
    while (!p->ended)
        plat_wait(&p->changed, &p->lock, UINT64_MAX);
    plat_unlock(&p->lock);
}

void weir_free(weir_pipeline *p)
{
    if (!p || strand_inside(&p->env))
        return;
    if (p->started)
        stop_running(p);
    editor_stop(p);
    turn_take(p, UINT64_MAX, NULL); /* whoever ended the pipeline has let go of it now */
    close_all(p);
    if (p->started) {
        exec_stop(&p->exec);
        for (struct strand *s = at_acquire(&p->supply.all); s; s = s->all_next)
            exec_thread_join(&p->exec, s);
    }
    while (p->records) { /* an edit that the end of the data has overtaken never settles; nobody runs any more */
        struct edit_record *r = p->records;
        p->records = r->next;
        record_reap(&p->supply, r);
    }
    free_layout(p);
    history_free(p);
    free_stages(p);
    if (p->loops)
        crew_runtime->loops_free(p->loops);
    supply_free(&p->supply);
    exec_free(&p->exec);
    taps_free(p);
    plat_cond_free(&p->changed);
    plat_lock_free(&p->lock);
    plat_free(p);
}
