/* SPDX-License-Identifier: MIT */
/*
 * cut.pml - edits that travel: the entry strand by mailbox, all others by a `cut` at the end of each channel that they read.
 *
 * Wake-ups and memory order are kick.pml's and channel.pml's business: here a strand takes a step whenever it can, and a channel is
 * a bounded queue that can be closed with a pill; leftovers stand behind what is in the ring. The graph, by -DGRAPH=:
 *
 *     LINE2     S(0) --0--> T(1)
 *     LINE3     S(0) --0--> U(1) --1--> T(2)
 *     DIAMOND   T(0) --0--> A(1) --2--> M(3)      T puts each item into both of its channels,
 *               T(0) --1--> B(2) --3--> M(3)      M takes from A and B in the order of arrival
 *     TAILED    the same, and M(3) --4--> K(5): a strand that merges passes the cut on
 *
 * Strand 0 makes ITEMS items. Two edits are made one after the other, the second while the first is still on its way. Each is of
 * any of the graph's kinds, see choose(). What an edit is:
 *
 *     entry    the strand that gets it by mailbox, applies it at its next boundary and never waits for data
 *     cut      the links whose channels are closed with this edit's cut; each is followed by a new channel of the same link
 *     part     the strands inside the region: they take the cut on *all* cut inlets before they apply (alignment)
 *     changed  the stages (strands here) whose program becomes another one
 *     retire, fresh   a strand that ends by the edit, one that begins
 *
 * A reader that is not `part` of the edit only goes on with the next channel at that inlet ("soft").
 *
 * What must hold. Each item comes to each end once and in order of its branch. G3: for each edit an item, and all copies of it, meet
 * either only old programs or only new ones of the stages that it changes. Each edit that was not withdrawn (its entry was over)
 * is applied by all of its strands. Nobody is stuck, whatever is full.
 */
#define LINE2   0
#define LINE3   1
#define DIAMOND 2
#define TAILED  3
#ifndef GRAPH
#define GRAPH DIAMOND
#endif
#ifndef CAP
#define CAP 1 /* batches that fit into a channel */
#endif
#ifndef ITEMS
#define ITEMS 3
#endif
#define EDITS 2
#define GENS  3 /* channels of a link: the first, and one for each edit */

#if GRAPH == LINE2
#define LINKS   1
#define STRANDS 2
#elif GRAPH == LINE3
#define LINKS   2
#define STRANDS 3
#elif GRAPH == DIAMOND
#define LINKS   4
#define STRANDS 5 /* with A2(4), which may take A's place */
#else
#define LINKS   5
#define STRANDS 6
#endif

#define CHANNEL(link, gen) ((link) * GENS + (gen))
#define LINK(channel)      ((channel) / GENS)
#define NONE 255
#define CUT  1
#define END  2
#define BIT(n) (1 << (n))

chan ring[LINKS * GENS] = [CAP + 1] of {byte, byte}; /* number of the item, what it met; one place more for a leftover */
byte closed[LINKS * GENS]; /* 0, CUT or END */
byte change[LINKS * GENS]; /* the edit whose part the reader makes at the cut: set when the edit is made, before the writer closes */
byte last[LINKS];          /* the newest channel of the link, when all edits so far have been applied */
byte mailbox[STRANDS]; /* 0, or the edit's number */
byte due[STRANDS];     /* cuts_due */
byte entry[EDITS + 1], cut[EDITS + 1], part[EDITS + 1], changed[EDITS + 1];
byte retire[EDITS + 1], fresh[EDITS + 1]; /* strands, or NONE */
byte soft[EDITS + 1];                     /* soft readers */
byte remaining[EDITS + 1];                /* strands that have not made their part */
bool withdrawn[EDITS + 1];
bool entered[EDITS + 1]; /* the entry has applied it */
bool over[STRANDS];
byte arrived[2];         /* at the last strand, by copy */
#if GRAPH >= DIAMOND
byte met_first[ITEMS + 1]; /* what the copy met that came first */
#endif

/* What an item met: two bits an edit: 0 nothing that the edit changes, 1 an old program, 2 a new one; and which copy it is. */
#define COPY 64
#define MET(met, e) (((met) >> (2 * ((e) - 1))) & 3)

/* The item meets this strand's program. */
inline meet(met)
{
    e = 1;
    do
    :: e <= EDITS ->
       if
       :: changed[e] & BIT(id) ->
          assert(MET(met, e) == 0 || MET(met, e) == (program & BIT(e) -> 2 : 1));
          met = met | ((program & BIT(e) -> 2 : 1) << (2 * (e - 1)))
       :: else
       fi;
       e++
    :: else -> break
    od;
    e = 0
}

/* channel_close(): takes the one batch that may be unsent. */
inline close(k, pill)
{
#ifdef BREAK_LEFTOVERS /* closes, and hands over then: see `late` */
    closed[out[k]] = pill;
    if
    :: unsent[k] -> late[k] = out[k]; late_item[k] = unsent[k]; late_met[k] = unsent_met[k]; unsent[k] = 0; unsent_met[k] = 0
    :: else
    fi
#else
    if
    :: unsent[k] -> ring[out[k]]!unsent[k], unsent_met[k]; unsent[k] = 0; unsent_met[k] = 0
    :: else
    fi;
    assert(closed[out[k]] == 0);
    closed[out[k]] = pill
#endif
}

/* apply(): edit `a`. Old outlets that it cuts are closed; the program is exchanged. */
inline apply()
{
    k = 0;
    do
    :: k < outlets ->
       if
       :: cut[a] & BIT(LINK(out[k])) ->
#ifdef BREAK_ONE_CUT
          if
          :: k == 0 -> close(k, CUT)
          :: else
          fi;
#else
          close(k, CUT);
#endif
#if GRAPH == LINE3
          out[k] = CHANNEL((retire[a] == 1 && id == 0 -> 1 : LINK(out[k])), a)
#else
          out[k] = CHANNEL(LINK(out[k]), a)
#endif
       :: else
       fi;
       k++
    :: else -> k = 0; break
    od;
    if
    :: changed[a] & BIT(id) -> program = program | BIT(a)
    :: else
    fi;
    assert(remaining[a] > 0);
    remaining[a]--;
    if
    :: id == entry[a] ->
       entered[a] = true;
       if
       :: fresh[a] != NONE -> run strand(fresh[a], a)
       :: else
       fi
    :: else -> assert(due[id] > 0); due[id]--
    fi;
    if
    :: retire[a] == id -> going = false
    :: else
    fi
}

/* A batch from inlet k. */
inline take_batch(k)
{
    ring[in[k]]?item, met;
    meet(met);
    if
    :: outlets -> unsent[0] = item; unsent_met[0] = met
    :: else ->
#if GRAPH >= DIAMOND
       e = (met & COPY) != 0;
       arrived[e]++;
       assert(item == arrived[e]);
       e = 0;
       met = (met & ~COPY) | 128;
       if
       :: met_first[item] == 0 -> met_first[item] = met
       :: else -> assert(met_first[item] == met)
       fi
#else
       arrived[0]++;
       assert(item == arrived[0])
#endif
    fi;
    item = 0; met = 0
}

/* A pill at the end of inlet k: channel_take() has found the channel empty, and looked twice. */
inline take_pill(k)
{
    if
    :: closed[in[k]] == END ->
       assert(!waiting[0] && !waiting[1]);
       ended = ended | BIT(k)
    :: else ->
       a = change[in[k]];
       assert(a != 0);
       in[k] = CHANNEL(LINK(in[k]), a);
       if
       :: !(part[a] & BIT(id)) -> assert(remaining[a] > 0); remaining[a]-- /* soft */
       :: else ->
          waiting[k] = a;
#ifdef BREAK_ALIGN /* the first cut is enough; those that follow mean nothing any more */
          if
          :: !(begun & BIT(a)) -> begun = begun | BIT(a); apply()
          :: else
          fi;
          waiting[k] = 0
#else
          if
          :: inlets == 1 || waiting[1 - k] == a || !(cut[a] & BIT(LINK(in[1 - k]))) ->
             waiting[0] = 0; waiting[1] = 0;
             apply()
          :: else
          fi
#endif
       fi
    fi;
    a = 0
}

/* A strand; `born`: the edit that it begins with, or 0. */
proctype strand(byte id; byte born)
{
    byte inlets, outlets;
    byte in[2], out[2];
    byte waiting[2]; /* the edit whose cut has come there, until it has come everywhere */
    byte ended;      /* inlets, as bits */
#ifdef BREAK_ALIGN
    byte begun;      /* edits, as bits */
#endif
    byte unsent[2], unsent_met[2];
#ifdef BREAK_LEFTOVERS
    byte late[2], late_item[2], late_met[2];
#endif
    byte program; /* edits that have changed it, as bits */
    byte made;
    bool going = true;
    byte item, met, e, k, a;

    d_step {
        if
        :: born -> program = BIT(born)
        :: else
        fi;
#if GRAPH >= DIAMOND
        if
        :: id == 0 -> outlets = 2; out[0] = CHANNEL(0, 0); out[1] = CHANNEL(1, 0)
        :: id == 1 -> inlets = 1; outlets = 1; in[0] = CHANNEL(0, 0); out[0] = CHANNEL(2, 0)
        :: id == 2 -> inlets = 1; outlets = 1; in[0] = CHANNEL(1, 0); out[0] = CHANNEL(3, 0)
        :: id == 3 -> inlets = 2; in[0] = CHANNEL(2, 0); in[1] = CHANNEL(3, 0);
#if GRAPH == TAILED
           outlets = 1; out[0] = CHANNEL(4, 0)
        :: id == 5 -> inlets = 1; in[0] = CHANNEL(4, 0)
#endif
        :: id == 4 -> inlets = 1; outlets = 1; in[0] = CHANNEL(0, born); out[0] = CHANNEL(2, born)
        fi
#else
        if
        :: id > 0 -> inlets = 1; in[0] = CHANNEL(id - 1, 0)
        :: else
        fi;
        if
        :: id < STRANDS - 1 -> outlets = 1; out[0] = CHANNEL(id, 0)
        :: else
        fi
#endif
    }
    do
    :: atomic { !going -> goto finish }
    :: atomic { going && (inlets > 0 && ended == BIT(inlets) - 1 || inlets == 0 && made == ITEMS && !unsent[0]) ->
       k = 0;
       do /* finish(): with what may be unsent, and END behind it */
       :: k < outlets -> close(k, END); k++
       :: else -> k = 0; break
       od;
       goto finish }

    /* the mailbox, at every boundary, also with something unsent that finds no room */
    :: atomic { going && mailbox[id] -> a = mailbox[id]; mailbox[id] = 0; apply(); a = 0 }

    /* a source makes an item; a tee puts it into all its outlets */
    :: atomic { going && inlets == 0 && made < ITEMS && !unsent[0] && !unsent[1] ->
       made++; met = 0; meet(met);
       unsent[0] = made; unsent_met[0] = met;
       if
       :: outlets == 2 -> unsent[1] = made; unsent_met[1] = met | COPY
       :: else
       fi;
       met = 0 }

    /* send: as far as there is room */
    :: atomic { going && unsent[0] && len(ring[out[0]]) < CAP -> ring[out[0]]!unsent[0], unsent_met[0]; unsent[0] = 0; unsent_met[0] = 0 }
    :: atomic { going && unsent[1] && len(ring[out[1]]) < CAP -> ring[out[1]]!unsent[1], unsent_met[1]; unsent[1] = 0; unsent_met[1] = 0 }

    /* take: nothing is unsent, and the inlet does not wait for its cut elsewhere */
#ifdef BREAK_STOP /* reads on behind the cut while it waits for the others */
#define OPEN(k) (going && k < inlets && !(ended & BIT(k)))
#else
#define OPEN(k) (going && k < inlets && !(ended & BIT(k)) && !waiting[k])
#endif
    :: atomic { OPEN(0) && !unsent[0] && nempty(ring[in[0]]) -> take_batch(0) }
    :: atomic { OPEN(1) && !unsent[0] && nempty(ring[in[1]]) -> take_batch(1) }

    /* a pill: the channel is read empty */
#ifdef BREAK_EMPTY /* or is not */
    :: atomic { OPEN(0) && closed[in[0]] -> take_pill(0) }
    :: atomic { OPEN(1) && closed[in[1]] -> take_pill(1) }
#else
    :: atomic { OPEN(0) && empty(ring[in[0]]) && closed[in[0]] -> take_pill(0) }
    :: atomic { OPEN(1) && empty(ring[in[1]]) && closed[in[1]] -> take_pill(1) }
#endif

#ifdef BREAK_LEFTOVERS
    :: atomic { late_item[0] -> ring[late[0]]!late_item[0], late_met[0]; late[0] = 0; late_item[0] = 0; late_met[0] = 0 }
    :: atomic { late_item[1] -> ring[late[1]]!late_item[1], late_met[1]; late[1] = 0; late_item[1] = 0; late_met[1] = 0 }
#endif
    od;

finish:
#ifdef BREAK_LEFTOVERS
    atomic {
        if
        :: late_item[0] -> ring[late[0]]!late_item[0], late_met[0]
        :: else
        fi
    };
    atomic {
        if
        :: late_item[1] -> ring[late[1]]!late_item[1], late_met[1]
        :: else
        fi
    };
#endif
    over[id] = true
}

#define SET(e, entry_, cut_, part_, changed_) entry[e] = entry_; cut[e] = cut_; part[e] = part_; changed[e] = changed_; soft[e] = 0

/* Which edit number `n` is. */
inline choose(n)
{
    retire[n] = NONE;
    fresh[n] = NONE;
#if GRAPH == LINE2
    if
    :: SET(n, 0, BIT(0), BIT(1), BIT(0) | BIT(1))
    :: SET(n, 1, 0, 0, BIT(1)) /* in place */
    fi
#elif GRAPH == LINE3
    if
    :: !popped -> SET(n, 0, BIT(0) | BIT(1), BIT(1) | BIT(2), BIT(0) | BIT(1) | BIT(2))
    :: !popped -> SET(n, 0, BIT(0), BIT(1), BIT(0) | BIT(1))
    :: !popped -> SET(n, 1, BIT(1), BIT(2), BIT(1) | BIT(2))
    :: !popped -> /* U leaves: S writes to T; all items that U meets have met the old S */
       SET(n, 0, BIT(0) | BIT(1), BIT(1), BIT(0) | BIT(1)); retire[n] = 1; soft[n] = 1; popped = true
    :: popped -> SET(n, 0, BIT(1), BIT(2), BIT(0) | BIT(2))
    fi
#else
    a = (replaced -> 4 : 1);
    if
#if GRAPH == TAILED
    :: SET(n, 0, 31, BIT(a) | BIT(2) | BIT(3) | BIT(5), BIT(0) | BIT(a) | BIT(2) | BIT(3) | BIT(5))
    :: SET(n, 0, 31, BIT(a) | BIT(2) | BIT(3) | BIT(5), BIT(2) | BIT(5)) /* B and K */
#else
    :: SET(n, 0, 15, BIT(a) | BIT(2) | BIT(3), BIT(0) | BIT(a) | BIT(2) | BIT(3))
    :: SET(n, 0, 15, BIT(a) | BIT(2) | BIT(3), BIT(a) | BIT(2) | BIT(3)) /* T's program stays */
#endif
    :: SET(n, 0, 15, BIT(a) | BIT(2) | BIT(3), BIT(3)) /* only M changes: the entry is T all the same */
#if GRAPH == DIAMOND
    :: !replaced -> /* A2 in A's place */
       SET(n, 0, BIT(0) | BIT(2), BIT(1), BIT(0) | BIT(1) | BIT(4)); retire[n] = 1; fresh[n] = 4; soft[n] = 1; replaced = true
#endif
#ifdef BREAK_REGION /* A and M change, and B, which is on another way to M, is left out */
    :: !replaced -> SET(n, 0, BIT(0) | BIT(2), BIT(1) | BIT(3), BIT(1) | BIT(3))
#endif
#ifdef BREAK_ENTRY /* M as its own entry, though copies of an item come to it on two ways */
    :: SET(n, 3, 0, 0, BIT(3))
#endif
    fi
#endif
}

/* Strands in `part[n]`: one more or less. */
inline count_due(n, by)
{
    a = 0;
    do
    :: a < STRANDS ->
       if
       :: part[n] & BIT(a) -> due[a] = due[a] + by; remaining[n] = remaining[n] + by
       :: else
       fi;
       a++
    :: else -> a = 0; break
    od
}

/* weir_commit(), twice. */
proctype editor()
{
    byte n, a;
    do
    :: n < EDITS ->
       n++;
       atomic {
#ifdef BREAK_DUE
           true;
#else
           due[entry[n]] == 0 || over[entry[n]]; /* wait_for_entry() */
#endif
           a = 0;
           do /* layout_change() */
           :: a < LINKS ->
              if
              :: cut[n] & BIT(a) -> change[CHANNEL(a, last[a])] = n; last[a] = n
              :: else
              fi;
              a++
           :: else -> break
           od;
           count_due(n, 1); /* announce() */
           remaining[n] = remaining[n] + 1 + soft[n];
           mailbox[entry[n]] = n   /* strand_post() */
       };
       atomic {
           entered[n] || over[entry[n]];
           if
           :: entered[n]
           :: else -> mailbox[entry[n]] = 0; withdrawn[n] = true; count_due(n, -1); remaining[n] = 0;
              a = 0;
              do
              :: a < LINKS -> last[a] = 0; a++ /* the second is withdrawn only if nothing follows */
              :: else -> a = 0; break
              od
           fi
       }
    :: else -> break
    od
}

bool settled;
#ifdef LIVE
ltl settles { <> settled }
#endif

proctype at_rest()
{
    byte i;
    timeout;
    assert(arrived[0] == ITEMS);
#if GRAPH >= DIAMOND
    assert(arrived[1] == ITEMS);
#endif
    for (i : 1 .. EDITS) {
        assert(withdrawn[i] != entered[i]);
        assert(remaining[i] == 0)
    }
    for (i : 0 .. STRANDS - 1) {
        assert(due[i] == 0 && mailbox[i] == 0);
    };
    settled = true
}

init
{
    byte a;
    bool popped, replaced;
    atomic {
        choose(1);
        choose(2);
        run strand(0, 0);
        run strand(1, 0);
#if GRAPH != LINE2
        run strand(2, 0);
#endif
#if GRAPH >= DIAMOND
        run strand(3, 0);
#endif
#if GRAPH == TAILED
        run strand(5, 0);
#endif
        run editor();
        run at_rest()
    }
}
