#include "coordinator/io/secrets.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/file.h"

#include <stdlib.h>
#include <string.h>

int plx_secrets_read(const char *dir, const char *name, size_t max, char **ret,
                     size_t *ret_len, struct plx_why *why)
{
    if (!dir)
        return plx_why_set(why, PLX_EDENIED,
                           "the coordinator has no secrets_dir: it reads no file '%s'",
                           name);
    return plx_file_read_in(dir, name, max, ret, ret_len, why);
}

/* Without the line's end. */
static int read_file(const char *dir, const char *name, char **ret, struct plx_why *why)
{
    char *text;
    size_t len;
    int err = plx_secrets_read(dir, name, PLX_SECRET_MAX, &text, &len, why);
    if (err < 0)
        return err;
    while (len > 0 && strchr("\r\n \t", text[len - 1]))
        text[--len] = '\0';
    *ret = text;
    return 0;
}

static int read_variable(const char *name, char **ret, struct plx_why *why)
{
    const char *value = getenv(name);
    if (!value || !*value)
        return plx_why_set(why, PLX_ENOTFOUND, "the environment has no %s", name);
    *ret = plx_text_dup(value);
    return 0;
}

static int follow(const char *dir, const struct plx_receiver_key *key,
                  const struct plx_label *option, enum plx_reference how,
                  struct plx_receiver *ret, struct plx_why *why)
{
    char *value = NULL;
    int err = how == PLX_REFERENCE_FILE ? read_file(dir, option->value, &value, why)
                                        : read_variable(option->value, &value, why);
    if (err < 0)
        return plx_why_in(why, err, "'%s'", option->key);
    plx_receiver_add_option(ret, key->name, value);
    free(value);
    return 0;
}

int plx_secrets_fill(const char *dir, const struct plx_receiver *receiver,
                     struct plx_receiver *ret, struct plx_why *why)
{
    /* Also what was stored before it had to be so. */
    int err = plx_receiver_check(receiver, NULL, why);
    if (err < 0)
        return err;
    const struct plx_receiver_kind *kind = plx_receiver_kind(receiver->kind);
    struct plx_receiver filled;
    plx_receiver_copy(&filled, receiver);
    for (size_t i = 0; i < receiver->n_options && err == 0; i++) {
        enum plx_reference how;
        const struct plx_label *option = &receiver->options[i];
        const struct plx_receiver_key *key = plx_receiver_key(kind, option->key, &how);
        if (how != PLX_REFERENCE_NONE)
            err = follow(dir, key, option, how, &filled, why);
    }
    if (err == 0)
        err = plx_receiver_check_filled(&filled, receiver, why);
    if (err == 0)
        *ret = filled;
    else
        plx_receiver_fini(&filled);
    return err;
}
