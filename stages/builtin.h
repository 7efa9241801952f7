/* SPDX-License-Identifier: MIT */
/*
 * builtin.h - what the command knows about a stage that one can name in an expression.
 *
 * Each built-in stage is one file in stages/ (filters) or connectors/ (sources and sinks: what touches the world), and each
 * describes itself once, in a `struct builtin`: what it is for, its options with their kind, default and one sentence, and
 * examples. The checks, the error messages, `weir stages NAME`, the man page and the completions all come from there.
 *
 * The engine does not know any of this: `make` turns checked options into an ordinary weir_stage.
 */
#ifndef STAGES_BUILTIN_H
#define STAGES_BUILTIN_H

#include <weir/stage.h>

enum option_kind {
    OPTION_TEXT,     /* any bytes */
    OPTION_NUMBER,   /* a signed 64-bit integer */
    OPTION_COUNT,    /* an integer from 0 up; takes k, M, G (1000s) and Ki, Mi, Gi */
    OPTION_FRACTION, /* a decimal number from 0 to 1, or a percentage such as 5% */
    OPTION_DURATION, /* 10ms, 2s, 5m, 1h; a bare number is seconds */
    OPTION_FLAG,     /* yes or no */
    OPTION_CHOICE,   /* one of `choices`, separated by spaces */
    OPTION_NAMES,    /* field names separated by commas */
};

struct option_desc {
    const char *name; /* NULL ends a list of options */
    enum option_kind kind;
    bool positional; /* may be given without `name=`: positional options take the bare words in order */
    bool rest;       /* the last positional option: takes all bare words that are left. Several are joined by one space,
                            as they were written, with their quotes: see expr.h */
    bool required;
    const char *deflt;   /* the value if it is not given, as one would write it; NULL: not set */
    const char *choices; /* OPTION_CHOICE */
    const char *help;    /* one sentence without a full stop */
};

enum builtin_kind { BUILTIN_SOURCE, BUILTIN_FILTER, BUILTIN_SINK };

#define BUILTIN_OPTIONS_MAX 16

/* One checked value. `text` is always what was written (or the default); NULL when not set. */
struct option_value {
    const char *text; /* zero-terminated; lives as long as the call to make; binary zeros cannot be written */
    union {
        int64_t number; /* NUMBER, COUNT */
        double fraction;
        uint64_t ns; /* DURATION */
        bool flag;
        int choice; /* CHOICE: the index in `choices` */
    };
};

struct builtin {
    const char *name;
    enum builtin_kind kind;
    const char *summary;               /* one line, lower case, no full stop: "keep lines that match a pattern" */
    const char *details;               /* paragraphs for the help; may be NULL */
    const struct option_desc *options; /* ended by a NULL name; may be NULL */
    const char *const *examples;       /* expressions that use it, ended by NULL */
    const char *in, *out;              /* for the help: "bytes", "record", "any", "none", "same" */
    const char *missing;               /* not NULL: the library it needs was not found at configure time; its name */

    /* Makes the stage: fills *stage (zeroed before) but for name, on_error and place, which the caller sets from the general
     * options. values[i] belongs to options[i]. 0, or -1 with a sentence in error[0..size). What it allocates hangs on
     * stage->state, and stage->close releases it (close is called exactly once for every stage made). */
    int (*make)(const struct option_value *values, weir_stage *stage, char *error, size_t size);
};

/* All built-in stages, sorted by name; ended by NULL. */
extern const struct builtin *const builtins[];

/* The stage called name, or NULL. */
const struct builtin *builtin_find(const char *name);

/* The same where a name means two things, as `file` does: a source if the stage is the first of its pipeline, else what is not
 * a source. If only the other one exists, that. */
const struct builtin *builtin_find_kind(const char *name, bool first);

#endif
