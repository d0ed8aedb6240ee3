/* The API's methods on who may use it over HTTP: people and tokens. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/guests.h"
#include "sys/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MAX_NS (10 * 366 * PLX_DAY_NS)

/* An entry on its way: stretched by the worker if it is a person's, then stored. */
struct entering {
    struct plx_call *call;
    struct plx_store_access access; /* owned */
    char password[PLX_PASSWORD_MAX + 1];
    char secret[PLX_GUESTS_SECRET_MAX]; /* a token's, shown once */
    char hash[PLX_GUESTS_HASH_MAX];
    int err;
    struct plx_why why;
};

static void free_entering(struct entering *e)
{
    plx_store_access_fini(&e->access);
    sodium_memzero(e, sizeof *e);
    free(e);
}

static void fail(struct entering *e, int err, const char *why)
{
    plx_call_fail(e->call, err, "%s", why && *why ? why : plx_err_text(err));
    free_entering(e);
}

static void write_access(const struct plx_store_access *access, struct plx_json *j)
{
    plx_json_kstr(j, "name", access->name);
    plx_json_kstr(j, "role", access->role);
    plx_json_kwall(j, "created", access->created);
    plx_json_kwall(j, "expires", access->expires);
}

static void on_stored(void *arg, int err, const char *why)
{
    struct entering *e = arg;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        fail(e, err, why);
        return;
    }
    plx_guests_put(e->call->api->desk->guests, &e->access);
    plx_answer_begin(&buf, &j);
    if (*e->secret)
        plx_json_kstr(&j, "token", e->secret);
    write_access(&e->access, &j);
    plx_json_end(&j);
    plx_call_end(e->call, &buf);
    free_entering(e);
}

static void store_it(struct entering *e)
{
    e->access.secret = plx_text_dup(e->hash);
    e->access.created = plx_clock_wall();
    int err = plx_store_put_access(e->call->api->desk->store, &e->access, e->call->who,
                                   e->access.created, on_stored, e);
    if (err < 0)
        fail(e, err, "");
}

/* ---- people ---- */

static void stretch(void *arg)
{
    struct entering *e = arg;
    e->err = plx_guests_hash_password(e->password, e->hash, &e->why);
}

static void on_stretched(void *arg, bool worked)
{
    struct entering *e = arg;
    if (!worked)
        fail(e, PLX_EGONE, "the coordinator is stopping");
    else if (e->err < 0)
        fail(e, e->err, e->why.text);
    else
        store_it(e);
}

static int read_entry(struct entering *e, struct plx_why *why)
{
    const char *name = "", *role = "viewer";
    enum plx_role parsed;
    int err = plx_call_text(e->call, "name", true, &name, why);
    if (err == 0 && !plx_text_is_name(name))
        err = plx_why_set(why, PLX_EINVAL, "'name': '%s' is no name", name);
    if (err == 0)
        err = plx_call_text(e->call, "role", false, &role, why);
    if (err == 0 && plx_role_parse(role, &parsed) < 0)
        err = plx_why_set(why, PLX_EINVAL,
                          "'role': '%s' must be viewer, operator or admin", role);
    if (err == 0) {
        e->access.name = plx_text_dup(name);
        e->access.role = plx_text_dup(role);
    }
    return err;
}

static int read_password(struct entering *e, struct plx_why *why)
{
    const char *password = "";
    int err = plx_call_text(e->call, "password", true, &password, why);
    if (err < 0)
        return err;
    if (strlen(password) < PLX_PASSWORD_MIN ||
        plx_text_copy(e->password, sizeof e->password, password) < 0)
        return plx_why_set(why, PLX_EINVAL, "'password' must have %d to %d bytes",
                           PLX_PASSWORD_MIN, PLX_PASSWORD_MAX);
    return 0;
}

static struct entering *begin(struct plx_call *call, enum plx_access_kind kind)
{
    struct entering *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->call = call;
    e->access.kind = kind;
    return e;
}

void plx_api_users_put(struct plx_call *call)
{
    struct plx_why why = {""};
    struct entering *e = begin(call, PLX_ACCESS_USER);
    int err = read_entry(e, &why);
    if (err == 0)
        err = read_password(e, &why);
    if (err == 0 && plx_worker_submit(call->api->worker, stretch, on_stretched, e) < 0)
        err = plx_why_set(&why, PLX_EAGAIN, "too many passwords at once: try again");
    if (err < 0)
        fail(e, err, why.text);
}

/* ---- tokens ---- */

struct search {
    const char *name;
    struct plx_wall now;
    bool found;
};

static void find_token(void *arg, const struct plx_store_access *access)
{
    struct search *search = arg;
    search->found |= access->kind == PLX_ACCESS_TOKEN &&
                     strcmp(access->name, search->name) == 0 &&
                     (access->expires.ns == 0 || access->expires.ns > search->now.ns);
}

/* A token of that name is in somebody's hands: another secret would lock them out. */
static int check_free(const struct entering *e, struct plx_why *why)
{
    struct search search = {e->access.name, plx_clock_wall(), false};
    bool replace = false;
    int err = plx_call_bool(e->call, "replace", &replace, why);
    if (err < 0 || replace)
        return err;
    plx_guests_each(e->call->api->desk->guests, find_token, &search);
    return search.found
               ? plx_why_set(why, PLX_EEXISTS,
                             "'name': there is a token '%s' already: revoke it, or ask "
                             "for it to be replaced",
                             search.name)
               : 0;
}

void plx_api_access_token_create(struct plx_call *call)
{
    struct plx_why why = {""};
    int64_t ttl_ns = 0;
    struct entering *e = begin(call, PLX_ACCESS_TOKEN);
    int err = read_entry(e, &why);
    if (err == 0)
        err = plx_call_duration(call, "ttl", &ttl_ns, &why);
    if (err == 0 && ttl_ns != 0 && (ttl_ns < PLX_SEC_NS || ttl_ns > TTL_MAX_NS))
        err = plx_why_set(&why, PLX_EINVAL, "'ttl' must be 1s to 10 years");
    if (err == 0)
        err = check_free(e, &why);
    if (err < 0) {
        fail(e, err, why.text);
        return;
    }
    if (ttl_ns > 0)
        e->access.expires = plx_wall_add(plx_clock_wall(), ttl_ns);
    plx_guests_make_token(e->secret, e->hash);
    store_it(e);
}

/* ---- lists and removals ---- */

struct listing {
    struct plx_json *j;
    enum plx_access_kind kind;
};

static void list_one(void *arg, const struct plx_store_access *access)
{
    const struct listing *listing = arg;
    if (access->kind != listing->kind)
        return;
    plx_json_object(listing->j);
    write_access(access, listing->j);
    plx_json_end(listing->j);
}

static void list(struct plx_call *call, enum plx_access_kind kind, const char *key)
{
    struct plx_buf buf;
    struct plx_json j;
    struct listing listing = {&j, kind};
    plx_answer_begin(&buf, &j);
    plx_json_key(&j, key);
    plx_json_array(&j);
    plx_guests_each(call->api->desk->guests, list_one, &listing);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_users_list(struct plx_call *call)
{
    list(call, PLX_ACCESS_USER, "users");
}

void plx_api_access_token_list(struct plx_call *call)
{
    list(call, PLX_ACCESS_TOKEN, "tokens");
}

static void on_removed(void *arg, int err, const char *why)
{
    struct entering *e = arg;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        fail(e, err, why);
        return;
    }
    plx_guests_remove(e->call->api->desk->guests, e->access.kind, e->access.name);
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "removed", e->access.name);
    plx_json_end(&j);
    plx_call_end(e->call, &buf);
    free_entering(e);
}

static void take_out(struct plx_call *call, enum plx_access_kind kind)
{
    struct plx_why why = {""};
    const char *name = "";
    struct entering *e = begin(call, kind);
    int err = plx_call_text(call, "name", true, &name, &why);
    e->access.name = plx_text_dup(name);
    if (err == 0)
        err = plx_store_remove_access(call->api->desk->store, kind, name, call->who,
                                      plx_clock_wall(), on_removed, e);
    if (err < 0)
        fail(e, err, why.text);
}

void plx_api_users_remove(struct plx_call *call)
{
    take_out(call, PLX_ACCESS_USER);
}

void plx_api_access_token_revoke(struct plx_call *call)
{
    take_out(call, PLX_ACCESS_TOKEN);
}
