/* SPDX-License-Identifier: MIT */
/*
 * yaml.c - src/expr/yaml.c on a file: whatever it is, it becomes a graph or a sentence about a place in it. What makes a pipeline is
 * written, as YAML and as an expression, so that it is read as the same one.
 */
#include "expr/yaml.h"

#include "fuzz/fuzz.h"
#include "fuzz/written.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct expr_error error;
    char *text = malloc(size + 1);
    REQUIRE(text, "no memory");
    memcpy(text, data, size);
    text[size] = 0; /* as the file is read by the command */
    struct graph *graph = yaml_read(text, size, &error);
    if (graph)
        written_check(graph);
    else
        written_check_error(&error, size);
    graph_free(graph);
    free(text);
    return 0;
}
