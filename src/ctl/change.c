/* SPDX-License-Identifier: MIT */
/*
 * change.c - the verbs that edit: which operations each of them is made of. edit.c does the rest.
 *
 * What the engine's operations return is not looked at here: the commit reports the first that was refused.
 */
#include "ctl/answer.h"
#include "ctl/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MAX 64

/* ---- what brings stages ----------------------------------------------------------------------------------------------- */

static void insert_one(struct request *request, weir_edit *edit, const weir_stage *stage)
{
    if (edit_text(request, "before"))
        weir_edit_insert_before(edit, edit_text(request, "before"), stage);
    else if (edit_text(request, "after"))
        weir_edit_insert_after(edit, edit_text(request, "after"), stage);
    else if (edit_flag(request, "first"))
        weir_edit_insert_first(edit, stage);
    else
        weir_edit_insert_last(edit, stage);
}

/* The stages behind number i, each behind the one before it. */
static void insert_rest(struct request *request, weir_edit *edit, size_t i)
{
    while (++i < request->fresh.count) {
        weir_stage stage = fresh_take(request, i);
        weir_edit_insert_after(edit, request->fresh.labels[i - 1], &stage);
        fresh_add_letters(request, i, edit);
    }
}

static int insert(struct request *request, weir_edit *edit)
{
    if (fresh_parse(request, false) != 0 || fresh_name(request, 0, NULL) != 0)
        return -1;
    weir_stage stage = fresh_take(request, 0);
    snprintf(request->label, sizeof request->label, "%s", request->fresh.labels[0]);
    insert_one(request, edit, &stage);
    fresh_add_letters(request, 0, edit);
    insert_rest(request, edit, 0);
    return 0;
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

/* Which of the new stages takes the old one's place: the one with its function, since that may take over what it has gathered;
 * else a sink, which must be at the end; else the first. */
static size_t choose_heir(struct request *request, const char *old)
{
    const struct fresh *fresh = &request->fresh;
    json_t *about = json_object();
    session_add_text(request->session, old, about);
    const char *builtin = json_string_value(json_object_get(about, "builtin"));
    size_t heir = expr_builtin(fresh->expr, fresh->count - 1)->kind == BUILTIN_SINK ? fresh->count - 1 : 0;
    for (size_t i = fresh->count; builtin && i-- > 0;)
        if (strcmp(expr_builtin(fresh->expr, i)->name, builtin) == 0)
            heir = i;
    json_decref(about);
    return heir;
}

static int replace(struct request *request, weir_edit *edit)
{
    const char *old = edit_text(request, "stage");
    if (fresh_parse(request, is_source(request->session, old)) != 0)
        return -1;
    size_t heir = choose_heir(request, old);
    if (fresh_name(request, heir, old) != 0)
        return -1;
    const char *label = request->fresh.labels[heir];
    snprintf(request->label, sizeof request->label, "%s", label);
    weir_stage stage = fresh_take(request, heir);
    (edit_flag(request, "fresh") ? weir_edit_replace_fresh : weir_edit_replace)(edit, old, &stage);
    fresh_add_letters(request, heir, edit);
    for (size_t i = 0; i < heir; i++) {
        stage = fresh_take(request, i);
        weir_edit_insert_before(edit, label, &stage);
        fresh_add_letters(request, i, edit);
    }
    insert_rest(request, edit, heir);
    return 0;
}

/* ---- what moves and leaves -------------------------------------------------------------------------------------------- */

static int pop(struct request *request, weir_edit *edit)
{
    (edit_flag(request, "divert") ? weir_edit_divert : weir_edit_pop)(edit, edit_text(request, "stage"));
    return 0;
}

static int move(struct request *request, weir_edit *edit)
{
    const char *stage = edit_text(request, "stage"), *after = edit_text(request, "after");
    if (after)
        weir_edit_move_after(edit, stage, after);
    else
        weir_edit_move_before(edit, stage, edit_text(request, "before"));
    return 0;
}

static int route(struct request *request, weir_edit *edit)
{
    const char *from = edit_text(request, "from"), *to = edit_text(request, "to");
    if (edit_flag(request, "off") == (to != NULL))
        return refuse(request->refusal, "usage", "route needs either TO, where \"%.80s\" is to lead, or --off", from), -1;
    snprintf(request->label, sizeof request->label, "%.*s", (int)strcspn(from, ":"), from);
    if (to)
        weir_edit_connect(edit, from, to);
    else
        weir_edit_disconnect(edit, from);
    return 0;
}

static int scale(struct request *request, weir_edit *edit)
{
    json_int_t lanes = json_integer_value(json_object_get(request->args, "lanes"));
    if (lanes < 1 || lanes > LANES_MAX)
        return refuse(request->refusal, "usage", "scale %.80s: \"%lld\" is not a number of lanes from 1 to %d",
                      edit_text(request, "stage"), (long long)lanes, LANES_MAX),
               -1;
    weir_edit_scale(edit, edit_text(request, "stage"), (unsigned)lanes);
    return 0;
}

/* ---- trials ----------------------------------------------------------------------------------------------------------- */

/* To the engine, zero means the default. */
static int read_trial(struct request *request, weir_trial *trial)
{
    const json_t *percent = json_object_get(request->args, "percent"), *most = json_object_get(request->args, "errors-max");
    double errors_max = json_number_value(most);
    *trial = (weir_trial){.percent = json_number_value(percent)};
    if (percent && trial->percent == 0)
        return refuse(request->refusal, "usage", "canary: --percent 0 would try nothing out; it must be above 0"), -1;
    if (percent && edit_flag(request, "shadow"))
        return refuse(request->refusal, "usage", "canary: with --shadow the candidate gets all items; --percent has no use"),
               -1;
    if (most)
        trial->errors_max = errors_max >= 100 ? -1 : errors_max > 0 ? errors_max : 1e-9;
    return 0;
}

static int canary(struct request *request, weir_edit *edit)
{
    const char *old = edit_text(request, "stage");
    weir_trial trial;
    if (read_trial(request, &trial) != 0 || fresh_parse(request, false) != 0)
        return -1;
    if (request->fresh.count > 1)
        return refuse(request->refusal, "usage", "canary takes one stage, and \"%.200s\" has %zu", edit_text(request, "text"),
                      request->fresh.count),
               -1;
    if (fresh_name(request, 0, old) != 0)
        return -1;
    request->on_trial = true;
    weir_stage candidate = fresh_take(request, 0);
    (edit_flag(request, "shadow") ? weir_edit_shadow : weir_edit_canary)(edit, old, &candidate, &trial);
    return 0;
}

static int promote(struct request *request, weir_edit *edit)
{
    weir_edit_promote(edit, edit_text(request, "stage"));
    return 0;
}

/* Not `abort`, which is libc's. */
static int abort_trial(struct request *request, weir_edit *edit)
{
    weir_edit_abort(edit, edit_text(request, "stage"));
    return 0;
}

/* ---- the verbs -------------------------------------------------------------------------------------------------------- */

#define ANSWER_WITH(verb, operations)                                                                                          \
    json_t *answer_##verb(struct session *session, const json_t *args, struct refusal *refusal)                                \
    {                                                                                                                          \
        return edit_answer(&verb##_verb, operations, session, args, refusal);                                                  \
    }

ANSWER_WITH(insert, insert)
ANSWER_WITH(pop, pop)
ANSWER_WITH(replace, replace)
ANSWER_WITH(move, move)
ANSWER_WITH(route, route)
ANSWER_WITH(scale, scale)
ANSWER_WITH(canary, canary)
ANSWER_WITH(promote, promote)
ANSWER_WITH(abort, abort_trial)
