/* SPDX-License-Identifier: MIT */
/* What the header promises and the engine does not do yet: refused with words. */
#include "api/pipeline.h"
#define NO return pipeline_error(WEIR_EREFUSED, "not there yet")
int weir_edit_canary(weir_edit *e, const char *n, const weir_stage *c, const weir_trial *t) { (void)e; (void)n; (void)t; if (c->close) c->close(c->state); NO; }
int weir_edit_shadow(weir_edit *e, const char *n, const weir_stage *c, const weir_trial *t) { (void)e; (void)n; (void)t; if (c->close) c->close(c->state); NO; }
int weir_edit_promote(weir_edit *e, const char *n) { (void)e; (void)n; NO; }
int weir_edit_abort(weir_edit *e, const char *n) { (void)e; (void)n; NO; }
int weir_trial_get(weir_pipeline *p, const char *n, weir_trial_info *i) { (void)p; (void)n; (void)i; NO; }
