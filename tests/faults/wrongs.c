/* SPDX-License-Identifier: Apache-2.0 */
/* The faults, and what a host may be told of each. */
#include "sweep.h"

#include <fnmatch.h>
#include <string.h>

#define S(name)   (UINT64_C(1) << REGSTORE_##name)
#define NOT_TOLD  {0, MAYBE, 0, NULL} /* the plugin gets over it */
#define LOST      {S(UNAVAILABLE), ALWAYS, 0, NULL}
#define FOR_LONG  "&times=0"
#define ANSWER(a) {.act = (a), .is_of_answer = true}

/* The first ones are what a host must survive whichever way it ends its upload. */
const struct wrong wrongs[] = {
    {.name = "500", .rule = "do=error", .meets_all_ends = true},
    {.name = "reset before", .rule = "do=reset", .meets_all_ends = true},
    {.name = "reset after",
     .rule = "do=reset&when=after",
     .takes_effect = true,
     .meets_all_ends = true},
    {.name = "503 SlowDown for long",
     .rule = "do=error&status=503&code=SlowDown" FOR_LONG,
     .allowed = {S(THROTTLED), ALWAYS, 503, "SlowDown"},
     .meets_all_ends = true},
    {.name = "reset after, for long",
     .rule = "do=reset&when=after" FOR_LONG,
     .allowed = LOST,
     .takes_effect = true,
     .meets_all_ends = true},
    {.name = "403 AccessDenied",
     .rule = "do=error&status=403&code=AccessDenied",
     .allowed = {S(DENIED), NEVER, 403, "AccessDenied"},
     .meets_all_ends = true},
    {.name = "XML cut off",
     .rule = "do=garble",
     .allowed = {S(UNAVAILABLE) | S(CORRUPT), MAYBE, 0, NULL},
     .takes_effect = true,
     .meets_all_ends = true},
    {.name = "stall beyond the call's time",
     .rule = "do=stall&when=read&ms=1600",
     .allowed = {S(TIMEOUT), ALWAYS, 0, NULL},
     .takes_effect = true,
     .timeout_ms = 800,
     .meets_all_ends = true},

    {.name = "end before", .rule = "do=close"},
    {.name = "stall", .rule = "do=stall&ms=300"},
    {.name = "slow answer", .rule = "do=stall&when=after&ms=300", .takes_effect = true},
    {.name = "body cut off by a reset", .rule = "do=reset&when=middle", .takes_effect = true},
    {.name = "body cut off by an end", .rule = "do=close&when=middle", .takes_effect = true},
    {.name = "body half as long",
     .rule = "do=shorten",
     .allowed = {S(UNAVAILABLE), ALWAYS, 0, NULL}},
    {.name = "500 for long",
     .rule = "do=error" FOR_LONG,
     .allowed = {S(UNAVAILABLE), ALWAYS, 500, NULL}},
    {.name = "503 SlowDown", .rule = "do=error&status=503&code=SlowDown"},
    {.name = "429", .rule = "do=error&status=429&code=TooManyRequests"},
    {.name = "429 for long",
     .rule = "do=error&status=429&code=TooManyRequests" FOR_LONG,
     .allowed = {S(THROTTLED), ALWAYS, 429, NULL}},
    {.name = "400 RequestTimeout", .rule = "do=error&status=400&code=RequestTimeout"},
    {.name = "400 RequestTimeout for long",
     .rule = "do=error&status=400&code=RequestTimeout" FOR_LONG,
     .allowed = {S(UNAVAILABLE), ALWAYS, 400, NULL}},
    {.name = "200 with an error",
     .rule = "do=ok-error&code=InternalError",
     .spares = "HeadObject"}, /* whose answers have no words */
    {.name = "session over", .rule = "do=expire"},
    {.name = "400 ExpiredToken for long",
     .rule = "do=error&status=400&code=ExpiredToken" FOR_LONG,
     .allowed = {S(DENIED), NEVER, 400, NULL}},
    {.name = "clock 20 minutes on", .rule = "do=clock&ms=1200000", .turns_clock = true},
    {.name = "clock 20 minutes back", .rule = "do=clock&ms=-1200000", .turns_clock = true},
    {.name = "Date 20 minutes back",
     .rule = "do=date&ms=-1200000",
     .takes_effect = true,
     .turns_clock = true},
    {.name = "301 to nowhere",
     .rule = "do=redirect&status=301" FOR_LONG,
     .allowed = {S(CONFIG), NEVER, 301, NULL}},
    {.name = "301 to our region", .rule = "do=redirect&status=301&region=us-east-1"},
    {.name = "307", .rule = "do=redirect&status=307"},
    {.name = "307 for long",
     .rule = "do=redirect&status=307" FOR_LONG,
     .allowed = {S(UNAVAILABLE), ALWAYS, 307, NULL}},
    {.name = "XML of 17 MiB",
     .rule = "do=pad&bytes=17825792",
     .allowed = {S(CORRUPT), MAYBE, 0, NULL},
     .takes_effect = true},
    {.name = "another ETag", .rule = "do=etag", .takes_effect = true},
    {.name = "no ETag", .rule = "do=no-etag", .takes_effect = true},
    {.name = "empty ETag", .rule = "do=empty-etag", .takes_effect = true},

    {.name = "cancel before",
     .rule = "do=signal&ms=400",
     .allowed = {S(CANCELLED), MAYBE, 0, NULL},
     .takes_effect = true,
     .is_cancel = true,
     .meets_all_ends = true},
    {.name = "cancel after",
     .rule = "do=signal&when=after",
     .allowed = {S(CANCELLED), MAYBE, 0, NULL},
     .takes_effect = true,
     .is_cancel = true,
     .meets_all_ends = true},

    {.name = "request reset at byte 1", .script = {.act = PROXY_RESET}, .offset = 1},
    {.name = "request reset at half", .script = {.act = PROXY_RESET}, .where = AT_HALF},
    {.name = "request ended at half", .script = {.act = PROXY_END}, .where = AT_HALF},
    {.name = "request ended, 1 byte to go", .script = {.act = PROXY_END}, .offset = -1},
    {.name = "request in single bytes", .script = {.act = PROXY_DRIBBLE}},
    {.name = "request held", .script = {.act = PROXY_HOLD, .ms = 200}, .where = AT_HALF},
    {.name = "answer reset at byte 0", .script = ANSWER(PROXY_RESET), .takes_effect = true},
    {.name = "answer reset at half of it",
     .script = ANSWER(PROXY_RESET),
     .where = AT_HALF,
     .takes_effect = true},
    {.name = "answer ended after its head",
     .script = ANSWER(PROXY_END),
     .where = AT_HEAD_END,
     .takes_effect = true},
    {.name = "answer ended, 1 byte to go",
     .script = ANSWER(PROXY_END),
     .offset = -1,
     .takes_effect = true},
    {.name = "answer ended in its head",
     .script = ANSWER(PROXY_END),
     .where = AT_EACH_OF_HEAD,
     .takes_effect = true},
    {.name = "head in two pieces",
     .script = {.act = PROXY_HOLD, .is_of_answer = true, .ms = 1},
     .where = AT_EACH_OF_HEAD},
    {.name = "answer in single bytes", .script = ANSWER(PROXY_DRIBBLE)},
    {.name = "answer held",
     .script = {.act = PROXY_HOLD, .is_of_answer = true, .ms = 200},
     .where = AT_HALF},
    {.name = "answer twice", .script = ANSWER(PROXY_TWICE)},
};
const size_t wrongs_count = sizeof wrongs / sizeof wrongs[0];

/* Where an operation or a journey is no case of the rule.  The first row that fits speaks. */
static const struct {
    const char *wrong, *operation, *journey; /* patterns */
    struct allowed allowed;
} exceptions[] = {
    /* As if the blob were another one by now. */
    {"another ETag", "GetObject", "pull", {S(CONFLICT), NEVER, 0, NULL}},
    {"another ETag", "GetObject", "pull with*", {S(CONFLICT), NEVER, 0, NULL}},
    /* A HEAD's answer has no words: what the code would say is not known. */
    {"503 SlowDown for long", "HeadObject", "*",
     {S(UNAVAILABLE) | S(THROTTLED), ALWAYS, 503, ""}},
    {"403 AccessDenied", "HeadObject", "*", {S(DENIED), NEVER, 403, ""}},
    {"400 RequestTimeout for long", "HeadObject", "*", {S(DENIED), NEVER, 400, ""}},
    {"another ETag", "HeadObject", "copy*", {S(CONFLICT), NEVER, 0, NULL}},
    /* Two faults in one: the session is over, and then this. */
    {"XML cut off", "GetObject", "refresh", {S(INTERNAL) | S(UNAVAILABLE), MAYBE, 400, ""}},
    {"XML of 17 MiB", "GetObject", "refresh", {S(INTERNAL) | S(CORRUPT), NEVER, 400, ""}},
    {"session over", "GetObject", "refresh", {S(DENIED), NEVER, 400, "ExpiredToken"}},
    {"Date 20 minutes back", "GetObject", "refresh",
     {S(DENIED), NEVER, 403, "RequestTimeTooSkewed"}},
    /* As if another handle had been there: the upload is lost, and the host begins anew. */
    {"another ETag", "PutObject", "*suspended*", {S(CONFLICT) | S(GONE), NEVER, 0, NULL}},
    {"another ETag", "UploadPart", "*", {S(CONFLICT) | S(GONE), NEVER, 0, NULL}},
    {"empty ETag", "PutObject", "*", LOST},
    {"empty ETag", "UploadPart", "*", LOST},
    {"another ETag", "CompleteMultipartUpload", "*", {S(CONFLICT) | S(GONE), NEVER, 0, NULL}},
    /* The answer came, and there was no memory for it: the copy may have been made (CALL-5), also
     * that of a parked tail to the key. */
    {"one allocation", "*", "copy*", {S(NO_MEMORY) | S(UNAVAILABLE), ALWAYS, 0, NULL}},
    {"all from one on*", "*", "copy*", {S(NO_MEMORY) | S(UNAVAILABLE), ALWAYS, 0, NULL}},
    {"one allocation", "*", "*suspended*", {S(NO_MEMORY) | S(UNAVAILABLE), ALWAYS, 0, NULL}},
    {"all from one on*", "*", "*suspended*", {S(NO_MEMORY) | S(UNAVAILABLE), ALWAYS, 0, NULL}},
    /* STS knows no regions: whoever redirects is none. */
    {"301 to our region", "AssumeRole", "*", {S(CONFIG), NEVER, 301, NULL}},
};

const struct allowed *allowed_for(const struct wrong *wrong, const char *operation,
                                  const char *journey)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (fnmatch(exceptions[i].wrong, wrong->name, 0) == 0 &&
            fnmatch(exceptions[i].operation, operation, 0) == 0 &&
            fnmatch(exceptions[i].journey, journey, 0) == 0)
            return &exceptions[i].allowed;
    return &wrong->allowed;
}
