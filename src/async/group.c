/* SPDX-License-Identifier: MIT */
#include "async/group.h"
void groups_cancel(weir_task *owner)
{
    (void)owner;
}
void group_over(weir_task *t)
{
    (void)t;
}
