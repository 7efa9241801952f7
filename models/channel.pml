/* SPDX-License-Identifier: MIT */
/*
 * channel.pml - src/core/channel.c between two strands, on memory with store buffers: with and without `quick`.
 *
 * The writer strand puts up to BATCHES batches, numbered from 1, into a ring of two places; the reader strand takes them. Each has
 * a thread, and each comes to rest by strand_rest() when it can do nothing. What the run is like is chosen once, at its start:
 *
 *     batches  how many the writer makes
 *     ending   what it does then: closes the channel; rests; or stays inside a stage's function for ever, so that no later put,
 *              close or rest of its own repairs what went wrong before
 *     limiter  a third thread raises the limit from 1 to 2, as an edit that settles does (channel_set_limit)
 *     closer   a third thread has the writer close at its next boundary, so that there may be leftovers (mailbox and kick)
 *
 * The reader makes the channel quick at any take that finds it not so: that is more than the code's every 32nd.
 *
 * What must hold: the reader takes 1, 2, 3, ... and after the last one the END; and when nothing moves any more, all that was put
 * was taken, a writer that sleeps has no room and nothing in its mailbox, and a closed channel was read to its end.
 */
#ifndef BATCHES
#define BATCHES 3
#endif
#define THREADS 3
#define WORDS   13
#ifndef BUFFER
#define BUFFER  4
#endif

#define STATE_W   0 /* the writer strand's state */
#define STATE_R   1 /* the reader strand's state */
#define TAIL      2
#define HEAD      3
#define CLOSED    4
#define WAITS     5 /* writer_waits */
#define QUICK     6
#define LIMIT     7
#define MAILBOX   8 /* the writer strand's */
#define LEFTOVER  9 /* 0, or the batch in the list */
#define RING     10 /* and 11: the places. A batch is its number */
#include "tso.pml"

#define RUNNING 0
#define IDLE    1
#define READY   2
#define OVER    3 /* ENDED */

#define CLOSES 0
#define RESTS  1
#define STAYS  2

byte ending, batches;
bool limiter, closer;
byte made;      /* batches that the writer has put, or handed over with the closing */
byte taken;     /* batches that the reader has got */
bool stays;     /* the writer is inside a function for ever */

/* strand_wake(), when the state is loaded into `state`. */
inline wake_if_idle(which)
{
    if
    :: state == IDLE -> CAS(ok, which, IDLE, READY); ok = false
    :: else
    fi;
    state = 0
}

inline strand_kick(which)
{
#ifdef BREAK_KICK_FENCE
    LOAD(state, which);
#else
    FENCE_LOAD(state, which);
#endif
    wake_if_idle(which)
}

/* exec: parked until somebody has made the strand READY. */
inline park(which)
{
    atomic { mem[which] == READY && empty(buffer[me]); mem[which] = RUNNING }
}

inline end_quick()
{
    EXCHANGE(word, QUICK, 0);
    if
#ifndef BREAK_FENCE_ALL
    :: word ->
       word = 0;
       empty(buffer[0]); /* plat_fence_all() */
       empty(buffer[1])
#endif
    :: else -> word = 0
    fi
}

/* The end of strand_rest(): ok: run again. */
inline take_back(which)
{
    if
    :: again -> CAS(ok, which, IDLE, RUNNING)
    :: else -> ok = false
    fi;
    again = false
}

/* ---- the writer ------------------------------------------------------------------------------------------------------------ */

inline channel_room()
{
    atomic { LOAD(word, LIMIT); room = tail - head_seen < word };
    if
    :: !room ->
       LOAD(head_seen, HEAD);
       atomic { LOAD(word, LIMIT); room = tail - head_seen < word }
    :: else
    fi;
    word = 0
}

inline channel_put()
{
#ifdef BREAK_PUT_ORDER
    STORE(TAIL, tail + 1);
    STORE(RING + tail % 2, unsent);
#else
    STORE(RING + tail % 2, unsent);
    STORE(TAIL, tail + 1);
#endif
    atomic { made = unsent; unsent = 0; tail++ };
#ifdef BREAK_PUT_FENCE
    LOAD(state, STATE_R);
#else
    LOAD(word, QUICK);
    if
    :: !word -> FENCE_LOAD(state, STATE_R)
    :: else -> word = 0; LOAD(state, STATE_R)
    fi;
#endif
    wake_if_idle(STATE_R)
}

inline channel_close()
{
#ifdef BREAK_LEFTOVERS /* closes, and hands over then */
    STORE(CLOSED, true);
    STORE(LEFTOVER, unsent);
#else
    STORE(LEFTOVER, unsent);
    STORE(CLOSED, true);
#endif
    atomic {
        if
        :: unsent -> made = unsent; unsent = 0
        :: else
        fi
    };
#ifndef BREAK_CLOSE_KICK
    strand_kick(STATE_R)
#endif
}

/* changed() */
inline look_for_change()
{
    atomic { LOAD(word, MAILBOX); again = word; word = 0 };
    if
    :: !again && waits_room ->
       LOAD(head_now, HEAD);
       atomic { LOAD(word, LIMIT); again = tail - head_now < word; word = 0; head_now = 0 }
    :: else
    fi
}

/* ok: run again. `waits_room`: the last step missed room.
 *
 * The last look begins with `quick`. If it is not set, either no take will leave its fence out before the reader has set it and
 * fenced, and then the reader sees our announcement; or it was set and the reader, coming to rest, has ended it again by a locked
 * instruction, and then the looks that follow see all places that it has freed. Looking at `quick` last misses the second case. */
inline writer_rest()
{
    end_quick();
#ifdef BREAK_WAITS_FIRST
    if
    :: waits_room -> STORE(WAITS, true)
    :: else
    fi;
#endif
#ifdef BREAK_IDLE_LAST /* looks, then announces */
    atomic { LOAD(word, MAILBOX); again = word; word = 0 };
    if
    :: !again && waits_room -> atomic { LOAD(word, HEAD); again = tail - word < mem[LIMIT]; word = 0 }
    :: else
    fi;
#endif
    STORE(STATE_W, IDLE);
#ifndef BREAK_WAITS_FIRST
    if
    :: waits_room -> STORE(WAITS, true) /* behind IDLE */
    :: else
    fi;
#endif
#ifdef BREAK_IDLE_LAST
    FENCE;
#else
#ifndef BREAK_REST_FENCE
    FENCE;
#endif
#ifdef BREAK_QUICK_LOOK_LAST
    look_for_change();
    if
    :: !again -> atomic { LOAD(word, QUICK); again = word; word = 0 }
    :: else
    fi;
#else
#ifndef BREAK_QUICK_LOOK
    atomic { LOAD(word, QUICK); again = word; word = 0 };
#endif
    if
    :: !again -> look_for_change()
    :: else
    fi;
#endif
#ifdef BREAK_LAST_LOOK
    again = false;
#endif
#endif
    take_back(STATE_W)
}

proctype writer(byte me)
{
    byte tail, head_seen, head_now, unsent, next, word, state;
    bool room, ok, again, waits_room;
    do /* step() */
    :: LOAD(word, MAILBOX);
       if
       :: word -> word = 0; channel_close(); break
       :: else
       fi;
       waits_room = false;
       if
       :: !unsent && next < batches -> next++; unsent = next
       :: else
       fi;
       if
       :: unsent ->
          channel_room();
          if
          :: room -> room = false; channel_put()
          :: else -> waits_room = true
          fi
       :: else
       fi;
       if
       :: !waits_room && (unsent || next < batches) /* goes on */
       :: !waits_room && !unsent && next == batches && ending == CLOSES -> channel_close(); break
       :: !waits_room && !unsent && next == batches && ending == STAYS -> stays = true; break
       :: else ->
          writer_rest();
          if
          :: ok -> ok = false
          :: else ->
end:         park(STATE_W)
          fi
       fi
    od;
    if
    :: !stays -> STORE_SC(STATE_W, OVER)
    :: else
    fi
}

/* ---- the reader ------------------------------------------------------------------------------------------------------------ */

inline wake_writer()
{
#ifdef BREAK_ANNOUNCEMENT /* takes the announcement before it knows whether it is time */
    EXCHANGE(word, WAITS, false);
    waiting = word;
    LOAD(word, TAIL);
    if
    :: waiting && word - head <= mem[LIMIT] / 2 -> strand_kick(STATE_W)
    :: else
    fi;
    waiting = 0; word = 0
#else
    atomic { LOAD(word, TAIL); waiting = word - head };
    LOAD(word, LIMIT);
    if
    :: waiting <= word / 2 ->
       EXCHANGE(word, WAITS, false);
       if
       :: word -> word = 0; strand_kick(STATE_W)
       :: else
       fi
    :: else
    fi;
    waiting = 0; word = 0
#endif
}

inline take_ring()
{
#ifdef BREAK_TAKE_ORDER /* frees the place, then reads it */
    STORE(HEAD, head + 1);
    FENCE;
    atomic { LOAD(word, RING + head % 2); taken++; assert(word == taken); head++ };
#else
    atomic { LOAD(word, RING + head % 2); taken++; assert(word == taken) };
    atomic { STORE(HEAD, head + 1); head++ };
#endif
#ifdef BREAK_TAKE_FENCE
    LOAD(word, WAITS);
#else
#ifdef BREAK_QUICK_FENCE /* here the reader may load what it has stored and not fenced */
    atomic { word = (FORWARDED(QUICK) -> true : mem[QUICK]) };
#else
    LOAD(word, QUICK);
#endif
    if
    :: !word -> /* fence_or_quicken() */
       if
       :: true
#ifndef NO_QUICK
#ifdef BREAK_QUICK_FENCE
       :: STORE(QUICK, true); goto unfenced
#else
       :: STORE(QUICK, true)
#endif
#endif
       fi;
       FENCE_LOAD(word, WAITS)
    :: else ->
unfenced:
       LOAD(word, WAITS)
    fi;
#endif
    if
    :: word -> wake_writer()
    :: else
    fi
}

/* ok: run again. */
inline reader_rest()
{
    end_quick();
    STORE(STATE_R, IDLE);
    atomic { /* changed(): channel_has_more() */
#ifndef BREAK_REST_FENCE
        FENCE;
#endif
        LOAD(word, TAIL); again = word != head; word = 0
    };
    if
    :: !again -> atomic { LOAD(word, CLOSED); again = word; word = 0 }
    :: else
    fi;
#ifdef BREAK_LAST_LOOK
    again = false;
#endif
    take_back(STATE_R)
}

proctype reader(byte me)
{
    byte head, tail_seen, waiting, word, state;
    bool ok, again;
    do /* channel_take() */
    :: if
       :: head == tail_seen -> LOAD(tail_seen, TAIL)
       :: else
       fi;
       if
       :: head != tail_seen -> take_ring()
       :: else ->
          LOAD(word, CLOSED);
          if
          :: word ->
             word = 0;
#ifndef BREAK_SECOND_LOOK
             LOAD(tail_seen, TAIL); /* again */
#endif
             if
             :: head != tail_seen -> take_ring()
             :: else -> /* take_last() */
                LOAD(word, LEFTOVER);
                if
                :: word -> taken++; assert(word == taken); word = 0
                :: else
                fi;
                break
             fi
          :: else ->
             reader_rest();
             if
             :: ok -> ok = false
             :: else ->
end:            park(STATE_R)
             fi
          fi
       fi
    od;
    STORE_SC(STATE_R, OVER)
}

/* ---- around them ----------------------------------------------------------------------------------------------------------- */

/* channel_set_limit(), and a request to close. */
proctype other(byte me)
{
    byte word, state;
    bool ok;
    if
    :: limiter ->
       STORE_SC(LIMIT, 2);
       EXCHANGE(word, WAITS, false);
#ifndef BREAK_LIMIT_KICK
       if
       :: word -> strand_kick(STATE_W)
       :: else
       fi;
#endif
       word = 0
    :: else
    fi;
    if
    :: closer -> STORE_SC(MAILBOX, true); strand_kick(STATE_W)
    :: else
    fi
}

bool settled;
#ifdef LIVE
ltl settles { <> settled }
#endif

proctype at_rest()
{
    timeout;
    assert(taken == made);
    assert(stays || mem[STATE_W] == IDLE || mem[STATE_W] == OVER);
    assert(mem[STATE_R] == IDLE || mem[STATE_R] == OVER);
    if
    :: mem[STATE_W] == IDLE -> assert(!closer && ending == RESTS && made == batches)
    :: else
    fi;
    if
    :: mem[CLOSED] -> assert(mem[STATE_R] == OVER)
    :: else
    fi;
    settled = true
}

init
{
    atomic {
        select(batches : 0 .. BATCHES);
        select(ending : CLOSES .. STAYS);
#ifdef ALONE /* the writer and the reader only, for a smaller search */
        mem[LIMIT] = 1;
#else
        if
        :: mem[LIMIT] = 1; limiter = true
        :: mem[LIMIT] = 1
        :: mem[LIMIT] = 2
        fi;
        if
        :: closer = true
        :: true
        fi;
#endif
        run memory();
        run writer(0);
        run reader(1);
        if
        :: limiter || closer -> run other(2)
        :: else
        fi;
        run at_rest()
    }
}
