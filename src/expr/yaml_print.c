/* SPDX-License-Identifier: MIT */
/*
 * yaml_print.c - a graph as YAML: what yaml.c reads.
 *
 * The stages stand in one list, chain after chain, and point at each other by label; chains within chains, which one may write, are
 * never written here. A value is written plain only if no reader of YAML, of whatever version, could take it for anything but
 * a text.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "expr/chains.h"
#include "expr/print.h"
#include "expr/utf8.h"

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static bool is_utf8(const char *text)
{
    return utf8_span(text, strlen(text)) == strlen(text);
}

static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./";
    size_t len = strlen(text);
    if (len == 0 || !strchr(letters, text[0]) || text[len - 1] == ' ' || strcasecmp(text, "null") == 0)
        return false;
    for (const char *p = text; *p; p++)
        if (!strchr(letters, *p) && !strchr("-+=<>~%^$() ", *p))
            return false;
    return true;
}

static void put_escaped(FILE *out, const char *text)
{
    uint32_t c;
    const char *end = text + strlen(text);
    for (size_t len; text < end; text += len) {
        len = utf8_decode(text, (size_t)(end - text), &c);
        bool prints =
            c >= 0x20 && !(c >= 0x7F && c < 0xA0) && c != 0x2028 && c != 0x2029 && c != 0xFEFF && (c & 0xFFFE) != 0xFFFE;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", (char)c);
        else if (prints)
            fwrite(text, 1, len, out);
        else
            fprintf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
}

static void put_base64(FILE *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = 0;
        for (size_t j = 0; j < 3; j++)
            three = three << 8 | (i + j < size ? (unsigned char)text[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            putc(i + j <= size ? digits[three >> (18 - 6 * j) & 63] : '=', out);
    }
}

/* Bytes that are no text stand in base64, as YAML's own type for that wants it. */
static void put_scalar(FILE *out, const char *text)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    bool binary = !is_utf8(text);
    fputs(binary ? "!!binary \"" : "\"", out);
    if (binary)
        put_base64(out, text);
    else
        put_escaped(out, text);
    putc('"', out);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

/* How many positional options are given, if no other is and none is left out in front of them; else 0. */
static size_t count_positional(const struct spec *spec)
{
    const struct option_desc *options = own_options(spec->builtin);
    size_t count = 0;
    bool gap = false;
    for (int i = 0; options[i].name; i++) {
        if (!spec->own[i])
            gap = gap || options[i].positional;
        else if (!options[i].positional || gap)
            return 0;
        else
            count++;
    }
    return count;
}

static void put_options(FILE *out, const struct spec *spec)
{
    const struct option_desc *options = own_options(spec->builtin);
    size_t count = count_positional(spec), written = 0;
    if (count != 1)
        putc(count ? '[' : '{', out);
    for (int i = 0; options[i].name; i++) {
        if (!spec->own[i])
            continue;
        fputs(written++ ? ", " : "", out);
        if (!count)
            fprintf(out, "%s: ", options[i].name);
        put_scalar(out, spec->own[i]);
    }
    if (count != 1)
        putc(count ? ']' : '}', out);
}

static bool has_options(const struct spec *spec)
{
    for (int i = 0; own_options(spec->builtin)[i].name; i++)
        if (spec->own[i])
            return true;
    return false;
}

static void put_general(struct chains *chains, size_t i)
{
    const struct spec *spec = chains->graph->stages[i].spec;
    if (chains_labels(chains, i)) {
        fputs("    as: ", chains->out);
        put_scalar(chains->out, spec->label);
        putc('\n', chains->out);
    }
    for (enum general which = GENERAL_PLACE; which < GENERAL_COUNT; which++) {
        const char *value = spec->general[which], *deflt = general_options[which].deflt;
        if (!value || (deflt && strcmp(value, deflt) == 0))
            continue;
        fprintf(chains->out, "    %s: ", general_options[which].name);
        put_scalar(chains->out, value);
        putc('\n', chains->out);
    }
}

/* ---- where they lead --------------------------------------------------------------------------------------------- */

/* YAML 1.1 reads more words than the later ones as something other than text. */
static void put_port(FILE *out, const char *port)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    bool plain = (*port >= 'a' && *port <= 'z') || (*port >= 'A' && *port <= 'Z');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        plain = plain && strcasecmp(port, words[i]) != 0;
    fprintf(out, plain ? "      %s: " : "      \"%s\": ", port);
}

static void put_target(const struct chains *chains, const char *port, const struct graph_link *link)
{
    char place[PLACE_SIZE];
    if (port)
        put_port(chains->out, port);
    put_scalar(chains->out, chains_target(chains, link, place));
    putc('\n', chains->out);
}

/* Ways out that lead nowhere on purpose. */
static void put_loose(struct chains *chains, size_t i)
{
    const char *port;
    for (size_t n = 0; (port = chains_loose(chains, i, n)); n++) {
        put_port(chains->out, port);
        fputs("nowhere\n", chains->out);
    }
}

/* A stage that leads nowhere, and is no sink, would lead to the next one if nothing was said. */
static void put_nowhere(struct chains *chains, size_t i, bool any)
{
    const struct graph *graph = chains->graph;
    const weir_port *outs = graph->stages[i].stage.outs;
    if (graph_is_sink(graph, i) || graph_is_open(graph, i)) {
        if (!any && graph_is_open(graph, i))
            fputs("    to: {}\n", chains->out);
        return;
    }
    for (size_t port = 0; outs ? outs[port].name != NULL : port < 1; port++) {
        const char *name = outs ? outs[port].name : "out";
        bool leads = false;
        for (size_t j = 0; j < graph->link_count; j++)
            leads = leads || (graph->links[j].from == i && strcmp(graph->links[j].out, name) == 0);
        if (leads)
            continue;
        fputs(any ? "" : "    to:\n", chains->out);
        put_port(chains->out, name);
        fputs("null\n", chains->out);
        any = true;
    }
}

/* True if the chain goes on in the next item of the list. */
static bool put_ways(struct chains *chains, size_t i)
{
    const struct graph_link *side = chains_side(chains, i, NULL), *main = chains_main(chains, i);
    bool loose = chains_loose(chains, i, 0) != NULL, list = side || loose;
    if (list)
        fputs("    to:\n", chains->out);
    for (const struct graph_link *link = side; link; link = chains_side(chains, i, link)) {
        chains_inlines(chains, link);
        put_target(chains, link->out, link);
    }
    put_loose(chains, i);
    if (!main && !loose)
        put_nowhere(chains, i, side != NULL);
    if (!main || chains_inlines(chains, main))
        return main != NULL;
    if (!list)
        fputs("    to: ", chains->out);
    put_target(chains, list ? main->out : NULL, main);
    return false;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* What stands beside the stage's name and options, as a string of its own; NULL: no memory. *goes_on as put_ways() says. */
static char *write_rest(struct chains *chains, size_t i, bool *goes_on)
{
    char *rest = NULL;
    size_t size;
    FILE *out = chains->out;
    chains->out = open_memstream(&rest, &size);
    if (chains->out) {
        put_general(chains, i);
        *goes_on = put_ways(chains, i);
        fclose(chains->out);
    }
    chains->out = out;
    return rest;
}

/* True if the chain goes on in the next item. A stage that has nothing to say is its name, without a colon. */
static bool put_item(struct chains *chains, size_t i)
{
    const struct spec *spec = chains->graph->stages[i].spec;
    bool goes_on = false;
    char *rest = write_rest(chains, i, &goes_on);
    fprintf(chains->out, "  - %s", spec->builtin->name);
    if (has_options(spec)) {
        fputs(": ", chains->out);
        put_options(chains->out, spec);
    } else if (rest && *rest) {
        putc(':', chains->out);
    }
    fprintf(chains->out, "\n%s", rest ? rest : "");
    free(rest);
    return goes_on;
}

/* The chain that begins at i, and then those that it leads to from the side. */
static void put_chain(struct chains *chains, size_t i)
{
    size_t first = i;
    if (chains->graph->stages[i].from_nowhere)
        fputs("  - nowhere\n", chains->out);
    while (put_item(chains, i))
        i = chains_main(chains, i)->to;
    size_t last = i;
    for (i = first;; i = chains_main(chains, i)->to) {
        for (const struct graph_link *link = chains_side(chains, i, NULL); link; link = chains_side(chains, i, link))
            if (link->to < GRAPH_DISCARD && !chains->head[link->to])
                put_chain(chains, link->to);
        if (i == last)
            return;
    }
}

static void put_all(struct chains *chains)
{
    if (*chains->graph->name) {
        fputs("name: ", chains->out);
        put_scalar(chains->out, chains->graph->name);
        putc('\n', chains->out);
    }
    fputs("stages:\n", chains->out);
    for (size_t i = 0; i < chains->graph->stage_count; i++)
        if (chains->head[i])
            put_chain(chains, i);
}

char *graph_to_yaml(const struct graph *graph)
{
    return chains_write(graph, put_all);
}
