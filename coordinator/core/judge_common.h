/* Things that many monitors have alike, kept once: who watches them, and on what terms
 * they are watched. */
#ifndef PLX_CORE_JUDGE_COMMON_H
#define PLX_CORE_JUDGE_COMMON_H

#include <stddef.h>
#include <stdint.h>

/* What each begins with. What follows tells them apart, byte by byte. */
struct plx_common {
    uint32_t refs, size; /* bytes in all */
};

/* By what is in them; open addressing. All zero is ready. */
struct plx_commons {
    struct plx_common **index;
    uint32_t n, cap; /* entries; slots, a power of two */
};

/* Frees what is left. */
void plx_commons_fini(struct plx_commons *commons);

/* One that is the same as `like` (its `size` is set, padding is zero; `refs` does not
 * matter), made if there is none. Never NULL; given back with plx_commons_drop. */
void *plx_commons_take(struct plx_commons *commons, const void *like);
/* Accepts NULL. */
void plx_commons_drop(struct plx_commons *commons, void *common);

#endif
