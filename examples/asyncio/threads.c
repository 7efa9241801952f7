/* SPDX-License-Identifier: MIT */
/*
 * asyncio.to_thread(), call_soon_threadsafe() and run_coroutine_threadsafe(), in weir's words: blocking work goes to a pool of
 * threads, and any thread may fulfil a promise that tasks await.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <weir/async.h>

/* ---- to_thread ---------------------------------------------------------------------------------------------------------- */

struct sum {
    pthread_t loop; /* the thread that tasks run on */
    int n, sum;
    bool elsewhere;
};

static int add_up(void *arg)
{
    struct sum *sum = arg;
    sum->elsewhere = !pthread_equal(pthread_self(), sum->loop);
    for (int i = 1; i <= sum->n; i++)
        sum->sum += i;
    return sum->sum;
}

static void offload(weir_task *t)
{
    struct sum sum = {.loop = pthread_self(), .n = 100};
    int result = weir_offload(t, add_up, &sum);
    printf("to_thread: %d, on another thread: %s\n", result, sum.elsewhere ? "yes" : "no");
}

/* ---- a thread answers a task -------------------------------------------------------------------------------------------- */

static void *answer(void *arg)
{
    static char word[] = "hello";
    weir_promise_fulfil(arg, 5, word);
    weir_promise_drop(arg);
    return NULL;
}

static void promise(weir_task *t)
{
    void *value = NULL;
    pthread_t thread;
    weir_promise *p = weir_promise_new();
    if (pthread_create(&thread, NULL, answer, weir_promise_share(p)) != 0)
        return;
    int result = weir_promise_await(t, p, &value);
    printf("a promise: %d, %s; a second answer changes anything: %s\n", result, (const char *)value,
           weir_promise_fulfil(p, 6, NULL) ? "yes" : "no");
    weir_promise_drop(p);
    pthread_join(thread, NULL);
}

/* ---- a thread asks a loop ----------------------------------------------------------------------------------------------- */

/* What run_coroutine_threadsafe() does: one promise carries the question to the loop, another the answer back. */
struct call {
    weir_promise *asked, *answered;
    int answer; /* the thread's */
};

/* A thread that has no loop waits for a promise on one of its own, for as long as that takes. */
static int await_answer(weir_task *t, void *arg)
{
    struct call *call = arg;
    return weir_promise_await(t, call->answered, NULL);
}

static void *ask(void *arg)
{
    struct call *call = arg;
    weir_promise_fulfil(call->asked, 21, NULL);
    call->answer = weir_async_run(await_answer, call);
    return NULL;
}

static void question(weir_task *t)
{
    struct call call = {.asked = weir_promise_new(), .answered = weir_promise_new()};
    pthread_t thread;
    if (pthread_create(&thread, NULL, ask, &call) != 0)
        return;
    weir_promise_fulfil(call.answered, 2 * weir_promise_await(t, call.asked, NULL), NULL);
    pthread_join(thread, NULL);
    printf("run_coroutine_threadsafe: the thread got %d\n", call.answer);
    weir_promise_drop(call.asked);
    weir_promise_drop(call.answered);
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    offload(t);
    promise(t);
    question(t);
    return 0;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
