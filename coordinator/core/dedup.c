#include "coordinator/core/dedup.h"

struct plx_dedup plx_dedup_decide(uint64_t high_water, uint64_t first_seq, uint64_t n)
{
    struct plx_dedup d = {.verdict = PLX_DEDUP_INVALID, .high_water = high_water};
    if (n == 0 || first_seq == 0 || first_seq > PLX_DEDUP_SEQ_MAX ||
        n - 1 > PLX_DEDUP_SEQ_MAX - first_seq)
        return d;
    uint64_t last_seq = first_seq + (n - 1);
    if (last_seq <= high_water) {
        d.verdict = PLX_DEDUP_REPEAT;
        d.skip = n;
    } else if (first_seq - 1 > high_water) {
        d.verdict = PLX_DEDUP_HOLE;
    } else {
        d.verdict = PLX_DEDUP_TAKE;
        d.skip = high_water - (first_seq - 1);
        d.take = n - d.skip;
        d.high_water = last_seq;
    }
    return d;
}

const char *plx_dedup_token(enum plx_dedup_verdict verdict)
{
    switch (verdict) {
    case PLX_DEDUP_TAKE:
        return "take";
    case PLX_DEDUP_REPEAT:
        return "repeat";
    case PLX_DEDUP_HOLE:
        return "hole";
    case PLX_DEDUP_INVALID:
        return "invalid";
    }
    return "unknown";
}
