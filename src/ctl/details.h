/* SPDX-License-Identifier: MIT */
/* details.h - what `weir show` says beyond counts: pauses, pending edits, trials. */
#ifndef CTL_DETAILS_H
#define CTL_DETAILS_H

#include "ctl/session.h"

/* Adds to a snapshot "paused" and "pending", and to its stages on trial "trial". */
void details_add(struct session *session, json_t *snapshot);

#endif
