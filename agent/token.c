#include "agent/token.h"

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#define JSON_MAX 2048

static int take(const json_t *root, const char *key, char *dst, size_t size)
{
    const char *text = json_string_value(json_object_get(root, key));
    return text && *text ? plx_text_copy(dst, size, text) : PLX_EINVAL;
}

static int parse_json(const char *text, size_t len, struct plx_token *ret)
{
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    int err = root ? 0 : PLX_EINVAL;
    if (!err)
        err = take(root, "e", ret->endpoint, sizeof ret->endpoint);
    if (!err)
        err = take(root, "k", ret->server_key, sizeof ret->server_key);
    if (!err)
        err = take(root, "s", ret->secret, sizeof ret->secret);
    json_decref(root);
    if (!err &&
        (!plx_key_is_valid(ret->server_key) || strncmp(ret->endpoint, "tcp://", 6) != 0))
        err = PLX_EINVAL;
    return err;
}

int plx_token_parse(const char *text, struct plx_token *ret, struct plx_why *why)
{
    static const char prefix[] = "plx1.";
    unsigned char json[JSON_MAX];
    struct plx_token token = {"", "", ""};
    size_t len = 0;
    const char *end = NULL;
    int err = strncmp(text, prefix, strlen(prefix)) == 0 ? 0 : PLX_EINVAL;
    const char *body = text + (err ? 0 : strlen(prefix));
    if (!err && (sodium_base642bin(json, sizeof json, body, strlen(body), NULL, &len,
                                   &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
                 *end != '\0'))
        err = PLX_EINVAL;
    if (!err)
        err = parse_json((const char *)json, len, &token);
    if (err)
        plx_why_set(why, PLX_EINVAL,
                    "this is no enrolment token: it begins with \"plx1.\" and is copied "
                    "whole from 'parallax agents token create'");
    else
        *ret = token;
    sodium_memzero(json, sizeof json);
    sodium_memzero(&token, sizeof token);
    return err ? PLX_EINVAL : 0;
}
