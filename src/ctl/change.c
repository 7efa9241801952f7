/* SPDX-License-Identifier: MIT */
/*
 * change.c - the verbs that edit: which operations each of them is made of. edit.c does the rest.
 *
 * What the engine's operations return is not looked at here: the commit reports the first that was refused.
 */
#include "ctl/answer.h"
#include "ctl/edit.h"

#include "expr/option.h"
#include "stages/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MAX 64

/* ---- the sinks of dead letters ---------------------------------------------------------------------------------------- */

/* Of stages with dead=FILE: a part of the stage to who edits, and a sink of its own to the engine. */

static bool is_sink(struct session *session, const weir_stage_info *stage)
{
    json_t *about = json_object();
    session_add_text(session, stage->name, about);
    const char *builtin = json_string_value(json_object_get(about, "builtin"));
    bool letters = builtin && strcmp(builtin, "letters") == 0;
    json_decref(about);
    return !letters && strcmp(stage->status, "running") == 0 && (stage->out[0] == '\0' || strcmp(stage->out, "none") == 0);
}

/* The pipeline's sink, if there is one only, dead letters' aside. */
static bool find_sink(struct session *session, char label[FRESH_LABEL_ROOM])
{
    size_t count, sinks = 0;
    weir_stage_info *stages = session_stages(session, &count);
    for (size_t i = 0; stages && i < count; i++)
        if (is_sink(session, &stages[i]) && sinks++ == 0)
            snprintf(label, FRESH_LABEL_ROOM, "%s", stages[i].name);
    free(stages);
    return sinks == 1;
}

static void pop_letters(weir_edit *edit, const char *stage, const char *letters)
{
    char port[FRESH_LABEL_ROOM + 8];
    snprintf(port, sizeof port, "%.63s:dead", stage);
    weir_edit_disconnect(edit, port);
    weir_edit_pop(edit, letters);
}

/* Whether the new stage i goes on with the letters that the old one has: the same file under the same label, or it does not say. */
static bool keeps_letters(const struct request *request, size_t i, const char *old, const char *text)
{
    const struct expr *expr = request->fresh.expr;
    size_t letters = expr_letters(expr, i);
    if (letters == 0)
        return expr_stage(expr, i)->on_error == WEIR_DEAD;
    return strcmp(request->fresh.labels[i], old) == 0 && strcmp(expr_text(expr, letters), text) == 0;
}

/* ---- what brings stages ----------------------------------------------------------------------------------------------- */

static void insert_one(struct request *request, weir_edit *edit, const weir_stage *stage)
{
    char sink[FRESH_LABEL_ROOM];
    if (edit_text(request, "before"))
        weir_edit_insert_before(edit, edit_text(request, "before"), stage);
    else if (edit_text(request, "after"))
        weir_edit_insert_after(edit, edit_text(request, "after"), stage);
    else if (edit_flag(request, "first"))
        weir_edit_insert_first(edit, stage);
    else if (find_sink(request->session, sink))
        weir_edit_insert_before(edit, sink, stage);
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

static void replace_one(struct request *request, weir_edit *edit, const char *old, size_t heir)
{
    char letters[FRESH_LABEL_ROOM], *text;
    bool had = fresh_find_letters(request, old, letters, &text), keeps = had && keeps_letters(request, heir, old, text);
    free(text);
    if (had && !keeps)
        pop_letters(edit, old, letters);
    weir_stage stage = fresh_take(request, heir);
    (edit_flag(request, "fresh") ? weir_edit_replace_fresh : weir_edit_replace)(edit, old, &stage);
    if (!keeps)
        fresh_add_letters(request, heir, edit);
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
    replace_one(request, edit, old, heir);
    weir_stage stage;
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
    const char *stage = edit_text(request, "stage");
    char letters[FRESH_LABEL_ROOM], *text = NULL;
    if (edit_flag(request, "divert")) { /* which is all that such an edit can be */
        weir_edit_divert(edit, stage);
        return 0;
    }
    if (fresh_find_letters(request, stage, letters, &text))
        pop_letters(edit, stage, letters);
    const json_t *within = json_object_get(request->args, "within");
    if (within)
        weir_edit_pop_within(edit, stage, (uint64_t)(json_number_value(within) * 1000));
    else
        weir_edit_pop(edit, stage);
    free(text);
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

static uint64_t hash_fields(void *names, const void *item)
{
    return names_hash(names, item);
}

static void free_fields(void *names)
{
    names_free(names);
}

/* Values of fields are looked for in records only. The engine sees to it that the stage in force takes what the candidate does. */
static int read_key(struct request *request, const char *key, weir_trial *trial)
{
    static const struct option_desc fields = {.name = "key", .kind = OPTION_NAMES};
    struct option_value value;
    char why[256];
    if (edit_flag(request, "shadow"))
        return refuse(request->refusal, "usage", "canary: with --shadow the candidate gets all items; --key has no use"), -1;
    if (option_parse(&fields, key, &value, why, sizeof why) != 0)
        return refuse(request->refusal, "usage", "canary: --key: %s", why), -1;
    if (expr_stage(request->fresh.expr, 0)->in != WEIR_RECORD)
        return refuse(request->refusal, "refused", "canary: --key \"%.80s\" names fields of records, and \"%.80s\" takes %s",
                      key, expr_builtin(request->fresh.expr, 0)->name, expr_builtin(request->fresh.expr, 0)->in),
               -1;
    trial->key_arg = names_new(key);
    if (!trial->key_arg)
        return refuse(request->refusal, "memory", "out of memory"), -1;
    trial->key = hash_fields;
    trial->key_done = free_fields;
    return 0;
}

/* What the candidate fails goes where it went before. */
static int check_letters(struct request *request, const char *old)
{
    const struct expr *expr = request->fresh.expr;
    char letters[FRESH_LABEL_ROOM], *text;
    size_t file = expr_letters(expr, 0);
    fresh_find_letters(request, old, letters, &text);
    bool same = file ? text && strcmp(expr_text(expr, file), text) == 0 : !text || expr_stage(expr, 0)->on_error == WEIR_DEAD;
    if (!same)
        refuse(request->refusal, "refused",
               "canary: what \"%.63s\" fails goes to %.200s, and what the candidate fails would go to %.200s; expected the "
               "same dead=",
               old, text ? text : "no file", file ? expr_text(expr, file) : "no file");
    free(text);
    return same ? 0 : -1;
}

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
    const char *key = edit_text(request, "key");
    weir_trial trial;
    if (read_trial(request, &trial) != 0 || fresh_parse(request, false) != 0)
        return -1;
    if (request->fresh.count > 1)
        return refuse(request->refusal, "usage", "canary takes one stage, and \"%.200s\" has %zu", edit_text(request, "text"),
                      request->fresh.count),
               -1;
    if (fresh_name(request, 0, old) != 0 || check_letters(request, old) != 0)
        return -1;
    if (key && read_key(request, key, &trial) != 0)
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
