/* SPDX-License-Identifier: MIT */
/*
 * seq: whole numbers as text, as the Unix command of that name counts them.
 *
 * A call fills the batch at hand: the items side by side, and one piece of memory for all their digits, each number formatted two
 * digits at a time. `left` counts instead of comparing with the last number, so that nothing overflows at the ends of the range.
 */
#include "stages/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seq {
    int64_t next;
    int64_t step;
    uint64_t left; /* numbers to come after `next`; with `empty`, nothing comes at all */
    bool empty;
    size_t width; /* bytes of the longest number */
};

enum { A, B, C };

static const struct option_desc options[] = {
    {.name = "a",
     .kind = OPTION_NUMBER,
     .positional = true,
     .required = true,
     .help = "the last number if it stands alone, else the first"},
    {.name = "b",
     .kind = OPTION_NUMBER,
     .positional = true,
     .help = "the last number, or the increment if a third number follows"},
    {.name = "c", .kind = OPTION_NUMBER, .positional = true, .help = "the last number"},
    {0},
};

static const char *const examples[] = {"seq 10", "seq 5 10 | stdout", "seq 10 -2 0", NULL};

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

static size_t digit_count(uint64_t n)
{
    size_t count = 1;
    for (; n >= 10000; n /= 10000)
        count += 4;
    return count + (n >= 10) + (n >= 100) + (n >= 1000);
}

static uint64_t magnitude(int64_t n)
{
    return n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
}

static size_t number_width(int64_t n)
{
    return digit_count(magnitude(n)) + (n < 0);
}

/* Writes n at `text` and returns its length. */
static size_t format(char *text, int64_t number)
{
    uint64_t n = magnitude(number);
    size_t len = number_width(number);
    char *end = text + len;
    for (; n >= 100; n /= 100)
        memcpy(end -= 2, digit_pairs + n % 100 * 2, 2);
    if (n >= 10)
        memcpy(end - 2, digit_pairs + n * 2, 2);
    else
        end[-1] = (char)('0' + n);
    if (number < 0)
        *text = '-';
    return len;
}

static int pull(void *state, weir_out *out)
{
    struct seq *s = state;
    size_t want = weir_room(out), got;
    if (s->empty)
        return WEIR_END;
    if (s->left < want - 1)
        want = (size_t)s->left + 1;
    weir_bytes *items = weir_emit_many(out, want, &got);
    char *text = items ? weir_alloc(out, got * s->width) : NULL;
    if (!text)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++) {
        items[i] = (weir_bytes){text, format(text, (int64_t)((uint64_t)s->next + i * (uint64_t)s->step))};
        text += items[i].len;
    }
    if (got > s->left) {
        s->empty = true;
        return WEIR_END;
    }
    s->left -= got;
    s->next = (int64_t)((uint64_t)s->next + got * (uint64_t)s->step);
    return WEIR_MORE;
}

static struct seq sequence(int64_t first, int64_t step, int64_t last)
{
    struct seq s = {.next = first, .step = step, .empty = step > 0 ? first > last : first < last};
    uint64_t distance = step > 0 ? (uint64_t)last - (uint64_t)first : (uint64_t)first - (uint64_t)last;
    size_t a = number_width(first), b = number_width(last);
    s.left = distance / magnitude(step);
    s.width = a > b ? a : b;
    return s;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    bool two = values[B].text != NULL, three = values[C].text != NULL;
    int64_t last = values[three ? C : two ? B : A].number;
    int64_t step = three ? values[B].number : 1;
    if (three && !two) {
        snprintf(error, size, "seq: c is given but b is not: expected LAST, or FIRST LAST, or FIRST INCREMENT LAST");
        return -1;
    }
    if (step == 0) {
        snprintf(error, size, "seq: the increment must not be 0");
        return -1;
    }
    struct seq *s = malloc(sizeof *s);
    if (!s) {
        snprintf(error, size, "seq: out of memory");
        return -1;
    }
    *s = sequence(two ? values[A].number : 1, step, last);
    stage->out = WEIR_BYTES;
    stage->state = s;
    stage->pull = pull;
    stage->close = free;
    return 0;
}

const struct builtin builtin_seq = {
    .name = "seq",
    .kind = BUILTIN_SOURCE,
    .summary = "count from one whole number to another",
    .details = "seq LAST counts from 1, seq FIRST LAST from FIRST, seq FIRST INCREMENT LAST in steps, down if INCREMENT is\n"
               "negative. As with the Unix command, nothing comes if LAST lies on the other side.",
    .options = options,
    .examples = examples,
    .in = "none",
    .out = "bytes",
    .make = make,
};
