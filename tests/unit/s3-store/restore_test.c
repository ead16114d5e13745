/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an upload that goes on finds of what it left at S3.  CORRUPT and CONFLICT cost all of it, so
 * they are said only of what the service says twice; what came short on its way is UNAVAILABLE.
 */
#include "suites.h"

#include "store.h"
#include "upload.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

static const struct regstore_pair aws = {"provider", "aws"};

#define GOOD_HEAD                                                                                  \
    {                                                                                              \
        "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"e\"\r\nContent-Length: 3\r\n\r\n",        \
            SERVER_CLOSES                                                                          \
    }

/* An upload that knows of what the test gives it; the client's region is known. */
static struct stss3_upload upload_in(struct world *w)
{
    ck_assert_int_eq(w->plugin->stat(w->store, &w->call, "key", NULL), REGSTORE_OK);
    return (struct stss3_upload){.store = stss3_store_of(w->store),
                                 .key = (char *)(uintptr_t) "key",
                                 .stage_id = "00000000-0000-4000-8000-000000000000"};
}

static void forget(struct stss3_upload *u)
{
    stss3_parts_drop(u->parts);
    stss3_chunk_unref(u->tail);
    plug_digest_free(u->tail_digest);
}

#define TAIL           "0123456789"
#define TAIL_BYTES     10u
#define CRC32C_OF_TAIL "KAwGng=="

#define ANSWER_OF(status, etag, more, body)                                                        \
    {                                                                                              \
        "HTTP/1.1 " status "\r\nConnection: close\r\nETag: \"" etag "\"\r\n" more "\r\n\r\n" body, \
            SERVER_CLOSES                                                                          \
    }
#define PARTIAL(range, length, more, body)                                                         \
    ANSWER_OF("206 Partial Content", "e",                                                          \
              "Content-Range: bytes " range "\r\nContent-Length: " length more, body)
#define SUM(text) "\r\nx-amz-checksum-type: FULL_OBJECT\r\nx-amz-checksum-crc32c: " text
#define WHOLE     PARTIAL("0-9/10", "10", "", TAIL)
#define CUT       PARTIAL("0-9/10", "5", "", "01234")
#define OTHER     PARTIAL("0-4/5", "5", "", "01234")
#define LONGER    PARTIAL("0-9/11", "10", "", TAIL)
#define OF_ANOTHER                                                                                 \
    ANSWER_OF("206 Partial Content", "f", "Content-Range: bytes 0-4/5\r\nContent-Length: 5",       \
              "01234")
#define UNRANGED_CUT ANSWER_OF("200 OK", "e", "Content-Length: 5", "01234")
#define BEYOND       ANSWER_OF("416 Range Not Satisfiable", "e", "Content-Length: 0", "")
#define SUMMED       PARTIAL("0-9/10", "10", SUM(CRC32C_OF_TAIL), TAIL)
#define SPOILT       PARTIAL("0-9/10", "10", SUM(CRC32C_OF_TAIL), "012345678X")
#define MISSING      ANSWER_OF("404 Not Found", "", "Content-Length: 0", "")
#define TAKEN        ANSWER_OF("412 Precondition Failed", "", "Content-Length: 0", "")

static const struct {
    struct server_step answers[2];
    regstore_status due;
    unsigned reads;
} tails[] = {
    {{WHOLE, CUT}, REGSTORE_OK, 1},
    {{SUMMED, CUT}, REGSTORE_OK, 1},
    {{CUT, WHOLE}, REGSTORE_OK, 2},
    {{OTHER, WHOLE}, REGSTORE_OK, 2},
    {{SPOILT, SUMMED}, REGSTORE_OK, 2},
    {{BEYOND, WHOLE}, REGSTORE_OK, 2},
    {{UNRANGED_CUT, WHOLE}, REGSTORE_OK, 2},
    {{CUT, CUT}, REGSTORE_UNAVAILABLE, 2},
    {{OTHER, CUT}, REGSTORE_UNAVAILABLE, 2},
    {{UNRANGED_CUT, UNRANGED_CUT}, REGSTORE_UNAVAILABLE, 2},
    {{OF_ANOTHER, OF_ANOTHER}, REGSTORE_UNAVAILABLE, 2},
    {{OTHER, OTHER}, REGSTORE_CORRUPT, 2},
    {{LONGER, LONGER}, REGSTORE_CORRUPT, 2},
    {{CUT, OTHER}, REGSTORE_UNAVAILABLE, 2},
    {{BEYOND, BEYOND}, REGSTORE_CORRUPT, 2},
    {{SPOILT, SPOILT}, REGSTORE_CORRUPT, 2},
    {{MISSING, WHOLE}, REGSTORE_GONE, 1},
    {{TAKEN, WHOLE}, REGSTORE_CONFLICT, 1},
    {{CUT, MISSING}, REGSTORE_GONE, 2},
    {{CUT, TAKEN}, REGSTORE_CONFLICT, 2},
};

START_TEST(tail_is_lost_only_when_it_is_certain)
{
    const struct server_step s3[] = {GOOD_HEAD, tails[_i].answers[0], tails[_i].answers[1]};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct world w;
    world_open_with(&w, s3, COUNT(s3), NULL, 0, &aws, 1);
    struct stss3_upload u = upload_in(&w);
    u.parked.length = TAIL_BYTES;
    memcpy(u.parked.etag, "e", 2);
    const regstore_status status = stss3_upload_restore(&u, &call, true);
    ck_assert_msg(status == tails[_i].due, "%d: %d, %s", _i, (int)status, call.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 1 + tails[_i].reads);
    ck_assert(status == REGSTORE_OK ||
              (call.error.retryable != 0) == (status == REGSTORE_UNAVAILABLE));
    if (status == REGSTORE_OK)
        ck_assert_mem_eq(stss3_chunk_data(u.tail), TAIL, TAIL_BYTES);
    else
        ck_assert_ptr_null(u.tail);
    forget(&u);
    world_close(&w);
}
END_TEST

#define XML(text)                                                                                  \
    {                                                                                              \
        ANSWER("200 OK", text), SERVER_CLOSES                                                      \
    }
#define LIST(parts)                                                                                \
    XML("<ListPartsResult><IsTruncated>false</IsTruncated>" parts "</ListPartsResult>")
#define PART(number, etag)                                                                         \
    "<Part><PartNumber>" number "</PartNumber><Size>5</Size><ETag>" etag "</ETag></Part>"
#define ALL_PARTS  LIST(PART("1", "a") PART("2", "b"))
#define MORE_PARTS LIST(PART("1", "a") PART("2", "b") PART("3", "c"))
#define ONE_PART   LIST(PART("1", "a"))
#define NO_PART    LIST("")
#define ANOTHERS   LIST(PART("1", "a") PART("2", "c"))
#define NO_UPLOAD                                                                                  \
    {                                                                                              \
        ANSWER("404 Not Found", "<Error><Code>NoSuchUpload</Code></Error>"), SERVER_CLOSES         \
    }

static const struct {
    struct server_step answers[2];
    regstore_status due;
    unsigned reads;
} tables[] = {
    {{ALL_PARTS, NO_PART}, REGSTORE_OK, 1},
    {{MORE_PARTS, NO_PART}, REGSTORE_OK, 1}, /* written after the token */
    {{ONE_PART, ALL_PARTS}, REGSTORE_OK, 2},
    {{ANOTHERS, ALL_PARTS}, REGSTORE_OK, 2},
    {{ONE_PART, ONE_PART}, REGSTORE_UNAVAILABLE, 2},
    {{NO_PART, NO_PART}, REGSTORE_UNAVAILABLE, 2},
    {{ANOTHERS, ONE_PART}, REGSTORE_UNAVAILABLE, 2},
    {{ANOTHERS, ANOTHERS}, REGSTORE_CONFLICT, 2},
    {{ONE_PART, ANOTHERS}, REGSTORE_UNAVAILABLE, 2},
    {{NO_UPLOAD, ALL_PARTS}, REGSTORE_GONE, 1},
};

START_TEST(table_of_parts_is_lost_only_when_it_is_certain)
{
    const struct server_step s3[] = {GOOD_HEAD, tables[_i].answers[0], tables[_i].answers[1]};
    static const struct stss3_part parts[] = {{.length = 5, .etag = "a"},
                                              {.length = 5, .etag = "b"}};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct world w;
    world_open_with(&w, s3, COUNT(s3), NULL, 0, &aws, 1);
    struct stss3_upload u = upload_in(&w);
    u.unlisted.n = COUNT(parts);
    memcpy(u.unlisted.upload_id, "upload", sizeof "upload");
    ck_assert(stss3_table_hash(parts, COUNT(parts), u.unlisted.hash));
    const regstore_status status = stss3_upload_restore(&u, &call, false);
    ck_assert_msg(status == tables[_i].due, "%d: %d, %s", _i, (int)status, call.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 1 + tables[_i].reads);
    ck_assert(status == REGSTORE_OK ||
              (call.error.retryable != 0) == (status == REGSTORE_UNAVAILABLE));
    if (status == REGSTORE_OK)
        ck_assert_uint_eq(stss3_parts_count(u.parts), COUNT(parts));
    else
        ck_assert_ptr_null(u.parts);
    forget(&u);
    world_close(&w);
}
END_TEST

Suite *restore_suite(void)
{
    Suite *suite = suite_create("restore");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, tail_is_lost_only_when_it_is_certain, 0, COUNT(tails));
    tcase_add_loop_test(tcase, table_of_parts_is_lost_only_when_it_is_certain, 0, COUNT(tables));
    suite_add_tcase(suite, tcase);
    return suite;
}
