/* SPDX-License-Identifier: MIT */
/*
 * arguments.c - getopt_long, driven by a verb's description.
 *
 * The values are checked twice here: as text, for a message about what was typed, and then with verb_check(), which is what
 * the pipeline will do; what the second finds is what is missing or doubled.
 */
#include "cli/arguments.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "ctl/session.h"
#include "expr/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_OPTION  1000
#define FIRST_OPTION 2000 /* getopt's value for the verb's first argument; above all letters */

struct option_table {
    struct option longs[ARGUMENTS_MAX + 2];
    char shorts[3 * ARGUMENTS_MAX + 4];
};

static void table_make(struct option_table *table, const struct verb *verb)
{
    size_t n = 0, len = 0;
    table->shorts[len++] = ':'; /* a missing value is told apart from an unknown option */
    for (int i = 0; verb->args[i].name; i++) {
        const struct arg_desc *arg = &verb->args[i];
        if (arg->positional || arg->filled)
            continue;
        bool has_value = arg->kind != ARG_FLAG;
        table->longs[n++] = (struct option){arg->name, has_value, NULL, FIRST_OPTION + i};
        if (arg->letter)
            table->shorts[len++] = arg->letter;
        if (arg->letter && has_value)
            table->shorts[len++] = ':';
    }
    table->longs[n++] = (struct option){"help", 0, NULL, HELP_OPTION};
    table->longs[n] = (struct option){0};
    table->shorts[len++] = 'h';
    table->shorts[len] = '\0';
}

static int index_of_letter(const struct verb *verb, int letter)
{
    for (int i = 0; verb->args[i].name; i++)
        if (verb->args[i].letter == letter)
            return i;
    return -1;
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static json_t *read_count(const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 ? json_integer(value) : NULL;
}

static json_t *read_seconds(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && strcmp(end, "s") == 0)
        end++;
    return end != text && *end == '\0' && value >= 0 && value <= 1e6 ? json_real(value) : NULL;
}

static json_t *read_percent(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0)
        end++;
    return end != text && *end == '\0' && value >= 0 && value <= 100 ? json_real(value) : NULL;
}

/* A new value, or NULL and what was expected. */
static json_t *read_value(const struct arg_desc *arg, const char *text, const char **expected)
{
    switch (arg->kind) {
    case ARG_FLAG:
        return json_true();
    case ARG_COUNT:
        *expected = "an integer from 0 up";
        return read_count(text);
    case ARG_SECONDS:
        *expected = "a number of seconds, such as 10 or 0.5";
        return read_seconds(text);
    case ARG_PERCENT:
        *expected = "a percentage from 0 to 100";
        return read_percent(text);
    default:
        *expected = "a text that is not empty";
        return text[0] ? json_text(text) : NULL;
    }
}

static int set(struct arguments *args, int i, const char *text)
{
    const struct arg_desc *arg = &args->verb->args[i];
    const char *expected = NULL, *dashes = arg->positional ? "" : "--";
    const char *name = arg->positional ? arg->word : arg->name;
    if (args->text[i] && arg->kind != ARG_FLAG)
        return complain(USAGE, "%s: %s%s was given twice", args->verb->name, dashes, name);
    json_t *value = read_value(arg, text ? text : "", &expected);
    if (!value)
        return complain(USAGE, "%s: %s%s: \"%s\" is not %s", args->verb->name, dashes, name, text, expected);
    args->text[i] = text ? text : "";
    json_object_set_new(args->json, arg->name, value);
    return 0;
}

int argument_set(struct arguments *args, const char *name, const char *text)
{
    return set(args, (int)(verb_arg(args->verb, name) - args->verb->args), text);
}

/* ---- words ------------------------------------------------------------------------------------------------------------ */

static int complain_surplus(const struct arguments *args, const char *word)
{
    const struct arg_desc *last = NULL;
    for (const struct arg_desc *arg = args->verb->args; arg->name; arg++)
        if (arg->positional)
            last = arg;
    if (last && last->kind == ARG_EXPR)
        return complain(USAGE, "%s: \"%s\" is one word too many; the shell takes %s apart unless it stands in quotes",
                        args->verb->name, word, last->word);
    return complain(USAGE, "%s: \"%s\" is one word too many; see weir %s --help", args->verb->name, word, args->verb->name);
}

static int set_word(struct arguments *args, const char *word)
{
    for (int i = 0; args->verb->args[i].name; i++)
        if (args->verb->args[i].positional && !args->text[i])
            return set(args, i, word);
    return complain_surplus(args, word);
}

static int complain_unknown(const struct arguments *args, const char *option)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(option, "="), option);
    struct nearest nearest = {.asked = name, .asked_len = strlen(name)};
    for (const struct arg_desc *arg = args->verb->args; arg->name; arg++)
        if (!arg->positional && !arg->filled)
            nearest_offer(&nearest, arg->name);
    if (nearest.best)
        return complain(USAGE, "%s has no option --%s; did you mean --%s?", args->verb->name, name, nearest.best);
    return complain(USAGE, "%s has no option --%s; see weir %s --help", args->verb->name, name, args->verb->name);
}

/* What getopt did not like: it leaves the letter, or the number of the long option, or 0 for one that it does not know, in
 * optopt, and a long option itself just before optind. */
static int complain_option(const struct arguments *args, int option, char **argv)
{
    const char *verb = args->verb->name;
    if (optopt == 0)
        return complain_unknown(args, argv[optind - 1] + strspn(argv[optind - 1], "-"));
    if (optopt < HELP_OPTION && option == '?')
        return complain(USAGE, "%s has no option -%c; see weir %s --help", verb, optopt, verb);
    if (optopt < HELP_OPTION)
        return complain(USAGE, "%s: -%c needs a value", verb, optopt);
    const char *name = optopt == HELP_OPTION ? "help" : args->verb->args[optopt - FIRST_OPTION].name;
    return complain(USAGE, "%s: --%s %s", verb, name, option == ':' ? "needs a value" : "takes no value");
}

/* ---- the command line ------------------------------------------------------------------------------------------------- */

static int take_option(struct arguments *args, int option, char **argv)
{
    if (option == ':' || option == '?')
        return complain_option(args, option, argv);
    return set(args, option >= FIRST_OPTION ? option - FIRST_OPTION : index_of_letter(args->verb, option), optarg);
}

static int read_line(struct arguments *args, int argc, char **argv)
{
    struct option_table table;
    int status = 0, option;
    table_make(&table, args->verb);
    opterr = 0;
    optind = 0;
    while (status == 0 && (option = getopt_long(argc, argv, table.shorts, table.longs, NULL)) >= 0) {
        if (option == HELP_OPTION || option == 'h')
            return args->help = true, 0;
        status = take_option(args, option, argv);
    }
    for (int i = optind; status == 0 && i < argc; i++)
        status = set_word(args, argv[i]);
    return status;
}

static json_t *without_locals(const struct arguments *args)
{
    json_t *request = json_copy(args->json);
    for (const struct arg_desc *arg = args->verb->args; arg->name; arg++)
        if (arg->local)
            json_object_del(request, arg->name);
    return request;
}

static int check(const struct arguments *args)
{
    struct refusal refusal;
    for (const struct arg_desc *arg = args->verb->args; arg->name; arg++)
        if (arg->required && !json_object_get(args->json, arg->name))
            return complain(USAGE, "%s: %s is missing; see weir %s --help", args->verb->name, arg->word, args->verb->name);
    json_t *sent = args->verb->way == VERB_HERE ? json_incref(args->json) : without_locals(args);
    int status = verb_check(args->verb, sent, &refusal);
    json_decref(sent);
    return status == 0 ? 0 : complain(USAGE, "%s", refusal.message);
}

int arguments_read(struct arguments *args, const struct verb *verb, int argc, char **argv)
{
    *args = (struct arguments){.verb = verb, .json = json_object()};
    if (!args->json)
        return complain(FAILED, "out of memory");
    int status = read_line(args, argc, argv);
    return status != 0 || args->help ? status : check(args);
}

void arguments_release(struct arguments *args)
{
    json_decref(args->json);
}

const char *argument_text(const struct arguments *args, const char *name)
{
    const struct arg_desc *arg = verb_arg(args->verb, name);
    return arg ? args->text[arg - args->verb->args] : NULL;
}

bool argument_flag(const struct arguments *args, const char *name)
{
    return argument_text(args, name) != NULL;
}

double argument_number(const struct arguments *args, const char *name, double otherwise)
{
    const json_t *value = json_object_get(args->json, name);
    return value ? json_number_value(value) : otherwise;
}

json_t *arguments_request(const struct arguments *args)
{
    for (int i = 0; args->verb->args[i].name; i++) {
        json_t *text = args->text[i] ? json_string(args->text[i]) : json_null();
        if (!text) {
            complain(USAGE, "%s: %s must be UTF-8", args->verb->name, args->verb->args[i].name);
            return NULL;
        }
        json_decref(text);
    }
    return without_locals(args);
}
