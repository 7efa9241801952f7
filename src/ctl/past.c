/* SPDX-License-Identifier: MIT */
/*
 * past.c - history, pending, undo and redo, and the texts of earlier revisions.
 *
 * The session keeps a JSON object for this file (session_past()), under the edit lock:
 *
 *     {"texts": {"4": {"before": 3, "stages": {LABEL: {"builtin": ..., "text": ...}}}},
 *      "trials": {STAGE: {"builtin": ..., "text": ..., "key": ...}}}
 *
 * "before" is the revision that the edit changed. An edit that undoes revision 4 leads back to the texts of revision 3.
 */
#include "ctl/past.h"

#include "ctl/answer.h"
#include "ctl/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT     64  /* edits, by the engine */
#define REMEMBER 256 /* revisions whose texts are kept: an undo may lead far back, over undos and redos of its own */

static json_t *part(struct session *session, const char *name)
{
    json_t *past = session_past(session), *found = json_object_get(past, name);
    if (!found)
        json_object_set_new(past, name, found = json_object());
    return found;
}

static json_t *texts_at(struct session *session, uint64_t revision)
{
    char key[24];
    snprintf(key, sizeof key, "%llu", (unsigned long long)revision);
    return json_object_get(part(session, "texts"), key);
}

/* ---- texts ------------------------------------------------------------------------------------------------------------ */

static json_t *texts_now(struct session *session)
{
    size_t count;
    json_t *texts = json_object();
    weir_stage_info *stages = session_stages(session, &count);
    for (size_t i = 0; stages && i < count; i++) {
        json_t *about = json_object();
        session_add_text(session, stages[i].name, about);
        json_object_set_new(texts, stages[i].name, about);
    }
    free(stages);
    return texts;
}

static void remember(struct session *session, uint64_t revision, uint64_t before)
{
    char key[24];
    json_t *entry = json_object();
    json_object_set_new(entry, "before", json_integer((json_int_t)before));
    json_object_set_new(entry, "stages", texts_now(session));
    snprintf(key, sizeof key, "%llu", (unsigned long long)revision);
    json_object_set_new(part(session, "texts"), key, entry);
    snprintf(key, sizeof key, "%llu", (unsigned long long)(revision > REMEMBER ? revision - REMEMBER : 0));
    json_object_del(part(session, "texts"), key);
}

void past_before(struct session *session)
{
    uint64_t revision = weir_revision(session_pipeline(session));
    if (!texts_at(session, revision))
        remember(session, revision, revision);
    json_object_set_new(session_past(session), "revision", json_integer((json_int_t)revision));
}

/* Gives the stages that are there now the texts that they had then. */
static void bring_back(struct session *session, const json_t *entry)
{
    const char *label;
    json_t *about;
    json_object_foreach(json_object_get(entry, "stages"), label, about)
        session_describe(session, label, json_string_value(json_object_get(about, "builtin")),
                         json_string_value(json_object_get(about, "text")));
}

/* ---- trials ----------------------------------------------------------------------------------------------------------- */

void past_candidate_label(const char *stage, char label[PAST_LABEL_ROOM])
{
    snprintf(label, PAST_LABEL_ROOM, "%s (candidate)", stage);
}

void past_key_label(const char *stage, char label[PAST_LABEL_ROOM])
{
    snprintf(label, PAST_LABEL_ROOM, "%s (key)", stage);
}

static void note_trial(struct request *request)
{
    const char *key = edit_text(request, "key");
    const struct fresh *fresh = &request->fresh;
    json_t *about = json_object();
    json_object_set_new(about, "builtin", json_text(expr_builtin(fresh->expr, 0)->name));
    json_object_set_new(about, "text", json_text(expr_text(fresh->expr, 0)));
    if (key)
        json_object_set_new(about, "key", json_text(key));
    json_object_set_new(part(request->session, "trials"), request->label, about);
}

/* The candidate's text becomes the stage's. */
static void note_promotion(struct request *request)
{
    const json_t *about = json_object_get(part(request->session, "trials"), request->label);
    if (about)
        session_describe(request->session, request->label, json_string_value(json_object_get(about, "builtin")),
                         json_string_value(json_object_get(about, "text")));
}

static void describe_trial(struct session *session, const char *stage, const json_t *about)
{
    char label[PAST_LABEL_ROOM];
    const char *key = json_string_value(json_object_get(about, "key"));
    past_candidate_label(stage, label);
    session_describe(session, label, json_string_value(json_object_get(about, "builtin")),
                     json_string_value(json_object_get(about, "text")));
    past_key_label(stage, label);
    if (key)
        session_describe(session, label, "", key);
}

/* The session has just forgotten what is no stage's text; trials that go on need theirs. */
static void describe_trials(struct session *session)
{
    const char *stage;
    json_t *about, *trials = part(session, "trials");
    void *next;
    json_object_foreach_safe(trials, next, stage, about)
    {
        weir_trial_info info;
        if (weir_trial_get(session_pipeline(session), stage, &info) == WEIR_OK)
            describe_trial(session, stage, about);
        else
            json_object_del(trials, stage);
    }
}

static void settle(struct session *session, uint64_t revision)
{
    uint64_t before = (uint64_t)json_integer_value(json_object_get(session_past(session), "revision"));
    session_forget(session);
    describe_trials(session);
    if (revision != before)
        remember(session, revision, before);
}

static void note_undo(struct request *request);

/* The stage's text as it would be written now. */
static void note_lanes(struct request *request)
{
    struct expr_error error;
    struct graph *graph = graph_new();
    json_t *about = json_object();
    session_add_text(request->session, request->label, about);
    const char *text = json_string_value(json_object_get(about, "text"));
    json_int_t lanes = json_integer_value(json_object_get(request->args, "lanes"));
    if (graph && text && graph_add_text(graph, request->label, text, false, &error) == 0 &&
        spec_set_lanes(graph->stages[0].spec, (unsigned)lanes) == 0)
        session_describe(request->session, request->label, graph->stages[0].spec->builtin->name, graph->stages[0].spec->text);
    json_decref(about);
    graph_free(graph);
}

void past_after(struct request *request, uint64_t revision)
{
    if (request->on_trial)
        note_trial(request);
    else if (request->fresh.expr)
        fresh_describe(request);
    else if (request->plan.new)
        texts_describe(request->session, request->plan.new);
    else if (request->verb == &promote_verb)
        note_promotion(request);
    else if (request->verb == &undo_verb || request->verb == &redo_verb)
        note_undo(request);
    else if (request->verb == &scale_verb)
        note_lanes(request);
    settle(request->session, revision);
}

/* ---- history ---------------------------------------------------------------------------------------------------------- */

/* The latest edits, newest first: an array to free() and its length. */
static weir_past *latest(struct session *session, size_t max, size_t *count)
{
    weir_past *past = calloc(max, sizeof *past);
    *count = past ? weir_history(session_pipeline(session), past, max) : 0;
    if (*count > max)
        *count = max;
    return past;
}

bool past_find(struct session *session, const char *id, weir_receipt *receipt)
{
    size_t count, i = 0;
    weir_past *past = latest(session, KEPT, &count);
    while (i < count && strcmp(past[i].id, id) != 0)
        i++;
    bool found = i < count;
    if (found)
        *receipt = past[i].receipt;
    free(past);
    return found;
}

static json_t *past_json(struct session *session, const weir_past *past)
{
    json_t *json = json_object();
    json_object_set_new(json, "revision", json_integer((json_int_t)past->revision));
    json_object_set_new(json, "undoes", json_integer((json_int_t)past->undoes));
    json_object_set_new(json, "id", json_text(past->id));
    json_object_set_new(json, "who", json_text(past->who));
    json_object_set_new(json, "what", json_text(past->what));
    json_object_set_new(json, "when_ns", json_integer((json_int_t)past->when_ns));
    json_object_set_new(json, "can_undo", json_boolean(past->can_undo));
    json_object_set_new(json, "why_not", json_text(past->why_not));
    json_object_set_new(json, "receipt", edit_receipt(session, &past->receipt));
    return json;
}

static json_t *head(struct session *session)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(weir_name(session_pipeline(session))));
    json_object_set_new(json, "pid", json_integer(getpid()));
    json_object_set_new(json, "revision", json_integer((json_int_t)weir_revision(session_pipeline(session))));
    return json;
}

json_t *answer_history(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args;
    size_t count;
    weir_past *past = latest(session, KEPT, &count);
    if (!past)
        return refuse(refusal, "memory", "out of memory");
    json_t *json = head(session), *edits = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(edits, past_json(session, &past[i]));
    json_object_set_new(json, "edits", edits);
    free(past);
    return json;
}

/* ---- pending ---------------------------------------------------------------------------------------------------------- */

#define PENDING_MAX 64

static json_t *pending_json(const weir_pending_info *info)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_text(info->id));
    json_object_set_new(json, "who", json_text(info->who));
    json_object_set_new(json, "what", json_text(info->what));
    json_object_set_new(json, "age_ns", json_integer((json_int_t)info->age_ns));
    json_object_set_new(json, "committed", json_boolean(info->committed));
    json_object_set_new(json, "held_up_by", json_text(info->held_up_by));
    json_object_set_new(json, "held_up_item", json_integer((json_int_t)info->held_up_item));
    json_object_set_new(json, "held_up_ns", json_integer((json_int_t)info->held_up_ns));
    return json;
}

json_t *past_pending(struct session *session)
{
    json_t *list = json_array();
    weir_pending_info *info = calloc(PENDING_MAX, sizeof *info);
    size_t count = info ? weir_pending(session_pipeline(session), info, PENDING_MAX) : 0;
    for (size_t i = 0; i < count && i < PENDING_MAX; i++)
        json_array_append_new(list, pending_json(&info[i]));
    free(info);
    return list;
}

json_t *answer_pending(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args, (void)refusal;
    json_t *json = head(session);
    json_object_set_new(json, "pending", past_pending(session));
    return json;
}

/* ---- undo and redo ---------------------------------------------------------------------------------------------------- */

/* The texts that go with an edit that undid or redid revision `of`. To undo is to go back before it; to redo is to go back behind
 * it, or, where `of` is the undo that is taken back, before that one. */
static void follow(struct session *session, uint64_t of, bool undo)
{
    size_t count;
    bool back = undo;
    weir_past *past = latest(session, KEPT, &count);
    for (size_t i = 0; i < count; i++)
        if (past[i].revision == of && past[i].undoes != 0)
            back = true;
    free(past);
    const json_t *entry = texts_at(session, of);
    if (back && entry)
        entry = texts_at(session, (uint64_t)json_integer_value(json_object_get(entry, "before")));
    bring_back(session, entry);
}

/* Which edit it was that was taken back, for the answer; and the texts that go with it. */
static void note_undo(struct request *request)
{
    size_t count;
    weir_past *past = latest(request->session, KEPT, &count);
    uint64_t of = count ? past[0].undoes : 0;
    const char *what = "";
    for (size_t i = 0; i < count; i++)
        if (of && past[i].revision == of)
            what = past[i].what;
    request->extra = json_object();
    json_object_set_new(request->extra, "undoes", json_integer((json_int_t)of));
    json_object_set_new(request->extra, "what", json_text(what));
    free(past);
    if (of)
        follow(request->session, of, request->verb == &undo_verb);
}

static int undo(struct request *request, weir_edit *edit)
{
    (void)request;
    weir_edit_undo(edit);
    return 0;
}

static int redo(struct request *request, weir_edit *edit)
{
    (void)request;
    weir_edit_redo(edit);
    return 0;
}

json_t *answer_undo(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_answer(&undo_verb, undo, session, args, refusal);
}

json_t *answer_redo(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_answer(&redo_verb, redo, session, args, refusal);
}
