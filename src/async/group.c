/* SPDX-License-Identifier: MIT */
/*
 * Groups of tasks that end together; gather and race are groups that lend their jobs' results to the caller.
 *
 * A task of a group has no handle: it is freed when it returns, unless somebody asks with weir_group_next(), for whom it waits in `done`.
 */
#include "async/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

#include "async/waiters.h"

struct jobs;

struct weir_group {
    weir_task *owner;
    struct link owner_link; /* in owner->groups */
    struct list tasks;      /* that have not returned */
    struct list done;       /* that have, for weir_group_next() */
    struct list askers;     /* struct waiter: tasks in weir_group_next() */
    weir_wait *end;         /* the owner's, in weir_group_end() */
    struct jobs *jobs;      /* of gather and race */
    bool collects;          /* weir_group_next() is used */
    bool keeps_on;          /* a failure does not cancel the others */
    bool cancelled;         /* nothing is started any more */
    bool failed, ending;
    int result; /* failed: of the first that has */
    char message[256];
};

struct jobs {
    weir_job *all;
    bool race;
    int winner;   /* the index of the first that has succeeded, or -1 */
    size_t index; /* of the failure that `message` is about */
    int failure;
    char message[256];
};

static bool has_failed(const weir_task *t)
{
    return t->result < 0 && !(t->result == -ECANCELED && t->cancelled);
}

static void cancel_tasks(weir_group *g)
{
    g->cancelled = true;
    for (struct link *l = list_first(&g->tasks); l; l = list_next(&g->tasks, l))
        weir_cancel(list_of(l, weir_task, group_link));
}

void groups_cancel(weir_task *owner)
{
    for (struct link *l = list_first(&owner->groups); l; l = list_next(&owner->groups, l))
        cancel_tasks(list_of(l, weir_group, owner_link));
}

weir_group *weir_group_begin(weir_task *t)
{
    weir_group *g = plat_alloc(sizeof *g);
    if (!g) {
        task_fail(-ENOMEM);
        return NULL;
    }
    g->owner = t;
    g->cancelled = t->shields == 0 && t->cancelled;
    list_init(&g->tasks);
    list_init(&g->done);
    list_init(&g->askers);
    list_append(&t->groups, &g->owner_link);
    return g;
}

int weir_group_start(weir_group *g, const char *name, weir_task_fn *fn, void *arg)
{
    if (g->cancelled)
        return task_fail(-ECANCELED);
    weir_task *t = task_new(g->owner->scope, name, fn, arg);
    if (!t)
        return task_fail(-ENOMEM);
    t->worker = g->owner->worker;
    t->group = g;
    list_append(&g->tasks, &t->group_link);
    task_adopt(t);
    return 0;
}

void weir_group_cancel(weir_group *g)
{
    cancel_tasks(g);
}

/* ---- the end of a task --------------------------------------------------------------------------------------------------- */

static void keep_failure(weir_group *g, const weir_task *t)
{
    g->failed = true;
    g->result = t->result;
    snprintf(g->message, sizeof g->message, "%s", t->message);
}

static void fail(weir_group *g, const weir_task *t)
{
    weir_task *owner = g->owner;
    keep_failure(g, t);
    cancel_tasks(g);
    if (g->ending)
        return;
    owner->broken++;
    if (owner->shields == 0 && owner->state == TASK_WAITS)
        task_interrupt(owner, -ECANCELED);
}

void group_over(weir_task *t)
{
    weir_group *g = t->group;
    link_leave(&t->group_link);
    if (has_failed(t) && !g->keeps_on && !g->failed)
        fail(g, t);
    if (g->collects)
        list_append(&g->done, &t->group_link);
    else
        task_free(t);
    if (list_empty(&g->tasks)) {
        waiters_wake_all(&g->askers, 0);
        if (g->end)
            weir_wait_done(g->end, g->end->cancelling ? -ECANCELED : 0);
    } else {
        waiters_wake(&g->askers, 0);
    }
}

int weir_group_next(weir_task *t, weir_group *g, void **arg, int *result)
{
    struct waiter waiter;
    g->collects = true;
    g->keeps_on = g->keeps_on || !g->failed;
    for (;;) {
        struct link *first = list_take(&g->done);
        if (first) {
            weir_task *done = list_of(first, weir_task, group_link);
            if (arg)
                *arg = done->arg;
            if (result)
                *result = done->result;
            if (done->result < 0)
                weir_fail("%s", done->message);
            task_free(done);
            return 0;
        }
        if (list_empty(&g->tasks))
            return 1;
        int error = waiters_wait(t, &g->askers, &waiter, "a task of its group");
        if (error < 0)
            return error;
    }
}

/* ---- the end of a group -------------------------------------------------------------------------------------------------- */

/* The owner is cancelled, or out of time: it still waits for its tasks. */
static bool hurry(weir_wait *w)
{
    cancel_tasks(w->data);
    return false;
}

static int wait_for_tasks(weir_task *t, weir_group *g)
{
    weir_wait w = {.what = "the tasks of its group", .cancel = hurry, .data = g};
    if (list_empty(&g->tasks))
        return 0;
    g->end = &w;
    int result = weir_wait_for(t, &w);
    g->end = NULL;
    return result;
}

int weir_group_end(weir_task *t, weir_group *g)
{
    g->ending = true;
    if (g->failed)
        g->owner->broken--;
    int result = wait_for_tasks(t, g);
    for (struct link *link; (link = list_take(&g->done));) {
        weir_task *done = list_of(link, weir_task, group_link);
        if (has_failed(done) && !g->failed)
            keep_failure(g, done);
        task_free(done);
    }
    if (g->failed) {
        result = g->result;
        weir_fail("%s", g->message);
    }
    link_leave(&g->owner_link);
    plat_free(g);
    return result;
}

/* ---- gather, race -------------------------------------------------------------------------------------------------------- */

/* Of a race the last failure counts, of a gathering the first by index. */
static void note_failure(struct jobs *jobs, size_t i, int result)
{
    if (!jobs->race && i >= jobs->index)
        return;
    jobs->index = i;
    jobs->failure = result;
    snprintf(jobs->message, sizeof jobs->message, "%s", weir_error(NULL));
}

static int run_job(weir_task *t, void *arg)
{
    weir_job *job = arg;
    struct jobs *jobs = t->group->jobs;
    job->result = job->fn(t, job->arg);
    if (job->result < 0) {
        if (!jobs->race || jobs->winner < 0)
            note_failure(jobs, (size_t)(job - jobs->all), job->result);
    } else if (jobs->race && jobs->winner < 0) {
        jobs->winner = (int)(job - jobs->all);
        weir_group_cancel(t->group);
    }
    return job->result;
}

static int run_jobs(weir_task *t, struct jobs *jobs, size_t n)
{
    weir_group *g = weir_group_begin(t);
    int result = 0;
    if (!g)
        return -ENOMEM;
    g->keeps_on = true;
    g->jobs = jobs;
    for (size_t i = 0; i < n; i++)
        jobs->all[i].result = -ECANCELED;
    for (size_t i = 0; i < n && result == 0; i++)
        result = weir_group_start(g, "job", run_job, &jobs->all[i]);
    if (result < 0)
        weir_group_cancel(g);
    int ended = weir_group_end(t, g);
    return result < 0 ? task_fail(result) : ended;
}

int weir_gather(weir_task *t, weir_job *jobs, size_t n)
{
    struct jobs gathered = {.all = jobs, .winner = -1, .index = SIZE_MAX};
    int result = run_jobs(t, &gathered, n);
    if (result < 0 || gathered.failure == 0)
        return result;
    weir_fail("%s", gathered.message);
    return gathered.failure;
}

int weir_race(weir_task *t, weir_job *jobs, size_t n)
{
    struct jobs race = {.all = jobs, .race = true, .winner = -1, .index = SIZE_MAX, .failure = -EINVAL};
    int result = run_jobs(t, &race, n);
    if (race.winner >= 0)
        return race.winner;
    if (result < 0)
        return result;
    weir_fail("%s", n ? race.message : "a race of nobody");
    return race.failure;
}
