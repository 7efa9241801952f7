/* SPDX-License-Identifier: MIT */
/*
 * edit.c - the verbs that edit: insert, pop, replace. Each parses what was written, makes one transaction of it, and answers
 * with its receipt. They run on threads of the server's, since a commit may wait.
 */
#include "ctl/answer.h"
#include "ctl/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S  10.0
#define LABEL_ROOM 64

struct request {
    struct session *session;
    const json_t *args;
    struct refusal *refusal;
    const char *verb;
    double deadline;        /* seconds of the monotonic clock; 0: none */
    struct expr *expr;      /* the new stage; NULL for a pop */
    char label[LABEL_ROOM]; /* of the stage that the edit is about */
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *text_of(const struct request *request, const char *name)
{
    return json_string_value(json_object_get(request->args, name));
}

static const char *status_word(int status)
{
    switch (status) {
    case WEIR_EREFUSED:
        return "refused";
    case WEIR_ECONFLICT:
        return "conflict";
    case WEIR_EBUSY:
        return "busy";
    case WEIR_ENOMEM:
        return "memory";
    case WEIR_ESTAGE:
        return "stage";
    case WEIR_EENDED:
        return "ended";
    default:
        return "system";
    }
}

/* ---- the new stage ---------------------------------------------------------------------------------------------------- */

static json_t *refuse_expression(struct request *request, const struct expr_error *error)
{
    refuse(request->refusal, "expression", "%s", error->message);
    request->refusal->placed = true;
    request->refusal->offset = error->offset;
    request->refusal->length = error->length;
    return NULL;
}

static int parse_stage(struct request *request, bool is_source)
{
    struct expr_error error;
    request->expr = expr_parse_at(text_of(request, "text"), is_source, &error);
    if (!request->expr)
        return refuse_expression(request, &error), -1;
    size_t count = expr_count(request->expr);
    if (count == 1)
        return 0;
    return refuse(request->refusal, "usage", "%s takes one stage, and \"%.200s\" has %zu", request->verb,
                  text_of(request, "text"), count),
           -1;
}

static bool is_taken(const weir_stage_info *stages, size_t count, const char *label)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(stages[i].name, label) == 0 && strcmp(stages[i].status, "retiring") != 0)
            return true;
    return false;
}

/* The built-in's name, or with the first number from 2 up that makes it new. */
static int label_by_default(struct request *request, const char *name)
{
    size_t count;
    weir_stage_info *stages = session_stages(request->session, &count);
    if (!stages)
        return refuse(request->refusal, "memory", "out of memory"), -1;
    snprintf(request->label, sizeof request->label, "%s", name);
    for (size_t i = 2; is_taken(stages, count, request->label); i++)
        snprintf(request->label, sizeof request->label, "%.40s%zu", name, i);
    free(stages);
    return 0;
}

/* --as, else as= in the text, else `otherwise`, else one that is free. An as= that says the built-in's own name cannot be told
 * from none, which matters only where the label would be another one: --as says it then. */
static int label_choose(struct request *request, const char *otherwise)
{
    const char *name = expr_builtin(request->expr, 0)->name, *written = expr_label(request->expr, 0);
    const char *label = text_of(request, "as");
    if (!label && strcmp(written, name) != 0)
        label = written;
    if (!label)
        label = otherwise;
    if (!label)
        return label_by_default(request, name);
    if (strlen(label) >= sizeof request->label)
        return refuse(request->refusal, "usage", "the label \"%.80s...\" is too long: at most %zu bytes", label,
                      sizeof request->label - 1),
               -1;
    snprintf(request->label, sizeof request->label, "%s", label);
    return 0;
}

/* ---- the transaction -------------------------------------------------------------------------------------------------- */

static json_t *receipt_json(const struct request *request, const weir_receipt *receipt)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(weir_name(session_pipeline(request->session))));
    json_object_set_new(json, "pid", json_integer(getpid()));
    json_object_set_new(json, "stage", json_text(request->label));
    json_object_set_new(json, "revision", json_integer((json_int_t)receipt->revision));
    json_object_set_new(json, "changed", json_boolean(receipt->changed));
    json_object_set_new(json, "position", json_integer((json_int_t)receipt->position));
    json_object_set_new(json, "items_before", json_integer((json_int_t)receipt->items_before));
    json_object_set_new(json, "items_after", json_integer((json_int_t)receipt->items_after));
    json_object_set_new(json, "prepare_ns", json_integer((json_int_t)receipt->prepare_ns));
    json_object_set_new(json, "effect_ns", json_integer((json_int_t)receipt->effect_ns));
    json_object_set_new(json, "total_ns", json_integer((json_int_t)receipt->total_ns));
    json_object_set_new(json, "held_up_by", json_text(receipt->held_up_by));
    return json;
}

/* Begins the edit with what the request says about it as a whole. NULL and the refusal. */
static weir_edit *begin(struct request *request)
{
    weir_pipeline *pipeline = session_pipeline(request->session);
    double left_s = request->deadline - now_s();
    if (request->deadline > 0 && left_s <= 0) {
        refuse(request->refusal, "busy", "%s: the edits before it took too long, and it was withdrawn", request->verb);
        return NULL;
    }
    weir_edit *edit = weir_edit_begin(pipeline);
    if (!edit) {
        refuse(request->refusal, "memory", "out of memory");
        return NULL;
    }
    const json_t *expect = json_object_get(request->args, "expect");
    if (expect)
        weir_edit_expect(edit, (uint64_t)json_integer_value(expect));
    if (request->deadline > 0)
        weir_edit_timeout(edit, (uint64_t)(left_s * 1000) + 1);
    return edit;
}

static json_t *commit(struct request *request, weir_edit *edit)
{
    weir_receipt receipt = {0};
    weir_pipeline *pipeline = session_pipeline(request->session);
    int status = weir_commit(edit, &receipt);
    if (status != WEIR_OK)
        return refuse(request->refusal, status_word(status), "%s", weir_error(pipeline));
    if (request->expr)
        session_describe(request->session, request->label, expr_builtin(request->expr, 0)->name, expr_text(request->expr, 0));
    session_forget(request->session);
    return receipt_json(request, &receipt);
}

/* ---- the verbs -------------------------------------------------------------------------------------------------------- */

static json_t *insert(struct request *request)
{
    if (parse_stage(request, false) != 0 || label_choose(request, NULL) != 0)
        return NULL;
    weir_edit *edit = begin(request);
    if (!edit)
        return NULL;
    weir_stage stage = expr_take(request->expr, 0, request->label);
    const char *before = text_of(request, "before"), *after = text_of(request, "after");
    if (before)
        weir_edit_insert_before(edit, before, &stage);
    else if (after)
        weir_edit_insert_after(edit, after, &stage);
    else if (json_is_true(json_object_get(request->args, "first")))
        weir_edit_insert_first(edit, &stage);
    else
        weir_edit_insert_last(edit, &stage);
    return commit(request, edit);
}

static json_t *pop(struct request *request)
{
    weir_edit *edit = begin(request);
    if (!edit)
        return NULL;
    snprintf(request->label, sizeof request->label, "%s", text_of(request, "stage"));
    weir_edit_pop(edit, text_of(request, "stage"));
    return commit(request, edit);
}

/* Some names stand for a source at the beginning and for a sink elsewhere. */
static bool is_source(struct session *session, const char *label)
{
    size_t count;
    bool found = false;
    weir_stage_info *stages = session_stages(session, &count);
    for (size_t i = 0; stages && i < count; i++)
        if (strcmp(stages[i].name, label) == 0)
            found = stages[i].in[0] == '\0' || strcmp(stages[i].in, "none") == 0;
    free(stages);
    return found;
}

static json_t *replace(struct request *request)
{
    const char *old = text_of(request, "stage");
    if (parse_stage(request, is_source(request->session, old)) != 0 || label_choose(request, old) != 0)
        return NULL;
    weir_edit *edit = begin(request);
    if (!edit)
        return NULL;
    weir_stage stage = expr_take(request->expr, 0, request->label);
    weir_edit_replace(edit, old, &stage);
    return commit(request, edit);
}

static json_t *edit_with(json_t *(*make)(struct request *), const char *verb, struct session *session, const json_t *args,
                         struct refusal *refusal)
{
    const json_t *timeout = json_object_get(args, "timeout");
    double timeout_s = timeout ? json_number_value(timeout) : TIMEOUT_S;
    struct request request = {.session = session, .args = args, .refusal = refusal, .verb = verb};
    request.deadline = timeout_s > 0 ? now_s() + timeout_s : 0;
    session_edit_lock(session);
    json_t *answer = make(&request);
    session_edit_unlock(session);
    expr_free(request.expr);
    return answer;
}

json_t *answer_insert(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_with(insert, "insert", session, args, refusal);
}

json_t *answer_pop(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_with(pop, "pop", session, args, refusal);
}

json_t *answer_replace(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_with(replace, "replace", session, args, refusal);
}
