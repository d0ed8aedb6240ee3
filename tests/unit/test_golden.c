/* The wire's bytes, for good: what a build once wrote every later one writes and reads
 * the same. tests/golden/README.md says which file is of when.
 *
 *   test_golden --write    prints the samples' frames as this build writes them */
#include "test.h"

#include "../golden/samples.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_ 8192

struct golden_line {
    char name[64];
    uint8_t bytes[LINE_MAX_ / 2];
    size_t len;
};

static struct plx_buf encode(const struct plx_msg *msg)
{
    struct plx_buf out;
    plx_buf_init(&out, PLX_WIRE_FRAME_MAX);
    assert_int_equal(plx_wire_encode(msg, &out), 0);
    return out;
}

/* The bytes that this build writes for a frame that another build wrote. */
static struct plx_buf reencode(const struct golden_line *line)
{
    struct plx_wire_decoder *decoder = plx_wire_decoder_new();
    struct plx_msg msg;
    struct plx_why why = {""};
    int err = plx_wire_decode(decoder, line->bytes, line->len, &msg, &why);
    if (err)
        fail_msg("%s is refused: %s", line->name, why.text);
    struct plx_buf out = encode(&msg);
    plx_wire_decoder_destroy(&decoder);
    return out;
}

static const struct plx_msg *sample_of(const char *name)
{
    for (size_t i = 0; i < N_GOLDEN_SAMPLES; i++)
        if (strcmp(golden_samples[i].name, name) == 0)
            return &golden_samples[i].msg;
    fail_msg("no sample '%s'", name);
    return NULL;
}

static void read_hex(const char *hex, struct golden_line *line)
{
    unsigned byte;
    for (line->len = 0; sscanf(hex + 2 * line->len, "%2x", &byte) == 1; line->len++)
        line->bytes[line->len] = (uint8_t)byte;
}

/* Calls `look` with each frame of a file; returns how many there were. */
static size_t each_line(const char *path, void (*look)(const struct golden_line *))
{
    FILE *file = fopen(path, "r");
    char text[LINE_MAX_], hex[LINE_MAX_];
    size_t n = 0;
    assert_non_null(file);
    while (fgets(text, sizeof text, file)) {
        struct golden_line line;
        if (text[0] == '#')
            continue;
        assert_int_equal(sscanf(text, "%63s %8191s", line.name, hex), 2);
        read_hex(hex, &line);
        look(&line);
        n++;
    }
    fclose(file);
    return n;
}

static void assert_same_bytes(const char *name, const struct plx_buf *is,
                              const void *wanted, size_t len)
{
    if (is->len != len || memcmp(is->data, wanted, len) != 0)
        fail_msg("%s: other bytes than before (%zu, were %zu)", name, is->len, len);
}

static void look_as_of_now(const struct golden_line *line)
{
    struct plx_buf written = encode(sample_of(line->name));
    assert_same_bytes(line->name, &written, line->bytes, line->len);
    plx_buf_fini(&written);
    struct plx_buf again = reencode(line);
    assert_same_bytes(line->name, &again, line->bytes, line->len);
    plx_buf_fini(&again);
}

/* Of an older build: what it wrote means the same to us as the sample does. */
static void look_as_of_before(const struct golden_line *line)
{
    struct plx_buf meant = encode(sample_of(line->name));
    struct plx_buf understood = reencode(line);
    assert_same_bytes(line->name, &understood, meant.data, meant.len);
    plx_buf_fini(&understood);
    plx_buf_fini(&meant);
}

static void frames_of_this_version__are_written_and_read_as_ever(void **state)
{
    (void)state;
    assert_int_equal(each_line(PLX_GOLDEN_DIR "/now.txt", look_as_of_now),
                     N_GOLDEN_SAMPLES);
}

static void frames_of_the_first_build__mean_the_same(void **state)
{
    (void)state;
    assert_int_equal(each_line(PLX_GOLDEN_DIR "/first.txt", look_as_of_before), 17);
}

static void every_message__has_a_frame(void **state)
{
    (void)state;
    for (int type = 1;; type++) {
        const char *token = plx_msg_type_token((enum plx_msg_type)type);
        bool found = false;
        if (strcmp(token, "unknown") == 0)
            break;
        for (size_t i = 0; i < N_GOLDEN_SAMPLES; i++)
            found = found || (int)golden_samples[i].msg.type == type;
        if (!found)
            fail_msg("no golden frame of '%s': tests/golden/README.md", token);
    }
}

static int write_all(void)
{
    for (size_t i = 0; i < N_GOLDEN_SAMPLES; i++) {
        struct plx_buf out = encode(&golden_samples[i].msg);
        printf("%s ", golden_samples[i].name);
        for (size_t at = 0; at < out.len; at++)
            printf("%02x", (unsigned char)out.data[at]);
        printf("\n");
        plx_buf_fini(&out);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        return write_all();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message__has_a_frame),
        cmocka_unit_test(frames_of_this_version__are_written_and_read_as_ever),
        cmocka_unit_test(frames_of_the_first_build__mean_the_same),
    };
    return PLX_RUN(tests);
}
