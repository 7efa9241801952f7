/* SPDX-License-Identifier: MIT */
/*
 * client.c - what the client and the command make of bytes from a server.
 *
 * The input: a letter for the command that asks (one of `lines` below; another one: the library's own call), a byte that says how many bytes are sent at once (0: all),
 * then what the server answers before it hangs up. A thread of ours is the server.
 *
 * The command is linked as a whole; the main() below comes before its own, and the linker takes the first.
 */
#include <weir/client.h>

#include "cli/command.h"
#include "cli/remote.h"
#include "ctl/socket.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX ((size_t)64 << 10)

/* What the server sends. Written before the client connects, and read after; it stays where it is, because the server may still be
 * sending when the client has gone. */
static struct {
    uint8_t data[REPLY_MAX];
    size_t len, step;
} reply;

static char directory[64], path[SOCKET_PATH_MAX];
static FILE *nowhere;

/* ---- the server ------------------------------------------------------------------------------------------------------- */

static void serve(int fd)
{
    char request[4096];
    ssize_t n;
    do {
        n = recv(fd, request, sizeof request, 0);
    } while (n > 0 && request[n - 1] != '\n');
    for (size_t sent = 0; n > 0 && sent < reply.len;) {
        size_t left = reply.len - sent;
        ssize_t taken = send(fd, reply.data + sent, left < reply.step ? left : reply.step, MSG_NOSIGNAL);
        if (taken <= 0)
            break;
        sent += (size_t)taken;
    }
    close(fd);
}

static void *serve_all(void *state)
{
    int listener = *(int *)state;
    for (;;) {
        poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, -1);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(fd);
    }
    return NULL;
}

static void remove_directory(void)
{
    unlink(path);
    char inner[80];
    snprintf(inner, sizeof inner, "%s/weir", directory);
    rmdir(inner);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static int listener;
    char error[768];
    pthread_t thread;
    (void)argc, (void)argv;
    snprintf(directory, sizeof directory, "%.40s/weir-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    REQUIRE(mkdtemp(directory) && setenv("XDG_RUNTIME_DIR", directory, 1) == 0, "no directory: %s", strerror(errno));
    atexit(remove_directory);
    listener = socket_claim("fuzz", path, error, sizeof error);
    REQUIRE(listener >= 0, "%s", error);
    REQUIRE(pthread_create(&thread, NULL, serve_all, &listener) == 0, "no thread");
    nowhere = fopen("/dev/null", "w");
    REQUIRE(nowhere, "no /dev/null");
    return 0;
}

/* ---- the client ------------------------------------------------------------------------------------------------------- */

/* The library: a reply is the first line and nothing but that. */
static void call(void)
{
    char error[256], *line = NULL;
    weir_client *client = weir_client_connect("fuzz", error, sizeof error);
    REQUIRE(client, "%s", error);
    int status = weir_client_call(client, "show", NULL, &line);
    const uint8_t *newline = reply.len ? memchr(reply.data, '\n', reply.len) : NULL;
    if (status >= 0) {
        REQUIRE(newline, "a reply out of nothing: %s", line);
        REQUIRE(strnlen(line, reply.len) <= (size_t)(newline - reply.data), "more than a line: %s", line);
        free(line);
    } else {
        REQUIRE(weir_client_error(client)[0], "a failure without a reason");
        REQUIRE(weir_client_call(client, "show", NULL, &line) != 0, "a broken connection was used again");
    }
    weir_client_close(client);
}

/* The command: what it prints goes nowhere. One that this weir does not have does nothing. */
static void command(int argc, char **argv)
{
    struct arguments args;
    FILE *out = stdout, *err = stderr;
    const struct command *command = command_find(argv[0]);
    if (!command)
        return;
    REQUIRE(arguments_read(&args, command->verb, argc, argv) == 0, "%s: the arguments are wrong", argv[0]);
    stdout = stderr = nowhere;
    int status = command->run(&args);
    stdout = out;
    stderr = err;
    REQUIRE(status >= DONE && status <= BUSY, "the exit status %d", status);
    arguments_release(&args);
}

/* For each letter what is typed, with a space between words; a dot in a word stands for a space. */
static const char *const lines[128] = {
    ['a'] = "tap fuzz seq",
    ['d'] = "drain fuzz",
    ['h'] = "history fuzz",
    ['i'] = "insert fuzz --first m\xC3\xB6glich.a\nb",
    ['j'] = "show fuzz --json",
    ['k'] = "ls --json",
    ['l'] = "ls",
    ['n'] = "pending fuzz",
    ['p'] = "pop fuzz seq",
    ['r'] = "replace fuzz seq upper --json",
    ['s'] = "show fuzz",
    ['t'] = "stop fuzz",
    ['u'] = "undo fuzz",
};

static void type_line(const char *line)
{
    char *copy = strdup(line), *rest = copy, *argv[8];
    int argc = 0;
    for (char *word; argc < 7 && (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    argv[argc] = NULL;
    for (int i = 0; i < argc; i++)
        for (char *dot; (dot = strchr(argv[i], '.'));)
            *dot = ' ';
    command(argc, argv);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    unsigned letter = input_byte(&input), step = input_byte(&input);
    reply.len = input.left < REPLY_MAX ? input.left : REPLY_MAX;
    if (reply.len)
        memcpy(reply.data, input.at, reply.len);
    reply.step = step ? step : SIZE_MAX;
    if (letter < 128 && lines[letter])
        type_line(lines[letter]);
    else
        call();
    return 0;
}

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));

int main(int argc, char **argv)
{
    return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);
}
