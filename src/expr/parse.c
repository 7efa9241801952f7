/* SPDX-License-Identifier: MIT */
/*
 * parse.c - turns the words of an expression into a graph.
 *
 * Each stage's words become options, and spec.c checks them against the stage's own description. What leads where is the work of
 * the functions further down, one for each part of the grammar in expr.h. Arrows may point at stages that come later, so they
 * are links only when all stages are there. Every error names the stage and the word, and its place in the text. Nothing is
 * opened here.
 */
#include "expr/graph.h"

#include <stdlib.h>
#include <string.h>

#include "expr/nearest.h"
#include "expr/word.h"

/* What is known of a stage while its words are read. */
struct reading {
    const char *source; /* the expression */
    struct written written;
    char *rest; /* owned; what several words were joined to */
    struct expr_error *error;
};

/* ---- which option a word is for ---------------------------------------------------------------------------------- */

static int refuse_option(const struct reading *reading, const struct word *word)
{
    char list[256];
    const char *best = option_nearest(reading->written.builtin, word->text, word->name_len);
    options_list(reading->written.builtin, list, sizeof list);
    return expr_refuse(reading->error, word->offset, word->name_len, "%s: option \"%.*s\" is not known here%s%s%s (%s)",
                       reading->written.builtin->name, (int)word->name_len, word->text, best ? "; did you mean \"" : "",
                       best ? best : "", best ? "\"?" : "", list);
}

static int give(const struct reading *reading, struct given *given, const struct option_desc *option, const char *text,
                const struct word *word)
{
    if (given->text)
        return expr_refuse(reading->error, word->offset, word->length, "%s: option \"%s\" is given twice",
                           reading->written.builtin->name, option->name);
    *given = (struct given){.text = text, .offset = word->offset, .length = word->length};
    return 0;
}

/* The words from `first` up to `last` as one text. Several are taken as they were written, quotes and all: what they are for
 * (a condition, a command) has quotes of its own, and `a == "b c"` must not become `a == b c`. */
static const char *join_words(struct reading *reading, const struct word *words, size_t first, size_t last, const bool *mine)
{
    size_t size = 1, count = 0, used = 0;
    for (size_t i = first; i <= last; i++)
        if (mine[i]) {
            size += words[i].length + 1;
            count++;
        }
    if (count == 1)
        return words[first].text;
    char *text = reading->rest = malloc(size);
    if (!text)
        return NULL;
    for (size_t i = first; i <= last; i++)
        if (mine[i]) {
            used += used != 0;
            memcpy(text + used, reading->source + words[i].offset, words[i].length);
            used += words[i].length;
            text[used] = i < last ? ' ' : 0;
        }
    text[used] = 0;
    return text;
}

/* The positional option that the next bare word is for, or -1. */
static int next_positional(const struct reading *reading)
{
    const struct option_desc *options = own_options(reading->written.builtin);
    for (int i = 0; options[i].name; i++)
        if (options[i].positional && !reading->written.own[i].text)
            return i;
    return -1;
}

/* A word such as -i, which other tools take for an option, or NULL. */
static const char *dashed_word(const struct reading *reading, const struct word *word)
{
    if (word->text[0] == '-')
        return word->text;
    for (int i = 0; own_options(reading->written.builtin)[i].name; i++)
        if (reading->written.own[i].text && reading->written.own[i].text[0] == '-')
            return reading->written.own[i].text;
    return NULL;
}

static int refuse_extra(const struct reading *reading, const struct word *word)
{
    const char *name = reading->written.builtin->name, *dashed = dashed_word(reading, word);
    int option = option_find(own_options(reading->written.builtin), word->text, strlen(word->text));
    if (option >= 0 && own_options(reading->written.builtin)[option].kind == OPTION_FLAG)
        return expr_refuse(reading->error, word->offset, word->length, "%s: \"%s\" is an option; write %s=yes", name,
                           word->text, word->text);
    char list[256];
    options_list(reading->written.builtin, list, sizeof list);
    if (dashed)
        return expr_refuse(reading->error, word->offset, word->length,
                           "%s: \"%s\" is one word too many; \"%s\" is no option, they are written name=value (%s)", name,
                           word->text, dashed, list);
    return expr_refuse(reading->error, word->offset, word->length,
                       "%s: \"%s\" is one word too many (%s); words that belong together need quotes", name, word->text, list);
}

/* True if NAME=VALUE is to be read as a bare word: what begins a comparison, as in `status==200`, or stands in the middle of a
 * condition or a command. */
static bool is_bare(const struct reading *reading, const struct word *word, bool in_rest)
{
    const char *value = word->text + word->name_len + 1;
    int positional = next_positional(reading);
    bool takes_rest = in_rest || (positional >= 0 && own_options(reading->written.builtin)[positional].rest);
    if (!takes_rest)
        return false;
    if (*value == '=' || *value == '~')
        return true;
    return in_rest && !option_nearest(reading->written.builtin, word->text, word->name_len);
}

static int give_named(struct reading *reading, const struct word *word)
{
    const char *value = word->text + word->name_len + 1;
    int i = option_find(own_options(reading->written.builtin), word->text, word->name_len);
    if (i >= 0)
        return give(reading, &reading->written.own[i], &own_options(reading->written.builtin)[i], value, word);
    i = option_find(general_options, word->text, word->name_len);
    if (i >= 0)
        return give(reading, &reading->written.general[i], &general_options[i], value, word);
    return refuse_option(reading, word);
}

static bool is_known(const struct reading *reading, const struct word *word)
{
    return option_find(own_options(reading->written.builtin), word->text, word->name_len) >= 0 ||
           option_find(general_options, word->text, word->name_len) >= 0;
}

/* Deals the words of a stage, its name not among them, out to its options. `mine` is scratch: the words that belong to the
 * option that takes all the rest. */
static int deal_words(struct reading *reading, const struct word *words, size_t count, bool *mine)
{
    size_t first = count, last = 0;
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &words[i];
        mine[i] = false;
        if (word->name_len && (is_known(reading, word) || !is_bare(reading, word, first < count))) {
            if (give_named(reading, word) != 0)
                return -1;
            continue;
        }
        int option = next_positional(reading);
        if (option < 0)
            return refuse_extra(reading, word);
        if (own_options(reading->written.builtin)[option].rest) {
            mine[i] = true;
            first = first < i ? first : i;
            last = i;
        } else if (give(reading, &reading->written.own[option], &own_options(reading->written.builtin)[option], word->text,
                        word) != 0) {
            return -1;
        }
    }
    if (first == count)
        return 0;
    const char *text = join_words(reading, words, first, last, mine);
    if (!text)
        return expr_refuse_memory(reading->error);
    int option = next_positional(reading);
    if (option < 0)
        return refuse_extra(reading, &words[first]);
    struct word whole = words[first];
    whole.length = words[last].offset + words[last].length - whole.offset;
    return give(reading, &reading->written.own[option], &own_options(reading->written.builtin)[option], text, &whole);
}

static int read_words(struct reading *reading, const struct word *words, size_t count)
{
    bool *mine = calloc(count + 1, sizeof *mine);
    if (!mine)
        return expr_refuse_memory(reading->error);
    int answer = deal_words(reading, words, count, mine);
    free(mine);
    return answer;
}

/* ---- a stage ----------------------------------------------------------------------------------------------------- */

/* A way out that somebody wrote down: to a stage, or, until all stages are there, to the label in a word. */
struct way {
    size_t from, to;
    char out[PORT_SIZE];
    const char *label; /* lent by the words; NULL: `to` is known */
    size_t offset, length;
};

struct parser {
    const char *text;
    const struct word *words; /* all of them */
    const struct word *at;    /* the next one */
    bool first;               /* the first stage is the pipeline's first */
    struct graph *graph;
    struct way *ways; /* owned; in the order of the text */
    size_t way_count, way_capacity;
    unsigned depth; /* of braces */
    struct expr_error *error;
};

#define DEPTH_MAX 64

static int refuse_name(const struct word *word, struct expr_error *error)
{
    struct nearest nearest = {.asked = word->text, .asked_len = strlen(word->text)};
    for (size_t i = 0; builtins[i]; i++)
        nearest_offer(&nearest, builtins[i]->name);
    if (nearest.best)
        return expr_refuse(error, word->offset, word->length, "no stage is called \"%s\"; did you mean \"%s\"?", word->text,
                           nearest.best);
    return expr_refuse(error, word->offset, word->length, "no stage is called \"%s\"; `weir stages` lists them", word->text);
}

/* words[0] is the stage's name. Its index, or GRAPH_NOWHERE. */
static size_t read_stage(struct parser *parser, const struct word *words, size_t count, bool first)
{
    struct spec *spec;
    weir_stage stage;
    const struct builtin *builtin = builtin_find_kind(words[0].text, first);
    if (!builtin)
        return refuse_name(&words[0], parser->error), GRAPH_NOWHERE;
    struct reading reading = {.source = parser->text, .error = parser->error};
    reading.written = (struct written){.builtin = builtin,
                                       .name_offset = words[0].offset,
                                       .name_length = words[0].length,
                                       .end_offset = words[count - 1].offset + words[count - 1].length};
    int answer = read_words(&reading, words + 1, count - 1);
    if (answer == 0)
        answer = spec_new(&reading.written, &spec, &stage, parser->error);
    free(reading.rest);
    size_t i = answer == 0 ? graph_add(parser->graph, spec, &stage, parser->error) : GRAPH_NOWHERE;
    if (i == GRAPH_NOWHERE)
        return i;
    /* An error about the stage as a whole is about its label, if it has one of its own, else about its name. */
    const struct given *as = &reading.written.general[GENERAL_AS];
    parser->graph->stages[i].offset = as->text ? as->offset : words[0].offset;
    parser->graph->stages[i].length = as->text ? as->length : words[0].length;
    return i;
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

static int add_way(struct parser *parser, const struct way *way)
{
    if (parser->way_count == parser->way_capacity) {
        size_t capacity = parser->way_capacity ? parser->way_capacity * 2 : 16;
        struct way *ways = realloc(parser->ways, capacity * sizeof *ways);
        if (!ways)
            return expr_refuse_memory(parser->error);
        parser->ways = ways;
        parser->way_capacity = capacity;
    }
    parser->ways[parser->way_count++] = *way;
    return 0;
}

static int make_links(struct parser *parser)
{
    for (size_t i = 0; i < parser->way_count; i++) {
        const struct way *way = &parser->ways[i];
        int answer =
            way->label ? graph_link_to(parser->graph, way->from, way->out, way->label, way->offset, way->length, parser->error)
                       : graph_link(parser->graph, way->from, way->out, way->to, "", way->offset, way->length, parser->error);
        if (answer != 0)
            return -1;
    }
    return 0;
}

/* Behind an arrow: the stage that it points at. */
static int read_target(struct parser *parser, struct way way)
{
    const struct word *arrow = parser->at++, *target = parser->at;
    if (target->kind != WORD_TEXT)
        return expr_refuse(parser->error, arrow->offset, arrow->length, "the label of a stage was expected behind ->");
    parser->at++;
    way.label = target->text;
    way.offset = target->offset;
    way.length = target->length;
    return add_way(parser, &way);
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

static int read_chain(struct parser *parser, struct way way, bool head);

static bool is_port(const struct word *word)
{
    size_t len = word->kind == WORD_TEXT && !word->quoted ? strlen(word->text) : 0;
    return len > 1 && word->text[len - 1] == ':';
}

static int read_port(struct parser *parser, struct way *way)
{
    const struct word *word = parser->at;
    if (!is_port(word))
        return 0;
    if (strlen(word->text) > PORT_SIZE)
        return expr_refuse(parser->error, word->offset, word->length, "a port's name has 1 to %d bytes", PORT_SIZE - 1);
    snprintf(way->out, sizeof way->out, "%.*s", (int)strlen(word->text) - 1, word->text);
    way->offset = word->offset;
    way->length = word->length;
    parser->at++;
    return 0;
}

/* `{ port: chain ; port: chain }` behind stage `from`. */
static int read_block(struct parser *parser, size_t from)
{
    const struct word *open = parser->at;
    if (++parser->depth > DEPTH_MAX)
        return expr_refuse(parser->error, open->offset, open->length, "more than %d braces stand within each other", DEPTH_MAX);
    do {
        struct way way = {.from = from, .offset = open->offset, .length = open->length};
        parser->at++;
        if (read_port(parser, &way) != 0 || read_chain(parser, way, false) != 0)
            return -1;
    } while (parser->at->kind == WORD_NEXT);
    if (parser->at->kind != WORD_CLOSE)
        return expr_refuse(parser->error, open->offset, open->length, "the brace { is not closed");
    parser->at++;
    parser->depth--;
    return 0;
}

static const char *name_of(const struct word *word)
{
    static const char *const names[] = {
        [WORD_BAR] = "|", [WORD_OPEN] = "{", [WORD_CLOSE] = "}", [WORD_NEXT] = ";", [WORD_ARROW] = "->"};
    return names[word->kind];
}

/* No stage where one was expected; the word before tells why. */
static int refuse_empty(const struct parser *parser)
{
    const struct word *word = parser->at, *before = word > parser->words ? word - 1 : NULL;
    struct expr_error *error = parser->error;
    if (word->kind == WORD_END && !before)
        return expr_refuse(error, word->offset, 0, "the expression is empty; a stage was expected");
    if (word->kind == WORD_END)
        return expr_refuse(error, word->offset, 0, "a stage was expected behind the last %s", name_of(before));
    if (word->kind == WORD_BAR && !before)
        return expr_refuse(error, word->offset, 1, "a stage was expected in front of the first |");
    if (word->kind == WORD_BAR && before->kind == WORD_BAR)
        return expr_refuse(error, word->offset, 1,
                           "a stage was expected between two |; in a condition, write `or`, or put the condition in quotes");
    return expr_refuse(error, word->offset, word->length, "a stage was expected %s %s",
                       before ? "between its neighbours and" : "in front of", name_of(word));
}

/* Whether an arrow points at the stage that begins here: then it is no source. */
static bool is_target(const struct parser *parser, const struct word *stage)
{
    const char *label = stage->text;
    for (const struct word *word = stage; word->kind == WORD_TEXT; word++)
        if (word->name_len == 2 && strncmp(word->text, "as=", 3) == 0)
            label = word->text + 3;
    for (const struct word *word = parser->words; word->kind != WORD_END; word++)
        if (word->kind == WORD_ARROW && word[1].kind == WORD_TEXT && strcspn(word[1].text, ":") == strlen(label) &&
            strncmp(word[1].text, label, strlen(label)) == 0)
            return true;
    return false;
}

static bool is_word(const struct word *word, const char *text)
{
    return word->kind == WORD_TEXT && strcmp(word->text, text) == 0;
}

/* What stands in a stage's place at the end of a chain, and is none: discard, and nowhere. */
static bool is_end(const struct word *word)
{
    return (is_word(word, "discard") || is_word(word, "nowhere")) &&
           (word[1].kind == WORD_NEXT || word[1].kind == WORD_CLOSE || word[1].kind == WORD_END);
}

static int read_end(struct parser *parser, struct way *way)
{
    way->label = parser->at++->text;
    return add_way(parser, way);
}

/* The stages of a chain. `way` leads to the first of them (from GRAPH_NOWHERE: nothing does); the last one's way is left in it. */
static int read_stages(struct parser *parser, struct way *way, bool head)
{
    bool from_nowhere = head && is_word(parser->at, "nowhere") && parser->at[1].kind == WORD_BAR;
    for (parser->at += from_nowhere ? 2 : 0;; parser->at++) {
        size_t count = 0;
        const struct word *words = parser->at;
        if (way->from != GRAPH_NOWHERE && is_end(words))
            return read_end(parser, way);
        while (words[count].kind == WORD_TEXT)
            count++;
        if (count == 0)
            return refuse_empty(parser);
        bool source = head && !from_nowhere && (parser->graph->stage_count ? !is_target(parser, words) : parser->first);
        parser->at += count;
        way->to = read_stage(parser, words, count, source);
        if (way->to == GRAPH_NOWHERE || (way->from != GRAPH_NOWHERE && add_way(parser, way) != 0))
            return -1;
        parser->graph->stages[way->to].from_nowhere = from_nowhere;
        from_nowhere = false;
        *way = (struct way){.from = way->to, .offset = words[0].offset, .length = words[0].length};
        head = false;
        if (parser->at->kind == WORD_OPEN && read_block(parser, way->from) != 0)
            return -1;
        if (parser->at->kind != WORD_BAR)
            return 0;
    }
}

static int read_chain(struct parser *parser, struct way way, bool head)
{
    if ((head || parser->at->kind != WORD_ARROW) && read_stages(parser, &way, head) != 0)
        return -1;
    return parser->at->kind == WORD_ARROW ? read_target(parser, way) : 0;
}

static int read_chains(struct parser *parser)
{
    for (;; parser->at++) {
        if (read_chain(parser, (struct way){.from = GRAPH_NOWHERE}, true) != 0)
            return -1;
        const struct word *word = parser->at;
        if (word->kind == WORD_END)
            return 0;
        if (word->kind == WORD_TEXT)
            return expr_refuse(parser->error, word->offset, word->length, "\"%s\": a |, a ; or the end was expected here",
                               word->text);
        if (word->kind != WORD_NEXT)
            return expr_refuse(parser->error, word->offset, word->length, "a ; or the end was expected here, and not %s",
                               name_of(word));
        if (word[1].kind == WORD_END)
            return 0;
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int read_all(struct parser *parser)
{
    return read_chains(parser) != 0 || graph_give_labels(parser->graph, parser->error) != 0 || make_links(parser) != 0 ||
                   graph_settle(parser->graph, parser->error) != 0
               ? -1
               : 0;
}

struct graph *graph_parse(const char *text, bool first, struct expr_error *error)
{
    *error = (struct expr_error){0};
    struct word *words = words_split(text, error);
    struct parser parser = {.text = text, .words = words, .at = words, .first = first, .error = error, .graph = graph_new()};
    if (!parser.graph)
        expr_refuse_memory(error);
    int answer = words && parser.graph ? read_all(&parser) : -1;
    words_free(words);
    free(parser.ways);
    if (answer == 0)
        return parser.graph;
    graph_free(parser.graph);
    return NULL;
}

size_t graph_add_text(struct graph *graph, const char *label, const char *text, bool source, struct expr_error *error)
{
    *error = (struct expr_error){0};
    struct word *words = words_split(text, error);
    struct parser parser = {.text = text, .words = words, .graph = graph, .error = error};
    size_t count = 0, i = GRAPH_NOWHERE;
    while (words && words[count].kind == WORD_TEXT)
        count++;
    if (words && (count == 0 || words[count].kind != WORD_END))
        expr_refuse(error, words[count].offset, words[count].length, "one stage was expected, and nothing else");
    else if (words)
        i = read_stage(&parser, words, count, source);
    words_free(words);
    if (i != GRAPH_NOWHERE && *label)
        snprintf(graph->stages[i].spec->label, LABEL_SIZE, "%s", label);
    return i;
}
