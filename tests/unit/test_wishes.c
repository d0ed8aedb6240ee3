#include "coordinator/http/wishes.h"

#include "test.h"

static void a_coding__is_taken_unless_its_weight_is_0(void **state)
{
    (void)state;
    static const char *const takes[] = {"gzip",
                                        "GZIP",
                                        "x-gzip",
                                        "br, gzip",
                                        "br;q=1.0,gzip;q=0.5",
                                        "gzip ; q=0.001",
                                        "*",
                                        "deflate, *;q=1",
                                        "gzip;q=1",
                                        "identity;q=0, gzip",
                                        "*;q=0, gzip",
                                        ", gzip ,,br"};
    static const char *const refuses[] = {
        "",   "identity", "gzip;q=0",    "gzip; q=0.000", "GZIP;Q=0",
        "br", "gzipped",  "gzip;q=0, *", "*;q=0",         "not-gzip",
        ",",  ";",        "br;q=1",      "*, gzip;q=0."};
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++)
        if (!plx_wishes_gzip(takes[i]))
            fail_msg("'%s' takes gzip", takes[i]);
    for (size_t i = 0; i < sizeof refuses / sizeof *refuses; i++)
        if (plx_wishes_gzip(refuses[i]))
            fail_msg("'%s' takes no gzip", refuses[i]);
    assert_false(plx_wishes_gzip(NULL));
}

static void a_tag__is_known_alone_weak_or_in_a_list(void **state)
{
    (void)state;
    static const char *const knows[] = {
        "\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "\"x\",W/\"ab\",\"y\"", "*", " \"ab\" "};
    static const char *const not_so[] = {"",       "ab",        "\"a\"", "\"abc\"",
                                         "\"AB\"", "W/\"abc\"", "W/",    ", ,"};
    for (size_t i = 0; i < sizeof knows / sizeof *knows; i++)
        if (!plx_wishes_know(knows[i], "\"ab\""))
            fail_msg("%s knows it", knows[i]);
    for (size_t i = 0; i < sizeof not_so / sizeof *not_so; i++)
        if (plx_wishes_know(not_so[i], "\"ab\""))
            fail_msg("%s does not know it", not_so[i]);
    assert_false(plx_wishes_know("*", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coding__is_taken_unless_its_weight_is_0),
        cmocka_unit_test(a_tag__is_known_alone_weak_or_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
