/* SPDX-License-Identifier: MIT */
/* Tasks and what they wait for, on a loop of libuv and in virtual time. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/async.h>
#include <weir/runtime.h>
#include <weir/weir.h>

#include "async/sanitizers.h"
#include "check.h"

#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define SANITIZED 1 /* then SIGSEGV is the sanitizer's */
#else
#define SANITIZED 0
#endif

/* What happened, as letters in order. */
static char trace[256];

static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

static void expect_trace(const char *expected)
{
    if (strcmp(trace, expected) != 0)
        check_failed(__FILE__, __LINE__, "the trace", "\"%s\" and \"%s\"", trace, expected);
    trace[0] = 0;
}

/* A task whose argument is a text. */
static weir_task *start(weir_task *t, weir_task_fn *fn, const char *text)
{
    weir_task *started = weir_task_start(t, text, fn, (void *)(uintptr_t)text);
    CHECK(started != NULL);
    return started;
}

static int run(weir_task_fn *fn)
{
    trace[0] = 0;
    return weir_async_run(fn, NULL);
}

/* ---- tasks --------------------------------------------------------------------------------------------------------------- */

static int say(weir_task *t, void *arg)
{
    (void)t;
    note(arg);
    return (int)strlen(arg);
}

static int say_twice(weir_task *t, void *arg)
{
    note(arg);
    CHECK_EQ(weir_yield(t), 0);
    note(arg);
    return 0;
}

static int in_order(weir_task *t, void *arg)
{
    (void)arg;
    weir_task *a = start(t, say_twice, "a"), *b = start(t, say_twice, "b");
    weir_task *c = start(t, say, "ccc");
    int result = 0;
    note("-");
    CHECK_EQ(weir_await(t, c, &result), 0);
    CHECK_EQ(result, 3);
    CHECK_EQ(weir_await(t, a, NULL), 0);
    CHECK_EQ(weir_await(t, b, &result), 0);
    CHECK_EQ(result, 0);
    return 7;
}

static void test_order(void *arg)
{
    (void)arg;
    CHECK_EQ(run(in_order), 7);
    expect_trace("-abcccab");
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */

static int sleep_and_say(weir_task *t, void *arg)
{
    const char *text = arg;
    int result = weir_sleep_ms(t, (uint64_t)(text[0] - '0') * 3);
    note(result == 0 ? text : result == -ECANCELED ? "x" : "?");
    return result;
}

static int sleepers(weir_task *t, void *arg)
{
    (void)arg;
    uint64_t before = weir_task_now_ns(t);
    weir_detach(start(t, sleep_and_say, "3"));
    weir_detach(start(t, sleep_and_say, "1"));
    weir_detach(start(t, sleep_and_say, "2"));
    CHECK_EQ(weir_sleep_ms(t, 6), 0);
    CHECK(weir_task_now_ns(t) - before >= 6000000);
    return 0;
}

static void test_sleep(void *arg)
{
    (void)arg;
    CHECK_EQ(run(sleepers), 0);
    CHECK_EQ(strlen(trace), 3);
    CHECK(trace[0] == '1' && trace[1] == '2' && trace[2] == '3');
}

/* ---- cancelling, timeouts, shields ------------------------------------------------------------------------------------------ */

static int sleep_long(weir_task *t, void *arg)
{
    int result = weir_sleep_ms(t, 1000000);
    CHECK_EQ(result, -ECANCELED);
    CHECK_HAS(weir_error(NULL), "cancelled");
    note(arg);
    CHECK_EQ(weir_sleep_ms(t, 1000000), -ECANCELED); /* and so does whatever it waits for afterwards */
    CHECK_EQ(weir_yield(t), -ECANCELED);
    CHECK(weir_cancelled(t));
    weir_shield_begin(t);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    weir_shield_end(t);
    note("!");
    return result;
}

static int cancel_sleeper(weir_task *t, void *arg)
{
    (void)arg;
    weir_task *a = start(t, sleep_long, "a"), *b = start(t, sleep_long, "b");
    int result = 0;
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(a);
    weir_cancel(a);
    CHECK_EQ(weir_await(t, a, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    CHECK(!weir_cancelled(b));
    weir_cancel(b);
    weir_detach(b);
    return 0;
}

static void test_cancel(void *arg)
{
    (void)arg;
    CHECK_EQ(run(cancel_sleeper), 0);
    expect_trace("a!b!");
}

static int await_other(weir_task *t, void *arg)
{
    CHECK_EQ(weir_await(t, arg, NULL), -ECANCELED);
    note("c");
    return -ECANCELED;
}

/* Who awaits is cancelled, and the other one goes on. */
static int cancel_awaiter(weir_task *t, void *arg)
{
    (void)arg;
    weir_task *other = start(t, sleep_and_say, "5");
    weir_task *awaiter = weir_task_start(t, "awaiter", await_other, other);
    int result = 1;
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(awaiter);
    CHECK_EQ(weir_await(t, awaiter, NULL), 0);
    CHECK_EQ(weir_await(t, other, &result), 0);
    CHECK_EQ(result, 0);
    return 0;
}

static void test_cancel_awaiter(void *arg)
{
    (void)arg;
    CHECK_EQ(run(cancel_awaiter), 0);
    expect_trace("c5");
}

static int nest_timeouts(weir_task *t, void *arg)
{
    weir_timeout outer, middle, inner;
    (void)arg;
    weir_timeout_begin(t, &outer, 30);
    weir_timeout_begin(t, &middle, UINT64_MAX);
    weir_timeout_begin(t, &inner, 5);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    CHECK_EQ(weir_sleep_ms(t, 100000), -ETIMEDOUT);
    CHECK_HAS(weir_error(NULL), "timed out");
    CHECK_EQ(weir_yield(t), -ETIMEDOUT); /* it is over for all that is waited for before its end */
    weir_shield_begin(t);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    weir_shield_end(t);
    CHECK(weir_timeout_end(t, &inner));
    CHECK_EQ(weir_yield(t), 0);
    weir_timeout_begin(t, &inner, 100000);
    CHECK_EQ(weir_sleep_ms(t, 90000), -ETIMEDOUT); /* the outer one's */
    CHECK(!weir_timeout_end(t, &inner));
    CHECK(!weir_timeout_end(t, &middle));
    CHECK(weir_timeout_end(t, &outer));
    return weir_sleep_ms(t, 1);
}

static void test_timeouts(void *arg)
{
    (void)arg;
    CHECK_EQ(run(nest_timeouts), 0);
}

static int reset_timeout(weir_task *t, void *arg)
{
    weir_timeout limit;
    (void)arg;
    weir_timeout_begin(t, &limit, 100000);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    weir_timeout_reset(t, &limit, 2);
    CHECK_EQ(weir_sleep_ms(t, 100000), -ETIMEDOUT);
    weir_timeout_reset(t, &limit, 100000);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    CHECK(!weir_timeout_end(t, &limit));
    return 0;
}

static void test_reset(void *arg)
{
    (void)arg;
    CHECK_EQ(run(reset_timeout), 0);
}

/* A shield holds until its end, then the cancelling takes effect; a timeout that is begun inside of it strikes all the same. */
static int shielded(weir_task *t, void *arg)
{
    weir_timeout limit;
    weir_shield_begin(t);
    weir_shield_begin(t);
    CHECK_EQ(weir_sleep_ms(t, 4), 0);
    weir_timeout_begin(t, &limit, 2);
    CHECK_EQ(weir_sleep_ms(t, 100000), -ETIMEDOUT);
    CHECK(weir_timeout_end(t, &limit));
    weir_shield_end(t);
    CHECK_EQ(weir_yield(t), 0);
    note(arg);
    weir_shield_end(t);
    CHECK_EQ(weir_yield(t), -ECANCELED);
    return -ECANCELED;
}

static int cancel_shielded(weir_task *t, void *arg)
{
    (void)arg;
    weir_task *other = start(t, shielded, "s");
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    weir_cancel(other);
    return weir_await(t, other, NULL);
}

static void test_shield(void *arg)
{
    (void)arg;
    CHECK_EQ(run(cancel_shielded), 0);
    expect_trace("s");
}

/* ---- weir_wait -------------------------------------------------------------------------------------------------------------- */

static bool take_it_back(weir_wait *w)
{
    note("t");
    return w->data == NULL;
}

static int wait_for_lamp(weir_task *t, void *arg)
{
    return weir_wait_for(t, arg);
}

/* The four ways in which a wait ends. */
static int lamp(weir_task *t, void *arg)
{
    weir_wait early = {.what = "e"}, late = {.what = "l"}, back = {.what = "b", .cancel = take_it_back},
              stubborn = {.what = "s", .cancel = take_it_back, .data = &stubborn}, lucky = stubborn;
    int result = 0;
    (void)arg;
    weir_wait_done(&early, 5);
    CHECK_EQ(weir_wait_for(t, &early), 5);
    weir_wait *waits[] = {&late, &back, &stubborn, &lucky};
    int expected[] = {-ENOENT, -ECANCELED, -ECANCELED, 3};
    weir_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = weir_task_start(t, "lamp", wait_for_lamp, waits[i]);
    CHECK_EQ(weir_yield(t), 0);
    for (int i = 0; i < 4; i++)
        weir_cancel(tasks[i]);
    CHECK_EQ(weir_yield(t), 0);
    weir_wait_done(&late, -ENOENT); /* is not to be cancelled */
    weir_wait_done(&stubborn, -ENOENT);
    weir_wait_done(&lucky, 3);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(weir_await(t, tasks[i], &result), 0);
        CHECK_EQ(result, expected[i]);
    }
    return 0;
}

static void test_wait(void *arg)
{
    (void)arg;
    CHECK_EQ(run(lamp), 0);
    expect_trace("ttt");
}

/* The text of weir_error() is a task's own across waits. */
static int keep_text(weir_task *t, void *arg)
{
    weir_fail("%s has failed", (const char *)arg);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_HAS(weir_error(NULL), arg);
    return -EIO;
}

static int texts(weir_task *t, void *arg)
{
    (void)arg;
    weir_task *a = start(t, keep_text, "one"), *b = start(t, keep_text, "two");
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(strlen(weir_error(NULL)), 0);
    int result = 0;
    CHECK_EQ(weir_await(t, b, &result), 0);
    CHECK_EQ(result, -EIO);
    CHECK_HAS(weir_error(NULL), "two has failed");
    CHECK_EQ(weir_await(t, a, &result), 0);
    CHECK_HAS(weir_error(NULL), "one has failed");
    return -EIO;
}

static void test_texts(void *arg)
{
    (void)arg;
    CHECK_EQ(run(texts), -EIO);
    CHECK_HAS(weir_error(NULL), "one has failed");
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------- */

static int sleep_forever(weir_task *t, void *arg)
{
    int result = weir_sleep_ms(t, UINT64_MAX);
    note(arg ? arg : "c");
    return result;
}

static int fail_soon(weir_task *t, void *arg)
{
    CHECK_EQ(weir_sleep_ms(t, (uintptr_t)arg), 0);
    weir_fail("it was too much");
    return -EIO;
}

static int failing_group(weir_task *t, void *arg)
{
    (void)arg;
    weir_group *g = weir_group_begin(t);
    CHECK_EQ(weir_group_start(g, "a", sleep_forever, NULL), 0);
    CHECK_EQ(weir_group_start(g, "b", fail_soon, (void *)2), 0);
    CHECK_EQ(weir_group_start(g, "c", sleep_forever, NULL), 0);
    CHECK_EQ(weir_sleep_ms(t, 100000), -ECANCELED); /* the owner as well */
    CHECK(!weir_cancelled(t));
    CHECK_EQ(weir_group_start(g, "late", sleep_forever, NULL), -ECANCELED);
    CHECK_EQ(weir_group_end(t, g), -EIO);
    CHECK_HAS(weir_error(NULL), "too much");
    return weir_sleep_ms(t, 1);
}

static void test_group_fails(void *arg)
{
    (void)arg;
    CHECK_EQ(run(failing_group), 0);
    expect_trace("cc");
}

static int own_group(weir_task *t, void *arg)
{
    (void)arg;
    weir_group *g = weir_group_begin(t);
    CHECK_EQ(weir_group_start(g, "a", sleep_forever, NULL), 0);
    CHECK_EQ(weir_group_start(g, "b", sleep_forever, NULL), 0);
    int result = weir_group_end(t, g);
    note("o");
    return result;
}

/* The owner of a group is cancelled, and runs out of time, while it waits for the end; and a group is cancelled, which is no failure. */
static int cancel_owner(weir_task *t, void *arg)
{
    (void)arg;
    weir_timeout limit;
    int result = 0;
    weir_task *owner = start(t, own_group, "owner");
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    weir_cancel(owner);
    CHECK_EQ(weir_await(t, owner, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    weir_timeout_begin(t, &limit, 2);
    CHECK_EQ(own_group(t, NULL), -ETIMEDOUT);
    CHECK(weir_timeout_end(t, &limit));
    weir_group *g = weir_group_begin(t);
    CHECK_EQ(weir_group_start(g, "a", sleep_forever, NULL), 0);
    CHECK_EQ(weir_yield(t), 0);
    weir_group_cancel(g);
    CHECK_EQ(weir_group_end(t, g), 0);
    return 0;
}

static void test_group_cancelled(void *arg)
{
    (void)arg;
    CHECK_EQ(run(cancel_owner), 0);
    expect_trace("ccoccoc");
}

static int start_more(weir_task *t, void *arg)
{
    CHECK_EQ(weir_group_start(arg, "more", sleep_and_say, (void *)(uintptr_t) "2"), 0);
    (void)t;
    return 0;
}

static int growing_group(weir_task *t, void *arg)
{
    (void)arg;
    weir_group *g = weir_group_begin(t);
    CHECK_EQ(weir_group_start(g, "first", start_more, g), 0);
    int result = weir_group_end(t, g);
    note("e");
    return result;
}

static void test_group_grows(void *arg)
{
    (void)arg;
    CHECK_EQ(run(growing_group), 0);
    expect_trace("2e");
}

static int next_of_group(weir_task *t, void *arg)
{
    (void)arg;
    weir_group *g = weir_group_begin(t);
    static const char *const texts_by_time[] = {"1", "2", "3"};
    for (int i = 2; i >= 0; i--)
        CHECK_EQ(weir_group_start(g, "say", sleep_and_say, (void *)(uintptr_t)texts_by_time[i]), 0);
    CHECK_EQ(weir_group_start(g, "fail", fail_soon, (void *)20), 0);
    for (int i = 0; i < 4; i++) {
        void *which = NULL;
        int result = 1;
        CHECK_EQ(weir_group_next(t, g, &which, &result), 0);
        CHECK(i == 3 || which == (void *)(uintptr_t)texts_by_time[i]);
        CHECK_EQ(result, i == 3 ? -EIO : 0);
    }
    CHECK_EQ(weir_group_next(t, g, NULL, NULL), 1);
    CHECK_EQ(weir_sleep_ms(t, 1), 0);
    return weir_group_end(t, g);
}

static void test_group_next(void *arg)
{
    (void)arg;
    CHECK_EQ(run(next_of_group), 0);
    expect_trace("123");
}

static int gather_and_race(weir_task *t, void *arg)
{
    (void)arg;
    weir_job jobs[] = {{.fn = sleep_and_say, .arg = (void *)(uintptr_t) "3"},
                       {.fn = fail_soon, .arg = (void *)1},
                       {.fn = sleep_and_say, .arg = (void *)(uintptr_t) "2"},
                       {.fn = fail_soon, .arg = (void *)2}};
    CHECK_EQ(weir_gather(t, jobs, 4), -EIO);
    CHECK_HAS(weir_error(NULL), "too much");
    CHECK(jobs[0].result == 0 && jobs[1].result == -EIO && jobs[2].result == 0 && jobs[3].result == -EIO);
    note("-");
    CHECK_EQ(weir_gather(t, jobs, 1), 0);
    CHECK_EQ(weir_gather(t, jobs, 0), 0);
    CHECK_EQ(weir_race(t, jobs, 4), 2); /* the failures come first, but do not win */
    CHECK_EQ(jobs[0].result, -ECANCELED);
    CHECK_EQ(weir_race(t, jobs + 1, 1), -EIO);
    CHECK_EQ(weir_race(t, jobs, 0), -EINVAL);
    weir_timeout limit;
    weir_timeout_begin(t, &limit, 2);
    weir_job endless = {.fn = sleep_forever};
    CHECK_EQ(weir_gather(t, &endless, 1), -ETIMEDOUT);
    CHECK(weir_timeout_end(t, &limit));
    return 0;
}

static void test_gather(void *arg)
{
    (void)arg;
    CHECK_EQ(run(gather_and_race), 0);
    expect_trace("23-32xc");
}

/* ---- between tasks ------------------------------------------------------------------------------------------------------------ */

static struct {
    weir_lock *lock;
    weir_event *event;
    weir_condition *condition;
    weir_semaphore *semaphore;
    weir_barrier *barrier;
    weir_queue *queue;
    weir_promise *promise;
    int results[8];
} shared;

static int lock_and_say(weir_task *t, void *arg)
{
    int result = weir_lock_take(t, shared.lock);
    if (result < 0)
        return result;
    note(arg);
    CHECK(weir_lock_taken(shared.lock));
    if (!weir_cancelled(t))
        CHECK_EQ(weir_sleep_ms(t, 1), 0);
    note(arg);
    weir_lock_give(shared.lock);
    return 0;
}

/* b is cancelled while it waits; a at the moment when it has been given the lock: it has it then. */
static int locks(weir_task *t, void *arg)
{
    (void)arg;
    shared.lock = weir_lock_new();
    CHECK_EQ(weir_lock_take(t, shared.lock), 0);
    weir_task *a = start(t, lock_and_say, "a"), *b = start(t, lock_and_say, "b"), *c = start(t, lock_and_say, "c"),
              *d = start(t, lock_and_say, "d");
    int result = 0;
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(b);
    weir_lock_give(shared.lock);
    weir_cancel(a);
    CHECK_EQ(weir_await(t, a, &result), 0);
    CHECK_EQ(result, 0);
    CHECK_EQ(weir_await(t, b, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    CHECK_EQ(weir_await(t, c, &result), 0);
    CHECK_EQ(weir_await(t, d, &result), 0);
    CHECK_EQ(result, 0);
    CHECK(!weir_lock_taken(shared.lock));
    weir_lock_free(shared.lock);
    return 0;
}

static void test_locks(void *arg)
{
    (void)arg;
    CHECK_EQ(run(locks), 0);
    expect_trace("aaccdd");
}

static int wait_for_event(weir_task *t, void *arg)
{
    int result = weir_event_wait(t, shared.event);
    note(result == 0 ? arg : "x");
    return result;
}

static int events(weir_task *t, void *arg)
{
    (void)arg;
    shared.event = weir_event_new();
    weir_task *c = start(t, wait_for_event, "c");
    weir_detach(start(t, wait_for_event, "a"));
    weir_detach(start(t, wait_for_event, "b"));
    CHECK_EQ(weir_yield(t), 0);
    CHECK(!weir_event_is_set(shared.event));
    weir_cancel(c);
    CHECK_EQ(weir_await(t, c, NULL), 0);
    weir_event_set(shared.event);
    weir_event_clear(shared.event); /* whom it has let pass it has let pass */
    CHECK_EQ(weir_yield(t), 0);
    weir_event_set(shared.event);
    CHECK(weir_event_is_set(shared.event));
    CHECK_EQ(weir_event_wait(t, shared.event), 0);
    weir_event_free(shared.event);
    return 0;
}

static void test_events(void *arg)
{
    (void)arg;
    CHECK_EQ(run(events), 0);
    expect_trace("xab");
}

static int wait_for_condition(weir_task *t, void *arg)
{
    CHECK_EQ(weir_lock_take(t, shared.lock), 0);
    int result = weir_condition_wait(t, shared.condition);
    CHECK(weir_lock_taken(shared.lock));
    note(result == 0 ? arg : "x");
    weir_lock_give(shared.lock);
    return result;
}

static int conditions(weir_task *t, void *arg)
{
    weir_task *tasks[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    (void)arg;
    shared.lock = weir_lock_new();
    shared.condition = weir_condition_new(shared.lock);
    for (int i = 0; i < 4; i++)
        tasks[i] = start(t, wait_for_condition, names[i]);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_lock_take(t, shared.lock), 0);
    weir_condition_notify(shared.condition, 1);
    weir_cancel(tasks[0]); /* has been notified: that counts */
    weir_cancel(tasks[1]); /* has not, and has to wait for the lock even so */
    CHECK_EQ(weir_yield(t), 0);
    expect_trace("");
    weir_lock_give(shared.lock);
    CHECK_EQ(weir_await(t, tasks[1], NULL), 0);
    expect_trace("ax");
    weir_condition_notify(shared.condition, SIZE_MAX);
    CHECK_EQ(weir_await(t, tasks[0], NULL), 0);
    CHECK_EQ(weir_await(t, tasks[2], NULL), 0);
    CHECK_EQ(weir_await(t, tasks[3], NULL), 0);
    weir_condition_free(shared.condition);
    weir_lock_free(shared.lock);
    return 0;
}

static void test_conditions(void *arg)
{
    (void)arg;
    CHECK_EQ(run(conditions), 0);
    expect_trace("cd");
}

static int take_semaphore(weir_task *t, void *arg)
{
    int result = weir_semaphore_take(t, shared.semaphore);
    note(result == 0 ? arg : "x");
    return result;
}

static int semaphores(weir_task *t, void *arg)
{
    (void)arg;
    shared.semaphore = weir_semaphore_new(2, 3);
    weir_task *a = start(t, take_semaphore, "a"), *b = start(t, take_semaphore, "b"), *c = start(t, take_semaphore, "c"),
              *d = start(t, take_semaphore, "d");
    CHECK_EQ(weir_yield(t), 0);
    expect_trace("ab");
    CHECK(weir_semaphore_give(shared.semaphore)); /* to c */
    weir_cancel(c);
    weir_cancel(d);
    CHECK_EQ(weir_await(t, d, NULL), 0);
    expect_trace("cx");
    for (int i = 0; i < 3; i++)
        CHECK(weir_semaphore_give(shared.semaphore));
    CHECK(!weir_semaphore_give(shared.semaphore));
    weir_detach(a);
    weir_detach(b);
    weir_detach(c);
    weir_semaphore_free(shared.semaphore);
    return 0;
}

static void test_semaphores(void *arg)
{
    (void)arg;
    CHECK_EQ(run(semaphores), 0);
}

static int meet(weir_task *t, void *arg)
{
    *(int *)arg = weir_barrier_wait(t, shared.barrier);
    return *(int *)arg;
}

static weir_task *meet_at(weir_task *t, int i)
{
    weir_task *started = weir_task_start(t, "meet", meet, &shared.results[i]);
    CHECK(started != NULL);
    return started;
}

static int barriers(weir_task *t, void *arg)
{
    (void)arg;
    shared.barrier = weir_barrier_new(3);
    weir_detach(meet_at(t, 0));
    weir_detach(meet_at(t, 1));
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_barrier_wait(t, shared.barrier), 2);
    CHECK_EQ(weir_yield(t), 0);
    CHECK(shared.results[0] == 0 && shared.results[1] == 1);
    weir_task *a = meet_at(t, 2); /* it begins anew; one who waits is cancelled */
    weir_detach(meet_at(t, 3));
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(a);
    CHECK_EQ(weir_barrier_wait(t, shared.barrier), -EPIPE);
    CHECK_EQ(weir_await(t, a, NULL), 0);
    CHECK(shared.results[2] == -ECANCELED && shared.results[3] == -EPIPE);
    weir_barrier_reset(shared.barrier);
    weir_detach(meet_at(t, 4));
    CHECK_EQ(weir_yield(t), 0);
    weir_barrier_reset(shared.barrier);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(shared.results[4], -EPIPE);
    weir_detach(meet_at(t, 5));
    CHECK_EQ(weir_yield(t), 0);
    weir_barrier_abort(shared.barrier);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(shared.results[5], -EPIPE);
    weir_barrier_free(shared.barrier);
    return 0;
}

static void test_barriers(void *arg)
{
    (void)arg;
    CHECK_EQ(run(barriers), 0);
}

/* ---- queues --------------------------------------------------------------------------------------------------------------------- */

static int by_tens(const void *a, const void *b)
{
    return *(const int *)a / 10 - *(const int *)b / 10;
}

static int orders(weir_task *t, void *arg)
{
    static const int in[] = {31, 11, 32, 21, 12, 33};
    static const int out[][6] = {{31, 11, 32, 21, 12, 33}, {33, 12, 21, 32, 11, 31}, {11, 12, 21, 31, 32, 33}};
    (void)arg;
    for (int order = WEIR_FIFO; order <= WEIR_PRIORITY; order++) {
        weir_queue *q = weir_queue_new((weir_queue_order)order, sizeof(int), 0, by_tens);
        for (int round = 0; round < 30; round++) {
            int item;
            for (int i = 0; i < 6; i++)
                CHECK_EQ(weir_queue_put(t, q, &in[i]), 0);
            CHECK_EQ(weir_queue_count(q), 6);
            for (int i = 0; i < 6; i++) {
                CHECK_EQ(weir_queue_get(t, q, &item), 0);
                CHECK_EQ(item, out[order][i]);
            }
            CHECK_EQ(weir_queue_try_get(q, &item), -EAGAIN);
        }
        weir_queue_free(q);
    }
    return 0;
}

static int put_some(weir_task *t, void *arg)
{
    int from = *(int *)arg, result = 0;
    for (int i = from; i < from + 3 && result == 0; i++)
        result = weir_queue_put(t, shared.queue, &i);
    return result;
}

static int get_one(weir_task *t, void *arg)
{
    int result = weir_queue_get(t, shared.queue, arg);
    return result;
}

/* Two who put and wait for room; who gets is cancelled, before and after it was given an item. */
static int full_queue(weir_task *t, void *arg)
{
    int hundred = 100, two_hundred = 200, item = 0, a = 0, b = 0, result = 0;
    static const int expected[] = {100, 101, 102, 200, 201, 202};
    (void)arg;
    shared.queue = weir_queue_new(WEIR_FIFO, sizeof(int), 2, NULL);
    weir_detach(weir_task_start(t, "a", put_some, &hundred));
    weir_detach(weir_task_start(t, "b", put_some, &two_hundred));
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_queue_try_put(shared.queue, &item), -EAGAIN);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(weir_queue_get(t, shared.queue, &item), 0);
        CHECK_EQ(item, expected[i]);
        CHECK_EQ(weir_yield(t), 0);
    }
    weir_task *first = weir_task_start(t, "first", get_one, &a), *second = weir_task_start(t, "second", get_one, &b);
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(first);
    CHECK_EQ(weir_queue_try_put(shared.queue, &hundred), 0);
    weir_cancel(second);
    CHECK_EQ(weir_await(t, first, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    CHECK_EQ(weir_await(t, second, &result), 0);
    CHECK_EQ(result, 0);
    CHECK_EQ(b, 100);
    weir_queue_free(shared.queue);
    return 0;
}

static int join_queue(weir_task *t, void *arg)
{
    int result = weir_queue_join(t, shared.queue);
    note(arg);
    return result;
}

static int joined_queue(weir_task *t, void *arg)
{
    int item = 1, rest = 7, result = 0;
    (void)arg;
    shared.queue = weir_queue_new(WEIR_LIFO, sizeof(int), 3, NULL);
    CHECK_EQ(weir_queue_done(shared.queue), -EINVAL);
    CHECK_EQ(weir_queue_join(t, shared.queue), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(weir_queue_put(t, shared.queue, &item), 0);
    weir_detach(start(t, join_queue, "j"));
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_queue_get(t, shared.queue, &item), 0);
    CHECK_EQ(weir_queue_done(shared.queue), 0);
    CHECK_EQ(weir_yield(t), 0);
    expect_trace("");
    weir_task *putter = weir_task_start(t, "putter", put_some, &rest);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_queue_count(shared.queue), 3);
    weir_queue_shutdown(shared.queue, false); /* what is in it can still be got */
    CHECK_EQ(weir_await(t, putter, &result), 0);
    CHECK_EQ(result, -ESHUTDOWN);
    CHECK_EQ(weir_queue_put(t, shared.queue, &item), -ESHUTDOWN);
    CHECK_HAS(weir_error(NULL), "shut down");
    CHECK_EQ(weir_queue_get(t, shared.queue, &item), 0);
    CHECK_EQ(item, 8);
    CHECK_EQ(weir_queue_done(shared.queue), 0);
    weir_queue_shutdown(shared.queue, true);
    CHECK_EQ(weir_yield(t), 0);
    expect_trace("j");
    CHECK_EQ(weir_queue_get(t, shared.queue, &item), -ESHUTDOWN);
    weir_queue_free(shared.queue);
    return 0;
}

static void test_queues(void *arg)
{
    (void)arg;
    CHECK_EQ(run(orders), 0);
    CHECK_EQ(run(full_queue), 0);
    CHECK_EQ(run(joined_queue), 0);
}

/* ---- other threads ------------------------------------------------------------------------------------------------------------ */

static int await_promise(weir_task *t, void *arg)
{
    void *value = NULL;
    int result = weir_promise_await(t, shared.promise, &value);
    if (result >= 0)
        CHECK(value == shared.results);
    (void)arg;
    return result;
}

static void fulfil(void *arg)
{
    (void)arg;
    CHECK(weir_promise_fulfil(shared.promise, 9, shared.results));
    CHECK(!weir_promise_fulfil(shared.promise, 10, NULL));
    weir_promise_drop(shared.promise);
}

/* One of three who await is cancelled, maybe just when the promise is fulfilled. */
static int promises(weir_task *t, void *arg)
{
    struct plat_thread thread;
    weir_task *tasks[3];
    int result = 0;
    (void)arg;
    shared.promise = weir_promise_share(weir_promise_new());
    for (int i = 0; i < 3; i++)
        tasks[i] = weir_task_start(t, "await", await_promise, NULL);
    CHECK_EQ(plat_thread_start(&thread, "fulfil", fulfil, NULL), 0);
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(tasks[1]);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(weir_await(t, tasks[i], &result), 0);
        CHECK(result == 9 || (i == 1 && result == -ECANCELED));
    }
    CHECK_EQ(weir_promise_await(t, shared.promise, NULL), 9);
    plat_thread_join(&thread);
    weir_promise_drop(shared.promise);
    return 0;
}

static void test_promises(void *arg)
{
    (void)arg;
    CHECK_EQ(run(promises), 0);
}

static int block(void *arg)
{
    plat_yield();
    if (!arg)
        weir_fail("no argument");
    return arg ? *(int *)arg + 1 : -ENOENT;
}

static int offload_one(weir_task *t, void *arg)
{
    int n = *(int *)arg;
    CHECK_EQ(weir_offload(t, block, &n), n + 1);
    return 0;
}

static int offloads(weir_task *t, void *arg)
{
    int numbers[20];
    (void)arg;
    weir_group *g = weir_group_begin(t);
    for (int i = 0; i < 20; i++) {
        numbers[i] = i;
        CHECK_EQ(weir_group_start(g, "offload", offload_one, &numbers[i]), 0);
    }
    CHECK_EQ(weir_offload(t, block, NULL), -ENOENT);
    CHECK_HAS(weir_error(NULL), "no argument");
    return weir_group_end(t, g);
}

static void test_offload(void *arg)
{
    (void)arg;
    CHECK_EQ(run(offloads), 0);
}

/* ---- many, and looking ---------------------------------------------------------------------------------------------------------- */

static int sleep_some(weir_task *t, void *arg)
{
    CHECK_EQ(weir_sleep_ms(t, 1 + check_random() % 20), 0);
    ++*(int *)arg;
    return 0;
}

static int many(weir_task *t, void *arg)
{
    int n = 0, all = *(int *)arg;
    weir_group *g = weir_group_begin(t);
    for (int i = 0; i < all; i++)
        CHECK_EQ(weir_group_start(g, "sleeper", sleep_some, &n), 0);
    CHECK_EQ(weir_group_end(t, g), 0);
    CHECK_EQ(n, all);
    return 0;
}

static void test_many(void *arg)
{
    int n = 10000;
    (void)arg;
    CHECK_EQ(weir_async_run(many, &n), 0);
}

static void look(void *arg, const weir_task_info *info)
{
    (void)arg;
    if (strcmp(info->name, "main") == 0)
        return;
    note(info->name);
    note("(");
    note(info->waits);
    note(info->cancelled ? ",cancelled)" : ")");
    CHECK_EQ(strlen(info->stage), 0);
    CHECK(info->id > 0 && info->item == 0);
}

static int shielded_sleep(weir_task *t, void *arg)
{
    weir_shield_begin(t);
    CHECK_EQ(weir_sleep_ms(t, 3), 0);
    weir_shield_end(t);
    (void)arg;
    return 0;
}

static int tasks_here(weir_task *t, void *arg)
{
    (void)arg;
    shared.event = weir_event_new();
    weir_task *a = start(t, wait_for_event, "a"), *b = start(t, shielded_sleep, "b");
    CHECK_EQ(weir_yield(t), 0);
    weir_task *c = start(t, say, "c");
    weir_cancel(b);
    weir_tasks_here(t, look, NULL);
    expect_trace("a(an event)b(sleep,cancelled)c()");
    weir_event_set(shared.event);
    CHECK_EQ(weir_await(t, a, NULL), 0);
    CHECK_EQ(weir_await(t, b, NULL), 0);
    CHECK(strcmp(weir_task_name(c), "c") == 0);
    weir_event_free(shared.event);
    return 0; /* c was never awaited: it is freed with the loop */
}

static void test_tasks_here(void *arg)
{
    (void)arg;
    CHECK_EQ(run(tasks_here), 0);
}

static int run_inside(weir_task *t, void *arg)
{
    (void)t;
    (void)arg;
    return weir_async_run(say, NULL);
}

static void test_run_inside(void *arg)
{
    (void)arg;
    CHECK_EQ(run(run_inside), -EINVAL);
}

/* ---- all at once, at random ------------------------------------------------------------------------------------------------------ */

#define CROWD 12

static struct {
    weir_lock *lock;
    weir_condition *condition;
    weir_semaphore *semaphore;
    weir_queue *queue;
    int inside, passed, put, got, running;
} mess;

static void pass_lock(weir_task *t)
{
    if (weir_lock_take(t, mess.lock) < 0)
        return;
    CHECK_EQ(mess.inside++, 0);
    if (check_random() % 2)
        weir_yield(t);
    if (check_random() % 4 == 0) {
        mess.inside--;
        weir_condition_wait(t, mess.condition);
        CHECK_EQ(mess.inside++, 0);
    }
    weir_condition_notify(mess.condition, check_random() % 3);
    mess.inside--;
    weir_lock_give(mess.lock);
}

static void pass_semaphore(weir_task *t)
{
    if (weir_semaphore_take(t, mess.semaphore) < 0)
        return;
    CHECK(++mess.passed <= 3);
    weir_sleep_ms(t, check_random() % 3);
    mess.passed--;
    CHECK(weir_semaphore_give(mess.semaphore));
}

static void pass_item(weir_task *t)
{
    int item = 1;
    if (check_random() % 2)
        mess.put += weir_queue_put(t, mess.queue, &item) == 0;
    else
        mess.got += weir_queue_get(t, mess.queue, &item) == 0;
}

static int mingle(weir_task *t, void *arg)
{
    (void)arg;
    for (int i = 0; i < 30 && !weir_cancelled(t); i++) {
        weir_timeout limit;
        weir_timeout_begin(t, &limit, 1 + check_random() % 6);
        switch (check_random() % 4) {
        case 0:
            pass_lock(t);
            break;
        case 1:
            pass_semaphore(t);
            break;
        case 2:
            pass_item(t);
            break;
        default:
            weir_sleep_ms(t, check_random() % 4);
        }
        weir_timeout_end(t, &limit);
    }
    mess.running--;
    return 0;
}

static int crowd(weir_task *t, void *arg)
{
    weir_task *tasks[CROWD];
    (void)arg;
    memset(&mess, 0, sizeof mess);
    mess.lock = weir_lock_new();
    mess.condition = weir_condition_new(mess.lock);
    mess.semaphore = weir_semaphore_new(3, 3);
    mess.queue = weir_queue_new(WEIR_FIFO, sizeof(int), 2, NULL);
    mess.running = CROWD;
    for (int i = 0; i < CROWD; i++)
        tasks[i] = weir_task_start(t, "mingle", mingle, NULL);
    for (int i = 0; i < CROWD / 2; i++) {
        CHECK_EQ(weir_sleep_ms(t, check_random() % 4), 0);
        weir_cancel(tasks[check_random() % CROWD]);
    }
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(weir_await(t, tasks[i], NULL), 0);
    CHECK_EQ(mess.running, 0);
    CHECK(!weir_lock_taken(mess.lock));
    CHECK_EQ(mess.put, mess.got + (int)weir_queue_count(mess.queue));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_semaphore_take(t, mess.semaphore), 0);
    weir_queue_free(mess.queue);
    weir_semaphore_free(mess.semaphore);
    weir_condition_free(mess.condition);
    weir_lock_free(mess.lock);
    return 0;
}

static void test_crowd(void *arg)
{
    (void)arg;
    CHECK_EQ(run(crowd), 0);
}

/* ---- want of memory ------------------------------------------------------------------------------------------------------------ */

#ifdef SIM
/* Uses what allocates, and takes any refusal for an answer. */
static int make_do(weir_task *t, void *arg)
{
    int item = 3, result = 0;
    weir_job jobs[] = {{.fn = shielded_sleep}, {.fn = shielded_sleep}};
    (void)arg;
    weir_queue *q = weir_queue_new(WEIR_PRIORITY, sizeof item, 0, by_tens);
    for (int i = 0; q && result == 0 && i < 40; i++)
        result = weir_queue_put(t, q, &item);
    weir_queue_free(q);
    if (!q || result < 0)
        return -ENOMEM;
    weir_task *other = weir_task_start(t, "other", shielded_sleep, NULL);
    if (!other)
        return -ENOMEM;
    CHECK_EQ(weir_await(t, other, NULL), 0);
    result = weir_gather(t, jobs, 2);
    if (result < 0)
        return result;
    return weir_offload(t, block, &item) == 4 ? 0 : -ENOMEM;
}

static void test_memory(void *arg)
{
    int result = -ENOMEM;
    (void)arg;
    for (size_t n = 1; result < 0; n++) {
        sim_fail_allocation(n);
        result = weir_async_run(make_do, NULL);
        sim_fail_allocation(0);
        CHECK(result == 0 || result == -ENOMEM);
        CHECK(result == 0 || strlen(weir_error(NULL)) > 0);
        CHECK_EQ(sim_live_allocations(), 0);
        CHECK(n < 100);
    }
}
#endif

/* ---- reports ------------------------------------------------------------------------------------------------------------------- */

static char reported[8192];

static void take_report(void *arg, const char *text)
{
    (void)arg;
    strncat(reported, text, sizeof reported - strlen(reported) - 1);
}

static int forget(weir_task *t, void *arg)
{
    (void)arg;
    weir_task_start(t, "forgotten", fail_soon, (void *)1);
    weir_detach(weir_task_start(t, "detached", fail_soon, (void *)1));
    weir_task *asked = weir_task_start(t, "asked", fail_soon, (void *)1);
    return weir_await(t, asked, NULL);
}

static void test_unawaited(void *arg)
{
    (void)arg;
    reported[0] = 0;
    weir_async_configure(&(weir_async_config){.report = take_report});
    CHECK_EQ(run(forget), 0);
    CHECK_EQ(strlen(reported), 0);
    weir_async_configure(&(weir_async_config){.slow_ms = 100000, .report = take_report});
    CHECK_EQ(run(forget), 0);
    weir_async_configure(&(weir_async_config){0});
    CHECK_HAS(reported, "task \"forgotten\" failed and nobody awaited it: it was too much");
    CHECK_HAS(reported, "task \"detached\" failed and nobody awaited it");
    CHECK(!strstr(reported, "asked"));
}

#ifndef SIM
static int keep_the_loop(weir_task *t, void *arg)
{
    uint64_t until = weir_task_now_ns(t) + 20000000;
    while (weir_task_now_ns(t) < until)
        ;
    (void)arg;
    return 0;
}

static int start_busy(weir_task *t, void *arg)
{
    (void)arg;
    return weir_await(t, start(t, keep_the_loop, "busy"), NULL);
}

static void test_slow(void *arg)
{
    (void)arg;
    reported[0] = 0;
    weir_async_configure(&(weir_async_config){.slow_ms = 5, .report = take_report});
    CHECK_EQ(run(start_busy), 0);
    weir_async_configure(&(weir_async_config){0});
    CHECK_HAS(reported, "task \"busy\" kept its loop for ");
    CHECK_HAS(reported, "async_linux_test");
}

static int dig(weir_task *t, void *arg)
{
    volatile char hole[1000];
    hole[0] = (char)(uintptr_t)arg;
    return weir_task_name(t) ? dig(t, (void *)&hole[0]) + hole[0] : 0; /* it always has one, but the compiler does not know */
}

static int start_digging(weir_task *t, void *arg)
{
    (void)arg;
    return weir_await(t, start(t, dig, "digger"), NULL);
}

/* What another process says on standard error in which fn runs, and how it ends. */
static int say_in_child(void (*fn)(void), char *text, size_t size)
{
    int ends[2], status;
    size_t length = 0;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        fn();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; length < size - 1 && (n = read(ends[0], text + length, size - 1 - length)) > 0;)
        length += (size_t)n;
    text[length] = 0;
    close(ends[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void overflow_in_run(void)
{
    weir_async_run(start_digging, NULL);
}

static int dig_in_stage(weir_task *t, void *state)
{
    return dig(t, state);
}

static int receive_all(weir_task *t, void *state)
{
    int64_t item;
    (void)state;
    while (weir_recv(t, &item) == 0)
        ;
    return 0;
}

static void overflow_in_stage(void)
{
    weir_pipeline *p = weir_new("digs");
    weir_append(p, &(weir_stage){.name = "shaft", .out = WEIR_I64, .loop = dig_in_stage, .stack_bytes = 20000});
    weir_append(p, &(weir_stage){.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .loop = receive_all});
    weir_run_to_end(p);
}

static void test_overflow(void *arg)
{
    char text[4096];
    (void)arg;
    int status = say_in_child(overflow_in_run, text, sizeof text);
    CHECK_HAS(text, "weir: task \"digger\" has run over the end of its stack of 64 KiB; give it more: stack_bytes = 262144");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = say_in_child(overflow_in_stage, text, sizeof text);
    CHECK_HAS(text, "weir: task \"shaft\" of stage \"shaft\" has run over the end of its stack of 19 KiB");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
#endif

int main(void)
{
    check_run("tasks start in order and are awaited", 20, test_order);
    check_run("who sleeps shorter wakes first", 20, test_sleep);
    check_run("who is cancelled stays cancelled, but for shields", 20, test_cancel);
    check_run("who awaits is cancelled, not who is awaited", 20, test_cancel_awaiter);
    check_run("timeouts nest", 20, test_timeouts);
    check_run("a timeout is set anew", 20, test_reset);
    check_run("shields nest, and hold off timeouts around them only", 20, test_shield);
    check_run("a wait ends in four ways", 20, test_wait);
    check_run("a task keeps its error text", 20, test_texts);
    check_run("a failure in a group cancels the rest", 20, test_group_fails);
    check_run("a group is cancelled, with its owner and without", 20, test_group_cancelled);
    check_run("tasks of a group start more", 20, test_group_grows);
    check_run("the next of a group", 20, test_group_next);
    check_run("gather and race", 20, test_gather);
    check_run("locks are taken in turn", 20, test_locks);
    check_run("events let all pass", 20, test_events);
    check_run("conditions have their lock when they return", 20, test_conditions);
    check_run("semaphores pass nobody over", 20, test_semaphores);
    check_run("barriers meet, break, and are reset", 20, test_barriers);
    check_run("queues keep their order, wait, and are shut down", 20, test_queues);
    check_run("a promise is fulfilled by another thread", 200, test_promises);
    check_run("blocking calls on other threads", 50, test_offload);
    check_run("ten thousand sleep", 1, test_many);
    check_run("who is here, and what for", 20, test_tasks_here);
    check_run("a crowd that is cancelled at random loses nothing", 300, test_crowd);
    check_run("a task cannot run a loop", 1, test_run_inside);
    check_run("failures that nobody awaits are reported when debugging", 20, test_unawaited);
#ifdef SIM
    check_run("any allocation may fail", 3, test_memory);
#else
    check_run("a task that keeps its loop is reported with a backtrace", 1, test_slow);
    if (!SANITIZED)
        check_run("a stack overflow is named, and ends the process", 1, test_overflow);
#endif
    return check_done();
}
