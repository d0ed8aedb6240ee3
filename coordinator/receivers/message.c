#include "coordinator/receivers/message.h"

#include "base/err.h"
#include "base/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The texts of a message and their keys. */
static const struct {
    const char *key;
    size_t offset;
} texts[] = {
#define TEXT(name)                                                                       \
    {                                                                                    \
#name, offsetof(struct plx_message, name)                                        \
    }
    TEXT(key),      TEXT(event),  TEXT(kind),    TEXT(severity),
    TEXT(state),    TEXT(entity), TEXT(title),   TEXT(sentence),
    TEXT(acked_by), TEXT(note),   TEXT(runbook), TEXT(url),
#undef TEXT
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static const struct {
    const char *key;
    size_t offset;
} times[] = {
#define TIME(name)                                                                       \
    {                                                                                    \
#name, offsetof(struct plx_message, name)                                        \
    }
    TIME(at), TIME(onset), TIME(opened), TIME(closed), TIME(acked),
#undef TIME
};
#define N_TIMES (sizeof times / sizeof *times)

static char **text_at(const struct plx_message *message, size_t i)
{
    return (char **)((char *)message + texts[i].offset);
}

static struct plx_wall *time_at(const struct plx_message *message, size_t i)
{
    return (struct plx_wall *)((char *)message + times[i].offset);
}

void plx_message_fini(struct plx_message *message)
{
    for (size_t i = 0; i < N_TEXTS; i++)
        free(*text_at(message, i));
    for (size_t i = 0; i < message->n_members; i++)
        free(message->members[i]);
    for (size_t i = 0; i < message->n_labels; i++) {
        free(message->labels[i].key);
        free(message->labels[i].value);
    }
    free(message->members);
    free(message->labels);
    *message = (struct plx_message){0};
}

void plx_message_write(const struct plx_message *message, struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kuint(j, "version", 1);
    plx_json_kuint(j, "incident", message->incident);
    for (size_t i = 0; i < N_TEXTS; i++)
        plx_json_kstr(j, texts[i].key, *text_at(message, i) ? *text_at(message, i) : "");
    for (size_t i = 0; i < N_TIMES; i++)
        plx_json_kwall(j, times[i].key, *time_at(message, i));
    plx_json_kbool(j, "flapping", message->flapping);
    plx_json_kuint(j, "n_affected", message->n_affected);
    plx_json_key(j, "members");
    plx_json_array(j);
    for (size_t i = 0; i < message->n_members; i++)
        plx_json_str(j, message->members[i]);
    plx_json_end(j);
    plx_json_key(j, "labels");
    plx_json_object(j);
    for (size_t i = 0; i < message->n_labels; i++)
        plx_json_kstr(j, message->labels[i].key, message->labels[i].value);
    plx_json_end(j);
    plx_json_end(j);
}

static void *list_of(size_t n, size_t size)
{
    void *list = calloc(n + 1, size);
    if (!list)
        abort();
    return list;
}

static void read_lists(json_t *object, struct plx_message *m)
{
    json_t *members = json_object_get(object, "members"), *value;
    json_t *labels = json_object_get(object, "labels");
    const char *key;
    m->members = list_of(json_array_size(members), sizeof *m->members);
    for (size_t i = 0; i < json_array_size(members); i++) {
        const char *name = json_string_value(json_array_get(members, i));
        if (name)
            m->members[m->n_members++] = plx_text_dup(name);
    }
    m->labels = list_of(json_object_size(labels), sizeof *m->labels);
    json_object_foreach(labels, key, value)
    {
        if (json_is_string(value))
            m->labels[m->n_labels++] = (struct plx_label){
                plx_text_dup(key), plx_text_dup(json_string_value(value))};
    }
}

int plx_message_read(const char *json, struct plx_message *ret, struct plx_why *why)
{
    json_error_t error;
    json_t *object = json_loads(json, 0, &error);
    struct plx_message m = {0};
    if (!json_is_object(object)) {
        json_decref(object);
        return plx_why_set(why, PLX_EMALFORMED, "the stored message is no JSON object");
    }
    m.incident = (uint64_t)json_integer_value(json_object_get(object, "incident"));
    m.n_affected = (size_t)json_integer_value(json_object_get(object, "n_affected"));
    m.flapping = json_is_true(json_object_get(object, "flapping"));
    for (size_t i = 0; i < N_TEXTS; i++) {
        const char *text = json_string_value(json_object_get(object, texts[i].key));
        *text_at(&m, i) = plx_text_dup(text ? text : "");
    }
    for (size_t i = 0; i < N_TIMES; i++) {
        const char *text = json_string_value(json_object_get(object, times[i].key));
        if (text)
            plx_wall_parse(text, time_at(&m, i));
    }
    read_lists(object, &m);
    json_decref(object);
    *ret = m;
    return 0;
}

bool plx_message_is_firing(const struct plx_message *message)
{
    return strcmp(message->event, "resolve") != 0;
}

const char *plx_message_group(const struct plx_message *message,
                              char buf[PLX_MESSAGE_GROUP_MAX])
{
    snprintf(buf, PLX_MESSAGE_GROUP_MAX, "parallax-incident-%" PRIu64, message->incident);
    return buf;
}
