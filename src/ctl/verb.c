/* SPDX-License-Identifier: MIT */
/*
 * verb.c - the verbs that one asks a running pipeline, and the check that a request fits its verb's description.
 *
 * Arguments that are for the command alone (`local`) stand here too, so that a verb's help is whole; a request that holds one
 * is refused like any other unknown argument.
 */
#include "ctl/verb.h"

#include "ctl/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 1e6

/* Arguments that several verbs have. clang-format takes the braces for code. */
/* clang-format off */
#define ARG_NAME {"pipeline", ARG_PIPELINE, .positional = true, .required = true, .local = true, .word = "NAME", \
                  .help = "the running pipeline"}
#define ARG_NEW {"text", ARG_EXPR, .positional = true, .required = true, .word = "'STAGE ARGS'", \
                 .help = "the new stage, written as in weir run"}
#define ARG_AS {"as", ARG_TEXT, .word = "LABEL", .help = "the new stage's name in the pipeline"}
#define ARG_EXPECT {"expect", ARG_COUNT, .word = "REV", \
                    .help = "refuse the edit (exit status 5) if the pipeline's revision is another one"}
#define ARG_TIMEOUT {"timeout", ARG_SECONDS, .word = "SECONDS", \
                     .help = "withdraw the edit (exit status 6) if a stage holds it up for longer; default 10, 0 for no limit"}
#define ARG_JSON {"json", ARG_FLAG, 'j', .local = true, .help = "print JSON"}
/* clang-format on */

static const struct arg_desc show_args[] = {ARG_NAME, ARG_JSON, {0}};

static const struct arg_desc insert_args[] = {
    ARG_NAME,
    ARG_NEW,
    {"before", ARG_STAGE, 'b', .one_of = 1, .word = "STAGE", .help = "put it in front of this stage"},
    {"after", ARG_STAGE, 'a', .one_of = 1, .word = "STAGE", .help = "put it behind this stage"},
    {"first", ARG_FLAG, .one_of = 1, .help = "put it behind the source"},
    {"last", ARG_FLAG, .one_of = 1, .help = "put it in front of the sink"},
    ARG_AS,
    ARG_EXPECT,
    ARG_TIMEOUT,
    ARG_JSON,
    {0},
};

static const struct arg_desc pop_args[] = {
    ARG_NAME,   {"stage", ARG_STAGE, .positional = true, .required = true, .word = "STAGE", .help = "the stage that leaves"},
    ARG_EXPECT, ARG_TIMEOUT,
    ARG_JSON,   {0},
};

static const struct arg_desc replace_args[] = {
    ARG_NAME,   {"stage", ARG_STAGE, .positional = true, .required = true, .word = "STAGE", .help = "the stage that leaves"},
    ARG_NEW,    ARG_AS,
    ARG_EXPECT, ARG_TIMEOUT,
    ARG_JSON,   {0},
};

static const struct arg_desc flush_args[] = {ARG_NAME, ARG_JSON, {0}};

static const struct arg_desc stop_args[] = {
    ARG_NAME,
    {"abort", ARG_FLAG, .help = "do not let what is on its way arrive; it is counted as returned"},
    ARG_JSON,
    {0},
};

static const char *const show_examples[] = {"weir show web", "weir show web --json | jq .revision", NULL};
static const char *const insert_examples[] = {
    "weir insert web --after parse 'where \"method == GET\"'",
    "weir insert web --last upper --as shout --expect 3",
    NULL,
};
static const char *const pop_examples[] = {"weir pop web where", NULL};
static const char *const replace_examples[] = {"weir replace web count 'count by=client every=5s'", NULL};
static const char *const flush_examples[] = {"weir flush web", NULL};
static const char *const stop_examples[] = {"weir stop web", "weir stop web --abort", NULL};

const struct verb show_verb = {
    .name = "show",
    .summary = "show the stages of a pipeline in order, with their counts",
    .details = "The last line is the pipeline's account: what was admitted and what the stages created equals what was "
               "delivered, filtered, failed, returned, and what is in flight.",
    .args = show_args,
    .examples = show_examples,
    .way = VERB_NOW,
    .answer = answer_show,
};

const struct verb insert_verb = {
    .name = "insert",
    .summary = "put a stage into a running pipeline",
    .details = "Data goes on flowing; every item meets either the old pipeline or the new one. The stage is called like the "
               "built-in, with a number behind it if that name is taken, unless --as or as= gives a label.",
    .args = insert_args,
    .examples = insert_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_insert,
};

const struct verb pop_verb = {
    .name = "pop",
    .summary = "take a stage out of a running pipeline",
    .details = "Its neighbours are joined. What is ahead of the cut still passes through it; then it puts out what it holds "
               "and is closed.",
    .args = pop_args,
    .examples = pop_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_pop,
};

const struct verb replace_verb = {
    .name = "replace",
    .summary = "put another stage in the place of one",
    .details = "At one cut: no item meets both or neither. The new stage keeps the old one's label unless --as or as= gives "
               "another.",
    .args = replace_args,
    .examples = replace_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_replace,
};

const struct verb flush_verb = {
    .name = "flush",
    .summary = "make every stage put out what it holds, in stream order",
    .args = flush_args,
    .examples = flush_examples,
    .changes = true,
    .way = VERB_NOW,
    .answer = answer_flush,
};

const struct verb stop_verb = {
    .name = "stop",
    .summary = "end a pipeline and wait until it has ended",
    .details = "The source stops, and what is on its way still arrives.",
    .args = stop_args,
    .examples = stop_examples,
    .changes = true,
    .way = VERB_AT_END,
    .answer = answer_stop,
};

const struct verb *const verbs[] = {&show_verb, &insert_verb, &pop_verb, &replace_verb, &flush_verb, &stop_verb, NULL};

json_t *refuse(struct refusal *refusal, const char *status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
    refusal->status = status;
    refusal->placed = false;
    return NULL;
}

const struct verb *verb_find(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    return NULL;
}

const struct arg_desc *verb_arg(const struct verb *verb, const char *name)
{
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (strcmp(arg->name, name) == 0)
            return arg;
    return NULL;
}

/* What the value should be, or NULL if it is. */
static const char *expected(const struct arg_desc *arg, const json_t *value)
{
    switch (arg->kind) {
    case ARG_FLAG:
        return json_is_boolean(value) ? NULL : "true or false";
    case ARG_COUNT:
        return json_is_integer(value) && json_integer_value(value) >= 0 ? NULL : "an integer from 0 up";
    case ARG_SECONDS:
        return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= SECONDS_MAX
                   ? NULL
                   : "a number of seconds from 0 to a million";
    default:
        return json_is_string(value) && json_string_length(value) > 0 ? NULL : "a text that is not empty";
    }
}

static int check_each(const struct verb *verb, const json_t *args, struct refusal *refusal)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)args, name, value)
    {
        const struct arg_desc *arg = verb_arg(verb, name);
        if (!arg || (arg->local && verb->way != VERB_HERE))
            return refuse(refusal, "usage", "%s has no argument called \"%.64s\"", verb->name, name), -1;
        const char *right = expected(arg, value);
        if (right)
            return refuse(refusal, "usage", "%s: %s must be %s", verb->name, name, right), -1;
    }
    return 0;
}

/* A flag that says no counts as not given. */
static bool given(const json_t *args, const struct arg_desc *arg)
{
    const json_t *value = json_object_get(args, arg->name);
    return value && !json_is_false(value);
}

static int check_choice(const struct verb *verb, const json_t *args, unsigned char which, struct refusal *refusal)
{
    char names[128] = "";
    size_t len = 0, count = 0;
    for (const struct arg_desc *arg = verb->args; arg->name; arg++) {
        if (arg->one_of != which)
            continue;
        count += given(args, arg);
        len += (size_t)snprintf(names + len, sizeof names - len, "%s--%s", len ? ", " : "", arg->name);
    }
    if (count == 1)
        return 0;
    return refuse(refusal, "usage", "%s needs exactly one of %s; it got %zu", verb->name, names, count), -1;
}

int verb_check(const struct verb *verb, const json_t *args, struct refusal *refusal)
{
    if (!json_is_object(args))
        return refuse(refusal, "usage", "%s: the arguments must be a JSON object", verb->name), -1;
    if (check_each(verb, args, refusal) != 0)
        return -1;
    for (const struct arg_desc *arg = verb->args; arg->name; arg++) {
        if (arg->local && verb->way != VERB_HERE)
            continue;
        if (arg->required && !given(args, arg))
            return refuse(refusal, "usage", "%s: %s is missing", verb->name, arg->word ? arg->word : arg->name), -1;
        if (arg->one_of && check_choice(verb, args, arg->one_of, refusal) != 0)
            return -1;
    }
    return 0;
}
