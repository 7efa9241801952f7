/* SPDX-License-Identifier: MIT */
/*
 * lines.h - lines from a descriptor, and lines to one; what stdin, stdout, file and exec are made of.
 *
 * A line is what stands between two newlines, of any bytes and without the newline. The last piece of an input counts as a line
 * even if no newline ends it; an empty input has no line.
 *
 * READING. A lines_in reads large pieces into blocks and puts out slices of them, so that no line is copied but the one that lies
 * across the end of a block. What has arrived goes on at once: a pull waits only when no complete line is at hand.
 *
 *     lines_in_init -> lines_in_open -> ( lines_in_pull )* -> lines_in_close
 *
 * lines_in_pull() is made of the steps below it; a source that does more at the end of its input, as `file follow=yes`, makes its
 * own pull of them.
 *
 * WRITING. A lines_out collects the lines of a batch, and lines_out_end() writes them: short ones are copied side by side, long
 * ones are written from where they lie. Between two batches it holds nothing.
 *
 *     lines_out_init -> lines_out_open -> ( ( lines_out_put )* lines_out_end )*
 *
 * Neither owns the descriptor or the label. All is the stage's own thread's, but for lines_in_interrupt() (any thread).
 */
#ifndef CONNECTORS_LINES_H
#define CONNECTORS_LINES_H

#include <weir/stage.h>

#include <sys/uio.h>

#define LINES_MAX_DEFAULT      ((size_t)64 << 20)
#define LINES_MAX_DEFAULT_TEXT "64Mi"

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

/* In the block: [0, start) was put out, [start, scanned) has no newline, [scanned, end) was not looked at. */
struct lines_in {
    const char *label; /* for messages; lent */
    int fd;            /* lent; -1 when there is none now */
    int wake;          /* an eventfd: lines_in_interrupt() writes it, waiting reads it */
    size_t line_max;   /* bytes; a longer line fails */
    weir_block *block; /* our reference; batches hold their own */
    size_t start, scanned, end;
    bool waits;    /* the descriptor may make us wait: a pipe, a terminal, a socket */
    bool skipping; /* the rest of a line that was too long is still to come */
    bool ended;    /* nothing follows the bytes at hand */
};

void lines_in_init(struct lines_in *in, const char *label, size_t line_max);

/* Makes ready for waiting, before the first wait. 0, or -1 after weir_fail(). */
int lines_in_open(struct lines_in *in);

/* Reads from fd from now on (-1: from nothing). 0, or -1 after weir_fail(). */
int lines_in_use(struct lines_in *in, int fd);

/* Lets go of everything but the descriptor. Also if lines_in_open() failed or was never called. */
void lines_in_close(struct lines_in *in);

/* Makes a wait under way, or else the next one, return early. Any thread, between open and close. */
void lines_in_interrupt(struct lines_in *in);

/* As a source's pull: the lines at hand, or else waits and reads once. */
int lines_in_pull(struct lines_in *in, weir_out *out);

/* Puts out lines at hand, up to what the batch has room for; the last piece too once the input has ended. Returns how many, or
 * -1 after weir_fail(); nothing was put out then. */
int lines_in_emit(struct lines_in *in, weir_out *out);

/* Reads once. */
enum lines_read { LINES_FAILED = -1, LINES_END = 0, LINES_GOT = 1, LINES_NOTHING_NOW = 2 };
enum lines_read lines_in_read(struct lines_in *in, weir_out *out);

/* Waits until fd is readable (1), or timeout_ms have passed (-1: no limit) or it was interrupted (0). -1 after weir_fail(). */
int lines_in_wait(struct lines_in *in, int fd, int timeout_ms);

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

#define LINES_OUT_PIECES  64
#define LINES_OUT_PENDING 1024
#define LINES_OUT_BUFFER  ((size_t)64 << 10)

struct lines_out {
    const char *label; /* for messages; lent */
    int fd;            /* lent */
    char *buffer;      /* LINES_OUT_BUFFER bytes: short lines and newlines */
    size_t used;
    unsigned pieces;  /* what to write next, in order: parts of the buffer, and long lines in place */
    unsigned pending; /* lines in the pieces */
    size_t delivered; /* lines of this batch that were written */
    int broken;       /* the errno that stopped this batch, or 0 */
    bool torn;        /* a failed write left a part of a line behind: a newline must come before the next one */
    struct iovec piece[LINES_OUT_PIECES];
    size_t length[LINES_OUT_PENDING]; /* of each pending line with its newline */
};

void lines_out_init(struct lines_out *out, const char *label);
int lines_out_open(struct lines_out *out, int fd); /* 0, or -1 after weir_fail() */
void lines_out_close(struct lines_out *out);       /* also if open failed or was never called */

/* Takes a line of the batch; its bytes are lent until lines_out_end(). A failure is kept until then. */
void lines_out_put(struct lines_out *out, const weir_bytes *line);

/* Writes what was taken, waiting as long as the reader makes it wait. 0, or -1 after weir_fail() and weir_fail_from(). */
int lines_out_end(struct lines_out *out);

#endif
