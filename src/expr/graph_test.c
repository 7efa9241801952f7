/* SPDX-License-Identifier: MIT */
/*
 * graph_test.c - graphs: what expressions with branches mean, that expressions and YAML say the same, and what differs between two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/diff.h"
#include "expr/print.h"
#include "expr/yaml.h"

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static struct graph *parse(const char *text)
{
    struct expr_error error;
    struct graph *graph = graph_parse(text, true, &error);
    if (!graph)
        fail_msg("%s: %s", text, error.message);
    return graph;
}

static void check_string(char *is, const char *should)
{
    assert_non_null(is);
    assert_string_equal(is, should);
    free(is);
}

/* What the text is in normal form, as it is, or completed. */
static void check_form(const char *text, const char *form)
{
    struct graph *graph = parse(text);
    check_string(graph_to_expr(graph), form);
    graph_free(graph);
}

static void check_complete(const char *text, const char *form)
{
    struct expr_error error;
    struct graph *graph = parse(text);
    if (graph_complete(graph, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    check_string(graph_to_expr(graph), form);
    graph_free(graph);
}

static void check_refusal(const char *text, const struct expr_error *error, const char *message, const char *word)
{
    if (!strstr(error->message, message))
        fail_msg("%s\n  is <<%s>>\n  not <<%s>>", text, error->message, message);
    if (error->length != strlen(word) || strncmp(text + error->offset, word, error->length) != 0)
        fail_msg("%s\n  points at <<%.*s>>\n  not at <<%s>>", text, (int)error->length, text + error->offset, word);
}

static void check_error(const char *text, const char *message, const char *word)
{
    struct expr_error error = {0};
    struct graph *graph = graph_parse(text, true, &error);
    if (graph && graph_complete(graph, &error) == 0)
        fail_msg("%s: was accepted", text);
    graph_free(graph);
    check_refusal(text, &error, message, word);
}

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static void braces_say_where_ports_lead(void **state)
{
    (void)state;
    struct graph *graph = parse("seq 10 | tee { a: upper | file x.log ; b: discard }");
    assert_int_equal(graph->stage_count, 4);
    assert_int_equal(graph->link_count, 4);
    assert_string_equal(graph->links[1].out, "a");
    assert_string_equal(graph->links[1].in, "in");
    assert_string_equal(graph_label(graph, graph->links[1].to), "upper");
    assert_int_equal(graph->links[3].to, GRAPH_DISCARD);
    assert_int_equal(graph->stages[3].spec->builtin->kind, BUILTIN_SINK);
    char place[PLACE_SIZE];
    assert_string_equal(graph_from(graph, &graph->links[0], place), "seq");
    assert_string_equal(graph_to(graph, &graph->links[0], place), "tee");
    assert_string_equal(graph_from(graph, &graph->links[3], place), "tee:b");
    assert_string_equal(graph_to(graph, &graph->links[3], place), "discard");
    graph_free(graph);
}

static void arrows_lead_to_stages_elsewhere(void **state)
{
    (void)state;
    struct graph *graph = parse("seq 10 | tee { a: upper as=u -> m ; b: lower -> m } ; merge as=m | stdout");
    char place[PLACE_SIZE];
    assert_string_equal(graph_to(graph, &graph->links[2], place), "m:1");
    assert_string_equal(graph_to(graph, &graph->links[4], place), "m:2");
    graph_free(graph);
    check_form("merge as=m | null ; seq 1 -> m:x ; seq 2 -> m:y", "merge as=m | null ; seq 1 -> m:x ; seq 2 as=seq2 -> m:y");
    check_form("seq 1 -> m ; seq 2 -> m ; merge as=m | null", "seq 1 -> m ; seq 2 as=seq2 -> m ; merge as=m | null");
    check_form("seq 1 | tee { a: -> x ; b: discard } ; upper as=x | null", "seq 1 | tee { a: upper as=x | null ; b: discard }");
    check_form("seq 1 -> out ; file x as=out", "seq 1 | file x as=out");
}

static void marks_are_words_of_their_own(void **state)
{
    (void)state;
    check_form("format {status} as={x}", "format '{status}' as='{x}'");
    check_form("grep ';' | grep '{' | grep \"->\" | grep a;b",
               "grep ';' | grep '{' as=grep2 | grep '->' as=grep3 | grep 'a;b' as=grep4");
    check_form("exec find . -exec wc {} ';'", "exec \"find . -exec wc {} ';'\"");
    check_form("grep a ;", "grep a");
    check_form("tee { a: where x == 1 ; b: where x == 2 -> y } ; upper as=y",
               "tee { a: where 'x == 1' ; b: where 'x == 2' as=where2 | upper as=y }");
}

static void ports_have_the_names_that_the_engine_gives(void **state)
{
    (void)state;
    check_form("seq 1 | tee | null", "seq 1 | tee | null");
    check_form("seq 1 | tee { upper ; x: lower ; null }", "seq 1 | tee { 1: upper ; x: lower ; 2: null }");
    check_form("route weights=3,1 { discard ; upper }", "route weights=3,1 { 1: discard ; 2: upper }");
    check_form("parse clf | route 'a == 1' { yes: upper } | lower", "parse clf | route 'a == 1' { yes: upper ; no: lower }");
    check_form("parse clf on_error=dead { dead: discard } | count", "parse clf on_error=dead { dead: discard } | count");
}

static void standard_streams_complete_what_is_open(void **state)
{
    (void)state;
    check_complete("grep a", "stdin | grep a | stdout");
    check_complete("tee { a: upper ; b: null }", "stdin | tee { a: upper | stdout ; b: null }");
    check_complete("merge as=m ; seq 5 -> m ; seq 6 -> m", "merge as=m | stdout ; seq 5 -> m ; seq 6 as=seq2 -> m");
    check_complete("merge as=m ; exec date -> m", "exec date | merge as=m | stdout");
    check_complete("upper as=stdin", "stdin as=stdin2 | upper as=stdin | stdout");
    check_complete("tee | null", "stdin | tee | null");
}

static void errors_say_where(void **state)
{
    (void)state;
    check_error("tee { a: upper ; b: lower }", "both \"upper\" (port out) and \"lower\" (port out) lead nowhere", "lower");
    check_error("parse clf | route 'a == 1'", "both \"route\" (port yes) and \"route\" (port no) lead nowhere", "route");
    check_error("parse clf | route 'a == 1' | null", "which way out is meant, yes or no", "route");
    check_error("tee { a: upper", "the brace { is not closed", "{");
    check_error("tee { a: }", "a stage was expected between its neighbours and }", "}");
    check_error("tee { a: null } }", "a ; or the end was expected here, and not }", "}");
    check_error("tee { a: null } upper", "\"upper\": a |, a ; or the end was expected here", "upper");
    check_error("tee { a: null ; a: null }", "tee: the port \"a\" leads somewhere already", "a:");
    check_error("upper { b: null }", "upper: there is no out port \"b\"; expected one of: out", "b:");
    check_error("upper { dead: null } | null", "(on_error=dead makes a port dead)", "dead:");
    check_error("seq 1 -> mrege ; merge", "no stage has the label \"mrege\"; did you mean \"merge\"?", "mrege");
    check_error("seq 1 -> m ; merge", "no stage has the label \"m\"; as=m would give it to one", "m");
    check_error("seq 1 ->", "the label of a stage was expected behind ->", "->");
    check_error("seq 1 | null ; upper as=u", "nothing leads to \"u\"; begin with a source, lead there with -> u, or", "as=u");
    check_error("seq 1 -> u ; seq 2 -> u ; upper as=u", "both \"seq\" and \"seq2\" lead into \"u\"", "u");
    check_error("upper | seq 3", "\"seq\" is a source: nothing can lead there", "upper");
    check_error("null | upper", "nothing can follow \"null\", which is a sink", "null");
    check_error("parse clf on_error=dead", "its port \"dead\" leads nowhere; write dead=FILE", "parse");
    check_error("upper as=a:b", "has a colon in it", "as=a:b");
    check_error("upper as=discard", "another label is needed", "as=discard");
}

static void stages_may_come_from_and_lead_nowhere(void **state)
{
    (void)state;
    check_form("nowhere | upper | nowhere ; seq 1 | null", "nowhere | upper { out: nowhere } ; seq 1 | null");
    check_form("seq 1 | discard ; seq 2 | nowhere", "seq 1 { out: discard } ; seq 2 as=seq2 { out: nowhere }");
    check_form("seq 1 | null ; nowhere | tee -> nowhere", "seq 1 | null ; nowhere | tee { 1: nowhere }");
    check_complete("nowhere | upper | nowhere ; lower", "stdin | lower | stdout ; nowhere | upper { out: nowhere }");
    check_complete("nowhere | upper -> l ; nowhere | grep a -> l ; seq 1 -> l ; lower as=l",
                   "nowhere | upper -> l ; nowhere | grep a -> l ; seq 1 -> l ; lower as=l | stdout");
    check_complete("seq 1 | null ; nowhere | parse clf on_error=dead { dead: nowhere } | null as=n",
                   "seq 1 | null ; nowhere | parse clf on_error=dead { dead: nowhere } | null as=n");
    check_error("seq 1 -> u ; nowhere | upper as=u", "nowhere leads to \"u\", as it is written, and something else does",
                "as=u");
    check_error("nowhere | upper", "there is no source", "upper");
    check_error("seq 1 | null | nowhere", "nothing can follow \"null\", which is a sink", "null");
    check_error("seq 1 | null ; nowhere | tee { a: null as=n } { b: nowhere }", "a ; or the end was expected here, and not {",
                "{");
    check_error("upper { b: nowhere }", "upper: there is no out port \"b\"", "b:");
    check_error("upper as=nowhere", "another label is needed", "as=nowhere");
    check_error("seq 1 ; nowhere | lower", "both \"seq\" (port out) and \"lower\" (port out) lead nowhere", "lower");
}

static void an_inserted_text_is_one_chain(void **state)
{
    (void)state;
    static const char *const texts[] = {"upper ; lower", "nowhere | upper", "upper | nowhere", "upper -> x ; lower as=x",
                                        "parse clf on_error=dead { dead: null }"};
    struct expr_error error;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct expr *expr = expr_parse_at(texts[i], false, &error);
        if ((expr != NULL) != (i == 3))
            fail_msg("%s: %s", texts[i], expr ? "was accepted" : error.message);
        expr_free(expr);
    }
}

static void general_options_are_checked(void **state)
{
    (void)state;
    check_form("grep a lanes=4 unordered=yes retry=3 backoff=10ms backoff_max=1s jitter=20% on_error=skip",
               "grep a lanes=4 unordered=yes retry=3 backoff=10ms backoff_max=1s jitter=20% on_error=skip");
    check_form("grep a lanes=1 unordered=no retry=0 on_error=stop", "grep a");
    check_form("delay 1s timeout=500ms", "delay 1s timeout=500ms");
    check_error("grep a lanes=0", "grep: lanes: \"0\" is out of range; from 1 to 64 is possible", "lanes=0");
    check_error("grep a lanes=65", "from 1 to 64", "lanes=65");
    check_error("grep a backoff=1s", "grep: backoff: nothing is tried again; retry=N is needed with it", "backoff=1s");
    check_error("grep a timeout=1s", "grep: timeout: the stage never waits", "timeout=1s");
    check_error("grep a on_error=skip dead=x", "contradicts dead=x", "on_error=skip");
    check_error("count lanes=2", "count: lanes: the stage has one state for all items", "lanes=2");
    check_error("grep a lanes=2 dead=x", "grep: lanes: several lanes have no port for dead letters", "lanes=2");
    check_error("grep a lane=2", "did you mean \"lanes\"?", "lane");
}

static void general_options_reach_the_stage(void **state)
{
    (void)state;
    struct graph *graph = parse("grep a lanes=4 unordered=yes retry=3 backoff=10ms backoff_max=1s jitter=20% on_error=skip");
    weir_stage again = {0}, stage = graph->stages[0].stage;
    assert_int_equal(stage.lanes, 4);
    assert_true(stage.unordered);
    assert_int_equal(stage.retry.count, 3);
    assert_int_equal(stage.retry.backoff_ms, 10);
    assert_int_equal(stage.retry.backoff_ms_max, 1000);
    assert_int_equal(stage.retry.jitter_percent, 20);
    assert_int_equal(stage.on_error, WEIR_SKIP);
    weir_recipe *recipe = stage.recipe;
    recipe->share(recipe);
    graph_free(graph);
    assert_int_equal(recipe->make(recipe, &again), 0);
    assert_string_equal(again.name, "grep");
    assert_int_equal(again.lanes, 4);
    assert_ptr_equal(again.recipe, recipe);
    again.close(again.state);
    recipe->drop(recipe);
}

static void dead_letters_have_a_hidden_sink(void **state)
{
    (void)state;
    struct graph *graph = parse("parse clf as=p dead='my letters' | count");
    assert_int_equal(graph->stage_count, 3);
    assert_true(graph->stages[2].hidden);
    assert_string_equal(graph_label(graph, 2), "p.dead");
    assert_string_equal(graph->stages[2].spec->text, "letters 'my letters'");
    assert_int_equal(graph->stages[0].stage.on_error, WEIR_DEAD);
    check_string(graph_to_expr(graph), "parse clf dead='my letters' as=p | count");
    graph_free(graph);
    struct expr_error error;
    struct expr *expr = expr_parse("parse clf dead=x | count", &error);
    assert_int_equal(expr_count(expr), 2);
    assert_int_equal(expr_letters(expr, 0), 2);
    assert_int_equal(expr_letters(expr, 1), 0);
    expr_free(expr);
    assert_null(expr_parse("tee { a: upper ; b: null }", &error));
    assert_non_null(strstr(error.message, "no branch"));
}

static void examples_of_all_stages_are_pipelines(void **state)
{
    (void)state;
    struct expr_error error;
    for (size_t i = 0; builtins[i]; i++)
        for (size_t j = 0; builtins[i]->examples && builtins[i]->examples[j]; j++) {
            struct graph *graph = parse(builtins[i]->examples[j]);
            if (graph_complete(graph, &error) != 0)
                fail_msg("%s: %s", builtins[i]->examples[j], error.message);
            graph_free(graph);
        }
}

static void drawings_have_a_box_for_each_stage(void **state)
{
    (void)state;
    struct graph *graph = parse("seq 1 | tee { a: grep '\"' as=g -> m ; b: discard } ; merge as=m | null");
    check_string(graph_to_dot(graph), "digraph \"weir\" {\n    rankdir=LR;\n    node [shape=box, fontname=monospace];\n"
                                      "    edge [fontsize=10];\n"
                                      "    s0 [label=\"seq\\nseq 1\"];\n    s1 [label=\"tee\"];\n"
                                      "    s2 [label=\"g\\ngrep '\\\"'\"];\n    s3 [label=\"m\\nmerge\"];\n"
                                      "    s4 [label=\"null\"];\n"
                                      "    s0 -> s1;\n    s1 -> s2 [taillabel=\"a\"];\n    s2 -> s3 [headlabel=\"1\"];\n"
                                      "    d3 [shape=point];\n    s1 -> d3 [taillabel=\"b\"];\n    s3 -> s4;\n}\n");
    graph_free(graph);
}

/* ---- YAML -------------------------------------------------------------------------------------------------------- */

#ifdef HAVE_FYAML

static struct graph *read_yaml(const char *text)
{
    struct expr_error error;
    struct graph *graph = yaml_read(text, strlen(text), &error);
    if (!graph)
        fail_msg("%s\n: %s (at %zu)", text, error.message, error.offset);
    return graph;
}

static void check_yaml(const char *text, const char *form)
{
    struct graph *graph = read_yaml(text);
    check_string(graph_to_expr(graph), form);
    graph_free(graph);
}

static void check_yaml_error(const char *text, const char *message, const char *word)
{
    struct expr_error error = {0};
    struct graph *graph = yaml_read(text, strlen(text), &error);
    if (graph && graph_complete(graph, &error) == 0)
        fail_msg("%s: was accepted", text);
    graph_free(graph);
    check_refusal(text, &error, message, word);
}

static void yaml_says_what_expressions_say(void **state)
{
    (void)state;
    check_yaml(
        "stages:\n- file: {path: access.log, follow: yes}\n- parse: clf\n- where: status >= 500\n  as: errors\n  lanes: 4\n"
        "- stdout\n",
        "file access.log follow=yes | parse clf | where 'status >= 500' lanes=4 as=errors | stdout");
    check_yaml("stages: [seq: [1, 10], parse clf, grep: {pattern: 'a: b', invert: true, as: g}, upper, null as=x]",
               "seq 1 10 | parse clf | grep 'a: b' invert=yes as=g | upper | null as=x");
    check_yaml("stages:\n- tee:\n  to:\n    a: upper\n    b: [lower, file: lower.txt]\n    c: discard\n- upper\n- null\n",
               "tee { a: upper | null ; b: lower | file lower.txt ; c: discard }");
    check_yaml("stages:\n- seq: 3\n  to: m\n- seq: 4\n  as: s\n  to: m\n- merge:\n  as: m\n- file: x\n",
               "seq 3 -> m ; seq 4 as=s -> m ; merge as=m | file x");
    check_yaml("stages:\n- seq: 3\n- null\n- file: x\n- null as=n\n", "seq 3 | null ; file x | null as=n");
    check_yaml("stages:\n- seq: 3\n- discard\n- nowhere\n- upper:\n  to: nowhere\n- file: x\n  to: nowhere\n- nowhere\n- "
               "lower\n- nowhere\n",
               "seq 3 { out: discard } ; nowhere | upper { out: nowhere } ; file x { out: nowhere } ; "
               "nowhere | lower { out: nowhere }");
    check_yaml("stages:\n- parse: clf\n  on_error: dead\n  to: {dead: [file: bad]}\n- count\n",
               "parse clf on_error=dead { dead: file bad } | count");
    struct graph *graph = read_yaml("name: web\nstages: [upper]\n");
    assert_string_equal(graph->name, "web");
    graph_free(graph);
}

static void yaml_errors_say_where(void **state)
{
    (void)state;
    check_yaml_error("stages:\n- grpe: x\n", "no stage is called \"grpe\"; did you mean \"grep\"?", "grpe");
    check_yaml_error("stages:\n- upper\n- grpe x\n", "no stage is called \"grpe\"; did you mean \"grep\"?", "grpe");
    check_yaml_error("stages:\n- count: {bye: x}\n",
                     "count: option \"bye\" is not known here; did you mean \"by\"? (takes: by, every)", "bye");
    check_yaml_error("stages:\n- head: ten\n", "head: count: \"ten\" is not a count", "ten");
    check_yaml_error("stages:\n- head: [1, 2]\n", "head: one value too many (takes: count)", "2");
    check_yaml_error("stages:\n- grep:\n", "grep: pattern is missing", "");
    check_yaml_error("stages:\n- upper:\n  lanes: 99\n", "upper: lanes: \"99\" is out of range", "99");
    check_yaml_error("stages:\n- upper:\n  lower:\n", "the item has a stage already, \"upper\"", "lower");
    check_yaml_error("stages:\n- seq: 1\n  to: x\n- null\n", "no stage has the label \"x\"", "x");
    check_yaml_error("stage: [upper]\n", "\"stage\" is not known here; did you mean \"stages\"?", "stage");
    check_yaml_error("stages: upper\n", "stages: a list was expected", "stages");
    check_yaml_error("- upper\n", "a mapping with `stages:` in it was expected", "");
    check_yaml_error("stages: [upper\n", "this is not YAML", "");
    check_yaml_error("", "a mapping with `stages:` in it was expected", "");
    check_yaml_error("stages:\n- nowhere\n", "a stage was expected behind nowhere", "nowhere");
    check_yaml_error("stages:\n- discard\n", "nothing leads to discard here", "discard");
    check_yaml_error("stages:\n- seq: 3\n- nowhere\n- null\n  to: nowhere\n", "this is not YAML", "");
    check_yaml_error("stages:\n- seq: 3\n- null:\n  to: nowhere\n", "nothing can follow \"null\"", "nowhere");
    check_yaml_error("stages:\n- grep: [[a]]\n", "grep: pattern: a text or a number was expected", "a");
}

/* ---- round trips ------------------------------------------------------------------------------------------------- */

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

/* Texts that are hard to write: empty ones, quotes of both kinds, marks, what YAML reads as something else, bytes that are no text. */
static const char *hard_text(unsigned *seed)
{
    static const char *const texts[] = {"a",   "",   "a b",  "it's", "\"q\"", "'\"\\",    "a=b",      "- x",          "x: y",
                                        "#c",  "~",  "null", "true", "{",     "}",        ";",        "->",           "|",
                                        "\t",  "\n", "!!x",  "&a",   "\x01",  "\xff\xfe", "\xc3\xa9", "\xe2\x80\xa8", "0x1F",
                                        "1e3", "*",  "?",    "%a",   "@",     "`",        "a #b",     " a "};
    return texts[draw(seed, sizeof texts / sizeof *texts)];
}

static void write_stage(char *text, size_t size, const char *name, const char *option)
{
    FILE *out = fmemopen(text, size, "w");
    fputs(name, out);
    putc(' ', out);
    spec_put_word(out, option, true);
    fclose(out);
}

static size_t add_stage(struct graph *graph, unsigned *seed, const char *text)
{
    static const char *const labels[] = {"",   "",  "",       "x", "a'b",      "q\"r", "{", "}",
                                         "->", ";", "it's\"", "-", "\xc3\xa9", "null", "#"};
    struct expr_error error;
    const char *label = labels[draw(seed, sizeof labels / sizeof *labels)];
    if (*label && graph_find(graph, label) != GRAPH_NOWHERE)
        label = "";
    size_t i = graph_add_text(graph, label, text, strncmp(text, "seq", 3) == 0, &error);
    if (i == GRAPH_NOWHERE)
        fail_msg("%s: %s", text, error.message);
    return i;
}

static size_t add_random(struct graph *graph, unsigned *seed)
{
    static const char *const texts[] = {"upper",
                                        "tee",
                                        "tee",
                                        "route weights=1,2",
                                        "route 'a == 1'",
                                        "merge",
                                        "merge order=time",
                                        "parse clf dead=x",
                                        "parse regex '(?<a>x)' on_error=dead",
                                        "count by=a,b every=5s place=own",
                                        "sample every=7 seed=3",
                                        "delay 1s timeout=2s retry=3 backoff=5ms"};
    char text[256];
    unsigned which = draw(seed, 14);
    if (which < 12)
        return add_stage(graph, seed, texts[which]);
    write_stage(text, sizeof text, which == 12 ? "grep fixed=yes" : "format", which == 12 ? hard_text(seed) : "{status}");
    return add_stage(graph, seed, text);
}

static void link(struct graph *graph, size_t from, const char *out, size_t to)
{
    struct expr_error error;
    if (graph_link(graph, from, out, to, "", 0, 0, &error) != 0)
        fail_msg("%s:%s: %s", graph_label(graph, from), out, error.message);
}

/* Leads one way out somewhere: nowhere, to a sink, to a later merge, or to a new stage, whose ways out are dealt with in turn. */
static void lead(struct graph *graph, unsigned *seed, size_t from, const char *out, unsigned depth);

static void lead_all(struct graph *graph, unsigned *seed, size_t from, unsigned depth)
{
    static const char *const names[] = {"a", "b2", "1", "yes", "3", "null", "out"};
    const weir_stage stage = graph->stages[from].stage;
    if (graph_is_open(graph, from)) {
        unsigned count = 1 + draw(seed, 3), first = draw(seed, 4);
        for (unsigned i = 0; i < count; i++)
            lead(graph, seed, from, names[first + i], depth);
        return;
    }
    for (size_t i = 0; stage.outs && stage.outs[i].name; i++)
        lead(graph, seed, from, stage.outs[i].name, depth);
    if (stage.on_error == WEIR_DEAD && !graph->stages[from].spec->general[GENERAL_DEAD])
        lead(graph, seed, from, "dead", depth);
    if (!stage.outs && !graph_is_sink(graph, from))
        lead(graph, seed, from, "out", depth);
}

static void lead(struct graph *graph, unsigned *seed, size_t from, const char *out, unsigned depth)
{
    char text[256];
    unsigned choice = draw(seed, depth > 5 ? 3 : 8);
    if (choice == 0 && draw(seed, 3) == 0)
        graph->stages[from].to_nowhere = true;
    else if (choice == 0)
        link(graph, from, out, GRAPH_DISCARD);
    for (size_t i = from + 1; choice == 1 && i < graph->stage_count; i++)
        if (graph->stages[i].stage.merge) {
            link(graph, from, out, i);
            return;
        }
    if (choice == 1 || choice == 2) {
        write_stage(text, sizeof text, "file", draw(seed, 2) ? "x.log" : "it's");
        link(graph, from, out, add_stage(graph, seed, draw(seed, 2) ? "null" : text));
    }
    if (choice > 2) {
        size_t next = add_random(graph, seed);
        link(graph, from, out, next);
        lead_all(graph, seed, next, depth + 1);
    }
}

static struct graph *random_graph(unsigned *seed)
{
    struct expr_error error;
    struct graph *graph = graph_new();
    for (unsigned i = 0, count = 1 + draw(seed, 3); i < count; i++)
        lead_all(graph, seed, add_stage(graph, seed, "seq 10"), 0);
    for (unsigned i = 0, count = draw(seed, 3); i < count; i++) {
        size_t first = add_random(graph, seed);
        graph->stages[first].from_nowhere = true;
        lead_all(graph, seed, first, 3);
    }
    if (graph_give_labels(graph, &error) != 0 || graph_settle(graph, &error) != 0)
        fail_msg("%s", error.message);
    return graph;
}

static void check_same(const struct graph *a, struct graph *b, const char *text)
{
    struct diff *diff = diff_new(a, b);
    char *differs = diff_render(diff);
    if (diff->count)
        fail_msg("%s\n%s", text, differs);
    free(differs);
    diff_free(diff);
}

static void graphs_survive_all_ways_to_write_them(void **state)
{
    (void)state;
    struct expr_error error;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned seed = round;
        struct graph *graph = random_graph(&seed);
        char *text = graph_to_expr(graph), *yaml = graph_to_yaml(graph);
        struct graph *parsed = graph_parse(text, true, &error);
        if (!parsed)
            fail_msg("seed %u: %s\n%s", round, text, error.message);
        check_same(graph, parsed, text);
        check_string(graph_to_expr(parsed), text);
        struct graph *read = yaml_read(yaml, strlen(yaml), &error);
        if (!read)
            fail_msg("seed %u: %s\n%s\n%s (at %zu)", round, text, yaml, error.message, error.offset);
        check_same(graph, read, yaml);
        check_string(graph_to_expr(read), text);
        check_string(graph_to_yaml(read), yaml);
        graph_free(graph);
        graph_free(parsed);
        graph_free(read);
        free(text);
        free(yaml);
    }
}

#endif

/* ---- differences ------------------------------------------------------------------------------------------------- */

static void check_diff(const char *old, const char *new, const char *lines)
{
    struct expr_error error;
    struct graph *a = parse(old), *b = parse(new);
    assert_int_equal(graph_complete(a, &error), 0);
    assert_int_equal(graph_complete(b, &error), 0);
    assert_int_equal(diff_adopt_labels(a, b), 0);
    struct diff *diff = diff_new(a, b);
    check_string(diff_render(diff), lines);
    diff_free(diff);
    graph_free(a);
    graph_free(b);
}

static void differences_are_few(void **state)
{
    (void)state;
    check_diff("grep a | upper", "grep a|upper", "");
    check_diff("grep a", "grep a | upper", "+ upper\n- grep -> stdout\n+ grep -> upper\n+ upper -> stdout\n");
    check_diff("grep a | upper", "grep a", "- upper\n- grep -> upper\n- upper -> stdout\n+ grep -> stdout\n");
    check_diff("grep a | grep b", "grep b", "- grep a\n- grep -> grep2\n- stdin -> grep\n+ stdin -> grep2\n");
    check_diff("grep a", "grep b", "~ grep: grep a => grep b\n");
    check_diff("grep a", "grep a lanes=4", "~ grep: lanes 1 => 4\n");
    check_diff("parse clf | count by=a", "parse clf | count by=a every=5s", "~ count: count by=a => count by=a every=5s\n");
    check_diff("parse clf | count by=a", "parse clf | count by=b", "~ count: count by=a => count by=b (its state is lost)\n");
    check_diff("parse clf", "parse clf dead=x", "~ parse: parse clf => parse clf dead=x\n");
    check_diff("upper as=x", "tee as=x | null",
               "+ null\n- x: upper\n- stdout\n+ x: tee\n- stdin -> x\n- x -> stdout\n"
               "+ x:1 -> null\n+ stdin -> x\n");
    check_diff("tee { a: upper -> m ; b: lower -> m } ; merge as=m", "tee { b: lower -> m } ; merge as=m",
               "- upper\n- tee:a -> upper\n- upper -> m\n");
    check_diff("route weights=1,1 { a: upper -> m ; b: lower -> m } ; merge as=m",
               "route weights=1,1 { b: lower -> m ; a: upper -> m } ; merge as=m",
               "- route:a -> upper\n- route:b -> lower\n+ route:b -> lower\n+ route:a -> upper\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(braces_say_where_ports_lead),
        cmocka_unit_test(arrows_lead_to_stages_elsewhere),
        cmocka_unit_test(marks_are_words_of_their_own),
        cmocka_unit_test(ports_have_the_names_that_the_engine_gives),
        cmocka_unit_test(standard_streams_complete_what_is_open),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(stages_may_come_from_and_lead_nowhere),
        cmocka_unit_test(an_inserted_text_is_one_chain),
        cmocka_unit_test(general_options_are_checked),
        cmocka_unit_test(general_options_reach_the_stage),
        cmocka_unit_test(dead_letters_have_a_hidden_sink),
        cmocka_unit_test(examples_of_all_stages_are_pipelines),
        cmocka_unit_test(drawings_have_a_box_for_each_stage),
#ifdef HAVE_FYAML
        cmocka_unit_test(yaml_says_what_expressions_say),
        cmocka_unit_test(yaml_errors_say_where),
        cmocka_unit_test(graphs_survive_all_ways_to_write_them),
#endif
        cmocka_unit_test(differences_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
