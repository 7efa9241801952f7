/* SPDX-License-Identifier: MIT */
/* main.c - weir COMMAND ...: finds the command, reads its arguments after its description, and runs it. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/help.h"
#include "expr/nearest.h"

#include <errno.h>
#include <fcntl.h>
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

/* A standard stream that was closed would be the number of the next thing that is opened: a control socket in place of standard
 * output. What is opened here instead fails like a closed one when it is used (EBADF), since it is open the wrong way. */
static int keep_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return FAILED;
    return 0;
}

int main(int argc, char **argv)
{
    if (keep_standard_streams() != 0)
        return FAILED;
    int status = dispatch(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        return status ? status : complain(FAILED, "standard output: %s", strerror(errno ? errno : EIO));
    return status;
}
