/* SPDX-License-Identifier: MIT */
/*
 * weir/client.h - talk to a running pipeline.
 *
 *     char error[256];
 *     weir_client *c = weir_client_connect("web", error, sizeof error);
 *     char *reply;
 *     if (c && weir_client_call(c, "pop", "{\"stage\": \"grep\"}", &reply) == 0) {
 *         puts(reply);
 *         free(reply);
 *     }
 *     weir_client_close(c);
 *
 * `weir run` listens on a socket of the user's own. A request is one line with one JSON object, and so is its reply:
 *
 *     {"verb": "pop", "args": {"stage": "grep"}}
 *     {"ok": true, "result": {"revision": 4, ...}}
 *     {"ok": false, "status": "refused", "message": "pop grep: there is no stage called \"grep\"; ..."}
 *
 * The verbs and their arguments are those of the command: `weir help` lists them, weir(1) describes them. `status` is one of
 * usage, expression (then with `offset` and `length` of the offending word), refused, conflict, busy, memory, stage, ended,
 * system.
 *
 * A client is used by one thread at a time. Calls wait for their reply. This header needs nothing but libc.
 */
#ifndef WEIR_CLIENT_H
#define WEIR_CLIENT_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_client weir_client;

enum {
    WEIR_CLIENT_FAILED = -1,
    WEIR_CLIENT_TIMEOUT = -2, /* no reply in time; whether the pipeline did what was asked is not known */
};

/* A connection to the pipeline called name. NULL with a sentence in error[0..size) on failure. Release with
 * weir_client_close(). */
WEIR_API weir_client *weir_client_connect(const char *name, char *error, size_t size);

/* How long a call waits for its reply before it fails. Default 0: no limit. */
WEIR_API void weir_client_timeout(weir_client *client, unsigned timeout_ms);

/* Sends a request and waits for its reply. `args` is a JSON object in one line, or NULL for none. 0: *reply is the reply's
 * text, without a newline, whether it says ok or not; release it with free(). WEIR_CLIENT_FAILED, WEIR_CLIENT_TIMEOUT: no reply
 * came; weir_client_error() says why, and the client can only be closed. */
WEIR_API int weir_client_call(weir_client *client, const char *verb, const char *args, char **reply);

/* Why the last call failed; never NULL, valid until the next call. */
WEIR_API const char *weir_client_error(const weir_client *client);

/* The process that the pipeline runs in. */
WEIR_API int weir_client_pid(const weir_client *client);

/* NULL is fine. */
WEIR_API void weir_client_close(weir_client *client);

#ifdef __cplusplus
}
#endif
#endif
