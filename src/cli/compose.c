/* SPDX-License-Identifier: MIT */
/*
 * compose.c - reads an expression or a YAML file, completes it with the standard streams, and hands it to a pipeline.
 */
#include "cli/compose.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "expr/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_expression(const char *text, struct graph **graph)
{
    struct expr_error error;
    *graph = graph_parse(text, true, &error);
    if (*graph && graph_complete(*graph, &error) == 0)
        return 0;
    graph_free(*graph);
    *graph = NULL;
    return complain_at(USAGE, text, error.offset, error.length, error.message);
}

/* The whole file and a zero; NULL: errno says why. */
static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re"), *copy;
    char *text = NULL, piece[4096];
    if (!file)
        return NULL;
    copy = open_memstream(&text, len);
    for (size_t got; copy && (got = fread(piece, 1, sizeof piece, file)) > 0;)
        fwrite(piece, 1, got, copy);
    int failed = ferror(file) ? errno : 0;
    bool lost = copy && fclose(copy) != 0;
    fclose(file);
    if (!failed && !lost && copy)
        return text;
    free(text);
    errno = failed ? failed : ENOMEM;
    return NULL;
}

static int read_yaml(const char *path, struct graph **graph)
{
    struct expr_error error;
    size_t len;
    char *text = read_file(path, &len);
    if (!text)
        return complain(FAILED, "cannot read \"%s\": %s", path, strerror(errno));
    *graph = yaml_read(text, len, &error);
    int status = *graph && graph_complete(*graph, &error) == 0
                     ? 0
                     : complain_in(USAGE, path, text, error.offset, error.length, error.message);
    free(text);
    if (status == 0)
        return 0;
    graph_free(*graph);
    *graph = NULL;
    return status;
}

int compose_read(const struct arguments *args, struct graph **graph)
{
    const char *text = argument_text(args, "expr"), *path = argument_text(args, "file"), *verb = args->verb->name;
    if (!text && !path)
        return complain(USAGE, "%s: 'EXPR' is missing; see weir %s --help", verb, verb);
    if (text && path)
        return complain(USAGE, "%s: \"%s\" and --file %s: the pipeline was given twice", verb, text, path);
    return text ? read_expression(text, graph) : read_yaml(path, graph);
}

static int configure(struct session *session, unsigned workers)
{
    weir_pipeline *pipeline = session_pipeline(session);
    if (workers == 0 || weir_configure(pipeline, &(weir_config){.workers = workers}) == WEIR_OK)
        return 0;
    return complain(USAGE, "%s", weir_error(pipeline));
}

int compose(const char *name, struct graph *graph, unsigned workers, struct session **session)
{
    *session = session_new(weir_new(name));
    int status = *session ? configure(*session, workers) : complain(FAILED, "out of memory");
    if (status == 0 && session_build(*session, graph) != WEIR_OK)
        status = complain(USAGE, "%s", weir_error(session_pipeline(*session)));
    if (status == 0)
        return 0;
    session_free(*session);
    *session = NULL;
    return status;
}
