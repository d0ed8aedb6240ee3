#include "schema/greeting_key.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

/* Room for the largest text of a step, fully escaped. */
#define STEP_TEXT_MAX (4 * PLX_GREETING_LITERAL_MAX + 1)

/* ---- reading ---- */

/* One spelling of the bytes of a step: `send:` and `expect:` hold a text, or a map of one
 * of these. */
struct form {
    const char *name;
    enum plx_greeting_kind kind;
    int (*decode)(const char *text, uint8_t *out, size_t size, size_t *ret_len);
    const char *rule;
};

/* A pattern has escapes of its own. */
static int as_it_is(const char *text, uint8_t *out, size_t size, size_t *ret_len)
{
    size_t len = strlen(text);
    if (len > size)
        return PLX_ETOOBIG;
    if (!plx_text_is_clean(text, len))
        return PLX_EINVAL;
    memcpy(out, text, len);
    *ret_len = len;
    return 0;
}

#define ESCAPES "text; its escapes are \\r \\n \\t \\0 \\\\ \\xHH"
#define HEX     "bytes in hex, such as 16 03 01"

static const struct form send_forms[] = {
    {"text", PLX_GREETING_SEND, plx_greeting_unescape, ESCAPES},
    {"hex", PLX_GREETING_SEND, plx_greeting_unhex, HEX},
};
static const struct form expect_forms[] = {
    {"prefix", PLX_GREETING_PREFIX, plx_greeting_unescape, ESCAPES},
    {"contains", PLX_GREETING_CONTAINS, plx_greeting_unescape, ESCAPES},
    {"regex", PLX_GREETING_REGEX, as_it_is,
     "a pattern of printable characters (in single quotes, with \\r and \\n)"},
    {"hex", PLX_GREETING_PREFIX, plx_greeting_unhex, HEX},
};

static int read_bytes(const struct plx_doc *doc, const struct plx_node *node,
                      const struct form *form, struct plx_greeting_step *step,
                      uint8_t *room, struct plx_why *why)
{
    const char *text;
    char shown[PLX_EXCERPT_MAX];
    int err = plx_doc_text(doc, node, form->name, &text, why);
    if (err < 0)
        return err;
    err = form->decode(text, room, PLX_GREETING_LITERAL_MAX, &step->len);
    if (err == PLX_ETOOBIG)
        return plx_doc_error(doc, node, why, "'%s' is longer than %d bytes", form->name,
                             PLX_GREETING_LITERAL_MAX);
    if (err < 0)
        return plx_doc_error(doc, node, why, "'%s' must be %s: '%s'", form->name,
                             form->rule, plx_doc_excerpt(text, shown));
    step->kind = form->kind;
    return 0;
}

/* The text alone is the first form. */
static int read_form(const struct plx_doc *doc, const struct plx_node *node,
                     const char *key, const struct form *forms, size_t n_forms,
                     struct plx_greeting_step *step, uint8_t *room, struct plx_why *why)
{
    const char *names[4];
    if (node->kind == PLX_NODE_SCALAR)
        return read_bytes(doc, node, &forms[0], step, room, why);
    if (node->kind != PLX_NODE_MAP || node->n != 1)
        return plx_doc_error(doc, node, why, "'%s' must be text, or a map of one form",
                             key);
    for (size_t i = 0; i < n_forms; i++) {
        names[i] = forms[i].name;
        if (strcmp(forms[i].name, node->keys[0]->text) == 0)
            return read_bytes(doc, node->items[0], &forms[i], step, room, why);
    }
    return plx_doc_known_keys(doc, node, names, n_forms, why);
}

static int read_limits(const struct plx_doc *doc, const struct plx_node *node,
                       struct plx_greeting_step *step, struct plx_why *why)
{
    const struct plx_node *within = plx_node_get(node, "within");
    const struct plx_node *max = plx_node_get(node, "max_bytes");
    int64_t bytes;
    int err = 0;
    if (max)
        err = plx_doc_int(doc, max, "max_bytes", 1, PLX_GREETING_READ_MAX, &bytes, why);
    if (err == 0 && max)
        step->max_bytes = (uint32_t)bytes;
    if (err == 0 && within)
        err = plx_doc_duration(doc, within, "within", &step->within_ns, why);
    if (err == 0 && within && step->within_ns <= 0)
        err = plx_doc_error(doc, within, why, "'within' must be longer than 0");
    return err;
}

static int read_step(const struct plx_doc *doc, const struct plx_node *node,
                     struct plx_greeting *greeting, struct plx_why *why)
{
    static const char *const names[] = {"send", "expect", "within", "max_bytes"};
    uint8_t room[PLX_GREETING_LITERAL_MAX];
    struct plx_greeting_step step = {.bytes = room};
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(doc, node, why,
                             "a step must be a map: {send: TEXT} or "
                             "{expect: TEXT}");
    if (plx_doc_known_keys(doc, node, names, 4, why) < 0)
        return PLX_EINVAL;
    const struct plx_node *send = plx_node_get(node, "send");
    const struct plx_node *expect = plx_node_get(node, "expect");
    if (!send == !expect)
        return plx_doc_error(doc, node, why,
                             "a step must have one of 'send' and "
                             "'expect'");
    int err = send ? read_form(doc, send, "send", send_forms, 2, &step, room, why)
                   : read_form(doc, expect, "expect", expect_forms, 4, &step, room, why);
    if (err == 0)
        err = read_limits(doc, node, &step, why);
    if (err == 0)
        plx_greeting_add(greeting, step.kind, room, step.len, step.max_bytes,
                         step.within_ns);
    return err;
}

static int read_preset(const struct plx_doc *doc, const struct plx_node *node,
                       struct plx_greeting *greeting, struct plx_why *why)
{
    const char *text;
    char shown[PLX_EXCERPT_MAX];
    int err = plx_doc_text(doc, node, "greeting", &text, why);
    if (err < 0)
        return err;
    greeting->preset = plx_greeting_preset_parse(text);
    if (greeting->preset == PLX_GREETING_NO_PRESET)
        return plx_doc_error(doc, node, why,
                             "'greeting' must be a list of steps or one "
                             "of %s: '%s'",
                             plx_greeting_preset_list(), plx_doc_excerpt(text, shown));
    return 0;
}

/* The place of what a step holds, so that a bad pattern is pointed at. */
static const struct plx_node *place_of(const struct plx_node *step)
{
    const struct plx_node *at = plx_node_get(step, "expect");
    if (!at)
        at = plx_node_get(step, "send");
    return at && at->kind == PLX_NODE_MAP && at->n == 1 ? at->items[0] : at;
}

int plx_greeting_read(const struct plx_doc *doc, const struct plx_node *node,
                      struct plx_greeting *greeting, struct plx_why *why)
{
    struct plx_why inner = {""};
    size_t at = 0;
    if (node->kind == PLX_NODE_SCALAR)
        return read_preset(doc, node, greeting, why);
    if (node->kind != PLX_NODE_LIST || node->n == 0)
        return plx_doc_error(doc, node, why,
                             "'greeting' must be a preset's name or a list of steps");
    for (size_t i = 0; i < node->n && i <= PLX_GREETING_STEPS_MAX; i++) {
        int err = read_step(doc, node->items[i], greeting, why);
        if (err < 0)
            return err;
    }
    if (plx_greeting_check(greeting, &at, &inner) == 0)
        return 0;
    if (at < node->n && at < greeting->n_steps)
        return plx_doc_error(doc, place_of(node->items[at]), why, "step %zu: %s", at + 1,
                             inner.text);
    return plx_doc_error(doc, node, why, "'greeting': %s", inner.text);
}

/* ---- writing ---- */

/* In single quotes YAML leaves backslashes alone. */
static void write_text(struct plx_value_out *out, const char *text)
{
    if (out->json) {
        plx_json_str(out->json, text);
        return;
    }
    plx_buf_char(out->yaml, '\'');
    for (const char *p = text; *p; p++)
        plx_buf_printf(out->yaml, *p == '\'' ? "''" : "%c", *p);
    plx_buf_char(out->yaml, '\'');
}

static void hex_of(const struct plx_greeting_step *step, char text[STEP_TEXT_MAX])
{
    for (size_t i = 0; i < step->len; i++)
        snprintf(text + 3 * i, 4, i + 1 < step->len ? "%02x " : "%02x", step->bytes[i]);
}

static void begin_map(struct plx_value_out *out)
{
    if (out->json)
        plx_json_object(out->json);
    else
        plx_buf_char(out->yaml, '{');
}

static void end_map(struct plx_value_out *out)
{
    if (out->json)
        plx_json_end(out->json);
    else
        plx_buf_char(out->yaml, '}');
}

static void write_key(struct plx_value_out *out, const char *key)
{
    if (out->json)
        plx_json_key(out->json, key);
    else
        plx_buf_printf(out->yaml, "%s: ", key);
}

static const char *form_of(const struct plx_greeting_step *step)
{
    bool binary = plx_greeting_is_binary(step->bytes, step->len);
    switch (step->kind) {
    case PLX_GREETING_SEND:
    case PLX_GREETING_PREFIX:
        return binary ? "hex" : NULL;
    case PLX_GREETING_CONTAINS:
        return "contains";
    case PLX_GREETING_REGEX:
        return "regex";
    }
    return NULL;
}

static void write_step(const struct plx_greeting_step *step, struct plx_value_out *out)
{
    static const char *const commas[] = {", within: ", ", max_bytes: "};
    char text[STEP_TEXT_MAX] = "", duration[PLX_DURATION_TEXT_MAX];
    const char *form = form_of(step);
    if (form && strcmp(form, "hex") == 0)
        hex_of(step, text);
    else if (step->kind == PLX_GREETING_REGEX)
        snprintf(text, sizeof text, "%.*s", (int)step->len, (const char *)step->bytes);
    else
        plx_greeting_escape(step->bytes, step->len, text, sizeof text);
    begin_map(out);
    write_key(out, step->kind == PLX_GREETING_SEND ? "send" : "expect");
    if (form) {
        begin_map(out);
        write_key(out, form);
    }
    write_text(out, text);
    if (form)
        end_map(out);
    if (step->within_ns) {
        if (out->json)
            plx_json_key(out->json, "within");
        else
            plx_buf_text(out->yaml, commas[0]);
        plx_value_text(out, plx_duration_format(step->within_ns, duration));
    }
    if (step->max_bytes) {
        if (out->json)
            plx_json_key(out->json, "max_bytes");
        else
            plx_buf_text(out->yaml, commas[1]);
        plx_value_uint(out, step->max_bytes);
    }
    end_map(out);
}

bool plx_greeting_write(const struct plx_greeting *greeting, struct plx_value_out *out)
{
    if (plx_greeting_is_none(greeting))
        return false;
    if (greeting->preset != PLX_GREETING_NO_PRESET) {
        plx_value_text(out, plx_greeting_preset_token(greeting->preset));
        return true;
    }
    if (out->json) {
        plx_json_key(out->json, out->key);
        out->key = NULL;
        plx_json_array(out->json);
    } else {
        plx_buf_char(out->yaml, '[');
    }
    for (size_t i = 0; i < greeting->n_steps; i++) {
        if (!out->json && i > 0)
            plx_buf_text(out->yaml, ", ");
        write_step(&greeting->steps[i], out);
    }
    if (out->json)
        plx_json_end(out->json);
    else
        plx_buf_char(out->yaml, ']');
    return true;
}
