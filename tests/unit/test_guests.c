/* Who is let in, and for how long. */
#include "coordinator/io/guests.h"

#include "base/err.h"

#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define OLD "the old password"
#define NEW "a newer password"

static const struct plx_wall now = {1000 * PLX_DAY_NS};

static void put(struct plx_guests *guests, const char *hash, int64_t created_ns)
{
    const struct plx_store_access access = {
        .kind = PLX_ACCESS_USER,
        .name = (char *)"ada",
        .role = (char *)"operator",
        .secret = (char *)hash,
        .created = {created_ns},
    };
    plx_guests_put(guests, &access);
}

struct attempt {
    struct plx_guests *guests;
    char secret[PLX_GUESTS_SECRET_MAX];
    struct plx_guest guest;
    int err;
};

static void *log_in(void *arg)
{
    struct attempt *a = arg;
    a->err = plx_guests_login(a->guests, "ada", OLD, now, a->secret, &a->guest);
    return NULL;
}

/* Wherever in a login the change comes, the old password has no session after it. */
static void a_password_changed_meanwhile__begins_no_session(void **state)
{
    (void)state;
    char old[PLX_GUESTS_HASH_MAX], new[PLX_GUESTS_HASH_MAX];
    assert_int_equal(plx_guests_hash_password(OLD, old, NULL), 0);
    assert_int_equal(plx_guests_hash_password(NEW, new, NULL), 0);
    for (useconds_t wait = 0; wait <= 20000; wait += 5000) {
        struct attempt a = {.guests = plx_guests_new()};
        struct plx_guest guest;
        pthread_t thread;
        put(a.guests, old, 1);
        assert_int_equal(pthread_create(&thread, NULL, log_in, &a), 0);
        usleep(wait);
        put(a.guests, new, 2);
        pthread_join(thread, NULL);
        if (a.err == 0)
            assert_false(plx_guests_session(a.guests, a.secret, now, &guest));
        plx_guests_destroy(&a.guests);
    }
}

static void who_was_let_in__is_in_until_something_ends_it(void **state)
{
    (void)state;
    char hash[PLX_GUESTS_HASH_MAX];
    struct attempt a = {.guests = plx_guests_new()};
    assert_int_equal(plx_guests_hash_password(OLD, hash, NULL), 0);
    put(a.guests, hash, 1);
    log_in(&a);
    assert_int_equal(a.err, 0);
    assert_true(plx_guests_is_in(a.guests, &a.guest, a.secret, now));
    assert_false(plx_guests_is_in(a.guests, &a.guest, "another session", now));
    assert_false(plx_guests_is_in(a.guests, &a.guest, a.secret,
                                  plx_wall_add(now, 13 * PLX_HOUR_NS)));
    put(a.guests, hash, 2); /* whoever has that name now is somebody else */
    assert_false(plx_guests_is_in(a.guests, &a.guest, a.secret, now));
    log_in(&a);
    assert_true(plx_guests_is_in(a.guests, &a.guest, a.secret, now));
    plx_guests_logout(a.guests, a.secret);
    assert_false(plx_guests_is_in(a.guests, &a.guest, a.secret, now));
    plx_guests_remove(a.guests, PLX_ACCESS_USER, "ada");
    assert_false(plx_guests_is_in(a.guests, &a.guest, a.secret, now));
    plx_guests_destroy(&a.guests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_changed_meanwhile__begins_no_session),
        cmocka_unit_test(who_was_let_in__is_in_until_something_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
