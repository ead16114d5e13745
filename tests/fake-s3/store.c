/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the store: buckets, objects, uploads. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

struct object *object_new(const char *key)
{
    struct object *o = grab(sizeof *o);
    atomic_init(&o->references, 1);
    o->key = copy_text(key);
    o->sum.kind = SUM_NONE;
    return o;
}

struct object *object_hold(struct object *o)
{
    (void)atomic_fetch_add(&o->references, 1);
    return o;
}

void object_drop(struct object *o)
{
    if (o == NULL || atomic_fetch_sub(&o->references, 1) != 1)
        return;
    free(o->key);
    content_clear(&o->content);
    free(o->etag);
    fields_clear(&o->headers);
    fields_clear(&o->at_rest);
    free(o->sum.value);
    free(o);
}

void part_free(struct part *p)
{
    if (p == NULL)
        return;
    content_clear(&p->content);
    free(p->etag);
    free(p->sum.value);
    free(p);
}

static void upload_free(struct upload *u)
{
    for (size_t i = 0; i < u->part_count; i++)
        part_free(u->parts[i]);
    free(u->parts);
    object_drop(u->plan);
    free(u->id);
    free(u->key);
    free(u->initiator);
    free(u);
}

static void bucket_free(struct bucket *b)
{
    for (size_t i = 0; i < b->object_count; i++)
        object_drop(b->objects[i]);
    for (size_t i = 0; i < b->upload_count; i++)
        upload_free(b->uploads[i]);
    free(b->objects);
    free(b->uploads);
    free(b->name);
    free(b->region);
    free(b);
}

void store_clear(struct store *s)
{
    for (size_t i = 0; i < s->bucket_count; i++)
        bucket_free(s->buckets[i]);
    free(s->buckets);
    *s = (struct store){0};
}

/* Makes a gap at `place` in an array of pointers. */
static void *open_gap(void *items, size_t *count, size_t place)
{
    void **array = grow(items, *count, sizeof *array);
    memmove(array + place + 1, array + place, (*count - place) * sizeof *array);
    ++*count;
    return array;
}

static void close_gap(void *items, size_t *count, size_t place)
{
    void **array = items;
    --*count;
    memmove(array + place, array + place + 1, (*count - place) * sizeof *array);
}

struct bucket *store_bucket(const struct store *s, const char *name)
{
    for (size_t i = 0; i < s->bucket_count; i++)
        if (strcmp(s->buckets[i]->name, name) == 0)
            return s->buckets[i];
    return NULL;
}

struct bucket *store_add_bucket(struct store *s, const char *name, const char *region,
                                int64_t now_ms)
{
    struct bucket *b = grab(sizeof *b);
    size_t place = 0;
    b->name = copy_text(name);
    b->region = copy_text(region);
    b->created_ms = now_ms;
    while (place < s->bucket_count && strcmp(s->buckets[place]->name, name) < 0)
        place++;
    s->buckets = open_gap(s->buckets, &s->bucket_count, place);
    s->buckets[place] = b;
    return b;
}

void store_remove_bucket(struct store *s, struct bucket *b)
{
    size_t place = 0;
    while (s->buckets[place] != b)
        place++;
    close_gap(s->buckets, &s->bucket_count, place);
    bucket_free(b);
}

size_t bucket_place(const struct bucket *b, const char *key)
{
    size_t low = 0, high = b->object_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(b->objects[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct object *bucket_object(const struct bucket *b, const char *key)
{
    size_t place = bucket_place(b, key);
    if (place < b->object_count && strcmp(b->objects[place]->key, key) == 0)
        return b->objects[place];
    return NULL;
}

void bucket_put(struct bucket *b, struct object *o)
{
    size_t place = bucket_place(b, o->key);
    if (place < b->object_count && strcmp(b->objects[place]->key, o->key) == 0)
        object_drop(b->objects[place]);
    else
        b->objects = open_gap(b->objects, &b->object_count, place);
    b->objects[place] = o;
}

void bucket_remove(struct bucket *b, const char *key)
{
    struct object *o = bucket_object(b, key);
    if (o == NULL)
        return;
    close_gap(b->objects, &b->object_count, bucket_place(b, key));
    object_drop(o);
}

struct upload *bucket_upload(const struct bucket *b, const char *key, const char *id)
{
    for (size_t i = 0; i < b->upload_count; i++)
        if (strcmp(b->uploads[i]->id, id) == 0 && strcmp(b->uploads[i]->key, key) == 0)
            return b->uploads[i];
    return NULL;
}

void bucket_add_upload(struct bucket *b, struct upload *u)
{
    size_t place = b->upload_count;
    while (place > 0 && strcmp(b->uploads[place - 1]->key, u->key) > 0)
        place--;
    b->uploads = open_gap(b->uploads, &b->upload_count, place);
    b->uploads[place] = u;
}

void bucket_remove_upload(struct bucket *b, struct upload *u)
{
    size_t place = 0;
    while (b->uploads[place] != u)
        place++;
    close_gap(b->uploads, &b->upload_count, place);
    upload_free(u);
}

static size_t part_place(const struct upload *u, uint32_t number)
{
    size_t low = 0, high = u->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->parts[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct part *find_part(const struct upload *u, uint32_t number)
{
    size_t place = part_place(u, number);
    if (place < u->part_count && u->parts[place]->number == number)
        return u->parts[place];
    return NULL;
}

void upload_put_part(struct upload *u, struct part *p)
{
    size_t place = part_place(u, p->number);
    if (place < u->part_count && u->parts[place]->number == p->number)
        part_free(u->parts[place]);
    else
        u->parts = open_gap(u->parts, &u->part_count, place);
    u->parts[place] = p;
}
