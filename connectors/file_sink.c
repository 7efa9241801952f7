/* SPDX-License-Identifier: MIT */
/*
 * file, as the last stage: items to a file, a line each.
 *
 * The file is opened, and made if it is missing, when the stage is opened, so that a path that cannot be written is an error at
 * the start. It is emptied only when the first item comes (or the end, if none comes): a stage may be opened for an edit that is
 * then refused, and the one that it would replace may still be writing to the same file.
 */
#include "connectors/lines.h"
#include "stages/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink {
    struct lines_out out;
    int fd; /* -1: not open; a FIFO that nobody reads yet is opened with the first item */
    bool append;
    bool begun; /* the file was emptied if it had to be */
    char *label;
    char path[];
};

enum { PATH, APPEND };

static const struct option_desc options[] = {
    {.name = "path", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "the file, pipe or device to write"},
    {.name = "append", .kind = OPTION_FLAG, .deflt = "no", .help = "keep what the file holds and write behind it"},
    {0},
};

static const char *const examples[] = {"file access.log | grep ' 500 ' | file errors.log", "stdin | file all.log append=yes",
                                       NULL};

static int open_path(const struct sink *s, int flags)
{
    return open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (s->append ? O_APPEND : 0) | flags, 0666);
}

static int sink_open(void *state)
{
    struct sink *s = state;
    struct stat info;
    s->fd = open_path(s, O_NONBLOCK);
    if (s->fd < 0 && !(errno == ENXIO && stat(s->path, &info) == 0 && S_ISFIFO(info.st_mode)))
        return weir_fail("file: cannot open \"%s\": %s", s->path, strerror(errno));
    return lines_out_open(&s->out, s->fd);
}

/* Before the first line. 0, or -1 after weir_fail(). */
static int begin(struct sink *s)
{
    struct stat info;
    if (s->fd < 0)
        s->fd = s->out.fd = open_path(s, 0); /* a FIFO: waits for its reader */
    if (s->fd < 0)
        return weir_fail("file: cannot open \"%s\": %s", s->path, strerror(errno));
    if (!s->append && fstat(s->fd, &info) == 0 && S_ISREG(info.st_mode) && ftruncate(s->fd, 0) != 0)
        return weir_fail("%s: cannot empty: %s", s->label, strerror(errno));
    s->begun = true;
    return 0;
}

static weir_verdict sink_line(void *state, void *item)
{
    struct sink *s = state;
    if (!s->begun && begin(s) != 0)
        return WEIR_FAIL;
    lines_out_put(&s->out, item);
    return WEIR_KEEP;
}

static int sink_batch_end(void *state)
{
    struct sink *s = state;
    return lines_out_end(&s->out);
}

static int sink_flush(void *state, weir_out *out)
{
    struct sink *s = state;
    (void)out;
    return s->begun || s->fd < 0 ? 0 : begin(s);
}

static void sink_close(void *state)
{
    struct sink *s = state;
    lines_out_close(&s->out);
    if (s->fd >= 0)
        close(s->fd);
    free(s->label);
    free(s);
}

static struct sink *sink_new(const char *path)
{
    size_t len = strlen(path), label_size = len + sizeof "file \"\"";
    struct sink *s = calloc(1, sizeof *s + len + 1);
    char *label = malloc(label_size);
    if (!s || !label) {
        free(s);
        free(label);
        return NULL;
    }
    snprintf(label, label_size, "file \"%s\"", path);
    memcpy(s->path, path, len + 1);
    s->label = label;
    s->fd = -1;
    lines_out_init(&s->out, label);
    return s;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct sink *s = sink_new(values[PATH].text);
    if (!s) {
        snprintf(error, size, "file: out of memory");
        return -1;
    }
    s->append = values[APPEND].flag;
    stage->in = WEIR_BYTES;
    stage->out = WEIR_NONE;
    stage->state = s;
    stage->open = sink_open;
    stage->map = sink_line;
    stage->batch_end = sink_batch_end;
    stage->flush = sink_flush;
    stage->close = sink_close;
    stage->blocking = true;
    return 0;
}

const struct builtin builtin_file_sink = {
    .name = "file",
    .kind = BUILTIN_SINK,
    .summary = "write each item as a line to a file",
    .details = "The file is made if it is missing. Without append=yes it is emptied when the first item comes.",
    .options = options,
    .examples = examples,
    .in = "bytes",
    .out = "none",
    .make = make,
};
