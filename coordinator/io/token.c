#include "coordinator/io/token.h"

#include "base/err.h"
#include "base/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX       "plx1."
#define SECRET_BYTES 32

void plx_token_secret(char ret[PLX_TOKEN_SECRET_MAX])
{
    unsigned char bytes[SECRET_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(ret, PLX_TOKEN_SECRET_MAX, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

int plx_token_format(const char *endpoint, const char *server_key, const char *secret,
                     char ret[PLX_TOKEN_TEXT_MAX])
{
    struct plx_buf buf;
    struct plx_json j;
    const size_t prefix = strlen(PREFIX);
    plx_buf_init(&buf, PLX_TOKEN_TEXT_MAX);
    plx_json_init(&j, &buf);
    plx_json_object(&j);
    plx_json_kstr(&j, "e", endpoint);
    plx_json_kstr(&j, "k", server_key);
    plx_json_kstr(&j, "s", secret);
    plx_json_end(&j);
    int err = PLX_ETOOBIG;
    if (!buf.overflow &&
        prefix + sodium_base64_ENCODED_LEN(buf.len,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) <=
            PLX_TOKEN_TEXT_MAX) {
        memcpy(ret, PREFIX, prefix);
        sodium_bin2base64(ret + prefix, PLX_TOKEN_TEXT_MAX - prefix,
                          (const unsigned char *)buf.data, buf.len,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        err = 0;
    }
    if (buf.data)
        sodium_memzero(buf.data, buf.cap);
    plx_buf_fini(&buf);
    return err;
}
