/* SPDX-License-Identifier: MIT */
/*
 * completion.c - weir completion bash, and the words that the script it prints asks for.
 *
 * The words follow from the descriptions of the commands: the script itself knows nothing about them.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/remote.h"
#include "cli/state.h"
#include "ctl/socket.h"
#include "stages/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char completion_bash[]; /* completions/weir.bash, embedded by the build */

static const struct arg_desc completion_args[] = {
    {"shell", ARG_TEXT, .positional = true, .required = true, .choices = "bash", .word = "SHELL",
     .help = "the shell; only bash for now"},
    {0},
};
static const char *const completion_examples[] = {"source <(weir completion bash)", NULL};
static const struct verb completion_verb = {
    .name = "completion",
    .summary = "print a script that completes weir's words in a shell",
    .args = completion_args,
    .examples = completion_examples,
};

/* What the words in front of the one to complete say. */
struct context {
    const struct verb *verb;
    const char *pipeline;           /* NULL: not named yet */
    const struct arg_desc *pending; /* the option whose value comes next, or NULL */
    int positionals;                /* how many were given */
};

static const struct arg_desc *positional(const struct verb *verb, int number)
{
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (arg->positional && number-- == 0)
            return arg;
    return NULL;
}

static const struct arg_desc *option(const struct verb *verb, const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return NULL;
    if (word[1] == '-')
        return verb_arg(verb, word + 2);
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (arg->letter == word[1] && word[2] == '\0')
            return arg;
    return NULL;
}

static void read_word(struct context *context, const char *word)
{
    if (context->pending) {
        context->pending = NULL;
        return;
    }
    if (word[0] == '-') {
        const struct arg_desc *arg = option(context->verb, word);
        context->pending = arg && arg->kind != ARG_FLAG ? arg : NULL;
        return;
    }
    const struct arg_desc *arg = positional(context->verb, context->positionals++);
    if (arg && arg->kind == ARG_PIPELINE)
        context->pipeline = word;
}

static void print_pipelines(void)
{
    char error[256], **names;
    size_t count;
    if (socket_names(&names, &count, error, sizeof error) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        puts(names[i]);
    free(names);
}

static void print_labels(const char *pipeline)
{
    size_t i;
    json_t *stage, *state = pipeline ? remote_state(pipeline) : NULL;
    json_array_foreach(json_object_get(state, "stages"), i, stage) puts(state_text(stage, "name"));
    json_decref(state);
}

static void print_builtins(void)
{
    for (const struct builtin *const *builtin = builtins; *builtin; builtin++)
        if (builtin == builtins || strcmp(builtin[-1]->name, (*builtin)->name) != 0)
            puts((*builtin)->name);
}

static void print_commands(void)
{
    for (const struct command *const *command = commands; *command; command++)
        puts((*command)->verb->name);
}

static void print_options(const struct verb *verb)
{
    for (const struct arg_desc *arg = verb->args; arg->name; arg++)
        if (!arg->positional && !arg->filled)
            printf("--%s\n", arg->name);
    puts("--help");
}

static void print_choices(const char *choices)
{
    for (size_t len; *choices; choices += len + strspn(choices + len, " ")) {
        len = strcspn(choices, " ");
        printf("%.*s\n", (int)len, choices);
    }
}

static void print_values(const struct context *context, const struct arg_desc *arg)
{
    if (arg->choices)
        print_choices(arg->choices);
    switch (arg->kind) {
    case ARG_PIPELINE:
        print_pipelines();
        break;
    case ARG_STAGE:
        print_labels(context->pipeline);
        break;
    case ARG_BUILTIN:
    case ARG_EXPR:
        print_builtins();
        break;
    case ARG_COMMAND:
        print_commands();
        break;
    default:
        break;
    }
}

int completion_words(int count, char **words)
{
    if (count <= 1)
        return print_commands(), DONE;
    const struct command *command = command_find(words[0]);
    if (!command)
        return DONE;
    struct context context = {.verb = command->verb};
    for (int i = 1; i < count - 1; i++)
        read_word(&context, words[i]);
    const struct arg_desc *arg = context.pending ? context.pending : positional(context.verb, context.positionals);
    if (!context.pending && words[count - 1][0] == '-')
        print_options(context.verb);
    else if (arg)
        print_values(&context, arg);
    return DONE;
}

static int completion(const struct arguments *args)
{
    const char *shell = argument_text(args, "shell");
    if (strcmp(shell, "bash") != 0)
        return complain(USAGE, "completion: \"%s\": only bash is known", shell);
    fputs(completion_bash, stdout);
    return DONE;
}

const struct command completion_command = {&completion_verb, completion};
