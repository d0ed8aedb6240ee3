/* A token bucket that begins full, and a memory of what was said already: the two ways in
 * which strangers are kept from deciding how much work or log they cause. Pure values,
 * zero-initialised; one thread each. */
#ifndef PLX_BASE_BUCKET_H
#define PLX_BASE_BUCKET_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_bucket {
    double used;
    struct plx_mono at;
};

/* True, and one taken, while fewer than `burst` are used; `per_s` come back a second. */
bool plx_bucket_take(struct plx_bucket *bucket, double per_s, double burst,
                     struct plx_mono now);

#define PLX_ONCE_SLOTS 1024

/* What was said, by hash. Two that share a slot push each other out: then one is said
 * again. */
struct plx_once {
    uint64_t said[PLX_ONCE_SLOTS];
};

/* True the first time. */
bool plx_once_is_first(struct plx_once *once, uint64_t hash);

#endif
