/* What happens, as it happens: the coordinator's events, a line each. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

#include "base/text.h"

#include <string.h>
#include <time.h>

#define LAST_MAX 4096  /* events the coordinator keeps */
#define WAIT     "20s" /* of one question; less than a client waits for an answer */

struct events {
    struct plx_cli *cli;
    json_int_t next, epoch; /* to ask on with */
    bool began;
    int64_t last; /* of those before, so many are shown */
};

/* What of an event's keys says it best, by its type. */
static const char *subject(const json_t *event, const char *type)
{
    if (strcmp(type, "verdict") == 0)
        return plx_field(event, "monitor");
    return plx_field(event, strcmp(type, "agent") == 0 ? "agent" : "entity");
}

static void print_event(const struct plx_cli *cli, const json_t *event)
{
    const char *type = plx_field(event, "type"), *now = plx_field(event, "now");
    enum plx_style style = PLX_STYLE_NONE;
    if (strcmp(type, "verdict") == 0) {
        style = plx_verdict_look(now)->style;
        plx_say("%s  %-8s  %s: %s", plx_field(event, "at"), type, subject(event, type),
                *plx_field(event, "was") ? plx_field(event, "was") : "new");
        plx_say(" -> ");
        printf("%s", plx_style_on(cli, style));
        plx_say("%s", now);
        printf("%s", plx_style_off(cli, style));
        plx_say("  %s\n", plx_field(event, "sentence"));
        return;
    }
    const char *what = plx_field(event, strcmp(type, "agent") == 0      ? "event"
                                        : strcmp(type, "incident") == 0 ? "what"
                                                                        : "state");
    const char *more = plx_field(event, strcmp(type, "fault") == 0      ? "why"
                                        : strcmp(type, "incident") == 0 ? "text"
                                                                        : "region");
    plx_say("%s  %-8s  %s: %s  %s\n", plx_field(event, "at"), type, subject(event, type),
            what, more);
}

static void show(const struct events *e, const json_t *event)
{
    const char *only = plx_args_value(&e->cli->args, "type", NULL);
    if (only && strcmp(only, plx_field(event, "type")) != 0)
        return;
    if (e->cli->format == PLX_FORMAT_TABLE) {
        print_event(e->cli, event);
        return;
    }
    char *line = json_dumps(event, JSON_COMPACT);
    puts(line ? line : "{}");
    free(line);
}

static void take(struct events *e, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "events");
    size_t n = json_array_size(list), from = 0;
    if (!e->began && n > (size_t)e->last)
        from = n - (size_t)e->last;
    if (e->began && json_is_true(json_object_get(answer, "missed")))
        plx_remark("parallax: some events were missed\n");
    for (size_t i = from; i < n; i++)
        show(e, json_array_get(list, i));
    fflush(stdout);
    e->next = json_integer_value(json_object_get(answer, "next"));
    e->epoch = json_integer_value(json_object_get(answer, "epoch"));
}

/* One question. The first one comes in pages until all that is kept was seen. */
static int ask(struct events *e, const char *wait)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kint(&q.json, "after", e->next);
    if (e->epoch)
        plx_json_kint(&q.json, "epoch", e->epoch);
    plx_json_kstr(&q.json, "wait", wait);
    int code = plx_ask(e->cli, "events", &q, &answer);
    if (code == PLX_EXIT_OK)
        take(e, answer);
    json_decref(answer);
    return code;
}

/* For ever, also over restarts of the coordinator. */
static int follow(struct events *e)
{
    const struct timespec pause = {.tv_sec = 2};
    for (;;) {
        int code = ask(e, WAIT);
        if (code == PLX_EXIT_UNREACHABLE || code == PLX_EXIT_FAILED)
            nanosleep(&pause, NULL);
        else if (code != PLX_EXIT_OK)
            return code;
        if (ferror(stdout))
            return PLX_EXIT_FAILED;
    }
}

int plx_cmd_events(struct plx_cli *cli)
{
    struct events e = {.cli = cli};
    if (cli->format == PLX_FORMAT_CSV || cli->format == PLX_FORMAT_YAML)
        return plx_complain(PLX_EXIT_USAGE, "events are a table or --output json");
    if (plx_text_int(plx_args_value(&cli->args, "last", "20"), 0, LAST_MAX, &e.last) < 0)
        return plx_complain(PLX_EXIT_USAGE, "--last must be a number from 0 to %d",
                            LAST_MAX);
    int code = ask(&e, "0s");
    e.began = true;
    if (code == PLX_EXIT_OK && plx_args_has(&cli->args, "follow"))
        code = follow(&e);
    return code;
}
