/* SPDX-License-Identifier: MIT */
/*
 * What do requests through weir's HTTP client cost, so many at once, beside a loop written by hand on libcurl's multi
 * interface?
 *
 * Both fetch the same page from the same server, a child of ours on libuv (async_serve.c), and keep their connections.
 */
#include "async.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define CONCURRENCY 50

/* ---- by hand ---------------------------------------------------------------------------------------------------------- */

struct transfer {
    CURL *easy;
    size_t bytes;
};

static size_t count_bytes(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    (void)data;
    transfer->bytes += size * n;
    return size * n;
}

static void begin_transfer(CURLM *multi, struct transfer *transfer, struct fetch *fetch)
{
    fetch->left--;
    transfer->bytes = 0;
    curl_multi_add_handle(multi, transfer->easy);
}

static void make_transfer(struct transfer *transfer, const char *url)
{
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        bench_die("async: no memory for a transfer");
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
}

static void end_transfer(CURLM *multi, const CURLMsg *message, struct fetch *fetch)
{
    struct transfer *transfer;
    long status = 0;
    bool whole = message->data.result == CURLE_OK;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, transfer->easy);
    if (whole && status == 200 && transfer->bytes == PAGE_BYTES)
        fetch->good++;
    else
        fetch->failed++;
    if (fetch->left > 0)
        begin_transfer(multi, transfer, fetch);
}

static void fetch_by_hand(struct fetch *fetch)
{
    struct transfer transfers[CONCURRENCY];
    size_t n = fetch->left;
    CURLM *multi = curl_multi_init();
    if (!multi)
        bench_die("async: no memory for transfers");
    for (size_t i = 0; i < CONCURRENCY; i++) {
        make_transfer(&transfers[i], fetch->url);
        if (fetch->left > 0)
            begin_transfer(multi, &transfers[i], fetch);
    }
    for (int running, queued; fetch->good + fetch->failed < n;) {
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
        curl_multi_perform(multi, &running);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &queued));)
            if (message->msg == CURLMSG_DONE)
                end_transfer(multi, message, fetch);
    }
    for (size_t i = 0; i < CONCURRENCY; i++) {
        curl_multi_remove_handle(multi, transfers[i].easy);
        curl_easy_cleanup(transfers[i].easy);
    }
    curl_multi_cleanup(multi);
}

/* ---- the comparison --------------------------------------------------------------------------------------------------- */

/* Thousands of requests a second. */
static double measure(struct bench *b, const char *who, void (*fetch_all)(struct fetch *fetch), unsigned short port, size_t n)
{
    struct fetch fetch = {.concurrency = CONCURRENCY, .left = n};
    snprintf(fetch.url, sizeof fetch.url, "http://127.0.0.1:%u/page", port);
    uint64_t start = bench_now_ns();
    fetch_all(&fetch);
    double rate = (double)n * 1e6 / (double)(bench_now_ns() - start);
    bench_check(b, fetch.good == n, "%s: %zu of %zu requests were answered", who, fetch.good, n);
    return rate;
}

#ifdef HAVE_WEIR_HTTP
static void (*const by_weir)(struct fetch *fetch) = fetch_by_weir;
#else
static void (*const by_weir)(struct fetch *fetch) = NULL; /* not part of this build */
#endif

void measure_fetch(struct bench *b)
{
    struct samples weir = {0}, hand = {0};
    struct server server;
    size_t n = b->quick ? 500 : 10000;
    if (!bench_check(b, server_start_role(&server, "http-uv"), "the HTTP server did not start"))
        return;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (unsigned round = 0; round < b->rounds; round++) {
        if (by_weir)
            samples_add(&weir, measure(b, "weir", by_weir, server.port, n));
        samples_add(&hand, measure(b, "libcurl by hand", fetch_by_hand, server.port, n));
    }
    server_stop(&server);
    if (by_weir) {
        bench_value(b, samples_quantile(&weir, 0.5), "k/s", "HTTP requests, 50 at once: weir");
        bench_at_least(b, samples_ratio(&weir, &hand), "x", 0.9, "weir / libcurl's multi interface by hand");
    } else {
        bench_skip(b, "HTTP requests, 50 at once: weir", "weir's HTTP client is not part of this build");
    }
    bench_value(b, samples_quantile(&hand, 0.5), "k/s", "HTTP requests, 50 at once: libcurl's multi interface by hand");
    samples_free(&weir);
    samples_free(&hand);
    curl_global_cleanup();
}
