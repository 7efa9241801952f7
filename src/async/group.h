/* SPDX-License-Identifier: MIT */
/* group.h - what a task tells its groups, and the one that it is in. */
#ifndef ASYNC_GROUP_H
#define ASYNC_GROUP_H

#include "async/task.h"

void groups_cancel(weir_task *owner); /* it is cancelled, and so are the tasks of its groups */
void group_over(weir_task *t);        /* t, of t->group, has returned; takes it */

#endif
