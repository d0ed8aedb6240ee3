#include "test.h"

#include "base/text.h"
#include "coordinator/http/public_impl.h"

#include <string.h>

static void feeds__are_utf8_where_long_lists_of_names_are_cut(void **state)
{
    (void)state;
    char names[1024];
    for (size_t ascii = 0; ascii < 4; ascii++) {
        names[0] = '\0';
        memset(names, 'a', ascii);
        for (size_t i = 0; i < 100; i++) /* an elephant each: four bytes */
            memcpy(names + ascii + 4 * i, "\xf0\x9f\x90\x98", 5);
        struct plx_public_incident incident = {
            .id = 1, .names = names, .opened = {1}, .closed = {2}};
        const struct plx_public page = {.title = "Status",
                                        .url = "https://status.example",
                                        .incidents = &incident,
                                        .n_incidents = 1};
        struct plx_buf out;
        plx_buf_init(&out, 64 * 1024);
        plx_public_write[PLX_PUBLIC_RSS](&page, &out);
        assert_true(plx_text_is_clean(plx_buf_str(&out) + 39, out.len - 39 - 1));
        assert_non_null(strstr(plx_buf_str(&out), "Trouble: "));
        plx_buf_clear(&out);
        plx_public_write[PLX_PUBLIC_JSON_FEED](&page, &out);
        assert_null(strstr(plx_buf_str(&out), "\\ufffd"));
        plx_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feeds__are_utf8_where_long_lists_of_names_are_cut),
    };
    return PLX_RUN(tests);
}
