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
 * WHERE IT LEADS. A stage leads to the one behind the `|`. Behind a stage with several ways out, or with one for its dead
 * letters, braces say where each of them leads, by the name of the port; behind the braces, `|` leads on from the way out that is
 * left. `-> LABEL` at the end of a chain leads to a stage that stands elsewhere, `-> LABEL:PORT` to one of its ways in, and
 * the chain `discard` throws away on purpose. `;` stands between chains:
 *
 *     seq 10 | route weights=3,1 { a: upper -> m ; b: lower -> m } ; merge as=m | stdout
 *     parse clf on_error=dead { dead: discard } | count
 *
 *     pipeline = head { ";" head } [ ";" ]
 *     head     = [ "nowhere" "|" ] chain
 *     chain    = step { "|" step } [ "|" end | "->" target ]
 *     step     = stage [ "{" way { ";" way } "}" ]
 *     way      = [ PORT ":" ] ( chain | "->" target | end )       PORT: is one word, as in `a: upper`
 *     target   = LABEL [ ":" PORT ] | end
 *     end      = "discard" | "nowhere"
 *
 * `nowhere` in front of a chain says that nothing leads to it, at its end, that it leads to nothing: so one writes the parked stages
 * that edits leave behind.
 *
 * Ports of tees, of routes of links, and of merges may have any name; without one they are called 1, 2, ... The words `{`, `}`,
 * `;` and `->` mean this only as words of their own, without quotes; then everywhere, as `|` does, in a command or a condition, too:
 * `exec find . -exec wc {} ';'`. `{status}` and `a;b` are words like any other.
 *
 * Besides its own, each stage takes the general options, which `general_options` in spec.h describes: as=LABEL for its name in the
 * pipeline (default: the built-in's name, and NAME2, NAME3, ... when it stands in the same expression more than once), and
 * place, lanes, unordered, retry, backoff, backoff_max, jitter, timeout, on_error and dead for how it runs.
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

/* The stages of one chain, for those who put them into a pipeline one by one. For whatever branches, there is graph.h. */
struct expr;

/* Parses one or more stages, one behind the other. NULL with *error filled on failure. Free with expr_free(). Lends nothing from text. */
struct expr *expr_parse(const char *text, struct expr_error *error);

/* The same for stages that will stand somewhere in a pipeline: `first` says whether the first of them will be the pipeline's
 * source, which decides what `file` means. expr_parse() assumes so. */
struct expr *expr_parse_at(const char *text, bool first, struct expr_error *error);
void expr_free(struct expr *expr); /* closes those stages that expr_take() did not take; NULL is fine */

size_t expr_count(const struct expr *expr);
const struct builtin *expr_builtin(const struct expr *expr, size_t i);
const char *expr_label(const struct expr *expr, size_t i);

/* What keeps a stage from being called so, as the rest of a sentence that begins with the label; NULL: nothing does. */
const char *expr_label_fault(const char *label);

/* The stage as text, in a normal form that parses to the same stage, without as=. */
const char *expr_text(const struct expr *expr, size_t i);

/* Its description, to look at; lent until expr_take(). */
const weir_stage *expr_stage(const struct expr *expr, size_t i);

/* The stage, ready to hand over. The caller must hand it to the engine, which then closes it (it takes it in any case).
 * `label` replaces the stage's label if it is not NULL. The description lends its name from expr. Once per stage. */
weir_stage expr_take(struct expr *expr, size_t i, const char *label);

/* If stage i says dead=FILE: the number of the sink that writes its letters, which is to be taken like a stage, added, and connected
 * to the stage's port "dead". Its label is that of stage i with ".dead" behind it. Else 0. */
size_t expr_letters(const struct expr *expr, size_t i);

#endif
