#include "coordinator/http/throttle.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 4096

struct bucket {
    uint64_t owner; /* 0: nobody */
    double left;
    struct plx_mono filled;
};

struct plx_throttle {
    double rate, burst;
    uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a place */
    struct bucket places[PLACES];
};

struct plx_throttle *plx_throttle_new(double rate, double burst)
{
    struct plx_throttle *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->rate = rate;
    t->burst = burst;
    crypto_shorthash_keygen(t->key);
    return t;
}

void plx_throttle_destroy(struct plx_throttle **throttle)
{
    free(*throttle);
    *throttle = NULL;
}

static struct bucket *bucket_of(struct plx_throttle *t, const char *name,
                                struct plx_mono now)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t owner;
    crypto_shorthash(hash, (const unsigned char *)name, strlen(name), t->key);
    memcpy(&owner, hash, sizeof owner);
    owner |= 1;
    struct bucket *b = &t->places[(owner >> 1) % PLACES];
    if (b->owner != owner)
        *b = (struct bucket){owner, t->burst, now};
    double more = (double)plx_mono_diff(now, b->filled) / (double)PLX_SEC_NS * t->rate;
    b->left = b->left + more < t->burst ? b->left + more : t->burst;
    b->filled = now;
    return b;
}

bool plx_throttle_has(struct plx_throttle *t, const char *name, struct plx_mono now)
{
    return bucket_of(t, name, now)->left >= 1;
}

bool plx_throttle_spend(struct plx_throttle *t, const char *name, struct plx_mono now)
{
    struct bucket *b = bucket_of(t, name, now);
    if (b->left < 1)
        return false;
    b->left -= 1;
    return true;
}
