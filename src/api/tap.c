/* SPDX-License-Identifier: MIT */
#include "api/pipeline.h"
void tap_seen(struct env *env, struct probe *probe, const struct instance *stage, bool out, const void *item,
              const weir_type *type, uint64_t number, int verdict)
{ (void)env; (void)probe; (void)stage; (void)out; (void)item; (void)type; (void)number; (void)verdict; }
