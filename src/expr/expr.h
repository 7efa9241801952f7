/* SPDX-License-Identifier: MIT */
/*
 * expr.h - a pipeline as one writes it: 'file access.log | parse clf | where "status >= 500" | stdout'.
 *
 * Stages are separated by `|`. Within a stage the first word is the name of a built-in stage, the rest are its options: bare
 * words for the positional ones, `name=value` for all. Words are quoted as in a shell, with '...' (as it is) or "..." (with
 * \" and \\), and a backslash outside quotes takes the next byte as it is. A word that was quoted from its first byte is
 * never taken as `name=value`, so 'where "a == b"' means what it says. An option that takes all the rest (a condition, a
 * command) gets several words as they were written, quotes and all, for it has quotes of its own: `where a == "b c"` and
 * `exec sh -c 'echo hi'` mean what they say, too; there, `a==b` and names of no option (`exec env A=1 ls`) are bare words.
 *
 * Besides its own, each stage takes these general options:
 *
 *     as=LABEL              the stage's name in the pipeline; default: the built-in's name, and NAME2, NAME3, ... when it
 *                           stands in the same expression more than once
 *     place=fused|own       run in one loop with the neighbours, or beside them
 *     on_error=stop|skip    what happens when an item fails
 *
 * Here everything is checked that can be checked without opening anything: names, options, kinds of values, and what `make`
 * checks (a pattern compiles, a condition parses). Whether neighbours fit is the engine's to say (weir_check).
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include "stages/builtin.h"

/* Where and why an expression was refused. */
struct expr_error {
    size_t offset;     /* of the first byte of the offending word; the length of the text when something is missing */
    size_t length;     /* of the word, for underlining; may be 0 */
    char message[512]; /* a sentence: what, where, which value, what was expected; names the nearest name for a typo */
};

struct expr;

/* Parses one or more stages. NULL with *error filled on failure. Free with expr_free(). Lends nothing from text. */
struct expr *expr_parse(const char *text, struct expr_error *error);

/* The same for stages that will stand somewhere in a pipeline: `first` says whether the first of them will be the pipeline's
 * source, which decides what `file` means. expr_parse() assumes so. */
struct expr *expr_parse_at(const char *text, bool first, struct expr_error *error);
void expr_free(struct expr *expr); /* closes those stages that expr_take() did not take; NULL is fine */

size_t expr_count(const struct expr *expr);
const struct builtin *expr_builtin(const struct expr *expr, size_t i);
const char *expr_label(const struct expr *expr, size_t i);

/* The stage as text, in a normal form that parses to the same stage, without as=. */
const char *expr_text(const struct expr *expr, size_t i);

/* The stage, ready to hand over. The caller must hand it to the engine, which then closes it (it takes it in any case).
 * `label` replaces the stage's label if it is not NULL. The description lends its name from expr. Once per stage. */
weir_stage expr_take(struct expr *expr, size_t i, const char *label);

#endif
