/* webhook: the message's own JSON by POST, signed if there is a secret. */
#include "coordinator/receivers/receiver.h"

#include "base/err.h"
#include "base/text.h"
#include "post/signature.h"

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "secret", .secret = true},
    {.name = "token", .secret = true}, /* Authorization: Bearer */
    {.name = "ca_file", .check = plx_check_file_name},
};

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    const char *secret = plx_receiver_option(receiver, "secret");
    const char *token = plx_receiver_option(receiver, "token");
    const char *ca_file = plx_receiver_option(receiver, "ca_file");
    char signature[PLX_SIGNATURE_MAX];
    struct plx_json j;
    ret->url = plx_text_dup(plx_receiver_option(receiver, "url"));
    ret->ca_file = plx_text_dup(ca_file);
    plx_json_init(&j, &ret->body);
    plx_message_write(message, &j);
    if (ret->body.overflow)
        return plx_why_set(why, PLX_ETOOBIG, "the message is longer than 1 MiB");
    plx_request_header(ret, "Content-Type", "application/json");
    plx_request_header(ret, "Idempotency-Key", message->key);
    if (secret)
        plx_request_header(ret, PLX_SIGNATURE_HEADER,
                           plx_signature(secret, now, plx_buf_str(&ret->body),
                                         ret->body.len, signature));
    if (token) {
        char bearer[4096];
        snprintf(bearer, sizeof bearer, "Bearer %s", token);
        plx_request_header(ret, "Authorization", bearer);
    }
    return 0;
}

const struct plx_receiver_kind plx_receiver_webhook = {.name = "webhook",
                                                       .keys = keys,
                                                       .n_keys =
                                                           sizeof keys / sizeof *keys,
                                                       .build = build};
