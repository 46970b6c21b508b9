/* SPDX-License-Identifier: MIT */
/*
 * queueing - the few formulas of queueing theory that the verdict needs
 *
 * A *load* (in Erlang) is how many leases are out on average if nobody ever
 * waits: arrivals per second times the seconds that one is held.
 */
#ifndef ANALYZER_QUEUEING_H
#define ANALYZER_QUEUEING_H

/*
 * The most leases out at once, looked at `looks` times, independently, if they
 * arrive at random and nobody waits: the number out is then Poisson around the
 * load, and this is what it exceeds at one look in `looks`.
 */
double queueing_peak(double load, double looks);

/*
 * The smallest pool in which at most `waits` (0.05) of the acquires wait, if
 * they arrive at random: Erlang's C formula.  What comes in bursts needs more.
 */
unsigned queueing_size(double load, double waits);

/*
 * The same, if the load is that of so many threads that take turns
 * (queueing_closed()): those that have one do not ask, so fewer wait.
 */
unsigned queueing_size_closed(double threads, double load, double waits);

/*
 * The load that `threads` make which take turns in thinking for `think_s` and
 * holding one for `hold_s`, when none of them ever waits.
 */
double queueing_closed(double threads, double hold_s, double think_s);

#endif
