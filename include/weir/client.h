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
 * A TAP ANSWERS ON AND ON. The reply to the verb `tap` says that it has begun; behind it come events, a line with one JSON object
 * each, as long as the client reads them:
 *
 *     {"event": "item", "side": "in", "number": 17, "text": "a line"}       "side" is in or out
 *     {"event": "item", "side": "out", "number": 17, "verdict": "drop"}     "verdict": drop or fail; there is no item
 *     {"event": "lost", "count": 812}                                       were not kept: the client is slower than the data
 *     {"event": "end", "reason": "count", "seen": 20, "lost": 812}          the last one; "reason" is count, ended or asked
 *
 * An item stands in one of "text" (bytes and records that are UTF-8), "bytes" (those that are not, as hexadecimal digits), "value"
 * (numbers) or "hex" (the memory of an item of any other type). One of more than 16 KiB is cut short, and "length" has its
 * whole length. The client ends a tap by closing the connection, or with the next request: that one is answered behind the event
 * "end" (whose reason is "asked"). The pipeline never waits for a client that taps it.
 *
 *     int status = weir_client_call(c, "tap", "{\"stage\": \"grep\", \"count\": 20}", &line);
 *     for (; status >= 0; status = weir_client_next(c, &line)) {
 *         puts(line);
 *         free(line);
 *         if (status == WEIR_CLIENT_LAST)
 *             break;
 *     }
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
    WEIR_CLIENT_LAST = 1, /* from weir_client_next(): the line is the event "end", no other follows */
    WEIR_CLIENT_FAILED = -1,
    WEIR_CLIENT_TIMEOUT = -2, /* no reply in time; whether the pipeline did what was asked is not known */
};

/* A connection to the pipeline called name. NULL with a sentence in error[0..size) on failure. Release with
 * weir_client_close(). */
WEIR_API weir_client *weir_client_connect(const char *name, char *error, size_t size);

/* How long a call waits for its reply, or weir_client_next() for its line. Default 0: no limit. */
WEIR_API void weir_client_timeout(weir_client *client, unsigned timeout_ms);

/* Sends a request and waits for its reply. `args` is a JSON object in one line, or NULL for none. 0: *reply is the reply's
 * text, without a newline, whether it says ok or not; release it with free(). WEIR_CLIENT_FAILED, WEIR_CLIENT_TIMEOUT: no reply
 * came; weir_client_error() says why, and the client can only be closed. */
WEIR_API int weir_client_call(weir_client *client, const char *verb, const char *args, char **reply);

/* The two halves of a call, for who has something else to do meanwhile. weir_client_send() returns when the request is on its way.
 * weir_client_next() waits for the next line that the pipeline sends, a reply or an event, and hands it over as
 * weir_client_call() does; WEIR_CLIENT_TIMEOUT from it harms nothing, and it may be called again. One reply must have come before the next request is sent. */
WEIR_API int weir_client_send(weir_client *client, const char *verb, const char *args);
WEIR_API int weir_client_next(weir_client *client, char **line);

/* The connection, to be waited for with poll(); nothing else is done with it. It may be quiet while a line that came together with
 * the last one is still to be had: ask weir_client_next() (with a short time limit) until it says WEIR_CLIENT_TIMEOUT. */
WEIR_API int weir_client_fd(const weir_client *client);

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
