/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what watches over a loop's thread: a handler that has words for a stack overflow, and, when debugging, a timer that looks
 * where a task is that keeps the loop. In the simulator there is neither.
 */
#ifndef ASYNC_WATCH_H
#define ASYNC_WATCH_H

#include "async/loop.h"

void watch_begin(struct loop *loop);
void watch_end(struct loop *loop);

/* The task goes on; it has stopped. Only while loop->watched. */
void watch_task_on(struct loop *loop, weir_task *t);
void watch_task_off(struct loop *loop, weir_task *t);

#endif
