/* SPDX-License-Identifier: MIT */
/*
 * lines_in.c - the reading half of connectors/lines.c, with a read() of our own that returns what and as much as the input says,
 * beside the simplest splitting of the same bytes.
 *
 * The input: a byte that says how long a line may be (0: any length), one that says how many lines a batch has room for, and then
 * what is read: a byte from 0x80 up to 0xEF is a run of x, so that a few bytes of input fill many blocks; 0xF0 ends a read early,
 * 0xF1 interrupts it (EINTR), 0xF2 has nothing (EAGAIN), and 0xF3 fails (EIO), which is the end; every other byte is itself.
 *
 * What was put out is compared only at the end, since nobody may touch it any more.
 */
#include "connectors/lines.h"

#include "fuzz/engine.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RUN_LENGTH 600
#define BYTES_MAX  ((size_t)600 << 10)

enum { SHORT_READ = 0xF0, INTERRUPTED, NOTHING_NOW, BROKEN, FIRST_RUN = 0x80 };

/* What read() gives. One input at a time. */
static struct {
    int fd; /* the one that is read: something that can be waited for and always is ready */
    struct input input;
    unsigned byte;    /* what comes next, */
    size_t run;       /* so many times */
    unsigned event;   /* what happens then, or 0 */
    size_t bytes_max; /* how many bytes are still to come at most */
} script;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

static bool is_run(unsigned byte)
{
    return byte >= FIRST_RUN && byte < SHORT_READ;
}

static size_t run_length(unsigned byte)
{
    return (byte - FIRST_RUN + 1) * (size_t)RUN_LENGTH;
}

/* Bytes at the front of the script that come as one: how many, what they are in *byte. None: *byte says what happens instead. */
static size_t next_bytes(struct input *input, unsigned *byte)
{
    *byte = input_byte(input);
    if (!is_run(*byte))
        return *byte < SHORT_READ || *byte > BROKEN;
    size_t count = run_length(*byte);
    *byte = 'x';
    return count;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
    if (fd != script.fd)
        return __real_read(fd, buffer, size);
    size_t got = 0;
    size = size < script.bytes_max ? size : script.bytes_max;
    while (!script.event && got < size && (script.run > 0 || script.input.left > 0)) {
        if (script.run == 0 && (script.run = next_bytes(&script.input, &script.byte)) == 0)
            script.event = script.byte;
        size_t count = script.run < size - got ? script.run : size - got;
        memset((char *)buffer + got, (int)script.byte, count);
        script.run -= count;
        got += count;
    }
    script.bytes_max -= got;
    unsigned event = script.event;
    if (got > 0 && event != SHORT_READ)
        return (ssize_t)got; /* the event is what the next read meets */
    script.event = 0;
    if (got > 0 || !event)
        return (ssize_t)got;
    if (event == BROKEN)
        script.input.left = script.run = 0;
    errno = event == BROKEN ? EIO : event == INTERRUPTED ? EINTR : EAGAIN;
    return -1;
}

/* ---- what should come ------------------------------------------------------------------------------------------------- */

struct expected {
    struct input input; /* the whole stream */
    bool broken;        /* it ends with EIO */
    size_t line_max;
    size_t lines, failures; /* how many came */
};

/* The stream as one piece of memory, until the next call. */
static const char *stream_of(struct input input, size_t *len, bool *broken)
{
    static char stream[BYTES_MAX];
    *broken = false;
    *len = 0;
    while (input.left > 0 && *len < BYTES_MAX && !*broken) {
        unsigned byte;
        size_t count = next_bytes(&input, &byte);
        *broken = count == 0 && byte == BROKEN;
        count = count < BYTES_MAX - *len ? count : BYTES_MAX - *len;
        memset(stream + *len, (int)byte, count);
        *len += count;
    }
    return stream;
}

/* The next line that should have come, past those that are too long. False: there is none. */
static bool next_line(struct expected *expected, const uint8_t **line, size_t *len)
{
    struct input *input = &expected->input;
    while (input->left > 0) {
        const uint8_t *newline = memchr(input->at, '\n', input->left);
        *line = input->at;
        *len = newline ? (size_t)(newline - input->at) : input->left;
        input->at += *len + (newline != NULL);
        input->left -= *len + (newline != NULL);
        if (*len <= expected->line_max)
            return true;
        expected->failures++;
    }
    return false;
}

static void compare(struct expected *expected, const struct weir_out *out, size_t failures)
{
    const uint8_t *line;
    size_t len;
    for (size_t i = 0; i < out->count; i++) {
        const weir_bytes *got = out->items[i];
        REQUIRE(next_line(expected, &line, &len), "line %zu is one too many: \"%.*s\"", i, (int)got->len, got->data);
        REQUIRE(got->len == len && memcmp(got->data, line, len) == 0,
                "line %zu has %zu bytes instead of %zu, or others: \"%.*s\"", i, got->len, len, (int)got->len, got->data);
    }
    REQUIRE(!next_line(expected, &line, &len), "after %zu lines there is one missing: \"%.*s\"", out->count, (int)len, line);
    expected->failures += expected->broken;
    REQUIRE(failures == expected->failures, "%zu failures instead of %zu", failures, expected->failures);
}

/* ---- the run ---------------------------------------------------------------------------------------------------------- */

static size_t pull_all(struct lines_in *in, struct weir_out *out)
{
    size_t failures = 0;
    for (;;) {
        size_t before = out->count;
        int status = lines_in_pull(in, out);
        REQUIRE(out->count - before <= weir_room(out), "%zu lines in a batch of %zu", out->count - before, weir_room(out));
        REQUIRE(status >= 0 || out->count == before, "a call that failed put out %zu lines", out->count - before);
        failures += status < 0;
        if (status == WEIR_END)
            return failures;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    script.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines_in in;
    struct weir_out out = {.type = WEIR_BYTES};
    struct expected expected = {0};
    struct input input = {data, size};
    unsigned limit = input_byte(&input), room = input_byte(&input);
    size_t len;
    expected.line_max = limit ? (size_t)limit * limit * limit : LINES_MAX_DEFAULT;
    out.room = room;
    const char *stream = stream_of(input, &len, &expected.broken);
    expected.input = (struct input){(const uint8_t *)stream, len};
    script.input = input;
    script.run = script.event = 0;
    script.bytes_max = BYTES_MAX;
    lines_in_init(&in, "fuzz", expected.line_max);
    REQUIRE(lines_in_open(&in) == 0 && lines_in_use(&in, script.fd) == 0, "cannot be opened: %s", engine_error);
    size_t failures = pull_all(&in, &out);
    lines_in_close(&in);
    compare(&expected, &out, failures);
    out_reset(&out);
    return 0;
}
