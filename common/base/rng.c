#include "base/rng.h"

uint64_t plx_hash_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t plx_hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ plx_hash_mix(seed);
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return plx_hash_mix(h);
}

void plx_rng_init(struct plx_rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) {
        rng->s[i] = plx_hash_mix(seed);
        seed += UINT64_C(0x9e3779b97f4a7c15);
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t plx_rng_u64(struct plx_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

__extension__ typedef unsigned __int128 u128; /* ISO C has no 128-bit product */

uint64_t plx_rng_below(struct plx_rng *rng, uint64_t n)
{
    return (uint64_t)((u128)plx_rng_u64(rng) * n >> 64);
}

double plx_rng_unit(struct plx_rng *rng)
{
    return (double)(plx_rng_u64(rng) >> 11) * 0x1.0p-53;
}
