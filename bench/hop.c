/* SPDX-License-Identifier: MIT */
/*
 * What does a hop from one strand to another cost, for many items and for a single one?
 *
 * Throughput: a source fills batches on one core and a sink adds them up on another. By hand that is the ring of ring.h:
 * whoever finds it full or empty waits, in one variant by spinning (and yielding), in the other by parking on a futex.
 *
 * Latency: the pipeline is idle, one item goes in, and its age is read where it arrives; the next goes in when it has arrived.
 * By hand that is two threads that hand one number to each other with a futex.
 */
#include "bench.h"
#include "ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <weir/weir.h>

/* ---- what everybody calls --------------------------------------------------------------------------------------------- */

struct work {
    uint64_t items;
    uint64_t made;     /* source */
    uint64_t checksum; /* sink */
};

static void fill(uint64_t first, uint64_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i] = first + i;
}

static size_t add_up(void *state, void *items, size_t n)
{
    struct work *work = state;
    const uint64_t *x = items;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    work->checksum += sum;
    return n;
}

static void (*volatile the_fill)(uint64_t first, uint64_t *items, size_t n) = fill;
static size_t (*volatile the_sink)(void *state, void *items, size_t n) = add_up;

static size_t take(struct work *work, size_t most)
{
    uint64_t left = work->items - work->made;
    return left < most ? (size_t)left : most;
}

/* ---- throughput by hand ----------------------------------------------------------------------------------------------- */

struct stream {
    struct ring ring;
    struct work *work;
};

static void *consume(void *arg)
{
    struct stream *stream = arg;
    for (struct slot *slot; (slot = ring_next(&stream->ring))->n > 0; ring_take(&stream->ring))
        the_sink(stream->work, slot->items, slot->n);
    return NULL;
}

static void *produce(void *arg)
{
    struct stream *stream = arg;
    struct work *work = stream->work;
    for (size_t n = 1; n > 0; ring_put(&stream->ring)) {
        struct slot *slot = ring_room(&stream->ring);
        slot->n = n = take(work, RING_BATCH);
        the_fill(work->made, slot->items, n);
        work->made += n;
    }
    return NULL;
}

static void run_pair(void *(*first)(void *), void *(*second)(void *), void *arg)
{
    pthread_t a, b;
    if (pthread_create(&a, NULL, first, arg) != 0 || pthread_create(&b, NULL, second, arg) != 0)
        bench_die("hop: cannot start a thread");
    pthread_join(a, NULL);
    pthread_join(b, NULL);
}

static void stream_by_hand(struct work *work, bool parks)
{
    static struct stream stream;
    ring_init(&stream.ring, parks);
    stream.work = work;
    run_pair(produce, consume, &stream);
}

/* ---- throughput by the engine ----------------------------------------------------------------------------------------- */

static int pull(void *state, weir_out *out)
{
    struct work *work = state;
    size_t want = take(work, weir_room(out)), got;
    if (want == 0)
        return WEIR_END;
    uint64_t *items = weir_emit_many(out, want, &got);
    if (!items)
        return weir_fail_memory();
    the_fill(work->made, items, got);
    work->made += got;
    return WEIR_MORE;
}

static void run_two_strands(weir_pipeline *p, const weir_stage *source, const weir_stage *sink)
{
    if (!p || weir_append(p, source) || weir_append(p, sink) || weir_run_to_end(p))
        bench_die("hop: %s", weir_error(p));
    weir_free(p);
}

static void stream_by_engine(struct work *work)
{
    run_two_strands(
        weir_new("hop"), &(weir_stage){.name = "source", .out = WEIR_I64, .pull = pull, .state = work},
        &(weir_stage){.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .batch = the_sink, .state = work, .place = WEIR_OWN});
}

/* ---- latency ---------------------------------------------------------------------------------------------------------- */

struct ball {
    _Atomic uint32_t turn;   /* even: the sender's, odd: the receiver's */
    uint64_t sent_ns;        /* the receiver's to read in its turn */
    uint64_t items;          /* to be sent in all */
    uint64_t left;           /* still to be sent; sender only */
    struct samples *ages_ns; /* receiver only */
    weir_pipeline *p;
};

static void await_turn(struct ball *ball, uint32_t parity)
{
    for (uint32_t turn; (turn = atomic_load(&ball->turn)) % 2 != parity;)
        futex_wait(&ball->turn, turn);
}

static void pass_turn(struct ball *ball)
{
    atomic_fetch_add(&ball->turn, 1);
    futex_wake(&ball->turn);
}

static void *send_by_hand(void *arg)
{
    struct ball *ball = arg;
    for (; ball->left > 0; ball->left--) {
        await_turn(ball, 0);
        ball->sent_ns = bench_now_ns();
        pass_turn(ball);
    }
    return NULL;
}

static void *receive_by_hand(void *arg)
{
    struct ball *ball = arg;
    for (uint64_t n = ball->items; n > 0; n--) {
        await_turn(ball, 1);
        samples_add(ball->ages_ns, (double)(bench_now_ns() - ball->sent_ns));
        pass_turn(ball);
    }
    return NULL;
}

static void bounce_by_hand(struct samples *ages_ns, uint64_t items)
{
    struct ball ball = {.items = items, .left = items, .ages_ns = ages_ns};
    run_pair(send_by_hand, receive_by_hand, &ball);
}

static int pull_ball(void *state, weir_out *out)
{
    struct ball *ball = state;
    if (atomic_load(&ball->turn) % 2 != 0)
        return WEIR_IDLE;
    if (ball->left == 0)
        return WEIR_END;
    uint64_t *item = weir_emit(out);
    if (!item)
        return weir_fail_memory();
    ball->left--;
    atomic_fetch_add(&ball->turn, 1);
    *item = bench_now_ns();
    return WEIR_IDLE;
}

static weir_verdict catch_ball(void *state, void *item)
{
    struct ball *ball = state;
    samples_add(ball->ages_ns, (double)(bench_now_ns() - *(uint64_t *)item));
    atomic_fetch_add(&ball->turn, 1);
    weir_wake(ball->p, "source");
    return WEIR_KEEP;
}

static void bounce_by_engine(struct samples *ages_ns, uint64_t items)
{
    struct ball ball = {.items = items, .left = items, .ages_ns = ages_ns, .p = weir_new("hop")};
    run_two_strands(
        ball.p, &(weir_stage){.name = "source", .out = WEIR_I64, .pull = pull_ball, .state = &ball},
        &(weir_stage){.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .map = catch_ball, .state = &ball, .place = WEIR_OWN});
}

/* ---- the comparison --------------------------------------------------------------------------------------------------- */

enum contender { ENGINE, RING_SPINS, RING_PARKS, CONTENDERS };

/* Millions of items a second. */
static double measure(struct bench *b, enum contender who, uint64_t items)
{
    struct work work = {.items = items};
    uint64_t start = bench_now_ns();
    if (who == ENGINE)
        stream_by_engine(&work);
    else
        stream_by_hand(&work, who == RING_PARKS);
    double spent = (double)(bench_now_ns() - start);
    bench_check(b, work.checksum == items * (items - 1) / 2, "contender %d: the sum of the items is %llu", who,
                (unsigned long long)work.checksum);
    return (double)items * 1e3 / spent;
}

static void compare_throughput(struct bench *b, uint64_t items)
{
    struct samples rates[CONTENDERS] = {{0}};
    for (unsigned round = 0; round < b->rounds; round++)
        for (int i = 0; i < CONTENDERS; i++) {
            int who = (i + (int)round) % CONTENDERS;
            samples_add(&rates[who], measure(b, who, items));
        }
    double to_spinning = samples_ratio(&rates[ENGINE], &rates[RING_SPINS]);
    double to_parking = samples_ratio(&rates[ENGINE], &rates[RING_PARKS]);
    bench_value(b, samples_quantile(&rates[ENGINE], 0.5), "M/s", "throughput, engine");
    bench_value(b, samples_quantile(&rates[RING_SPINS], 0.5), "M/s", "throughput, ring by hand, spins");
    bench_value(b, samples_quantile(&rates[RING_PARKS], 0.5), "M/s", "throughput, ring by hand, parks");
    bench_at_least(b, to_spinning, "x", 0.85, "engine / ring that spins");
    bench_at_least(b, to_parking, "x", 0.85, "engine / ring that parks");
    for (int who = 0; who < CONTENDERS; who++)
        samples_free(&rates[who]);
}

static void compare_latency(struct bench *b, uint64_t items)
{
    struct samples engine = {0}, hand = {0};
    for (unsigned round = 0; round < b->rounds; round++) {
        bounce_by_engine(&engine, items);
        bounce_by_hand(&hand, items);
    }
    bench_check(b, engine.count == hand.count, "%zu items arrived, not %zu", engine.count, hand.count);
    bench_spread(b, &engine, "ns", 0, 0, "one item through an idle pipeline: engine");
    bench_spread(b, &hand, "ns", 0, 0, "one item between idle threads: futex by hand");
    bench_value(b, samples_quantile(&engine, 0.5) / samples_quantile(&hand, 0.5), "x", "engine / by hand, median");
    samples_free(&engine);
    samples_free(&hand);
}

int main(int argc, char **argv)
{
    struct bench b;
    bench_begin(&b, "hop", "what does a hop from one strand to another cost?", 11, argc, argv);
    compare_throughput(&b, b.quick ? 100001 : 50000000);
    compare_latency(&b, b.quick ? 200 : 5000);
    return bench_end(&b);
}
