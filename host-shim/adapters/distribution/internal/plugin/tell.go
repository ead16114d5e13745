// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
#include "events.h"

static void tell(const struct regstore_host *host, int32_t level, const char *event,
                 const struct regstore_pair *fields, size_t n)
{
    host->log(host->ctx, level, event, fields, n);
}

static void count(const struct regstore_host *host, const char *name, double value,
                  const struct regstore_pair *labels, size_t n)
{
    host->metric(host->ctx, REGSTORE_METRIC_COUNT, name, value, labels, n);
}
*/
import "C"

import "sync"

// tell and count do what a plugin does with its host. A test cannot contain C, so they are here.

var testHost = sync.OnceValue(func() *C.struct_regstore_host {
	name := C.CString("test")
	defer freeString(name)
	return C.events_host(name)
})

func tell(level int, event string, fields ...Pair) {
	p := must(newPairs(fields))
	defer p.free()
	name := C.CString(event)
	defer freeString(name)
	C.tell(testHost(), C.int32_t(level), name, p.first, C.size_t(p.n))
}

func count(metric string, value float64, labels ...Pair) {
	p := must(newPairs(labels))
	defer p.free()
	name := C.CString(metric)
	defer freeString(name)
	C.count(testHost(), name, C.double(value), p.first, C.size_t(p.n))
}

func must(p *pairs, err error) *pairs {
	if err != nil {
		panic(err)
	}
	return p
}
