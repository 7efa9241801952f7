/* SPDX-License-Identifier: MIT */
/* main.c - weir COMMAND ...: finds the command, reads its arguments after its description, and runs it. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/help.h"
#include "expr/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int complain_command(const char *name)
{
    struct nearest nearest = {.asked = name, .asked_len = strlen(name)};
    for (const struct command *const *command = commands; *command; command++)
        nearest_offer(&nearest, (*command)->verb->name);
    if (nearest.best)
        return complain(USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest.best);
    return complain(USAGE, "there is no command \"%s\"; weir help lists them", name);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments args;
    int status = arguments_read(&args, command->verb, argc, argv);
    if (status == 0 && args.help)
        help_verb(command->verb);
    else if (status == 0)
        status = command->run(&args);
    arguments_release(&args);
    return status;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name)
        return help_overview(stderr), USAGE;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help_overview(stdout), DONE;
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return puts("weir " WEIR_VERSION), DONE;
    if (strcmp(name, "complete-words") == 0) /* for completions/weir.bash only, and so in no help */
        return completion_words(argc - 2, argv + 2);
    const struct command *command = command_find(name);
    return command ? run(command, argc - 1, argv + 1) : complain_command(name);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        return status ? status : complain(FAILED, "standard output: %s", strerror(errno ? errno : EIO));
    return status;
}
