/* SPDX-License-Identifier: MIT */
/* Tasks and what they wait for, on a loop of libuv and in virtual time. */
#include <errno.h>
#include <weir/async.h>
#include <weir/runtime.h>
#include <weir/weir.h>

#include "check.h"

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

int main(void)
{
    check_run("tasks start in order and are awaited", 20, test_order);
    check_run("who sleeps shorter wakes first", 20, test_sleep);
    return check_done();
}
