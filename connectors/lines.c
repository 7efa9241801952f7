/* SPDX-License-Identifier: MIT */
/*
 * Lines from and to a descriptor, with nothing but libc: this file is part of libweir itself.
 *
 * Invariant of the reader: bytes that were put out are never touched again. Reads go behind them in the same block, and a block
 * that is full is left to the batches that hold it. Invariant of the writer: at the end of lines_out_end() every line of the batch
 * was either written as a whole or is counted as failed.
 *
 * Not done: a write that waits for a slow reader cannot be interrupted.
 */
#include <weir/weir.h>

#include "connectors/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A little less than a power of two, so that the engine's header and the padding fit into the power of two. */
#define BLOCK_SIZE (((size_t)256 << 10) - 1024)
#define READ_MIN   ((size_t)16 << 10) /* with less room than this at the end of a block, a new one is begun */

/* Up to this length a line is copied, a longer one written from its place. Measured with 200 MB to a file: lines of 500 bytes take
 * 0.08 s copied and 0.15 s in place, of 2,000 bytes 0.08 s either way, of 8,000 bytes 0.075 s copied and 0.055 s in place. */
#define COPY_MAX ((size_t)1024)

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

void lines_in_init(struct lines_in *in, const char *label, size_t line_max)
{
    *in = (struct lines_in){.label = label, .fd = -1, .wake = -1, .line_max = line_max};
}

int lines_in_open(struct lines_in *in)
{
    in->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (in->wake < 0)
        return weir_fail("%s: cannot make an eventfd: %s", in->label, strerror(errno));
    return 0;
}

int lines_in_use(struct lines_in *in, int fd)
{
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) != 0)
        return weir_fail("%s: cannot read: %s", in->label, strerror(errno));
    in->fd = fd;
    in->waits = fd >= 0 && !S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode);
    in->ended = in->skipping = false;
    return 0;
}

void lines_in_close(struct lines_in *in)
{
    weir_block_drop(in->block);
    in->block = NULL;
    if (in->wake >= 0)
        close(in->wake);
    in->wake = -1;
}

void lines_in_interrupt(struct lines_in *in)
{
    uint64_t one = 1;
    ssize_t written = write(in->wake, &one, sizeof one); /* fails only when the counter is full, and then it is readable too */
    (void)written;
}

static bool take_interrupt(struct lines_in *in)
{
    uint64_t count;
    return read(in->wake, &count, sizeof count) == (ssize_t)sizeof count;
}

int lines_in_wait(struct lines_in *in, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = in->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int ready = poll(fds, 2, timeout_ms);
    if (ready < 0 && errno != EINTR && errno != EAGAIN)
        return weir_fail("%s: cannot wait: %s", in->label, strerror(errno));
    if (ready <= 0)
        return 0;
    if (fds[0].revents && take_interrupt(in))
        return 0;
    return fds[1].revents != 0;
}

static int fail_long(struct lines_in *in)
{
    return weir_fail("%s: a line is longer than line_max, %zu bytes", in->label, in->line_max);
}

/* The next line at hand. False: none is complete. */
static bool next_line(struct lines_in *in, weir_bytes *line)
{
    if (!in->block)
        return false;
    char *data = weir_block_data(in->block);
    char *newline = memchr(data + in->scanned, '\n', in->end - in->scanned);
    in->scanned = newline ? (size_t)(newline - data) : in->end;
    *line = (weir_bytes){data + in->start, in->scanned - in->start};
    return newline || (in->ended && line->len);
}

/* Behind the line that next_line() found, and its newline if it has one. */
static void pass_line(struct lines_in *in)
{
    in->start = in->scanned = in->scanned < in->end ? in->scanned + 1 : in->end;
}

int lines_in_emit(struct lines_in *in, weir_out *out)
{
    weir_bytes line;
    int emitted = 0, room = (int)weir_room(out);
    while (emitted < room && next_line(in, &line)) {
        if (in->skipping) {
            in->skipping = false;
        } else if (line.len > in->line_max) {
            if (emitted)
                break; /* a call that fails takes back what it put out, so the failure is left to the next call */
            pass_line(in);
            return fail_long(in);
        } else if (weir_emit_slice(out, in->block, line.data, line.len) != 0) {
            return emitted ? emitted : weir_fail_memory();
        } else {
            emitted++;
        }
        pass_line(in);
    }
    return emitted;
}

/* Makes room behind the bytes at hand. The piece of a line at the end moves to a new block, twice its length at least, so that a
 * long line is copied twice on average, whatever its length. 0, or -1 after weir_fail(). */
static int make_room(struct lines_in *in, weir_out *out)
{
    size_t piece = in->end - in->start, size = BLOCK_SIZE;
    if (in->block && weir_block_size(in->block) - in->end >= READ_MIN)
        return 0;
    while (size / 2 < piece)
        size *= 2;
    weir_block *block = weir_block_new(out, size);
    if (!block)
        return weir_fail_memory();
    if (piece)
        memcpy(weir_block_data(block), weir_block_data(in->block) + in->start, piece);
    weir_block_drop(in->block);
    in->block = block;
    in->scanned -= in->start;
    in->end = piece;
    in->start = 0;
    return 0;
}

/* Checks the piece of a line at hand, all bytes of which were looked at. */
static int check_length(struct lines_in *in)
{
    bool too_long = in->end - in->start > in->line_max;
    if (in->skipping || too_long)
        in->start = in->end;
    if (in->skipping || !too_long)
        return 0;
    in->skipping = true;
    return fail_long(in);
}

enum lines_read lines_in_read(struct lines_in *in, weir_out *out)
{
    if (check_length(in) != 0 || make_room(in, out) != 0)
        return LINES_FAILED;
    ssize_t got = read(in->fd, weir_block_data(in->block) + in->end, weir_block_size(in->block) - in->end);
    if (got > 0) {
        in->end += (size_t)got;
        return LINES_GOT;
    }
    if (got == 0)
        return LINES_END;
    if (errno == EINTR || errno == EAGAIN)
        return LINES_NOTHING_NOW;
    in->ended = true; /* with on_error=skip the engine comes back, and must not meet the same error for ever */
    weir_fail("%s: cannot read: %s", in->label, strerror(errno));
    return LINES_FAILED;
}

int lines_in_pull(struct lines_in *in, weir_out *out)
{
    int emitted = lines_in_emit(in, out);
    if (emitted != 0)
        return emitted < 0 ? -1 : WEIR_MORE;
    if (in->ended)
        return WEIR_END;
    int ready = in->waits ? lines_in_wait(in, in->fd, -1) : 1;
    if (ready <= 0)
        return ready < 0 ? -1 : WEIR_MORE;
    switch (lines_in_read(in, out)) {
    case LINES_FAILED:
        return -1;
    case LINES_END:
        in->ended = true;
        break;
    case LINES_GOT:
    case LINES_NOTHING_NOW:
        break;
    }
    return lines_in_emit(in, out) < 0 ? -1 : WEIR_MORE;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

void lines_out_init(struct lines_out *out, const char *label)
{
    memset(out, 0, sizeof *out);
    out->label = label;
    out->fd = -1;
}

int lines_out_open(struct lines_out *out, int fd)
{
    out->fd = fd;
    out->buffer = malloc(LINES_OUT_BUFFER);
    return out->buffer ? 0 : weir_fail_memory();
}

void lines_out_close(struct lines_out *out)
{
    free(out->buffer);
    out->buffer = NULL;
}

/* writev() as the library needs it: a closed pipe is an error like others, and no signal that ends the process. */
static ssize_t write_quietly(int fd, const struct iovec *piece, unsigned pieces)
{
    sigset_t pipe_signal, before;
    struct timespec at_once = {0, 0};
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = writev(fd, piece, (int)pieces);
    int error = errno;
    if (written < 0 && error == EPIPE && !sigismember(&before, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

/* Writes once, and waits where a non-blocking descriptor has no room. Bytes written, or -1 and errno. */
static ssize_t write_some(int fd, const struct iovec *piece, unsigned pieces)
{
    ssize_t written = write_quietly(fd, piece, pieces);
    if (written >= 0 || (errno != EAGAIN && errno != EINTR))
        return written;
    if (errno == EAGAIN)
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1); /* whatever it says, the next write knows better */
    return 0;
}

/* Forgets the first `bytes` of the pieces; returns how many pieces are done. */
static unsigned pass_pieces(struct iovec *piece, unsigned pieces, size_t bytes)
{
    unsigned done = 0;
    while (done < pieces && bytes >= piece[done].iov_len)
        bytes -= piece[done++].iov_len;
    if (done < pieces) {
        piece[done].iov_base = (char *)piece[done].iov_base + bytes;
        piece[done].iov_len -= bytes;
    }
    return done;
}

/* Some of the pending lines did not go out: counts those among the first `written` bytes. The first of them is the newline behind
 * a line that was torn before; when it alone went out, nothing is torn any more. */
static void count_written(struct lines_out *out, size_t written)
{
    unsigned i = 0;
    while (i < out->pending && written >= out->length[i])
        written -= out->length[i++];
    out->delivered += i;
    out->torn = out->torn && i == 0 ? written != 1 : written > 0;
}

/* Writes all pieces, unless this batch is broken already. */
static void write_pieces(struct lines_out *out)
{
    size_t written = 0;
    unsigned done = 0;
    while (!out->broken && done < out->pieces) {
        ssize_t bytes = write_some(out->fd, out->piece + done, out->pieces - done);
        if (bytes < 0) {
            out->broken = errno;
            count_written(out, written);
        } else {
            written += (size_t)bytes;
            done += pass_pieces(out->piece + done, out->pieces - done, (size_t)bytes);
        }
    }
    if (!out->broken && out->pending) {
        out->delivered += out->pending;
        out->torn = false;
    }
    out->pieces = out->pending = 0;
    out->used = 0;
}

static void add_piece(struct lines_out *out, const char *data, size_t len)
{
    struct iovec *last = out->pieces ? &out->piece[out->pieces - 1] : NULL;
    if (last && (char *)last->iov_base + last->iov_len == data)
        last->iov_len += len;
    else
        out->piece[out->pieces++] = (struct iovec){(void *)(uintptr_t)data, len};
}

static void add_copy(struct lines_out *out, const char *data, size_t len)
{
    char *copy = out->buffer + out->used;
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\n';
    out->used += len + 1;
    add_piece(out, copy, len + 1);
}

void lines_out_put(struct lines_out *out, const weir_bytes *line)
{
    bool full = out->used + COPY_MAX + 2 > LINES_OUT_BUFFER || out->pieces + 3 > LINES_OUT_PIECES;
    if (full || out->pending == LINES_OUT_PENDING)
        write_pieces(out);
    if (out->broken)
        return;
    out->length[out->pending] = line->len + 1;
    if (out->torn && out->pending == 0) {
        out->length[0]++;
        add_copy(out, NULL, 0);
    }
    out->pending++;
    if (line->len > COPY_MAX)
        add_piece(out, line->data, line->len);
    add_copy(out, line->data, line->len > COPY_MAX ? 0 : line->len);
}

int lines_out_end(struct lines_out *out)
{
    write_pieces(out);
    size_t delivered = out->delivered;
    int error = out->broken;
    out->delivered = 0;
    out->broken = 0;
    if (!error)
        return 0;
    weir_fail_from(delivered);
    return weir_fail("%s: cannot write: %s", out->label, strerror(error));
}

/* ---- the stages of weir.h --------------------------------------------------------------------------------------------- */

struct read_stage {
    struct lines_in in;
    int fd;
    char label[64];
};

struct write_stage {
    struct lines_out out;
    int fd;
    char label[64];
};

static int read_open(void *state)
{
    struct read_stage *r = state;
    if (lines_in_use(&r->in, r->fd) != 0) /* first, because a new eventfd might take the number of a closed descriptor */
        return -1;
    return lines_in_open(&r->in);
}

static int read_pull(void *state, weir_out *out)
{
    struct read_stage *r = state;
    return lines_in_pull(&r->in, out);
}

static void read_interrupt(void *state)
{
    struct read_stage *r = state;
    lines_in_interrupt(&r->in);
}

static void read_close(void *state)
{
    struct read_stage *r = state;
    lines_in_close(&r->in);
    free(r);
}

static int write_open(void *state)
{
    struct write_stage *w = state;
    struct stat info;
    if (fstat(w->fd, &info) != 0)
        return weir_fail("%s: cannot write: %s", w->label, strerror(errno));
    return lines_out_open(&w->out, w->fd);
}

static weir_verdict write_line(void *state, void *item)
{
    struct write_stage *w = state;
    lines_out_put(&w->out, item);
    return WEIR_KEEP;
}

static int write_batch_end(void *state)
{
    struct write_stage *w = state;
    return lines_out_end(&w->out);
}

static void write_close(void *state)
{
    struct write_stage *w = state;
    lines_out_close(&w->out);
    free(w);
}

/* What stands in for a stage whose state could not be allocated: the error shows where a caller looks for it, at the opening. */
static int no_memory_open(void *state)
{
    (void)state;
    return weir_fail_memory();
}

static int no_memory_pull(void *state, weir_out *out)
{
    (void)state;
    (void)out;
    return weir_fail_memory();
}

static weir_verdict no_memory_map(void *state, void *item)
{
    (void)state;
    (void)item;
    return weir_fail_memory();
}

static void label_for(char label[64], int fd, int std_fd, const char *std_label, const char *name)
{
    if (name || fd == std_fd)
        snprintf(label, 64, "%s", name ? name : std_label);
    else
        snprintf(label, 64, "fd%02d", fd);
}

const weir_stage *weir_read_lines(int fd, const char *name)
{
    static _Thread_local weir_stage stage;
    static _Thread_local char label[64];
    label_for(label, fd, 0, "stdin", name);
    stage = (weir_stage){.name = label, .out = WEIR_BYTES, .open = no_memory_open, .pull = no_memory_pull, .blocking = true};
    struct read_stage *r = malloc(sizeof *r);
    if (!r)
        return &stage;
    memcpy(r->label, label, sizeof r->label);
    lines_in_init(&r->in, r->label, LINES_MAX_DEFAULT);
    r->fd = fd;
    stage.state = r;
    stage.open = read_open;
    stage.pull = read_pull;
    stage.interrupt = read_interrupt;
    stage.close = read_close;
    return &stage;
}

const weir_stage *weir_write_lines(int fd, const char *name)
{
    static _Thread_local weir_stage stage;
    static _Thread_local char label[64];
    label_for(label, fd, 1, "stdout", name);
    stage = (weir_stage){
        .name = label, .in = WEIR_BYTES, .out = WEIR_NONE, .open = no_memory_open, .map = no_memory_map, .blocking = true};
    struct write_stage *w = malloc(sizeof *w);
    if (!w)
        return &stage;
    memcpy(w->label, label, sizeof w->label);
    lines_out_init(&w->out, w->label);
    w->fd = fd;
    stage.state = w;
    stage.open = write_open;
    stage.map = write_line;
    stage.batch_end = write_batch_end;
    stage.close = write_close;
    return &stage;
}
