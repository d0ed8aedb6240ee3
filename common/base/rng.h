/* Numbers that look random but come from a seed, and a stable 64-bit hash.
 *
 * The generator is xoshiro256** seeded by splitmix64 (Blackman and Vigna, "Scrambled
 * Linear Pseudorandom Number Generators", 2018). Not for secrets: those come from
 * libsodium. */
#ifndef PLX_BASE_RNG_H
#define PLX_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct plx_rng {
    uint64_t s[4];
};

void plx_rng_init(struct plx_rng *rng, uint64_t seed);
uint64_t plx_rng_u64(struct plx_rng *rng);
/* Uniform in [0, n), n > 0; no modulo bias worth naming (multiply-shift, Lemire 2019). */
uint64_t plx_rng_below(struct plx_rng *rng, uint64_t n);
/* Uniform in [0, 1). */
double plx_rng_unit(struct plx_rng *rng);

/* Mixes 64 bits into 64 bits (the splitmix64 finaliser): phases, rendezvous weights. */
uint64_t plx_hash_mix(uint64_t x);
/* FNV-1a over bytes, then mixed. Stable over versions and machines. Not against
 * adversaries. */
uint64_t plx_hash_bytes(const void *bytes, size_t len, uint64_t seed);

#endif
