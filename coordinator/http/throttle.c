#include "coordinator/http/throttle.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
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

bool plx_throttle_spend(struct plx_throttle *t, const char *name, struct plx_mono now)
{
    struct bucket *b = bucket_of(t, name, now);
    if (b->left < 1)
        return false;
    b->left -= 1;
    return true;
}

void plx_throttle_refund(struct plx_throttle *t, const char *name, struct plx_mono now)
{
    struct bucket *b = bucket_of(t, name, now);
    b->left = b->left + 1 < t->burst ? b->left + 1 : t->burst;
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
