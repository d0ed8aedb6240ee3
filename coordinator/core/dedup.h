/* Sorting new from repeat: what of a numbered batch has not been counted yet.
 *
 * An agent numbers its results 1, 2, 3, … in a stream and sends contiguous ranges of
 * them, again and again until they are acknowledged. What must be remembered per stream
 * is one number, the high-water mark: everything up to and including it is counted (as a
 * result or as an explicit gap), nothing behind it is. Because only a range that joins
 * the mark is taken, a number is counted at most once and no number is passed over
 * silently.
 *
 * A range of results and a range the agent had to drop (LOST) follow the same rule; the
 * second becomes a gap. A stream without a row has mark 0 and so begins at 1: an agent
 * that no longer has the numbers after an acknowledged mark (the coordinator's database
 * was lost or set back) has to declare them LOST. */
#ifndef PLX_COORDINATOR_DEDUP_H
#define PLX_COORDINATOR_DEDUP_H

#include <stdint.h>

/* The greatest sequence number: the database's integers are signed. */
#define PLX_DEDUP_SEQ_MAX ((uint64_t)INT64_MAX)

enum plx_dedup_verdict {
    PLX_DEDUP_TAKE,    /* some or all of it is new */
    PLX_DEDUP_REPEAT,  /* counted before, all of it: say so again */
    PLX_DEDUP_HOLE,    /* it begins behind mark + 1: take nothing, the ack of the old mark
                          tells the agent where to go on */
    PLX_DEDUP_INVALID, /* empty, numbered 0 or past PLX_DEDUP_SEQ_MAX */
};

struct plx_dedup {
    enum plx_dedup_verdict verdict;
    uint64_t skip;       /* so many at the beginning were counted before */
    uint64_t take;       /* the rest, which is new; 0 unless TAKE */
    uint64_t high_water; /* the mark once `take` is committed: what to acknowledge */
};

/* What to do with the range first_seq … first_seq + n - 1 of a stream whose mark is
 * `high_water`. Pure. */
struct plx_dedup plx_dedup_decide(uint64_t high_water, uint64_t first_seq, uint64_t n);

/* "take", "repeat", "hole", "invalid"; never NULL. */
const char *plx_dedup_token(enum plx_dedup_verdict verdict);

#endif
