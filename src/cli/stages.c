/* SPDX-License-Identifier: MIT */
/* stages.c - weir stages: the built-in stages, or all about one of them, from its own description. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/state.h"
#include "cli/style.h"
#include "cli/table.h"
#include "ctl/session.h"
#include "expr/nearest.h"
#include "expr/spec.h"

#include <stdio.h>
#include <string.h>

static const struct arg_desc stages_args[] = {
    {"stage", ARG_BUILTIN, .positional = true, .word = "STAGE", .help = "the built-in stage to explain"},
    {"json", ARG_FLAG, 'j', .help = "print JSON"},
    {0},
};
static const char *const stages_examples[] = {"weir stages", "weir stages grep", NULL};
static const struct verb stages_verb = {
    .name = "stages",
    .summary = "list the built-in stages, or explain one",
    .args = stages_args,
    .examples = stages_examples,
};

static const char *const builtin_kinds[] = {[BUILTIN_SOURCE] = "source", [BUILTIN_FILTER] = "filter", [BUILTIN_SINK] = "sink"};

static const char *const option_kinds[] = {
    [OPTION_TEXT] = "text",         [OPTION_NUMBER] = "number",  [OPTION_COUNT] = "count",   [OPTION_FRACTION] = "fraction",
    [OPTION_DURATION] = "duration", [OPTION_FLAG] = "yes or no", [OPTION_CHOICE] = "choice", [OPTION_NAMES] = "names",
};

/* ---- in words --------------------------------------------------------------------------------------------------------- */

/* Flags are yes or no, choices their words, all others the kind. */
static const char *value_word(const struct option_desc *option)
{
    return option->kind == OPTION_CHOICE ? option->choices : option_kinds[option->kind];
}

static void print_options(const struct option_desc *options)
{
    struct table table = {.alignment = "llll"};
    table_add(&table, "OPTION");
    table_add(&table, "VALUE");
    table_add(&table, "DEFAULT");
    table_add(&table, "");
    for (; options && options->name; options++) {
        char name[80];
        snprintf(name, sizeof name, options->positional ? "[%s=]" : "%s=", options->name);
        table_add(&table, name);
        table_add(&table, value_word(options));
        table_add(&table, options->deflt ? options->deflt : options->required ? "required" : "-");
        table_add(&table, options->help);
    }
    table_print(&table, 2, stdout);
}

static void print_synopsis(const struct builtin *builtin)
{
    printf("    %s", builtin->name);
    for (const struct option_desc *option = builtin->options; option && option->name; option++) {
        const char *open = option->required ? "" : "[", *close = option->required ? "" : "]";
        if (option->positional)
            printf(" %s%s%s%s", open, option->name, option->rest ? "..." : "", close);
        else
            printf(" %s%s=%s%s", open, option->name, option->kind == OPTION_CHOICE ? "WORD" : option_kinds[option->kind],
                   close);
    }
    printf("\n");
}

static void explain(const struct builtin *builtin)
{
    printf("%s%s%s - %s\n\n", style(stdout, STYLE_HEAD), builtin->name, style(stdout, STYLE_NONE), builtin->summary);
    print_synopsis(builtin);
    printf("\nA %s. In: %s. Out: %s.\n", builtin_kinds[builtin->kind], builtin->in, builtin->out);
    if (builtin->missing)
        printf("Not in this build of weir, since %s was not found.\n", builtin->missing);
    if (builtin->details)
        printf("\n%s\n", builtin->details);
    if (builtin->options && builtin->options->name) {
        printf("\n");
        print_options(builtin->options);
    }
    printf("\nOptions that every stage takes:\n");
    print_options(general_options);
    if (builtin->examples && builtin->examples[0])
        printf("\nExamples:\n");
    for (const char *const *example = builtin->examples; example && *example; example++)
        printf("    %s\n", *example);
}

/* Every built-in stage of that name: `file` is a source and also a sink. */
static void explain_all(const char *name)
{
    size_t count = 0;
    for (const struct builtin *const *builtin = builtins; *builtin; builtin++) {
        if (strcmp((*builtin)->name, name) != 0)
            continue;
        if (count++)
            puts("\n");
        explain(*builtin);
    }
}

static void list(void)
{
    struct table table = {.alignment = "llll"};
    table_add(&table, "STAGE");
    table_add(&table, "KIND");
    table_add(&table, "IN, OUT");
    table_add(&table, "");
    for (const struct builtin *const *builtin = builtins; *builtin; builtin++) {
        char types[64], summary[256];
        snprintf(types, sizeof types, "%s, %s", (*builtin)->in, (*builtin)->out);
        snprintf(summary, sizeof summary, "%s%s%s%s", (*builtin)->summary,
                 (*builtin)->missing ? " (not in this build: no " : "", (*builtin)->missing ? (*builtin)->missing : "",
                 (*builtin)->missing ? ")" : "");
        table_add(&table, (*builtin)->name);
        table_add(&table, builtin_kinds[(*builtin)->kind]);
        table_add(&table, types);
        table_add(&table, summary);
    }
    table_print(&table, 0, stdout);
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text ? json_text(text) : json_null();
}

static json_t *option_json(const struct option_desc *option)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(option->name));
    json_object_set_new(json, "kind", json_text(option_kinds[option->kind]));
    json_object_set_new(json, "positional", json_boolean(option->positional));
    json_object_set_new(json, "required", json_boolean(option->required));
    json_object_set_new(json, "default", text_or_null(option->deflt));
    json_object_set_new(json, "choices", text_or_null(option->choices));
    json_object_set_new(json, "help", json_text(option->help));
    return json;
}

static json_t *builtin_json(const struct builtin *builtin)
{
    json_t *json = json_object(), *options = json_array(), *examples = json_array();
    for (const struct option_desc *option = builtin->options; option && option->name; option++)
        json_array_append_new(options, option_json(option));
    for (const char *const *example = builtin->examples; example && *example; example++)
        json_array_append_new(examples, json_text(*example));
    json_object_set_new(json, "name", json_text(builtin->name));
    json_object_set_new(json, "kind", json_text(builtin_kinds[builtin->kind]));
    json_object_set_new(json, "summary", json_text(builtin->summary));
    json_object_set_new(json, "details", text_or_null(builtin->details));
    json_object_set_new(json, "in", json_text(builtin->in));
    json_object_set_new(json, "out", json_text(builtin->out));
    json_object_set_new(json, "missing", text_or_null(builtin->missing));
    json_object_set_new(json, "options", options);
    json_object_set_new(json, "examples", examples);
    return json;
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static int complain_unknown(const char *name)
{
    struct nearest nearest = {.asked = name, .asked_len = strlen(name)};
    for (const struct builtin *const *builtin = builtins; *builtin; builtin++)
        nearest_offer(&nearest, (*builtin)->name);
    if (nearest.best)
        return complain(USAGE, "there is no built-in stage \"%s\"; did you mean \"%s\"?", name, nearest.best);
    return complain(USAGE, "there is no built-in stage \"%s\"; weir stages lists them", name);
}

/* An array in any case, of all stages or of those called name. */
static void print_json(const char *name)
{
    json_t *list = json_array();
    for (const struct builtin *const *builtin = builtins; *builtin; builtin++)
        if (!name || strcmp((*builtin)->name, name) == 0)
            json_array_append_new(list, builtin_json(*builtin));
    state_print_json(list);
    json_decref(list);
}

static int stages(const struct arguments *args)
{
    const char *name = argument_text(args, "stage");
    if (name && !builtin_find(name))
        return complain_unknown(name);
    if (argument_flag(args, "json"))
        print_json(name);
    else if (name)
        explain_all(name);
    else
        list();
    return DONE;
}

const struct command stages_command = {&stages_verb, stages};
