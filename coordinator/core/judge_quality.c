#include "coordinator/core/judge_quality.h"

#include <math.h>

#define ONE      1023 /* the cell's unit of loss */
/* Weight of a trial, once there were so many: an exponential mean of weight 1/16 has the
 * variance of 31 equal trials. Before, all of them count alike. */
#define SMOOTH   16
#define WORTH    31
/* Failures in a row that an answer ends and that still count as lost. Longer runs are an
 * outage: faults tell of it, and the loss after it is that of the way, not of the
 * outage. */
#define RUN_MAX  2
#define LOST_MAX 16

void plx_quality_interval(double p, double n, double *ret_low, double *ret_high)
{
    const double z = 1.96;
    if (n < 1) {
        *ret_low = 0;
        *ret_high = 1;
        return;
    }
    double mid = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *ret_low = mid - half < 0 ? 0 : mid - half;
    *ret_high = mid + half > 1 ? 1 : mid + half;
}

/* Steps are rounded away from 0, so that the mean reaches both ends. */
static void add_trial(struct plx_cell *c, bool lost)
{
    int n = c->loss_n + 1, weight = n < SMOOTH ? n : SMOOTH;
    int to = lost ? ONE : 0, away = to - c->loss;
    int step = away > 0 ? (away + weight - 1) / weight : -((weight - 1 - away) / weight);
    c->loss = (unsigned)(c->loss + step) & ONE;
    c->loss_n = (unsigned)(n > WORTH ? WORTH : n) & WORTH;
}

/* --- is it over? ---------------------------------------------------------------- */

/* `calm` of a lossy cell: so many answered since the loss may be over, and one lost? */
#define CALM_MAX  31u
#define CALM_LOST 32u

static uint32_t calm_answered(const struct plx_cell *c)
{
    return c->calm & CALM_MAX;
}

static uint32_t calm_lost(const struct plx_cell *c)
{
    return c->calm / CALM_LOST;
}

/* These trials are of the loss that stood after all. */
static void calm_fold(struct plx_cell *c)
{
    uint32_t answered = calm_answered(c), lost = calm_lost(c);
    c->calm = 0;
    while (answered-- > 0)
        add_trial(c, false);
    while (lost-- > 0)
        add_trial(c, true);
}

/* Nats by which the trials speak for the loss being over. */
static double calm_nats(const struct plx_cell *c)
{
    double low, high;
    plx_quality_interval((double)c->loss / ONE, c->loss_n, &low, &high);
    low = low < PLX_LOSS_ENTER_LOW ? PLX_LOSS_ENTER_LOW : low > 0.98 ? 0.98 : low;
    return calm_answered(c) * log((1 - PLX_LOSS_OVER) / (1 - low)) +
           calm_lost(c) * log(PLX_LOSS_OVER / low);
}

/* What was lost before says no more about the way. */
static void forget_before(struct plx_cell *c)
{
    c->loss = c->loss_n = 0;
    calm_fold(c);
}

/* One more trial of a path that is lossy. */
static void calm_trial(struct plx_cell *c, bool lost)
{
    if (lost && calm_lost(c) > 0)
        calm_fold(c);
    c->calm = (c->calm + (lost ? CALM_LOST : 1u)) & 63u;
    double nats = calm_nats(c);
    c->lossy = nats < PLX_LOSS_NATS && plx_quality_loss(c) >= PLX_LOSS_LEAVE;
    if (nats >= PLX_LOSS_NATS)
        forget_before(c);
    else if (nats <= 0 || !c->lossy || calm_answered(c) == CALM_MAX)
        calm_fold(c);
}

double plx_quality_loss(const struct plx_cell *c)
{
    if (c->calm == 0)
        return (double)c->loss / ONE;
    struct plx_cell all = *c;
    calm_fold(&all);
    return (double)all.loss / ONE;
}

/* --- what is counted ------------------------------------------------------------ */

static bool becomes_lossy(const struct plx_cell *c)
{
    double p = (double)c->loss / ONE, low, high;
    if (p < PLX_LOSS_ENTER || c->loss_n < PLX_LOSS_LEAST)
        return false;
    plx_quality_interval(p, c->loss_n, &low, &high);
    return low >= PLX_LOSS_ENTER_LOW;
}

void plx_quality_failed(struct plx_cell *c, bool timed_out, uint32_t resent)
{
    if (!(c->flags & PLX_CELL_FAILING))
        c->n_lost = 0;
    uint32_t lost = c->n_lost + (timed_out ? 1 + resent : resent);
    c->n_lost = (uint8_t)(lost < LOST_MAX ? lost : LOST_MAX);
}

static void count(struct plx_cell *c, bool lost)
{
    if (c->lossy)
        calm_trial(c, lost);
    else
        add_trial(c, lost);
}

bool plx_quality_answered(struct plx_cell *c, uint32_t lost)
{
    bool was = c->lossy;
    if ((c->flags & PLX_CELL_FAILING) && !(c->flags & PLX_CELL_COVERED) &&
        c->n <= RUN_MAX)
        lost += c->n_lost;
    if (lost == 0 && c->loss == 0 && c->loss_n == WORTH)
        return false;
    for (uint32_t i = 0; i < lost && i < LOST_MAX; i++)
        count(c, true);
    count(c, false);
    if (!was && lost > 0)
        c->lossy = becomes_lossy(c);
    return c->lossy != was;
}

bool plx_quality_time(struct plx_evidence *ev, const struct plx_fleet_monitor *m)
{
    bool changed = false;
    for (uint32_t i = m->cell0; i < m->cell0 + m->n_cells; i++) {
        struct plx_packed *c = &ev->cells.at[i];
        double bound =
            (double)m->terms->degraded_above_us * (c->slow ? PLX_LATENCY_LEAVE : 1.0);
        bool slow =
            m->terms->degraded_above_us > 0 && (double)plx_rtt_unpack(c->rtt) > bound;
        changed |= slow != c->slow;
        c->slow = slow;
    }
    return changed;
}
