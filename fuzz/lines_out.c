/* SPDX-License-Identifier: MIT */
/*
 * lines_out.c - the writing half of connectors/lines.c, with a writev() of our own that takes as much as the input says or fails.
 *
 * The input: a byte that says how many of the next ones tell what each writev() does (0xFC: ENOSPC, 0xFD: EPIPE, 0xFE: EINTR,
 * 0xFF: EAGAIN, else it takes at most its square of bytes, 0: all); after them every call takes all. Then come the lines: a byte
 * from 0x80 up to 0xEF is a run of x, 0xF0 or higher ends a batch, every other byte is itself.
 *
 * At the end of each batch what was written must be the lines that are said to have arrived, and of the next one a part at most.
 */
#include "connectors/lines.h"

#include "fuzz/engine.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_LENGTH 37
#define LINES_MAX  4000 /* of a batch */

enum { FULL = 0xFC, CLOSED, INTERRUPTED, NOT_NOW };

/* What writev() does, and what it was given. */
static struct {
    int fd; /* can be waited for and always is ready */
    struct input input;
    FILE *written;
} script;

ssize_t __real_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces);

ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces)
{
    if (fd != script.fd)
        return __real_writev(fd, piece, pieces);
    REQUIRE(pieces > 0 && pieces <= LINES_OUT_PIECES, "%d pieces", pieces);
    unsigned what = input_byte(&script.input);
    if (what >= FULL) {
        errno = what == FULL ? ENOSPC : what == CLOSED ? EPIPE : what == INTERRUPTED ? EINTR : EAGAIN;
        return -1;
    }
    size_t room = what ? (size_t)what * what : SIZE_MAX, taken = 0;
    for (int i = 0; i < pieces && taken < room; i++) {
        size_t len = piece[i].iov_len < room - taken ? piece[i].iov_len : room - taken;
        fwrite(piece[i].iov_base, 1, len, script.written);
        taken += len;
    }
    return (ssize_t)taken;
}

struct batch {
    weir_bytes lines[LINES_MAX];
    size_t count;
};

static void end_line(struct batch *batch, FILE **stream, char **text, size_t *len)
{
    fclose(*stream);
    batch->lines[batch->count++] = (weir_bytes){*text, *len};
    *stream = open_memstream(text, len);
}

/* The next batch of the input. */
static void take_batch(struct batch *batch, struct input *input)
{
    char *text;
    size_t len;
    FILE *stream = open_memstream(&text, &len);
    batch->count = 0;
    while (input->left > 0 && batch->count < LINES_MAX) {
        unsigned byte = input_byte(input);
        if (byte >= 0xF0)
            break;
        if (byte == '\n')
            end_line(batch, &stream, &text, &len);
        else if (byte < 0x80)
            putc((int)byte, stream);
        else
            for (unsigned i = 0; i < (byte - 0x80 + 1) * RUN_LENGTH; i++)
                putc('x', stream);
    }
    fclose(stream);
    free(text);
}

static void release_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->lines[i].data);
}

/* Takes `part` off the front of what was written. False: something else stands there, or not all of it; `*some` says how much. */
static bool accept(struct input *written, const char *part, size_t len, size_t *some)
{
    size_t same = 0;
    while (same < len && same < written->left && written->at[same] == (uint8_t)part[same])
        same++;
    written->at += same;
    written->left -= same;
    *some = same;
    return same == len;
}

/* What one batch wrote. *torn: the batch before left a part of a line behind; and then this one. */
static void check_batch(const struct batch *batch, struct input written, size_t delivered, bool *torn)
{
    size_t some = 0, whole = 0;
    if (batch->count == 0 || (*torn && !accept(&written, "\n", 1, &some))) {
        REQUIRE(written.left == 0 && delivered == 0, "%zu bytes were written and %zu lines delivered of none", written.left,
                delivered);
        return;
    }
    for (*torn = false; whole < batch->count; whole++) {
        size_t newline = 0;
        *torn =
            !accept(&written, batch->lines[whole].data, batch->lines[whole].len, &some) || !accept(&written, "\n", 1, &newline);
        if (*torn)
            break;
    }
    *torn = *torn && some > 0;
    REQUIRE(written.left == 0, "behind %zu lines of %zu stands something else: \"%.*s\"", whole, batch->count,
            (int)written.left, (const char *)written.at);
    REQUIRE(delivered == whole, "%zu lines were written, and %zu are said to have been", whole, delivered);
}

/* Returns whether the last line was torn. */
static bool run_batch(struct lines_out *out, const struct batch *batch, bool torn)
{
    char *text;
    size_t len;
    script.written = open_memstream(&text, &len);
    for (size_t i = 0; i < batch->count; i++)
        lines_out_put(out, &batch->lines[i]);
    engine_delivered = 0;
    size_t delivered = lines_out_end(out) == 0 ? batch->count : engine_delivered;
    fclose(script.written);
    check_batch(batch, (struct input){(const uint8_t *)text, len}, delivered, &torn);
    free(text);
    return torn;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    script.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lines_out out;
    static struct batch batch;
    struct input input = {data, size};
    size_t results = input_byte(&input);
    results = results < input.left ? results : input.left;
    script.input = (struct input){input.at, results};
    input = (struct input){input.at + results, input.left - results};
    lines_out_init(&out, "fuzz");
    REQUIRE(lines_out_open(&out, script.fd) == 0, "cannot be opened: %s", engine_error);
    for (bool torn = false; input.left > 0;) {
        take_batch(&batch, &input);
        torn = run_batch(&out, &batch, torn);
        release_batch(&batch);
    }
    lines_out_close(&out);
    return 0;
}
