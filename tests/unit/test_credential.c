/* Secrets that the service manager hands over: they go before the data folder's, and are
 * not ours to change. */
#include "test.h"

#include "agent/trust.h"
#include "base/err.h"
#include "coordinator/io/keyring.h"
#include "sys/credential.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char data_dir[32], credentials[32];

static int setup(void **state)
{
    (void)state;
    snprintf(data_dir, sizeof data_dir, "/tmp/plx-data-XXXXXX");
    snprintf(credentials, sizeof credentials, "/tmp/plx-cred-XXXXXX");
    assert_non_null(mkdtemp(data_dir));
    assert_non_null(mkdtemp(credentials));
    return setenv("CREDENTIALS_DIRECTORY", credentials, 1);
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s %s", data_dir, credentials);
    return unsetenv("CREDENTIALS_DIRECTORY") || system(command);
}

/* A key file as systemd lays it down for a service with a user of its own. */
static struct plx_keypair give(const char *dir, const char *name)
{
    struct plx_keypair keys;
    struct plx_why why = {""};
    char *path = plx_file_path(dir, name);
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    assert_int_equal(plx_keypair_save(path, &keys, &why), 0);
    assert_int_equal(chmod(path, 0440), 0);
    free(path);
    return keys;
}

static bool is_in_data(const char *name)
{
    char *path = plx_file_path(data_dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void only_plain_names__are_looked_for(void **state)
{
    (void)state;
    give(credentials, "enrol.key");
    char *path = plx_credential_path("enrol.key");
    assert_non_null(path);
    assert_true(plx_credential_has(path));
    free(path);
    assert_null(plx_credential_path("coordinator.key"));
    assert_null(plx_credential_path("../etc/passwd"));
    assert_null(plx_credential_path("/etc/passwd"));
    assert_null(plx_credential_path(""));
    assert_null(plx_credential_path("."));
    assert_false(plx_credential_has("/etc/passwd"));
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_null(plx_credential_path("enrol.key"));
    assert_false(plx_credential_has("/enrol.key"));
}

static void a_coordinators_keys__come_from_there_first_and_stay(void **state)
{
    (void)state;
    struct plx_keyring ring, again;
    struct plx_why why = {""};
    struct plx_keypair given = give(credentials, "coordinator.key");
    assert_int_equal(plx_keyring_load(data_dir, &ring, &why), 0);
    assert_string_equal(ring.current.secret_key, given.secret_key);
    assert_false(is_in_data("coordinator.key"));
    assert_true(is_in_data("coordinator-next.key")); /* as far as they are not given */
    assert_int_equal(plx_keyring_rotate(data_dir, &ring, &why), PLX_EUNSUPPORTED);
    assert_non_null(strstr(why.text, "credential"));
    assert_int_equal(plx_keyring_load(data_dir, &again, &why), 0);
    assert_string_equal(again.current.secret_key, ring.current.secret_key);
    assert_string_equal(again.next.secret_key, ring.next.secret_key);
}

static void what_the_data_folder_lets_a_group_read__is_refused_still(void **state)
{
    (void)state;
    struct plx_keyring ring;
    struct plx_why why = {""};
    give(data_dir, "coordinator.key");
    assert_int_equal(plx_keyring_load(data_dir, &ring, &why), PLX_EDENIED);
}

static void a_credential_that_all_can_read__is_refused(void **state)
{
    (void)state;
    struct plx_keyring ring;
    struct plx_why why = {""};
    give(credentials, "coordinator.key");
    char *path = plx_credential_path("coordinator.key");
    assert_int_equal(chmod(path, 0444), 0);
    free(path);
    assert_int_equal(plx_keyring_load(data_dir, &ring, &why), PLX_EDENIED);
}

static void an_agents_key__comes_from_there_first_and_stays(void **state)
{
    (void)state;
    struct plx_trust *trust;
    struct plx_why why = {""};
    struct plx_keypair server = give(data_dir, "unused.key");
    struct plx_keypair given = give(credentials, "agent.key");
    const struct plx_enrolment enrolment = {.name = (char *)"a",
                                            .region = (char *)"fra",
                                            .endpoint = (char *)"tcp://127.0.0.1:9",
                                            .server_key = server.public_key,
                                            .next_key = server.public_key};
    assert_int_equal(plx_enrolment_save(data_dir, &enrolment, &why), 0);
    assert_int_equal(plx_trust_load(data_dir, &trust, &why), 0);
    assert_string_equal(plx_trust_keys(trust)->secret_key, given.secret_key);
    assert_int_equal(plx_trust_make_new_keys(trust, &why), PLX_EUNSUPPORTED);
    assert_null(plx_trust_new_keys(trust));
    plx_trust_destroy(&trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_plain_names__are_looked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_coordinators_keys__come_from_there_first_and_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_the_data_folder_lets_a_group_read__is_refused_still, setup, teardown),
        cmocka_unit_test_setup_teardown(a_credential_that_all_can_read__is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_agents_key__comes_from_there_first_and_stays,
                                        setup, teardown),
    };
    return PLX_RUN(tests);
}
