/* The spool against a real file. */
#include "agent/io/spool.h"

#include "base/err.h"
#include "proto/wire.h"
#include "sys/clock.h"
#include "sys/log.h"

#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was heard of the spool, in order. */
struct heard {
    uint64_t streams[32], acked[32];
    size_t n_streams;
    uint64_t stored;     /* highest number of the newest stream */
    uint64_t rows, lost; /* in frames, STORED and LOADED */
    uint64_t next;       /* LOADED: the number expected next; 0: whatever comes */
    uint64_t backlog;    /* rows said to be such */
    bool load_ended, reset;
};

static char dir[64];
static struct plx_spool_limits limits;
static struct plx_wire_decoder *decoder;

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/plx-spool-XXXXXX");
    limits = (struct plx_spool_limits){PLX_SPOOL_MAX_BYTES, PLX_SPOOL_MAX_AGE_NS,
                                       PLX_SPOOL_MAX_WAITING};
    decoder = plx_wire_decoder_new();
    plx_log_set_level(PLX_LOG_ERROR + 1);
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    plx_wire_decoder_destroy(&decoder);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static struct plx_spool *open_spool(void)
{
    struct plx_spool *spool = NULL;
    struct plx_why why = {""};
    if (plx_spool_open(dir, &limits, &spool, &why))
        fail_msg("%s", why.text);
    return spool;
}

static void hear_frame(const struct plx_spool_event *e, struct heard *h)
{
    struct plx_msg msg;
    assert_int_equal(plx_wire_decode(decoder, e->frame, e->len, &msg, NULL), 0);
    assert_int_equal(msg.type, PLX_MSG_RESULTS);
    assert_true(msg.results.stream_id == e->stream_id);
    assert_true(msg.results.first_seq == e->first);
    uint64_t n = msg.results.n + msg.results.lost;
    assert_true(e->first + n == e->last + 1);
    if (e->type == PLX_SPOOL_LOADED) {
        assert_true(h->next == 0 || h->next == e->first);
        h->next = e->last + 1;
    }
    h->rows += msg.results.n;
    h->backlog += msg.results.backlog ? msg.results.n : 0;
    h->lost += msg.results.lost;
}

static void hear(struct plx_spool *spool, struct heard *h)
{
    struct pollfd pfd = {.fd = plx_spool_fd(spool), .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, 20000), 1);
    struct plx_spool_event *e = plx_spool_take(spool);
    while (e) {
        struct plx_spool_event *next = e->next;
        if (e->type == PLX_SPOOL_STREAM) {
            h->streams[h->n_streams] = e->stream_id;
            h->acked[h->n_streams++] = e->acked;
            h->stored = e->last;
        }
        if (e->type == PLX_SPOOL_STORED) {
            assert_true(e->first == h->stored + 1);
            h->stored = e->last;
        }
        h->load_ended |= e->type == PLX_SPOOL_LOADED && e->last == 0;
        h->reset |= e->type == PLX_SPOOL_RESET;
        if (e->frame)
            hear_frame(e, h);
        plx_spool_event_free(e);
        e = next;
    }
}

static void put(struct plx_spool *spool, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct plx_result r = {.monitor_id = i + 1,
                               .outcome = PLX_OUTCOME_OPEN,
                               .scheduled = plx_clock_wall(),
                               .started = plx_clock_wall()};
        plx_spool_put(spool, &r);
    }
}

static void put_and_hear(struct plx_spool *spool, uint64_t n, struct heard *h)
{
    uint64_t before = h->stored;
    put(spool, n);
    while (h->stored < before + n)
        hear(spool, h);
}

static void load_all(struct plx_spool *spool, uint64_t stream, uint64_t from,
                     struct heard *h)
{
    h->next = 0;
    h->rows = h->lost = 0;
    for (;;) {
        uint64_t next = h->next ? h->next : from;
        h->load_ended = false;
        assert_true(plx_spool_load(spool, stream, next));
        while (!h->load_ended)
            hear(spool, h);
        if (h->next == 0 || h->next == next)
            return;
    }
}

static void results__are_numbered_from_one_without_holes(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 3, &h);
    put_and_hear(spool, 5000, &h);
    assert_int_equal(h.n_streams, 1);
    assert_true(h.stored == 5003);
    assert_true(h.rows == 5003);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 5003);
    plx_spool_close(&spool);
}

static void restart_with_a_backlog__begins_a_new_stream(void **state)
{
    (void)state;
    struct heard h = {0}, again = {0};
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 10, &h);
    plx_spool_close(&spool);
    spool = open_spool();
    hear(spool, &again);
    assert_true(again.streams[0] == h.streams[0]);
    assert_true(again.stored == 10);
    again.stored = 0;
    put(spool, 1);
    while (again.n_streams < 2 || again.stored < 1)
        hear(spool, &again);
    assert_true(again.streams[1] != h.streams[0]);
    load_all(spool, h.streams[0], 1, &again);
    assert_true(again.rows == 10);
    plx_spool_close(&spool);
}

/* A machine restored from a snapshot, or a copied data folder: the numbers behind its
 * last were used by what the copy does not know. */
static void an_older_copy__reuses_no_number(void **state)
{
    (void)state;
    struct heard before = {0}, after = {0};
    struct stat st;
    char path[96];
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 3, &before);
    plx_spool_ack(spool, before.streams[0], 3);
    plx_spool_close(&spool);
    snprintf(path, sizeof path, "%s/spool.db", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    spool = open_spool();
    hear(spool, &after);
    assert_true(after.streams[0] == before.streams[0] && after.acked[0] == 3);
    put(spool, 2);
    while (after.n_streams < 2 || after.stored < 2)
        hear(spool, &after);
    assert_true(after.streams[1] != before.streams[0]);
    plx_spool_close(&spool);
}

static void acknowledged__is_deleted(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool_stats stats;
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 10, &h);
    put_and_hear(spool, 10, &h);
    plx_spool_ack(spool, h.streams[0], 10);
    put_and_hear(spool, 1, &h);
    plx_spool_stats(spool, &stats);
    assert_true(stats.rows == 11);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 11);
    plx_spool_close(&spool);
}

static void small_frames_of_a_backlog__travel_as_one(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool *spool = open_spool();
    for (int i = 0; i < 5; i++)
        put_and_hear(spool, 1, &h);
    h.load_ended = false;
    h.next = h.rows = 0;
    assert_true(plx_spool_load(spool, h.streams[0], 2));
    hear(spool, &h);
    assert_true(h.next == 6);
    assert_true(h.rows == 4);
    plx_spool_close(&spool);
}

static void over_the_bytes__the_oldest_become_one_gap(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool_stats stats;
    limits.max_bytes = 40000;
    struct plx_spool *spool = open_spool();
    for (int i = 0; i < 10; i++)
        put_and_hear(spool, 1000, &h);
    plx_spool_stats(spool, &stats);
    assert_true(stats.bytes <= limits.max_bytes);
    assert_true(stats.lost > 0 && stats.lost + stats.rows == 10000);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == stats.rows);
    assert_true(h.lost == stats.lost);
    plx_spool_close(&spool);
}

static void over_the_age__becomes_a_gap(void **state)
{
    (void)state;
    struct heard h = {0};
    limits.max_age_ns = PLX_HOUR_NS;
    struct plx_spool *spool = open_spool();
    struct plx_result old = {.monitor_id = 1,
                             .outcome = PLX_OUTCOME_OPEN,
                             .scheduled =
                                 plx_wall_add(plx_clock_wall(), -2 * PLX_HOUR_NS)};
    plx_spool_put(spool, &old);
    while (h.stored < 1)
        hear(spool, &h);
    put_and_hear(spool, 1, &h);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 1);
    assert_true(h.lost == 1);
    plx_spool_close(&spool);
}

static void no_room_in_memory__becomes_a_gap_at_the_end(void **state)
{
    (void)state;
    struct heard h = {0};
    limits.max_waiting = 100;
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 250, &h);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows + h.lost == 250);
    assert_true(h.lost > 0);
    plx_spool_close(&spool);
}

/* A limit on file sizes stands for a full disk. */
static void full_disk__waits_and_goes_on_by_itself(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool_stats stats;
    struct rlimit was, tight;
    signal(SIGXFSZ, SIG_IGN);
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 10, &h);
    getrlimit(RLIMIT_FSIZE, &was);
    tight = was;
    tight.rlim_cur = 8192;
    setrlimit(RLIMIT_FSIZE, &tight);
    put(spool, 2000);
    do {
        poll(NULL, 0, 1);
        plx_spool_stats(spool, &stats);
    } while (stats.state == PLX_SPOOL_OK);
    assert_true(stats.rows == 2010);
    setrlimit(RLIMIT_FSIZE, &was);
    while (h.stored < 2010)
        hear(spool, &h);
    plx_spool_stats(spool, &stats);
    assert_true(stats.lost == 0);
    plx_spool_close(&spool);
}

static void wait_for_state(struct plx_spool *spool, enum plx_spool_state wanted)
{
    struct plx_spool_stats stats;
    do {
        poll(NULL, 0, 5);
        plx_spool_stats(spool, &stats);
    } while (stats.state != wanted);
}

static void hear_more(struct plx_spool *spool, struct heard *h, size_t streams,
                      uint64_t stored)
{
    while (h->n_streams < streams || h->stored < stored)
        hear(spool, h);
}

/* The link is up all the while: nothing waits for the disk. */
static void disk_full_for_long__is_delivered_from_memory_and_then_kept(void **state)
{
    (void)state;
    struct heard h = {0}, again = {0};
    struct plx_spool_stats stats;
    struct rlimit was, tight;
    signal(SIGXFSZ, SIG_IGN);
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 10, &h);
    getrlimit(RLIMIT_FSIZE, &was);
    tight = was;
    tight.rlim_cur = 8192;
    setrlimit(RLIMIT_FSIZE, &tight);
    put(spool, 100);
    hear_more(spool, &h, 2, 100);
    assert_true(h.streams[1] != h.streams[0]);
    plx_spool_stats(spool, &stats);
    assert_true(stats.in_memory && stats.state != PLX_SPOOL_OK && stats.rows == 110);
    plx_spool_ack(spool, h.streams[1], 100);
    put_and_hear(spool, 20, &h);
    plx_spool_stats(spool, &stats);
    assert_true(stats.rows == 30);
    load_all(spool, h.streams[1], 101, &h);
    assert_true(h.rows == 20);
    setrlimit(RLIMIT_FSIZE, &was);
    wait_for_state(spool, PLX_SPOOL_OK);
    put_and_hear(spool, 5, &h);
    assert_int_equal(h.n_streams, 2);
    plx_spool_close(&spool);
    spool = open_spool();
    hear_more(spool, &again, 2, 125);
    assert_true(again.streams[1] == h.streams[1] && again.acked[1] == 100);
    load_all(spool, h.streams[1], 101, &again);
    assert_true(again.rows == 25);
    plx_spool_close(&spool);
}

/* A folder in the file's place: none can be made. */
static void no_file_at_all__is_memory_only_until_there_can_be_one(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool_stats stats;
    char path[96];
    limits.max_waiting = 100;
    snprintf(path, sizeof path, "%s/spool.db", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    struct plx_spool *spool = open_spool();
    for (int i = 0; i < 5; i++) {
        put(spool, 50);
        hear_more(spool, &h, 1, 50 * (uint64_t)(i + 1));
    }
    plx_spool_stats(spool, &stats);
    assert_true(stats.in_memory && stats.state == PLX_SPOOL_FAILED);
    assert_true(stats.lost == 150 && stats.rows == 100);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 100 && h.lost == 150);
    assert_int_equal(rmdir(path), 0);
    wait_for_state(spool, PLX_SPOOL_OK);
    while (!h.reset)
        hear(spool, &h);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 100 && h.lost == 150);
    plx_spool_close(&spool);
}

static void damaged_files__are_not_kept_for_ever(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command,
             "cd %s; for i in 11 2 3 4 5; do touch spool.db.damaged-$i"
             " spool.db.damaged-$i-wal; done; yes damaged | head -c 9000 >spool.db",
             dir);
    assert_int_equal(system(command), 0);
    struct plx_spool *spool = open_spool();
    plx_spool_close(&spool);
    snprintf(command, sizeof command,
             "cd %s; test \"$(ls -d spool.db.damaged-* | grep -vc wal)\" = 3 &&"
             " test -e spool.db.damaged-11-wal && ! test -e spool.db.damaged-4-wal",
             dir);
    assert_int_equal(system(command), 0);
}

static void damaged_file__is_moved_aside(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool_stats stats;
    char path[128];
    snprintf(path, sizeof path, "%s/spool.db", dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputs("this is not a database. ", file);
    fclose(file);
    struct plx_spool *spool = open_spool();
    hear(spool, &h);
    assert_true(h.reset);
    h.stored = 0;
    put_and_hear(spool, 1, &h);
    plx_spool_stats(spool, &stats);
    assert_true(stats.moved_aside);
    plx_spool_close(&spool);
    snprintf(path, sizeof path, "ls %s | grep -q damaged", dir);
    assert_int_equal(system(path), 0);
}

static void foreign_database__is_refused_and_untouched(void **state)
{
    (void)state;
    struct plx_spool *spool = NULL;
    struct plx_why why = {""};
    char command[160];
    snprintf(command, sizeof command, "sqlite3 %s/spool.db 'CREATE TABLE theirs(x)'",
             dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(plx_spool_open(dir, &limits, &spool, &why), PLX_EINVAL);
    assert_non_null(strstr(why.text, "not a spool"));
}

static void stream_begun_on_demand__is_the_newest(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 5, &h);
    plx_spool_begin_stream(spool);
    put(spool, 2);
    while (h.n_streams < 2 || h.stored < 2)
        hear(spool, &h);
    assert_true(h.streams[0] != h.streams[1]);
    plx_spool_close(&spool);
}

static void results_of_an_older_stream__say_so(void **state)
{
    (void)state;
    struct heard h = {0};
    struct plx_spool *spool = open_spool();
    put_and_hear(spool, 5, &h);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.backlog == 0);
    plx_spool_begin_stream(spool);
    put(spool, 2);
    while (h.n_streams < 2 || h.stored < 2)
        hear(spool, &h);
    load_all(spool, h.streams[0], 1, &h);
    assert_true(h.rows == 5 && h.backlog == 5);
    load_all(spool, h.streams[1], 1, &h);
    assert_true(h.rows == 2 && h.backlog == 5);
    plx_spool_close(&spool);
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(results__are_numbered_from_one_without_holes),
        SPOOL_TEST(restart_with_a_backlog__begins_a_new_stream),
        SPOOL_TEST(an_older_copy__reuses_no_number),
        SPOOL_TEST(acknowledged__is_deleted),
        SPOOL_TEST(small_frames_of_a_backlog__travel_as_one),
        SPOOL_TEST(over_the_bytes__the_oldest_become_one_gap),
        SPOOL_TEST(over_the_age__becomes_a_gap),
        SPOOL_TEST(no_room_in_memory__becomes_a_gap_at_the_end),
        SPOOL_TEST(full_disk__waits_and_goes_on_by_itself),
        SPOOL_TEST(disk_full_for_long__is_delivered_from_memory_and_then_kept),
        SPOOL_TEST(no_file_at_all__is_memory_only_until_there_can_be_one),
        SPOOL_TEST(damaged_file__is_moved_aside),
        SPOOL_TEST(damaged_files__are_not_kept_for_ever),
        SPOOL_TEST(foreign_database__is_refused_and_untouched),
        SPOOL_TEST(stream_begun_on_demand__is_the_newest),
        SPOOL_TEST(results_of_an_older_stream__say_so),
    };
    return PLX_RUN(tests);
}
