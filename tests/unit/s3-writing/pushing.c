/* SPDX-License-Identifier: Apache-2.0 */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>

#define STEP (256u * KIB)

static struct regstore_call call_in(struct push *p)
{
    return call_of(&p->error);
}

static regstore_status stop_and_go_on(struct push *p, struct regstore_upload **upload)
{
    const struct regstore_plugin *plugin = plugin_table();
    const struct regstore_call call = call_in(p);
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept = 0;
    const uint64_t offset = plugin->upload_offset(*upload);
    const regstore_status status =
        plugin->upload_suspend(*upload, &call, token, sizeof token, &kept);
    if (status != REGSTORE_OK)
        return status;
    ck_assert_uint_eq(kept, offset);
    plugin->upload_close(*upload);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    return plugin->upload_open(p->store, &call, &opts, upload);
}

static regstore_status write_all(struct push *p, struct regstore_upload **upload)
{
    uint8_t *bytes = malloc(STEP);
    regstore_status status = REGSTORE_OK;
    uint64_t until_stop = p->stop_every;
    ck_assert_ptr_nonnull(bytes);
    for (uint64_t at = 0; at < p->length && status == REGSTORE_OK;) {
        const struct regstore_call call = call_in(p);
        uint64_t n = p->length - at < STEP ? p->length - at : STEP;
        if (p->stop_every != 0 && n > until_stop)
            n = until_stop;
        fill(bytes, (size_t)n, 1, at);
        status = plugin_table()->upload_write(*upload, &call, bytes, (size_t)n);
        at += n;
        until_stop -= p->stop_every != 0 ? n : 0;
        if (status == REGSTORE_OK && p->stop_every != 0 && until_stop == 0) {
            until_stop = p->stop_every;
            status = stop_and_go_on(p, upload);
        }
    }
    free(bytes);
    return status;
}

regstore_status push(struct push *p)
{
    const struct regstore_plugin *plugin = plugin_table();
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                              .flags = REGSTORE_UPLOAD_SHA256,
                                              .expected_length = p->hint,
                                              .key = p->tells_key ? p->key : NULL};
    const struct regstore_commit_opts commit = {
        .struct_size = sizeof commit, .flags = p->commit_flags, .key = p->key};
    const struct regstore_call call = call_in(p);
    struct regstore_upload *upload = NULL;
    regstore_status status = plugin->upload_open(p->store, &call, &opts, &upload);
    if (status == REGSTORE_OK)
        status = write_all(p, &upload);
    p->stat = (struct regstore_stat){.struct_size = sizeof p->stat};
    if (status == REGSTORE_OK)
        status = plugin->upload_commit(upload, &call, &commit, &p->stat);
    plugin->upload_close(upload);
    return status;
}

void push_and_compare(struct push *p)
{
    const regstore_status status = push(p);
    ck_assert_msg(status == REGSTORE_OK, "%s: %s", p->key, p->error.message);
    ck_assert_uint_eq(p->stat.length, p->length);
    ck_assert(has_content(p->store, p->key, 1, (size_t)p->length));
}

unsigned count_of(const char *operation)
{
    struct door_count counts[32];
    const size_t n = door_counts(server_url(), counts, LENGTH_OF(counts));
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, operation) == 0)
            return counts[i].n;
    return 0;
}
