#include "test.h"

#include "sys/channel.h"
#include "sys/loop.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

struct world {
    struct plx_loop *loop;
    void *pull, *push;
    int pipe_fds[2];
    int messages, ticks, signals, bytes;
};

static void stop_when_done(struct world *w)
{
    if (w->messages == 1000 && w->ticks >= 3 && w->signals == 1 && w->bytes == 5)
        plx_loop_stop(w->loop);
}

static void on_signal(void *arg, int signo)
{
    struct world *w = arg;
    w->signals += signo == SIGHUP;
    stop_when_done(w);
}

static bool on_message(void *arg)
{
    struct world *w = arg;
    char byte;
    if (zmq_recv(w->pull, &byte, 1, ZMQ_DONTWAIT) < 0)
        return false;
    w->messages++;
    stop_when_done(w);
    return true;
}

static void on_pipe(void *arg, uint32_t events)
{
    struct world *w = arg;
    char byte;
    (void)events;
    w->bytes += read(w->pipe_fds[0], &byte, 1) == 1;
    if (w->bytes == 5)
        plx_loop_remove_fd(w->loop, w->pipe_fds[0]);
    stop_when_done(w);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    (void)now;
    if (w->ticks++ == 0)
        kill(getpid(), SIGHUP);
    stop_when_done(w);
}

static void one_turn__serves_sockets_descriptors_timers_and_signals(void **state)
{
    (void)state;
    struct world w = {0};
    struct plx_net *net;
    assert_int_equal(plx_net_new(&net, NULL), 0);
    assert_int_equal(plx_loop_new(on_signal, &w, &w.loop, NULL), 0);
    w.pull = zmq_socket(plx_net_context(net), ZMQ_PAIR);
    w.push = zmq_socket(plx_net_context(net), ZMQ_PAIR);
    assert_int_equal(zmq_bind(w.pull, "inproc://test"), 0);
    assert_int_equal(zmq_connect(w.push, "inproc://test"), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zmq_send(w.push, "x", 1, 0), 1);
    assert_int_equal(pipe(w.pipe_fds), 0);
    assert_int_equal(write(w.pipe_fds[1], "12345", 5), 5);
    plx_loop_add_socket(w.loop, w.pull, on_message, &w);
    plx_loop_add_fd(w.loop, w.pipe_fds[0], EPOLLIN, on_pipe, &w);
    plx_loop_add_timer(w.loop, 2 * PLX_MS_NS, on_tick, &w);
    alarm(20);
    plx_loop_run(w.loop);
    alarm(0);
    assert_int_equal(w.messages, 1000);
    plx_loop_destroy(&w.loop);
    zmq_close(w.pull);
    zmq_close(w.push);
    close(w.pipe_fds[0]);
    close(w.pipe_fds[1]);
    plx_net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn__serves_sockets_descriptors_timers_and_signals),
    };
    return PLX_RUN(tests);
}
