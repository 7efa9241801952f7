/* SPDX-License-Identifier: MIT */
/* offload.h - the threads on which a loop's tasks do what can only be done by blocking. */
#ifndef ASYNC_OFFLOAD_H
#define ASYNC_OFFLOAD_H

#include "async/loop.h"

/* Ends the loop's threads, if it has any; none of its tasks waits for them any more. */
void offload_free(struct loop *loop);

#endif
