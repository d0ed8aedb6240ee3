#include "post/signature.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *plx_signature(const char *secret, struct plx_wall now, const char *body,
                          size_t len, char buf[PLX_SIGNATURE_MAX])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[32], hex[2 * sizeof mac + 1];
    long long seconds = now.ns / PLX_SEC_NS;
    int n = snprintf(head, sizeof head, "%lld.", seconds);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)head,
                                  (unsigned long long)n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    snprintf(buf, PLX_SIGNATURE_MAX, "t=%lld,v1=%s", seconds, hex);
    sodium_memzero(&state, sizeof state);
    return buf;
}
