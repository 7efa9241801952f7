/* SPDX-License-Identifier: MIT */
/*
 * kick.pml - src/core/strand.c: no wake-up is lost, and at most one thread touches a strand.
 *
 * One strand. Its threads are two workers, or with -DBLOCKING one of its own. Around it, each a thread that may take its time:
 *
 *     writer   puts PUTS batches into the strand's channel: strand_wake() behind a fence     (channel_put)
 *     editor   posts CHANGES changes, one at a time; waits, or withdraws at the deadline    (strand_post, strand_withdraw)
 *     nudger   counts up `wakes` and kicks                                                   (strand_nudge)
 *
 * With -DLIVES the last change retires the strand, and the editor resets it and starts it for a second life, while a worker may
 * still be inside strand_rest() of the first.
 *
 * In a blocking strand the stage's function (state CALL) does not return before the editor is through, if the changes are such
 * that they can be applied inside a call: so an edit that waits for the function is a deadlock.
 *
 * What must hold: nobody touches the strand beside another (assert at OWN); whoever takes it over at the end of strand_rest() does
 * so in the same life; a strand is queued once; a change is either applied or withdrawn; and when nothing moves any more,
 * everything is done (process `at_rest`).
 */
#ifndef PUTS
#define PUTS 1
#endif
#ifndef CHANGES
#define CHANGES 1
#endif
#ifndef NUDGES
#define NUDGES 1
#endif
#define THREADS 5
#define WORDS   4
#define BUFFER  2

#define STATE   0 /* s->state */
#define MAILBOX 1 /* s->mailbox: 0, or the change's number */
#define WAKES   2 /* s->wakes */
#define TAIL    3 /* s->in->tail */
#include "tso.pml"

#define FREE          0
#define IDLE          1
#define READY         2
#define RUNNING       3
#define CALL          4
#define HELD          5
#define ENDED         6
#define STRAND_STATES 8
#define BASE(state)   ((state) % STRAND_STATES)
#define IN_STATE(state, base) ((state) - BASE(state) + (base))

/* What a change asks for; which of it hold() allows. */
#define PLAIN   0 /* other channels: may be applied in an idle strand and inside a call */
#define PROGRAM 1 /* another program: not inside a call */
#define USER    2 /* calls a stage's flush or close: not on the editor's thread while idle */
#define RETIRE  3 /* the strand ends */

#define RESTS   0
#define GOES_ON 1
#define OVER    2

byte kind;                /* of all changes; chosen once */
byte applied, withdrawn;  /* changes */
bool last_applied;         /* the last change was */
bool retired;             /* the strand has ended, in this life */
bool edits_over;          /* the editor is through */
byte head;                /* s->in->head: who runs it */
byte wakes_seen;          /* who runs it */
byte owners;              /* threads that touch the strand: see OWN */
byte queued;              /* times in exec's queue, or the flag thread_ready */
byte hold_lock;           /* s->hold */
byte lives;               /* lives that the strand has had before */
bool thread_over;         /* of a blocking strand */

/* In the same step as the change of state that gives or takes the strand. */
#define OWN    owners++; assert(owners == 1)
#define DISOWN owners--

/* exec_ready(): the queue's lock is a fence. */
inline ready()
{
    atomic { FENCE; queued++; assert(queued == 1) }
}

/* strand_wake(), when `state` is loaded. */
inline wake_if_idle()
{
    if
    :: BASE(state) == IDLE ->
       CAS(ok, STATE, state, IN_STATE(state, READY));
       if
       :: ok -> ready()
       :: else
       fi
    :: else
    fi
}

inline strand_kick()
{
    FENCE_LOAD(state, STATE);
    wake_if_idle()
}

/* Goes from one state to another that only who runs the strand may leave; waits while it is held.
 * `more`: threads that own it. */
inline change_state(from, to, more)
{
    do
    :: LOAD(state, STATE);
       CAS_DO(ok, STATE, IN_STATE(state, from), IN_STATE(state, to), owners = owners + more; assert(owners <= 1));
       if
       :: ok -> break
       :: else ->
          atomic { FENCE; hold_lock == 0 } /* plat_lock(&s->hold); plat_unlock(&s->hold) */
       fi
    od
}

/* apply(): the change's number in `c`. */
inline apply()
{
    atomic { assert(owners == 1 && c == applied + withdrawn + 1); applied++; last_applied = (c == CHANGES) }
}

inline look_at_mailbox()
{
    EXCHANGE(c, MAILBOX, 0);
    says = GOES_ON;
    if
    :: c != 0 ->
       says = (kind == RETIRE && c == CHANGES -> OVER : GOES_ON);
       apply();
       c = 0
    :: else
    fi
}

/* take_step(), or call_step() in a blocking strand: a batch, or nothing to do. */
inline take()
{
    atomic {
        LOAD(seen, TAIL);
        if
        :: head < seen -> head++; says = GOES_ON
        :: else -> says = RESTS
        fi;
        seen = 0
    };
#ifdef BLOCKING
    if
    :: says == GOES_ON ->
       do /* while (!enter_call()) look_at_mailbox() */
       :: change_state(RUNNING, CALL, -1);
#ifdef BREAK_ENTER_CALL
          c = 0;
#else
          LOAD(c, MAILBOX);
#endif
          if
          :: c == 0 -> break
          :: else -> c = 0
          fi;
          change_state(CALL, RUNNING, 1);
          look_at_mailbox();
          if
          :: says == OVER -> break
          :: else
          fi
       od;
       if
       :: says == OVER
       :: else ->
          (kind != PLAIN || edits_over); /* the stage's function */
          change_state(CALL, RUNNING, 1)    /* leave_call() */
       fi
    :: else
    fi
#endif
}

inline step()
{
    atomic { wakes_seen = mem[WAKES] }
    says = GOES_ON;
    LOAD(c, MAILBOX);
    if
    :: c != 0 -> look_at_mailbox()
    :: else
    fi;
    if
    :: says != OVER -> take()
    :: else
    fi
}

/* changed(): what was looked at before, looked at once more; in the code's order. */
inline look_again()
{
    atomic {
#ifndef BREAK_REST_FENCE
        FENCE;
#endif
        LOAD(c, MAILBOX);
        again = c != 0;
        c = 0
    };
    if
    :: !again -> atomic { LOAD(seen, WAKES); again = seen != look_wakes; seen = 0 }
    :: else
    fi;
    if
    :: !again -> atomic { LOAD(seen, TAIL); again = seen != look_head; seen = 0 }
    :: else
    fi
}

/* ok: it is not ours any more. */
inline strand_rest()
{
    atomic { look_wakes = wakes_seen; look_head = head; running = mem[STATE] };
#ifdef BREAK_IDLE_LAST /* looks first, then announces */
    look_again();
    if
    :: !again -> atomic { STORE(STATE, IN_STATE(running, IDLE)); DISOWN }
    :: else
    fi;
    ok = !again;
#else
    atomic { STORE(STATE, IN_STATE(running, IDLE)); DISOWN };
#ifdef BREAK_LAST_LOOK
    FENCE;
#else
    look_again();
#ifdef BREAK_BUSY /* always finds something: nothing is lost, and nothing ever comes to rest */
    again = true;
#endif
#endif
    ok = false;
    if
    :: again ->
#ifdef BREAK_REST_STORE /* takes the strand back without looking whether somebody else has */
       atomic { STORE_SC(STATE, running); ok = true; OWN }
#else
       CAS_DO(ok, STATE, IN_STATE(running, IDLE), running, OWN; assert(life_of == lives))
#endif
    :: else
    fi;
    ok = !ok;
#endif
    again = false; look_wakes = 0; look_head = 0; running = 0
}

/* exec.c: run() for a strand that was READY in the queue. */
inline run_strand()
{
    change_state(READY, RUNNING, 1); /* strand_begin() */
    life_of = lives;
    do
    :: step();
       if
       :: says == OVER -> atomic { STORE_SC(STATE, IN_STATE(mem[STATE], ENDED)); DISOWN; retired = true }; break
       :: says == GOES_ON ->
          if
          :: true
#ifndef BLOCKING
          :: true -> /* strand_yield(): others wait */
             atomic { running = mem[STATE]; STORE(STATE, IN_STATE(running, READY)); running = 0; DISOWN };
             ready();
             break
#endif
          fi
       :: else ->
          strand_rest();
          if
          :: ok -> break
          :: else
          fi
       fi
    od;
    state = 0; ok = false; life_of = 0
}

proctype worker(byte me)
{
    byte state, c, seen, says, look_wakes, look_head, running, life_of;
    bool ok, again;
end:
    do
    :: atomic { queued > 0; queued-- }
       run_strand();
#ifdef BLOCKING
       if
       :: says == OVER -> thread_over = true; break
       :: else
       fi;
#endif
       says = 0
    od
}

proctype writer(byte me)
{
    byte state, n;
    bool ok;
    do
    :: n < PUTS ->
       n++;
       STORE(TAIL, n); /* put() */
#ifdef BREAK_PUT_FENCE
       LOAD(state, STATE);
#else
       FENCE_LOAD(state, STATE);
#endif
       wake_if_idle(); /* strand_wake() */
       state = 0; ok = false
    :: else -> break
    od
}

proctype nudger(byte me)
{
    byte state;
    bool ok;
    ADD(WAKES, 1);
#ifdef BREAK_NUDGE
    skip
#else
    strand_kick()
#endif
}

#define HOLD_RESTS ((BASE(state) == IDLE || BASE(state) == READY) && (kind == PLAIN || kind == PROGRAM))
#define HOLD_CALLS (BASE(state) == CALL && (kind == PLAIN))

/* held: the strand is ours, in HELD. */
inline hold()
{
    held = false;
    do
    :: LOAD(state, STATE);
       if
       :: HOLD_RESTS || HOLD_CALLS
       :: else -> break
       fi;
       atomic { FENCE; hold_lock == 0; hold_lock = 1 }
       CAS_DO(ok, STATE, state, IN_STATE(state, HELD), OWN);
       if
       :: ok -> held = true; held_from = BASE(state); break
       :: else -> hold_lock = 0
       fi
    od
}

inline release()
{
    LOAD(state, STATE);
    atomic { STORE_SC(STATE, IN_STATE(state, (held_from == CALL -> CALL : READY))); DISOWN };
    hold_lock = 0;
#ifdef BREAK_RELEASE
    skip
#else
    if
    :: held_from == IDLE -> ready()
    :: else
    fi
#endif
}

inline strand_post(change)
{
#ifdef BREAK_POST_ORDER /* looks for CALL and IDLE first */
    hold();
    STORE_SC(MAILBOX, change);
#else
    STORE_SC(MAILBOX, change);
    hold();
#endif
    if
    :: held ->
       EXCHANGE(c, MAILBOX, 0); /* apply_held() */
       if
       :: c != 0 -> apply(); c = 0
       :: else
       fi;
       release()
    :: else ->
#ifdef BREAK_POST_KICK
       skip
#else
       strand_kick()
#endif
    fi
}

/* The committer waits for the cut; with a deadline it may withdraw: the strand or we get the change, never both. */
inline wait_for_cut(change)
{
    if
    :: deadline ->
       EXCHANGE(c, MAILBOX, 0);
       if
       :: c != 0 -> withdrawn++
       :: else -> applied + withdrawn == change
       fi;
       c = 0
    :: !deadline && applied + withdrawn == change
    fi;
    assert(applied + withdrawn == change)
}

inline strand_activate()
{
    STORE_SC(STATE, IN_STATE(mem[STATE], IDLE));
    strand_kick()
}

proctype editor(byte me)
{
    byte state, c, n, held_from;
    bool ok, held, deadline;
    if
    :: deadline = true
    :: deadline = false
    fi;
    strand_activate();
    do
    :: n < CHANGES ->
       n++;
       strand_post(n);
       wait_for_cut(n);
       state = 0; ok = false; held = false; held_from = 0
    :: else -> break
    od;
    edits_over = true;
#ifdef LIVES
    if
    :: kind == RETIRE && last_applied ->
       retired; /* pipeline_reap() */
#ifdef BREAK_LIFE
       STORE_SC(STATE, IN_STATE(mem[STATE], FREE));
#else
       STORE_SC(STATE, IN_STATE(mem[STATE], FREE) + STRAND_STATES); /* strand_reset() */
#endif
       atomic { assert(queued == 0 && owners == 0); lives++; retired = false };
       strand_activate()
    :: else
    fi
#endif
}

/* When nothing moves any more: all that was announced is done. A retired strand leaves what comes behind its end. */
bool settled;
#ifdef LIVE
ltl settles { <> settled }
#endif

proctype at_rest()
{
    timeout;
    assert(applied + withdrawn == CHANGES);
    assert(mem[MAILBOX] == 0 && hold_lock == 0 && queued == 0);
    if
    :: retired -> assert(BASE(mem[STATE]) == ENDED)
    :: else ->
       assert(BASE(mem[STATE]) == IDLE);
       assert(head == PUTS);      /* every batch was taken */
       assert(wakes_seen == NUDGES)   /* the nudge led to a step */
    fi;
    settled = true
}

init
{
    atomic {
        if
        :: kind = PLAIN
        :: kind = PROGRAM
        :: kind = USER
        :: kind = RETIRE
        fi;
        run memory();
        run worker(0);
#ifndef BLOCKING
        run worker(1);
#endif
#if PUTS > 0
        run writer(2);
#endif
#if NUDGES > 0
        run nudger(3);
#endif
        run editor(4);
        run at_rest()
    }
}
