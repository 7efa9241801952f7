/* SPDX-License-Identifier: MIT */
/*
 * wiring.h - what plan.c and wiring.c share: refusals in words, and the rules about names and pools.
 */
#ifndef CORE_WIRING_H
#define CORE_WIRING_H

#include "core/plan.h"

#define WEIR_DISCARD_NAME "discard"

bool plan_refuse(struct plan_error *error, const char *format, ...) WEIR_PRINTF(2, 3); /* false */
bool wiring_no_memory(struct plan_error *error);                                       /* false */

bool wiring_port_name(const char *name);
bool wiring_poolable(const struct instance *in, struct plan_error *error); /* can have more than one lane */

#endif
