/* SPDX-License-Identifier: MIT */
/*
 * plan.c - weir apply, diff and edit: the whole pipeline as text.
 *
 * An edit is an apply of what came out of the editor, which expects the revision that went in.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/receipt.h"
#include "cli/remote.h"
#include "cli/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAN_BYTES_MAX ((size_t)512 << 10) /* with its escapes, a request holds it */

/* ---- files ------------------------------------------------------------------------------------------------------------ */

/* The whole of it, zero-terminated; or NULL after a complaint. */
static char *read_stream(FILE *stream, const char *verb, const char *name)
{
    char *text = malloc(PLAN_BYTES_MAX + 1);
    size_t len = text ? fread(text, 1, PLAN_BYTES_MAX + 1, stream) : 0;
    if (!text)
        complain(FAILED, "out of memory");
    else if (ferror(stream))
        complain(FAILED, "%s: %s: %s", verb, name, strerror(errno));
    else if (len > PLAN_BYTES_MAX)
        complain(USAGE, "%s: %s: a plan has at most %zu bytes", verb, name, PLAN_BYTES_MAX);
    else if (memchr(text, '\0', len))
        complain(USAGE, "%s: %s: a plan is text, and this holds a zero byte", verb, name);
    else
        return text[len] = '\0', text;
    free(text);
    return NULL;
}

static char *read_file(const char *verb, const char *name)
{
    if (strcmp(name, "-") == 0)
        return read_stream(stdin, verb, "standard input");
    FILE *stream = fopen(name, "re");
    if (!stream)
        return complain(FAILED, "%s: %s: %s", verb, name, strerror(errno)), NULL;
    char *text = read_stream(stream, verb, name);
    fclose(stream);
    return text;
}

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static const char *format_of(const char *name, const char *text)
{
    static const char key[] = "stages:";
    bool is_yaml = ends_in(name, ".yaml") || ends_in(name, ".yml") || strncmp(text, key, strlen(key)) == 0;
    for (const char *line = text; !is_yaml && (line = strchr(line, '\n'));)
        is_yaml = strncmp(++line, key, strlen(key)) == 0;
    return is_yaml ? "yaml" : "expression";
}

/* ---- apply and diff --------------------------------------------------------------------------------------------------- */

static void print_difference(const json_t *answer)
{
    const char *text = state_text(answer, "difference");
    size_t len = strlen(text);
    fputs(text, stdout);
    if (len > 0 && text[len - 1] != '\n')
        putchar('\n');
}

static void print_applied(const json_t *answer)
{
    if (json_is_true(json_object_get(answer, "dry_run"))) {
        preview_print(answer);
        return;
    }
    print_difference(answer);
    receipt_print(answer);
}

static void print_diff(const json_t *answer)
{
    if (json_is_true(json_object_get(answer, "changes")))
        print_difference(answer);
    else
        printf("%s: revision %lld, no difference\n", state_text(answer, "name"), state_count(answer, "revision"));
}

static int send_plan(struct arguments *args, const char *text, const char *format, void (*print)(const json_t *))
{
    json_t *answer = NULL;
    int status = argument_set(args, "text", text);
    if (status == 0)
        status = argument_set(args, "format", format);
    if (status == 0)
        status = remote_ask(args, &answer);
    if (status == 0)
        (argument_flag(args, "json") ? state_print_json : print)(answer);
    json_decref(answer);
    return status;
}

static int send_file(const struct arguments *args, void (*print)(const json_t *))
{
    struct arguments request = *args;
    const char *name = argument_text(args, "file");
    char *text = read_file(args->verb->name, name);
    if (!text)
        return FAILED;
    int status = send_plan(&request, text, format_of(name, text), print);
    free(text);
    return status;
}

static int apply(const struct arguments *args)
{
    return send_file(args, print_applied);
}

static int diff(const struct arguments *args)
{
    return send_file(args, print_diff);
}

/* ---- edit ------------------------------------------------------------------------------------------------------------- */

struct draft {
    char path[512];
    const char *text, *format; /* as the pipeline told it */
    long long revision;
};

/* A file of the user's own that ends as its format does, which editors go by. */
static int draft_write(struct draft *draft, const json_t *answer)
{
    draft->text = state_text(answer, "text");
    draft->format = state_text(answer, "format");
    draft->revision = state_count(answer, "revision");
    bool is_yaml = strcmp(draft->format, "yaml") == 0;
    const char *directory = getenv("TMPDIR");
    snprintf(draft->path, sizeof draft->path, "%s/weir-XXXXXX%s", directory && directory[0] ? directory : "/tmp",
             is_yaml ? ".yaml" : ".weir");
    int fd = mkstemps(draft->path, 5);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!stream)
        return complain(FAILED, "edit: %s: %s", draft->path, strerror(errno));
    fputs(draft->text, stream);
    if (fclose(stream) != 0)
        return complain(FAILED, "edit: %s: %s", draft->path, strerror(errno));
    return 0;
}

static const char *choose_editor(void)
{
    const char *editor = getenv("VISUAL");
    if (!editor || !editor[0])
        editor = getenv("EDITOR");
    return editor && editor[0] ? editor : "vi";
}

/* The editor may be several words, so a shell takes it apart; the path is no part of what it reads as a command. */
static int run_editor(const struct draft *draft)
{
    char command[1024];
    const char *editor = choose_editor();
    if (snprintf(command, sizeof command, "%s \"$1\"", editor) >= (int)sizeof command)
        return complain(USAGE, "edit: the name of the editor is too long");
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, "sh", draft->path, (char *)NULL);
        _exit(127);
    }
    int ended = -1;
    while (child > 0 && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        ;
    if (child > 0 && WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        return 0;
    return complain(FAILED, "edit: the editor \"%s\" failed; nothing was changed", editor);
}

static int argument_copy(struct arguments *to, const struct arguments *from, const char *name)
{
    const char *text = argument_text(from, name);
    return text ? argument_set(to, name, text) : 0;
}

/* The same edit as a request to apply. */
static int send_draft(const struct arguments *args, const struct draft *draft, const char *text)
{
    static const char *const passed[] = {"pipeline", "fresh", "timeout", "who", "dry-run", "json"};
    char revision[24];
    struct arguments request = {.verb = &apply_verb, .json = json_object()};
    snprintf(revision, sizeof revision, "%lld", draft->revision);
    int status = argument_set(&request, "expect", revision);
    if (status == 0)
        status = argument_set(&request, "file", "(editor)");
    for (size_t i = 0; status == 0 && i < sizeof passed / sizeof *passed; i++)
        status = argument_copy(&request, args, passed[i]);
    if (status == 0)
        status = send_plan(&request, text, draft->format, print_applied);
    arguments_release(&request);
    return status;
}

/* *written: there is something that was not applied. */
static int edit_draft(const struct arguments *args, const struct draft *draft, bool *written)
{
    int status = run_editor(draft);
    char *text = read_file("edit", draft->path);
    bool changed = text && strcmp(text, draft->text) != 0;
    if (status == 0 && changed)
        status = send_draft(args, draft, text);
    else if (status == 0 && text)
        printf("%s: revision %lld, nothing to change\n", argument_text(args, "pipeline"), draft->revision);
    else if (status == 0)
        status = FAILED;
    *written = changed && (status != 0 || argument_flag(args, "dry-run"));
    free(text);
    return status;
}

static int edit(const struct arguments *args)
{
    json_t *answer = NULL;
    bool written = false;
    struct draft draft = {0};
    int status = remote_ask(args, &answer);
    if (status == 0)
        status = draft_write(&draft, answer);
    if (status == 0)
        status = edit_draft(args, &draft, &written);
    if (written)
        complain(0, "your text is kept in %s; weir apply %s -f %s applies it", draft.path, argument_text(args, "pipeline"),
                 draft.path);
    else if (draft.path[0])
        unlink(draft.path);
    json_decref(answer);
    return status;
}

const struct command apply_command = {&apply_verb, apply};
const struct command diff_command = {&diff_verb, diff};
const struct command edit_command = {&edit_verb, edit};
