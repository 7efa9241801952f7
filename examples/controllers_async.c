/* SPDX-License-Identifier: MIT */
/*
 * The question that weir comes from, as it is asked of Python's asyncio: a source that is an endless coroutine, and a small
 * controller that changes the route of its results while it runs. source -> A -> sink and source -> B -> sink; the source
 * starts on route A, and when the first result has been received, the controller leads it to B. The source is a `while
 * (true)` that knows of none of it.
 *
 * All of them are tasks: the source, the four tasks of each route (with up to four items in hand, each of which is waited
 * for), and the controller, on a loop of its own. The sink is a plain function on a worker; it tells the controller by a
 * promise, which any thread may fulfil.
 *
 * What is printed is the same in every run; how many results came by A is not, and is not printed.
 */
#include <stdio.h>
#include <weir/async.h>
#include <weir/weir.h>

/* The item: a number, and the route that it came by. */
struct result {
    int64_t number;
    char route;
};
static const weir_type result_type = {.name = "result", .size = sizeof(struct result)};

/* The sink's only, until it has come to its end. */
struct seen {
    uint64_t by_a, by_b;
    bool wrong;                   /* a number was not the next one, or came by A behind one that came by B */
    weir_promise *first, *enough; /* one result; 1000 by B */
};

/* ---- the stages ------------------------------------------------------------------------------------------------------- */

static int count(weir_task *t, void *state)
{
    int64_t *next = state;
    for (;;) {
        if (weir_send(t, &(struct result){.number = *next}) < 0)
            return 0; /* the pipeline is being closed: only this ends the source */
        ++*next;
    }
}

/* Each item is waited for, here for as little as can be; in a program it would be a request to somebody else. */
static int pass_by(weir_task *t, char route)
{
    struct result result;
    while (weir_recv(t, &result) == 0) {
        weir_yield(t);
        result.route = route;
        weir_send(t, &result);
    }
    return 0;
}

static int route_a(weir_task *t, void *state)
{
    (void)state;
    return pass_by(t, 'A');
}

static int route_b(weir_task *t, void *state)
{
    (void)state;
    return pass_by(t, 'B');
}

static weir_verdict receive(void *state, void *item)
{
    struct seen *seen = state;
    struct result *result = item;
    if (result->number != (int64_t)(seen->by_a + seen->by_b) || (result->route == 'A' && seen->by_b > 0))
        seen->wrong = true;
    if (result->route == 'A')
        seen->by_a++;
    else
        seen->by_b++;
    if (result->number == 0)
        weir_promise_fulfil(seen->first, result->route, NULL);
    if (seen->by_b == 1000)
        weir_promise_fulfil(seen->enough, 0, NULL);
    return WEIR_KEEP;
}

/* ---- the controller --------------------------------------------------------------------------------------------------- */

struct controller {
    weir_pipeline *p;
    struct seen *seen;
    uint64_t position; /* of the cut */
};

static int control(weir_task *t, void *arg)
{
    struct controller *c = arg;
    weir_receipt receipt;
    printf("the first result came by %c\n", weir_promise_await(t, c->seen->first, NULL));
    if (weir_connect(c->p, "source", "B", &receipt) != WEIR_OK)
        return -1;
    puts("the route is changed to B");
    c->position = receipt.position;
    weir_promise_await(t, c->seen->enough, NULL);
    puts("1000 more results came by B");
    return 0;
}

static int build(weir_pipeline *p, int64_t *next, struct seen *seen)
{
    weir_append(p, &(weir_stage){.name = "source", .out = &result_type, .loop = count, .state = next});
    weir_append(p, &(weir_stage){.name = "A", .in = &result_type, .loop = route_a, .concurrency = 4});
    weir_append(p, &(weir_stage){.name = "sink", .in = &result_type, .out = WEIR_NONE, .map = receive, .state = seen});
    weir_add(p, &(weir_stage){.name = "B", .in = &result_type, .loop = route_b, .concurrency = 4});
    weir_connect(p, "B", "sink", NULL);
    return weir_start(p);
}

int main(void)
{
    int64_t next = 0;
    struct seen seen = {.first = weir_promise_new(), .enough = weir_promise_new()};
    struct controller controller = {.p = weir_new("controllers"), .seen = &seen};
    weir_pipeline *p = controller.p;
    int failed = build(p, &next, &seen) != WEIR_OK || weir_async_run(control, &controller) < 0 || weir_stop(p) != WEIR_OK;
    if (failed)
        fprintf(stderr, "%s\n", weir_error(p));
    else {
        printf("all that the source had put out before the cut came by A: %s\n",
               seen.by_a == controller.position ? "yes" : "no");
        printf("all numbers came in order, none lost, none doubled: %s\n",
               !seen.wrong && seen.by_a + seen.by_b == (uint64_t)next ? "yes" : "no");
    }
    weir_free(p);
    weir_promise_drop(seen.first);
    weir_promise_drop(seen.enough);
    return failed;
}
