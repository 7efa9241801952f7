/* SPDX-License-Identifier: MIT */
/*
 * verb.c - finding a verb, the check that a request fits its verb's description, and a request in words.
 */
#include "ctl/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 1e6

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
    case ARG_PERCENT:
        return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 100
                   ? NULL
                   : "a percentage from 0 to 100";
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

/* ---- words ------------------------------------------------------------------------------------------------------------ */

/* What must not stand bare on a command line is quoted. */
static void print_quoted(FILE *stream, const char *text)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
    if (text[0] && text[strspn(text, bare)] == '\0') {
        fputs(text, stream);
        return;
    }
    putc('\'', stream);
    for (; *text; text++)
        fputs(*text == '\'' ? "'\\''" : (char[2]){*text, '\0'}, stream);
    putc('\'', stream);
}

static void print_value(FILE *stream, const struct arg_desc *arg, const json_t *value)
{
    if (!arg->positional)
        fprintf(stream, " --%s", arg->name);
    if (arg->kind == ARG_FLAG)
        return;
    putc(' ', stream);
    if (json_is_string(value))
        print_quoted(stream, json_string_value(value));
    else
        fprintf(stream, "%.15g", json_number_value(value));
}

void verb_words(const struct verb *verb, const json_t *args, char *words, size_t size)
{
    FILE *stream = fmemopen(words, size, "w");
    words[0] = '\0';
    if (!stream)
        return;
    fputs(verb->name, stream);
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (!arg->local && !arg->filled && !arg->unsaid && given(args, arg))
            print_value(stream, arg, json_object_get(args, arg->name));
    fclose(stream); /* what did not fit is left out */
    words[size - 1] = '\0';
}
