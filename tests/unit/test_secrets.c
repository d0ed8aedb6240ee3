/* What receivers refer to, read from real files. */
#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/secrets.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/plx-secrets-XXXXXX";

static void put(const char *name, const char *text)
{
    struct plx_why why;
    char *path = plx_file_path(dir, name);
    assert_int_equal(plx_file_write_private(path, text, strlen(text), &why), 0);
    free(path);
}

/* The error of filling a webhook with that option; its token, or NULL. */
static int fill(const char *folder, const char *key, const char *value, char **ret_token,
                struct plx_why *why)
{
    struct plx_receiver receiver, filled;
    plx_receiver_init(&receiver);
    receiver.name = plx_text_dup("ops");
    receiver.kind = plx_text_dup("webhook");
    plx_receiver_add_option(&receiver, "url", "http://h/");
    plx_receiver_add_option(&receiver, key, value);
    int err = plx_secrets_fill(folder, &receiver, &filled, why);
    if (err == 0) {
        *ret_token = plx_text_dup(plx_receiver_option(&filled, "token"));
        plx_receiver_fini(&filled);
    }
    plx_receiver_fini(&receiver);
    return err;
}

static void assert_token(const char *key, const char *value, const char *expected)
{
    char *token = NULL;
    struct plx_why why = {""};
    assert_int_equal(fill(dir, key, value, &token, &why), 0);
    assert_string_equal(token, expected);
    free(token);
}

static void assert_not(const char *folder, const char *key, const char *value, int err,
                       const char *sentence)
{
    char *token = NULL;
    struct plx_why why = {""};
    assert_int_equal(fill(folder, key, value, &token, &why), err);
    assert_non_null(strstr(why.text, sentence));
}

static void files_and_variables__give_their_values(void **state)
{
    (void)state;
    put("token", "open sesame \r\n");
    assert_token("token_file", "token", "open sesame");
    setenv("PARALLAX_TEST_TOKEN", "simsalabim", 1);
    assert_token("token_env", "PARALLAX_TEST_TOKEN", "simsalabim");
    assert_not(dir, "token_env", "PARALLAX_NOT_THERE", PLX_ENOTFOUND,
               "the environment has no PARALLAX_NOT_THERE");
    assert_not(dir, "token_file", "not-there", PLX_ENOTFOUND, "cannot open");
}

static void without_a_folder__no_file_is_read(void **state)
{
    (void)state;
    assert_not(NULL, "token_file", "token", PLX_EDENIED, "has no secrets_dir");
}

static void what_leads_elsewhere__is_not_followed(void **state)
{
    (void)state;
    char *link = plx_file_path(dir, "link"), *pipe = plx_file_path(dir, "pipe"),
         *folder = plx_file_path(dir, "folder");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_not(dir, "token_file", "link", PLX_EINVAL, "is a symbolic link");
    assert_not(dir, "token_file", "pipe", PLX_EINVAL, "is not a regular file");
    assert_not(dir, "token_file", "folder", PLX_EINVAL, "is not a regular file");
    free(link);
    free(pipe);
    free(folder);
}

/* As stored by a version that took any path. */
static void a_whole_path_from_before__is_not_read(void **state)
{
    (void)state;
    char *path = plx_file_path(dir, "token");
    assert_not(dir, "token_file", path, PLX_EINVAL, "must be the plain name");
    assert_not(dir, "token_env", "HOME", PLX_EINVAL, "begins with PARALLAX_");
    free(path);
}

static void what_is_too_long__is_not_read(void **state)
{
    (void)state;
    char *text = malloc(PLX_SECRET_MAX + 2);
    assert_non_null(text);
    memset(text, 'x', PLX_SECRET_MAX + 1);
    text[PLX_SECRET_MAX + 1] = '\0';
    put("long", text);
    free(text);
    assert_not(dir, "token_file", "long", PLX_ETOOBIG, "is larger than");
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"token", "link", "pipe", "long"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = plx_file_path(dir, names[i]);
        unlink(path);
        free(path);
    }
    char *folder = plx_file_path(dir, "folder");
    rmdir(folder);
    free(folder);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_variables__give_their_values),
        cmocka_unit_test(without_a_folder__no_file_is_read),
        cmocka_unit_test(what_leads_elsewhere__is_not_followed),
        cmocka_unit_test(a_whole_path_from_before__is_not_read),
        cmocka_unit_test(what_is_too_long__is_not_read),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
