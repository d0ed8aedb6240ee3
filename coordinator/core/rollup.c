#include "coordinator/core/rollup.h"

#include "base/err.h"

/* First byte of an encoded one. */
#define FORMAT 1

int64_t plx_rollup_span_ns(enum plx_rollup_level level)
{
    switch (level) {
    case PLX_ROLLUP_MINUTE:
        return PLX_MIN_NS;
    case PLX_ROLLUP_HOUR:
        return PLX_HOUR_NS;
    default:
        return PLX_DAY_NS;
    }
}

int64_t plx_rollup_part(enum plx_rollup_level level)
{
    return level == PLX_ROLLUP_MINUTE ? 15 : 6;
}

const char *plx_rollup_level_token(enum plx_rollup_level level)
{
    static const char *const tokens[] = {"1m", "1h", "1d"};
    return level < PLX_ROLLUP_LEVELS_ ? tokens[level] : "";
}

struct plx_wall plx_rollup_bucket(enum plx_rollup_level level, struct plx_wall t)
{
    int64_t span_ns = plx_rollup_span_ns(level), into_ns = t.ns % span_ns;
    return (struct plx_wall){t.ns - (into_ns < 0 ? into_ns + span_ns : into_ns)};
}

void plx_rollup_fini(struct plx_rollup *rollup)
{
    plx_sketch_fini(&rollup->latency);
    *rollup = (struct plx_rollup){0};
}

bool plx_rollup_takes(enum plx_probe_kind kind)
{
    return kind == PLX_PROBE_SCHEDULED || kind == PLX_PROBE_RETRY ||
           kind == PLX_PROBE_CONFIRM;
}

static void bump(uint32_t *count, uint64_t by)
{
    *count = by > UINT32_MAX - *count ? UINT32_MAX : *count + (uint32_t)by;
}

static void add_latency(struct plx_rollup *r, uint32_t us)
{
    if (r->min_us == 0 || us < r->min_us)
        r->min_us = us;
    if (us > r->max_us)
        r->max_us = us;
    r->sum_us += us;
    plx_sketch_add(&r->latency, us);
}

void plx_rollup_add(struct plx_rollup *rollup, const struct plx_result *result)
{
    enum plx_outcome outcome = result->outcome;
    if (outcome <= PLX_OUTCOME_NONE || outcome >= PLX_OUTCOME_COUNT_)
        return;
    if (result->kind == PLX_PROBE_SCHEDULED) {
        bump(&rollup->outcomes[outcome], 1);
    } else {
        bump(&rollup->extra, 1);
        bump(&rollup->extra_failed, outcome != PLX_OUTCOME_OPEN);
    }
    if (plx_outcome_class(outcome) == PLX_CLASS_ANSWERED) {
        bump(&rollup->syns, UINT64_C(1) + result->syn_retrans);
        bump(&rollup->resent, result->syn_retrans);
    }
    if (outcome == PLX_OUTCOME_OPEN && result->rtt_us > 0)
        add_latency(rollup, result->rtt_us);
}

void plx_rollup_merge(struct plx_rollup *rollup, const struct plx_rollup *other)
{
    for (size_t i = 0; i < PLX_OUTCOME_COUNT_; i++)
        bump(&rollup->outcomes[i], other->outcomes[i]);
    bump(&rollup->extra, other->extra);
    bump(&rollup->extra_failed, other->extra_failed);
    bump(&rollup->syns, other->syns);
    bump(&rollup->resent, other->resent);
    if (other->min_us && (rollup->min_us == 0 || other->min_us < rollup->min_us))
        rollup->min_us = other->min_us;
    if (other->max_us > rollup->max_us)
        rollup->max_us = other->max_us;
    rollup->sum_us += other->sum_us;
    plx_sketch_merge(&rollup->latency, &other->latency);
}

uint64_t plx_rollup_probes(const struct plx_rollup *rollup)
{
    uint64_t n = 0;
    for (int o = PLX_OUTCOME_NONE + 1; o < PLX_OUTCOME_COUNT_; o++)
        if (!plx_outcome_is_local((enum plx_outcome)o))
            n += rollup->outcomes[o];
    return n;
}

/* Which outcomes occur is a word of bits; their counts follow. */
static void encode_outcomes(const struct plx_rollup *rollup, struct plx_buf *out)
{
    uint64_t which = 0;
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++)
        if (rollup->outcomes[o])
            which |= UINT64_C(1) << o;
    plx_varint_put(out, which);
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++)
        if (rollup->outcomes[o])
            plx_varint_put(out, rollup->outcomes[o]);
}

void plx_rollup_encode(const struct plx_rollup *rollup, struct plx_buf *out)
{
    plx_buf_char(out, FORMAT);
    encode_outcomes(rollup, out);
    plx_varint_put(out, rollup->extra);
    plx_varint_put(out, rollup->extra_failed);
    plx_varint_put(out, rollup->syns);
    plx_varint_put(out, rollup->resent);
    if (rollup->latency.n_bins == 0)
        return;
    plx_varint_put(out, rollup->min_us);
    plx_varint_put(out, rollup->max_us);
    plx_varint_put(out, rollup->sum_us);
    plx_sketch_encode(&rollup->latency, out);
}

struct reading {
    const uint8_t *bytes;
    size_t len, at;
    int err;
};

static uint64_t next(struct reading *in, uint64_t max)
{
    uint64_t value = 0;
    if (in->err == 0)
        in->err = plx_varint_get(in->bytes, in->len, &in->at, &value);
    if (in->err == 0 && value > max)
        in->err = PLX_EMALFORMED;
    return in->err == 0 ? value : 0;
}

static void decode_outcomes(struct reading *in, struct plx_rollup *ret)
{
    uint64_t which = next(in, (UINT64_C(1) << PLX_OUTCOME_COUNT_) - 1);
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++)
        if (which & UINT64_C(1) << o)
            ret->outcomes[o] = (uint32_t)next(in, UINT32_MAX);
}

int plx_rollup_decode(struct plx_rollup *rollup, const void *bytes, size_t len)
{
    struct reading in = {.bytes = bytes, .len = len, .at = 1};
    struct plx_rollup one = {0};
    if (len == 0 || in.bytes[0] != FORMAT)
        return PLX_EMALFORMED;
    decode_outcomes(&in, &one);
    one.extra = (uint32_t)next(&in, UINT32_MAX);
    one.extra_failed = (uint32_t)next(&in, UINT32_MAX);
    one.syns = (uint32_t)next(&in, UINT32_MAX);
    one.resent = (uint32_t)next(&in, UINT32_MAX);
    if (in.err == 0 && in.at < in.len) {
        one.min_us = (uint32_t)next(&in, UINT32_MAX);
        one.max_us = (uint32_t)next(&in, UINT32_MAX);
        one.sum_us = next(&in, UINT64_MAX);
    }
    plx_rollup_merge(rollup, &one);
    if (in.err == 0 && in.at < in.len)
        in.err = plx_sketch_decode(&rollup->latency, in.bytes, in.len, &in.at);
    return in.err == 0 && in.at != in.len ? PLX_EMALFORMED : in.err;
}
