/* CURVE key pairs on disk and in memory (declared in channel.h). */
#include "base/err.h"
#include "base/text.h"
#include "sys/channel.h"
#include "sys/credential.h"
#include "sys/file.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#define KEY_FILE_MAX 512

int plx_keypair_generate(struct plx_keypair *ret, struct plx_why *why)
{
    struct plx_keypair pair;
    if (zmq_curve_keypair(pair.public_key, pair.secret_key) < 0)
        return plx_why_set(why, PLX_EUNSUPPORTED,
                           "this libzmq was built without CURVE, which is required");
    *ret = pair;
    plx_keypair_wipe(&pair);
    return 0;
}

bool plx_key_is_valid(const char *text)
{
    uint8_t raw[32];
    return strlen(text) == PLX_KEY_TEXT_MAX - 1 && zmq_z85_decode(raw, text) != NULL;
}

/* The value behind "<word> " at the beginning of a line. */
static int find_key(const char *text, const char *word, char ret[PLX_KEY_TEXT_MAX])
{
    size_t len = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, len) != 0 || line[len] != ' ')
            continue;
        if (strcspn(line + len + 1, "\n") != PLX_KEY_TEXT_MAX - 1)
            return PLX_EMALFORMED;
        memcpy(ret, line + len + 1, PLX_KEY_TEXT_MAX - 1);
        ret[PLX_KEY_TEXT_MAX - 1] = '\0';
        return plx_key_is_valid(ret) ? 0 : PLX_EMALFORMED;
    }
    return PLX_EMALFORMED;
}

static int check_mode(const char *path, struct plx_why *why)
{
    struct stat st;
    /* A credential is let be read by its service through an ACL, whose mask looks like a
     * group's right. */
    mode_t others = plx_credential_has(path) ? 037 : 077;
    if (stat(path, &st) == 0 && (st.st_mode & others) != 0)
        return plx_why_set(why, PLX_EDENIED,
                           "the key file '%s' can be read by others (mode %03o): "
                           "chmod 600 it, and make a new key if it may have leaked",
                           path, (unsigned)(st.st_mode & 0777));
    return 0;
}

int plx_keypair_load(const char *path, struct plx_keypair *ret, struct plx_why *why)
{
    char *text;
    size_t len;
    int err = plx_file_read(path, KEY_FILE_MAX, &text, &len, why);
    if (err < 0)
        return err;
    struct plx_keypair pair;
    err = check_mode(path, why);
    if (err == 0 && (find_key(text, "public", pair.public_key) < 0 ||
                     find_key(text, "secret", pair.secret_key) < 0))
        err = plx_why_set(why, PLX_EMALFORMED,
                          "'%s' is no key file: it needs the lines 'public KEY' and "
                          "'secret KEY'",
                          path);
    if (err == 0)
        *ret = pair;
    plx_keypair_wipe(&pair);
    sodium_memzero(text, len);
    free(text);
    return err;
}

int plx_keypair_save(const char *path, const struct plx_keypair *pair,
                     struct plx_why *why)
{
    char text[KEY_FILE_MAX];
    int n = snprintf(text, sizeof text, "public %s\nsecret %s\n", pair->public_key,
                     pair->secret_key);
    int err = plx_file_write_private(path, text, (size_t)n, why);
    sodium_memzero(text, sizeof text);
    return err;
}

int plx_keypair_ensure(const char *path, struct plx_keypair *ret, struct plx_why *why)
{
    int err = plx_keypair_load(path, ret, why);
    if (err != PLX_ENOTFOUND)
        return err;
    struct plx_keypair pair;
    err = plx_keypair_generate(&pair, why);
    if (err == 0)
        err = plx_keypair_save(path, &pair, why);
    if (err == 0)
        *ret = pair;
    plx_keypair_wipe(&pair);
    return err;
}

void plx_keypair_wipe(struct plx_keypair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}
