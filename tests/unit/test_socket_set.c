/* Which engine keeps the sockets, where the kernel allows it and where it does not. What
 * the engines do is in test_prober.c. */
#include "agent/io/socket_set.h"

#include "base/err.h"

#include "test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void engine_names__are_known(void **state)
{
    enum plx_engine engine = PLX_ENGINE_AUTO;
    (void)state;
    assert_int_equal(plx_engine_parse("io_uring", &engine), 0);
    assert_int_equal(engine, PLX_ENGINE_IO_URING);
    assert_int_equal(plx_engine_parse("epoll", &engine), 0);
    assert_int_equal(engine, PLX_ENGINE_EPOLL);
    assert_int_equal(plx_engine_parse("auto", &engine), 0);
    assert_int_equal(engine, PLX_ENGINE_AUTO);
    assert_int_equal(plx_engine_parse("kqueue", &engine), PLX_EINVAL);
    assert_int_equal(engine, PLX_ENGINE_AUTO);
}

static void kernel_that_allows_it__gives_io_uring(void **state)
{
    enum plx_engine engine = PLX_ENGINE_AUTO;
    struct plx_why why = {""};
    (void)state;
    plx_engine_choose(&engine, &why);
    assert_string_equal(why.text, "");
    assert_int_equal(engine, PLX_ENGINE_IO_URING);
}

/* As containers do it: io_uring_setup() is EPERM. */
static int forbid_io_uring(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Returns the number of the first thing that is not as it should be. */
static int try_without(void)
{
    struct plx_socket_set *set = NULL;
    enum plx_engine engine = PLX_ENGINE_AUTO;
    struct plx_why refused = {""}, instead = {""};
    if (forbid_io_uring() < 0)
        return 1;
    if (plx_socket_set_new(PLX_ENGINE_IO_URING, 8, &set, &refused) != PLX_EIO || set)
        return 2;
    if (!strstr(refused.text, "cannot use io_uring: Operation not permitted") ||
        !strstr(refused.text, "kernel.io_uring_disabled"))
        return 3;
    plx_engine_choose(&engine, &instead);
    if (engine != PLX_ENGINE_EPOLL || strcmp(instead.text, refused.text) != 0)
        return 4;
    if (plx_socket_set_new(engine, 8, &set, NULL) != 0)
        return 5;
    plx_socket_set_destroy(&set);
    return 0;
}

static void kernel_that_refuses__is_an_error_or_epoll(void **state)
{
    (void)state;
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(try_without());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_names__are_known),
        cmocka_unit_test(kernel_that_allows_it__gives_io_uring),
        cmocka_unit_test(kernel_that_refuses__is_an_error_or_epoll),
    };
    return PLX_RUN(tests);
}
