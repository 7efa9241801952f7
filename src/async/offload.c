/* SPDX-License-Identifier: MIT */
#include "async/offload.h"
void offload_free(struct loop *loop)
{
    (void)loop;
}
