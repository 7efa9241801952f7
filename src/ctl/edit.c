/* SPDX-License-Identifier: MIT */
/*
 * edit.c - the transaction that an editing verb makes; see edit.h.
 */
#include "ctl/edit.h"

#include "ctl/past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 10.0

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

const char *edit_text(const struct request *request, const char *name)
{
    return json_string_value(json_object_get(request->args, name));
}

bool edit_flag(const struct request *request, const char *name)
{
    return json_is_true(json_object_get(request->args, name));
}

const char *edit_status_word(int status)
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

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static void set_count(json_t *json, const char *name, uint64_t count)
{
    json_object_set_new(json, name, json_integer((json_int_t)count));
}

static json_t *answer_new(struct session *session)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(weir_name(session_pipeline(session))));
    json_object_set_new(json, "pid", json_integer(getpid()));
    return json;
}

json_t *edit_receipt(struct session *session, const weir_receipt *receipt)
{
    json_t *json = answer_new(session);
    set_count(json, "revision", receipt->revision);
    json_object_set_new(json, "changed", json_boolean(receipt->changed));
    set_count(json, "position", receipt->position);
    set_count(json, "items_before", receipt->items_before);
    set_count(json, "items_after", receipt->items_after);
    set_count(json, "prepare_ns", receipt->prepare_ns);
    set_count(json, "effect_ns", receipt->effect_ns);
    set_count(json, "total_ns", receipt->total_ns);
    set_count(json, "late", receipt->late);
    set_count(json, "drained", receipt->drained);
    set_count(json, "diverted", receipt->diverted);
    set_count(json, "cancelled", receipt->cancelled);
    json_object_set_new(json, "pending", json_boolean(receipt->pending));
    json_object_set_new(json, "held_up_by", json_text(receipt->held_up_by));
    set_count(json, "held_up_item", receipt->held_up_item);
    set_count(json, "held_up_ns", receipt->held_up_ns);
    return json;
}

static json_t *receipt_json(const struct request *request, const weir_receipt *receipt)
{
    json_t *json = edit_receipt(request->session, receipt), *labels = json_array();
    json_object_set_new(json, "stage", json_text(request->label));
    for (size_t i = 0; i < request->fresh.count; i++)
        json_array_append_new(labels, json_text(request->fresh.labels[i]));
    json_object_set_new(json, "stages", labels);
    if (request->extra)
        json_object_update(json, request->extra);
    return json;
}

static json_t *preview_json(const struct request *request, const weir_preview *preview)
{
    json_t *json = answer_new(request->session);
    json_object_set_new(json, "dry_run", json_true());
    set_count(json, "revision", preview->revision);
    json_object_set_new(json, "changes", json_boolean(preview->changes));
    set_count(json, "opens", preview->opens);
    set_count(json, "closes", preview->closes);
    set_count(json, "parks", preview->parks);
    set_count(json, "strands", preview->strands);
    set_count(json, "drains", preview->drains);
    json_object_set_new(json, "text", json_text(preview->text));
    if (request->extra)
        json_object_update(json, request->extra);
    return json;
}

/* ---- the transaction -------------------------------------------------------------------------------------------------- */

/* What the request says about the edit as a whole. */
static void set_terms(struct request *request, weir_edit *edit, double left_s)
{
    char words[sizeof((weir_past *)NULL)->what];
    const json_t *expect = json_object_get(request->args, "expect");
    if (expect)
        weir_edit_expect(edit, (uint64_t)json_integer_value(expect));
    if (request->deadline > 0)
        weir_edit_timeout(edit, (uint64_t)(left_s * 1000) + 1);
    if (edit_text(request, "id"))
        weir_edit_id(edit, edit_text(request, "id"));
    verb_words(request->verb, request->args, words, sizeof words);
    weir_edit_note(edit, edit_text(request, "who"), words);
}

static void refuse_late(struct request *request)
{
    refuse(request->refusal, "busy", "%s: the edits before it took too long, and it was withdrawn (weir pending %s)",
           request->verb->name, weir_name(session_pipeline(request->session)));
}

/* NULL and the refusal. */
static weir_edit *begin(struct request *request)
{
    double left_s = request->deadline - now_s();
    if (request->deadline > 0 && left_s <= 0)
        return refuse_late(request), NULL;
    weir_edit *edit = weir_edit_begin(session_pipeline(request->session));
    if (edit)
        set_terms(request, edit, left_s);
    else
        refuse(request->refusal, "memory", "out of memory");
    return edit;
}

static json_t *refuse_status(struct request *request, int status)
{
    return refuse(request->refusal, edit_status_word(status), "%s", weir_error(session_pipeline(request->session)));
}

/* Takes the edit. */
static json_t *commit(struct request *request, weir_edit *edit)
{
    weir_receipt receipt = {0};
    if (request->locked)
        past_before(request->session);
    int status = weir_commit(edit, &receipt);
    if (status != WEIR_OK)
        return refuse_status(request, status);
    if (request->locked)
        past_after(request, receipt.revision);
    return receipt_json(request, &receipt);
}

/* Takes the edit. */
static json_t *preview(struct request *request, weir_edit *edit)
{
    weir_preview *seen = calloc(1, sizeof *seen);
    int status = seen ? weir_edit_preview(edit, seen) : WEIR_ENOMEM;
    json_t *answer = status == WEIR_OK ? preview_json(request, seen) : refuse_status(request, status);
    weir_edit_discard(edit);
    free(seen);
    return answer;
}

/* Names are kept for 64 edits and cut at 63 bytes by the engine; one that is longer could not be found again. */
static int check_texts(struct request *request)
{
    static const char *const names[] = {"id", "who"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = edit_text(request, names[i]);
        if (text && strlen(text) > 63)
            return refuse(request->refusal, "usage", "--%s: \"%.80s...\" has %zu bytes; at most 63 are taken", names[i], text,
                          strlen(text)),
                   -1;
    }
    return 0;
}

static json_t *make(struct request *request, edit_operations *operations)
{
    weir_receipt receipt;
    if (check_texts(request) != 0)
        return NULL;
    if (edit_text(request, "id") && past_find(request->session, edit_text(request, "id"), &receipt))
        return receipt_json(request, &receipt);
    weir_edit *edit = begin(request);
    if (!edit)
        return NULL;
    if (operations(request, edit) != 0) {
        weir_edit_discard(edit);
        return NULL;
    }
    return edit_flag(request, "dry-run") ? preview(request, edit) : commit(request, edit);
}

/* False and the refusal: it was not its turn in time. */
static bool lock(struct request *request, double timeout_s)
{
    bool divert = edit_flag(request, "divert");
    request->locked = divert ? session_edit_try_lock(request->session) : session_edit_lock_for(request->session, timeout_s);
    if (!request->locked && !divert)
        refuse_late(request);
    return request->locked || divert;
}

json_t *edit_answer(const struct verb *verb, edit_operations *operations, struct session *session, const json_t *args,
                    struct refusal *refusal)
{
    const json_t *timeout = json_object_get(args, "timeout");
    double timeout_s = timeout ? json_number_value(timeout) : TIMEOUT_S;
    struct request request = {.session = session, .verb = verb, .args = args, .refusal = refusal};
    request.deadline = timeout_s > 0 ? now_s() + timeout_s : 0;
    const char *stage = edit_text(&request, "stage");
    snprintf(request.label, sizeof request.label, "%s", stage ? stage : "");
    json_t *answer = lock(&request, timeout_s) ? make(&request, operations) : NULL;
    if (request.locked)
        session_edit_unlock(session);
    fresh_release(&request.fresh);
    plan_release(&request.plan);
    json_decref(request.extra);
    return answer;
}
