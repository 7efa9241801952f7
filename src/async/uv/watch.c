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

void watch_task(struct loop *loop, weir_task *t)
{
    (void)loop;
    (void)t;
}
