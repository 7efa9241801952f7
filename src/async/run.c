/* SPDX-License-Identifier: MIT */
/* A program's main task: a loop that lives as long as it does. */
#include <errno.h>
#include <string.h>
#include <weir/weir.h>

#include "async/loop.h"
#include "async/task.h"

struct run {
    weir_task_fn *fn;
    void *arg;
    int result;
    char message[512];
};

static int main_task(weir_task *t, void *arg)
{
    struct run *run = arg;
    run->result = run->fn(t, run->arg);
    if (run->result < 0) /* what the tasks do that still run must not cover it */
        strncpy(run->message, weir_error(NULL), sizeof run->message - 1);
    return 0;
}

int weir_async_run(weir_task_fn *fn, void *arg)
{
    struct run run = {.fn = fn, .arg = arg, .result = -ENOMEM};
    struct loop loop;
    struct scope scope;
    if (loop_here()) {
        weir_fail("weir_async_run() is not for tasks");
        return -EINVAL;
    }
    if (loop_init(&loop) < 0)
        return task_fail(-ENOMEM);
    scope_init(&scope, &loop, 0);
    weir_task *t = task_new(&scope, "main", main_task, &run);
    if (t) {
        loop_enter(&loop);
        weir_detach(t);
        task_adopt(t);
        while (scope.alive)
            loop_round(&loop);
        scope_free(&scope);
        loop_leave(&loop);
    }
    loop_free(&loop);
    if (!t)
        return task_fail(-ENOMEM);
    if (run.result < 0)
        weir_fail("%s", run.message);
    return run.result;
}
