/* SPDX-License-Identifier: Apache-2.0 */
#include "token_file.h"

#include <string.h>

#include "slow.h"

static void read_token(void *ctx)
{
    struct stss3_token_file *f = ctx;
    struct stss3_request *request = f->request;
    const struct stss3_slow_file file = {.what = f->what,
                                         .path = f->path,
                                         .max = STSS3_TOKEN_FILE_MAX,
                                         .limit_ms = STSS3_SLOW_FILE_MS};
    f->error = (struct plug_error){0};
    if (stss3_slow_file_read(stss3_worker_asides(f->tools->worker), &file, &f->text, NULL,
                             &f->error) == REGSTORE_OK) {
        while (f->text.len > 0 && strchr("\r\n", f->text.data[f->text.len - 1]) != NULL)
            f->text.data[--f->text.len] = '\0';
        if (f->text.len == 0)
            plug_error_set(&f->error, REGSTORE_CONFIG, "%s: the file %.200s is empty", f->what,
                           f->path);
    }
    atomic_store(&f->has_ended, true);
    stss3_request_resume(request); /* from here on the request, and f with it, may go */
    stss3_request_unref(request);
}

enum stss3_ready stss3_token_file_get(struct stss3_token_file *f, struct stss3_request *request)
{
    if (f->is_read)
        return STSS3_READY;
    if (f->is_reading && !atomic_load(&f->has_ended))
        return STSS3_WAIT; /* somebody else's news */
    if (f->is_reading) {
        f->is_reading = false;
        f->is_read = f->error.status == REGSTORE_OK;
        request->error = f->error;
        return f->is_read ? STSS3_READY : STSS3_REFUSED;
    }
    plug_buf_wipe(&f->text);
    f->request = stss3_request_ref(request);
    f->is_reading = true;
    atomic_store(&f->has_ended, false);
    if (stss3_worker_do(f->tools->worker, read_token, f))
        return STSS3_WAIT;
    f->is_reading = false;
    stss3_request_unref(request);
    plug_error_set(&request->error, REGSTORE_NO_MEMORY, "no thread to read %.200s on", f->path);
    return STSS3_REFUSED;
}

void stss3_token_file_forget(struct stss3_token_file *f)
{
    f->is_read = false;
    plug_buf_wipe(&f->text);
}

void stss3_token_file_clear(struct stss3_token_file *f)
{
    plug_buf_wipe(&f->text);
}
