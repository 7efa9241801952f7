/* SPDX-License-Identifier: MIT */
/*
 * An endless source and two routes to one sink: source -> A -> sink and source -> B -> sink. The pipeline starts on route A.
 * When the first result has been received, main() changes the route to B, from outside, while the source goes on as fast as it
 * can. The handle is the source's out port: weir_connect() points it at another stage. The source doesn't know of it.
 *
 * One sees that it took effect at one place in the stream: every number before the cut came by A, every number after it by B,
 * in order, with none lost and none doubled. How many came by A is different in each run, so it is not printed.
 */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

/* The item: a number, and the route that it came by. */
struct result {
    int64_t number;
    char route;
};
static const weir_type result_type = {.name = "result", .size = sizeof(struct result)};

/* What the sink has seen. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t by_a, by_b;
    bool wrong; /* a number was not the next one, or came by A behind one that came by B */
} seen = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int count(void *state, weir_out *out)
{
    struct result *result = weir_emit(out);
    if (!result)
        return weir_fail_memory();
    *result = (struct result){.number = (*(int64_t *)state)++};
    return WEIR_MORE;
}

static weir_verdict route_a(void *state, void *item)
{
    (void)state;
    ((struct result *)item)->route = 'A';
    return WEIR_KEEP;
}

static weir_verdict route_b(void *state, void *item)
{
    (void)state;
    ((struct result *)item)->route = 'B';
    return WEIR_KEEP;
}

static weir_verdict receive(void *state, void *item)
{
    (void)state;
    struct result *result = item;
    pthread_mutex_lock(&seen.mutex);
    if (result->number != (int64_t)(seen.by_a + seen.by_b) || (result->route == 'A' && seen.by_b > 0))
        seen.wrong = true;
    if (result->number == 0)
        printf("the first result came by %c\n", result->route);
    if (result->route == 'A')
        seen.by_a++;
    else
        seen.by_b++;
    pthread_cond_signal(&seen.changed);
    pthread_mutex_unlock(&seen.mutex);
    return WEIR_KEEP;
}

static void await(const uint64_t *counter, uint64_t n)
{
    pthread_mutex_lock(&seen.mutex);
    while (*counter < n)
        pthread_cond_wait(&seen.changed, &seen.mutex);
    pthread_mutex_unlock(&seen.mutex);
}

int main(void)
{
    int64_t next = 0;
    weir_receipt receipt;
    weir_pipeline *p = weir_new("controllers");
    weir_append(p, &(weir_stage){.name = "source", .out = &result_type, .pull = count, .state = &next});
    weir_append(p, &(weir_stage){.name = "A", .in = &result_type, .map = route_a});
    weir_append(p, &(weir_stage){.name = "sink", .in = &result_type, .out = WEIR_NONE, .map = receive});
    weir_add(p, &(weir_stage){.name = "B", .in = &result_type, .map = route_b});
    weir_connect(p, "B", "sink", NULL);
    if (weir_start(p) != WEIR_OK)
        goto fail;

    await(&seen.by_a, 1);
    if (weir_connect(p, "source", "B", &receipt) != WEIR_OK)
        goto fail;
    puts("the route is changed to B");
    await(&seen.by_b, 1000);
    puts("1000 more results came by B");
    if (weir_stop(p) != WEIR_OK)
        goto fail;

    printf("all that the source had put out before the cut came by A: %s\n", seen.by_a == receipt.position ? "yes" : "no");
    printf("all numbers came in order, none lost, none doubled: %s\n",
           !seen.wrong && seen.by_a + seen.by_b == (uint64_t)next ? "yes" : "no");
    weir_free(p);
    return 0;
fail:
    fprintf(stderr, "%s\n", weir_error(p));
    weir_free(p);
    return 1;
}
