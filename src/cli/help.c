/* SPDX-License-Identifier: MIT */
/* help.c - weir help, and --help everywhere. */
#include "cli/help.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "cli/state.h"
#include "cli/style.h"
#include "cli/table.h"
#include "ctl/session.h"

#include <string.h>

#define WRAP_COLUMNS 96

static const struct arg_desc help_args[] = {
    {"command", ARG_COMMAND, .positional = true, .word = "COMMAND", .help = "the command to explain"},
    {"json", ARG_FLAG, 'j', .help = "print the descriptions of all commands as JSON"},
    {0},
};
static const struct verb help_verb_desc = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .args = help_args,
};

void help_overview(FILE *stream)
{
    struct table table = {.alignment = "ll"};
    table_add(&table, "COMMAND");
    table_add(&table, "");
    for (const struct command *const *command = commands; *command; command++) {
        table_add(&table, (*command)->verb->name);
        table_add(&table, (*command)->verb->summary);
    }
    fputs("weir runs a pipeline of functions, and edits it while data flows.\n\n"
          "    weir run [-n NAME] 'STAGE ARGS | STAGE ARGS | ...'\n"
          "    weir COMMAND NAME ...\n\n",
          stream);
    table_print(&table, 2, stream);
    fprintf(stream,
            "\nweir COMMAND --help explains a command, weir stages lists the stages, weir --version says the version.\n\n"
            "Exit status:\n%s",
            exit_status_help);
}

/* ---- one verb --------------------------------------------------------------------------------------------------------- */

/* A piece of the synopsis, which is not broken: an argument with what stands around it. Returns its length. */
static size_t piece_of(const struct arg_desc *arg, unsigned char group, char *piece, size_t size)
{
    bool optional = !arg->one_of && !arg->required;
    const char *before = arg->one_of && arg->one_of == group ? "| " : arg->one_of ? "(" : optional ? "[" : "";
    const char *after = arg->one_of && arg[1].one_of != arg->one_of ? ")" : optional ? "]" : "";
    int len = snprintf(piece, size, "%s%s%s%s%s%s", before, arg->positional ? "" : "--", arg->positional ? "" : arg->name,
                       !arg->positional && arg->word ? " " : "", arg->word ? arg->word : "", after);
    return (size_t)len;
}

static void print_synopsis(const struct verb *verb)
{
    char piece[160];
    unsigned char group = 0;
    size_t column = (size_t)printf("    weir %s", verb->name);
    for (const struct arg_desc *arg = verb->args; arg->name; arg++) {
        if (arg->filled)
            continue;
        size_t len = piece_of(arg, group, piece, sizeof piece);
        if (column + 1 + len > WRAP_COLUMNS)
            column = (size_t)printf("\n       ") - 1;
        column += (size_t)printf(" %s", piece);
        group = arg->one_of;
    }
    putchar('\n');
}

static void print_args(const struct verb *verb)
{
    struct table table = {.alignment = "ll"};
    table_add(&table, "ARGUMENT");
    table_add(&table, "");
    for (const struct arg_desc *arg = verb->args; arg->name; arg++) {
        char name[96], letter[8] = "";
        if (arg->filled)
            continue;
        if (arg->letter)
            snprintf(letter, sizeof letter, "-%c, ", arg->letter);
        snprintf(name, sizeof name, "%s%s%s%s%s", letter, arg->positional ? "" : "--", arg->positional ? "" : arg->name,
                 arg->word && !arg->positional ? " " : "", arg->word ? arg->word : "");
        table_add(&table, name);
        table_add(&table, arg->help);
    }
    table_add(&table, "-h, --help");
    table_add(&table, "print this");
    table_print(&table, 2, stdout);
}

/* Breaks paragraphs into lines at spaces; a newline in the text stays one. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > 0 && column + 1 + word > WRAP_COLUMNS)
            putchar('\n'), column = 0;
        if (column > 0)
            putchar(' '), column++;
        fwrite(text, 1, word, stdout);
        column += word;
        text += word;
        if (*text == '\n')
            putchar('\n'), column = 0;
        text += *text != '\0';
    }
    putchar('\n');
}

void help_verb(const struct verb *verb)
{
    printf("%sweir %s%s - %s\n\n", style(stdout, STYLE_HEAD), verb->name, style(stdout, STYLE_NONE), verb->summary);
    print_synopsis(verb);
    putchar('\n');
    if (verb->details) {
        print_wrapped(verb->details);
        putchar('\n');
    }
    print_args(verb);
    if (verb->examples)
        printf("\nExamples:\n");
    for (const char *const *example = verb->examples; example && *example; example++)
        printf("    %s\n", *example);
    printf("\nExit status:\n%s", exit_status_help);
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *arg_json(const struct arg_desc *arg)
{
    char letter[2] = {arg->letter, '\0'};
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(arg->name));
    json_object_set_new(json, "letter", json_text(letter));
    json_object_set_new(json, "positional", json_boolean(arg->positional));
    json_object_set_new(json, "required", json_boolean(arg->required));
    json_object_set_new(json, "one_of", json_integer(arg->one_of));
    json_object_set_new(json, "word", json_text(arg->word ? arg->word : ""));
    json_object_set_new(json, "help", json_text(arg->help));
    return json;
}

static json_t *verb_json(const struct verb *verb)
{
    json_t *json = json_object(), *args = json_array(), *examples = json_array();
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (!arg->filled)
            json_array_append_new(args, arg_json(arg));
    for (const char *const *example = verb->examples; example && *example; example++)
        json_array_append_new(examples, json_text(*example));
    json_object_set_new(json, "name", json_text(verb->name));
    json_object_set_new(json, "summary", json_text(verb->summary));
    json_object_set_new(json, "details", json_text(verb->details ? verb->details : ""));
    json_object_set_new(json, "changes", json_boolean(verb->changes));
    json_object_set_new(json, "args", args);
    json_object_set_new(json, "examples", examples);
    return json;
}

static int help_as_json(void)
{
    json_t *list = json_array();
    for (const struct command *const *command = commands; *command; command++)
        json_array_append_new(list, verb_json((*command)->verb));
    state_print_json(list);
    json_decref(list);
    return DONE;
}

static int help(const struct arguments *args)
{
    const char *name = argument_text(args, "command");
    const struct command *command = name ? command_find(name) : NULL;
    if (name && !command)
        return complain(USAGE, "there is no command \"%s\"; weir help lists them", name);
    if (argument_flag(args, "json"))
        return help_as_json();
    if (command)
        help_verb(command->verb);
    else
        help_overview(stdout);
    return DONE;
}

const struct command help_command = {&help_verb_desc, help};
