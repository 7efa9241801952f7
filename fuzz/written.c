/* SPDX-License-Identifier: MIT */
/* written.c - see written.h. */
#include "fuzz/written.h"

#include <stdlib.h>
#include <string.h>

#include "expr/diff.h"
#include "expr/print.h"
#include "expr/yaml.h"
#include "fuzz/fuzz.h"

/* libfyaml 0.7.12 forgets a buffer of some quoted scalars: 4 KB a file. What we forget is reported as ever. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

void written_check_error(const struct expr_error *error, size_t len)
{
    REQUIRE(memchr(error->message, 0, sizeof error->message) && error->message[0], "refused without saying why");
    REQUIRE(error->offset <= len && error->length <= len - error->offset, "refused at %zu+%zu of %zu bytes: %s", error->offset,
            error->length, len, error->message);
}

static void check_same(const struct graph *graph, struct graph *again, const char *text)
{
    struct diff *diff = diff_new(graph, again);
    REQUIRE(diff, "no memory");
    char *difference = diff_render(diff);
    REQUIRE(diff->count == 0, "what is read differs from what was written:\n%s\n%s", text, difference);
    REQUIRE(strcmp(graph->name, again->name) == 0 || !*again->name, "the name %s became %s", graph->name, again->name);
    free(difference);
    diff_free(diff);
}

static void check_written(const struct graph *graph, bool yaml)
{
    struct expr_error error;
    char *text = yaml ? graph_to_yaml(graph) : graph_to_expr(graph);
    REQUIRE(text, "no memory");
    struct graph *again = yaml ? yaml_read(text, strlen(text), &error) : graph_parse(text, true, &error);
    REQUIRE(again && graph_complete(again, &error) == 0, "what was written is refused: %s\n%s", error.message, text);
    check_same(graph, again, text);
    char *twice = yaml ? graph_to_yaml(again) : graph_to_expr(again);
    REQUIRE(twice && strcmp(twice, text) == 0, "what was written, and written again:\n%s\n%s", text, twice);
    graph_free(again);
    free(text);
    free(twice);
}

void written_check(struct graph *graph)
{
    struct expr_error error;
    if (graph_complete(graph, &error) != 0)
        return;
    check_written(graph, false);
#ifdef HAVE_FYAML
    check_written(graph, true);
#endif
    free(graph_to_dot(graph));
}
