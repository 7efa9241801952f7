/* SPDX-License-Identifier: MIT */
/*
 * session.h - a pipeline and what the command knows about it beyond the engine: the text that each stage was written as.
 *
 * Every function may be called from any thread, but for session_free(), which comes last.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "expr/graph.h"

#include <jansson.h>
#include <pthread.h>
#include <weir/weir.h>

struct session;

/* Takes the pipeline, and frees it at the end. NULL when there is no memory; then the pipeline is freed. */
struct session *session_new(weir_pipeline *pipeline);
void session_free(struct session *session); /* waits as weir_free() does; NULL is fine */

weir_pipeline *session_pipeline(const struct session *session);

/* Hands the graph's stages to the pipeline, which has not started, and connects them. WEIR_OK or a weir_status. */
int session_build(struct session *session, struct graph *graph);

/* A stage's text and the name of its built-in, from now on. Without memory the stage has no text, which is all that is lost. */
void session_describe(struct session *session, const char *label, const char *builtin, const char *text);

/* Forgets the texts of stages that the running pipeline does not have any more. */
void session_forget(struct session *session);

/* Adds "builtin" and "text" of a stage to `object`; empty ones when they are not known. */
void session_add_text(struct session *session, const char *label, json_t *object);

/* The pipeline's stages: an array to free() and its length. NULL when there is no memory. */
weir_stage_info *session_stages(struct session *session, size_t *count);

/* Edits are made one after the other. */
bool session_edit_lock_for(struct session *session, double seconds); /* false: somebody else took longer; 0: no limit */
bool session_edit_try_lock(struct session *session);                 /* false: somebody else makes one */
void session_edit_unlock(struct session *session);

/* The JSON object in which past.c keeps what it remembers; with the edit lock held. */
json_t *session_past(struct session *session);

/* What `weir show --json` prints. NULL when there is no memory. */
json_t *session_snapshot(struct session *session);

/* A text as JSON; bytes that are not UTF-8 become '?'. */
json_t *json_text(const char *text);

#endif
