#include "test.h"

#include "base/err.h"
#include "coordinator/io/door.h"
#include "proto/wire.h"
#include "sys/clock.h"
#include "sys/jail.h"
#include "sys/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define PATIENCE_MS 10000
#define AGE_NS      (300 * PLX_MS_NS)

static struct world {
    int pair[2], listen_fd;
    char endpoint[PLX_LISTENER_TEXT_MAX];
    struct plx_keypair keys;
    pthread_t thread;
    struct plx_net *net;
    struct plx_channel *client;
    char letter[PLX_DOOR_LETTER_MAX];
    size_t len;
} w;

static void *serve(void *arg)
{
    (void)arg;
    plx_door_serve(w.pair[1], w.listen_fd, false, AGE_NS);
    return NULL;
}

static void post(const struct plx_door_head *head, const void *bytes, size_t len)
{
    struct iovec parts[] = {{(void *)head, sizeof *head}, {(void *)bytes, len}};
    const struct msghdr letter = {.msg_iov = parts, .msg_iovlen = 2};
    assert_true(sendmsg(w.pair[0], &letter, 0) > 0);
}

static int setup(void **state)
{
    const struct plx_door_head head = {.kind = PLX_DOOR_KEYS};
    struct plx_keypair mine;
    struct plx_why why;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w.pair), 0);
    assert_int_equal(
        plx_listener_open("tcp://127.0.0.1:*", 16, &w.listen_fd, w.endpoint, &why), 0);
    assert_int_equal(plx_keypair_generate(&w.keys, &why), 0);
    assert_int_equal(plx_keypair_generate(&mine, &why), 0);
    pthread_create(&w.thread, NULL, serve, NULL);
    post(&head, &w.keys, sizeof w.keys);
    assert_int_equal(plx_net_new(&w.net, &why), 0);
    assert_int_equal(
        plx_channel_connect(w.net, w.endpoint, w.keys.public_key, &mine, &w.client, &why),
        0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plx_channel_destroy(&w.client);
    plx_net_destroy(&w.net);
    close(w.pair[0]);
    pthread_join(w.thread, NULL);
    close(w.pair[1]);
    close(w.listen_fd);
    return 0;
}

static void ask(void)
{
    const struct plx_msg msg = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = "s", .name = "", .software = "test"},
    };
    struct plx_buf buf;
    plx_buf_init(&buf, PLX_WIRE_FRAME_MAX);
    assert_int_equal(plx_wire_encode(&msg, &buf), 0);
    const struct plx_frame frame = {buf.data, buf.len};
    zmq_pollitem_t item = {.socket = plx_channel_socket(w.client), .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
    assert_int_equal(plx_channel_send(w.client, NULL, &frame, 1), 0);
    plx_buf_fini(&buf);
}

/* The head of the next letter, kind 0 for none. */
static struct plx_door_head await_letter_within(int ms)
{
    struct plx_door_head head = {0};
    struct pollfd p = {.fd = w.pair[0], .events = POLLIN};
    if (poll(&p, 1, ms) != 1)
        return head;
    ssize_t n = recv(w.pair[0], w.letter, sizeof w.letter, 0);
    assert_true(n >= (ssize_t)sizeof head);
    memcpy(&head, w.letter, sizeof head);
    w.len = (size_t)n - sizeof head;
    return head;
}

static struct plx_door_head await_letter(enum plx_door_kind kind)
{
    struct plx_door_head head = {0};
    while (head.kind != kind) {
        head = await_letter_within(PATIENCE_MS);
        assert_true(head.kind != 0);
    }
    return head;
}

static void await_answer(const char *text)
{
    struct plx_parcel parcel;
    zmq_pollitem_t item = {.socket = plx_channel_socket(w.client), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
    assert_int_equal(plx_channel_recv(w.client, &parcel), 0);
    assert_int_equal(parcel.lens[0], strlen(text));
    assert_memory_equal(parcel.frames[0], text, strlen(text));
}

static void a_request__goes_through_with_the_key_and_the_answer_back(void **state)
{
    (void)state;
    ask();
    struct plx_door_head head = await_letter(PLX_DOOR_REQUEST);
    assert_true(plx_key_is_valid(head.key));
    const struct plx_door_head answer = {.kind = PLX_DOOR_ANSWER, .number = head.number};
    const struct plx_door_head other = {.kind = PLX_DOOR_ANSWER, .number = 99};
    post(&other, "not yours", 9);
    post(&answer, "yours", 5);
    await_answer("yours");
}

/* A connection is cut, and what is under way then goes with it; the client connects again
 * by itself. */
static void ask_until_heard(void)
{
    struct plx_door_head head = {0};
    for (int tries = 20; head.kind != PLX_DOOR_REQUEST; tries--) {
        assert_true(tries > 0);
        ask();
        head = await_letter_within(1000);
    }
}

static void connections__are_all_closed_after_a_while_and_asking_goes_on(void **state)
{
    (void)state;
    struct plx_door_counts counts = {0};
    ask();
    await_letter(PLX_DOOR_REQUEST);
    while (counts.renewed == 0) {
        await_letter(PLX_DOOR_COUNTS);
        assert_int_equal(w.len, sizeof counts);
        memcpy(&counts, w.letter + sizeof(struct plx_door_head), sizeof counts);
    }
    assert_true(counts.admitted >= 1);
    ask_until_heard();
}

static void a_frame_beyond_16_KiB__never_arrives(void **state)
{
    (void)state;
    static char big[PLX_DOOR_FRAME_MAX + 1];
    const struct plx_frame frame = {big, sizeof big};
    zmq_pollitem_t item = {.socket = plx_channel_socket(w.client), .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
    assert_int_equal(plx_channel_send(w.client, NULL, &frame, 1), 0);
    ask_until_heard();
}

/* In a process of its own, as it is for good. */
static void in_the_jail__nothing_can_be_opened_reached_or_started(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct plx_why why;
        int failed = 0;
        if (plx_jail_enter(&why) < 0)
            _exit(100);
        failed |= open("/dev/null", O_RDONLY) >= 0 || errno != EPERM ? 1 : 0;
        failed |= socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM ? 2 : 0;
        failed |= execl("/bin/true", "true", (char *)NULL) >= 0 ? 4 : 0;
        failed |= unlink("/tmp/plx-nothing") == 0 || errno != EPERM ? 8 : 0;
        failed |= kill(getppid(), 0) == 0 || errno != EPERM ? 16 : 0;
        _exit(failed);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_port_in_use__is_named(void **state)
{
    (void)state;
    struct plx_why why = {""};
    char bound[PLX_LISTENER_TEXT_MAX];
    int fd;
    assert_int_equal(plx_listener_open(w.endpoint, 16, &fd, bound, &why), PLX_EBUSY);
    assert_non_null(strstr(why.text, w.endpoint));
    assert_int_equal(plx_listener_open("tcp://", 16, &fd, bound, &why), PLX_EINVAL);
    assert_int_equal(plx_listener_open("tcp://*:*", 16, &fd, bound, &why), 0);
    assert_non_null(strstr(bound, "]:"));
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request__goes_through_with_the_key_and_the_answer_back),
        TEST(connections__are_all_closed_after_a_while_and_asking_goes_on),
        TEST(a_frame_beyond_16_KiB__never_arrives),
        cmocka_unit_test(in_the_jail__nothing_can_be_opened_reached_or_started),
        TEST(a_port_in_use__is_named),
    };
    return PLX_RUN(tests);
}
