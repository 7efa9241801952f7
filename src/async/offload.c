/* SPDX-License-Identifier: MIT */
/*
 * A few threads for each loop that wants any, started one by one when a job finds none idle. A job lies on the stack of the task that waits
 * for it, and is posted back to the loop.
 */
#include "async/offload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

#include "async/task.h"

#define THREADS_MAX 8

struct job {
    weir_wait wait;
    struct post post;
    struct link link;
    int (*fn)(void *arg);
    void *arg;
    int result;
    char message[256];
};

struct offload {
    struct loop *loop;
    struct plat_lock lock; /* guards what follows, but for the threads, which are the loop's */
    struct plat_cond cond;
    struct list jobs;
    size_t queued; /* jobs */
    size_t idle;   /* threads that wait, or have just been woken */
    bool quit;
    size_t count;
    struct plat_thread threads[THREADS_MAX];
};

static void arrive(struct post *post)
{
    weir_wait_done(&list_of(post, struct job, post)->wait, 0);
}

static void run(struct loop *loop, struct job *job)
{
    weir_fail("%s", ""); /* of the job before */
    job->result = job->fn(job->arg);
    if (job->result < 0)
        snprintf(job->message, sizeof job->message, "%s", *weir_error(NULL) ? weir_error(NULL) : strerror(-job->result));
    loop_post(loop, &job->post);
}

static void work(void *arg)
{
    struct offload *pool = arg;
    plat_lock(&pool->lock);
    for (;;) {
        struct link *link = list_take(&pool->jobs);
        if (link) {
            pool->queued--;
            plat_unlock(&pool->lock);
            run(pool->loop, list_of(link, struct job, link));
            plat_lock(&pool->lock);
        } else if (pool->quit) {
            break;
        } else {
            pool->idle++;
            plat_wait(&pool->cond, &pool->lock, UINT64_MAX);
            pool->idle--;
        }
    }
    plat_unlock(&pool->lock);
}

static struct offload *pool_new(struct loop *loop)
{
    struct offload *pool = plat_alloc(sizeof *pool);
    if (!pool)
        return NULL;
    pool->loop = loop;
    list_init(&pool->jobs);
    if (plat_lock_init(&pool->lock) < 0)
        goto fail;
    if (plat_cond_init(&pool->cond) < 0)
        goto fail_cond;
    return pool;
fail_cond:
    plat_lock_free(&pool->lock);
fail:
    plat_free(pool);
    return NULL;
}

void offload_free(struct loop *loop)
{
    struct offload *pool = loop->offload;
    if (!pool)
        return;
    plat_lock(&pool->lock);
    pool->quit = true;
    plat_broadcast(&pool->cond);
    plat_unlock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++)
        plat_thread_join(&pool->threads[i]);
    plat_cond_free(&pool->cond);
    plat_lock_free(&pool->lock);
    plat_free(pool);
    loop->offload = NULL;
}

/* At least one thread, and one more if there are more jobs than idle ones. */
static bool enough_threads(struct offload *pool)
{
    plat_lock(&pool->lock);
    bool more = pool->queued >= pool->idle;
    plat_unlock(&pool->lock);
    if (more && pool->count < THREADS_MAX && plat_thread_start(&pool->threads[pool->count], "weir offload", work, pool) == 0)
        pool->count++;
    return pool->count > 0;
}

int weir_offload(weir_task *t, int (*fn)(void *arg), void *arg)
{
    struct job job = {.wait.what = "a blocking call on another thread", .post.run = arrive, .fn = fn, .arg = arg};
    struct loop *loop = t->loop;
    int why = task_pending(t);
    if (why)
        return task_fail(why);
    if (!loop->offload)
        loop->offload = pool_new(loop);
    if (!loop->offload || !enough_threads(loop->offload))
        return task_fail(-ENOMEM);
    plat_lock(&loop->offload->lock);
    list_append(&loop->offload->jobs, &job.link);
    loop->offload->queued++;
    plat_signal(&loop->offload->cond);
    plat_unlock(&loop->offload->lock);
    weir_wait_for(t, &job.wait);
    if (job.result < 0)
        weir_fail("%s", job.message);
    return job.result;
}
