/* SPDX-License-Identifier: MIT */
#include "async/watch.h"

void watch_begin(struct loop *loop)
{
    (void)loop;
}

void watch_end(struct loop *loop)
{
    (void)loop;
}

void watch_task_on(struct loop *loop, weir_task *t)
{
    (void)loop;
    (void)t;
}

void watch_task_off(struct loop *loop, weir_task *t)
{
    (void)loop;
    (void)t;
}
