/* The API's methods on enrolment tokens: create, list, revoke. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/token.h"
#include "sys/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MAX_NS (366 * PLX_DAY_NS)

/* A token on its way through the store. The secret lives until the answer is out. */
struct making {
    struct plx_call *call;
    char secret[PLX_TOKEN_SECRET_MAX];
};

static void free_making(struct making *making)
{
    sodium_memzero(making, sizeof *making);
    free(making);
}

static void write_token(struct plx_json *j, const struct plx_store_token *token)
{
    plx_json_kuint(j, "id", token->id);
    plx_json_kstr(j, "region", token->region);
    plx_api_write_labels(token->labels, token->n_labels, j);
    plx_json_kstr(j, "name", token->note);
    plx_json_kuint(j, "uses_left", token->uses_left);
    plx_json_kwall(j, "created", token->created);
    plx_json_kwall(j, "expires", token->expires);
}

static void on_made(void *arg, int err, const char *why,
                    const struct plx_store_token *token)
{
    struct making *making = arg;
    struct plx_call *call = making->call;
    struct plx_api *api = call->api;
    char text[PLX_TOKEN_TEXT_MAX] = "";
    struct plx_buf buf;
    struct plx_json j;
    if (err == 0)
        err =
            plx_token_format(api->enrol_endpoint, api->server_key, making->secret, text);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why && *why ? why : plx_err_text(err));
        free_making(making);
        return;
    }
    plx_desk_add_token(api->desk, token);
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "token", text);
    write_token(&j, token);
    plx_json_end(&j);
    sodium_memzero(text, sizeof text);
    plx_call_end(call, &buf);
    free_making(making);
}

static int read_token(struct plx_call *call, struct plx_store_token_add *add,
                      struct plx_label **ret_labels, struct plx_why *why)
{
    int64_t ttl_ns = PLX_HOUR_NS, uses = 1;
    int err = plx_call_text(call, "region", true, &add->region, why);
    if (err == 0 && (!plx_text_is_word(add->region) || strcmp(add->region, "all") == 0))
        err = plx_why_set(why, PLX_EINVAL, "'region': '%s' is no region's name",
                          add->region);
    if (err == 0)
        err = plx_call_duration(call, "ttl", &ttl_ns, why);
    if (err == 0 && (ttl_ns < PLX_SEC_NS || ttl_ns > TTL_MAX_NS))
        err = plx_why_set(why, PLX_EINVAL, "'ttl' must be 1s to 366d");
    if (err == 0)
        err = plx_call_int(call, "uses", 1, 100000, &uses, why);
    if (err == 0)
        err = plx_call_text(call, "name", false, &add->note, why);
    if (err == 0)
        err = plx_call_labels(call, "labels", ret_labels, &add->n_labels, why);
    add->uses = (uint32_t)uses;
    add->now = plx_clock_wall();
    add->expires = plx_wall_add(add->now, ttl_ns);
    add->labels = *ret_labels;
    return err;
}

void plx_api_token_create(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_label *labels = NULL;
    struct plx_store_token_add add = {.who = call->who, .note = ""};
    int err = read_token(call, &add, &labels, &why);
    if (err < 0) {
        free(labels);
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    struct making *making = calloc(1, sizeof *making);
    if (!making)
        abort();
    making->call = call;
    plx_token_secret(making->secret);
    add.secret = making->secret;
    err = plx_store_add_token(call->api->desk->store, &add, on_made, making);
    free(labels);
    if (err < 0) {
        free_making(making);
        plx_call_fail(call, err, "the token was not stored: %s", plx_err_text(err));
    }
}

void plx_api_token_list(struct plx_call *call)
{
    const struct plx_desk *desk = call->api->desk;
    struct plx_wall now = plx_clock_wall();
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", now);
    plx_json_key(&j, "tokens");
    plx_json_array(&j);
    for (size_t i = 0; i < desk->n_tokens; i++) {
        const struct plx_store_token *token = &desk->tokens[i];
        if (token->revoked || token->uses_left == 0 || token->expires.ns <= now.ns)
            continue;
        plx_json_object(&j);
        write_token(&j, token);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

/* A revocation on its way through the store. */
struct revoking {
    struct plx_call *call;
    uint64_t id;
};

static void on_revoked(void *arg, int err, const char *why)
{
    struct revoking *revoking = arg;
    struct plx_call *call = revoking->call;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        plx_call_fail(call, err, "%s", why);
    } else {
        struct plx_store_token *token = plx_desk_token(call->api->desk, revoking->id);
        if (token)
            token->revoked = true;
        plx_answer_begin(&buf, &j);
        plx_json_kuint(&j, "id", revoking->id);
        plx_json_kbool(&j, "revoked", true);
        plx_json_end(&j);
        plx_call_end(call, &buf);
    }
    free(revoking);
}

/* The id may come as a number or, from a command line, as text. */
static int read_id(const struct plx_call *call, uint64_t *ret, struct plx_why *why)
{
    int64_t id = 0;
    json_t *value = json_object_get(call->body, "id");
    int err = json_is_string(value)
                  ? plx_text_int(json_string_value(value), 1, INT64_MAX, &id)
                  : plx_call_int(call, "id", 1, INT64_MAX, &id, why);
    if (err < 0 || id == 0)
        return plx_why_set(why, PLX_EINVAL, "'id' must be a token's number");
    *ret = (uint64_t)id;
    return 0;
}

void plx_api_token_revoke(struct plx_call *call)
{
    struct plx_why why = {""};
    uint64_t id = 0;
    if (read_id(call, &id, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return;
    }
    if (!plx_desk_token(call->api->desk, id)) {
        plx_call_fail(call, PLX_ENOTFOUND, "there is no token %llu",
                      (unsigned long long)id);
        return;
    }
    struct revoking *revoking = calloc(1, sizeof *revoking);
    if (!revoking)
        abort();
    *revoking = (struct revoking){call, id};
    int err = plx_store_revoke_token(call->api->desk->store, id, call->who,
                                     plx_clock_wall(), on_revoked, revoking);
    if (err < 0) {
        free(revoking);
        plx_call_fail(call, err, "the change was not stored: %s", plx_err_text(err));
    }
}
