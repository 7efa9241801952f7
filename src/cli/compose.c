/* SPDX-License-Identifier: MIT */
/*
 * compose.c - completes an expression with the standard streams, and hands its stages to a pipeline.
 */
#include "cli/compose.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "cli/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append_text(struct session *session, const char *text, bool first)
{
    struct expr_error error;
    struct expr *expr = expr_parse_at(text, first, &error);
    if (!expr)
        return complain_at(USAGE, text, error.offset, error.length, error.message);
    int status = session_append(session, expr);
    expr_free(expr);
    return status == WEIR_OK ? 0 : complain(USAGE, "%s", weir_error(session_pipeline(session)));
}

static int append_all(struct session *session, struct expr *expr)
{
    size_t last = expr_count(expr) - 1;
    bool has_source = expr_builtin(expr, 0)->kind == BUILTIN_SOURCE;
    bool has_sink = expr_builtin(expr, last)->kind == BUILTIN_SINK;
    int status = has_source ? 0 : append_text(session, "stdin", true);
    if (status == 0 && session_append(session, expr) != WEIR_OK)
        status = complain(USAGE, "%s", weir_error(session_pipeline(session)));
    return status != 0 || has_sink ? status : append_text(session, "stdout", false);
}

static int configure(struct session *session, unsigned workers)
{
    weir_pipeline *pipeline = session_pipeline(session);
    if (workers == 0 || weir_configure(pipeline, &(weir_config){.workers = workers}) == WEIR_OK)
        return 0;
    return complain(USAGE, "%s", weir_error(pipeline));
}

int compose(const char *name, const char *text, unsigned workers, struct session **session)
{
    struct expr_error error;
    struct expr *expr = expr_parse(text, &error);
    if (!expr)
        return complain_at(USAGE, text, error.offset, error.length, error.message);
    *session = session_new(weir_new(name));
    int status = *session ? configure(*session, workers) : complain(FAILED, "out of memory");
    if (status == 0)
        status = append_all(*session, expr);
    expr_free(expr);
    if (status == 0)
        return 0;
    session_free(*session);
    *session = NULL;
    return status;
}

char *compose_normal_form(struct session *session)
{
    json_t *state = session_snapshot(session), *stage;
    char *form = NULL;
    size_t i, size;
    FILE *stream = open_memstream(&form, &size);
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        const char *name = state_text(stage, "name"), *builtin = state_text(stage, "builtin");
        if (stream)
            fprintf(stream, "%s%s", i ? " | " : "", state_text(stage, "text"));
        if (stream && strcmp(name, builtin) != 0)
            fprintf(stream, " as=%s", name);
    }
    if (stream)
        fclose(stream);
    json_decref(state);
    return form;
}
