#include "test.h"

#include "base/json.h"

#include <math.h>

static void nested_values__get_their_commas_and_escapes(void **state)
{
    (void)state;
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, 4096);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    plx_json_kstr(&j, "name", "a \"b\"\n\x01 gr\xc3\xbc\xc3\x9f \xff");
    plx_json_key(&j, "list");
    plx_json_array(&j);
    plx_json_int(&j, -3);
    plx_json_num(&j, 0.5, 3);
    plx_json_num(&j, -0.0001, 2);
    plx_json_num(&j, 100, 0);
    plx_json_num(&j, NAN, 2);
    plx_json_object(&j);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_json_kbool(&j, "ok", true);
    plx_json_end(&j);
    assert_string_equal(plx_buf_str(&out),
                        "{\"name\":\"a \\\"b\\\"\\n\\u0001 gr\xc3\xbc\xc3\x9f \\ufffd\","
                        "\"list\":[-3,0.5,0,100,null,{}],\"ok\":true}");
    plx_buf_fini(&out);
}

static void a_full_buffer__keeps_what_it_had_and_says_so(void **state)
{
    (void)state;
    struct plx_buf out;
    plx_buf_init(&out, 4);
    plx_buf_text(&out, "abc");
    plx_buf_text(&out, "de");
    plx_buf_text(&out, "f");
    assert_true(out.overflow);
    assert_string_equal(plx_buf_str(&out), "abc");
    plx_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values__get_their_commas_and_escapes),
        cmocka_unit_test(a_full_buffer__keeps_what_it_had_and_says_so),
    };
    return PLX_RUN(tests);
}
