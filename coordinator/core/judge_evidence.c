#include "coordinator/core/judge_evidence.h"

#include "coordinator/core/judge_quality.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TK_NS     (PLX_SEC_NS / PLX_TK_PER_SEC)
/* Buckets of the agents' rings of opens: 4 s, and 64 s for what is long past. */
#define BUCKET_TK (4 * PLX_TK_PER_SEC)
/* Buckets of the finer rings: 1/8 s, 8 s in all. */
#define FINE_TK   (PLX_TK_PER_SEC / 8)
/* An agent fails when it fails on one probe in so many, and on so many in 4 s. */
#define BAD_SHARE 5u
#define BAD_LEAST 8u
/* Results in 4 s from which on an agent is busy: each of them speaks for 3.9 nats. */
#define BUSY      64u
#define LONG_TK   (16 * BUCKET_TK)
/* Weight of a new result in the smoothed latency (about the last 16). */
#define SMOOTH    16

void plx_evidence_fini(struct plx_evidence *ev)
{
    plx_cells_fini(&ev->cells);
    free(ev->changed);
    *ev = (struct plx_evidence){0};
}

uint32_t plx_evidence_ticks(struct plx_evidence *ev, struct plx_wall t)
{
    if (ev->epoch_ns == 0)
        ev->epoch_ns = t.ns - PLX_DAY_NS;
    int64_t tk = (t.ns - ev->epoch_ns) / TK_NS;
    return tk < 1 ? 1 : tk > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)tk;
}

struct plx_wall plx_evidence_wall(const struct plx_evidence *ev, uint32_t ticks)
{
    return (struct plx_wall){ticks == 0 ? 0 : ev->epoch_ns + (int64_t)ticks * TK_NS};
}

/* --- cells ---------------------------------------------------------------------------
 */

uint32_t plx_evidence_place(const struct plx_fleet_monitor *mon, uint32_t agent)
{
    uint32_t lo = 0, hi = mon->n_cells;
    const uint16_t *agents = hi > 0 ? mon->watchers->agents : NULL;
    if (agent < hi && agents[agent] == agent)
        return agent;      /* everybody watches it: the usual case */
    while (hi - lo > 16) { /* many agents: halve; few: walk */
        uint32_t mid = lo + (hi - lo) / 2;
        if (agents[mid] <= agent)
            lo = mid;
        else
            hi = mid;
    }
    for (; lo < hi; lo++)
        if (agents[lo] == agent)
            return lo;
    return PLX_NO_CELL;
}

void plx_evidence_foresee(const struct plx_evidence *ev,
                          const struct plx_fleet_monitor *mon, uint32_t agent)
{
    if (mon->n_cells > 0)
        __builtin_prefetch(
            &ev->cells.at[mon->cell0 + (agent < mon->n_cells ? agent : mon->n_cells / 2)],
            1);
}

static void changed_reach(struct plx_evidence *ev, uint32_t n)
{
    if (n <= ev->n_changed)
        return;
    size_t words = n / 64 + 1, old = ev->n_changed == 0 ? 0 : ev->n_changed / 64 + 1;
    ev->changed = realloc(ev->changed, words * sizeof *ev->changed);
    if (ev->changed == NULL)
        abort();
    memset(ev->changed + old, 0, (words - old) * sizeof *ev->changed);
    ev->n_changed = n;
}

void plx_evidence_solved(struct plx_evidence *ev)
{
    if (ev->n_changed > 0)
        memset(ev->changed, 0, (ev->n_changed / 64 + 1) * sizeof *ev->changed);
    ev->moved = ev->receded = ev->dirty = false;
}

/* What is known of the monitor's cells goes to where they are from now on, if they are
 * any more. */
static void carry_over(struct plx_evidence *ev, struct plx_fleet *fleet,
                       const struct plx_fleet_monitor *old, uint32_t at,
                       const uint32_t *agents, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct plx_fleet_agent *a = &fleet->agents[agents[i]];
        uint32_t k = plx_evidence_place(old, agents[i]);
        if (k == PLX_NO_CELL)
            continue;
        uint8_t flags = ev->cells.at[old->cell0 + k].flags;
        a->n_cells -= !(flags & PLX_CELL_SPARE); /* it had it */
        plx_cells_move(&ev->cells, old->cell0 + k, at + i);
        plx_cells_set_failing(&ev->cells, at + i, flags & PLX_CELL_FAILING, a->held);
    }
}

/* What the agents owe: spares owe nothing. */
static void note_watchers(struct plx_evidence *ev, struct plx_fleet *fleet,
                          uint32_t monitor, uint32_t at, const uint32_t *agents,
                          const bool *spare, uint32_t n)
{
    int64_t every = (int64_t)fleet->monitors[monitor].terms->interval_tk * TK_NS;
    for (uint32_t i = 0; i < n; i++) {
        struct plx_fleet_agent *a = &fleet->agents[agents[i]];
        uint8_t *flags = &ev->cells.at[at + i].flags;
        *flags &= (uint8_t)~PLX_CELL_SPARE;
        if (spare[i]) {
            *flags |= PLX_CELL_SPARE;
            continue;
        }
        a->n_cells++;
        if (a->min_interval_ns == 0 || every < a->min_interval_ns)
            a->min_interval_ns = every;
    }
}

/* The cells that were not carried over are no more. */
static void forget(struct plx_evidence *ev, struct plx_fleet *fleet,
                   const struct plx_fleet_monitor *old, const uint32_t *agents,
                   uint32_t n)
{
    for (uint32_t k = 0, i = 0; k < old->n_cells; k++) {
        while (i < n && agents[i] < old->watchers->agents[k])
            i++;
        if (i < n && agents[i] == old->watchers->agents[k])
            continue;
        struct plx_fleet_agent *a = plx_fleet_agent(fleet, old->watchers->agents[k]);
        uint8_t flags = ev->cells.at[old->cell0 + k].flags;
        if (a != NULL && a->n_cells > 0 && !(flags & PLX_CELL_SPARE))
            a->n_cells--;
        if (a != NULL && a->n_failing > 0 && (flags & PLX_CELL_FAILING))
            a->n_failing--;
    }
    plx_cells_forget(&ev->cells, old->cell0, old->n_cells);
}

static void note_move(void *context, uint32_t monitor, uint32_t cell0)
{
    struct plx_fleet *fleet = context;
    fleet->monitors[monitor].cell0 = cell0;
}

void plx_evidence_assign(struct plx_evidence *ev, struct plx_fleet *fleet,
                         uint32_t monitor, const uint32_t *agents, const bool *spare,
                         uint32_t n)
{
    struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    uint32_t at = plx_cells_append(&ev->cells, monitor, n);
    carry_over(ev, fleet, m, at, agents, n);
    forget(ev, fleet, m, agents, n);
    note_watchers(ev, fleet, monitor, at, agents, spare, n);
    plx_fleet_watch(fleet, monitor, agents, n);
    m->cell0 = at;
    changed_reach(ev, fleet->n_monitors);
    plx_evidence_note(ev, monitor);
    ev->dirty = ev->moved = ev->receded = true;
    if (ev->cells.garbage > 64 && ev->cells.garbage > ev->cells.n / 4)
        plx_cells_compact(&ev->cells, note_move, fleet);
    plx_cells_reserve(&ev->cells);
}

/* --- numbers kept small --------------------------------------------------------------
 */

uint32_t plx_rtt_unpack(uint16_t packed)
{
    return packed == 0 ? 0 : (uint32_t)(exp2((packed - 1) / 2048.0) + 0.5);
}

/* A cheap logarithm to base 2 (error < 0.01 octave) for the hot path: the exponent plus a
 * parabola through the mantissa. */
static uint16_t rtt_pack_fast(uint32_t us)
{
    if (us == 0)
        return 0;
    unsigned e = 31u - (unsigned)__builtin_clz(us);
    uint32_t frac =
        (uint32_t)(((uint64_t)us << (31 - e)) & 0x7fffffffu) >> 20; /* 11 bit */
    uint32_t bow = (frac * (2048 - frac)) >> 11;                    /* 0…512 */
    return (uint16_t)((e << 11) + frac + bow * 708 / 2048 / 2 + 1);
}

static uint16_t smooth(uint16_t old, uint16_t new, bool first)
{
    if (first)
        return new;
    int32_t step = ((int32_t) new - (int32_t)old);
    return (uint16_t)(old + step / SMOOTH);
}

/* --- one result ----------------------------------------------------------------------
 */

static enum plx_fail_kind kind_of(const struct plx_judge_result *r)
{
    switch (r->outcome) {
    case PLX_OUTCOME_REFUSED:
        return PLX_KIND_REFUSED;
    case PLX_OUTCOME_TIMEOUT:
        return PLX_KIND_TIMEOUT;
    case PLX_OUTCOME_DNS_FAILURE:
        return PLX_KIND_DNS;
    case PLX_OUTCOME_UNREACHABLE:
        if (r->unreach == PLX_UNREACH_HOST)
            return PLX_KIND_HOST;
        if (r->unreach == PLX_UNREACH_PROHIBITED || r->unreach == PLX_UNREACH_PORT)
            return PLX_KIND_PROHIBITED;
        return PLX_KIND_NET;
    default:
        return PLX_KIND_RESET;
    }
}

bool plx_evidence_is_expected(const struct plx_fleet_monitor *m,
                              const struct plx_judge_result *r)
{
    bool refused = r->outcome == PLX_OUTCOME_REFUSED;
    bool filtered =
        r->outcome == PLX_OUTCOME_TIMEOUT ||
        (r->outcome == PLX_OUTCOME_UNREACHABLE &&
         (r->unreach == PLX_UNREACH_PROHIBITED || r->unreach == PLX_UNREACH_PORT));
    switch ((enum plx_expect)m->expect) {
    case PLX_EXPECT_REFUSED:
        return refused;
    case PLX_EXPECT_FILTERED:
        return filtered;
    case PLX_EXPECT_CLOSED:
        return refused || filtered;
    case PLX_EXPECT_OPEN:
        break;
    }
    return r->outcome == PLX_OUTCOME_OPEN;
}

static void ring_add(struct plx_ring *r, uint32_t b)
{
    if (b > r->top) {
        uint32_t gap = b - r->top;
        for (uint32_t i = 1; i <= gap && i <= PLX_RING; i++)
            r->n[(r->top + i) % PLX_RING] = 0;
        r->top = b;
    }
    if (r->top - b < PLX_RING && r->n[b % PLX_RING] < UINT16_MAX)
        r->n[b % PLX_RING]++;
}

/* The first bucket that the ring still has. */
static uint32_t ring_first(const struct plx_ring *r)
{
    return r->top + 1 > PLX_RING ? r->top + 1 - PLX_RING : 0;
}

/* Sum of the buckets from `from` to `to`, as far as the ring reaches. */
static uint32_t ring_sum(const struct plx_ring *r, uint32_t from, uint32_t to)
{
    uint32_t sum = 0;
    if (from < ring_first(r))
        from = ring_first(r);
    for (uint32_t b = from; b <= to && b <= r->top; b++)
        sum += r->n[b % PLX_RING];
    return sum;
}

bool plx_evidence_is_busy(const struct plx_fleet_agent *a)
{
    return (int64_t)a->n_cells * BUCKET_TK * TK_NS >= BUSY * a->min_interval_ns &&
           a->n_cells > BUSY;
}

uint32_t plx_evidence_bad_until(const struct plx_fleet_agent *a)
{
    uint32_t b = a->fails.top;
    for (uint32_t i = 0; i < PLX_RING && b > 0; i++, b--) {
        uint32_t bad = ring_sum(&a->fails, b, b), ok = ring_sum(&a->opens, b, b);
        uint32_t end = (b + 1) * BUCKET_TK - 1;
        if (bad >= BAD_LEAST && bad * BAD_SHARE >= bad + ok)
            return end < a->fail_last ? end : a->fail_last;
    }
    return 0;
}

void plx_evidence_opens_by_step(const struct plx_fleet_agent *a, uint32_t now,
                                uint32_t step_tk, uint32_t n, float *ret)
{
    uint32_t b = a->opens.top + 1, last = ring_first(&a->opens);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t back = (i + 1) * step_tk, since = now > back ? now - back : 0;
        ret[i] = 0;
        while (b > last && b - 1 > since / BUCKET_TK)
            ret[i] += a->opens.n[--b % PLX_RING];
    }
}

/* The bucket that `since` falls into does not count, unless it holds so much that it must
 * not be ignored: then what came after `since` is counted from the finer ring. */
uint32_t plx_evidence_opens(const struct plx_fleet_agent *a, uint32_t since)
{
    uint32_t b = since / BUCKET_TK, sum = ring_sum(&a->opens, b + 1, UINT32_MAX);
    if (b + 1 >= ring_first(&a->opens)) {
        if (ring_sum(&a->opens, b, b) >= BUSY)
            sum += ring_sum(&a->fine, since / FINE_TK + 1,
                            (b + 1) * (BUCKET_TK / FINE_TK) - 1);
        return sum;
    }
    uint32_t all = ring_sum(&a->opens_long, since / LONG_TK + 1, UINT32_MAX);
    return all > sum ? all : sum;
}

double plx_evidence_noise(const struct plx_fleet_agent *agent,
                          const struct plx_judge_policy *policy)
{
    if (agent == NULL || (policy->without & PLX_JUDGE_WITHOUT_NOISE))
        return policy->p_noise;
    double w = policy->noise_weight;
    double p = (policy->p_noise * w + agent->n_bad) / (w + agent->n_ok + agent->n_bad);
    return p < 0.002 ? 0.002 : p > 0.2 ? 0.2 : p;
}

/* A failing run ended that no fault explained: that is what noise looks like here. Long
 * runs were more than noise, even if nobody found out what. */
static void learn_noise(struct plx_evidence *ev, struct plx_fleet_agent *a,
                        const struct plx_cell *c)
{
    if ((c->flags & PLX_CELL_COVERED) || c->n_apart > 2)
        return;
    a->n_bad += c->n_apart;
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        ev->kinds[k] += c->kinds[k] > 2 ? 2 : c->kinds[k];
}

static void age_noise(struct plx_fleet_agent *a)
{
    if (a->n_ok + a->n_bad < 4000)
        return;
    a->n_ok /= 2;
    a->n_bad /= 2;
}

static void run_open(struct plx_evidence *ev, struct plx_fleet_agent *a,
                     struct plx_cell *c, uint32_t tk, bool answered)
{
    a->n_ok++;
    if (answered) {
        ring_add(&a->opens, tk / BUCKET_TK);
        ring_add(&a->fine, tk / FINE_TK);
        ring_add(&a->opens_long, tk / LONG_TK);
    }
    if ((c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_FAILING)) {
        if (c->n < UINT8_MAX)
            c->n++;
        c->last = tk;
        if (tk - c->other > PLX_OTHER_TK)
            c->other = 0;
        return;
    }
    if (c->flags & PLX_CELL_FAILING) {
        learn_noise(ev, a, c);
        age_noise(a);
        a->n_failing -= a->n_failing > 0;
    }
    c->other = c->flags & PLX_CELL_FAILING ? c->last : 0;
    c->n_other = c->n;
    c->first = c->last = tk;
    c->n = 1;
    c->flags &= (uint8_t) ~(PLX_CELL_FAILING | PLX_CELL_COVERED);
    ev->dirty = true;
}

/* A failure that the burst before it does not account for. A monitor probed more often
 * than a burst lasts never leaves such a gap: its failures count once for each burst's
 * length. */
static bool is_apart(const struct plx_cell *c, uint32_t tk, uint32_t burst_tk,
                     uint32_t interval_tk)
{
    if (interval_tk < burst_tk)
        return tk - c->first >= c->n_apart * burst_tk;
    return tk - c->last >= burst_tk;
}

static void run_fail(struct plx_evidence *ev, struct plx_fleet_agent *a,
                     struct plx_cell *c, uint32_t tk, bool apart, enum plx_fail_kind kind)
{
    bool more = c->flags & PLX_CELL_FAILING; /* of the same, which changes nothing */
    ev->again = !a->held && more && (c->flags & PLX_CELL_COVERED);
    ev->dirty |= !a->held && !ev->again;
    if (!(c->flags & PLX_CELL_FAILING)) {
        c->other = c->flags & PLX_CELL_SEEN ? c->last : 0;
        c->n_other = c->n;
        c->first = c->last = tk;
        c->n = c->n_apart = 1;
        a->n_failing++;
        memset(c->kinds, 0, sizeof c->kinds);
        c->flags |= PLX_CELL_FAILING;
        c->flags &= (uint8_t)~PLX_CELL_COVERED;
    } else {
        if (apart && c->n_apart < UINT8_MAX)
            c->n_apart++;
        if (c->n < UINT8_MAX)
            c->n++;
        c->last = tk;
    }
    ring_add(&a->fails, tk / BUCKET_TK);
    if (tk > a->fail_last)
        a->fail_last = tk;
    if (c->kinds[kind] < UINT8_MAX)
        c->kinds[kind]++;
}

/* Drift of the clock offset: it may rise by this a sample, and falls at once. */
#define OFFSET_RISE_NS (5 * PLX_MS_NS)
/* Samples before an offset is used. */
#define OFFSET_MIN     3

/* An answered probe takes its round trip and then travels to us: what is left of (learned
 * - measured) is the agent's clock error plus a short delay. The least of it, which rises
 * only slowly, corrects the agent's times to ours. */
static void learn_offset(struct plx_fleet_agent *a, const struct plx_judge_result *r)
{
    if (r->outcome != PLX_OUTCOME_OPEN && r->outcome != PLX_OUTCOME_REFUSED)
        return;
    int64_t sample = plx_wall_diff(r->now, r->at) - (int64_t)r->rtt_us * PLX_US_NS;
    if (sample > 10 * PLX_SEC_NS || sample < -10 * PLX_SEC_NS)
        return; /* spooled, or a broken clock: not what this is about */
    int64_t up = sample - a->offset_ns;
    if (a->offset_n == 0 || up < 0)
        a->offset_ns = sample;
    else
        a->offset_ns += up < OFFSET_RISE_NS ? up : OFFSET_RISE_NS;
    if (a->offset_n < UINT8_MAX)
        a->offset_n++;
}

/* When the probe began, by our clock: never later than when we learned of it. */
static uint32_t corrected(struct plx_evidence *ev, const struct plx_fleet_agent *a,
                          const struct plx_judge_result *r)
{
    int64_t at = r->at.ns + (a->offset_n >= OFFSET_MIN ? a->offset_ns : 0);
    at = at > r->now.ns ? r->now.ns : at;
    return plx_evidence_ticks(ev, (struct plx_wall){at});
}

static void take_local(struct plx_evidence *ev, struct plx_fleet_agent *a,
                       struct plx_packed *p, bool skipped, uint32_t tk)
{
    p->flags = (uint8_t)((p->flags | PLX_CELL_LOCAL) & ~PLX_CELL_PENDING);
    if (p->flags & PLX_CELL_SPARE)
        return; /* it may not be allowed to probe what it does not watch */
    if (a->local_n == 0) {
        a->local_first = tk;
        a->local_soft = false;
    }
    a->local_well = false;
    a->local_soft |= skipped;
    if (a->local_n < UINT16_MAX)
        a->local_n++;
    if (tk > a->local_last)
        a->local_last = tk;
    ev->dirty = true;
}

bool plx_evidence_cannot_probe(const struct plx_fleet_agent *agent)
{
    return agent->local_n >= PLX_LOCAL_FIRM && !agent->local_soft;
}

/* It could probe. Who is short of descriptors, or loses its route now and then, gets a
 * probe through between two errors: that is over with the second good result in a row, or
 * when a round has passed without an error. */
static void end_local(struct plx_fleet_agent *a, uint32_t tk)
{
    uint32_t round = (uint32_t)(a->min_interval_ns / TK_NS);
    bool stray = plx_evidence_cannot_probe(a) && !a->local_well &&
                 tk < a->local_last + round - round / 8;
    a->local_well = stray;
    if (!stray)
        a->local_n = 0;
}

static void take_half(struct plx_evidence *ev, struct plx_cell *c, bool half)
{
    if (half == ((c->flags & PLX_CELL_HALF) != 0))
        return;
    c->flags ^= PLX_CELL_HALF;
    ev->dirty = true;
}

/* An agent that was not heard from for longer has been away. */
#define AWAY_NS (60 * PLX_SEC_NS)

void plx_evidence_heard(struct plx_evidence *ev, struct plx_fleet_agent *a,
                        const struct plx_judge_policy *policy, struct plx_wall now)
{
    if (now.ns <= a->heard_ns)
        return;
    if (a->silent && now.ns - a->heard_ns > AWAY_NS)
        a->back = plx_evidence_ticks(ev, (struct plx_wall){now.ns - policy->late_ns});
    a->heard_ns = now.ns;
}

/* A result as expected, or not, enters its cell. */
static void take_seen(struct plx_evidence *ev, struct plx_fleet_agent *a,
                      const struct plx_fleet_monitor *m, struct plx_cell *c,
                      const struct plx_judge_policy *policy,
                      const struct plx_judge_result *r, uint32_t tk)
{
    bool ok = plx_evidence_is_expected(m, r);
    bool timed_out = r->outcome == PLX_OUTCOME_TIMEOUT;
    if (r->kind == PLX_JUDGE_SCHEDULED)
        c->sched = (uint16_t)tk;
    bool ahead = ok && r->kind == PLX_JUDGE_CONFIRM;
    c->flags &= (uint8_t) ~(PLX_CELL_PENDING | PLX_CELL_LOCAL | PLX_CELL_LATE);
    /* Asked for after something failed: it began after that, whatever the clocks say.
     * What follows it was measured later, though perhaps not by so much. */
    tk += ahead ? (uint32_t)(policy->slack_ns / TK_NS) : 0;
    tk = tk < c->last ? c->last : tk;
    if (ok) {
        end_local(a, tk);
        if (!timed_out) /* where silence is expected it is no loss */
            ev->dirty |= plx_quality_answered(c, r->syn_retrans);
        run_open(ev, a, c, tk, !timed_out);
        if (r->rtt_us != 0)
            c->rtt = smooth(c->rtt, rtt_pack_fast(r->rtt_us), c->rtt == 0);
    } else {
        uint32_t burst_tk = (uint32_t)(policy->burst_ns / TK_NS);
        plx_quality_failed(c, timed_out, r->syn_retrans);
        run_fail(ev, a, c, tk, is_apart(c, tk, burst_tk, m->terms->interval_tk),
                 kind_of(r));
    }
    ev->receded |= ok && r->outcome == PLX_OUTCOME_TIMEOUT &&
                   (c->flags & PLX_CELL_SEEN) && c->outcome != PLX_OUTCOME_TIMEOUT;
    c->flags |= PLX_CELL_SEEN;
    take_half(ev, c, ok && r->half_up);
    c->outcome = r->outcome & 15;
    c->unreach = r->unreach & 7;
}

/* A newer result came before it: it says nothing about the present. What was as expected
 * may be dated later than it was measured, by the slack (take_seen). */
static bool is_overtaken(const struct plx_packed *p,
                         const struct plx_judge_policy *policy, uint32_t tk)
{
    bool failing = p->flags & PLX_CELL_FAILING;
    return tk + (failing ? 0 : (uint32_t)(policy->slack_ns / TK_NS)) < p->last;
}

int plx_evidence_take(struct plx_evidence *ev, struct plx_fleet *fleet,
                      const struct plx_judge_policy *policy,
                      const struct plx_judge_result *r)
{
    struct plx_fleet_agent *a = &fleet->agents[r->agent];
    const struct plx_fleet_monitor *m = &fleet->monitors[r->monitor];
    uint32_t k = plx_evidence_place(m, r->agent);
    ev->of_held = ev->again = false;
    if (k == PLX_NO_CELL)
        return PLX_ENOTFOUND;
    uint32_t i = m->cell0 + k;
    struct plx_packed *p = &ev->cells.at[i];
    if (r->kind == PLX_JUDGE_SCHEDULED && (p->flags & PLX_CELL_SPARE))
        return PLX_ENOTFOUND;
    if (r->kind == PLX_JUDGE_SCHEDULED)
        ev->n_scheduled++;
    int64_t age_ns = plx_wall_diff(r->now, r->at);
    if (age_ns > policy->late_ns) {
        p->flags |= PLX_CELL_LATE;
        return 0;
    }
    if (age_ns < policy->silent_ns)
        plx_evidence_heard(ev, a, policy, r->now);
    learn_offset(a, r);
    uint32_t tk = corrected(ev, a, r);
    if (plx_outcome_is_local(r->outcome)) {
        take_local(ev, a, p, r->outcome == PLX_OUTCOME_SKIPPED, tk);
        return 0;
    }
    if (is_overtaken(p, policy, tk))
        return 0;
    struct plx_cell c;
    plx_cells_read(&ev->cells, i, (uint16_t)r->agent, &c);
    bool failed = c.flags & PLX_CELL_FAILING;
    take_seen(ev, a, m, &c, policy, r, tk);
    plx_cells_put(&ev->cells, i, &c);
    if (!failed && !(c.flags & PLX_CELL_FAILING))
        return 0;
    ev->of_held = ev->cells.held[i >> 6] >> (i & 63) & 1;
    if (!failed || !(c.flags & PLX_CELL_FAILING) || !a->held)
        plx_evidence_note(ev, r->monitor);
    plx_cells_set_failing(&ev->cells, i, c.flags & PLX_CELL_FAILING, a->held);
    return 0;
}
