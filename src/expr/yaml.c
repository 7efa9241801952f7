/* SPDX-License-Identifier: MIT */
/*
 * yaml.c - reads a pipeline from YAML.
 *
 * libfyaml makes the tree and knows the place of everything in it; here the tree becomes the same struct written that an expression's
 * words become, so that the checks, and what they say, are the same. As in parse.c, links are made when all stages are there.
 */
#include "expr/yaml.h"

#ifdef HAVE_FYAML

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "expr/nearest.h"
#include "expr/utf8.h"

/* A way out that the file says, or that follows from the order of the list. */
struct way {
    size_t from, to;
    char out[PORT_SIZE];
    const char *target; /* lent by the tree; NULL: `to` is known */
    size_t offset, length;
};

struct reader {
    struct graph *graph;
    struct fy_node *stages; /* the top one of the lists */
    struct way *ways;       /* owned; in the order of the file */
    size_t way_count, way_capacity;
    char **decoded; /* owned; what !!binary stood for */
    size_t decoded_count;
    struct expr_error *error;
};

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

struct place {
    size_t offset, length;
};

/* Of a scalar its words; of all else the first place in it that has some. */
static struct place place_of(struct fy_node *node)
{
    struct fy_node *inner = node;
    void *iter = NULL;
    while (inner && !fy_node_is_scalar(inner)) {
        iter = NULL;
        struct fy_node_pair *pair = fy_node_is_mapping(inner) ? fy_node_mapping_iterate(inner, &iter) : NULL;
        inner = pair ? fy_node_pair_key(pair) : fy_node_is_sequence(inner) ? fy_node_sequence_iterate(inner, &iter) : NULL;
    }
    struct fy_token *token = inner ? fy_node_get_scalar_token(inner) : NULL;
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL, *end = token ? fy_token_end_mark(token) : NULL;
    if (!start || !end)
        return (struct place){0, 0};
    return (struct place){start->input_pos, end->input_pos - start->input_pos};
}

static int WEIR_PRINTF(3, 4) refuse(struct reader *reader, struct fy_node *node, const char *format, ...)
{
    char message[sizeof reader->error->message];
    struct place place = place_of(node);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return expr_refuse(reader->error, place.offset, place.length, "%s", message);
}

static bool is_null(struct fy_node *node)
{
    if (!node)
        return true;
    if (!fy_node_is_scalar(node))
        return false;
    struct fy_token *token = fy_node_get_scalar_token(node);
    const char *text = fy_node_get_scalar0(node);
    if (!token || fy_token_scalar_style(token) != FYSS_PLAIN)
        return !token;
    return !text || !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static bool is_binary(struct fy_node *node)
{
    size_t len;
    const char *tag = fy_node_get_tag(node, &len);
    static const char binary[] = "tag:yaml.org,2002:binary";
    return tag && ((len == strlen(binary) && memcmp(tag, binary, len) == 0) || (len == 8 && memcmp(tag, "!!binary", 8) == 0));
}

static int digit_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Base64, with white space in it. A new string, or NULL. */
static char *decode(const char *text)
{
    char *bytes = malloc(strlen(text) + 1), *p = bytes;
    uint32_t bits = 0, count = 0;
    for (; bytes && *text && *text != '='; text++) {
        int value = digit_value(*text);
        if (value < 0)
            continue;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8)
            *p++ = (char)(bits >> (count -= 8));
    }
    if (bytes)
        *p = 0;
    return bytes;
}

static const char *decoded(struct reader *reader, const char *text)
{
    char **list = realloc(reader->decoded, (reader->decoded_count + 1) * sizeof *list);
    if (list)
        reader->decoded = list;
    char *bytes = list ? decode(text) : NULL;
    if (bytes)
        list[reader->decoded_count++] = bytes;
    return bytes;
}

/* A scalar's text; NULL and the error: it is none, or has a zero byte in it. `what` for the message. */
static const char *text_of(struct reader *reader, struct fy_node *node, const char *what)
{
    const char *text = fy_node_is_scalar(node) ? fy_node_get_scalar0(node) : NULL;
    if (!text) {
        refuse(reader, node, "%s: a text or a number was expected, and no list or mapping", what);
        return NULL;
    }
    if (is_binary(node)) {
        text = decoded(reader, text);
        if (!text)
            expr_refuse_memory(reader->error);
        return text;
    }
    if (strlen(text) == fy_node_get_scalar_length(node))
        return text;
    refuse(reader, node, "%s: there is a zero byte in it", what);
    return NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* YAML's own words for yes and no mean the same, where a flag is expected. */
static const char *flag_text(const struct option_desc *option, const char *text)
{
    if (option->kind != OPTION_FLAG)
        return text;
    return strcmp(text, "true") == 0 ? "yes" : strcmp(text, "false") == 0 ? "no" : text;
}

static int give(struct reader *reader, struct written *written, const struct option_desc *option, struct given *given,
                struct fy_node *value)
{
    char what[96];
    snprintf(what, sizeof what, "%s: %s", written->builtin->name, option->name);
    if (given->text)
        return refuse(reader, value, "%s: option \"%s\" is given twice", written->builtin->name, option->name);
    const char *text = text_of(reader, value, what);
    if (!text)
        return -1;
    struct place place = place_of(value);
    *given = (struct given){flag_text(option, text), place.offset, place.length};
    return 0;
}

static int refuse_option(struct reader *reader, const struct builtin *builtin, struct fy_node *key, const char *name)
{
    char list[256];
    const char *best = option_nearest(builtin, name, strlen(name));
    options_list(builtin, list, sizeof list);
    return refuse(reader, key, "%s: option \"%s\" is not known here%s%s%s (%s)", builtin->name, name,
                  best ? "; did you mean \"" : "", best ? best : "", best ? "\"?" : "", list);
}

static int give_named(struct reader *reader, struct written *written, struct fy_node *key, struct fy_node *value, bool own)
{
    const char *name = text_of(reader, key, written->builtin->name);
    const struct option_desc *options = own_options(written->builtin);
    int i = name ? option_find(options, name, strlen(name)) : -1;
    if (!name)
        return -1;
    if (own && i >= 0)
        return give(reader, written, &options[i], &written->own[i], value);
    i = option_find(general_options, name, strlen(name));
    if (i >= 0)
        return give(reader, written, &general_options[i], &written->general[i], value);
    return refuse_option(reader, written->builtin, key, name);
}

static int give_positional(struct reader *reader, struct written *written, struct fy_node *value)
{
    char list[256];
    const struct option_desc *options = own_options(written->builtin);
    for (int i = 0; options[i].name; i++)
        if (options[i].positional && !written->own[i].text)
            return give(reader, written, &options[i], &written->own[i], value);
    options_list(written->builtin, list, sizeof list);
    return refuse(reader, value, "%s: one value too many (%s)", written->builtin->name, list);
}

/* What stands behind the stage's name. */
static int read_options(struct reader *reader, struct written *written, struct fy_node *value)
{
    void *iter = NULL;
    if (is_null(value))
        return 0;
    if (fy_node_is_scalar(value))
        return give_positional(reader, written, value);
    if (fy_node_is_sequence(value)) {
        for (struct fy_node *item; (item = fy_node_sequence_iterate(value, &iter));)
            if (give_positional(reader, written, item) != 0)
                return -1;
        return 0;
    }
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(value, &iter));)
        if (give_named(reader, written, fy_node_pair_key(pair), fy_node_pair_value(pair), true) != 0)
            return -1;
    return 0;
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

static int add_way(struct reader *reader, const struct way *way)
{
    if (reader->way_count == reader->way_capacity) {
        size_t capacity = reader->way_capacity ? reader->way_capacity * 2 : 16;
        struct way *ways = realloc(reader->ways, capacity * sizeof *ways);
        if (!ways)
            return expr_refuse_memory(reader->error);
        reader->ways = ways;
        reader->way_capacity = capacity;
    }
    reader->ways[reader->way_count++] = *way;
    return 0;
}

static int make_links(struct reader *reader)
{
    for (size_t i = 0; i < reader->way_count; i++) {
        const struct way *way = &reader->ways[i];
        int answer =
            way->target
                ? graph_link_to(reader->graph, way->from, way->out, way->target, way->offset, way->length, reader->error)
                : graph_link(reader->graph, way->from, way->out, way->to, "", way->offset, way->length, reader->error);
        if (answer != 0)
            return -1;
    }
    return 0;
}

static int read_list(struct reader *reader, struct fy_node *list, struct way into);

/* Where one way out leads. */
static int read_target(struct reader *reader, struct way way, struct fy_node *target)
{
    if (is_null(target))
        return 0;
    if (fy_node_is_sequence(target))
        return read_list(reader, target, way);
    if (!(way.target = text_of(reader, target, "to")))
        return -1;
    struct place place = place_of(target);
    way.offset = place.offset;
    way.length = place.length;
    return add_way(reader, &way);
}

static int read_to(struct reader *reader, size_t from, struct fy_node *to)
{
    void *iter = NULL;
    if (is_null(to) || !fy_node_is_mapping(to))
        return read_target(reader, (struct way){.from = from}, to);
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(to, &iter));) {
        const char *port = text_of(reader, fy_node_pair_key(pair), "to");
        struct place place = place_of(fy_node_pair_key(pair));
        struct way way = {.from = from, .offset = place.offset, .length = place.length};
        if (!port)
            return -1;
        if (strlen(port) >= PORT_SIZE)
            return refuse(reader, fy_node_pair_key(pair), "to: a port's name has 1 to %d bytes", PORT_SIZE - 1);
        snprintf(way.out, sizeof way.out, "%s", port);
        if (read_target(reader, way, fy_node_pair_value(pair)) != 0)
            return -1;
    }
    return 0;
}

/* Whether `to` says something about the port. */
static bool says(struct fy_node *to, const char *port)
{
    return fy_node_is_mapping(to) && fy_node_mapping_lookup_pair_by_string(to, port, strlen(port));
}

/* Whether the stage leads to the next one in the list. */
static bool goes_on(const struct reader *reader, size_t i, struct fy_node *to)
{
    const weir_stage *stage = &reader->graph->stages[i].stage;
    if (graph_is_sink(reader->graph, i))
        return false;
    if (!to)
        return true;
    if (!fy_node_is_mapping(to) || graph_is_open(reader->graph, i) || fy_node_mapping_item_count(to) == 0)
        return false;
    for (size_t port = 0; stage->outs && stage->outs[port].name; port++)
        if (!says(to, stage->outs[port].name))
            return true;
    return !stage->outs && !says(to, "out");
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static struct fy_node *lookup(struct fy_node *mapping, const char *key)
{
    return fy_node_is_mapping(mapping) ? fy_node_mapping_lookup_value_by_string(mapping, key, strlen(key)) : NULL;
}

/* The pair of an item that names its stage, or NULL. */
static struct fy_node_pair *stage_pair(struct fy_node *item)
{
    void *iter = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(item, &iter));) {
        const char *key = fy_node_is_scalar(fy_node_pair_key(pair)) ? fy_node_get_scalar0(fy_node_pair_key(pair)) : NULL;
        if (key && builtin_find(key))
            return pair;
    }
    return NULL;
}

/* The label that the item's stage will have if it is the first of its kind. */
static void label_of(struct fy_node *item, char *label, size_t size)
{
    struct fy_node_pair *pair = fy_node_is_mapping(item) ? stage_pair(item) : NULL;
    struct fy_node *as = lookup(item, "as");
    as = as ? as : pair ? lookup(fy_node_pair_value(pair), "as") : NULL;
    const char *text = as                        ? fy_node_get_scalar0(as)
                       : pair                    ? fy_node_get_scalar0(fy_node_pair_key(pair))
                       : fy_node_is_scalar(item) ? fy_node_get_scalar0(item)
                                                 : NULL;
    snprintf(label, size, "%.*s", text ? (int)(as ? strlen(text) : strcspn(text, " \t\n")) : 0, text ? text : "");
    const char *option = !as && !pair && text ? strstr(text, " as=") : NULL;
    if (option)
        snprintf(label, size, "%.*s", (int)strcspn(option + 4, " \t\n"), option + 4);
}

static bool is_pointed_at(struct fy_node *list, const char *label);

static bool points_at(struct fy_node *target, const char *label)
{
    if (!target || is_null(target))
        return false;
    if (fy_node_is_sequence(target))
        return is_pointed_at(target, label);
    const char *text = fy_node_is_scalar(target) ? fy_node_get_scalar0(target) : NULL;
    return text && strcspn(text, ":") == strlen(label) && strncmp(text, label, strlen(label)) == 0;
}

/* Whether some `to` in the list points at the label. */
static bool is_pointed_at(struct fy_node *list, const char *label)
{
    void *items = NULL, *pairs = NULL;
    for (struct fy_node *item; (item = fy_node_sequence_iterate(list, &items));) {
        struct fy_node *to = lookup(item, "to");
        if (to && !fy_node_is_mapping(to) && points_at(to, label))
            return true;
        pairs = NULL;
        for (struct fy_node_pair *pair; to && fy_node_is_mapping(to) && (pair = fy_node_mapping_iterate(to, &pairs));)
            if (points_at(fy_node_pair_value(pair), label))
                return true;
    }
    return false;
}

static int refuse_name(struct reader *reader, struct fy_node *item)
{
    void *iter = NULL;
    struct fy_node_pair *pair = fy_node_mapping_iterate(item, &iter);
    struct fy_node *key = pair ? fy_node_pair_key(pair) : NULL;
    const char *name = key && fy_node_is_scalar(key) ? fy_node_get_scalar0(key) : NULL;
    if (!name)
        return refuse(reader, item, "a stage was expected: its name, a colon, and its options");
    struct nearest nearest = {.asked = name, .asked_len = strlen(name)};
    for (size_t i = 0; builtins[i]; i++)
        nearest_offer(&nearest, builtins[i]->name);
    if (nearest.best)
        return refuse(reader, key, "no stage is called \"%s\"; did you mean \"%s\"?", name, nearest.best);
    return refuse(reader, key, "no stage is called \"%s\"; `weir stages` lists them", name);
}

/* What stands beside the stage's name: general options, and `to`, which is read later. */
static int read_beside(struct reader *reader, struct written *written, struct fy_node *item, struct fy_node_pair *stage)
{
    void *iter = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(item, &iter));) {
        struct fy_node *key = fy_node_pair_key(pair);
        const char *name = fy_node_is_scalar(key) ? fy_node_get_scalar0(key) : NULL;
        if (pair == stage || (name && strcmp(name, "to") == 0))
            continue;
        if (name && builtin_find(name))
            return refuse(reader, key, "\"%s\": the item has a stage already, \"%s\"; a new item begins with - ", name,
                          written->builtin->name);
        if (give_named(reader, written, key, fy_node_pair_value(pair), false) != 0)
            return -1;
    }
    return 0;
}

static size_t read_mapping(struct reader *reader, struct fy_node *item, bool source)
{
    struct fy_node_pair *pair = stage_pair(item);
    if (!pair)
        return refuse_name(reader, item), GRAPH_NOWHERE;
    struct place place = place_of(fy_node_pair_key(pair));
    struct written written = {.builtin = builtin_find_kind(fy_node_get_scalar0(fy_node_pair_key(pair)), source),
                              .name_offset = place.offset,
                              .name_length = place.length,
                              .end_offset = place.offset + place.length};
    struct spec *spec;
    weir_stage stage;
    if (read_options(reader, &written, fy_node_pair_value(pair)) != 0 || read_beside(reader, &written, item, pair) != 0 ||
        spec_new(&written, &spec, &stage, reader->error) != 0)
        return GRAPH_NOWHERE;
    return graph_add(reader->graph, spec, &stage, reader->error);
}

/* A stage as in an expression. Where the text stands as it is, an error points into it. */
static size_t read_scalar(struct reader *reader, struct fy_node *item, bool source)
{
    const char *text = text_of(reader, item, "stages");
    struct place place = place_of(item);
    struct expr_error *error = reader->error;
    size_t i = text ? graph_add_text(reader->graph, "", text, source, error) : GRAPH_NOWHERE;
    if (i != GRAPH_NOWHERE || !text)
        return i;
    bool as_it_is = place.length == strlen(text);
    error->length = as_it_is ? error->length : place.length;
    error->offset = as_it_is ? place.offset + error->offset : place.offset;
    return i;
}

static size_t read_item(struct reader *reader, struct fy_node *item, bool source)
{
    size_t i = GRAPH_NOWHERE;
    struct place place = place_of(item);
    if (fy_node_is_mapping(item))
        i = read_mapping(reader, item, source);
    else if (fy_node_is_scalar(item) && fy_node_get_scalar_length(item) > 0) /* not is_null(): `null` is a stage, too */
        i = read_scalar(reader, item, source);
    else
        refuse(reader, item, "a stage was expected: its name, a colon, and its options");
    if (i != GRAPH_NOWHERE) {
        reader->graph->stages[i].offset = place.offset;
        reader->graph->stages[i].length = place.length;
    }
    return i;
}

/* The item's word if that stands in a stage's place and is none: discard, and nowhere. Else NULL. */
static const char *end_word(struct fy_node *item)
{
    const char *text = fy_node_is_scalar(item) ? fy_node_get_scalar0(item) : NULL;
    return text && (strcmp(text, "discard") == 0 || strcmp(text, "nowhere") == 0) ? text : NULL;
}

/* There the chain in front of it ends. */
static int read_end(struct reader *reader, struct fy_node *item, struct way *into)
{
    into->target = end_word(item);
    if (into->from == GRAPH_NOWHERE && strcmp(into->target, "discard") == 0)
        return refuse(reader, item, "nothing leads to discard here");
    if (into->from != GRAPH_NOWHERE && add_way(reader, into) != 0)
        return -1;
    *into = (struct way){.from = GRAPH_NOWHERE};
    return 0;
}

/* A chain; `into` leads to its first stage, if from is not GRAPH_NOWHERE. */
static int read_list(struct reader *reader, struct fy_node *list, struct way into)
{
    void *iter = NULL;
    struct fy_node *from_nowhere = NULL; /* the item in front, if it is that word */
    struct fy_node *must_follow = NULL;  /* the same, if no chain ended with it */
    for (struct fy_node *item; (item = fy_node_sequence_iterate(list, &iter));) {
        char label[256];
        if (end_word(item)) {
            bool ends = into.from != GRAPH_NOWHERE;
            from_nowhere = strcmp(end_word(item), "nowhere") == 0 ? item : NULL;
            if (read_end(reader, item, &into) != 0)
                return -1;
            must_follow = ends ? NULL : from_nowhere;
            continue;
        }
        must_follow = NULL;
        label_of(item, label, sizeof label);
        bool head = into.from == GRAPH_NOWHERE;
        size_t i = read_item(reader, item, head && !from_nowhere && !is_pointed_at(reader->stages, label));
        if (i == GRAPH_NOWHERE)
            return -1;
        reader->graph->stages[i].from_nowhere = from_nowhere != NULL;
        from_nowhere = NULL;
        into.to = i;
        if (!head && !graph_is_source(reader->graph, i) && add_way(reader, &into) != 0)
            return -1;
        struct fy_node *to = lookup(item, "to");
        if (to && read_to(reader, i, to) != 0)
            return -1;
        struct place place = place_of(item);
        into = (struct way){.from = goes_on(reader, i, to) ? i : GRAPH_NOWHERE, .offset = place.offset, .length = place.length};
    }
    return must_follow ? refuse(reader, must_follow, "a stage was expected behind nowhere") : 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int read_key(struct reader *reader, struct fy_node *key, struct fy_node *value)
{
    const char *name = text_of(reader, key, "the file");
    if (!name)
        return -1;
    if (strcmp(name, "stages") == 0) {
        reader->stages = value;
        return fy_node_is_sequence(value) ? 0
                                          : refuse(reader, key, "stages: a list was expected, with a - in front of each stage");
    }
    if (strcmp(name, "name") == 0) {
        const char *text = text_of(reader, value, "name");
        if (text && strlen(text) >= sizeof reader->graph->name)
            return refuse(reader, value, "name: at most %zu bytes are possible", sizeof reader->graph->name - 1);
        snprintf(reader->graph->name, sizeof reader->graph->name, "%s", text ? text : "");
        return text ? 0 : -1;
    }
    struct nearest nearest = {.asked = name, .asked_len = strlen(name)};
    nearest_offer(&nearest, "stages");
    nearest_offer(&nearest, "name");
    return refuse(reader, key, "\"%s\" is not known here%s%s%s (takes: name, stages)", name,
                  nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "", nearest.best ? "\"?" : "");
}

static int read_root(struct reader *reader, struct fy_node *root)
{
    void *iter = NULL;
    if (!root || !fy_node_is_mapping(root))
        return expr_refuse(reader->error, 0, 0, "a mapping with `stages:` in it was expected");
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(root, &iter));)
        if (read_key(reader, fy_node_pair_key(pair), fy_node_pair_value(pair)) != 0)
            return -1;
    if (!reader->stages || fy_node_sequence_is_empty(reader->stages))
        return expr_refuse(reader->error, 0, 0, "stages: a list of stages was expected, and there is none");
    return read_list(reader, reader->stages, (struct way){.from = GRAPH_NOWHERE});
}

static int read_document(struct reader *reader, struct fy_document *document)
{
    return read_root(reader, fy_document_root(document)) != 0 || graph_give_labels(reader->graph, reader->error) != 0 ||
                   make_links(reader) != 0 || graph_settle(reader->graph, reader->error) != 0
               ? -1
               : 0;
}

/* The byte that a line and a column stand for, both from 1. */
static size_t offset_of(const char *text, size_t len, int line, int column)
{
    const char *at = text, *end = text + len;
    for (; line > 1; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            break;
        at = newline + 1;
    }
    size_t offset = (size_t)(at - text) + (column > 1 ? (size_t)column - 1 : 0);
    return offset < len ? offset : len;
}

/* What libfyaml did not like. */
static int refuse_syntax(struct fy_diag *diag, const char *text, size_t len, struct expr_error *error)
{
    void *iter = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &iter);
    if (!first) /* an empty file is no error to libfyaml, and no document either */
        return expr_refuse(error, 0, 0, "a mapping with `stages:` in it was expected, and the file is empty");
    return expr_refuse(error, offset_of(text, len, first->line, first->column), 0, "this is not YAML: %.*s",
                       (int)strcspn(first->msg, "\n"), first->msg);
}

static struct graph *read_with(struct reader *reader, const char *text, size_t len, struct fy_diag *diag)
{
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT, .diag = diag};
    struct fy_document *document = fy_document_build_from_string(&config, text, len);
    int answer = -1;
    if (!document)
        refuse_syntax(diag, text, len, reader->error);
    else if (!(reader->graph = graph_new()))
        expr_refuse_memory(reader->error);
    else
        answer = read_document(reader, document);
    if (answer != 0) {
        graph_free(reader->graph);
        reader->graph = NULL;
    }
    fy_document_destroy(document);
    return reader->graph;
}

/* Before libfyaml sees it: there, bytes that are no text may be read for ever (0.7.12, behind a %). */
static int check_bytes(const char *text, size_t len, struct expr_error *error)
{
    size_t span = utf8_span(text, len);
    const char *zero = memchr(text, 0, span);
    if (zero)
        return expr_refuse(error, (size_t)(zero - text), 1, "this is not YAML: there is a zero byte in it");
    if (span < len)
        return expr_refuse(error, span, 1, "this is not YAML: the byte 0x%02x is not UTF-8 here", (unsigned char)text[span]);
    return 0;
}

struct graph *yaml_read(const char *text, size_t len, struct expr_error *error)
{
    *error = (struct expr_error){0};
    if (check_bytes(text, len, error) != 0)
        return NULL;
    struct reader reader = {.error = error};
    struct fy_diag_cfg config;
    fy_diag_cfg_default(&config);
    config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&config);
    if (!diag) {
        expr_refuse_memory(error);
        return NULL;
    }
    fy_diag_set_collect_errors(diag, true);
    struct graph *graph = read_with(&reader, text, len, diag);
    fy_diag_destroy(diag);
    free(reader.ways);
    for (size_t i = 0; i < reader.decoded_count; i++)
        free(reader.decoded[i]);
    free(reader.decoded);
    return graph;
}

#else

struct graph *yaml_read(const char *text, size_t len, struct expr_error *error)
{
    (void)text, (void)len;
    expr_refuse(error, 0, 0, "this weir was built without libfyaml, which reading YAML needs");
    return NULL;
}

#endif
