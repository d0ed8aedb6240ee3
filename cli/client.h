/* The CLI's side of the admin protocol: one question over CURVE, one answer or a stream
 * of them, as JSON. */
#ifndef PLX_CLI_CLIENT_H
#define PLX_CLI_CLIENT_H

#include "cli/cli.h"

#include "base/buf.h"
#include "base/json.h"

#include <jansson.h>

/* A question under construction: an object whose keys the caller writes. */
struct plx_question {
    struct plx_buf body;
    struct plx_json json;
};

void plx_question_init(struct plx_question *q);
void plx_question_fini(struct plx_question *q);
/* Writes the list of the command's words under `key`, if there are any. */
void plx_question_words(struct plx_question *q, const struct plx_args *args,
                        const char *key);

/* What a command's arguments ask. 0, or an error with a sentence. */
typedef int plx_question_fn(struct plx_question *q, const struct plx_args *args,
                            struct plx_why *why);
/* Begins a question and has it filled. Where that fails, complains, leaves nothing to
 * finish and returns an exit code. */
int plx_question_fill(struct plx_question *q, const struct plx_args *args,
                      plx_question_fn *fill);

/* Writes the option of that name, a number from 1 to `max`, if it is given. PLX_EINVAL.
 */
int plx_question_number(struct plx_question *q, const struct plx_args *args,
                        const char *key, int64_t max, struct plx_why *why);

/* Writes "10m ago" without its last word: the coordinator takes durations and times.
 * Returns `buf`, or `text` itself. */
const char *plx_question_ago(const char *text, char buf[64]);
/* Writes the option of that name, a moment, or `fallback` (NULL: nothing). */
void plx_question_moment(struct plx_question *q, const struct plx_args *args,
                         const char *key, const char *fallback);

/* Called with each answer of a stream, the last one too; lends `answer`. */
typedef void plx_answer_fn(void *arg, json_t *answer, bool last);

/* Asks and waits. Gives the (last) answer in `ret`, which the caller releases with
 * json_decref; NULL if it was empty. Complains itself; returns an exit code. Finishes
 * `q`. */
int plx_ask(struct plx_cli *cli, const char *method, struct plx_question *q,
            json_t **ret);
int plx_ask_stream(struct plx_cli *cli, const char *method, struct plx_question *q,
                   plx_answer_fn *fn, void *arg, json_t **ret);

/* Waits, as long as --wait says, until the coordinator answers by `server_key`: another
 * than the admin file may have yet. Complains itself; returns an exit code. */
int plx_await_server(struct plx_cli *cli, const char *server_key);

#endif
