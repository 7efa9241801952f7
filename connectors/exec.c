/* SPDX-License-Identifier: MIT */
/*
 * exec: the lines that a shell command writes to its standard output.
 *
 * The command runs in a process group of its own, so that a stage that is closed early can end all that the shell started; what
 * it started that has left the group stays. Its standard input is /dev/null, its standard error is ours. The child is always
 * waited for, so none is left as a zombie: at its end in pull, where waiting can be interrupted, or else in close, where it gets
 * SIGTERM and, when it does not end within GRACE_MS, SIGKILL.
 *
 * The child starts when the stage is opened: a command that writes at once waits in its pipe until the first pull.
 */

#include "connectors/lines.h"
#include "stages/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS 2000

extern char **environ;

struct exec {
    struct lines_in in;
    int output; /* our end of the child's standard output, or -1 */
    int pidfd;  /* readable when the child has ended; -1: none, or the system is too old for it */
    pid_t pid;  /* 0: no child, or it was waited for */
    char command[];
};

enum { COMMAND };

static const struct option_desc options[] = {
    {.name = "command", .kind = OPTION_TEXT, .positional = true, .rest = true, .required = true, .help = "what /bin/sh runs"},
    {0},
};

static const char *const examples[] = {"exec 'journalctl -f -o cat' | grep error ignore_case=yes", "exec 'ls -l /tmp' | count",
                                       NULL};

/* The child's signals are as a shell expects them, whatever this process blocks or ignores. 0 or an errno. */
static int prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int output)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    return error ? error : posix_spawn_file_actions_adddup2(actions, output, 1);
}

static int spawn(struct exec *x, int output)
{
    char *const words[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", x->command, NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error)
        return error;
    error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        error = prepare(&attributes, &actions, output);
        if (!error)
            error = posix_spawn(&x->pid, "/bin/sh", &actions, &attributes, words, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    if (error)
        x->pid = 0;
    return error;
}

static int exec_open(void *state)
{
    struct exec *x = state;
    int ends[2];
    if (lines_in_open(&x->in) != 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return weir_fail("exec: cannot make a pipe: %s", strerror(errno));
    x->output = ends[0];
    int error = spawn(x, ends[1]);
    close(ends[1]);
    if (error)
        return weir_fail("exec: cannot run /bin/sh: %s", strerror(error));
    x->pidfd = pidfd_open(x->pid, 0);
    return lines_in_use(&x->in, x->output);
}

static pid_t wait_child(pid_t pid, int *status)
{
    pid_t ended;
    do
        ended = waitpid(pid, status, 0);
    while (ended < 0 && errno == EINTR);
    return ended;
}

/* All lines are out: the end of the stream is the end of the command. */
static int finish(struct exec *x)
{
    int status, ready = x->pid && x->pidfd >= 0 ? lines_in_wait(&x->in, x->pidfd, -1) : 1;
    if (ready <= 0)
        return ready < 0 ? -1 : WEIR_MORE;
    if (!x->pid)
        return WEIR_END;
    pid_t ended = wait_child(x->pid, &status);
    x->pid = 0;
    if (ended < 0)
        return weir_fail("exec: cannot learn how the command ended: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return weir_fail("exec: the command was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return weir_fail("exec: the command ended with status %d", WEXITSTATUS(status));
    return WEIR_END;
}

static int exec_pull(void *state, weir_out *out)
{
    struct exec *x = state;
    int said = lines_in_pull(&x->in, out);
    return said == WEIR_END ? finish(x) : said;
}

static void exec_interrupt(void *state)
{
    struct exec *x = state;
    lines_in_interrupt(&x->in);
}

static void end_child(struct exec *x)
{
    int status, ready = 0;
    kill(-x->pid, SIGTERM);
    do
        ready = poll(&(struct pollfd){.fd = x->pidfd, .events = POLLIN}, x->pidfd >= 0, x->pidfd >= 0 ? GRACE_MS : 0);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        kill(-x->pid, SIGKILL);
    wait_child(x->pid, &status);
    x->pid = 0;
}

static void exec_close(void *state)
{
    struct exec *x = state;
    lines_in_close(&x->in);
    if (x->output >= 0)
        close(x->output);
    if (x->pid)
        end_child(x);
    if (x->pidfd >= 0)
        close(x->pidfd);
    free(x);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    size_t len = strlen(values[COMMAND].text);
    struct exec *x = calloc(1, sizeof *x + len + 1);
    if (!x) {
        snprintf(error, size, "exec: out of memory");
        return -1;
    }
    memcpy(x->command, values[COMMAND].text, len + 1);
    x->output = x->pidfd = -1;
    lines_in_init(&x->in, "exec", LINES_MAX_DEFAULT);
    stage->out = WEIR_BYTES;
    stage->state = x;
    stage->open = exec_open;
    stage->pull = exec_pull;
    stage->interrupt = exec_interrupt;
    stage->close = exec_close;
    stage->blocking = true;
    return 0;
}

const struct builtin builtin_exec = {
    .name = "exec",
    .kind = BUILTIN_SOURCE,
    .summary = "lines that a shell command writes",
    .details =
        "The command reads nothing, and its standard error passes through. When it ends with a status other than 0, or by\n"
        "a signal, the stage fails after its last line. When the pipeline ends first, the command gets SIGTERM.",
    .options = options,
    .examples = examples,
    .in = "none",
    .out = "bytes",
    .make = make,
};
