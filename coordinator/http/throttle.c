#include "coordinator/http/throttle.h"

#include "base/bucket.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 4096

struct place {
    uint64_t owner; /* 0: nobody */
    struct plx_bucket bucket;
};

struct plx_throttle {
    double rate, burst;
    uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a place */
    struct place places[PLACES];
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

static struct plx_bucket *bucket_of(struct plx_throttle *t, const char *name)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t owner;
    crypto_shorthash(hash, (const unsigned char *)name, strlen(name), t->key);
    memcpy(&owner, hash, sizeof owner);
    owner |= 1;
    struct place *place = &t->places[(owner >> 1) % PLACES];
    if (place->owner != owner)
        *place = (struct place){.owner = owner};
    return &place->bucket;
}

bool plx_throttle_spend(struct plx_throttle *t, const char *name, struct plx_mono now)
{
    return plx_bucket_take(bucket_of(t, name), t->rate, t->burst, now);
}

void plx_throttle_refund(struct plx_throttle *t, const char *name)
{
    struct plx_bucket *bucket = bucket_of(t, name);
    bucket->used = bucket->used > 1 ? bucket->used - 1 : 0;
}

void plx_throttle_address(const struct sockaddr *addr, char ret[INET6_ADDRSTRLEN])
{
    struct in6_addr v6;
    snprintf(ret, INET6_ADDRSTRLEN, "?");
    if (addr && addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)addr)->sin_addr,
                  ret, INET6_ADDRSTRLEN);
    if (!addr || addr->sa_family != AF_INET6)
        return;
    v6 = ((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        inet_ntop(AF_INET, &v6.s6_addr[12], ret, INET6_ADDRSTRLEN);
        return;
    }
    memset(&v6.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &v6, ret, INET6_ADDRSTRLEN);
}
