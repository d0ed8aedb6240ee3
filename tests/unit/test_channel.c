#include "test.h"

#include "base/err.h"
#include "sys/channel.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static char *make_temp_dir(void)
{
    char *dir = strdup("/tmp/plx-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void keys__are_kept_private_and_read_back(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    char *path = plx_file_path(dir, "agent.key");
    struct plx_keypair made, read;
    struct plx_why why = {""};
    assert_int_equal(plx_keypair_ensure(path, &made, &why), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(plx_keypair_ensure(path, &read, &why), 0);
    assert_string_equal(made.secret_key, read.secret_key);

    chmod(path, 0644);
    assert_int_equal(plx_keypair_load(path, &read, &why), PLX_EDENIED);
    assert_non_null(strstr(why.text, "chmod 600"));
    chmod(path, 0600);
    assert_int_equal(truncate(path, 60), 0);
    assert_int_equal(plx_keypair_load(path, &read, &why), PLX_EMALFORMED);
    unlink(path);
    rmdir(dir);
    free(path);
    free(dir);
}

static void a_second_holder_of_a_folder__is_told_who_has_it(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    int first, second;
    struct plx_why why = {""};
    assert_int_equal(plx_file_lock_dir(dir, &first, &why), 0);
    assert_int_equal(plx_file_lock_dir(dir, &second, &why), PLX_EBUSY);
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_non_null(strstr(why.text, pid));
    close(first);
    assert_int_equal(plx_file_lock_dir(dir, &second, &why), 0);
    close(second);
    char *path = plx_file_path(dir, "lock");
    unlink(path);
    rmdir(dir);
    free(path);
    free(dir);
}

static void a_server_without_a_gate__lets_nobody_in(void **state)
{
    (void)state;
    struct plx_net *net;
    struct plx_keypair server_keys, client_keys;
    struct plx_channel *server, *client;
    struct plx_why why = {""};
    assert_int_equal(plx_net_new(&net, &why), 0);
    plx_keypair_generate(&server_keys, &why);
    plx_keypair_generate(&client_keys, &why);
    assert_int_equal(plx_channel_serve(net, "tcp://127.0.0.1:*", "agents", &server_keys,
                                       &server, &why),
                     0);
    char endpoint[64];
    size_t len = sizeof endpoint;
    zmq_getsockopt(plx_channel_socket(server), ZMQ_LAST_ENDPOINT, endpoint, &len);

    struct plx_channel *second = NULL;
    assert_int_equal(
        plx_channel_serve(net, endpoint, "agents", &server_keys, &second, &why),
        PLX_EBUSY);
    assert_non_null(strstr(why.text, "in use"));

    assert_int_equal(plx_channel_connect(net, endpoint, server_keys.public_key,
                                         &client_keys, &client, &why),
                     0);
    zmq_pollitem_t item = {.socket = plx_channel_socket(client), .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&item, 1, 300), 0); /* never ready to send */
    const struct plx_frame frame = {"x", 1};
    assert_int_equal(plx_channel_send(client, NULL, &frame, 1), PLX_EAGAIN);
    struct plx_parcel parcel;
    assert_int_equal(plx_channel_recv(server, &parcel), PLX_EAGAIN);
    plx_channel_destroy(&client);
    plx_channel_destroy(&server);
    plx_net_destroy(&net);
}

static void a_bad_endpoint__is_named(void **state)
{
    (void)state;
    struct plx_net *net;
    struct plx_keypair keys;
    struct plx_channel *channel;
    struct plx_why why = {""};
    plx_net_new(&net, &why);
    plx_keypair_generate(&keys, &why);
    assert_int_equal(
        plx_channel_serve(net, "tcp://nonsense", "agents", &keys, &channel, &why),
        PLX_EINVAL);
    assert_non_null(strstr(why.text, "tcp://nonsense"));
    plx_net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys__are_kept_private_and_read_back),
        cmocka_unit_test(a_second_holder_of_a_folder__is_told_who_has_it),
        cmocka_unit_test(a_server_without_a_gate__lets_nobody_in),
        cmocka_unit_test(a_bad_endpoint__is_named),
    };
    return PLX_RUN(tests);
}
