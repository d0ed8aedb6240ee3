#include "cli/recording.h"

#include "base/time.h"
#include "cli/client.h"
#include "cli/recording_fill.h"
#include "cli/render.h"

#include <string.h>

/* ---- pages ---- */

static int ask_page(struct plx_cli *cli, const struct plx_recording_ask *ask,
                    const struct plx_recording *said, const char *after, json_t **ret)
{
    struct plx_question q;
    char buf[64];
    const char *since = said->since[0] ? said->since : ask->since;
    const char *until = said->until[0] ? said->until : ask->until;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "since", plx_question_ago(since, buf));
    if (until)
        plx_json_kstr(&q.json, "until", plx_question_ago(until, buf));
    if (after[0])
        plx_json_kstr(&q.json, "after", after);
    if (ask->n_monitors > 0) {
        plx_json_key(&q.json, "monitors");
        plx_json_array(&q.json);
        for (size_t i = 0; i < ask->n_monitors; i++)
            plx_json_str(&q.json, ask->monitors[i]);
        plx_json_end(&q.json);
    }
    return plx_ask(cli, "results.export", &q, ret);
}

static void keep(char to[64], const json_t *page, const char *key)
{
    snprintf(to, 64, "%s", plx_field(page, key));
}

static void note_page(struct plx_recording *said, const json_t *page)
{
    if (!said->at[0]) {
        keep(said->at, page, "at");
        keep(said->since, page, "since");
        keep(said->until, page, "until");
        keep(said->oldest, page, "oldest");
    }
    said->left_out += (uint64_t)plx_field_int(page, "left_out");
}

static int hand_on(struct plx_fill *f, plx_recording_fn *fn, void *arg)
{
    if (f->text.overflow)
        return plx_complain(PLX_EXIT_FAILED, "a page of the recording is too long");
    int code = fn(arg, plx_buf_str(&f->text), f->text.len);
    plx_buf_clear(&f->text);
    return code;
}

static double seconds(const char *text)
{
    struct plx_wall t;
    return plx_wall_parse(text, &t) == 0 ? (double)t.ns / 1e9 : 0;
}

int plx_recording_fetch(struct plx_cli *cli, const struct plx_recording_ask *ask,
                        plx_recording_fn *fn, void *arg, struct plx_recording *ret)
{
    struct plx_recording said = {0};
    struct plx_fill f;
    char after[64] = "";
    int code;
    plx_fill_init(&f);
    do {
        json_t *page = NULL, *line;
        size_t i;
        code = ask_page(cli, ask, &said, after, &page);
        if (code != PLX_EXIT_OK)
            break;
        note_page(&said, page);
        keep(after, page, "next");
        json_array_foreach(json_object_get(page, "lines"), i, line)
            plx_fill_line(&f, line);
        json_decref(page);
        if (!after[0])
            plx_fill_end(&f, seconds(said.until));
        code = hand_on(&f, fn, arg);
    } while (code == PLX_EXIT_OK && after[0]);
    said.n_results = f.n_results;
    plx_fill_fini(&f);
    *ret = said;
    return code;
}
