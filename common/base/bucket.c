#include "base/bucket.h"

bool plx_bucket_take(struct plx_bucket *bucket, double per_s, double burst,
                     struct plx_mono now)
{
    bucket->used -= (double)plx_mono_diff(now, bucket->at) / (double)PLX_SEC_NS * per_s;
    if (bucket->used < 0)
        bucket->used = 0;
    bucket->at = now;
    if (bucket->used + 1 > burst)
        return false;
    bucket->used += 1;
    return true;
}

bool plx_once_is_first(struct plx_once *once, uint64_t hash)
{
    uint64_t mark = hash ? hash : 1;
    uint64_t *slot = &once->said[hash % PLX_ONCE_SLOTS];
    if (*slot == mark)
        return false;
    *slot = mark;
    return true;
}
