/* SPDX-License-Identifier: MIT */
/*
 * Trials (canary, shadow) are described in weir.h and not there yet: each of their functions refuses, in words. docs/todo.md lists them.
 */
#include "api/pipeline.h"

static int not_yet(void)
{
    return pipeline_error(WEIR_EREFUSED, "trials of a stage (canary, shadow, promote, abort) are not there yet");
}

static int refuse_candidate(const weir_stage *candidate)
{
    if (candidate->close)
        candidate->close(candidate->state);
    return not_yet();
}

int weir_edit_canary(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial)
{
    (void)e;
    (void)name;
    (void)trial;
    return refuse_candidate(candidate);
}

int weir_edit_shadow(weir_edit *e, const char *name, const weir_stage *candidate, const weir_trial *trial)
{
    (void)e;
    (void)name;
    (void)trial;
    return refuse_candidate(candidate);
}

int weir_edit_promote(weir_edit *e, const char *name)
{
    (void)e;
    (void)name;
    return not_yet();
}

int weir_edit_abort(weir_edit *e, const char *name)
{
    (void)e;
    (void)name;
    return not_yet();
}

int weir_trial_get(weir_pipeline *p, const char *name, weir_trial_info *info)
{
    (void)p;
    (void)name;
    (void)info;
    return not_yet();
}
